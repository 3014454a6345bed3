"""Pseudo-labels of a whole target set for PPLO: the mean of the maps of every frame and of its mirror image."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...datasets.crops import CropCache
from ...datasets.pseudo_labels import PseudoLabels
from ...pose import heatmap
from ...pose.geometry import apply, invert
from ...pose.input_spec import InputSpec
from ...train.selftraining.labeller import (
    PARTIAL_SECONDS,
    ChunkLabeller,
    Execution,
    Partial,
    fingerprint,
    inner_from_image,
    inner_images,
)
from .selection import confidence_of, score, similarity

CHUNK = 32  # frames in one forward pass


@dataclass(frozen=True)
class MirrorRules:
    """What the labels depend on, apart from the network and the frames.

    Attributes:
        select: what is scored, see `selection.score`.
        sigma, encoding: of the training's target maps; sigma in cells.
        mirror: False uses the frames alone: left and right joints of the skeleton are not known.
    """

    select: str = "quantile"
    sigma: float = 1.0
    encoding: str = "gaussian"
    mirror: bool = True


class MirrorLabeller(ChunkLabeller):
    """Labels a target set with the current network.

    Attributes:
        previous: labels of the round before; None in the first round. A caller sets it.
        previous_confidence: (N, K) confidence of the admitted labels of `previous` by the current network. `label` sets it where
            the rule is `small_loss`; otherwise None.

    Args:
        crops: the target's cached crops, as wide as the input or padded by the same number of px on every side.
        spec: input of the network.
        execution: device, processes and ranks.
        rules: how labels are scored.
    """

    def __init__(self, crops: CropCache, spec: InputSpec, execution: Execution, rules: MirrorRules | None = None):
        super().__init__(crops, spec, execution)
        self.rules = rules or MirrorRules()
        self.previous: PseudoLabels | None = None
        self.previous_confidence: np.ndarray | None = None

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """Labels of all frames, in order; none is admitted yet. To be called on all ranks; every rank gets all labels.

        Args:
            model: the same network on all ranks; put into eval mode and back.
            round_: number of the round.
            partial: file that keeps the progress, see `train.selftraining.labeller.Partial`.

        Returns:
            Labels with `score`; `checks["equivariance"]` is the distance between the joints of a frame and of its mirror image, px.
        """
        dataset = self.crops.dataset
        n, k = len(dataset), len(dataset.skeleton)
        nan = np.full((n, k), np.nan, np.float32)
        out = {
            "xy": np.full((n, k, 2), np.nan, np.float32),
            "peak": np.zeros((n, k), np.float32),
            "crop_px": np.zeros(n, np.float32),
        }
        out |= {name: nan.copy() for name in ("score", "agreement", "equivariance", "previous_score")}
        cache_key = self.cache_key(model, round_)
        self.each_chunk(
            model,
            CHUNK,
            lambda batch, _: self._label_chunk(model, batch, out),
            out,
            tuple(out),
            f"labelling, round {round_}",
            partial=Partial(partial, cache_key, PARTIAL_SECONDS) if partial else None,
        )
        previous_scored = self._previous_to_score() is not None
        self.previous_confidence = self._confidence(out["previous_score"]) if previous_scored else None
        facts = {"round": round_, "network": fingerprint(model), "mark": cache_key, "views": 2, "flow": "none"}
        return PseudoLabels(
            list(dataset.ids),
            out["xy"],
            self._confidence(out["score"]),
            np.zeros((n, k), bool),
            out["agreement"],
            np.zeros((n, k), bool),
            dataset.skeleton,
            facts,
            out["crop_px"],
            out["peak"],
            {"equivariance": out["equivariance"]},
            score=out["score"],
            replaced=np.zeros((n, k), bool),
        )

    def cache_key(self, model: nn.Module, round_: int) -> str:
        """Checksum of all that the labels of a round depend on: network, frames, how they are scored."""
        dataset, rules = self.crops.dataset, self.rules
        frames = (dataset.crop_factor, self.crops.size, self.crops.margin, *dataset.ids)
        settings: tuple[object, ...] = (CHUNK, round_, self.spec, rules.select, rules.sigma, rules.encoding)
        settings += (dataset.skeleton.to_dict(), *(() if rules.mirror else ("upright",)))
        return f"{fingerprint(model)}-{zlib.crc32(repr((settings, frames)).encode()):08x}"

    def _previous_to_score(self) -> PseudoLabels | None:
        """Labels of the round before that the current network scores again; only `small_loss` needs that."""
        return self.previous if self.rules.select == "small_loss" else None

    def _confidence(self, scores: np.ndarray) -> np.ndarray:
        return confidence_of(self.rules.select, scores, self.spec.heatmap_size**2, self.rules.sigma)

    @torch.no_grad()
    def _label_chunk(self, model: nn.Module, batch: dict[str, Any], out: dict[str, np.ndarray]) -> None:
        spec, rules, rows = self.spec, self.rules, batch["index"].numpy()
        upright, mirrored = self._maps(model, batch["crop"])
        mean = (upright + mirrored) / 2
        xy, peak = spec.decode(mean)
        upright_xy, mirrored_xy = (spec.decode(maps)[0] for maps in (upright, mirrored))
        to_image = spec.image_from_heatmap(inner_from_image(batch["crop_from_image"], self.crops.side, spec.size))
        out["xy"][rows] = apply(to_image, xy.cpu().double()).float().numpy()
        out["peak"][rows] = peak.clamp_min(0).cpu().numpy()
        out["crop_px"][rows] = batch["crop_from_image"][:, 0, 0].numpy()
        out["score"][rows] = score(rules.select, upright, mirrored, xy, rules.sigma, rules.encoding).cpu().numpy()
        distance = ((upright_xy - xy).norm(dim=-1) + (mirrored_xy - xy).norm(dim=-1)) / 2
        out["agreement"][rows] = distance.cpu().numpy() * spec.stride
        out["equivariance"][rows] = (upright_xy - mirrored_xy).norm(dim=-1).cpu().numpy() * spec.stride
        previous = self._previous_to_score()
        if previous is not None:
            xy_px = np.where(previous.admitted[rows][..., None], previous.xy_px[rows], np.nan)
            at = apply(invert(to_image), torch.from_numpy(xy_px).double()).float().to(mean.device)
            out["previous_score"][rows] = similarity(mean, at, rules.sigma, rules.encoding).cpu().numpy()

    def _maps(self, model: nn.Module, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps (B, K, h, w) of the inner squares of crops (B, 3, S, S) uint8, and those of their mirror images, mirrored back."""
        spec, skeleton = self.spec, self.crops.dataset.skeleton
        images = inner_images(crops.to(self.device), spec).contiguous(memory_format=torch.channels_last)
        if not self.rules.mirror:
            upright = spec.joint_maps(model(images), len(skeleton))
            return upright, upright
        upright, mirrored = (spec.joint_maps(model(each), len(skeleton)) for each in (images, images.flip(-1)))
        return upright, heatmap.flip_back(mirrored, skeleton.flip_order)
