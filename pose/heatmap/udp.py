"""Sub-pixel decoding of Gaussian maps as UDP does it.

J. Huang et al., The Devil Is in the Details: Delving Into Unbiased Data Processing for Human Pose Estimation, CVPR 2020. All forms
smooth the map with its neighbourhood mirrored beyond the edge, take the logarithm and make one Newton step with derivatives over
one cell, at the border too (a cell beyond it equals the outermost one), the mixed one from the cells right below and left above.
"""

from __future__ import annotations

import torch

from .dark import unlimited_step
from .peaks import peaks
from .smoothing import blur_near, chunks, fast_blur, opencv_kernel

KERNEL = 7  # of the published HRNet branch
LOWEST, HIGHEST = 1e-3, 50.0  # what the published codes cut maps to before the logarithm


def decode_udp_gaussian(maps: torch.Tensor, kernel: int = KERNEL) -> tuple[torch.Tensor, torch.Tensor]:
    """The highest cell and UDP's step, where it leads up and by no more than half a cell an axis.

    The smoothed map is taken as it is (the logarithm's derivatives do not see a factor); flat maps, and those without a value above
    0, stay at their highest cell.

    Args:
        maps: (B, K, h, w).
        kernel: taps of the Gaussian, see `smoothing.opencv_kernel`.
    """
    x, y, score = peaks(maps)
    near = blur_near(maps, x, y, opencv_kernel(kernel), "reflect")
    floor = (near[..., 1, 1].clamp_min(1e-10) * 1e-6)[..., None, None]
    gx, gy, hxx, hxy, hyy = _derivatives(near.maximum(floor).log().double())
    dome = (hxx < -1e-9) & (hxx * hyy - hxy**2 > 1e-12)
    step = unlimited_step(gx, gy, hxx, hxy, hyy, dome).clamp(-0.5, 0.5)
    return torch.stack([x, y], -1) + step.to(maps.dtype), score


def decode_udp_pose(maps: torch.Tensor, kernel: int = KERNEL) -> tuple[torch.Tensor, torch.Tensor]:
    """`post` of UDP-Pose (branch master), as published: a map without a value above 0 starts from (0, 0) and is refined there.

    The smoothed map's range is stretched from 0 to the map's maximum and cut to 0.001..50 before the logarithm; the step has no
    limit; a determinant of 0 gives none. The lowest smoothed value shifts every logarithm, so the whole map is smoothed. A constant
    map, where the published code divides 0 by 0, is not refined.
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
    step = unlimited_step(*_derivatives(near.clamp(LOWEST, HIGHEST).log().double()), torch.ones_like(known))
    return (torch.stack([x, y], -1) + step).to(maps.dtype), score


def decode_udp_mmpose(maps: torch.Tensor, kernel: int = 11) -> tuple[torch.Tensor, torch.Tensor]:
    """`post_dark_udp` of mmpose (UDP-Pose, branch mmpose), as published.

    Not stretched; cut to 0.001..50; the Hessian gets float32's epsilon on its diagonal, so flat maps step far where the gradient is
    not 0. A map without a value above 0 is at (-1, -1), from where the published code reads its neighbours partly out of the map
    before it (the last one for the first): this is repeated.
    """
    x, y, score = peaks(maps)
    known = score > 0
    x, y = x * known, y * known
    taps = opencv_kernel(kernel)
    near = blur_near(maps, x, y, taps, "reflect").clamp(LOWEST, HIGHEST).log()
    if maps.device.type != "cpu" or not known.all():
        near = torch.where(known[..., None, None], near, _wrapped_near(maps, near, taps))
    gx, gy, hxx, hxy, hyy = _derivatives(near.double())
    epsilon = torch.finfo(torch.float32).eps
    step = unlimited_step(gx, gy, hxx + epsilon, hxy, hyy + epsilon, torch.ones_like(known))
    start = torch.where(known[..., None], torch.stack([x, y], -1), -1)
    return (start + step).to(maps.dtype), score


def _wrapped_near(maps: torch.Tensor, near: torch.Tensor, taps: tuple[float, ...]) -> torch.Tensor:
    """What stands about cell (-1, -1) in one long row of maps, each with a rim of one cell."""
    h, w = maps.shape[-2:]

    def before(column: int) -> torch.Tensor:
        place = torch.full(maps.shape[:2], column, device=maps.device), maps.new_full(maps.shape[:2], h - 1).long()
        last = blur_near(maps, *place, taps, "reflect", reach=0)[..., 0, 0].clamp(LOWEST, HIGHEST).log()
        return last.flatten().roll(1).view_as(last)

    own = near[..., 1, 1]  # cell (0, 0), which the rim repeats
    left_below, right_below = before(0), before(w - 1)
    rows = [right_below, left_below, own], [right_below, own, own], [own, own, own]
    return torch.stack([torch.stack(row, -1) for row in rows], -2)


def _derivatives(near: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """gx, gy, hxx, hxy, hyy of (..., 3, 3) logarithms."""

    def at(dx: int, dy: int) -> torch.Tensor:
        return near[..., 1 + dy, 1 + dx]

    centre, left, right, up, down = at(0, 0), at(-1, 0), at(1, 0), at(0, -1), at(0, 1)
    mixed = 0.5 * (at(1, 1) - right - down + 2 * centre - left - up + at(-1, -1))
    return 0.5 * (right - left), 0.5 * (down - up), right - 2 * centre + left, mixed, down - 2 * centre + up
