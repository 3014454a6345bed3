"""Sub-pixel decoding of Gaussian maps in UDP.

J. Huang et al., The Devil Is in the Details: Delving Into Unbiased Data Processing for Human Pose Estimation, CVPR 2020. All
decoders smooth the map, mirrored beyond its border, take the logarithm, and make one Newton step. Derivatives are differences over
one cell; a cell beyond the border equals the outermost one. The mixed derivative uses the cells right below and left above.
"""

from __future__ import annotations

import torch

from .dark import Gradient, Hessian, unlimited_step
from .peaks import peaks
from .smoothing import blur_near, chunks, fast_blur, opencv_kernel

KERNEL = 7  # taps, of the published HRNet branch
LOWEST, HIGHEST = 1e-3, 50.0  # the published codes limit maps to this range before the logarithm


def decode_udp_gaussian(maps: torch.Tensor, kernel: int = KERNEL) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest cell and UDP's Newton step, limited to half a cell on each axis, where the surface has a top.

    The smoothed map is not scaled: the derivatives of the logarithm do not depend on a factor. For flat maps, and maps without
    a value above 0, the step is 0.

    Args:
        maps: (B, K, h, w).
        kernel: taps of the Gaussian, see `smoothing.opencv_kernel`.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K), the map's maximum.
    """
    x, y, score = peaks(maps)
    near = blur_near(maps, x, y, opencv_kernel(kernel), "reflect")
    floor = (near[..., 1, 1].clamp_min(1e-10) * 1e-6)[..., None, None]
    gradient, hessian = _derivatives(near.maximum(floor).log().double())
    hxx, hxy, hyy = hessian
    dome = (hxx < -1e-9) & (hxx * hyy - hxy**2 > 1e-12)
    step = unlimited_step(gradient, hessian, dome).clamp(-0.5, 0.5)
    return torch.stack([x, y], -1) + step.to(maps.dtype), score


def decode_udp_pose(maps: torch.Tensor, kernel: int = KERNEL) -> tuple[torch.Tensor, torch.Tensor]:
    """`post` of UDP-Pose (branch master), as published. A map without a value above 0 starts from (0, 0).

    The smoothed map's range is scaled to 0..maximum and limited to 0.001..50 before the logarithm. The step has no limit; it is
    0 where the determinant is 0. The lowest smoothed value changes each logarithm, so the whole map is smoothed. A constant
    map, where the published code divides 0 by 0, gets no step.

    Args:
        maps: (B, K, h, w).
        kernel: taps of the Gaussian.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K), the map's maximum.
    """
    x, y, score = peaks(maps)
    known = score > 0
    x, y = x * known, y * known
    taps, flat = opencv_kernel(kernel), maps.flatten(0, 1)
    smooth = (fast_blur(flat[part], taps, "reflect").flatten(1) for part in chunks(flat))
    low, high = (torch.cat(part).view_as(x) for part in zip(*((s.amin(1), s.amax(1)) for s in smooth)))
    width = torch.where(high > low, high - low, 1.0)
    near = blur_near(maps, x, y, taps, "reflect") - low[..., None, None]
    near = near * (score / width)[..., None, None]
    gradient, hessian = _derivatives(near.clamp(LOWEST, HIGHEST).log().double())
    step = unlimited_step(gradient, hessian, torch.ones_like(known))
    return (torch.stack([x, y], -1) + step).to(maps.dtype), score


def decode_udp_mmpose(maps: torch.Tensor, kernel: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    """`post_dark_udp` of mmpose (UDP-Pose, branch mmpose), as published.

    The map is not scaled, only limited to 0.001..50. The Hessian has float32's epsilon added to its diagonal, so the step is
    long where a map is flat but its gradient is not 0. A map without a value above 0 is at (-1, -1). Around this place the
    published code reads cells of the map before it (the last map for the first one); so does this function.

    Args:
        maps: (B, K, h, w).
        kernel: taps of the Gaussian; 11 is the published number.

    Returns:
        xy_heatmap (B, K, 2) in cells, and score (B, K), the map's maximum.
    """
    x, y, score = peaks(maps)
    known = score > 0
    x, y = x * known, y * known
    taps = opencv_kernel(kernel)
    near = blur_near(maps, x, y, taps, "reflect").clamp(LOWEST, HIGHEST).log()
    if maps.device.type != "cpu" or not known.all():
        near = torch.where(known[..., None, None], near, _wrapped_near(maps, near, taps))
    gradient, (hxx, hxy, hyy) = _derivatives(near.double())
    epsilon = torch.finfo(torch.float32).eps
    step = unlimited_step(gradient, (hxx + epsilon, hxy, hyy + epsilon), torch.ones_like(known))
    start = torch.where(known[..., None], torch.stack([x, y], -1), -1)
    return (start + step).to(maps.dtype), score


def _wrapped_near(maps: torch.Tensor, near: torch.Tensor, taps: tuple[float, ...]) -> torch.Tensor:
    """The 3 x 3 logarithms around cell (-1, -1), if all maps lay one after another, each with a border of one cell."""
    h, w = maps.shape[-2:]

    def before(column: int) -> torch.Tensor:
        place = torch.full(maps.shape[:2], column, device=maps.device), maps.new_full(maps.shape[:2], h - 1).long()
        last = blur_near(maps, *place, taps, "reflect", reach=0)[..., 0, 0].clamp(LOWEST, HIGHEST).log()
        return last.flatten().roll(1).view_as(last)

    first = near[..., 1, 1]  # cell (0, 0), which the border repeats
    left_below, right_below = before(0), before(w - 1)
    rows = [right_below, left_below, first], [right_below, first, first], [first, first, first]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _derivatives(near: torch.Tensor) -> tuple[Gradient, Hessian]:
    """(gx, gy) and (hxx, hxy, hyy) of (..., 3, 3) logarithms."""

    def at(dx: int, dy: int) -> torch.Tensor:
        return near[..., 1 + dy, 1 + dx]

    centre, left, right, up, down = at(0, 0), at(-1, 0), at(1, 0), at(0, -1), at(0, 1)
    mixed = 0.5 * (at(1, 1) - right - down + 2 * centre - left - up + at(-1, -1))
    gradient = 0.5 * (right - left), 0.5 * (down - up)
    return gradient, (right - 2 * centre + left, mixed, down - 2 * centre + up)
