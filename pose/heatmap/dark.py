"""Sub-pixel decoding on the logarithm of a smoothed map: DARK.

F. Zhang et al., Distribution-Aware Coordinate Representation for Human Pose Estimation, CVPR 2020, section 3.2. `decode_dark` is
this project's version, which limits the step; `decode_darkpose` gives the numbers of the published code.
"""

from __future__ import annotations

import torch

from .peaks import cell_reader, peaks
from .smoothing import blur_near, chunks, fast_blur, gaussian_kernel, opencv_kernel

Gradient = tuple[torch.Tensor, torch.Tensor]
Hessian = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
DARKPOSE_FLOOR = 1e-10  # least value of a map before its logarithm, in the published code


def decode_dark(maps: torch.Tensor, modulate_sigma: float = 0.0, kernel: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest cell, and a Newton step of at most half a cell on each axis: the true peak lies no further away.

    Args:
        maps: (B, K, h, w).
        modulate_sigma: width in cells of the Gaussian that smooths the maps first (the paper's distribution modulation, with the
            sigma of the target); 0: no smoothing. Cells beyond the border count as 0.
        kernel: taps of OpenCV's Gaussian that smooths the maps instead; 0: smooth by `modulate_sigma`.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K), the map's maximum.
    """
    x, y, score = peaks(maps)
    near = blur_near(maps, x, y, opencv_kernel(kernel) if kernel else gaussian_kernel(modulate_sigma))
    h, w = maps.shape[-2:]
    step = newton_step(near, (x > 0) & (x < w - 1), (y > 0) & (y < h - 1))
    return torch.stack([x, y], -1) + step.to(maps.dtype), score


def newton_step(near: torch.Tensor, inside_x: torch.Tensor, inside_y: torch.Tensor) -> torch.Tensor:
    """The Newton step from the middle of 3 x 3 cells to the top of their logarithm, at most half a cell on each axis.

    Where the surface has no top (it is flat, not positive, or a neighbour is beyond the border) the step of that axis is 0.

    Args:
        near: (..., 3, 3) cells, indexed by row and column.
        inside_x: (...) bool, whether the middle has neighbours on both sides in x.
        inside_y: (...) bool, the same for y.

    Returns:
        (..., 2) float64, cells.
    """
    # far below any value that moves the step, and above 0, where the logarithm is infinite
    floor = near[..., 1, 1].clamp_min(1e-10) * 1e-6

    def log_at(dx: int, dy: int) -> torch.Tensor:
        return near[..., 1 + dy, 1 + dx].maximum(floor).log().double()

    centre, left, right, up, down = log_at(0, 0), log_at(-1, 0), log_at(1, 0), log_at(0, -1), log_at(0, 1)
    gx, gy = (right - left) / 2, (down - up) / 2
    hxx, hyy = right + left - 2 * centre, down + up - 2 * centre
    hxy = (log_at(1, 1) + log_at(-1, -1) - log_at(1, -1) - log_at(-1, 1)) / 4
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
    return torch.where(dome[..., None], both, alone).clamp(-0.5, 0.5)


def decode_darkpose(maps: torch.Tensor, kernel: int = 11, absent: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
    """The published decoder of DARK (`get_final_preds` of DarkPose, also of OmniPose) before its transform to the picture.

    Highest cell and score are those of the map itself. The map is smoothed, scaled to its maximum before, and limited to at least
    1e-10; one Newton step on its logarithm follows, without a limit, see `taylor`. The published float32 code rounds in other
    places. A map without a value above 0 is at (0, 0) without a step, also a map of zeros, where the published code divides by 0.

    Args:
        maps: (B, K, h, w).
        kernel: taps of the Gaussian: 11 in the published settings, 3 for inputs of 128 x 96.
        absent: both coordinates of a map without a value above 0; -1 in mmpose.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K).
    """
    x, y, score = peaks(maps)
    known = score > 0
    x, y = x * known, y * known
    near = blur_near(maps, x, y, opencv_kernel(kernel), "zero", reach=2)
    near = _rescaled(maps, near, score, kernel)
    h, w = maps.shape[-2:]
    inside = known & (x > 1) & (x < w - 2) & (y > 1) & (y < h - 2)
    step = _taylor(near.clamp_min(DARKPOSE_FLOOR).log().double(), inside)
    xy = torch.stack([x, y], -1).to(maps.dtype) + step.to(maps.dtype)
    return torch.where(known[..., None], xy, absent), score


def _rescaled(maps: torch.Tensor, near: torch.Tensor, score: torch.Tensor, kernel: int) -> torch.Tensor:
    """Cells of smoothed maps times the factor that restores the map's maximum.

    The derivatives of a logarithm do not depend on the factor; it matters only where a cell is below the floor. The factor,
    which is 1 or more, needs the whole map smoothed, so on a CPU it is computed only for maps with such a cell.
    """
    flat, parts = maps.flatten(0, 1), near.flatten(0, 1)
    low = parts.flatten(1).amin(1) < DARKPOSE_FLOOR
    chosen = low.nonzero()[:, 0] if maps.device.type == "cpu" else torch.arange(len(flat), device=maps.device)
    if not len(chosen):
        return near
    some = flat[chosen]
    highest = torch.cat(
        [fast_blur(some[part], opencv_kernel(kernel), "zero").flatten(1).amax(1) for part in chunks(some)]
    )
    factor = score.flatten()[chosen] / highest
    return parts.index_copy(0, chosen, parts[chosen] * factor[:, None, None]).view_as(near)


def taylor(log_maps: torch.Tensor, xy_heatmap: torch.Tensor) -> torch.Tensor:
    """One Newton step on maps of logarithms from any place, as published (`taylor` of DarkPose).

    Derivatives of x and y over one cell to each side, second ones over two, at the cell found by cutting the place toward zero;
    only for 1 < x < w - 2 and 1 < y < h - 2. No limit on the step, and no check that it leads up; a determinant of 0 gives none.

    Args:
        log_maps: (..., h, w).
        xy_heatmap: (..., 2) places in cells.

    Returns:
        (..., 2) places in cells.
    """
    h, w = log_maps.shape[-2:]
    x, y = xy_heatmap.long().unbind(-1)
    at = cell_reader(log_maps)
    reach = range(-2, 3)
    near = torch.stack([torch.stack([at(x + dx, y + dy) for dx in reach], -1) for dy in reach], -2)
    inside = (x > 1) & (x < w - 2) & (y > 1) & (y < h - 2)
    return xy_heatmap + _taylor(near.double(), inside).to(xy_heatmap.dtype)


def _taylor(near: torch.Tensor, inside: torch.Tensor) -> torch.Tensor:
    """(..., 2) step from the middle of (..., 5, 5) logarithms, 0 where not `inside`."""

    def at(dx: int, dy: int) -> torch.Tensor:
        return near[..., 2 + dy, 2 + dx]

    gx, gy = 0.5 * (at(1, 0) - at(-1, 0)), 0.5 * (at(0, 1) - at(0, -1))
    hxx = 0.25 * (at(2, 0) - 2 * at(0, 0) + at(-2, 0))
    hyy = 0.25 * (at(0, 2) - 2 * at(0, 0) + at(0, -2))
    hxy = 0.25 * (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1))
    return unlimited_step((gx, gy), (hxx, hxy, hyy), inside)


def unlimited_step(gradient: Gradient, hessian: Hessian, where: torch.Tensor) -> torch.Tensor:
    """The Newton step -H^-1 g without a limit; 0 where the determinant is 0 or `where` is false.

    Args:
        gradient: gx, gy, each (...).
        hessian: hxx, hxy, hyy, each (...).
        where: (...) bool.

    Returns:
        (..., 2), cells.
    """
    (gx, gy), (hxx, hxy, hyy) = gradient, hessian
    determinant = hxx * hyy - hxy**2
    usable = where & (determinant != 0)
    safe = torch.where(usable, determinant, 1.0)
    step = torch.stack([hxy * gy - hyy * gx, hxy * gx - hxx * gy], -1) / safe[..., None]
    return torch.where(usable[..., None], step, 0.0)
