"""Pseudo-labels of a whole target set as published CC-SSL makes them, flaws included; the network sees many frames at once.

What one frame's label is stands in `published.prediction_check`; this is that, frame after frame in the loader's order, with the
views of several frames in one forward pass, shared by the ranks, and progress kept on disk. `labelling` has the mended counterpart.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import Dataset, default_collate

from ...datasets.loader import Loader
from ...datasets.original_crops import OriginalCropCache, restore_crop_px
from ...datasets.pictures import Fault, FaultLog, SafeDataset
from ...datasets.pseudo_labels import PseudoLabels
from ...pose.geometry import apply, invert
from ...pose.input_spec import InputSpec
from ...pose.original.augment import draw_views, views
from ...pose.original.crop import color_normalize
from ...pose.original.heatmap import peaks
from ...progress import Progress
from ...train.selftraining.labeller import PARTIAL_SECONDS, ChunkLabeller, Partial, fingerprint
from .labels import label_of, label_views, temporal_step, upright_maps

CHUNK = 8  # frames in one forward pass; no label depends on it
STREAM = 78  # keeps these draws apart from the others'


@dataclass
class OriginalLabeller(ChunkLabeller):
    """Labels a target set with the network as it stands; interface of `labelling.Labeller`.

    Two passes. The first labels every frame on its own; ranks take disjoint runs of whole chunks. The second lets labels flow from
    frame to frame; it goes through all frames in order, on the first rank. All ranks get the labels of one process, bit for bit.

    Args:
        crops: the target's published crops, of the network's side.
        form: published input form of the network; a `std` that is not 1 divides the views last of all.
        seed: of the run. The published code has none; here the draws of a frame follow from (seed, round, frame).
        device: where the network is.
        count: drawn views beside the crop itself.
        scale_factor, rot_factor: relative change of size and deviation of the turn in degrees, see `augment_published.views`.
        flow: Lucas-Kanade from every frame to the next in the loader's order; False leaves the step out.
        workers: processes that make the views.
        strict: stop at the first unreadable picture.
        fabric: the ranks that share the work; None: this process alone.
    """

    crops: OriginalCropCache
    spec: InputSpec
    seed: int
    device: torch.device
    count: int = 4
    scale_factor: float = 0.25
    rot_factor: float = 30.0
    flow: bool = True
    workers: int = 0
    strict: bool = False
    faults: FaultLog = field(default_factory=FaultLog)
    fabric: Fabric | None = None

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """All frames, in order; nothing is admitted yet. Arguments as of `Labeller.label`.

        `peak` is the averaged map's, `confidence` what the flow made of it; `checks["equivariance"]` is for the eye alone: the mean
        distance of the views' highest cells from the average's.
        """
        dataset, side = self.crops.dataset, self.spec.size
        n, k = len(dataset), len(dataset.skeleton)
        mark = self.mark(model, round_)
        out = {
            "kpts": np.zeros((n, k, 3), np.float32),
            "peak": np.zeros((n, k), np.float32),
            "agreement": np.full((n, k), np.nan, np.float32),
            "carried": np.zeros((n, k), bool),
            "matrix": np.zeros((n, 2, 3)),
        }
        kept = Partial(partial, mark, PARTIAL_SECONDS) if partial else None
        self.each_chunk(
            model, CHUNK, lambda batch, _: self._chunk(model, batch, out), out, ("kpts", "peak", "agreement", "matrix"),
            f"labelling, round {round_}", kept, lambda chunks: self._viewed(chunks, round_),
        )  # fmt: skip
        if self.flow:
            if self.rank == 0:
                self._follow(out, round_)
            self.gather(out, ("kpts", "carried"), slice(0, n if self.rank == 0 else 0))
        crop_px = out["matrix"][:, 0, 0].astype(np.float32)
        xy = np.full((n, k, 2), np.nan, np.float32)
        read = crop_px > 0
        xy[read] = apply(invert(out["matrix"][read]), restore_crop_px(out["kpts"][read, :, :2]).astype(np.float64))
        facts = {"round": round_, "network": fingerprint(model), "mark": mark, "protocol": "published", "views": 1 + self.count,
                 "flow": "lk, from every frame to the next" if self.flow else "none", "crop_px": side}  # fmt: skip
        return PseudoLabels(
            list(dataset.ids), xy, out["kpts"][..., 2].copy(), np.zeros((n, k), bool), out["agreement"], out["carried"],
            dataset.skeleton, facts, crop_px, out["peak"], {"equivariance": out["agreement"]},
        )  # fmt: skip

    def mark(self, model: nn.Module, round_: int) -> str:
        """Short mark of all that the labels of a round follow from: network, frames, views, draws."""
        dataset = self.crops.dataset
        frames = (dataset.crop_factor, self.crops.size, *dataset.ids)
        rules = ("published", round_, self.seed, self.spec, self.count, self.scale_factor, self.rot_factor, self.flow)
        return f"{fingerprint(model)}-{zlib.crc32(repr((rules, dataset.skeleton.to_dict(), frames)).encode()):08x}"

    def views_of(self, round_: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Scales and turns (V + 1,) of a frame's views, the crop itself first."""
        normals = draw_views(np.random.default_rng([self.seed, STREAM, round_, row]), self.count)
        return views(normals, self.scale_factor, self.rot_factor)

    @torch.no_grad()
    def maps(self, model: nn.Module, images: torch.Tensor) -> np.ndarray:
        """(B, 3, S, S) views less the mean -> (B, K, h, w) float32 maps of the last stage."""
        images = images / torch.tensor(self.spec.std, dtype=torch.float32).view(3, 1, 1)
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        found = self.spec.joint_maps(model(images), len(self.crops.dataset.skeleton))
        return found.cpu().numpy()

    def _viewed(self, chunks: Sequence[Sequence[int]], round_: int) -> Loader:
        """Batches of crops with their views."""
        safe = SafeDataset(_ViewedCrops(self, round_), self.strict)
        return Loader(safe, chunks, self.workers, _collate)

    def _chunk(self, model: nn.Module, batch: dict, out: dict) -> None:
        """Labels of one chunk, before they flow."""
        rows, seen = batch["index"].tolist(), batch["views"]
        maps = self.maps(model, seen.flatten(0, 1)).reshape(*seen.shape[:2], -1, *(self.spec.heatmap_size,) * 2)
        for at, row in enumerate(rows):
            upright = upright_maps(maps[at], *self.views_of(round_=batch["round"], row=row))
            average = upright[0].copy()
            for view in upright[1:]:  # one after the other, as published: sums of float32 depend on their order
                average += view
            average /= np.float32(len(upright))
            out["kpts"][row] = label_of(average, self.spec.size).kpts
            out["peak"][row] = out["kpts"][row, :, 2]
            cells = peaks(np.concatenate([average[None], upright]))
            out["agreement"][row] = np.linalg.norm(cells[1:] - cells[0], axis=-1).mean(0) * self.spec.stride
            out["matrix"][row] = batch["crop_from_image"][at].numpy()

    def _follow(self, out: dict, round_: int) -> None:
        """Labels carried on from every readable frame to the next one, whatever video it is of."""
        rows = np.flatnonzero(out["matrix"][:, 0, 0] > 0)  # those that cannot be read were counted in the first pass
        chunks = [rows[i : i + CHUNK].tolist() for i in range(0, len(rows), CHUNK)]
        mean, before = np.array(self.spec.mean, np.float32), None
        with Progress(f"following the frames, round {round_}", len(rows), "frames") as progress:
            for chunk, batch in zip(chunks, self.loader(chunks)):
                for row, crop in zip(batch["index"].tolist(), batch.get("crop", ())):
                    image = color_normalize(crop.numpy().astype(np.float32) / np.float32(255), mean)
                    if before is not None:
                        # the earlier label is a view into `out`: where the flow is too long it is deleted there, as published
                        kpts = out["kpts"][row].copy()
                        moved = temporal_step(kpts, image, before[0], out["kpts"][before[1]], mean)
                        out["carried"][row] = (moved != kpts).any(1)
                        out["kpts"][row] = moved
                    before = image, row
                progress.add(len(chunk))


class _ViewedCrops(Dataset):
    """Crops and their views, made in the loader's processes."""

    def __init__(self, labeller: OriginalLabeller, round_: int):
        self.labeller, self.round = labeller, round_
        self.mean = np.array(labeller.spec.mean, np.float32)

    def __len__(self) -> int:
        return len(self.labeller.crops)

    def __getitem__(self, index: int) -> dict:
        item = self.labeller.crops[index]
        image = color_normalize(item["crop"].numpy().astype(np.float32) / np.float32(255), self.mean)
        seen = label_views(image, self.mean, *self.labeller.views_of(self.round, int(index)))
        return {
            "index": int(index),
            "round": self.round,
            "crop": item["crop"],
            "crop_from_image": item["crop_from_image"],
            "views": torch.from_numpy(seen),
        }


def _collate(items: list) -> dict:
    whole = [item for item in items if not isinstance(item, Fault)]
    faults = [item for item in items if isinstance(item, Fault)]
    if not whole:
        return {"index": torch.empty(0, dtype=torch.int64), "faults": faults}
    return {**default_collate(whole), "round": whole[0]["round"], "faults": faults}
