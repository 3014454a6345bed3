"""Heatmap codecs: joints to maps and back. Pure, batched, on any device.

Frame: heatmap cells, cell centres at integers, x = column, y = row. Kinds of `encode`:

- `gaussian`: exp(-d^2 / 2 sigma^2) about the sub-pixel joint. `cauchy`: 1 / (1 + (d/sigma)^2)^1.5, peak 1.
- `published_gaussian`, `published_cauchy`: the maps of the published CC-SSL code (its `draw_labelmap`), bit for bit: a patch of
  6 sigma + 1 cells about a cell found by cutting toward zero, and a Cauchy peak of 1 / sigma^2.

Kinds of `decode`, with the bound on |decode(encode(x)) - x| per axis, for a joint at least one cell inside the map:

- `argmax`: 0.5 cell. `quarter`: 0.25 cell (a quarter cell towards the higher neighbour).
- `dark`: 0.02 cell on `gaussian` maps of sigma 0.8 to 3 (the logarithm of a Gaussian is a parabola, which the Taylor step meets
  exactly; what is left is float32). Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020, section 3.
- `published_argmax`, `published_quarter`: 1-based cells as the published code counts them, (0, 0) where no value is positive.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

ENCODINGS = ("gaussian", "cauchy", "published_gaussian", "published_cauchy")
DECODINGS = ("argmax", "quarter", "dark", "published_argmax", "published_quarter")


def encode(
    xy_heatmap: torch.Tensor,
    visible: torch.Tensor,
    size_hw: tuple[int, int],
    sigma: float,
    kind: str = "gaussian",
) -> torch.Tensor:
    """Target maps.

    Args:
        xy_heatmap: (B, K, 2) joints in cells.
        visible: (B, K); a joint with a false or zero flag gets an empty map, as one with a NaN coordinate does.
        size_hw: rows and columns of the map.
        sigma: width of the peak in cells.
        kind: one of `ENCODINGS`.

    Returns:
        (B, K, h, w) float32.
    """
    _known(kind, ENCODINGS)
    h, w = size_hw
    shown = ((visible > 0) & ~xy_heatmap.isnan().any(-1))[..., None, None]
    if kind.startswith("published"):
        return torch.where(shown, _published_maps(xy_heatmap, size_hw, sigma, kind.endswith("cauchy")), 0.0)
    xy = torch.nan_to_num(xy_heatmap.float())
    dx2 = (torch.arange(w, device=xy.device) - xy[..., 0, None]) ** 2
    dy2 = (torch.arange(h, device=xy.device) - xy[..., 1, None]) ** 2
    if kind == "cauchy":
        maps = (1 + (dx2[..., None, :] + dy2[..., :, None]) / sigma**2) ** -1.5
    else:  # a Gaussian is the product of its two axes: h + w exponentials, not h * w
        maps = torch.exp(dy2 / (-2 * sigma**2))[..., :, None] * torch.exp(dx2 / (-2 * sigma**2))[..., None, :]
    return torch.where(shown, maps, 0.0)


def in_frame(xy: torch.Tensor, size_hw: tuple[int, int]) -> torch.Tensor:
    """(B, K) bool: joints whose centre lies inside a frame of `size_hw`; NaN is outside."""
    h, w = size_hw
    x, y = xy.unbind(-1)
    return (x >= -0.5) & (x < w - 0.5) & (y >= -0.5) & (y < h - 0.5)


def decode(
    heatmaps: torch.Tensor, kind: str = "dark", modulate_sigma: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Joints of heatmaps.

    Args:
        heatmaps: (B, K, h, w).
        kind: one of `DECODINGS`.
        modulate_sigma: for `dark`: smooth the maps with a Gaussian of this width first (DARK's distribution modulation, its
            sigma is the target's); 0 reads the maps as they are.

    Returns:
        xy_heatmap (B, K, 2) in cells (1-based for the published kinds) and score (B, K), the map's maximum.
    """
    _known(kind, DECODINGS)
    b, k, h, w = heatmaps.shape
    score, index = heatmaps.flatten(2).max(-1)
    x, y = index % w, torch.div(index, w, rounding_mode="floor")
    xy = torch.stack([x, y], -1).to(heatmaps.dtype)
    if kind.startswith("published"):
        return _published_points(heatmaps, xy, score, quarter=kind.endswith("quarter")), score
    if kind == "quarter":
        xy = xy + 0.25 * _slope(heatmaps, x, y).sign()
    elif kind == "dark":
        xy = xy + _taylor_step(heatmaps, x, y, modulate_sigma)
    return xy, score


def flip_back(heatmaps: torch.Tensor, flip_order) -> torch.Tensor:
    """Maps (B, K, h, w) of a mirrored picture, brought upright: columns reversed, left and right joints swapped."""
    return heatmaps.flip(-1)[:, torch.as_tensor(flip_order, device=heatmaps.device)]


def _known(kind: str, kinds: tuple[str, ...]) -> None:
    if kind not in kinds:
        raise ValueError(f"kind must be one of {', '.join(kinds)}, not {kind!r}")


def _published_maps(xy: torch.Tensor, size_hw: tuple[int, int], sigma: float, cauchy: bool) -> torch.Tensor:
    h, w = size_hw
    xy = xy if xy.dtype in (torch.float32, torch.float64) else xy.double()
    first = (xy - 3 * sigma).trunc().double()  # in the coordinates' own precision, as published
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


def _slope(maps: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(B, K, 2) right minus left and below minus above the cell (x, y); 0 on the border."""
    h, w = maps.shape[-2:]
    at = _reader(maps)
    inside_x, inside_y = (x > 0) & (x < w - 1), (y > 0) & (y < h - 1)
    dx = torch.where(inside_x, at(x + 1, y) - at(x - 1, y), 0.0)
    dy = torch.where(inside_y, at(x, y + 1) - at(x, y - 1), 0.0)
    return torch.stack([dx, dy], -1)


def _reader(maps: torch.Tensor):
    h, w = maps.shape[-2:]
    flat = maps.flatten(2)

    def at(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        index = y.clamp(0, h - 1) * w + x.clamp(0, w - 1)
        return flat.gather(2, index[..., None])[..., 0]

    return at


def _taylor_step(maps: torch.Tensor, x: torch.Tensor, y: torch.Tensor, sigma: float) -> torch.Tensor:
    """Newton step on the logarithm of the map from its highest cell, at most half a cell per axis (argmax cannot be further off).
    The map is first smoothed by sigma, 0: not at all.

    Where the surface is no dome (flat, border, not positive) the axis that cannot be refined stays where it is.
    """
    h, w = maps.shape[-2:]
    near = _smoothed_near(maps, x, y, sigma)
    floor = near[..., 1, 1].clamp_min(1e-10) * 1e-6

    def log_at(dx: int, dy: int) -> torch.Tensor:
        return near[..., 1 + dy, 1 + dx].maximum(floor).log().double()

    centre, left, right, up, down = log_at(0, 0), log_at(-1, 0), log_at(1, 0), log_at(0, -1), log_at(0, 1)
    gx, gy = (right - left) / 2, (down - up) / 2
    hxx, hyy = right + left - 2 * centre, down + up - 2 * centre
    hxy = (log_at(1, 1) + log_at(-1, -1) - log_at(1, -1) - log_at(-1, 1)) / 4
    inside_x, inside_y = (x > 0) & (x < w - 1), (y > 0) & (y < h - 1)
    determinant = hxx * hyy - hxy**2
    dome = inside_x & inside_y & (hxx < -1e-9) & (determinant > 1e-12)
    safe = torch.where(dome, determinant, 1.0)
    both = torch.stack([hxy * gy - hyy * gx, hxy * gx - hxx * gy], -1) / safe[..., None]
    alone = torch.stack(
        [
            torch.where(inside_x & (hxx < -1e-9), -gx / hxx.clamp_max(-1e-9), 0.0),
            torch.where(inside_y & (hyy < -1e-9), -gy / hyy.clamp_max(-1e-9), 0.0),
        ],
        -1,
    )
    return torch.where(dome[..., None], both, alone).clamp(-0.5, 0.5).to(maps.dtype)


def _smoothed_near(maps: torch.Tensor, x: torch.Tensor, y: torch.Tensor, sigma: float) -> torch.Tensor:
    """(B, K, 3, 3) the cells about (x, y) of the maps smoothed by a Gaussian; only those are smoothed. Outside counts as 0."""
    h, w = maps.shape[-2:]
    radius = max(1, round(3 * sigma)) if sigma > 0 else 0
    reach = torch.arange(-radius - 1, radius + 2, device=maps.device)
    rows, columns = y[..., None] + reach, x[..., None] + reach
    inside = ((rows >= 0) & (rows < h))[..., :, None] & ((columns >= 0) & (columns < w))[..., None, :]
    index = rows.clamp(0, h - 1)[..., :, None] * w + columns.clamp(0, w - 1)[..., None, :]
    patch = maps.flatten(2).gather(2, index.flatten(2)).view(index.shape) * inside
    if not radius:
        return patch
    cell = torch.arange(-radius, radius + 1, device=maps.device, dtype=maps.dtype)
    kernel = torch.exp(-(cell**2) / (2 * sigma**2))
    kernel = kernel / kernel.sum()
    # a row of this for each of the three cells
    slide = torch.stack([F.pad(kernel, (i, 2 - i)) for i in range(3)])
    return slide @ patch @ slide.T


def _published_points(maps: torch.Tensor, xy: torch.Tensor, score: torch.Tensor, quarter: bool) -> torch.Tensor:
    """1-based points of the published get_preds, with the quarter shift and the half cell of its final_preds."""
    h, w = maps.shape[-2:]
    points = torch.where((score > 0)[..., None], xy + 1, 0.0)
    if not quarter:
        return points
    px, py = points.long().unbind(-1)
    inner = (px > 1) & (px < w) & (py > 1) & (py < h)
    shift = 0.25 * _slope(maps, px - 1, py - 1).sign()
    return points + torch.where(inner[..., None], shift, 0.0) + 0.5
