"""Pseudo-labels of a whole target set with the arithmetic of the 2020 CC-SSL code, its flaws included.

`labels.prediction_check` defines the label of one frame. This module gives the same labels for all frames in order; it puts the
views of several frames into one forward pass, shares the frames among the ranks, and keeps its progress on disk.
`ccssl.labelling` is the corrected counterpart.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, default_collate

from ...datasets.loader import Loader
from ...datasets.original_crops import OriginalCropCache, restore_crop_px
from ...datasets.pictures import Fault, SafeDataset
from ...datasets.pseudo_labels import PseudoLabels
from ...pose.geometry import apply, invert
from ...pose.input_spec import InputSpec
from ...pose.original.augment import draw_views, views
from ...pose.original.crop import color_normalize
from ...pose.original.heatmap import peaks
from ...progress import Progress
from ...train.selftraining.labeller import PARTIAL_SECONDS, ChunkLabeller, Execution, Partial, fingerprint
from ...train.streams import Stream
from .labels import label_of, label_views, temporal_step, upright_maps

CHUNK = 8  # frames in one forward pass; no label depends on it


@dataclass(frozen=True)
class OriginalLabelRules:
    """What the labels depend on, apart from the network and the frames.

    Attributes:
        seed: of the run. The published code has no seed; here the draws of a frame follow from (seed, round, frame).
        count: drawn views in addition to the crop itself.
        scale_factor: relative change of size of the views, see `pose.original.augment.views`.
        rot_factor: standard deviation of the views' turn, degrees.
        flow: carry labels by Lucas-Kanade from every frame to the next in the loader's order.
    """

    seed: int = 0
    count: int = 4
    scale_factor: float = 0.25
    rot_factor: float = 30.0
    flow: bool = True


class OriginalLabeller(ChunkLabeller):
    """Labels a target set with the current network; the interface is that of `ccssl.labelling.Labeller`.

    Two passes over the frames. The first pass labels every frame from its views; ranks take disjoint runs of whole chunks. The
    second pass carries labels from frame to frame; the first rank makes it, since it goes through all frames in order. Any number
    of ranks makes the labels of one process, bit for bit.

    Args:
        crops: the target's published crops, of the network's side.
        spec: published input of the network. The views are divided by its `std` at the end.
        execution: device, processes that make the views, and ranks.
        rules: views, flow and seed.
    """

    def __init__(
        self, crops: OriginalCropCache, spec: InputSpec, execution: Execution, rules: OriginalLabelRules | None = None
    ):
        super().__init__(crops, spec, execution)
        self.rules = rules or OriginalLabelRules()

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """Labels of all frames, in order; none is admitted yet. Arguments as of `ccssl.labelling.Labeller.label`.

        `peak` is the height of the averaged map, `confidence` its height after the flow. `checks["equivariance"]` is shown in the
        report only: the mean distance of the views' highest cells from the highest cell of the average.
        """
        dataset, side = self.crops.dataset, self.spec.size
        n, k = len(dataset), len(dataset.skeleton)
        cache_key = self.cache_key(model, round_)
        out = {
            "kpts": np.zeros((n, k, 3), np.float32),
            "peak": np.zeros((n, k), np.float32),
            "agreement": np.full((n, k), np.nan, np.float32),
            "carried": np.zeros((n, k), bool),
            "matrix": np.zeros((n, 2, 3)),
        }
        self.each_chunk(
            model,
            CHUNK,
            lambda batch, _: self._label_chunk(model, batch, out),
            out,
            ("kpts", "peak", "agreement", "matrix"),
            f"labelling, round {round_}",
            partial=Partial(partial, cache_key, PARTIAL_SECONDS) if partial else None,
            loader=lambda chunks: self._view_loader(chunks, round_),
        )
        if self.rules.flow:
            if self.rank == 0:
                self._follow_frames(out, round_)
            self.gather(out, ("kpts", "carried"), slice(0, n if self.rank == 0 else 0))
        crop_px = out["matrix"][:, 0, 0].astype(np.float32)
        xy = np.full((n, k, 2), np.nan, np.float32)
        readable = crop_px > 0
        xy[readable] = apply(
            invert(out["matrix"][readable]), restore_crop_px(out["kpts"][readable, :, :2]).astype(np.float64)
        )
        facts = {
            "round": round_,
            "network": fingerprint(model),
            "mark": cache_key,
            "protocol": "published",
            "views": 1 + self.rules.count,
            "flow": "lk, from every frame to the next" if self.rules.flow else "none",
            "crop_px": side,
        }
        return PseudoLabels(
            list(dataset.ids),
            xy,
            out["kpts"][..., 2].copy(),
            np.zeros((n, k), bool),
            out["agreement"],
            out["carried"],
            dataset.skeleton,
            facts,
            crop_px,
            out["peak"],
            {"equivariance": out["agreement"]},
        )

    def cache_key(self, model: nn.Module, round_: int) -> str:
        """Checksum of all that the labels of a round depend on: network, frames, views, draws."""
        dataset, rules = self.crops.dataset, self.rules
        frames = (dataset.crop_factor, self.crops.size, *dataset.ids)
        views_and_flow = (rules.count, rules.scale_factor, rules.rot_factor, rules.flow)
        settings = ("published", round_, rules.seed, self.spec, *views_and_flow)
        return f"{fingerprint(model)}-{zlib.crc32(repr((settings, dataset.skeleton.to_dict(), frames)).encode()):08x}"

    def views_of(self, round_: int, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Scales and turns (V + 1,) of a frame's views, the crop itself first."""
        normals = draw_views(
            np.random.default_rng([self.rules.seed, Stream.ORIGINAL_LABELLING, round_, row]), self.rules.count
        )
        return views(normals, self.rules.scale_factor, self.rules.rot_factor)

    @torch.no_grad()
    def maps(self, model: nn.Module, images: torch.Tensor) -> np.ndarray:
        """(B, 3, S, S) views less the mean -> (B, K, h, w) float32 maps of the last stage."""
        images = images / torch.tensor(self.spec.std, dtype=torch.float32).view(3, 1, 1)
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        maps = self.spec.joint_maps(model(images), len(self.crops.dataset.skeleton))
        return maps.cpu().numpy()

    def _view_loader(self, chunks: Sequence[Sequence[int]], round_: int) -> Loader:
        """Batches of crops with their views."""
        safe = SafeDataset(_ViewedCrops(self, round_), self.strict)
        return Loader(safe, chunks, self.workers, _collate)

    def _label_chunk(self, model: nn.Module, batch: dict[str, Any], out: dict[str, np.ndarray]) -> None:
        """Labels of one chunk, before the flow."""
        rows, images = batch["index"].tolist(), batch["views"]
        maps = self.maps(model, images.flatten(0, 1)).reshape(*images.shape[:2], -1, *(self.spec.heatmap_size,) * 2)
        for at, row in enumerate(rows):
            upright = upright_maps(maps[at], *self.views_of(round_=batch["round"], row=row))
            average = upright[0].copy()
            for view in upright[1:]:  # one after another, as published: sums of float32 depend on their order
                average += view
            average /= np.float32(len(upright))
            out["kpts"][row] = label_of(average, self.spec.size).kpts
            out["peak"][row] = out["kpts"][row, :, 2]
            cells = peaks(np.concatenate([average[None], upright]))
            out["agreement"][row] = np.linalg.norm(cells[1:] - cells[0], axis=-1).mean(0) * self.spec.stride
            out["matrix"][row] = batch["crop_from_image"][at].numpy()

    def _follow_frames(self, out: dict[str, np.ndarray], round_: int) -> None:
        """Carry labels from every readable frame to the next readable frame, even of another video, as published."""
        rows = np.flatnonzero(out["matrix"][:, 0, 0] > 0)  # those that cannot be read were counted in the first pass
        chunks = [rows[i : i + CHUNK].tolist() for i in range(0, len(rows), CHUNK)]
        mean = np.array(self.spec.mean, np.float32)
        before: tuple[np.ndarray, int] | None = None
        with Progress(f"following the frames, round {round_}", len(rows), "frames") as progress:
            for chunk, batch in zip(chunks, self.loader(chunks)):
                for row, crop in zip(batch["index"].tolist(), batch.get("crop", ())):
                    image = color_normalize(crop.numpy().astype(np.float32) / np.float32(255), mean)
                    if before is not None:
                        # the earlier label is a view into `out`: a flow that is too long deletes it there, as published
                        kpts = out["kpts"][row].copy()
                        moved = temporal_step(kpts, image, before[0], out["kpts"][before[1]], mean)
                        out["carried"][row] = (moved != kpts).any(1)
                        out["kpts"][row] = moved
                    before = image, row
                progress.add(len(chunk))


class _ViewedCrops(Dataset[dict[str, Any]]):
    """Crops and their views, made in the loader's processes."""

    def __init__(self, labeller: OriginalLabeller, round_: int):
        self.labeller, self.round = labeller, round_
        self.mean = np.array(labeller.spec.mean, np.float32)

    def __len__(self) -> int:
        return len(self.labeller.crops)

    def __getitem__(self, index: int) -> dict[str, Any]:
        item = self.labeller.crops[index]
        image = color_normalize(item["crop"].numpy().astype(np.float32) / np.float32(255), self.mean)
        images = label_views(image, self.mean, *self.labeller.views_of(self.round, int(index)))
        return {
            "index": int(index),
            "round": self.round,
            "crop": item["crop"],
            "crop_from_image": item["crop_from_image"],
            "views": torch.from_numpy(images),
        }


def _collate(items: Sequence[Any]) -> dict[str, Any]:
    readable = [item for item in items if not isinstance(item, Fault)]
    faults = [item for item in items if isinstance(item, Fault)]
    if not readable:
        return {"index": torch.empty(0, dtype=torch.int64), "faults": faults}
    return {**default_collate(readable), "round": readable[0]["round"], "faults": faults}
