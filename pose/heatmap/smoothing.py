"""Smoothing of maps with Gaussian kernels: complete maps, or only the cells around a place.

Borders: `zero` counts cells beyond the map as 0; `reflect` mirrors the map about its outermost cells (OpenCV's BORDER_REFLECT_101,
the default of its GaussianBlur).
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F

BORDERS = ("zero", "reflect")
CACHE_CELLS = (
    1 << 19
)  # cells of maps that one CPU thread works on at a time, so that they stay in its cache (2 MiB of float32)


@lru_cache(maxsize=64)
def opencv_kernel(size: int) -> tuple[float, ...]:
    """The kernel of cv2.GaussianBlur with `size` taps and sigma 0: tables up to 9 taps, else sigma = 0.15 size + 0.35.

    Raises:
        ValueError: an even number of taps.
    """
    if size < 1 or size % 2 == 0:
        raise ValueError(f"a kernel has an odd number of taps, not {size}")
    return tuple(float(v) for v in cv2.getGaussianKernel(size, 0)[:, 0])


@lru_cache(maxsize=64)
def gaussian_kernel(sigma: float) -> tuple[float, ...]:
    """A kernel of width sigma (cells), cut at the cell nearest to three sigma; sigma 0 leaves maps as they are."""
    if sigma <= 0:
        return (1.0,)
    radius = max(1, round(3 * sigma))
    cell = np.arange(-radius, radius + 1)
    kernel = np.exp(-(cell**2) / (2 * sigma**2))
    return tuple(float(v) for v in kernel / kernel.sum())


def blur(maps: torch.Tensor, kernel: tuple[float, ...], border: str = "zero") -> torch.Tensor:
    """Smooth maps (..., h, w) in their own precision.

    The sums run from the middle outwards over pairs, so a map that equals its mirror image still does, to the last bit.
    """
    return _along(_along(maps, kernel, border, -1), kernel, border, -2)


def fast_blur(maps: torch.Tensor, kernel: tuple[float, ...], border: str = "zero") -> torch.Tensor:
    """`blur`, apart from the last bits: on a CPU two matrix products, which take a third of the time."""
    if maps.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return blur(maps, kernel, border)
    across, down = (torch.as_tensor(blur_matrix(n, kernel, border), dtype=maps.dtype) for n in maps.shape[:-3:-1])
    return down @ (maps @ across.T)


def _along(maps: torch.Tensor, kernel: tuple[float, ...], border: str, dim: int) -> torch.Tensor:
    radius, n = len(kernel) // 2, maps.shape[dim]
    padded = _extended(maps, radius, border, dim)
    total = padded.narrow(dim, radius, n) * kernel[radius]
    for i in range(1, radius + 1):
        pair = padded.narrow(dim, radius - i, n) + padded.narrow(dim, radius + i, n)
        total.add_(pair, alpha=kernel[radius + i])
    return total


def chunks(maps: torch.Tensor) -> Iterator[slice]:
    """Divide the first axis of maps (N, h, w) into parts of a size that is fast; on a GPU one part. At least one part."""
    return _parts(len(maps), maps.shape[-2] * maps.shape[-1], maps.device)


def _parts(count: int, cells: int, device: torch.device) -> Iterator[slice]:
    step = max(1, CACHE_CELLS * torch.get_num_threads() // cells) if device.type == "cpu" else max(1, count)
    return (slice(i, i + step) for i in range(0, max(1, count), step))


def _extended(maps: torch.Tensor, radius: int, border: str, dim: int) -> torch.Tensor:
    """Maps with `radius` more cells at both ends of an axis."""
    if border not in BORDERS:
        raise ValueError(f"border must be one of {', '.join(BORDERS)}, not {border!r}")
    n = maps.shape[dim]
    if border == "zero":
        return F.pad(maps, (radius, radius) if dim == -1 else (0, 0, radius, radius))
    return maps.index_select(dim, _folded(torch.arange(-radius, n + radius, device=maps.device), n))


def _folded(place: torch.Tensor, n: int) -> torch.Tensor:
    """The cells of an axis of n that places beyond its ends are mirror images of."""
    return (n - 1) - (n - 1 - place % max(1, 2 * (n - 1))).abs()


def blur_near(
    maps: torch.Tensor,
    x: torch.Tensor,
    y: torch.Tensor,
    kernel: tuple[float, ...],
    border: str = "zero",
    reach: int = 1,
) -> torch.Tensor:
    """Smooth only the cells around a place of each map.

    The sums are computed in float64, in which a flat map stays flat.

    Args:
        maps: (B, K, h, w).
        x: (B, K) column of a cell inside the map.
        y: (B, K) row of this cell.
        kernel: weights of an odd number of cells.
        border: `zero` or `reflect`, see the module.
        reach: number of cells on each side.

    Returns:
        (B, K, 2 reach + 1, 2 reach + 1) in the maps' precision, indexed by row and column. A cell beyond the border has the
        value of the nearest one inside.
    """
    if maps.stride(-1) != 1:
        maps = maps.contiguous()
    (down, top), (across, left) = (row_weights(n, kernel, border, reach, maps.device) for n in maps.shape[-2:])
    # transposing this small table is faster than transposing the products
    across = across.transpose(1, 2).contiguous()
    rows, columns = down.shape[-1], across.shape[-2]
    item = torch.arange(maps.shape[0], device=maps.device)[:, None] * maps.stride(0)
    joint = torch.arange(maps.shape[1], device=maps.device) * maps.stride(1)
    first = (item + joint + top[y] * maps.stride(2) + left[x]).flatten()
    x, y, smooth = x.flatten(), y.flatten(), []
    for part in _parts(len(first), rows * columns, maps.device):
        patch = _windows(maps, first[part], rows, columns).double()
        smooth.append(_product(_product(down[y[part]], patch), across[x[part]]).to(maps.dtype))
    return torch.cat(smooth).view(*maps.shape[:2], down.shape[1], across.shape[2])


def _windows(maps: torch.Tensor, first: torch.Tensor, rows: int, columns: int) -> torch.Tensor:
    """(N, rows, columns) cells of maps (B, K, h, w), each window from the place `first` (N,) in memory; columns have stride 1."""
    if not maps.numel():
        return maps.new_zeros(len(first), rows, columns)
    place = first[:, None] + torch.arange(rows, device=maps.device) * maps.stride(2)
    return stretches(maps, columns).index_select(0, place.flatten()).view(-1, rows, columns)


def stretches(maps: torch.Tensor, length: int) -> torch.Tensor:
    """All runs of `length` neighbouring cells in the memory of maps, (count, length); run i begins at cell i. No copy is made.

    Selecting some runs copies each at once, several times as fast as cell by cell.
    """
    end = sum((n - 1) * step for n, step in zip(maps.shape, maps.stride())) + 1
    return maps.as_strided((end + 1 - length, length), (1, 1))


@lru_cache(maxsize=64)
def blur_matrix(n: int, kernel: tuple[float, ...], border: str) -> np.ndarray:
    """(n, n) float64: row i holds the weights of the cells of an axis of n in cell i of the smoothed axis."""
    radius = len(kernel) // 2
    unit = _extended(torch.eye(n, dtype=torch.float64), radius, border, -2)
    matrix = np.zeros((n, n))
    for i, weight in enumerate(kernel):
        matrix = matrix + unit[i : i + n].numpy() * weight
    return matrix


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
    """The weights that make the smoothed cells around each cell of an axis of n.

    Returns:
        Weights (n, 2 reach + 1, p) float64 of p cells, for the smoothed cells from `reach` before to `reach` behind (for the
        outermost one where such a cell is beyond the border). The index (n,) of the first of the p cells.
    """
    weights, start = _row_table(n, kernel, border, reach)
    return torch.as_tensor(weights, device=device), torch.as_tensor(start, device=device)


def _product(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """a @ b in their own precision, also under autocast."""
    if a.device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        return a @ b
    # sums, not matrix products: these are rounded to TF32 or half precision where a training allows it
    return (a[..., :, :, None] * b[..., None, :, :]).sum(-2)
