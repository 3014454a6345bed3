"""Boxes and points as the published CC-SSL code moves them: 1-based points, cut to whole pixels.

Source: J. Mu et al., "Learning from Synthetic Animals", CVPR 2020, and the hourglass code it builds on. Written from a
description of the behaviour, and held to published numbers in tests/parity. `pose.geometry` is the exact counterpart
for everything that need not repeat published numbers.

A box is a centre (x, y) and a scale: a square of 200 x scale pixels. Published points are 1-based, hence the
`- 1` and `+ 1` in `original_transform`.
"""

from __future__ import annotations

import numpy as np

from ..skeleton import TIGDOG18

BOX_UNIT_PX = 200.0


def original_matrix(center, scale, size_hw, rot_deg=0.0) -> np.ndarray:
    """Matrix from picture pixels to a crop (or heatmap) of `size_hw` cells, both 0-based.

    A float32 scale is computed with in float32 as far as the published code does, since cutting to whole pixels makes the last
    digit visible. A float32 centre beside a float64 scale is widened first.

    Args:
        center: (..., 2) x, y of the box in pixels.
        scale: (...) box side / 200.
        size_hw: (..., 2) rows, columns of the crop.
        rot_deg: (...) counter-clockwise turn of the picture about the middle of the crop.

    Returns:
        (..., 3, 3) float64.
    """
    center, scale, rot = _floats(center), _floats(scale), _floats(rot_deg)
    size = np.asarray(size_hw)
    # the published code divides by the scale: its kind decides, that of the centre does not
    narrow = np.float32 if scale.dtype == np.float32 else np.float64
    side = BOX_UNIT_PX * scale
    matrix = np.zeros(np.broadcast_shapes(center.shape[:-1], side.shape, size.shape[:-1], rot.shape) + (3, 3))
    matrix[..., 2, 2] = 1
    for axis, length in enumerate((size[..., 1], size[..., 0])):
        offset = -center[..., axis].astype(narrow) / side.astype(narrow) + narrow(0.5)
        matrix[..., axis, axis] = length.astype(side.dtype) / side
        matrix[..., axis, 2] = length.astype(narrow) * offset
    if np.any(rot != 0):
        turned = _rotation(rot, size) @ matrix
        matrix = np.where((rot != 0)[..., None, None], turned, matrix)
    return matrix


def original_transform(xy, center, scale, size_hw, rot_deg=0.0, inverse: bool = False, first: int = 1) -> np.ndarray:
    """Points from the picture to the crop or back: subtract 1, map, cut toward zero, add 1.

    Args:
        xy: (..., 2) 1-based points; leading axes broadcast against those of the box, see `original_matrix`. For K
            points of B boxes give xy (B, K, 2), center (B, 1, 2), scale (B, 1).
        inverse: from the crop to the picture.
        first: number of the first pixel: 1, or the 0 of princeton-vl's PyTorch hourglass, which neither subtracts nor adds.

    Returns:
        (..., 2) int64, counted from `first`.
    """
    matrix = original_matrix(center, scale, size_hw, rot_deg)
    if inverse:
        matrix = np.linalg.inv(matrix)
    xy = _floats(xy) - first
    mapped = matrix[..., :2, 0] * xy[..., :1] + matrix[..., :2, 1] * xy[..., 1:] + matrix[..., :2, 2]
    return np.trunc(mapped).astype(np.int64) + first


def original_box(xy_px, factor: float) -> tuple[np.ndarray, float]:
    """Centre and scale of the square box about labelled joints; only coordinates above 0 count, flags do not.

    Args:
        xy_px: (K, 2) joints.
        factor: side of the box / longer side of the joints' box (1.5 for TigDog).

    Returns:
        (2,) float32 centre in pixels, and the scale.
    """
    xy = np.asarray(xy_px, dtype=np.float64)
    low, high = [], []
    for column in xy.T:
        column = column[column > 0]
        low.append(column.min() if column.size else 0.0)
        high.append(column.max() if column.size else 0.0)
    center = np.array([(a + b) / 2 for a, b in zip(low, high)], np.float32)
    return center, float(max(high[0] - low[0], high[1] - low[1]) / BOX_UNIT_PX * factor)


def flip_points(xy: np.ndarray, width, flip_order: np.ndarray = TIGDOG18.flip_order) -> np.ndarray:
    """Mirrored joints: x becomes width - x (not width - 1 - x), partners change places. Absent joints move too.

    Args:
        xy: (..., K, 2 or more) joints; further columns travel along.
        width: (...) picture width in pixels.
        flip_order: (K,) see `Skeleton.flip_order`.
    """
    flipped = np.array(xy)
    flipped[..., 0] = np.asarray(width)[..., None] - flipped[..., 0]
    return flipped[..., flip_order, :]


def _rotation(rot: np.ndarray, size: np.ndarray) -> np.ndarray:
    """(..., 3, 3) turn by -rot degrees about the middle of a crop of `size` rows, columns."""
    angle = -rot * rot.dtype.type(np.pi) / rot.dtype.type(180)
    sin, cos = np.sin(angle), np.cos(angle)
    middle = np.broadcast_arrays(size[..., 1] / 2, size[..., 0] / 2, sin)[:2]
    turn = np.zeros(np.broadcast_shapes(sin.shape, middle[0].shape) + (3, 3))
    turn[..., 0, 0], turn[..., 0, 1], turn[..., 1, 0], turn[..., 1, 1], turn[..., 2, 2] = cos, -sin, sin, cos, 1
    there, back = np.broadcast_to(np.eye(3), turn.shape).copy(), np.broadcast_to(np.eye(3), turn.shape).copy()
    there[..., 0, 2], there[..., 1, 2] = -middle[0], -middle[1]
    back[..., 0, 2], back[..., 1, 2] = middle
    return back @ turn @ there


def _floats(values) -> np.ndarray:
    values = np.asarray(values)
    return values if values.dtype == np.float32 else values.astype(np.float64)
