"""Joints to maps, one map for each joint."""

from __future__ import annotations

import numpy as np
import torch

from .windows import msra_axis, original_maps, princeton_axis, udp_axis

ENCODINGS = ("gaussian", "cauchy", "published_gaussian", "published_cauchy", "msra", "udp_gaussian", "princeton")
_WINDOWS = {"msra": msra_axis, "udp_gaussian": udp_axis, "princeton": princeton_axis}


def encode(
    xy_heatmap: torch.Tensor,
    visible: torch.Tensor,
    size_hw: tuple[int, int],
    sigma: float,
    kind: str = "gaussian",
) -> torch.Tensor:
    """Draw target maps.

    Args:
        xy_heatmap: (B, K, 2) joints in cells.
        visible: (B, K); a joint gets an empty map where its flag is false or 0, or a coordinate is not finite.
        size_hw: (h, w), rows and columns of the map.
        sigma: width of the peak in cells.
        kind: one of `ENCODINGS`, see `pose.heatmap`.

    Returns:
        (B, K, h, w) float32.

    Raises:
        ValueError: an unknown kind.

    >>> maps = encode(torch.tensor([[[2.0, 1.0]]]), torch.ones(1, 1), size_hw=(3, 4), sigma=1.0)
    >>> maps[0, 0]
    tensor([[0.0821, 0.3679, 0.6065, 0.3679],
            [0.1353, 0.6065, 1.0000, 0.6065],
            [0.0821, 0.3679, 0.6065, 0.3679]])
    """
    if kind not in ENCODINGS:
        raise ValueError(f"kind must be one of {', '.join(ENCODINGS)}, not {kind!r}")
    h, w = size_hw
    shown = (visible > 0) & xy_heatmap.isfinite().all(-1)
    if kind.startswith("published"):
        maps = original_maps(xy_heatmap, size_hw, sigma, kind.endswith("cauchy"))
        return torch.where(shown[..., None, None], maps, 0.0)
    xy = xy_heatmap if xy_heatmap.dtype == torch.float64 else xy_heatmap.float()
    x, y = torch.where(shown[..., None], xy, 0.0).unbind(-1)
    if kind == "cauchy":
        dx2 = (torch.arange(w, device=xy.device) - x[..., None]) ** 2
        dy2 = (torch.arange(h, device=xy.device) - y[..., None]) ** 2
        maps = (1 + (dx2[..., None, :] + dy2[..., :, None]) / sigma**2) ** -1.5
        return torch.where(shown[..., None, None], maps, 0.0).float()
    if kind == "princeton":  # the published code omits joints beyond the map, and those at or left of 0
        shown = shown & (x > 0) & (x < w) & (y > -1) & (y < h)
    axis = _WINDOWS.get(kind, _whole_axis)
    # a Gaussian is the product of one for each axis: h + w exponentials, not h * w
    across, down = axis(x, w, sigma), axis(y, h, sigma)
    across = torch.where(shown[..., None], across, 0.0)
    maps = new_maps((*xy.shape[:2], h, w), xy.device)
    return torch.mul(down.float()[..., :, None], across.float()[..., None, :], out=maps)


def new_maps(shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
    """Allocate float32 maps without values.

    On a CPU the memory is NumPy's, which asks for large pages. Torch asks for thousands of small ones, and these take longer to get
    than the maps take to draw.
    """
    return torch.from_numpy(np.empty(shape, np.float32)) if device.type == "cpu" else torch.empty(shape, device=device)


def _whole_axis(place: torch.Tensor, n: int, sigma: float) -> torch.Tensor:
    cell = torch.arange(n, device=place.device)
    return torch.exp((cell - place[..., None]) ** 2 / (-2 * sigma**2))


def in_frame(xy: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
    """(B, K) bool: joints whose centre lies inside a frame of `size_hw`; NaN is outside."""
    h, w = size_hw
    x, y = xy.unbind(-1)
    return (x >= -0.5) & (x < w - 0.5) & (y >= -0.5) & (y < h - 0.5)
