"""Which joints a training target holds: the published rules for joints at, or beyond, the border of the crop.

They differ. A Gaussian counts as long as its window of 3 sigma touches the map, however little of it is seen; a disc with offsets
counts wherever it lies; MSPN and CPN forget a joint outside the crop.
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
        codec: one of `CODECS`. Gaussian peaks: 0 where the window about the nearest cell (DARK: about the joint itself) lies wholly
            beside the map, see `heatmap.window_weight`. Discs with offsets: none is left out. Levels of kernels: 0 outside the
            crop, and flags are kept, since the losses of MSPN and CPN read them.
        xy_heatmap: (B, K, 2) cells.
        visible: (B, K) 0 not labelled, 1 hidden, 2 seen.
        size_hw: rows and columns of the map.
        sigma: width of the peaks, cells.

    Returns:
        (B, K) float32: 0 or 1; 0, 1 or 2 for levels.
    """
    known = CODECS[codec]
    if known.kernels:
        size = xy_heatmap.new_tensor(size_hw[::-1])
        return visible.float() * ((xy_heatmap >= -0.5) & (xy_heatmap < size - 0.5)).all(-1)
    weight = (visible > 0).float()
    return window_weight(xy_heatmap, weight, size_hw, sigma, known.encoding) if known.encoding else weight
