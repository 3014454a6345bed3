"""The accuracy that SimpleBaseline and its successors print while training: PCK between the highest cells of maps.

Source: microsoft/human-pose-estimation.pytorch, lib/core/evaluate.py, and all forks of it. Flaws are repeated: the unit is a
tenth of the map, but x is divided by a tenth of the *height* and y by a tenth of the *width*; a label in the first two rows or
columns does not count; the threshold is always 0.5. The accuracy of the hourglass codes is `original_pck.accuracy`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..pose.original.heatmap import peaks

THRESHOLD = 0.5
NOT_COUNTED = -1.0


@dataclass(frozen=True, eq=False)
class HeatmapAccuracy:
    """Shares right of a batch.

    Attributes:
        mean: over the joints that counted, each weighing the same; 0 when none did.
        joints: (K,) float64 share right, -1 where no label counted.
        counted: how many joints had a label that counted.
        xy_heatmap: (B, K, 2) float32 predicted cells, from 0; (0, 0) where no cell is positive.
        distances: (B, K) float64 in tenths of the map (see above), -1 where the label does not count.
    """

    mean: float
    joints: np.ndarray
    counted: int
    xy_heatmap: np.ndarray
    distances: np.ndarray


def heatmap_accuracy(maps, target) -> HeatmapAccuracy:
    """Accuracy of predicted maps against target maps.

    Args:
        maps, target: (B, K, h, w) arrays or tensors.
    """
    pred, true = _cells(maps), _cells(target)
    h, w = maps.shape[-2:]
    unit = np.array([h, w]) / 10  # (h, w) applied to (x, y), as published
    distances = np.linalg.norm(pred / unit - true / unit, axis=-1)
    distances = np.where((true > 1).all(-1), distances, NOT_COUNTED)
    joints = np.array([share_right(column) for column in distances.T])
    valid = joints >= 0
    mean = float(joints[valid].mean()) if valid.any() else 0.0
    return HeatmapAccuracy(mean, joints, int(valid.sum()), pred, distances)


def share_right(distances: np.ndarray, threshold: float = THRESHOLD) -> float:
    """Share of the distances (N,) that count (are not -1) strictly below a threshold; -1 where none counts."""
    counted = distances[distances != NOT_COUNTED]
    return float((counted < threshold).mean()) if len(counted) else NOT_COUNTED


def _cells(maps) -> np.ndarray:
    """(B, K, 2) float32 highest cells, from 0."""
    maps = maps.detach().cpu().numpy() if hasattr(maps, "detach") else np.asarray(maps)
    return np.maximum(peaks(maps) - 1, 0).astype(np.float32)
