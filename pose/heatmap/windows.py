"""Target maps drawn in a window around the joint, as in published codes.

A map is the product of a row and a column of values: h + w exponentials for each joint, without a loop over joints.
"""

from __future__ import annotations

import torch


def nearest(place: torch.Tensor) -> torch.Tensor:
    """The cell of a place in published codes: half a cell is added, the sum truncated toward zero."""
    return (place + 0.5).trunc()


def reach_of(sigma: float) -> int:
    """Cells from the middle of a published window to its edge: 3 sigma. Published settings have whole sigmas."""
    return round(3 * sigma)


def msra_axis(place: torch.Tensor, n: int, sigma: float) -> torch.Tensor:
    """(..., n) values of one axis in SimpleBaseline, HRNet: a Gaussian about the nearest cell, in a window of 6 sigma + 1 cells."""
    return _windowed(nearest(place), nearest(place), n, sigma)


def udp_axis(place: torch.Tensor, n: int, sigma: float) -> torch.Tensor:
    """(..., n) values of one axis in UDP: the window of the nearest cell, the Gaussian about the place itself."""
    return _windowed(nearest(place), place, n, sigma)


def _windowed(cell: torch.Tensor, middle: torch.Tensor, n: int, sigma: float) -> torch.Tensor:
    column = torch.arange(n, device=cell.device, dtype=cell.dtype)
    inside = (column - cell[..., None]).abs() <= reach_of(sigma)
    return torch.where(inside, torch.exp((column - middle[..., None]).square() / (-2 * sigma**2)), 0.0)


def princeton_axis(place: torch.Tensor, n: int, sigma: float) -> torch.Tensor:
    """(..., n) values of one axis in the princeton-vl hourglass code: about the truncated place, in a window of 6 sigma + 3 cells.

    The window's first cell is also truncated toward zero.
    """
    reach = 3 * sigma + 1
    first, end = (place.trunc() - reach).trunc()[..., None], (place.trunc() + reach + 1).trunc()[..., None]
    column = torch.arange(n, device=place.device, dtype=place.dtype)
    inside = (column >= first) & (column < end)
    return torch.where(inside, torch.exp((column - first - reach).square() / (-2 * sigma**2)), 0.0)


def window_weight(
    xy_heatmap: torch.Tensor,
    visible: torch.Tensor,
    size_hw: tuple[int, int],
    sigma: float,
    kind: str = "msra",
) -> torch.Tensor:
    """The weight of a joint in published codes: `visible`, or 0 where the joint's window of 3 sigma is completely outside the map.

    A window that ends just before the first cell (`msra`, `udp_gaussian`) still counts as inside, though nothing of it is drawn.

    Args:
        xy_heatmap: (B, K, 2) joints in cells.
        visible: (B, K) flags or weights.
        size_hw: (h, w), rows and columns of the map.
        sigma: width of the peak in cells.
        kind: `msra` or `udp_gaussian`: the window of the nearest cell; `gaussian`: DARK's window, of the place itself. Codecs with
            offsets do not have such weights.

    Returns:
        (B, K) float32.

    Raises:
        ValueError: another kind.
    """
    if kind not in ("msra", "udp_gaussian", "gaussian"):
        raise ValueError(f"kind must be msra, udp_gaussian or gaussian, not {kind!r}")
    h, w = size_hw
    place, reach = (xy_heatmap, 3 * sigma) if kind == "gaussian" else (nearest(xy_heatmap), reach_of(sigma))
    first, end = (place - reach).trunc(), (place + reach + 1).trunc()
    size = torch.tensor([w, h], device=place.device)
    touches = ((first < size) & (end >= 0)).all(-1)  # false for NaN
    return torch.where(touches, visible.float(), 0.0)


def original_maps(xy: torch.Tensor, size_hw: tuple[int, int], sigma: float, cauchy: bool) -> torch.Tensor:
    """Maps (B, K, h, w) float32 of the CC-SSL and bearpaw hourglass code (`draw_labelmap`), bit for bit.

    Args:
        xy: (B, K, 2) joints in cells.
        size_hw: (h, w), rows and columns of the maps.
        sigma: width of the peak, cells.
        cauchy: a Cauchy peak in place of a Gaussian.
    """
    h, w = size_hw
    xy = xy if xy.dtype in (torch.float32, torch.float64) else xy.double()
    first = (xy - 3 * sigma).trunc().double()  # the subtraction in the coordinates' own precision, as published
    stop = (xy + 3 * sigma + 1).trunc().double()
    axes = []
    for axis, size in ((0, w), (1, h)):
        cell = torch.arange(size, device=xy.device, dtype=torch.float64)
        low, high = first[..., axis, None], stop[..., axis, None]
        axes.append(((cell >= low) & (cell < high), (cell - low - 3 * sigma) ** 2))
    (in_x, dx2), (in_y, dy2) = axes
    d2 = dx2[..., None, :] + dy2[..., :, None]
    maps = sigma / (d2 + sigma**2) ** 1.5 if cauchy else torch.exp(-d2 / (2 * sigma**2))
    return torch.where(in_x[..., None, :] & in_y[..., :, None], maps, 0.0).float()
