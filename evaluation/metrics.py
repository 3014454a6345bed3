"""Scores of predicted joints: pure functions on numpy arrays. N animals, K joints.

Every function takes joints and normalisers in one frame (all in picture pixels, or all in crop pixels); which frame
does not matter, since a score is a share of the normaliser. A joint is right when its error is *below* threshold x
normaliser (strictly, as published). A joint that was not predicted (nan) is wrong, never left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..errors import ZooposeError


class Share(NamedTuple):
    """A share of right joints in 0..1 (nan when n is 0) and the number of joint instances that it counts."""

    pck: float
    n: int


@dataclass(frozen=True, eq=False)
class Pck:
    """Percentage of correct keypoints, as shares in 0..1.

    Attributes:
        threshold: share of the normaliser below which a joint is right.
        right: (K,) int64, right instances per joint.
        n: (K,) int64, scored instances per joint.
    """

    threshold: float
    right: np.ndarray
    n: np.ndarray

    @property
    def pck(self) -> np.ndarray:
        """(K,) float64 share right per joint, nan where no instance was scored."""
        return _shares(self.right, self.n)

    @property
    def mean(self) -> float:
        """Pooled: all instances of all joints together. This is `mean` in metrics.json. nan when nothing was scored."""
        return float(_shares(self.right.sum(), self.n.sum()))

    @property
    def joint_mean(self) -> float:
        """Mean of the per-joint shares over the joints with an instance, each joint weighing the same."""
        return float(self.pck[self.n > 0].mean()) if (self.n > 0).any() else float("nan")


@dataclass(frozen=True, eq=False)
class PckCurve:
    """PCK over many thresholds.

    Attributes:
        thresholds: (T,) float64, shares of the normaliser.
        pck: (T, K) float64 share right, nan where no instance was scored.
        mean: (T,) float64 pooled share right.
        n: (K,) int64 scored instances per joint.
    """

    thresholds: np.ndarray
    pck: np.ndarray
    mean: np.ndarray
    n: np.ndarray


@dataclass(frozen=True, eq=False)
class ErrorPx:
    """Distances in pixels of the frame the joints came in, over the joints that have a prediction.

    Attributes:
        mean_px: mean distance, nan without a joint. Not a root mean square.
        median_px: median distance, nan without a joint.
        joint_mean_px: (K,) the same per joint.
        joint_median_px: (K,) the same per joint.
        n: joint instances that count.
        missing: joint instances with a truth but no prediction; they count in no distance above.
    """

    mean_px: float
    median_px: float
    joint_mean_px: np.ndarray
    joint_median_px: np.ndarray
    n: int
    missing: int


def distances(xy_pred: np.ndarray, xy_true: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """(N,K) float64 Euclidean distances: nan where not valid, inf where the prediction is not finite.

    Args:
        xy_pred: (N,K,2), nan where nothing was predicted.
        xy_true: (N,K,2); values where `valid` is False are not read.
        valid: (N,K) bool, the joints to score.

    Raises:
        ZooposeError: when the shapes differ, `valid` is not boolean, or a joint to score has no finite truth.
    """
    xy_pred, xy_true, valid = np.asarray(xy_pred, float), np.asarray(xy_true, float), np.asarray(valid)
    if (
        xy_pred.ndim != 3
        or xy_pred.shape[-1] != 2
        or xy_true.shape != xy_pred.shape
        or valid.shape != xy_pred.shape[:2]
    ):
        raise ZooposeError(
            "xy_pred (N,K,2), xy_true (N,K,2) and valid (N,K)", f"{xy_pred.shape}, {xy_true.shape} and {valid.shape}"
        )
    if valid.dtype != bool:
        raise ZooposeError("valid as booleans", f"{valid.dtype}", "pass `visible > 0`")
    true_known = np.isfinite(xy_true).all(-1)
    if (valid & ~true_known).any():
        frame, joint = np.argwhere(valid & ~true_known)[0]
        raise ZooposeError("a finite truth wherever `valid` is set", f"{xy_true[frame, joint]} at [{frame}, {joint}]")
    pred_known = np.isfinite(xy_pred).all(-1)
    error = np.full(valid.shape, np.nan)
    both = valid & pred_known
    error[both] = np.hypot(*(xy_pred[both] - xy_true[both]).T)
    error[valid & ~pred_known] = np.inf
    return error


def normalised_errors(
    xy_pred: np.ndarray, xy_true: np.ndarray, valid: np.ndarray, normaliser: np.ndarray
) -> np.ndarray:
    """(N,K) float64 distances as shares of the normaliser: nan where not valid, inf where nothing was predicted.

    Args:
        xy_pred, xy_true, valid: as for `distances`.
        normaliser: (N,) lengths in the same frame. Animals without a valid joint may have any value.

    Raises:
        ZooposeError: as `distances`; also for a normaliser that is not positive and finite where it is needed.
    """
    error = distances(xy_pred, xy_true, valid)
    normaliser = np.asarray(normaliser, float)
    if normaliser.shape != error.shape[:1]:
        raise ZooposeError(
            f"a normaliser for each of the {len(error)} animals, shape (N,)", f"shape {normaliser.shape}"
        )
    needed = np.asarray(valid).any(1)
    bad = needed & ~(np.isfinite(normaliser) & (normaliser > 0))
    if bad.any():
        raise ZooposeError("positive, finite normalisers", f"{normaliser[bad][0]} for animal {np.flatnonzero(bad)[0]}")
    return error / np.where(needed, normaliser, 1.0)[:, None]


def pck(
    xy_pred: np.ndarray,
    xy_true: np.ndarray,
    valid: np.ndarray,
    normaliser: np.ndarray,
    threshold: float = 0.05,
) -> Pck:
    """Share of joints whose error is below threshold x normaliser, per joint and pooled.

    Args:
        xy_pred, xy_true, valid, normaliser: as for `normalised_errors`.
        threshold: share of the normaliser.

    Raises:
        ZooposeError: as `normalised_errors`; also when the threshold is not positive.

    Example:
        >>> import numpy, zoopose
        >>> truth = numpy.array([[[10.0, 10.0], [50.0, 50.0]]])  # one animal, two joints
        >>> found = truth + [[3.0, 0.0], [9.0, 0.0]]
        >>> score = zoopose.pck(found, truth, valid=numpy.ones((1, 2), bool), normaliser=numpy.array([100.0]))
        >>> score.pck.tolist(), score.mean
        ([1.0, 0.0], 0.5)
    """
    if not threshold > 0:
        raise ZooposeError("a positive threshold", f"{threshold}")
    error = normalised_errors(xy_pred, xy_true, valid, normaliser)
    # a nan error (not valid) is below nothing, so only n needs the mask
    return Pck(float(threshold), (error < threshold).sum(0), np.asarray(valid).sum(0))


def pck_curve(
    xy_pred: np.ndarray,
    xy_true: np.ndarray,
    valid: np.ndarray,
    normaliser: np.ndarray,
    thresholds: Sequence[float] | np.ndarray,
) -> PckCurve:
    """`pck` at T thresholds, from one sort of the errors.

    Args:
        xy_pred, xy_true, valid, normaliser: as for `normalised_errors`.
        thresholds: (T,) shares of the normaliser, in any order; nothing is right at 0.

    Raises:
        ZooposeError: as `normalised_errors`; also when a threshold is negative or nan.
    """
    thresholds = np.asarray(thresholds, float)
    if thresholds.ndim != 1 or not (thresholds >= 0).all():
        raise ZooposeError("a list of thresholds, none negative", f"{thresholds}")
    # nan (not valid) sorts to the end, behind inf, and is never below a threshold
    error = np.sort(normalised_errors(xy_pred, xy_true, valid, normaliser), axis=0)
    joints = error.shape[1]
    right = np.array([np.searchsorted(error[:, k], thresholds, side="left") for k in range(joints)])
    right = right.reshape(joints, len(thresholds)).T
    n = np.asarray(valid).sum(0)
    return PckCurve(thresholds, _shares(right, n), _shares(right.sum(1), n.sum()), n)


def group_pck(score: Pck, groups: Mapping[str, Sequence[int]]) -> dict[str, Share]:
    """Group name -> share over all instances of the group's joints together (pooled within the group).

    Args:
        score: per-joint counts.
        groups: group name -> joint indices, as in `Skeleton.groups`.
    """
    counts = {name: (int(score.right[list(i)].sum()), int(score.n[list(i)].sum())) for name, i in groups.items()}
    return {name: Share(float(_shares(right, n)), n) for name, (right, n) in counts.items()}


def error_px(xy_pred: np.ndarray, xy_true: np.ndarray, valid: np.ndarray) -> ErrorPx:
    """Mean and median distance in pixels of the joints' frame; arguments and errors as for `distances`."""
    error = distances(xy_pred, xy_true, valid)
    found = [column[np.isfinite(column)] for column in error.T]
    pooled = np.concatenate([np.empty(0), *found])
    return ErrorPx(
        _or_nan(np.mean, pooled),
        _or_nan(np.median, pooled),
        np.array([_or_nan(np.mean, column) for column in found]),
        np.array([_or_nan(np.median, column) for column in found]),
        len(pooled),
        int(np.isinf(error).sum()),
    )


def box_longer_side(box_xywh: np.ndarray) -> np.ndarray:
    """(N,) longer side of the boxes (N,4), in the same pixels."""
    return np.asarray(box_xywh, float)[..., 2:4].max(-1)


def crop_side(box_xywh: np.ndarray, crop_factor: float) -> np.ndarray:
    """(N,) side of the square crop around the boxes (N,4): crop_factor x the longer side, in the boxes' pixels.

    For joints in crop pixels the side is the size S of the crop for every animal.
    """
    return crop_factor * box_longer_side(box_xywh)


def image_diagonal(size_hw: np.ndarray) -> np.ndarray:
    """(N,) diagonal in pixels of pictures of height and width (N,2)."""
    size_hw = np.asarray(size_hw, float)
    return np.hypot(size_hw[..., 0], size_hw[..., 1])


def _shares(right, n) -> np.ndarray:
    """right / n, nan where n is 0, without a warning."""
    right, n = np.asarray(right, float), np.asarray(n, float)
    return np.divide(right, n, out=np.full(np.broadcast_shapes(right.shape, n.shape), np.nan), where=n > 0)


def _or_nan(statistic, values: np.ndarray) -> float:
    return float(statistic(values)) if len(values) else float("nan")
