"""Runs a network over a data set: joints in picture pixels and what scoring needs. Memory does not grow with the data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset, default_collate

from ..datasets.crops import crop_image, crop_parts
from ..datasets.loader import Loader
from ..datasets.original_annotation import OriginalAnnotation
from ..datasets.original_crops import box_matrix
from ..datasets.original_items import annotation_of
from ..datasets.person_boxes import frame_box
from ..datasets.pictures import Fault, FaultLog, SafeDataset
from ..datasets.sample import PoseDataset, PoseSample, reading_processes
from ..errors import DataError
from ..pose import heatmap
from ..pose.geometry import apply
from ..pose.input_spec import InputSpec
from ..pose.models.fusing import fused
from ..pose.models.hourglass import part_maps
from ..pose.original.crop import image_to_chw, original_crop
from ..pose.original.geometry import BOX_UNIT_PX, original_transform
from ..pose.original.heatmap import draw_labelmaps, peaks
from ..pose.person_frames import FRAMES
from ..pose.skeleton import Skeleton
from ..progress import Progress

# Called with the maps (B, C, h, w) and the batch (`xy`, `visible`, `matrix` crop_from_image). If both data set and network have
# parts, the batch also has `parts` (B, R, Q) and `part_maps` (B, P, R, Q) of the picture that is not mirrored.
Batch = dict[str, Any]
Observer = Callable[[torch.Tensor, Batch], None]


@dataclass
class Predictions:
    """N animals, K joints. Rows whose picture could not be read have `read` False and NaN joints.

    Attributes:
        ids: N texts, see PoseDataset.
        xy_px: (N, K, 2) predicted joints, picture px.
        score: (N, K) height of the peaks.
        cells: (N, K, 2) highest cell, 1-based, (0, 0) where nothing is positive: what the published protocol scores; all (0, 0)
            for inputs that the published protocol does not define (`InputSpec.original_cells`).
        target_cells: (N, K, 2) the same for the label, drawn as the published code draws it.
        xy_true_px, visible: (N, K, 2) and (N, K), the labels as the data set gives them.
        box_xywh: (N, 4). size_hw: (N, 2) of the picture.
        crop_factor: side of the crop over the longer side of the box.
        read: (N,) bool.
        faults: one line on pictures left out, or empty.
    """

    ids: list[str]
    xy_px: np.ndarray
    score: np.ndarray
    cells: np.ndarray
    target_cells: np.ndarray
    xy_true_px: np.ndarray
    visible: np.ndarray
    box_xywh: np.ndarray
    size_hw: np.ndarray
    crop_factor: float
    read: np.ndarray
    faults: str = ""


def network_input(
    dataset: PoseDataset, index: int, sample: PoseSample, spec: InputSpec
) -> tuple[np.ndarray, np.ndarray]:
    """One picture as the network takes it, before normalisation.

    Args:
        dataset, index: what the sample is of.

    Returns:
        image (3, R, Q) float32 in 0..1, and crop_from_image (2, 3) float64. For published crops the matrix is that of the square
        before its corners are cut to integers.
    """
    if spec.kind == "published":
        known = original_box_of(dataset, index, sample, spec)
        crop = original_crop(image_to_chw(sample.image), known.center, known.scale, spec.size_hw)
        return crop, box_matrix(known, spec.size_hw[0])
    box = frame_box(sample, spec.kind) if spec.kind in FRAMES else sample.box_xywh
    if spec.kind in FRAMES:
        matrix = spec.crop_matrix(box, dataset.crop_factor)
        crop = cv2.warpAffine(sample.image, matrix, spec.size_hw[::-1], flags=cv2.INTER_LINEAR)
        return crop.transpose(2, 0, 1).astype(np.float32) / 255, matrix
    rectangle = spec.rectangle(box, dataset.crop_factor)
    crop = crop_image(sample.image, rectangle, spec.size_hw)
    return crop.transpose(2, 0, 1).astype(np.float32) / 255, spec.crop_matrix(box, dataset.crop_factor)


def original_box_of(dataset: PoseDataset, index: int, sample: PoseSample, spec: InputSpec) -> OriginalAnnotation:
    """Box and joints of one animal as the published evaluation has them, for a network with this input.

    For published crops the box is that of the published loader, if there is one (for renderings it contains stray points too). For
    exact crops, and for an input that pads boxes itself, the box is the square that is cropped.
    """
    if spec.kind == "published" and spec.padding is None:
        return annotation_of(dataset, index, sample)
    square, known = spec.rectangle(sample.box_xywh, dataset.crop_factor), sample.visible > 0
    pts = np.where(known[:, None], np.concatenate([sample.xy_px, known[:, None]], 1), 0).astype(np.float32)
    return OriginalAnnotation(pts, (square[:2] + square[2] / 2).astype(np.float32), float(square[2] / BOX_UNIT_PX))


def original_target_cells(known: OriginalAnnotation, heatmap_size: int) -> np.ndarray:
    """(K, 2) 1-based cells of the published target maps of one animal (ccssl section 5, labels from joints)."""
    xy = np.nan_to_num(
        known.pts[:, :2]
    )  # float32, as the published loaders compute: the last digit decides at the edge of a cell
    if known.picture_wh:
        xy[((xy < 0) | (xy > known.picture_wh)).any(1)] = 0
    size = (heatmap_size, heatmap_size)
    cells = original_transform(xy + np.float32(known.offset), known.center, known.scale, size) - 1
    maps, _ = draw_labelmaps(cells, size, active=xy[:, 1] > 0)
    return peaks(maps)


class _Inputs(Dataset[Batch]):
    """Every animal of a data set as the network's input, with what scoring needs."""

    def __init__(self, dataset: PoseDataset, spec: InputSpec):
        self.dataset, self.spec = dataset, spec

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Batch:
        sample, side = self.dataset[index], self.spec.original_cells
        image, matrix = network_input(self.dataset, index, sample, self.spec)
        parts = {} if sample.parts is None else {"parts": crop_parts(sample.parts, matrix, self.spec.size_hw)}
        cells = np.zeros_like(sample.xy_px)
        if side and self.dataset.labels is not None:
            cells = original_target_cells(original_box_of(self.dataset, index, sample, self.spec), side)
        return {
            **parts,
            "index": index,
            "image": image,
            "matrix": matrix,
            "xy": sample.xy_px.astype(np.float32),
            "visible": sample.visible.astype(np.uint8),
            "box": np.asarray(sample.box_xywh, np.float32),
            "size": np.asarray(sample.image.shape[:2], np.int64),
            "cells": cells,
        }


def _collate(items: Sequence[Any]) -> Batch:
    whole = [i for i in items if not isinstance(i, Fault)]
    batch = default_collate(whole) if whole else {"index": torch.empty(0, dtype=torch.int64)}
    return {**batch, "faults": [i for i in items if isinstance(i, Fault)]}


@dataclass(frozen=True)
class PredictConfig:
    """How a network runs over a data set. None of it changes the joints, except `flip`.

    Attributes:
        batch_size: pictures that go through the network at once.
        workers: processes that read pictures; 0: this one.
        flip: average the maps with those of the mirrored picture.
        batches: number of batches to predict; the other rows stay unread. None: all.
        strict: stop at the first picture that cannot be read.
        phase: what the progress line says.
    """

    batch_size: int = 16
    workers: int = 0
    flip: bool = False
    batches: int | None = None
    strict: bool = False
    phase: str = "predicting"


@torch.no_grad()
def predict(
    model: nn.Module,
    dataset: PoseDataset,
    spec: InputSpec,
    device: torch.device,
    config: PredictConfig = PredictConfig(),
    observe: Observer | None = None,
) -> Predictions:
    """Joints of every animal of a data set.

    Args:
        model: on the device, in any mode; it runs in eval mode and is set back to its mode.
        dataset: labels are passed through, never used.
        spec: how a picture becomes the network's input.
        observe: called with every batch, see `Observer`.

    Raises:
        DataError: no picture, or most pictures cannot be read.
    """
    n, k = len(dataset), len(dataset.skeleton)
    if n == 0:
        raise DataError("at least one animal", "an empty data set", "zoopose data check NAME:PATH")
    predictions = Predictions(
        ids=list(dataset.ids),
        xy_px=np.full((n, k, 2), np.nan, np.float32),
        score=np.zeros((n, k), np.float32),
        cells=np.zeros((n, k, 2), np.float32),
        target_cells=np.zeros((n, k, 2), np.float32),
        xy_true_px=np.zeros((n, k, 2), np.float32),
        visible=np.zeros((n, k), np.uint8),
        box_xywh=np.zeros((n, 4), np.float32),
        size_hw=np.zeros((n, 2), np.int64),
        crop_factor=dataset.crop_factor,
        read=np.zeros(n, bool),
    )
    size = config.batch_size
    chunks = [range(i, min(i + size, n)) for i in range(0, n, size)][: config.batches]
    safe, faults = SafeDataset(_Inputs(dataset, spec), config.strict), FaultLog()
    loader = Loader(safe, chunks, reading_processes(dataset, config.workers), _collate)
    training = model.training
    model.eval()
    faster = fused(model)
    with Progress(config.phase, sum(map(len, chunks))) as progress:
        for chunk, raw in zip(chunks, loader):
            batch = faults.take(raw)
            if batch is not None:
                maps, outputs = _maps(faster, batch["image"].to(device), spec, dataset.skeleton, config.flip)
                of_parts = part_maps(outputs, spec.size_hw)
                if "parts" in batch and of_parts:
                    batch["part_maps"] = of_parts[-1]
                _fill(predictions, batch, maps, spec)
                if observe:
                    observe(maps, batch)
            progress.add(len(chunk))
    model.train(training)
    faults.check()
    predictions.faults = faults.summary()
    return predictions


def _maps(
    model: nn.Module, images: torch.Tensor, spec: InputSpec, skeleton: Skeleton, flip: bool
) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """The joints' maps, and all outputs for the picture that is not mirrored."""
    # the guard hands over a bare network, which may be of double precision (--precision 64-true)
    dtype = next((p.dtype for p in model.parameters()), images.dtype)
    images, k = spec.normalise(images).to(dtype).contiguous(memory_format=torch.channels_last), len(skeleton)
    outputs = model(images)
    maps = spec.joint_maps(outputs, k)
    if flip:
        mirrored = spec.joint_maps(model(images.flip(-1)), k)
        maps = (maps + spec.flip_back(mirrored, skeleton.flip_order)) / 2
    return maps, outputs


def _fill(found: Predictions, batch: Batch, maps: torch.Tensor, spec: InputSpec) -> None:
    rows = batch["index"].numpy()
    xy, score = spec.decode(maps)
    found.xy_px[rows] = apply(spec.image_from_heatmap(batch["matrix"]), xy.cpu().double()).numpy()
    found.score[rows] = score.cpu().numpy()
    if spec.original_cells:
        found.cells[rows] = heatmap.decode(maps, "published_argmax")[0].cpu().numpy()
    found.xy_true_px[rows], found.visible[rows] = batch["xy"].numpy(), batch["visible"].numpy()
    found.box_xywh[rows], found.size_hw[rows] = batch["box"].numpy(), batch["size"].numpy()
    found.target_cells[rows] = batch["cells"].numpy()
    found.read[rows] = True
