"""Boxes and points of the 2020 CC-SSL code: 1-based points, truncated to whole pixels.

Source: J. Mu et al., "Learning from Synthetic Animals", CVPR 2020, and the hourglass code under it. Written from a description
of its behaviour; tests/parity compares with its numbers. `pose.geometry` is the exact version, for all code that does not have
to repeat these numbers.

A box has a centre (x, y) and a scale: it is a square of 200 x scale pixels. Points are 1-based, so `original_transform`
subtracts and adds 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..skeleton import TIGDOG18

BOX_UNIT_PX = 200.0  # unit of a box's scale


def original_matrix(center: ArrayLike, scale: ArrayLike, size_hw: ArrayLike, rot_deg: ArrayLike = 0.0) -> np.ndarray:
    """Compute the matrix from pixels of a picture to a crop (or heatmap) of `size_hw` cells, both 0-based.

    The truncation to whole pixels depends on the last digit. So a float32 scale is used in float32 in the same places as in the
    original code. A float32 centre with a float64 scale is converted to float64 first.

    Args:
        center: (..., 2) x, y of the box, px.
        scale: (...) side of the box / 200 px.
        size_hw: (..., 2) rows, columns of the crop.
        rot_deg: (...) turn of the picture about the middle of the crop, counter-clockwise.

    Returns:
        (..., 3, 3) float64.
    """
    center, scale, rot = _floats(center), _floats(scale), _floats(rot_deg)
    size = np.asarray(size_hw)
    # the original code divides by the scale: the scale's type decides, the centre's does not
    narrow = np.float32 if scale.dtype == np.float32 else np.float64
    side = BOX_UNIT_PX * scale
    matrix = np.zeros(np.broadcast_shapes(center.shape[:-1], side.shape, size.shape[:-1], rot.shape) + (3, 3))
    matrix[..., 2, 2] = 1
    for axis, length in enumerate((size[..., 1], size[..., 0])):
        offset = np.negative(center[..., axis].astype(narrow)) / side.astype(narrow) + narrow(0.5)
        matrix[..., axis, axis] = length.astype(side.dtype) / side
        matrix[..., axis, 2] = length.astype(narrow) * offset
    if np.any(rot != 0):
        turned = _rotation(rot, size) @ matrix
        matrix = np.where((rot != 0)[..., None, None], turned, matrix)
    return matrix


def original_transform(
    xy: ArrayLike,
    center: ArrayLike,
    scale: ArrayLike,
    size_hw: ArrayLike,
    rot_deg: ArrayLike = 0.0,
    *,
    inverse: bool = False,
    first: int = 1,
) -> np.ndarray:
    """Map points from the picture to the crop, or back: subtract 1, map, truncate toward zero, add 1.

    Args:
        xy: (..., 2) 1-based points. Leading axes are broadcast with those of the box, see `original_matrix`: for K points of B
            boxes xy (B, K, 2), center (B, 1, 2), scale (B, 1).
        center: see `original_matrix`.
        scale: see `original_matrix`.
        size_hw: see `original_matrix`.
        rot_deg: see `original_matrix`.
        inverse: map from the crop to the picture.
        first: number of the first pixel: 1, or 0 in princeton-vl's PyTorch hourglass, which does not subtract and add.

    Returns:
        (..., 2) int64, counted from `first`.
    """
    matrix = original_matrix(center, scale, size_hw, rot_deg)
    if inverse:
        matrix = np.linalg.inv(matrix)
    xy = _floats(xy) - first
    mapped = matrix[..., :2, 0] * xy[..., :1] + matrix[..., :2, 1] * xy[..., 1:] + matrix[..., :2, 2]
    points: np.ndarray = np.trunc(mapped).astype(np.int64) + first
    return points


def original_box(xy_px: ArrayLike, factor: float) -> tuple[np.ndarray, float]:
    """Compute centre and scale of the square box around joints. Coordinates above 0 count, whatever the joint's flag.

    Args:
        xy_px: (K, 2) joints, px.
        factor: side of the box / longer side of the joints' box (1.5 for TigDog).

    Returns:
        Centre (2,) float32 px, and side / 200 px.
    """
    xy = np.asarray(xy_px, dtype=np.float64)
    low, high = [], []
    for column in xy.T:
        column = column[column > 0]
        low.append(column.min() if column.size else 0.0)
        high.append(column.max() if column.size else 0.0)
    center = np.array([(a + b) / 2 for a, b in zip(low, high)], np.float32)
    return center, float(max(high[0] - low[0], high[1] - low[1]) / BOX_UNIT_PX * factor)


def flip_points(xy: np.ndarray, width: ArrayLike, flip_order: np.ndarray = TIGDOG18.flip_order) -> np.ndarray:
    """Mirror joints: x becomes width - x (not width - 1 - x), partners change places. Joints without label are mirrored too.

    Args:
        xy: (..., K, 2 or more) joints; further columns stay with their joint.
        width: (...) width of the picture, px.
        flip_order: (K,) index of each joint's partner, see `Skeleton.flip_order`.
    """
    flipped = np.array(xy)
    flipped[..., 0] = np.asarray(width)[..., None] - flipped[..., 0]
    return flipped[..., flip_order, :]


def _rotation(rot: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Matrix (..., 3, 3) of a turn by -rot degrees about the middle of a crop of `size` rows, columns."""
    angle = -rot * rot.dtype.type(np.pi) / rot.dtype.type(180)
    sin, cos = np.sin(angle), np.cos(angle)
    middle = np.broadcast_arrays(size[..., 1] / 2, size[..., 0] / 2, sin)[:2]
    turn = np.zeros(np.broadcast_shapes(sin.shape, middle[0].shape) + (3, 3))
    turn[..., 0, 0], turn[..., 0, 1], turn[..., 1, 0], turn[..., 1, 1], turn[..., 2, 2] = cos, -sin, sin, cos, 1
    there, back = np.broadcast_to(np.eye(3), turn.shape).copy(), np.broadcast_to(np.eye(3), turn.shape).copy()
    there[..., 0, 2], there[..., 1, 2] = -middle[0], -middle[1]
    back[..., 0, 2], back[..., 1, 2] = middle
    product: np.ndarray = back @ turn @ there
    return product


def _floats(values: ArrayLike) -> NDArray[np.floating[Any]]:
    """float32 as it is, other types as float64."""
    array = np.asarray(values)
    return array if array.dtype == np.float32 else array.astype(np.float64)
