"""Targets of several widths and their decoding, as in CPN, MSPN and RSN.

Y. Chen et al., Cascaded Pyramid Network, CVPR 2018; W. Li et al., Rethinking on Multi-Stage Networks for Human Pose Estimation,
arXiv 1901.00148; Y. Cai et al., Learning Delicate Local Representations, ECCV 2020. Their maps rise to 255.

Frame: cells, centres at integers. Their crops put pixel 4 x + 2 on cell x, which is 4 (x + 0.5): cells cover [x, x + 1) there.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .peaks import cell_reader, peaks
from .quarter import _msra_points
from .smoothing import blur, blur_matrix, chunks, opencv_kernel

KERNELS = (15, 11, 9, 7)  # coarse first, for maps of 64 x 48; CPN takes 23, 17, 13, 9 for 96 x 72
PEAK = 255.0
RIM = 10  # cells of zeros about a map before it is smoothed


def encode_levels(
    xy_heatmap: torch.Tensor,
    visible: torch.Tensor,
    size_hw: tuple[int, int],
    kernels: tuple[int, ...] = KERNELS,
) -> torch.Tensor:
    """Targets of one or more widths: one cell smoothed with cv2.GaussianBlur's kernel (its border mirrored), brought to 255.

    Args:
        xy_heatmap: (B, K, 2) joints in cells; the peak is in the cell they lie in, halves to the right and below.
        visible: (B, K); a joint without, with a NaN, or in no cell of the map gets an empty map.
        size_hw: rows and columns of the maps.
        kernels: taps of each level.

    Returns:
        (B, levels, K, h, w) float32.
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
    """(B, K, n) float32 what a single cell of an axis spreads to, its highest value 1."""
    matrix = torch.as_tensor(blur_matrix(n, opencv_kernel(size), "reflect"), dtype=torch.float32, device=place.device)
    spread = matrix.T[place]
    return spread / spread.amax(-1, keepdim=True)


def decode_megvii(maps: torch.Tensor, kernel: int = 5, normalise: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """The published CPN, MSPN and RSN: the highest cell of the smoothed map, a quarter cell towards the second highest.

    The map gets a rim of ten zeros before it is smoothed, so a map of negative values is at (0, 0). Cut to the map. Where two cells
    tie for second place the published code goes by the last bit of its OpenCV's sums; this one by its own.

    Args:
        maps: (B, K, h, w), rising to 255.
        kernel: taps of the Gaussian: 5 for MSPN and RSN on COCO, 9 on MPII, 21 for CPN.
        normalise: divide every map by its maximum first, as CPN does (a map of negative values turns its sign); a maximum of 0,
            where the published code divides by it, leaves the map as it is.

    Returns:
        xy_heatmap (B, K, 2), and the score (B, K): the map's own value at the nearest cell / 255 + 0.5.
    """
    h, w = maps.shape[-2:]
    flat = maps.flatten(0, 1)
    places = [_two_highest(flat[part], opencv_kernel(kernel), normalise) for part in chunks(flat)]
    first, second = (torch.cat(part) for part in zip(*places))
    way = second - first
    length = way.norm(dim=-1, keepdim=True)
    xy = first + torch.where(length > 1e-3, 0.25 * way / length.clamp_min(1e-3), 0.0)
    edge = torch.tensor([w - 1, h - 1], device=maps.device, dtype=maps.dtype)
    xy = xy.clamp_min(0).minimum(edge).view(*maps.shape[:2], 2)
    x, y = xy.round().long().unbind(-1)
    return xy, cell_reader(maps)(x, y) / PEAK + 0.5


def _two_highest(maps: torch.Tensor, taps: tuple[float, ...], normalise: bool) -> list[torch.Tensor]:
    """Places (N, 2) of the highest and second highest cell of smoothed maps (N, h, w), in cells of the map without its rim."""
    if normalise:
        highest = maps.flatten(1).amax(1)[:, None, None]
        maps = maps / torch.where(highest != 0, highest, 1.0)
    smooth = blur(F.pad(maps, (RIM,) * 4).double(), taps, "reflect")  # published in float64, too
    found = []
    for _ in range(2):
        x, y, _ = peaks(smooth)
        found.append(torch.stack([x - RIM, y - RIM], -1).to(maps.dtype))
        smooth = smooth.flatten(1).scatter(1, (y * smooth.shape[-1] + x)[:, None], 0.0).view_as(smooth)
    return found


def decode_megvii_mmpose(maps: torch.Tensor, kernel: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    """mmpose's form for MSPN and RSN (`post_process="megvii"`), as published: the highest cell of the map smoothed as DARK does it,
    a quarter cell towards the higher neighbours and half a cell for 1 < x < w - 1 and 1 < y < h - 1; (-1, -1) without a value
    above 0. Maps rise to 255; the score is the smoothed map's highest value, which is the map's own, / 255 + 0.5.
    """
    flat = maps.flatten(0, 1)
    xy, score = maps.new_empty(len(flat), 2), maps.new_empty(len(flat))
    for part in chunks(flat):
        smooth = blur(flat[part].double(), opencv_kernel(kernel), "zero").to(maps.dtype)  # published in float64, too
        highest = (flat[part].flatten(1).amax(1) / smooth.flatten(1).amax(1))[:, None, None]
        smooth = torch.where(highest.isfinite(), smooth * highest, smooth)
        x, y, score[part] = peaks(smooth)
        xy[part] = _msra_points(smooth, x, y, score[part], -1.0, further=0.5)
    return xy.view(*maps.shape[:2], 2), score.view(maps.shape[:2]) / PEAK + 0.5
