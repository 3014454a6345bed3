"""Smoothing of maps with Gaussian kernels: whole maps, or only the cells about a place.

Borders: `zero` counts what lies beyond the map as 0, `reflect` mirrors it about the outermost cell (OpenCV's BORDER_REFLECT_101,
which its GaussianBlur uses unless told otherwise).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F

BORDERS = ("zero", "reflect")
CACHE_CELLS = 1 << 19  # of maps that a thread works on at a time on a CPU: what stays in its cache


@lru_cache(maxsize=64)
def opencv_kernel(size: int) -> tuple[float, ...]:
    """The kernel of cv2.GaussianBlur with `size` taps and sigma 0: tables up to 9, beyond them sigma = 0.15 size + 0.35."""
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a kernel has an odd number of taps, not {size}")
    return tuple(float(v) for v in cv2.getGaussianKernel(size, 0)[:, 0])


@lru_cache(maxsize=64)
def gaussian_kernel(sigma: float) -> tuple[float, ...]:
    """A kernel of width sigma, cut at the cell nearest to three sigma; sigma 0 leaves maps as they are."""
    if sigma <= 0:
        return (1.0,)
    radius = max(1, round(3 * sigma))
    cell = np.arange(-radius, radius + 1)
    kernel = np.exp(-(cell**2) / (2 * sigma**2))
    return tuple(float(v) for v in kernel / kernel.sum())


def blur(maps: torch.Tensor, kernel: tuple[float, ...], border: str = "zero") -> torch.Tensor:
    """Maps (..., h, w) smoothed, in their own precision.

    Sums run from the middle outwards, over pairs, so that a map that is its own mirror image stays so to the last bit.
    """
    return _along(_along(maps, kernel, border, -1), kernel, border, -2)


def fast_blur(maps: torch.Tensor, kernel: tuple[float, ...], border: str = "zero") -> torch.Tensor:
    """`blur` but for the last bits: on a CPU two matrix products, which take a third of the time."""
    if maps.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return blur(maps, kernel, border)
    across, down = (torch.as_tensor(blur_matrix(n, kernel, border), dtype=maps.dtype) for n in maps.shape[:-3:-1])
    return down @ (maps @ across.T)


def _along(maps: torch.Tensor, kernel: tuple[float, ...], border: str, dim: int) -> torch.Tensor:
    radius, n = len(kernel) // 2, maps.shape[dim]
    padded = _extended(maps, radius, border, dim)
    found = padded.narrow(dim, radius, n) * kernel[radius]
    for i in range(1, radius + 1):
        pair = padded.narrow(dim, radius - i, n) + padded.narrow(dim, radius + i, n)
        found.add_(pair, alpha=kernel[radius + i])
    return found


def chunks(maps: torch.Tensor) -> Iterator[slice]:
    """Parts of the first axis of maps (N, h, w) that are best worked on together; on a GPU that is all of them. At least one."""
    return _parts(len(maps), maps.shape[-2] * maps.shape[-1], maps.device)


def _parts(count: int, cells: int, device: torch.device) -> Iterator[slice]:
    step = max(1, CACHE_CELLS * torch.get_num_threads() // cells) if device.type == "cpu" else max(1, count)
    return (slice(i, i + step) for i in range(0, max(1, count), step))


def _extended(maps: torch.Tensor, radius: int, border: str, dim: int) -> torch.Tensor:
    """Maps with `radius` cells more at both ends of an axis."""
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, not {border!r}")
    n = maps.shape[dim]
    if border == "zero":
        return F.pad(maps, (radius, radius) if dim == -1 else (0, 0, radius, radius))
    return maps.index_select(dim, _folded(torch.arange(-radius, n + radius, device=maps.device), n))


def _folded(place: torch.Tensor, n: int) -> torch.Tensor:
    """Cells of an axis of n that mirrored places beyond its ends mean."""
    return (n - 1) - (n - 1 - place % max(1, 2 * (n - 1))).abs()


def blur_near(
    maps: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    kernel: tuple[float, ...],
    border: str = "zero",
    reach: int = 1,
    precision: torch.dtype = torch.float64,
) -> torch.Tensor:
    """The cells about a place of the smoothed maps; only what they need is read, the maps are not smoothed as a whole.

    Args:
        maps: (B, K, h, w).
        x, y: (B, K) column and row of a cell inside the map.
        kernel: weights of an odd number of cells.
        border: see the module.
        reach: how many cells on each side.
        precision: what is computed in; in float64 what is flat stays flat.

    Returns:
        (B, K, 2 reach + 1, 2 reach + 1) in the maps' precision, indexed by row, column; a cell beyond the edge has the value of the
        nearest one inside.
    """
    if maps.stride(-1) != 1:
        maps = maps.contiguous()
    (down, top), (across, left) = (row_weights(n, kernel, border, reach, maps.device) for n in maps.shape[-2:])
    # the second transposed where the table is small
    down, across = down.to(precision), across.to(precision).transpose(1, 2).contiguous()
    rows, columns = down.shape[-1], across.shape[-2]
    item = torch.arange(maps.shape[0], device=maps.device)[:, None] * maps.stride(0)
    joint = torch.arange(maps.shape[1], device=maps.device) * maps.stride(1)
    first = (item + joint + top[y] * maps.stride(2) + left[x]).flatten()
    x, y, found = x.flatten(), y.flatten(), []
    for part in _parts(len(first), rows * columns, maps.device):
        patch = _windows(maps, first[part], rows, columns).to(precision)
        found.append(_product(_product(down[y[part]], patch), across[x[part]]).to(maps.dtype))
    return torch.cat(found).view(*maps.shape[:2], down.shape[1], across.shape[2])


def _windows(maps: torch.Tensor, first: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """(N, rows, columns) cells of maps (B, K, h, w) whose columns lie side by side, from the places (N,) in memory on."""
    if not maps.numel():
        return maps.new_zeros(len(first), rows, columns)
    place = first[:, None] + torch.arange(rows, device=maps.device) * maps.stride(2)
    return stretches(maps, columns).index_select(0, place.flatten()).view(-1, rows, columns)


def stretches(maps: torch.Tensor, length: int) -> torch.Tensor:
    """All stretches of that many cells in the memory of maps, (count, length), counted from the first cell: selecting some of them
    copies each at once, which is several times as fast as cell by cell.
    """
    end = sum((n - 1) * step for n, step in zip(maps.shape, maps.stride())) + 1
    return maps.as_strided((end + 1 - length, length), (1, 1))


@lru_cache(maxsize=64)
def blur_matrix(n: int, kernel: tuple[float, ...], border: str) -> np.ndarray:
    """(n, n) float64: row i holds what every cell of an axis of n gives to cell i of the smoothed axis."""
    radius = len(kernel) // 2
    unit = _extended(torch.eye(n, dtype=torch.float64), radius, border, -2)
    return sum(unit[i : i + n].numpy() * weight for i, weight in enumerate(kernel))


@lru_cache(maxsize=64)
def _row_table(n: int, kernel: tuple[float, ...], border: str, reach: int) -> tuple[np.ndarray, np.ndarray]:
    p = min(n, len(kernel) + 2 * reach)
    start = np.clip(np.arange(n) - reach - len(kernel) // 2, 0, n - p)
    cells = np.clip(np.arange(n)[:, None] + np.arange(-reach, reach + 1), 0, n - 1)
    matrix = blur_matrix(n, kernel, border)
    return matrix[cells[..., None], (start[:, None] + np.arange(p))[:, None]], start


def row_weights(
    n: int, kernel: tuple[float, ...], border: str, reach: int, device: torch.device
) -> tuple[torch.Tensor, torch.Tensor]:
    """What the smoothed cells about each cell of an axis of n are made of.

    Returns:
        weights (n, 2 reach + 1, p) float64 of p cells for the cells from `reach` before to `reach` behind (beyond the edge: for the
        outermost), and the first of the p cells (n,).
    """
    weights, start = _row_table(n, kernel, border, reach)
    return torch.as_tensor(weights, device=device), torch.as_tensor(start, device=device)


def _product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b in their own precision, also where a caller computes in half."""
    if a.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        return a @ b
    # sums, not matrix products: those round to TF32 or half where a training asks for it
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2)
