"""Decoding by the highest cell and a quarter of a cell: exactly, and as in three published codes.

All functions take maps (B, K, h, w) and return xy_heatmap (B, K, 2) in cells and score (B, K), the map's maximum.
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
    """The highest cell, moved a quarter cell towards the higher neighbour on each axis; not on the border, not between equals."""
    x, y, score = peaks(maps)
    return torch.stack([x, y], -1) + 0.25 * slope(maps, x, y).sign(), score


def decode_msra(maps: torch.Tensor, absent: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """The quarter shift of SimpleBaseline and HRNet (`get_final_preds` with POST_PROCESS), as published.

    The shift is made only for 1 < x < w - 1 and 1 < y < h - 1, so not in column 1 and row 1. B. Xiao et al., Simple Baselines for
    Human Pose Estimation and Tracking, ECCV 2018, section 2.

    Args:
        maps: (B, K, h, w).
        absent: both coordinates of a map without a value above 0; -1 in mmpose.
    """
    x, y, score = peaks(maps)
    return msra_points(maps, (x, y, score), absent), score


def msra_points(
    maps: torch.Tensor,
    peak: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    absent: float,
    inner_shift: float = 0.0,
) -> torch.Tensor:
    """Points of `decode_msra`.

    Args:
        maps: (..., h, w).
        peak: column, row and value of the highest cell, each (...), see `peaks`.
        absent: see `decode_msra`.
        inner_shift: added to both coordinates where the quarter shift is made, cells.

    Returns:
        (..., 2), cells.
    """
    (x, y, score), (h, w) = peak, maps.shape[-2:]
    known = (score > 0)[..., None]
    x, y = x * known[..., 0], y * known[..., 0]
    inner = ((x > 1) & (x < w - 1) & (y > 1) & (y < h - 1))[..., None]
    shifted = torch.stack([x, y], -1) + torch.where(inner, 0.25 * slope(maps, x, y).sign() + inner_shift, 0.0)
    return torch.where(known, shifted, absent).to(maps.dtype)


def decode_original(maps: torch.Tensor, quarter: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """1-based cells of the CC-SSL and bearpaw hourglass code; (0, 0) where no value is above 0.

    Args:
        maps: (B, K, h, w).
        quarter: add a quarter cell towards the higher neighbour, and half a cell (`final_preds` before its transform); False: whole
            cells (`get_preds`).
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

    The highest of the cells that are not lower than their eight neighbours. It is moved a quarter cell towards the higher
    neighbour, or to the left (up) where both are equal, and by half a cell. Beyond the border the cell itself counts as
    neighbour. Nothing is moved where the score is not above 0. Cell x covers [x, x + 1): its pixels are 4 x to 4 x + 3.
    """
    alone = torch.where(F.max_pool2d(maps, 3, 1, 1) == maps, maps, 0.0)
    x, y, score = peaks(alone)
    at = cell_reader(maps)
    right, down = at(x + 1, y) > at(x - 1, y), at(x, y + 1) > at(x, y - 1)
    shift = torch.stack([right, down], -1) * 0.5 - 0.25 + 0.5
    return torch.stack([x, y], -1) + torch.where((score > 0)[..., None], shift, 0.0).to(maps.dtype), score
