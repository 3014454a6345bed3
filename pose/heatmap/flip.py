"""Maps of a mirrored picture brought upright."""

from __future__ import annotations

import torch


def flip_back(heatmaps: torch.Tensor, flip_order) -> torch.Tensor:
    """Maps (B, K, h, w) of a mirrored picture, brought upright: columns reversed, left and right joints swapped."""
    return heatmaps.flip(-1)[:, torch.as_tensor(flip_order, device=heatmaps.device)]


def flip_back_offsets(maps: torch.Tensor, flip_order) -> torch.Tensor:
    """`flip_back` for three maps a joint (B, 3 K, h, w): the joint's second map, the offset in x, also changes its sign."""
    joints = maps.unflatten(1, (-1, 3)).flip(-1)[:, torch.as_tensor(flip_order, device=maps.device)]
    return (joints * joints.new_tensor([1, -1, 1]).view(3, 1, 1)).flatten(1, 2)


def shift_right(maps: torch.Tensor, cells: int = 1) -> torch.Tensor:
    """Maps (..., w) moved to the right, the first columns kept, as the published test of SimpleBaseline and HRNet does with those
    of the mirrored picture (SHIFT_HEATMAP): in its frame they lie 3/4 of a cell to the left. 0 cells: the maps themselves.
    """
    return torch.cat([maps[..., :cells], maps[..., : maps.shape[-1] - cells]], -1) if cells else maps
