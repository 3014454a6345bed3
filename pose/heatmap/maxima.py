"""Several local maxima of each map: the places where a joint may be, not the best alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .dark import newton_step
from .smoothing import fast_blur, gaussian_kernel

_EARLIER = ((-1, -1), (-1, 0), (-1, 1), (0, -1))  # neighbours (row, column) that come before a cell, row by row
_LATER = ((0, 1), (1, -1), (1, 0), (1, 1))


def local_maxima(maps: torch.Tensor, count: int = 6, smooth_sigma: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the highest local maxima of each map, the highest first.

    A local maximum is higher than its neighbours, of which a cell inside the map has eight. Of neighbours with the same value the
    first one counts. Each place is moved by one Newton step on the logarithm, as in `decode_dark`: the first maximum of a map is
    the joint of that decoder.

    Args:
        maps: (B, K, h, w).
        count: P, the number of maxima of each map.
        smooth_sigma: width in cells of a Gaussian that smooths the maps first; 0: no smoothing. With smoothing, maxima and
            their values are those of the smoothed map.

    Returns:
        xy_heatmap (B, K, P, 2) in cells, and the value of each maximum (B, K, P). Where a map has fewer maxima, the rest has NaN
        places and the value 0.

    >>> from zoopose.pose.heatmap import encode
    >>> maps = encode(torch.tensor([[[4.25, 7.5], [17.5, 5.0]]]), torch.ones(1, 2), size_hw=(16, 24), sigma=1.5)
    >>> xy_heatmap, value = local_maxima(maps[:, :1] + 0.5 * maps[:, 1:], count=3)
    >>> print(torch.round(xy_heatmap[0, 0], decimals=2).tolist())
    [[4.25, 7.5], [17.5, 5.0], [nan, nan]]
    """
    maps = maps.to(torch.promote_types(maps.dtype, torch.float32))
    if smooth_sigma > 0:
        maps = fast_blur(maps, gaussian_kernel(smooth_sigma))
    h, w = maps.shape[-2:]
    padded = F.pad(maps, (1, 1, 1, 1), value=-torch.inf)

    def neighbour(row: int, column: int) -> torch.Tensor:
        return padded[..., 1 + row : 1 + row + h, 1 + column : 1 + column + w]

    highest = maps > neighbour(*_EARLIER[0])
    for place in _EARLIER[1:]:
        highest &= maps > neighbour(*place)
    for place in _LATER:
        highest &= maps >= neighbour(*place)
    heights = torch.where(highest, maps, -torch.inf).flatten(-2)
    value, index = heights.topk(min(count, h * w), -1)
    if count > h * w:
        value, index = F.pad(value, (0, count - h * w), value=-torch.inf), F.pad(index, (0, count - h * w))
    x, y = index % w, torch.div(index, w, rounding_mode="floor")
    step = newton_step(
        _surroundings(padded, index // w * (w + 2) + index % w), (x > 0) & (x < w - 1), (y > 0) & (y < h - 1)
    )
    xy = torch.stack([x, y], -1) + step.to(maps.dtype)
    there = value > -torch.inf
    return torch.where(there[..., None], xy, torch.nan), torch.where(there, value, 0.0)


def _surroundings(padded: torch.Tensor, first: torch.Tensor) -> torch.Tensor:
    """(..., P, 3, 3) cells of maps with a border of one cell; `first` (..., P) are the indices of their upper left cells."""
    flat, width = padded.flatten(-2), padded.shape[-1]
    rows = [torch.stack([flat.gather(-1, first + r * width + c) for c in range(3)], -1) for r in range(3)]
    return torch.stack(rows, -2)
