"""Predictions drawn over crops of the pictures, beside their labels: a gallery for a report, or one file for each frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ...datasets.crops import crop_image
from ...datasets.sample import PoseDataset
from ...files import atomic_picture
from ...pose.geometry import apply, crop_matrix, square_box
from ...pose.skeleton import Skeleton
from ...progress import track
from ..inference import Predictions
from ..prediction_files import remove_overlays
from ..score import THRESHOLD, frame_errors
from .blocks import GalleryBlock, Picture
from .overlays import best_and_worst, overlay

TILE = 192  # side of the pictures in a report, px


def crop_of(
    dataset: PoseDataset, index: int, *points: np.ndarray, size: int = TILE
) -> tuple[np.ndarray, list[np.ndarray]]:
    """(size, size, 3) uint8 crop of one animal, and `points`, each (K, 2) in picture px, in px of that crop.

    Raises:
        PictureError: the picture cannot be read.
    """
    sample = dataset[index]
    square = square_box(sample.box_xywh, dataset.crop_factor)
    matrix = crop_matrix(square, size)
    return crop_image(sample.image, square, size), [apply(matrix, np.asarray(p, np.float64)) for p in points]


def overlay_gallery(
    title: str, dataset: PoseDataset, predictions: Predictions, skeleton: Skeleton, n: int = 6, note: str = ""
) -> GalleryBlock:
    """The n frames with the best and the n with the worst predictions, drawn over their labels."""
    errors, valid = frame_errors(predictions)
    chosen = best_and_worst(errors, valid, n)
    items = []
    for kind, rows in (("best", chosen.best), ("worst", chosen.worst)):
        for i in rows.tolist():
            right = (errors[i] < THRESHOLD) & valid[i]
            caption = f"{predictions.ids[i]}: {right.sum()} of {valid[i].sum()} right"
            items.append(Picture(_overlay(dataset, predictions, skeleton, i), caption, {"frame": kind}))
    explanation = "Filled: predicted. Hollow: label. A line connects a wrong joint with its label."
    return GalleryBlock(title, items, note or explanation)


def write_frame_overlays(folder: Path, dataset: PoseDataset, predictions: Predictions, skeleton: Skeleton) -> None:
    """Write a picture of every frame, named after its number, and remove those of an earlier run."""
    remove_overlays(folder)
    for i in track(np.flatnonzero(predictions.read).tolist(), "overlays", int(predictions.read.sum())):
        atomic_picture(folder / f"{i:06d}.jpg", _overlay(dataset, predictions, skeleton, i)[..., ::-1])


def _overlay(dataset: PoseDataset, predictions: Predictions, skeleton: Skeleton, i: int) -> np.ndarray:
    errors, valid = frame_errors(predictions)
    crop, (xy_pred, xy_true) = crop_of(dataset, i, np.nan_to_num(predictions.xy_px[i]), predictions.xy_true_px[i])
    return overlay(crop, xy_pred, xy_true, valid[i], skeleton, errors[i])
