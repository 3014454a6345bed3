"""Predictions of a whole target set for PPLO: every frame and its mirror image, averaged, from the training's cached crops."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from ...datasets.crops import CropCache
from ...datasets.pictures import FaultLog
from ...datasets.pseudo_labels import PseudoLabels
from ...pose import heatmap
from ...pose.geometry import apply, invert
from ...pose.input_spec import InputSpec
from ...train.selftraining.labeller import PARTIAL_SECONDS, ChunkLabeller, Partial, fingerprint, inner_from_image
from .selection import confidence_of, score, similarity

CHUNK = 32  # frames in one forward pass


@dataclass
class MirrorLabeller(ChunkLabeller):
    """Labels a target set with the network as it stands.

    Args:
        crops: the target's cached crops, as wide as the input or wider by the same on every side.
        form: input form of the network.
        device: where the network is.
        select: of `selection.score`.
        sigma, encoding: of the training's target maps.
        workers: processes that decode while crops are not kept yet.
        strict: stop at the first unreadable picture.
        fabric: the ranks that share the work; None: this process alone.
        mirror: False takes the frames alone: nobody knows which joints change places in a mirror image.
        held: labels of the round before. With `small_loss` the next labelling also finds out how well the network agrees with those
            admitted, as `held_confidence` (N, K).
    """

    crops: CropCache
    spec: InputSpec
    device: torch.device
    select: str = "quantile"
    sigma: float = 1.0
    encoding: str = "gaussian"
    workers: int = 0
    strict: bool = False
    faults: FaultLog = field(default_factory=FaultLog)
    fabric: Fabric | None = None
    mirror: bool = True
    held: PseudoLabels | None = None
    held_confidence: np.ndarray | None = None

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """All frames, in order; nothing is admitted yet. To be called on all ranks, with the same network; all get all labels.

        Args:
            model: evaluated in eval mode and put back.
            round_: number of the round, for marks and names.
            partial: where progress is kept, see `train.selftraining.labeller.Partial`.

        Returns:
            Labels with `score`; `checks["equivariance"]` is the distance between the joints of a frame and of its mirror image.
        """
        dataset = self.crops.dataset
        n, k = len(dataset), len(dataset.skeleton)
        none = np.full((n, k), np.nan, np.float32)
        out = {
            "xy": np.full((n, k, 2), np.nan, np.float32),
            "peak": np.zeros((n, k), np.float32),
            "crop_px": np.zeros(n, np.float32),
        }
        out |= {name: none.copy() for name in ("score", "agreement", "equivariance", "held_score")}
        mark = self.mark(model, round_)
        kept = Partial(partial, mark, PARTIAL_SECONDS) if partial else None
        self.each_chunk(
            model,
            CHUNK,
            lambda batch, _: self._chunk(model, batch, out),
            out,
            tuple(out),
            f"labelling, round {round_}",
            kept,
        )
        self.held_confidence = self._confidence(out["held_score"]) if self._judges_held else None
        facts = {"round": round_, "network": fingerprint(model), "mark": mark, "views": 2, "flow": "none"}
        return PseudoLabels(
            list(dataset.ids), out["xy"], self._confidence(out["score"]), np.zeros((n, k), bool), out["agreement"],
            np.zeros((n, k), bool), dataset.skeleton, facts, out["crop_px"], out["peak"], {"equivariance": out["equivariance"]},
            score=out["score"], replaced=np.zeros((n, k), bool),
        )  # fmt: skip

    def mark(self, model: nn.Module, round_: int) -> str:
        """Short mark of all that the labels of a round follow from: network, frames, how they are scored."""
        dataset = self.crops.dataset
        frames = (dataset.crop_factor, self.crops.size, self.crops.margin, *dataset.ids)
        rules = (CHUNK, round_, self.spec, self.select, self.sigma, self.encoding, dataset.skeleton.to_dict())
        rules += () if self.mirror else ("upright",)
        return f"{fingerprint(model)}-{zlib.crc32(repr((rules, frames)).encode()):08x}"

    @property
    def _judges_held(self) -> bool:
        return self.held is not None and self.select == "small_loss"

    def _confidence(self, scores: np.ndarray) -> np.ndarray:
        return confidence_of(self.select, scores, self.spec.heatmap_size**2, self.sigma)

    @torch.no_grad()
    def _chunk(self, model: nn.Module, batch: dict, out: dict[str, np.ndarray]) -> None:
        spec, rows = self.spec, batch["index"].numpy()
        upright, mirrored = self._maps(model, batch["crop"])
        mean = (upright + mirrored) / 2
        xy, peak = spec.decode(mean)
        own, back = (spec.decode(maps)[0] for maps in (upright, mirrored))
        to_image = spec.image_from_heatmap(inner_from_image(batch["crop_from_image"], self.crops.size, spec.size))
        out["xy"][rows] = apply(to_image, xy.cpu().double()).float().numpy()
        out["peak"][rows] = peak.clamp_min(0).cpu().numpy()
        out["crop_px"][rows] = batch["crop_from_image"][:, 0, 0].numpy()
        out["score"][rows] = score(self.select, upright, mirrored, xy, self.sigma, self.encoding).cpu().numpy()
        apart = ((own - xy).norm(dim=-1) + (back - xy).norm(dim=-1)) / 2
        out["agreement"][rows] = apart.cpu().numpy() * spec.stride
        out["equivariance"][rows] = (own - back).norm(dim=-1).cpu().numpy() * spec.stride
        if self._judges_held:
            xy_px = np.where(self.held.admitted[rows][..., None], self.held.xy_px[rows], np.nan)
            at = apply(invert(to_image), torch.from_numpy(xy_px).double()).float().to(mean.device)
            out["held_score"][rows] = similarity(mean, at, self.sigma, self.encoding).cpu().numpy()

    def _maps(self, model: nn.Module, crops: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Maps (B, K, h, w) of the inner squares of crops (B, 3, S, S) uint8, and of their mirror images, brought back."""
        spec, skeleton = self.spec, self.crops.dataset.skeleton
        pad = (self.crops.size - spec.size) // 2
        inner = crops[..., pad : pad + spec.size, pad : pad + spec.size].to(self.device).float() / 255
        images = spec.normalise_exact(inner).contiguous(memory_format=torch.channels_last)
        if not self.mirror:
            upright = spec.joint_maps(model(images), len(skeleton))
            return upright, upright
        upright, mirrored = (spec.joint_maps(model(each), len(skeleton)) for each in (images, images.flip(-1)))
        return upright, heatmap.flip_back(mirrored, skeleton.flip_order)
