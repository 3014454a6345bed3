"""Targets of several widths, and their decoding: CPN, MSPN and RSN.

Y. Chen et al., Cascaded Pyramid Network, CVPR 2018; W. Li et al., Rethinking on Multi-Stage Networks for Human Pose Estimation,
arXiv 1901.00148; Y. Cai et al., Learning Delicate Local Representations, ECCV 2020. The peak of their maps is 255.

Frame: cells, centres at integers. In their crops pixel 4 x + 2 lies on cell x: a cell covers [x, x + 1).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .peaks import cell_reader, peaks
from .quarter import msra_points
from .smoothing import blur, blur_matrix, chunks, opencv_kernel

# published settings
KERNELS = (15, 11, 9, 7)  # taps, widest peak first, for maps of 64 x 48 cells; CPN has 23, 17, 13, 9 for 96 x 72
PEAK = 255.0  # value of a peak
RIM = 10  # cells of zeros that are added around a map before it is smoothed


def encode_levels(
    xy_heatmap: torch.Tensor,
    visible: torch.Tensor,
    size_hw: tuple[int, int],
    kernels: tuple[int, ...] = KERNELS,
) -> torch.Tensor:
    """Draw targets of one or more widths: one cell, smoothed with cv2.GaussianBlur's kernel (border mirrored), scaled to 255.

    Args:
        xy_heatmap: (B, K, 2) joints in cells. The peak is in the cell that holds the joint, halves rounded to the right and down.
        visible: (B, K); a joint gets an empty map where its flag is 0, where a coordinate is NaN, or where it lies in no cell.
        size_hw: (h, w), rows and columns of the maps.
        kernels: taps of each level.

    Returns:
        (B, levels, K, h, w) float32.

    >>> maps = encode_levels(torch.tensor([[[2.0, 1.0]]]), torch.ones(1, 1), (3, 5), kernels=(3,))
    >>> maps[0, 0, 0, 1]
    tensor([  0.0000, 127.5000, 255.0000, 127.5000,   0.0000])
    """
    h, w = size_hw
    cell = (torch.nan_to_num(xy_heatmap, nan=-1.0, posinf=-1.0, neginf=-1.0) + 0.5).floor()
    x, y = cell.unbind(-1)
    shown = (visible > 0) & (x >= 0) & (x < w) & (y >= 0) & (y < h)
    x, y = x.clamp(0, w - 1).long(), y.clamp(0, h - 1).long()
    levels = []
    for size in kernels:
        across, down = (_spread(n, size, place) for n, place in ((w, x), (h, y)))
        across = torch.where(shown[..., None], across * PEAK, 0.0)
        levels.append((down[..., :, None] * across[..., None, :]).float())
    return torch.stack(levels, 1)


def _spread(n: int, size: int, place: torch.Tensor) -> torch.Tensor:
    """(B, K, n) float32: a single cell of an axis after smoothing, its highest value scaled to 1."""
    matrix = torch.as_tensor(blur_matrix(n, opencv_kernel(size), "reflect"), dtype=torch.float32, device=place.device)
    spread = matrix.T[place]
    return spread / spread.amax(-1, keepdim=True)


def decode_megvii(maps: torch.Tensor, kernel: int = 5, normalise: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """The published decoder of CPN, MSPN and RSN: the highest cell of the smoothed map, a quarter cell towards the second highest.

    Ten zeros are added around the map before it is smoothed, so a map of negative values is at (0, 0). Coordinates are limited
    to the map. Where two cells are equally the second highest, the last bit of the sums decides; OpenCV's sums and these differ
    there.

    Args:
        maps: (B, K, h, w), with peaks of 255.
        kernel: taps of the Gaussian: 5 for MSPN and RSN on COCO, 9 on MPII, 21 for CPN.
        normalise: divide each map by its maximum first, as in CPN (this changes the sign of a map of negative values). A map with a
            maximum of 0, where the published code divides by 0, stays as it is.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K): the map's value at the nearest cell / 255 + 0.5.
    """
    h, w = maps.shape[-2:]
    flat = maps.flatten(0, 1)
    places = [_two_highest(flat[part], opencv_kernel(kernel), normalise) for part in chunks(flat)]
    first, second = (torch.cat(part) for part in zip(*places))
    step = second - first
    length = step.norm(dim=-1, keepdim=True)
    xy = first + torch.where(length > 1e-3, 0.25 * step / length.clamp_min(1e-3), 0.0)
    edge = torch.tensor([w - 1, h - 1], device=maps.device, dtype=maps.dtype)
    xy = xy.clamp_min(0).minimum(edge).view(*maps.shape[:2], 2)
    x, y = xy.round().long().unbind(-1)
    return xy, cell_reader(maps)(x, y) / PEAK + 0.5


def _two_highest(maps: torch.Tensor, taps: tuple[float, ...], normalise: bool) -> list[torch.Tensor]:
    """The highest and second highest cell (N, 2) of smoothed maps (N, h, w), counted without the added zeros."""
    if normalise:
        highest = maps.flatten(1).amax(1)[:, None, None]
        maps = maps / torch.where(highest != 0, highest, 1.0)
    smooth = blur(F.pad(maps, (RIM,) * 4).double(), taps, "reflect")  # float64 as published
    found = []
    for _ in range(2):
        x, y, _ = peaks(smooth)
        found.append(torch.stack([x - RIM, y - RIM], -1).to(maps.dtype))
        smooth = smooth.flatten(1).scatter(1, (y * smooth.shape[-1] + x)[:, None], 0.0).view_as(smooth)
    return found


def decode_megvii_mmpose(maps: torch.Tensor, kernel: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    """The decoder of mmpose for MSPN and RSN (`post_process="megvii"`), as published.

    The highest cell of the map, smoothed as in DARK. For 1 < x < w - 1 and 1 < y < h - 1 it is moved a quarter cell towards the
    higher neighbours and by half a cell. (-1, -1) without a value above 0.

    Args:
        maps: (B, K, h, w), with peaks of 255.
        kernel: taps of the Gaussian; 11 is the published number.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K): the map's maximum / 255 + 0.5.
    """
    flat = maps.flatten(0, 1)
    xy, score = maps.new_empty(len(flat), 2), maps.new_empty(len(flat))
    for part in chunks(flat):
        smooth = blur(flat[part].double(), opencv_kernel(kernel), "zero").to(maps.dtype)  # float64 as published
        highest = (flat[part].flatten(1).amax(1) / smooth.flatten(1).amax(1))[:, None, None]
        smooth = torch.where(highest.isfinite(), smooth * highest, smooth)
        x, y, score[part] = peaks(smooth)
        xy[part] = msra_points(smooth, (x, y, score[part]), absent=-1.0, inner_shift=0.5)
    return xy.view(*maps.shape[:2], 2), score.view(maps.shape[:2]) / PEAK + 0.5
