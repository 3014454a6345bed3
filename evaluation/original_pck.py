"""PCK as the published CC-SSL code takes it: on the cells of the maps, batch by batch.

Source: as `pose.original.geometry`. Predictions and targets are both read off maps (arg-max, whole cells). A joint is
right when it is nearer than half of a tenth of the map's width: 0.05 of the crop's side. Joints whose target stands in
the first row or column do not count; hidden joints with coordinates do; a map without a positive value is wrong.
Every joint's share is the mean of its shares in the batches, so the batch size and a short last batch change the
numbers. `evaluation.metrics` has the exact protocol.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import DataError
from ..pose.original.heatmap import peaks
from ..pose.skeleton import TIGDOG18

THRESHOLD = 0.5
NOT_COUNTED = -1.0


@dataclass(frozen=True, eq=False)
class OriginalPck:
    """The published score.

    Attributes:
        names: K joint names, in the order of the predictions' channels.
        pck: (K,) mean over batches of the share right in the batch, 0..1; NaN for a joint that never counted.
        n: (K,) int64, how many instances counted.
        mean: mean over batches, weighted with their size, of the mean over joints.
        batch_size: of the batches, the last one may be shorter.
    """

    names: tuple[str, ...]
    pck: np.ndarray
    n: np.ndarray
    mean: float
    batch_size: int

    def to_dict(self) -> dict:
        """Plain data as in metrics.json."""
        joints = {
            name: {"pck": None if n == 0 else float(p), "n": int(n)} for name, p, n in zip(self.names, self.pck, self.n)
        }
        return {"mean": self.mean, "joints": joints}


def original_pck(
    pred_maps, target_maps, batch_size: int = 6, *, target_order=None, names: Sequence[str] = TIGDOG18.joints
) -> OriginalPck:
    """Score of N predicted maps, in order, as the published test loop computes it.

    Args:
        pred_maps, target_maps: (N, K, h, w) arrays or tensors.
        batch_size: of the published loop; the numbers depend on it.
        target_order: (K,) channel of the target maps that holds the joint of each prediction channel, when the two are
            ordered differently (`skeleton.TIGER_TO_MODEL` for targets in the order of TigDog's tiger files).
        names: K names in the order of the prediction channels.
    """
    pred, target = peaks(_array(pred_maps)), peaks(_array(target_maps))
    return original_pck_of_peaks(
        pred, target, int(pred_maps.shape[-1]), batch_size, target_order=target_order, names=names
    )


def original_pck_of_peaks(
    pred_xy, target_xy, width: int, batch_size: int = 6, *, target_order=None, names: Sequence[str] = TIGDOG18.joints
) -> OriginalPck:
    """`original_pck` of maps already reduced to their peaks, which is all a long test set need keep.

    Args:
        pred_xy, target_xy: (N, K, 2) 1-based cells, (0, 0) for no peak, from `pose.original.heatmap.peaks`.
        width: columns of the maps.
        batch_size, target_order, names: see `original_pck`.
    """
    if len(pred_xy) != len(target_xy) or not len(pred_xy):
        raise DataError("as many predictions as targets, at least one", f"{len(pred_xy)} and {len(target_xy)}")
    if target_order is not None:
        target_xy = target_xy[:, np.asarray(target_order)]
    distances = joint_distances(pred_xy, target_xy, width)
    joints = distances.shape[1]
    if len(names) != joints:
        raise DataError(f"{joints} joint names, one for each map", f"{len(names)}: {', '.join(names)}")
    starts = range(0, len(distances), batch_size)
    shares = np.stack([accuracy(distances[s : s + batch_size]) for s in starts]).astype(np.float64)
    sizes = np.array([len(distances[s : s + batch_size]) for s in starts])
    per_joint, counted = shares[:, 1:], shares[:, 1:] != NOT_COUNTED
    batches = counted.sum(0)
    pck = np.divide((per_joint * counted).sum(0), batches, out=np.full(joints, np.nan), where=batches > 0)
    n = (distances != NOT_COUNTED).sum(0)
    mean = float((shares[:, 0] * sizes).sum() / sizes.sum())
    return OriginalPck(tuple(names), pck, n.astype(np.int64), mean, batch_size)


def joint_distances(pred_xy, target_xy, width: int) -> np.ndarray:
    """Errors in tenths of the map's width.

    Args:
        pred_xy, target_xy: (B, K, 2) 1-based cells.
        width: columns of the maps.

    Returns:
        (B, K) float32, NOT_COUNTED where a target coordinate is 1 or less.
    """
    unit = np.float32(width / 10)
    pred, target = np.asarray(pred_xy, np.float32), np.asarray(target_xy, np.float32)
    distances = np.sqrt((((pred / unit) - (target / unit)) ** 2).sum(-1, dtype=np.float32))
    return np.where((target > 1).all(-1), distances, np.float32(NOT_COUNTED))


def accuracy(distances: np.ndarray, joints: Sequence[int] | None = None) -> np.ndarray:
    """Shares right in one batch.

    Args:
        distances: (B, K) from `joint_distances`.
        joints: columns to score (0-based); default all.

    Returns:
        (1 + number of joints,) float32: the mean over joints that count (0 when none does), then every joint's share,
        NOT_COUNTED where no instance counts.
    """
    if joints is not None:
        distances = distances[:, np.asarray(joints)]
    counted = distances != NOT_COUNTED
    n = counted.sum(0)
    right = ((distances < THRESHOLD) & counted).sum(0)
    shares = np.divide(right, n, out=np.full(n.shape, NOT_COUNTED), where=n > 0).astype(np.float32)
    mean = shares[n > 0].mean(dtype=np.float64) if (n > 0).any() else 0.0
    return np.concatenate([[np.float32(mean)], shares]).astype(np.float32)


def area_under_curve(distances: np.ndarray, joints: Sequence[int] | None = None) -> tuple[float, float]:
    """The published training log's other two numbers.

    Args:
        distances: (N, K) from `joint_distances`.
        joints: columns to score (0-based); default all.

    Returns:
        Area under the curve of shares over 80 thresholds from 0.01 to 0.81, in percent with two decimals, and the mean
        error, both in tenths of the map's width; NaN when nothing counts.
    """
    if joints is not None:
        distances = distances[:, np.asarray(joints)]
    errors = distances[distances != NOT_COUNTED]
    if not errors.size:
        return float("nan"), float("nan")
    thresholds = np.linspace(0, 1, 100)[1:81]
    below = np.searchsorted(np.sort(errors), thresholds, side="left") / errors.size
    return round(float(below.sum() / 0.8), 2), float(errors.mean())


def _array(maps) -> np.ndarray:
    return maps.detach().cpu().numpy() if hasattr(maps, "detach") else np.asarray(maps)
