"""Pseudo-labels of a whole target set: views of many frames at once, neighbours joined by optical flow, progress kept on disk.

Two passes. The first labels every frame on its own, from its views; ranks take disjoint runs of whole chunks. The second follows
the shots, frame by frame; ranks take whole shots. Both give what one process gives, bit for bit.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from ..datasets.crops import CropCache
from ..datasets.pictures import FaultLog
from ..datasets.pseudo_labels import PseudoLabels
from ..pose.augment import generator_for
from ..pose.flow import flow_for
from ..pose.geometry import apply, compose, invert
from ..pose.input_spec import InputSpec
from ..progress import Progress
from ..train.selftraining.labeller import PARTIAL_SECONDS, ChunkLabeller, Partial, fingerprint, inner_from_image
from .consistency import Views, label_views
from .framing import Framing, choose
from .sample import Sample

CHUNK = 32  # frames labelled together; part of the random streams, so it is no option
STREAM = 77  # keeps these draws apart from training's
TRIED = 256  # frames on which framings are tried
SEEN = ("xy", "confidence", "peak", "agreement", "invariance", "equivariance", "crop_px")  # of the first pass
APART = (
    "agreement",
    "invariance",
    "equivariance",
)  # how far a label's views lie apart: the larger, the weaker the label
JOINED = ("xy", "confidence", "peak", *APART, "carried", "temporal")  # of the second


@dataclass(frozen=True)
class Temporal:
    """Carrying a label to the next frame of a video (CC-SSL section 3, with a forward-backward check).

    Attributes:
        flow: `lk`, `dis`, `raft` or `none`.
        decay: of the confidence, a frame; a label is carried where its own confidence falls below decay x the carried one's. A
            carried label has the evidence of the label that it comes from, decayed: confidence and peak x decay, the distances
            between its views / decay.
        reach: longest move between frames, in shares of the crop's side (15 of 256 px as published).
        slip: largest forward-backward miss, likewise.
        weights: file of RAFT's.
    """

    flow: str = "lk"
    decay: float = 0.9
    reach: float = 15 / 256
    slip: float = 2 / 256
    weights: str = ""


@dataclass
class Labeller(ChunkLabeller):
    """Labels a target set with the network as it stands.

    Args:
        crops: the target's cached crops, `pad` px wider than the input on every side.
        shots: N texts, see PoseDataset.
        form: input form of the network.
        seed: of the run.
        device: where the network is.
        workers: processes that decode while crops are not kept yet.
        strict: stop at the first unreadable picture.
        fabric: the ranks that share the work; None: this process alone.
        framings: of which the one is taken under which the network agrees with itself most; none: as cropped.
        framing: the one taken, where it is known; `label` sets it. It belongs to the two data sets: a network that has learnt
            from its own labels agrees with itself wherever they were made.
        judge: the network that is asked for the framing; None: the one that labels.
    """

    crops: CropCache
    shots: list[str]
    spec: InputSpec
    seed: int
    device: torch.device
    views: Views = field(default_factory=Views)
    temporal: Temporal = field(default_factory=Temporal)
    workers: int = 0
    strict: bool = False
    faults: FaultLog = field(default_factory=FaultLog)
    fabric: Fabric | None = None
    framings: tuple[Framing, ...] = ()
    framing: Framing | None = None
    framing_model: nn.Module | None = None

    def __post_init__(self):
        # before the first round, so that what is missing shows at the start
        self._flow = (
            None if self.temporal.flow == "none" else flow_for(self.temporal.flow, self.temporal.weights, self.device)
        )

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """All frames, in order; nothing is admitted yet. To be called on all ranks, with the same network; all get all labels.

        Args:
            model: evaluated in eval mode and put back.
            round_: number of the round, for the draws.
            partial: where progress is kept, so that a killed labelling goes on where it was (other ranks add their number to the
                name); for the caller to remove once the labels are safe.
        """
        dataset = self.crops.dataset
        n, k = len(dataset), len(dataset.skeleton)
        none = np.full((n, k), np.nan, np.float32)
        out = {
            "xy": np.full((n, k, 2), np.nan, np.float32),
            "confidence": np.zeros((n, k), np.float32),
            "peak": np.zeros((n, k), np.float32),
            "agreement": none,
            "invariance": none.copy(),
            "equivariance": none.copy(),
            "temporal": none.copy(),
            "carried": np.zeros((n, k), bool),
            "crop_px": np.zeros(n, np.float32),
        }
        mark = self.mark(model, round_)
        tried = self._find_framing(model) if self.framing is None else []
        framing = self.framing
        self._see(model, round_, partial, mark, out)
        self._join(round_, out)
        facts = {
            "round": round_,
            "network": fingerprint(model),
            "mark": mark,
            "views": 1 + self.views.count,
            "flow": self.temporal.flow,
            "framing": {"zoom": framing.zoom, "shift": framing.shift, "agreement": tried},
        }
        checks = ("invariance", "equivariance", *(() if self.temporal.flow == "none" else ("temporal",)))
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

    def mark(self, model: nn.Module, round_: int) -> str:
        """Short mark of all that the labels of a round follow from: network, frames, views, draws."""
        dataset = self.crops.dataset
        frames = (dataset.crop_factor, self.crops.size, self.crops.margin, *dataset.ids, *self.shots)
        rules = (
            CHUNK,
            round_,
            self.seed,
            self.spec,
            self.views,
            self.temporal,
            self.framings,
            fingerprint(self.framing_model) if self.framing_model else "",
            dataset.skeleton.to_dict(),
        )
        return f"{fingerprint(model)}-{zlib.crc32(repr((rules, frames)).encode()):08x}"

    def _find_framing(self, model: nn.Module) -> list[float]:
        """Take the best framing, the same on every rank, as each tries the same frames; returns the agreement under each."""
        sample = Sample.of(self.crops, TRIED) if self.framings else None
        if sample is None:
            self.framing = Framing()
            return []
        model = model if self.framing_model is None else self.framing_model.to(self.device)
        training = model.training
        model.eval()
        self.framing, tried = choose(
            model, sample.crops.to(self.device), self.spec, self.crops.dataset.skeleton.flip_order, self.framings
        )
        model.train(training)
        return tried

    def _see(self, model: nn.Module, round_: int, partial: Path | None, mark: str, out: dict) -> None:
        """The first pass: every frame by itself."""

        def label(batch: dict, first: int) -> None:
            self._chunk(model, batch, generator_for(self.seed, STREAM, round_, first), out)

        kept = Partial(partial, mark, PARTIAL_SECONDS) if partial else None
        # whole chunks to a rank, since a chunk's draws follow from its first frame
        self.each_chunk(model, CHUNK, label, out, SEEN, f"labelling, round {round_}", kept)

    def _chunk(self, model: nn.Module, batch: dict, generator: torch.Generator, out: dict) -> None:
        framing = self.framing
        found = label_views(
            model, framing.apply(batch["crop"].to(self.device), self.spec.size), self.crops.margin, self.spec, self.views,
            self.crops.dataset.skeleton.flip_order,
            generator,
        )  # fmt: skip
        rows = batch["index"].numpy()
        framed = compose(framing.matrix(self.crops.size, self.spec.size), batch["crop_from_image"])
        inner = inner_from_image(framed, self.crops.size, self.spec.size)
        out["xy"][rows] = apply(self.spec.image_from_heatmap(inner), found.xy_heatmap.cpu().double()).float().numpy()
        out["crop_px"][rows] = batch["crop_from_image"][:, 0, 0].numpy()
        out["peak"][rows] = out["confidence"][rows] = found.peak.cpu().numpy()
        for name in ("agreement", "invariance", "equivariance"):
            out[name][rows] = getattr(found, name).cpu().numpy() * (self.spec.stride / framing.zoom)

    def _join(self, round_: int, out: dict) -> None:
        """The second pass: labels carried from frame to frame inside each shot, and what the flow says of each label."""
        n = len(self.crops)
        linked = np.array([i > 0 and bool(s) and s == self.shots[i - 1] for i, s in enumerate(self.shots)], bool)
        if self.temporal.flow == "none" or not linked.any():
            return
        heads = np.append(np.flatnonzero(~linked), n)
        first, end = (int(heads[np.searchsorted(heads, n * r // self.world)]) for r in (self.rank, self.rank + 1))
        rows = [i for i in range(first, end) if linked[i] or (i + 1 < n and linked[i + 1])]
        chunks = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
        before = None
        with Progress(f"following the shots, round {round_}", len(rows), "frames") as progress:
            for chunk, batch in zip(chunks, self.loader(chunks)):
                # frames that cannot be read were counted in the first pass
                for at, row in enumerate(batch["index"].tolist()):
                    picture = batch["crop"][at].permute(1, 2, 0).numpy()
                    now = row, cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), batch["crop_from_image"][at].numpy()
                    if before and before[0] == row - 1 and linked[row]:
                        self._copy_joints(before, now, out)
                    before = now
                progress.add(len(chunk))
        self.gather(out, JOINED, slice(first, end))

    def _copy_joints(self, before: tuple, now: tuple, out: dict) -> None:
        """Compare a frame's labels with those that flow there from the frame before; take these where its own are weak."""
        (old, old_grey, old_from_image), (new, new_grey, new_from_image) = before, now
        rule = self.temporal
        joints = np.flatnonzero(out["confidence"][old] > 0)
        if not len(joints) or np.isnan(out["xy"][new]).any():
            return
        # both frames in the new one's crop, so that a moving box is no motion
        align = compose(new_from_image, invert(old_from_image))
        old_aligned = cv2.warpAffine(old_grey, align, new_grey.shape[::-1], flags=cv2.INTER_LINEAR)
        start = apply(new_from_image, out["xy"][old][joints].astype(np.float64))
        there, missed = self._flow(old_aligned, new_grey, start)
        side = self.spec.size
        sound = (missed <= rule.slip * side) & (np.linalg.norm(there - start, axis=-1) <= rule.reach * side)
        joints, there = joints[sound], there[sound].astype(np.float64)
        own = apply(new_from_image, out["xy"][new][joints].astype(np.float64))
        out["temporal"][new][joints] = np.linalg.norm(there - own, axis=-1)
        decayed = rule.decay * out["confidence"][old][joints]
        weak = out["confidence"][new][joints] < decayed
        joints = joints[weak]
        out["xy"][new][joints] = apply(invert(new_from_image), there[weak])
        out["confidence"][new][joints] = decayed[weak]
        # what was found at the replaced label says nothing of this one
        out["peak"][new][joints] = rule.decay * out["peak"][old][joints]
        for name in APART:
            out[name][new][joints] = out[name][old][joints] / rule.decay
        out["carried"][new][joints] = True
