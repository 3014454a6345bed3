"""Maps to joints: one function for all decoders."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from .dark import decode_dark, decode_darkpose
from .megvii import decode_megvii, decode_megvii_mmpose
from .offsets import decode_grmi, decode_udp_offset
from .quarter import decode_argmax, decode_msra, decode_original, decode_princeton, decode_quarter
from .soft_argmax import decode_lpn, decode_soft_argmax
from .udp import decode_udp_gaussian, decode_udp_mmpose, decode_udp_pose

DECODERS: dict[str, Callable[..., tuple[torch.Tensor, torch.Tensor]]] = {
    "argmax": decode_argmax,
    "quarter": decode_quarter,
    "dark": decode_dark,
    "published_argmax": partial(decode_original, quarter=False),
    "published_quarter": decode_original,
    "soft_argmax": decode_soft_argmax,
    "udp_gaussian": decode_udp_gaussian,
    "udp_offset": decode_udp_offset,
    "grmi": decode_grmi,
    "msra": decode_msra,
    "darkpose": decode_darkpose,
    "lpn": decode_lpn,
    "udp_pose": decode_udp_pose,
    "udp_mmpose": decode_udp_mmpose,
    "megvii": decode_megvii,
    "cpn": partial(decode_megvii, kernel=21, normalise=True),
    "megvii_mmpose": decode_megvii_mmpose,
    "princeton": decode_princeton,
}
# decoders that smooth maps with a number of taps
SMOOTHED = (
    "dark",
    "darkpose",
    "udp_gaussian",
    "udp_pose",
    "udp_mmpose",
    "udp_offset",
    "megvii",
    "cpn",
    "megvii_mmpose",
)
# decoders of one map for each joint whose score is its maximum and whose place is at most 3/4 cell from the highest cell
DECODINGS = ("argmax", "quarter", "dark", "published_argmax", "published_quarter")


def tap_settings(kind: str, taps: int) -> dict[str, Any]:
    """Settings of `decode` for a number of smoothing taps.

    Args:
        kind: a key of `DECODERS`.
        taps: 0 means the decoder's default. `udp_offset` smooths its discs with 2 taps + 1, its offsets with this number.

    Raises:
        ValueError: a decoder that does not smooth.
    """
    if not taps:
        return {}
    if kind not in SMOOTHED:
        raise ValueError(f"{kind} does not smooth maps: a number of taps is for {', '.join(SMOOTHED)}")
    return {"kernels": (2 * taps + 1, taps)} if kind == "udp_offset" else {"kernel": taps}


def decode(
    heatmaps: torch.Tensor, kind: str = "dark", modulate_sigma: float | None = None, **settings: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """Find the joints of heatmaps.

    Args:
        heatmaps: (B, K, h, w); (B, 3 K, h, w) for `udp_offset` and `grmi`. Half precision is converted to float32.
        kind: a key of `DECODERS`, see `pose.heatmap`.
        modulate_sigma: only for `dark`, see `dark.decode_dark`.
        settings: further arguments of the decoder.

    Returns:
        xy_heatmap (B, K, 2) in cells (1-based for `published_argmax` and `published_quarter`), and score (B, K): the map's
        maximum if the decoder says nothing else. float32, or float64 for maps of float64.

    Raises:
        ValueError: an unknown decoder, or a setting that it does not have.

    >>> from zoopose.pose.heatmap import encode
    >>> maps = encode(torch.tensor([[[12.25, 7.5]]]), torch.ones(1, 1), size_hw=(16, 24), sigma=1.5)
    >>> xy_heatmap, score = decode(maps)
    >>> print([round(float(v), 2) for v in xy_heatmap[0, 0]])
    [12.25, 7.5]
    """
    if kind not in DECODERS:
        raise ValueError(f"kind must be one of {', '.join(DECODERS)}, not {kind!r}")
    if modulate_sigma is not None:
        if kind != "dark":
            raise ValueError(f"modulate_sigma belongs to dark, not to {kind!r}")
        settings["modulate_sigma"] = modulate_sigma
    maps = heatmaps.to(torch.promote_types(heatmaps.dtype, torch.float32)).contiguous()
    return DECODERS[kind](maps, **settings)
