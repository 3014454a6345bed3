"""The highest cell of each smoothed map; for most maps only a few rows are smoothed."""

from __future__ import annotations

import torch

from .peaks import peaks
from .smoothing import blur, blur_matrix, chunks, row_weights, stretches

REACH = 6  # rows above and below the likely peak that are smoothed; more rows cost more time, fewer miss the peak more often
SLACK = 1e-5  # by how much rounding may change a bound, as a share of the largest value in those rows


def smooth_peaks(maps: torch.Tensor, kernel: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Find the highest cell of smoothed maps; beyond the border the maps are mirrored.

    A smoothed value is a mean over its surroundings. So the maxima of the rows, smoothed, are upper bounds of the rows of the
    smoothed map. The rows around the highest bound are smoothed. If no other row's bound reaches the highest cell found there,
    this cell is the highest of the map. Only the other maps, which have no clear peak, are smoothed completely.

    Args:
        maps: (B, K, h, w).
        kernel: weights of an odd number of cells.

    Returns:
        column and row (B, K) int64, and the smoothed value there (B, K).
    """
    if maps.device.type != "cpu" or not maps.numel():
        return peaks(blur(maps, kernel, "reflect"))
    flat = maps.flatten(0, 1)
    if flat.stride(1) != flat.shape[2] or flat.stride(2) != 1:
        flat = flat.contiguous()
    (h, w), dtype = flat.shape[1:], flat.dtype
    weights, top = row_weights(h, kernel, "reflect", REACH, flat.device)
    weights, rows = weights.to(dtype), weights.shape[-1]
    across, down = (torch.as_tensor(blur_matrix(size, kernel, "reflect"), dtype=dtype).T for size in (w, h))
    runs, cell, found = stretches(flat, rows * w), torch.arange(h), []
    for part in chunks(flat):
        bound = _row_maxima(flat[part]) @ down
        likely = bound.argmax(1)
        first = torch.arange(part.start, part.start + len(likely)) * flat.stride(0) + top[likely] * w
        some_rows = weights[likely] @ runs.index_select(0, first).view(-1, rows, w)
        smooth = some_rows @ across
        x, y, score = peaks(smooth)
        least = score - SLACK * torch.maximum(score.abs(), bound.abs().amax(1))
        far = (cell - likely[:, None]).abs() > REACH
        unsure = (far & (bound >= least[:, None])).any(1) | ((smooth >= least[:, None, None]).sum((1, 2)) > 1)
        found.append((x, (likely + y - REACH).clamp(0, h - 1), score, unsure))
    x, y, score, unsure = (torch.cat(part) for part in zip(*found))
    rest = unsure.nonzero()[:, 0]
    for part in chunks(flat[rest]) if len(rest) else ():
        some = rest[part]
        x[some], y[some], score[some] = peaks(blur(flat[some], kernel, "reflect"))
    shape = maps.shape[:2]
    return x.view(shape), y.view(shape), score.view(shape)


def _row_maxima(maps: torch.Tensor) -> torch.Tensor:
    """(N, h) maximum of each row of maps (N, h, w), or of two rows together: torch reduces longer rows three times as fast."""
    n, h, w = maps.shape
    joined = 2 if h % 2 == 0 else 1
    return maps.reshape(n, h // joined, joined * w).amax(2).repeat_interleave(joined, 1)
