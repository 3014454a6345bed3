"""Decoding by the highest cell and a quarter of a cell: the exact form and those of three published codes.

All take maps (B, K, h, w) and give xy_heatmap (B, K, 2) and a score (B, K).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .peaks import cell_reader, peaks, slope


def decode_argmax(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest cell."""
    x, y, score = peaks(maps)
    return torch.stack([x, y], -1).to(maps.dtype), score


def decode_quarter(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest cell, a quarter cell towards the higher neighbour of each axis; nothing on the border or between equals."""
    x, y, score = peaks(maps)
    return torch.stack([x, y], -1) + 0.25 * slope(maps, x, y).sign(), score


def decode_msra(maps: torch.Tensor, absent: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Quarter shift of SimpleBaseline and HRNet (`get_final_preds` with POST_PROCESS), as published.

    A map without a value above 0 is at (0, 0); the shift is made for 1 < x < w - 1 and 1 < y < h - 1 only, so that column 1 and
    row 1 are never refined. B. Xiao et al., Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018, section 2.

    Args:
        absent: both coordinates of a map without a value above 0; mmpose has -1.
    """
    x, y, score = peaks(maps)
    return _msra_points(maps, x, y, score, absent), score


def _msra_points(maps, x, y, score, absent: float, further: float = 0.0) -> torch.Tensor:
    h, w = maps.shape[-2:]
    known = (score > 0)[..., None]
    x, y = x * known[..., 0], y * known[..., 0]
    inner = ((x > 1) & (x < w - 1) & (y > 1) & (y < h - 1))[..., None]
    shifted = torch.stack([x, y], -1) + torch.where(inner, 0.25 * slope(maps, x, y).sign() + further, 0.0)
    return torch.where(known, shifted, absent).to(maps.dtype)


def decode_original(maps: torch.Tensor, quarter: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """1-based cells of the published CC-SSL and bearpaw hourglass code (`get_preds`; with `quarter` its `final_preds` before the
    transform): a quarter cell towards the higher neighbour and half a cell. (0, 0) where nothing exceeds 0.
    """
    h, w = maps.shape[-2:]
    x, y, score = peaks(maps)
    points = torch.where((score > 0)[..., None], torch.stack([x, y], -1).to(maps.dtype) + 1, 0.0)
    if not quarter:
        return points, score
    px, py = points.long().unbind(-1)
    inner = (px > 1) & (px < w) & (py > 1) & (py < h)
    shift = 0.25 * slope(maps, px - 1, py - 1).sign()
    return points + torch.where(inner[..., None], shift, 0.0) + 0.5, score


def decode_princeton(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`HeatmapParser.parse` of the princeton-vl hourglass code, before its transform to the picture.

    The highest of those cells that are highest among their eight neighbours; a quarter cell towards the higher neighbour, but
    to the left (or up) where both are equal, a missing neighbour counting as the cell itself; then half a cell. Neither shift nor
    half where the score is not above 0. Its cells cover [x, x + 1): picture px are 4 x.
    """
    alone = torch.where(F.max_pool2d(maps, 3, 1, 1) == maps, maps, 0.0)
    x, y, score = peaks(alone)
    at = cell_reader(maps)
    right, down = at(x + 1, y) > at(x - 1, y), at(x, y + 1) > at(x, y - 1)
    shift = torch.stack([right, down], -1) * 0.5 - 0.25 + 0.5
    return torch.stack([x, y], -1) + torch.where((score > 0)[..., None], shift, 0.0).to(maps.dtype), score
