"""Which joints a training target holds: the published rules for joints at, or beyond, the border of the crop.

They differ. A Gaussian counts as long as its window of 3 sigma touches the map, however little of it is seen; a disc with offsets
counts wherever it lies; MSPN and CPN forget a joint outside the crop.
"""

from __future__ import annotations

import torch

from .heatmap import window_weight

# codec -> rule; see `target_weight`
RULES = {
    "dark": "gaussian", "argmax": "msra", "quarter": "msra", "softargmax": "msra", "udp": "udp_gaussian",
    "udp_offset": "all", "grmi": "all", "megvii": "inside",
}  # fmt: skip


def target_weight(
    codec: str, xy_heatmap: torch.Tensor, visible: torch.Tensor, size_hw: tuple[int, int], sigma: float
) -> torch.Tensor:
    """Loss weights of the joints of a target.

    Args:
        codec: one of `RULES`, names of `pose.codecs.CODECS`. "msra" and "udp_gaussian": 0 where the window about the nearest cell
            lies wholly beside the map (SimpleBaseline, HRNet, UDP), "gaussian": about the joint itself (DARK), see
            `heatmap.window_weight`; "all": none is left out (UDP's offsets); "inside": 0 outside the crop, and flags are kept,
            since these losses read them (MSPN, CPN).
        xy_heatmap: (B, K, 2) cells.
        visible: (B, K) 0 not labelled, 1 hidden, 2 seen.
        size_hw: rows and columns of the map.
        sigma: width of the peaks, cells.

    Returns:
        (B, K) float32: 0 or 1; 0, 1 or 2 for "inside".
    """
    rule, h, w = RULES[codec], *size_hw
    if rule == "inside":
        size = xy_heatmap.new_tensor([w, h])
        return visible.float() * ((xy_heatmap >= -0.5) & (xy_heatmap < size - 0.5)).all(-1)
    weight = (visible > 0).float()
    return weight if rule == "all" else window_weight(xy_heatmap, weight, size_hw, sigma, rule)
