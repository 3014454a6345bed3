"""The highest cell of every map after smoothing, mostly by smoothing a few rows."""

from __future__ import annotations

import torch

from .peaks import peaks
from .smoothing import blur, blur_matrix, chunks, row_weights, stretches

REACH = 6  # rows above and below the likely peak that are smoothed
SLACK = 1e-5  # of the largest value in those rows: what rounding may do to a bound


def smooth_peaks(maps: torch.Tensor, kernel: tuple[float, ...]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Column, row and value of the highest cell of smoothed maps, their neighbourhood mirrored beyond the edge.

    A smoothed value is a mean over its surroundings, so the rows' maxima, smoothed, bound every row of the smoothed map from above.
    The rows about the highest bound are smoothed; where no bound elsewhere comes up to the highest cell in them, it is the map's.
    Only maps for which that is not so (no clear peak) are smoothed as a whole.

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
    return tuple(part.view(maps.shape[:2]) for part in (x, y, score))


def _row_maxima(maps: torch.Tensor) -> torch.Tensor:
    """(N, h) of every row of maps (N, h, w), or of two rows together: torch reduces longer rows three times as fast."""
    n, h, w = maps.shape
    joined = 2 if h % 2 == 0 else 1
    return maps.reshape(n, h // joined, joined * w).amax(2).repeat_interleave(joined, 1)
