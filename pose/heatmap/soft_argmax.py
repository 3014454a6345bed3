"""Decoding by the mean place under a softmax over all cells.

F. Zhang et al., Simple and Lightweight Human Pose Estimation (LPN), arXiv 1911.10346, section 3.3 (beta-soft-argmax).
"""

from __future__ import annotations

import torch

from .peaks import cell_reader, slope

BETA = 160.0  # of the published evaluation; the default of the published class is 100


def decode_soft_argmax(maps: torch.Tensor, beta: float = BETA) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean place under the softmax of beta times the map; differentiable. The result for a flat map is its middle.

    Args:
        maps: (B, K, h, w).
        beta: larger values give the highest cell more weight.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K): the map's value at the nearest cell (halves to the even one), which may
        be less than its maximum.
    """
    h, w = maps.shape[-2:]
    share = (maps.flatten(-2) * beta).softmax(-1).view_as(maps)
    column = torch.arange(w, device=maps.device, dtype=maps.dtype)
    row = torch.arange(h, device=maps.device, dtype=maps.dtype)
    xy = torch.stack([(share.sum(-2) * column).sum(-1), (share.sum(-1) * row).sum(-1)], -1)
    x, y = xy.detach().round().long().unbind(-1)
    return xy, cell_reader(maps)(x, y)


def decode_lpn(maps: torch.Tensor, beta: float = BETA) -> tuple[torch.Tensor, torch.Tensor]:
    """The published decoder of LPN (`get_final_preds_using_softargmax`) before its transform to the picture.

    The place of `decode_soft_argmax`, moved a quarter cell towards the higher neighbour of the nearest cell, only for 1 < x < w
    - 1 and 1 < y < h - 1.
    """
    xy, score = decode_soft_argmax(maps, beta)
    h, w = maps.shape[-2:]
    x, y = (xy.detach() + 0.5).floor().long().unbind(-1)
    inner = ((x > 1) & (x < w - 1) & (y > 1) & (y < h - 1))[..., None]
    return xy + torch.where(inner, 0.25 * slope(maps, x, y).sign(), 0.0), score
