"""Poses made comparable: relative to their box, and turned to one side by what the poses themselves show."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from .facing import front_and_back
from .skeleton import Skeleton


def normalised_poses(xy_px: np.ndarray, box_xywh: np.ndarray) -> np.ndarray:
    """Joints relative to the middle of their box, in shares of its longer side.

    Args:
        xy_px: (N, K, 2) joints, px.
        box_xywh: (N, 4) boxes, px; left and top are those of the first pixel (pixel centres are at integers).

    Returns:
        (N, K, 2) float64; NaN for a box without an area.
    """
    box = np.asarray(box_xywh, np.float64)
    side = np.where((box[:, 2:] > 0).all(1), box[:, 2:].max(1), np.nan)
    middle = box[:, :2] - 0.5 + box[:, 2:] / 2
    return (np.asarray(xy_px, np.float64) - middle[:, None]) / side[:, None, None]


def mirrored(xy: np.ndarray, flip_order: np.ndarray) -> np.ndarray:
    """Poses (N, K, 2) about x = 0 as in a mirrored picture: x changes its sign, left and right joints change places."""
    return xy[:, flip_order] * (-1.0, 1.0)


def fit_facing_axis(xy: np.ndarray, skeleton: Skeleton) -> np.ndarray:
    """Find the weights of the joints whose weighted sum of x tells which way an animal faces.

    It is the first principal axis of the joints' x over all poses and their mirror images, partners averaged: of animals from the
    side, the direction from tail to head.

    Args:
        xy: (N, K, 2) poses; NaN where a joint is not known.
        skeleton: K joints. Where their names show front and back, the axis points to the right for animals that face right. Else it
            separates the two sides, but may have the other sign.

    Returns:
        (K,) weights of length 1.

    Raises:
        DataError: no pose has two joints.
    """
    x, flip = _centred(xy), skeleton.flip_order
    x = (x + x[:, flip]) / 2
    if not np.abs(x).sum() > 0:
        raise DataError("labelled poses with two joints or more, to see which way animals face", "none")
    axis: np.ndarray = np.linalg.eigh(x.T @ x)[1][:, -1]
    axis = (axis + axis[flip]) / 2
    ends = front_and_back(skeleton)
    if ends is None:
        sign = axis[np.abs(axis).argmax()]
    else:
        sign = axis[list(ends.front)].mean() - axis[list(ends.back)].mean()
    return -axis if sign < 0 else axis


def faces_right(xy: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """(N,) float64: above 0 where a pose (N, K, 2) faces right, below 0 where it faces left; 0 without two known joints.

    Args:
        xy: poses in any unit; NaN where a joint is not known.
        axis: (K,) of `fit_facing_axis`.
    """
    side: np.ndarray = _centred(xy) @ axis
    return side


def turned_right(xy: np.ndarray, axis: np.ndarray, flip_order: np.ndarray) -> np.ndarray:
    """Poses (N, K, 2) about x = 0, those that face left mirrored."""
    return np.where((faces_right(xy, axis) < 0)[:, None, None], mirrored(xy, flip_order), xy)


def _centred(xy: np.ndarray) -> np.ndarray:
    """(N, K) x of each pose about the mean of its known joints; 0 where a joint is not known."""
    x = np.asarray(xy, np.float64)[..., 0]
    known = np.isfinite(x)
    mean = np.where(known, x, 0.0).sum(1) / np.maximum(known.sum(1), 1)
    return np.where(known, x - mean[:, None], 0.0)
