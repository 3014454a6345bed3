"""Targets and decoding with a disc and offsets: UDP's combined target and G-RMI.

Three maps for each joint, in this order: the disc (1 within a radius of the joint), and on it the offset to the joint in x and
in y. UDP counts offsets in radii, G-RMI in cells. J. Huang et al., The Devil Is in the Details, CVPR 2020, section 3.3; G.
Papandreou et al., Towards Accurate Multi-person Pose Estimation in the Wild (G-RMI), CVPR 2017, section 3.2.
"""

from __future__ import annotations

import math

import torch

from .peaks import peaks
from .smooth_peaks import smooth_peaks
from .smoothing import blur_near, opencv_kernel

RADIUS_SHARE = 0.0546875  # radius of the disc as a share of the map's height, from mmpose: 3.5 cells of 64


def encode_offsets(
    xy_heatmap: torch.Tensor,
    visible: torch.Tensor,
    size_hw: tuple[int, int],
    radius: float,
    unit: float = 1.0,
) -> torch.Tensor:
    """Draw discs and offsets.

    Args:
        xy_heatmap: (B, K, 2) joints in cells.
        visible: (B, K); a joint gets empty maps where its flag is 0 or a coordinate is not finite.
        size_hw: (h, w), rows and columns of the maps.
        radius: of the disc in cells; its edge is part of the disc.
        unit: unit of the offsets, cells; the radius for UDP, 1 for G-RMI.

    Returns:
        (B, 3 K, h, w) float32.

    >>> maps = encode_offsets(torch.tensor([[[2.0, 1.0]]]), torch.ones(1, 1), (3, 5), radius=1.0)
    >>> disc, offset_x, offset_y = split(maps)
    >>> offset_x[0, 0, 1]
    tensor([ 0.,  1.,  0., -1., -0.])
    """
    h, w = size_hw
    shown = (visible > 0) & xy_heatmap.isfinite().all(-1)
    xy = xy_heatmap if xy_heatmap.dtype == torch.float64 else xy_heatmap.float()
    xy = torch.where(shown[..., None], xy, 0.0)
    dx = xy[..., 0, None] - torch.arange(w, device=xy.device, dtype=xy.dtype)
    dy = xy[..., 1, None] - torch.arange(h, device=xy.device, dtype=xy.dtype)
    squared = (dx / radius).square()[..., None, :] + (dy / radius).square()[..., :, None]
    disc = ((squared <= 1) & shown[..., None, None]).float()
    offsets = disc * (dx / unit).float()[..., None, :], disc * (dy / unit).float()[..., :, None]
    return torch.stack([disc, *offsets], 2).flatten(1, 2)


def split(maps: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Maps (B, 3 K, h, w) -> disc, offset in x, offset in y, each (B, K, h, w).

    Raises:
        ValueError: the number of maps is not a multiple of three.
    """
    if maps.shape[1] % 3:
        raise ValueError(f"a codec with offsets takes three maps a joint, not {maps.shape[1]} maps")
    return maps[:, 0::3], maps[:, 1::3], maps[:, 2::3]


def decode_udp_offset(
    maps: torch.Tensor,
    radius: float | None = None,
    kernels: tuple[int, int] = (15, 7),
    absent: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """UDP's decoder of combined targets, as published (`get_final_preds` of UDP-Pose with TARGET_TYPE offset; mmpose).

    The highest cell of the smoothed disc plus the smoothed offset there. A map without a value above 0 starts from (0, 0). In
    mmpose (`CombinedTarget`) it starts from (-1, -1) and reads its offset in the last row but one of the joint before it;
    absent=-1 repeats this, for any number of pictures (the published code fails for two or more).

    Args:
        maps: (B, 3 K, h, w).
        radius: cells of an offset of 1; None: `RADIUS_SHARE` of the height.
        kernels: taps of the Gaussians for discs and offsets: 15 and 7 in UDP-Pose, 2 k + 1 and k in mmpose with kernel k.
        absent: start of a map without a value above 0: 0 or -1.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K), the smoothed disc's value.
    """
    disc, *offsets = split(maps)
    h, w = disc.shape[-2:]
    radius = RADIUS_SHARE * h if radius is None else radius
    x, y, score = smooth_peaks(disc, opencv_kernel(kernels[0]))
    known = score > 0
    x, y = x * known, y * known
    start = torch.where(known[..., None], torch.stack([x, y], -1), absent).to(maps.dtype)
    taps = opencv_kernel(kernels[1])
    steps = [blur_near(offset, x, y, taps, "reflect", 0)[..., 0, 0] for offset in offsets]
    if absent < 0 and (maps.device.type != "cpu" or not known.all()):
        place = torch.full_like(x, w - 1), torch.full_like(y, h - 2)
        before = [blur_near(offset.roll(1, 1), *place, taps, "reflect", 0)[..., 0, 0] for offset in offsets]
        steps = [torch.where(known, *pair) for pair in zip(steps, before)]
    return start + radius * torch.stack(steps, -1), score


def hough_fusion(disc: torch.Tensor, offset: torch.Tensor, radius: float) -> torch.Tensor:
    """Add the votes of all cells for the joint's place, bilinearly, divided by the disc's area (G-RMI, equation 2).

    Args:
        disc: (B, K, h, w) probability that the cell lies within the disc, 0..1.
        offset: (B, K, 2, h, w) offset in x and y from the cell to the joint, cells.
        radius: of the disc, cells.

    Returns:
        (B, K, h, w) in the disc's precision. Votes beyond the border are lost.
    """
    h, w = disc.shape[-2:]
    column = torch.arange(w, device=disc.device, dtype=disc.dtype)
    row = torch.arange(h, device=disc.device, dtype=disc.dtype)
    x, y = (offset[..., 0, :, :] + column).flatten(-2), (offset[..., 1, :, :] + row[:, None]).flatten(-2)
    left, top = x.floor(), y.floor()
    fused = torch.zeros_like(disc).flatten(-2)
    for dx in (0, 1):
        for dy in (0, 1):
            near_x, near_y = left + dx, top + dy
            share = (1 - (x - near_x).abs()) * (1 - (y - near_y).abs())
            inside = (near_x >= 0) & (near_x < w) & (near_y >= 0) & (near_y < h)
            cell = (near_y.clamp(0, h - 1) * w + near_x.clamp(0, w - 1)).long()
            fused.scatter_add_(-1, cell, torch.where(inside, share * disc.flatten(-2), 0.0))
    return fused.view_as(disc) / (math.pi * radius**2)


def decode_grmi(
    maps: torch.Tensor, radius: float | None = None, logits: bool = True, refine: bool = True
) -> tuple[torch.Tensor, torch.Tensor]:
    """G-RMI's decoder: the highest cell of the votes.

    Args:
        maps: (B, 3 K, h, w) disc and offsets in cells.
        radius: of the disc in cells; None: `RADIUS_SHARE` of the height.
        logits: discs are logits, as of a network trained with the logistic loss; False: probabilities in 0..1.
        refine: move to the centre of the votes within one cell; False: a whole cell, as in the paper.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K), the votes at the highest cell. Its mean over joints is the paper's pose
        score.
    """
    disc, *offsets = split(maps)
    radius = RADIUS_SHARE * maps.shape[-2] if radius is None else radius
    fused = hough_fusion(disc.sigmoid() if logits else disc, torch.stack(offsets, 2), radius)
    x, y, score = peaks(fused)
    xy = torch.stack([x, y], -1).to(maps.dtype)
    return (xy + _centre_of_votes(fused, x, y) if refine else xy), score


def _centre_of_votes(fused: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(B, K, 2) offset from a cell to the centre of the votes in it and its eight neighbours."""
    h, w = fused.shape[-2:]
    near = blur_near(fused, x, y, (1.0,), reach=1)
    step = torch.arange(-1, 2, device=fused.device)
    inside = [((place[..., None] + step >= 0) & (place[..., None] + step < n)) for place, n in ((x, w), (y, h))]
    near = near * inside[0][..., None, :] * inside[1][..., :, None]
    total = near.sum((-1, -2)).clamp_min(torch.finfo(fused.dtype).tiny)
    return torch.stack([(near.sum(-2) * step).sum(-1), (near.sum(-1) * step).sum(-1)], -1) / total[..., None]
