"""The published target maps and their decoding: patches cut to whole cells, arg-max, quarter shift.

Source: as `published_geometry`. `pose.heatmap` is the exact, batched counterpart on tensors.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from ...errors import OptionError
from ..skeleton import TIGDOG18
from .geometry import original_transform

LABEL_TYPES = ("Gaussian", "Cauchy")


@lru_cache(maxsize=16)
def _patch(sigma: float, kind: str) -> np.ndarray:
    """(S, S) float32 peak of S = 6 sigma + 1 cells, centred on cell S // 2."""
    if kind not in LABEL_TYPES:
        raise OptionError(f"a label type out of {', '.join(LABEL_TYPES)}", kind)
    size = 6 * sigma + 1
    steps = np.arange(0, size, 1, float) - size // 2
    squared = steps**2 + steps[:, None] ** 2
    if kind == "Gaussian":
        return np.exp(-squared / (2 * sigma**2)).astype(np.float32)
    return (sigma / (squared + sigma**2) ** 1.5).astype(np.float32)


def draw_labelmaps(
    xy_heatmap, size_hw: tuple[int, int], sigma: float = 1, kind: str = "Gaussian", active=None, canvas=None
) -> tuple[np.ndarray, np.ndarray]:
    """One map a joint with a peak of 6 sigma + 1 cells, which overwrites what is there.

    Args:
        xy_heatmap: (..., 2) 0-based cells. The patch corners are cut toward zero, so fractional coordinates between -1
            and 3 sigma shrink the patch, as published.
        size_hw: rows, columns of the maps.
        sigma: in cells; the published code means whole numbers.
        kind: "Gaussian" (peak 1) or "Cauchy" (peak 1 / sigma squared).
        active: (...) bool, False leaves map and flag at 0; default all.
        canvas: (..., rows, columns) float32 to draw on (in place); default zeros.

    Returns:
        maps (..., rows, columns) float32; flags (...) float32, 0 where the patch lies wholly outside.
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
    # (N, S, S) pairs of row and column, for all maps at once
    wanted = drawn[..., 1, :, None] & drawn[..., 0, None, :]
    flat = canvas.reshape(-1, rows, columns)
    item, row, column = np.nonzero(wanted.reshape(-1, len(patch), len(patch)))
    cells = cells.reshape(-1, 2, len(patch))
    flat[item, cells[item, 1, row], cells[item, 0, column]] = patch[row, column]
    return flat.reshape(canvas.shape), inside.astype(np.float32)


def peaks(heatmaps: np.ndarray) -> np.ndarray:
    """(..., h, w) maps to (..., 2) float32 x, y of the largest value, 1-based; (0, 0) where nothing exceeds 0.

    The first cell (row by row) wins a tie.
    """
    flat = np.asarray(heatmaps).reshape(*heatmaps.shape[:-2], -1)
    index = flat.argmax(-1)
    row, column = np.divmod(index, heatmaps.shape[-1])
    found = np.take_along_axis(flat, index[..., None], -1) > 0
    return (np.stack([column + 1, row + 1], -1) * found).astype(np.float32)


def final_preds(heatmaps: np.ndarray, center, scale) -> np.ndarray:
    """Joints in picture pixels: arg-max, a quarter cell toward the higher neighbour, half a cell, mapped back and cut.

    Args:
        heatmaps: (B, K, h, w).
        center: (B, 2) or (2,) box centre in pixels.
        scale: (B,) or one number, box side / 200.

    Returns:
        (B, K, 2) float32 with whole values, 1-based. A map without a positive value lands just outside the box.
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
    center, scale = np.asarray(center), np.asarray(scale)
    center = np.broadcast_to(center, (batch, 2))[:, None]
    scale = np.broadcast_to(scale, (batch,))[:, None]
    return original_transform(xy, center, scale, (rows, columns), inverse=True).astype(np.float32)


def flip_back(heatmaps: np.ndarray, flip_order: np.ndarray = TIGDOG18.flip_order) -> np.ndarray:
    """(..., K, h, w) maps of a mirrored picture, mirrored again, partners swapped. No shift by a cell."""
    return np.ascontiguousarray(heatmaps[..., flip_order, :, ::-1])
