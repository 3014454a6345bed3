"""Predictions drawn over crops of the pictures, beside their labels: a gallery for a report, or one file for each frame."""

from __future__ import annotations

from collections.abc import Mapping
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
from .overlays import EXPLANATION, best_and_worst, overlay

TILE = 192  # side of the pictures in a report, px
GAP_PX = 8  # between pictures side by side


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
    return GalleryBlock(title, items, note or EXPLANATION)


def before_after_gallery(
    title: str, dataset: PoseDataset, networks: Mapping[str, Predictions], skeleton: Skeleton, n: int = 6
) -> GalleryBlock:
    """The same n frames by several networks, side by side; the frames are spread evenly over those with a labelled joint.

    Args:
        title: of the block.
        dataset: what was predicted; every network has predicted all of it.
        networks: name -> predictions, in the order in which they are shown from left to right.
        skeleton: of the predictions.
        n: number of frames.
    """
    first = next(iter(networks.values()))
    scored = {name: frame_errors(found) for name, found in networks.items()}
    items = []
    for i in spread(first, n).tolist():
        tiles = [_overlay(dataset, found, skeleton, i) for found in networks.values()]
        gap = np.full((len(tiles[0]), GAP_PX, 3), 255, np.uint8)
        row = [part for tile in tiles for part in (tile, gap)][:-1]
        words = [
            f"{name} {((errors[i] < THRESHOLD) & valid[i]).sum()} of {valid[i].sum()} right"
            for name, (errors, valid) in scored.items()
        ]
        items.append(Picture(np.concatenate(row, 1), f"{first.ids[i]}: {', '.join(words)}"))
    note = f"From left to right: {', '.join(networks)}. The choice of frames does not depend on the predictions. {EXPLANATION}"
    return GalleryBlock(title, items, note, max_side_px=384 * len(networks))


def spread(found: Predictions, count: int = 4) -> np.ndarray:
    """Rows of `count` frames, or of all where there are fewer, spread evenly over the frames with a labelled joint.

    The choice does not depend on how good a prediction is."""
    frames = np.flatnonzero(found.read & found.visible.any(1))
    return frames[np.linspace(0, len(frames) - 1, min(count, len(frames))).round().astype(int)]


def write_frame_overlays(folder: Path, dataset: PoseDataset, predictions: Predictions, skeleton: Skeleton) -> None:
    """Write a picture of every frame, named after its number, and remove those of an earlier run."""
    remove_overlays(folder)
    for i in track(np.flatnonzero(predictions.read).tolist(), "overlays", int(predictions.read.sum())):
        atomic_picture(folder / f"{i:06d}.jpg", _overlay(dataset, predictions, skeleton, i)[..., ::-1])


def _overlay(dataset: PoseDataset, predictions: Predictions, skeleton: Skeleton, i: int) -> np.ndarray:
    errors, valid = frame_errors(predictions)
    crop, (xy_pred, xy_true) = crop_of(dataset, i, np.nan_to_num(predictions.xy_px[i]), predictions.xy_true_px[i])
    return overlay(crop, xy_pred, xy_true, valid[i], skeleton, errors[i], confidence=predictions.score[i])
