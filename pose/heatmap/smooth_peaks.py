"""The highest cell of every map after smoothing, mostly without smoothing the maps."""

from __future__ import annotations

import torch

from .peaks import peaks
from .smoothing import blur, blur_matrix, blur_near, chunks

REACH = 4  # cells on each side of the likely peak that are looked at
SLACK = 1e-5  # of the largest value near the peak: what rounding may do to a bound there


def smooth_peaks(maps: torch.Tensor, kernel: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Column, row and value of the highest cell of smoothed maps, their neighbourhood mirrored beyond the edge.

    A smoothed value is a mean over its surroundings, so the smoothed row of the columns' maxima bounds every column of the smoothed
    map from above, and likewise rows. Where these bounds are highest a few cells are smoothed; where no bound elsewhere comes up to
    the highest of them it is the map's. Only maps for which that is not so (no clear peak) are smoothed as a whole.

    Args:
        maps: (B, K, h, w).
        kernel: weights of an odd number of cells.

    Returns:
        column and row (B, K) int64, and the smoothed value there (B, K).
    """
    if maps.device.type != "cpu":
        return peaks(blur(maps, kernel, "reflect"))
    (b, k, h, w), flat = maps.shape, maps.flatten(0, 1)
    bounds = (torch.cat(part) for part in zip(*(_maxima(flat[part]) for part in chunks(flat))))
    across, down = (_smoothed(axis, kernel) for axis in bounds)
    x, y = across.argmax(-1), down.argmax(-1)
    near = blur_near(maps, x.view(b, k), y.view(b, k), kernel, "reflect", REACH, maps.dtype).flatten(0, 1)
    dx, dy, score = peaks(near)
    least = (score - SLACK * near.flatten(1).abs().amax(1))[:, None]
    unsure = _beyond(across, x, least) | _beyond(down, y, least)
    x, y = (x + dx - REACH).clamp(0, w - 1), (y + dy - REACH).clamp(0, h - 1)
    chosen = unsure.nonzero()[:, 0]
    for part in chunks(flat[chosen]) if len(chosen) else ():
        some = chosen[part]
        x[some], y[some], score[some] = peaks(blur(flat[some], kernel, "reflect"))
    return x.view(b, k), y.view(b, k), score.view(b, k)


def _maxima(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Of every column (N, w) of maps (N, h, w), and for every row (N, h) that of the row and its neighbour in a pair."""
    h = maps.shape[1]
    pairs = torch.maximum(maps[:, 0::2], maps[:, 1::2]) if h % 2 == 0 else maps
    rows = pairs.amax(2).repeat_interleave(h // pairs.shape[1], 1)
    while (
        pairs.shape[1] % 2 == 0
    ):  # halves are compared cell by cell: faster than a reduction over an axis in the middle
        half = pairs.shape[1] // 2
        pairs = torch.maximum(pairs[:, :half], pairs[:, half:])
    return pairs.amax(1), rows


def _smoothed(axis: torch.Tensor, kernel: tuple[float, ...]) -> torch.Tensor:
    return axis @ torch.as_tensor(blur_matrix(axis.shape[-1], kernel, "reflect"), dtype=axis.dtype).T


def _beyond(bound: torch.Tensor, place: torch.Tensor, least: torch.Tensor) -> torch.Tensor:
    """(N,) whether a bound (N, n) further than `REACH` from its place comes up to `least`."""
    far = (torch.arange(bound.shape[-1]) - place[:, None]).abs() > REACH
    return (far & (bound >= least)).any(-1)
