"""Pseudo-labels of a whole target set: views of many frames in one forward pass, and labels carried along the shots of videos.

Two passes over the frames. The first pass labels every frame from its views; ranks take disjoint runs of whole chunks. The second
pass follows the shots from frame to frame; ranks take whole shots. Any number of ranks makes the labels of one process, bit for
bit.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..datasets.crops import CropCache
from ..datasets.pseudo_labels import PseudoLabels
from ..pose.geometry import apply, compose
from ..pose.input_spec import InputSpec
from ..pose.random_draws import generator_for
from ..progress import Progress
from ..train.selftraining.labeller import (
    PARTIAL_SECONDS,
    ChunkLabeller,
    Execution,
    Partial,
    fingerprint,
    inner_from_image,
)
from ..train.streams import Stream
from .consistency import Views, label_views
from .frame_sample import FrameSample, follows_previous
from .framing import Framing, choose
from .propagation import CHANGED, DISTANCES, Frame, Propagation, Temporal

CHUNK = 32  # frames labelled together; the random draws depend on it, so users cannot set it
FRAMING_FRAMES = 256  # frames on which framings are compared
FIRST_PASS = ("xy", "confidence", "peak", *DISTANCES, "crop_px")  # arrays that the first pass fills


@dataclass(frozen=True)
class LabelRules:
    """What the labels of a target depend on, apart from the network and the frames.

    Attributes:
        seed: of the run.
        views: of every frame.
        temporal: how labels are carried along a shot.
        framings: candidates for the framing of the target, see `framing.choose`; empty: frames stay as they are cropped.
    """

    seed: int = 0
    views: Views = field(default_factory=Views)
    temporal: Temporal = field(default_factory=Temporal)
    framings: tuple[Framing, ...] = ()


class Labeller(ChunkLabeller):
    """Labels a target set with the current network.

    Attributes:
        framing: the framing of the target; None until `label` chooses it or a caller sets it. It is chosen once, by the network
            that starts: a network that has learned from its own labels agrees with itself wherever they were made.

    Args:
        crops: the target's cached crops, padded by the same number of px on every side.
        spec: input of the network.
        execution: device, processes and ranks.
        rules: views, flow and framings.
        framing_model: the network that chooses the framing; None: the one that labels.

    Raises:
        OptionError, WeightsError: the flow cannot run, see `flow_for`.
    """

    def __init__(
        self,
        crops: CropCache,
        spec: InputSpec,
        execution: Execution,
        rules: LabelRules | None = None,
        framing_model: nn.Module | None = None,
    ):
        super().__init__(crops, spec, execution)
        self.rules, self.framing_model = rules or LabelRules(), framing_model
        self.framing: Framing | None = None
        temporal = self.rules.temporal
        self._propagation = None if temporal.flow == "none" else Propagation(temporal, spec.size, self.device)

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """Labels of all frames, in order; none is admitted yet. To be called on all ranks; every rank gets all labels.

        Args:
            model: the same network on all ranks; put into eval mode and back.
            round_: number of the round; the draws depend on it.
            partial: file that keeps the progress, so that an interrupted labelling continues (other ranks add their number to the
                name). The caller removes it when the labels are written.
        """
        dataset = self.crops.dataset
        n, k = len(dataset), len(dataset.skeleton)
        nan = np.full((n, k), np.nan, np.float32)
        out = {
            "xy": np.full((n, k, 2), np.nan, np.float32),
            "confidence": np.zeros((n, k), np.float32),
            "peak": np.zeros((n, k), np.float32),
            **{name: nan.copy() for name in (*DISTANCES, "temporal")},
            "carried": np.zeros((n, k), bool),
            "crop_px": np.zeros(n, np.float32),
        }
        cache_key = self.cache_key(model, round_)
        framing, agreement = self._framing_of(model)
        self._label_frames(model, round_, Partial(partial, cache_key, PARTIAL_SECONDS) if partial else None, out)
        self._follow_shots(round_, out)
        flow = self.rules.temporal.flow
        facts = {
            "round": round_,
            "network": fingerprint(model),
            "mark": cache_key,
            "views": 1 + self.rules.views.count,
            "flow": flow,
            "framing": {"zoom": framing.zoom, "shift": framing.shift, "agreement": agreement},
        }
        checks = ("invariance", "equivariance", *(() if flow == "none" else ("temporal",)))
        return PseudoLabels(
            list(dataset.ids),
            out["xy"],
            out["confidence"],
            np.zeros((n, k), bool),
            out["agreement"],
            out["carried"],
            dataset.skeleton,
            facts,
            out["crop_px"],
            out["peak"],
            {name: out[name] for name in checks},
        )

    def cache_key(self, model: nn.Module, round_: int) -> str:
        """Checksum of all that the labels of a round depend on: network, frames, views, draws."""
        dataset, rules = self.crops.dataset, self.rules
        frames = (dataset.crop_factor, self.crops.size, self.crops.margin, *dataset.ids, *dataset.shots)
        settings = (
            CHUNK,
            round_,
            rules.seed,
            self.spec,
            rules.views,
            rules.temporal,
            rules.framings,
            fingerprint(self.framing_model) if self.framing_model else "",
            dataset.skeleton.to_dict(),
        )
        return f"{fingerprint(model)}-{zlib.crc32(repr((settings, frames)).encode()):08x}"

    def _framing_of(self, model: nn.Module) -> tuple[Framing, list[float]]:
        """The framing, chosen at the first call, and the agreement under each candidate where it was chosen now.

        Every rank chooses the same, as each one looks at the same frames.
        """
        if self.framing is not None:
            return self.framing, []
        sample = FrameSample.spread(self.crops, FRAMING_FRAMES) if self.rules.framings else None
        if sample is None:
            self.framing = Framing()
            return self.framing, []
        model = model if self.framing_model is None else self.framing_model.to(self.device)
        training = model.training
        model.eval()
        flip_order = self.crops.dataset.skeleton.flip_order
        self.framing, agreement = choose(
            model, sample.crops.to(self.device), self.spec, flip_order, self.rules.framings
        )
        model.train(training)
        return self.framing, agreement

    def _label_frames(self, model: nn.Module, round_: int, partial: Partial | None, out: dict[str, np.ndarray]) -> None:
        """The first pass: label every frame from its views."""

        def label(batch: dict[str, Any], first: int) -> None:
            self._label_chunk(model, batch, generator_for(self.rules.seed, Stream.LABELLING, round_, first), out)

        # a rank takes whole chunks, since a chunk's draws depend on its first frame
        self.each_chunk(model, CHUNK, label, out, FIRST_PASS, f"labelling, round {round_}", partial=partial)

    def _label_chunk(
        self, model: nn.Module, batch: dict[str, Any], generator: torch.Generator, out: dict[str, np.ndarray]
    ) -> None:
        framing, spec = self.framing or Framing(), self.spec
        crops = framing.apply(batch["crop"].to(self.device), spec.size)
        flip_order = self.crops.dataset.skeleton.flip_order
        labels = label_views(model, crops, self.crops.margin, spec, self.rules.views, flip_order, generator)
        rows = batch["index"].numpy()
        crop_from_image = compose(framing.matrix(self.crops.side, spec.size), batch["crop_from_image"])
        inner = inner_from_image(crop_from_image, self.crops.side, spec.size)
        out["xy"][rows] = apply(spec.image_from_heatmap(inner), labels.xy_heatmap.cpu().double()).float().numpy()
        out["crop_px"][rows] = batch["crop_from_image"][:, 0, 0].numpy()
        out["peak"][rows] = out["confidence"][rows] = labels.peak.cpu().numpy()
        for name in DISTANCES:
            out[name][rows] = getattr(labels, name).cpu().numpy() * (spec.stride / framing.zoom)

    def _follow_shots(self, round_: int, out: dict[str, np.ndarray]) -> None:
        """The second pass: carry labels from frame to frame within each shot, and measure their temporal consistency."""
        n, linked = len(self.crops), follows_previous(self.crops.dataset.shots)
        if self._propagation is None or not linked.any():
            return
        # a rank takes whole shots: a share ends at the first frame of a shot
        heads = np.append(np.flatnonzero(~linked), n)
        first, end = (int(heads[np.searchsorted(heads, n * r // self.world)]) for r in (self.rank, self.rank + 1))
        rows = [i for i in range(first, end) if linked[i] or (i + 1 < n and linked[i + 1])]
        chunks: Sequence[Sequence[int]] = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
        before: Frame | None = None
        with Progress(f"following the shots, round {round_}", len(rows), "frames") as progress:
            for chunk, batch in zip(chunks, self.loader(chunks)):
                # frames that cannot be read were counted in the first pass
                for at, row in enumerate(batch["index"].tolist()):
                    now = Frame.of_crop(row, batch["crop"][at], batch["crop_from_image"][at])
                    if before and before.row == row - 1 and linked[row]:
                        self._propagation.carry(before, now, out)
                    before = now
                progress.add(len(chunk))
        self.gather(out, CHANGED, slice(first, end))
