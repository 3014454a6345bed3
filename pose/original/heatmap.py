"""Target maps of the 2020 CC-SSL code and their decoding: patches at whole cells, highest cell, quarter shift.

Source: see `pose.original.geometry`. `pose.heatmap` is the exact version, on batches of tensors.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from ...errors import OptionError
from ..skeleton import TIGDOG18
from .geometry import original_transform

LABEL_TYPES = ("Gaussian", "Cauchy")


@lru_cache(maxsize=16)
def _patch(sigma: float, kind: str) -> np.ndarray:
    """(S, S) float32 peak of S = 6 sigma + 1 cells, its centre in cell S // 2."""
    if kind not in LABEL_TYPES:
        raise OptionError(f"a label type out of {', '.join(LABEL_TYPES)}", kind)
    size = 6 * sigma + 1
    steps = np.arange(0, size, 1, dtype=np.float64) - size // 2
    squared = steps**2 + steps[:, None] ** 2
    peak: np.ndarray = np.exp(-squared / (2 * sigma**2)) if kind == "Gaussian" else sigma / (squared + sigma**2) ** 1.5
    return peak.astype(np.float32)


def draw_labelmaps(
    xy_heatmap: ArrayLike,
    size_hw: tuple[int, int],
    sigma: float = 1,
    kind: str = "Gaussian",
    active: ArrayLike | None = None,
    canvas: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one map for each joint with a peak of 6 sigma + 1 cells; it overwrites what the canvas holds there.

    Args:
        xy_heatmap: (..., 2) 0-based cells. The corners of the patch are truncated toward zero; as in the original code, the
            patch is smaller for fractional coordinates between -1 and 3 sigma.
        size_hw: (h, w), rows and columns of the maps.
        sigma: in cells; a whole number in the original code.
        kind: "Gaussian" (peak 1) or "Cauchy" (peak 1 / sigma squared).
        active: (...) bool; False: map and flag stay 0. None: all True.
        canvas: (..., h, w) float32 that is changed; None: zeros.

    Returns:
        maps (..., h, w) float32; flags (...) float32, 0 where the patch is completely outside the map.

    Raises:
        OptionError: an unknown kind.
    """
    xy = np.asarray(xy_heatmap)
    xy = xy if xy.dtype == np.float32 else xy.astype(np.float64)
    rows, columns = size_hw
    patch = _patch(float(sigma), kind)
    if canvas is None:
        canvas = np.zeros((*xy.shape[:-1], rows, columns), np.float32)
    reach = xy.dtype.type(3 * sigma)
    start = np.trunc(xy - reach).astype(np.int64)
    stop = np.trunc(xy + reach + xy.dtype.type(1)).astype(np.int64)
    inside = ((start < (columns, rows)) & (stop >= 0)).all(-1)
    if active is not None:
        inside &= np.asarray(active, bool)
    cells = start[..., None] + np.arange(len(patch))
    drawn = (cells >= 0) & (cells < np.minimum(stop, (columns, rows))[..., None]) & inside[..., None, None]
    # (N, S, S) pairs of row and column of all maps
    wanted = drawn[..., 1, :, None] & drawn[..., 0, None, :]
    flat = canvas.reshape(-1, rows, columns)
    item, row, column = np.nonzero(wanted.reshape(-1, len(patch), len(patch)))
    cells = cells.reshape(-1, 2, len(patch))
    flat[item, cells[item, 1, row], cells[item, 0, column]] = patch[row, column]
    return flat.reshape(canvas.shape), inside.astype(np.float32)


def peaks(heatmaps: np.ndarray) -> np.ndarray:
    """Find the highest cell of maps (..., h, w).

    Returns:
        (..., 2) float32 x, y, 1-based: the first of equal cells, row by row; (0, 0) where no value is above 0.
    """
    flat = np.asarray(heatmaps).reshape(*heatmaps.shape[:-2], -1)
    index = flat.argmax(-1)
    row, column = np.divmod(index, heatmaps.shape[-1])
    positive = np.take_along_axis(flat, index[..., None], -1) > 0
    xy: np.ndarray = np.stack([column + 1, row + 1], -1) * positive
    return xy.astype(np.float32)


def final_preds(heatmaps: np.ndarray, center: ArrayLike, scale: ArrayLike) -> np.ndarray:
    """Find joints: the highest cell, a quarter cell toward the higher neighbour, half a cell; mapped to the picture and truncated.

    Args:
        heatmaps: (B, K, h, w).
        center: (B, 2) or (2,) centre of the box, px.
        scale: (B,) or one number, side of the box / 200 px.

    Returns:
        (B, K, 2) float32 px of the picture with whole values, 1-based. The joint of a map without a positive value is just
        outside the box.
    """
    heatmaps = np.asarray(heatmaps)
    batch, joints, rows, columns = heatmaps.shape
    xy = peaks(heatmaps)
    column, row = xy[..., 0].astype(int) - 1, xy[..., 1].astype(int) - 1
    free = (column > 0) & (column < columns - 1) & (row > 0) & (row < rows - 1)
    b, k = np.nonzero(free)
    r, c = row[free], column[free]
    xy[b, k, 0] += np.sign(heatmaps[b, k, r, c + 1] - heatmaps[b, k, r, c - 1]) * np.float32(0.25)
    xy[b, k, 1] += np.sign(heatmaps[b, k, r + 1, c] - heatmaps[b, k, r - 1, c]) * np.float32(0.25)
    xy += np.float32(0.5)
    center = np.broadcast_to(np.asarray(center), (batch, 2))[:, None]
    scale = np.broadcast_to(np.asarray(scale), (batch,))[:, None]
    return original_transform(xy, center, scale, (rows, columns), inverse=True).astype(np.float32)


def flip_back(heatmaps: np.ndarray, flip_order: np.ndarray = TIGDOG18.flip_order) -> np.ndarray:
    """Mirror the maps (..., K, h, w) of a mirrored picture back and swap partners, without a shift."""
    return np.ascontiguousarray(heatmaps[..., flip_order, :, ::-1])
