"""Maps of a mirrored picture, mirrored back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

FlipOrder = Sequence[int] | np.ndarray | torch.Tensor


def flip_back(heatmaps: torch.Tensor, flip_order: FlipOrder) -> torch.Tensor:
    """Mirror the maps of a mirrored picture back: reverse the columns, swap left and right joints.

    Args:
        heatmaps: (B, K, h, w).
        flip_order: (K,) index of each joint's partner, see `Skeleton.flip_order`.

    Returns:
        (B, K, h, w).
    """
    return heatmaps.flip(-1)[:, torch.as_tensor(flip_order, device=heatmaps.device)]


def flip_back_offsets(maps: torch.Tensor, flip_order: FlipOrder) -> torch.Tensor:
    """`flip_back` for three maps for each joint (B, 3 K, h, w); the second map, the offset in x, also changes its sign."""
    joints = maps.reshape(len(maps), -1, 3, *maps.shape[2:]).flip(-1)
    joints = joints[:, torch.as_tensor(flip_order, device=maps.device)]
    return (joints * joints.new_tensor([1, -1, 1]).view(3, 1, 1)).flatten(1, 2)


def shift_right(maps: torch.Tensor, cells: int = 1) -> torch.Tensor:
    """Move maps (..., w) to the right; the first columns stay.

    The published tests of SimpleBaseline and HRNet move the maps of the mirrored picture by one cell (SHIFT_HEATMAP): in their
    frame these lie 3/4 of a cell too far to the left.

    Args:
        cells: 0 returns the maps themselves.
    """
    return torch.cat([maps[..., :cells], maps[..., : maps.shape[-1] - cells]], -1) if cells else maps
