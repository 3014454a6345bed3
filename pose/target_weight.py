"""Loss weights of joints at, or beyond, the border of the crop, by the rules of the published codes.

The rules differ. A Gaussian counts if its window of 3 sigma reaches into the map. A disc with offsets counts at each place.
MSPN and CPN do not count a joint outside the crop.
"""

from __future__ import annotations

import torch

from .codecs import CODECS
from .heatmap import window_weight


def target_weight(
    codec: str, xy_heatmap: torch.Tensor, visible: torch.Tensor, size_hw: tuple[int, int], sigma: float
) -> torch.Tensor:
    """Loss weights of the joints of a target.

    Args:
        codec: a name in `CODECS`. Gaussian peaks: 0 where the window around the nearest cell (DARK: around the joint itself) is
            completely outside the map, see `heatmap.window_weight`. Discs with offsets: all labelled joints count. Levels of
            kernels: 0 outside the crop, else the flag, since the losses of MSPN and CPN need it.
        xy_heatmap: (B, K, 2) joints in cells.
        visible: (B, K) 0 not labelled, 1 labelled but hidden, 2 visible.
        size_hw: (h, w), rows and columns of the map.
        sigma: width of the peaks, cells.

    Returns:
        (B, K) float32: 0 or 1; for levels 0, 1 or 2.
    """
    targets = CODECS[codec]
    if targets.kernels:
        size = xy_heatmap.new_tensor(size_hw[::-1])
        return visible.float() * ((xy_heatmap >= -0.5) & (xy_heatmap < size - 0.5)).all(-1)
    weight = (visible > 0).float()
    return window_weight(xy_heatmap, weight, size_hw, sigma, targets.encoding) if targets.encoding else weight
