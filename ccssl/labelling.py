"""Pseudo-labels of a whole target set: views of many frames at once, neighbours joined by optical flow, progress kept on disk."""

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from ..datasets.crops import CropCache, collate
from ..datasets.pictures import FaultLog, SafeDataset
from ..datasets.pseudo_labels import PseudoLabels
from ..evaluation.predict import image_from_heatmap
from ..pose.atomic import atomic_path
from ..pose.augment import generator_for
from ..pose.flow import FLOWS
from ..pose.geometry import apply, compose, invert
from ..pose.inputs import InputForm
from ..progress import Progress
from .consistency import Views, label_views

CHUNK = 32  # frames labelled together; part of the random streams, so it is no option
STREAM = 77  # keeps these draws apart from training's
PARTIAL_SECONDS = 30.0


@dataclass(frozen=True)
class Temporal:
    """Carrying a label to the next frame of a video (CC-SSL section 3, with a forward-backward check).

    Attributes:
        flow: `lk`, `dis` or `none`.
        decay: of the confidence, a frame; a label is carried where its own confidence falls below decay x the carried one's.
        reach: longest move between frames, in shares of the crop's side (15 of 256 px as published).
        slip: largest forward-backward miss, likewise.
    """

    flow: str = "lk"
    decay: float = 0.9
    reach: float = 15 / 256
    slip: float = 2 / 256


@dataclass
class Labeller:
    """Labels a target set with the network as it stands.

    Args:
        crops: the target's cached crops, `pad` px wider than the input on every side.
        shots: N texts, see PoseDataset.
        form: input form of the network.
        seed: of the run.
        device: where the network is.
        workers: processes that decode while crops are not kept yet.
        strict: stop at the first unreadable picture.
    """

    crops: CropCache
    shots: list[str]
    form: InputForm
    seed: int
    device: torch.device
    views: Views = field(default_factory=Views)
    temporal: Temporal = field(default_factory=Temporal)
    workers: int = 0
    strict: bool = False
    faults: FaultLog = field(default_factory=FaultLog)

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """All frames, in order; nothing is admitted yet.

        Args:
            model: evaluated in eval mode and put back.
            round_: number of the round, for the draws.
            partial: where progress is kept, so that a killed labelling goes on where it was; for the caller to remove once
                the labels are safe.
        """
        dataset = self.crops.dataset
        n, k = len(dataset), len(dataset.skeleton)
        mark = self.mark(model, round_)
        out = {
            "xy": np.full((n, k, 2), np.nan, np.float32),
            "confidence": np.zeros((n, k), np.float32),
            "agreement": np.full((n, k), np.nan, np.float32),
            "carried": np.zeros((n, k), bool),
            "crop_px": np.zeros(n, np.float32),
        }
        begin = _resume(partial, out, mark)
        chunks = [list(range(i, min(i + CHUNK, n))) for i in range(begin, n, CHUNK)]
        workers = 0 if self.crops.filled() == n else self.workers
        loader = DataLoader(
            SafeDataset(self.crops, self.strict), batch_sampler=chunks, num_workers=workers, collate_fn=collate
        )
        training, before = model.training, None
        model.eval()
        with Progress(f"labelling, round {round_}", n, "frames") as progress:
            progress.skip(begin)
            saved = 0.0
            for chunk, raw in zip(chunks, loader):
                batch = self.faults.take(raw)
                if batch is not None:
                    before = self._chunk(
                        model, batch, generator_for(self.seed, STREAM, round_, chunk[0]), out, before, chunk
                    )
                progress.add(len(chunk))
                clock = cv2.getTickCount() / cv2.getTickFrequency()
                if partial and clock - saved > PARTIAL_SECONDS:
                    saved = clock
                    _keep(partial, out, mark, chunk[-1] + 1)
        model.train(training)
        self.faults.check()
        facts = {
            "round": round_,
            "network": fingerprint(model),
            "mark": mark,
            "views": 1 + self.views.count,
            "flow": self.temporal.flow,
        }
        admitted = np.zeros((n, k), bool)
        return PseudoLabels(
            list(dataset.ids),
            out["xy"],
            out["confidence"],
            admitted,
            out["agreement"],
            out["carried"],
            dataset.skeleton,
            facts,
            out["crop_px"],
        )

    def mark(self, model: nn.Module, round_: int) -> str:
        """Short mark of all that the labels of a round follow from: network, frames, views, draws."""
        dataset = self.crops.dataset
        frames = (dataset.crop_factor, self.crops.size, self.crops.margin, *dataset.ids, *self.shots)
        rules = (CHUNK, round_, self.seed, self.form, self.views, self.temporal, dataset.skeleton.to_dict())
        return f"{fingerprint(model)}-{zlib.crc32(repr((rules, frames)).encode()):08x}"

    def _chunk(self, model, batch: dict, generator: torch.Generator, out: dict, before, chunk: list[int]):
        """Label one chunk; `before` is the last frame of the chunk before, for the flow into this one."""
        found = label_views(
            model, batch["crop"].to(self.device), self.crops.margin, self.form, self.views, self.crops.dataset.skeleton.flip_order,
            generator,
        )  # fmt: skip
        rows = batch["index"].numpy()
        inner = _inner_from_image(batch["crop_from_image"], self.crops.size, self.form.size)
        out["xy"][rows] = apply(image_from_heatmap(inner, self.form), found.xy_heatmap.cpu().double()).float().numpy()
        out["crop_px"][rows] = batch["crop_from_image"][:, 0, 0].numpy()
        out["confidence"][rows] = found.confidence.cpu().numpy()
        out["agreement"][rows] = found.agreement.cpu().numpy() * self.form.stride
        if self.temporal.flow == "none":
            return None
        for at, row in enumerate(rows):
            now = (
                row,
                cv2.cvtColor(batch["crop"][at].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY),
                batch["crop_from_image"][at].numpy(),
            )
            if before is None and row > 0:
                before = self._frame(row - 1)  # first frame after a resume
            if before and before[0] == row - 1 and self.shots[row] and self.shots[row] == self.shots[row - 1]:
                self._carry(before, now, out)
            before = now
        return before

    def _frame(self, row: int):
        item = SafeDataset(self.crops, False)[row]
        if not isinstance(item, dict):
            return None
        grey = cv2.cvtColor(item["crop"].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2GRAY)
        return row, grey, item["crop_from_image"].numpy()

    def _carry(self, before, now, out: dict) -> None:
        (old, old_grey, old_from_image), (new, new_grey, new_from_image) = before, now
        rule = self.temporal
        confident = out["confidence"][old] > 0
        weak = out["confidence"][new] < rule.decay * out["confidence"][old]
        joints = np.flatnonzero(confident & weak)
        if not len(joints):
            return
        # both frames in the new one's crop, so that a moving box is no motion
        align = compose(new_from_image, invert(old_from_image))
        old_aligned = cv2.warpAffine(old_grey, align, new_grey.shape[::-1], flags=cv2.INTER_LINEAR)
        start = apply(new_from_image, out["xy"][old][joints].astype(np.float64))
        there, missed = FLOWS[rule.flow](old_aligned, new_grey, start)
        side = self.form.size
        sound = (missed <= rule.slip * side) & (np.linalg.norm(there - start, axis=-1) <= rule.reach * side)
        joints, there = joints[sound], there[sound]
        out["xy"][new][joints] = apply(invert(new_from_image), there.astype(np.float64))
        out["confidence"][new][joints] = rule.decay * out["confidence"][old][joints]
        out["carried"][new][joints] = True


def fingerprint(model: nn.Module) -> str:
    """Short mark of a network's weights: labels of another network are not taken for this one's."""
    crc = 0
    for name, tensor in sorted(model.state_dict().items()):
        crc = zlib.crc32(
            tensor.detach().cpu().contiguous().numpy().tobytes(),
            zlib.crc32(name.removeprefix("network.").encode(), crc),
        )
    return f"{crc:08x}"


def _inner_from_image(crop_from_image: torch.Tensor, crop_size: int, size: int) -> torch.Tensor:
    """Matrix to the inner square of a padded crop: the padding is a whole number of pixels at the same scale."""
    inner = crop_from_image.clone()
    inner[..., 2] -= (crop_size - size) / 2
    return inner


def _keep(path: Path, out: dict, mark: str, done: int) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, mark=np.array(mark), done=done, **{k: v[:done] for k, v in out.items()})


def _resume(path: Path | None, out: dict, mark: str) -> int:
    """Frames that an earlier, killed labelling with the same mark had finished."""
    if path is None or not path.is_file():
        return 0
    try:
        with np.load(path, allow_pickle=False) as kept:
            if str(kept["mark"]) != mark:
                return 0
            found = {key: kept[key] for key in ("done", *out)}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return 0  # what cannot be read is made again
    done = int(found["done"])
    for key, array in out.items():
        array[:done] = found[key]
    return done
