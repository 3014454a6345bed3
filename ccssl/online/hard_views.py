"""Hard views: pictures in which single joints are covered, so that a network must find them from the rest of the animal.

The covers are those of PoseCons and MultiAugs. Pure functions of a batch of views:

- images: (B, 3, R, R), normalised: a cut-out is 0, the mean colour.
- xy_view: (B, K, 2) joints, px of the view. Joints outside the view may be drawn, and cover nothing.
- draws: on the CPU; a `BatchPart` where the views are part of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from ...errors import OptionError
from ...pose.random_draws import Draws, uniform

# largest side of the part of another picture that `random_cut_mix` pastes, in shares of the view's side; chosen, not measured
MIX_SIDE = 0.4


@dataclass(frozen=True)
class Cover:
    """How much a hard view covers.

    Attributes:
        count: squares of a view, drawn with replacement.
        side: of a square, in shares of the view's side.
    """

    count: int = 5
    side: float = 0.16

    def half_px(self, images: torch.Tensor) -> int:
        """Half the side of a square without its middle pixel."""
        return round((self.side * images.shape[-1] - 1) / 2)


def joint_cut_out(images: torch.Tensor, xy_view: torch.Tensor, cover: Cover, draws: Draws) -> torch.Tensor:
    """JC: squares about drawn joints are cut out."""
    return _cut_out(images, _drawn_joints(xy_view, cover.count, draws), cover.half_px(images))


def joint_cut_occlude(images: torch.Tensor, xy_view: torch.Tensor, cover: Cover, draws: Draws) -> torch.Tensor:
    """JO: drawn joints are covered by squares about joints of another picture of the batch."""
    donor = other_picture(len(images), draws)
    where = _drawn_joints(xy_view, cover.count, draws)
    whence = _drawn_joints(xy_view[donor.to(xy_view.device)], cover.count, draws)
    return _paste(images, donor, where, whence, cover.half_px(images))


def random_cut_out(images: torch.Tensor, xy_view: torch.Tensor, cover: Cover, draws: Draws) -> torch.Tensor:
    """CO: squares at random places are cut out."""
    centre = uniform(draws, (len(images), cover.count, 2)) * images.shape[-1]
    return _cut_out(images, centre.floor().long().to(images.device), cover.half_px(images))


def random_cut_mix(images: torch.Tensor, xy_view: torch.Tensor, cover: Cover, draws: Draws) -> torch.Tensor:
    """CM: a rectangle at a random place shows another picture of the batch. The labels stay those of the picture."""
    donor = other_picture(len(images), draws)
    side = images.shape[-1]
    centre = uniform(draws, (len(images), 2)) * side
    half = uniform(draws, (len(images), 2), 0.1, MIX_SIDE) * (side / 2)
    cell = torch.arange(side)
    near = (cell - centre[..., None]).abs() < half[..., None]
    inside = (near[:, 1, :, None] & near[:, 0, None, :])[:, None].to(images.device)
    return torch.where(inside, images[donor.to(images.device)], images)


Change = Callable[[torch.Tensor, torch.Tensor, Cover, Draws], torch.Tensor]
# name of a hard view -> the changes that make it, in order
HARD_VIEWS: dict[str, tuple[Change, ...]] = {
    "none": (),
    "jc": (joint_cut_out,),
    "jo": (joint_cut_occlude,),
    "joco": (joint_cut_occlude, random_cut_out),
    "jccm": (joint_cut_out, random_cut_mix),
    "co": (random_cut_out,),
    "cm": (random_cut_mix,),
}


def hard_view(name: str, images: torch.Tensor, xy_view: torch.Tensor, cover: Cover, draws: Draws) -> torch.Tensor:
    """The named hard view of every picture, (B, 3, R, R).

    Args:
        name: a key of `HARD_VIEWS`.
    """
    for change in HARD_VIEWS[name]:
        images = change(images, xy_view, cover, draws)
    return images


def hard_names(text: str) -> tuple[str, ...]:
    """The hard views of a list NAME,NAME,...

    Raises:
        OptionError: an unknown name, or none.
    """
    names = tuple(name.strip() for name in text.split(","))
    if unknown := [name for name in names if name not in HARD_VIEWS]:
        raise OptionError(f"--hard with names out of {', '.join(HARD_VIEWS)}", repr(unknown[0]), "--hard jc,jo")
    return names


def _drawn_joints(xy_view: torch.Tensor, count: int, draws: Draws) -> torch.Tensor:
    """(B, count, 2) int64 places of joints, drawn with replacement."""
    b, k = xy_view.shape[:2]
    joint = (uniform(draws, (b, count)) * k).long().clamp_max(k - 1).to(xy_view.device)
    limit = 1 << 16  # px; far outside of any view
    xy = torch.nan_to_num(xy_view, nan=-limit).clamp(-limit, limit).round().long()
    return xy.gather(1, joint[..., None].expand(-1, -1, 2))


def other_picture(count: int, draws: Draws) -> torch.Tensor:
    """(B,) int64 on the CPU: for every picture of a batch another one; a single picture is its own."""
    step = 1 + (uniform(draws, (count,)) * (count - 1)).long().clamp(0, max(count - 2, 0))
    return (torch.arange(count) + step) % count


def _square(centre: torch.Tensor, half: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns and rows (B, N, P) of the pixels of squares about `centre` (B, N, 2)."""
    cell = torch.arange(-half, half + 1, device=centre.device)
    dy, dx = (part.flatten() for part in torch.meshgrid(cell, cell, indexing="ij"))
    return centre[..., :1] + dx, centre[..., 1:] + dy


def _inside(x: torch.Tensor, y: torch.Tensor, side: int) -> torch.Tensor:
    return (x >= 0) & (x < side) & (y >= 0) & (y < side)


def _cut_out(images: torch.Tensor, centre: torch.Tensor, half: int) -> torch.Tensor:
    x, y = _square(centre, half)
    picture = torch.arange(len(images), device=x.device)[:, None, None].expand_as(x)
    inside = _inside(x, y, images.shape[-1])
    images = images.clone()
    images[picture[inside], :, y[inside], x[inside]] = 0
    return images


def _paste(
    images: torch.Tensor, donor: torch.Tensor, where: torch.Tensor, whence: torch.Tensor, half: int
) -> torch.Tensor:
    """Squares about `whence` of the donors, pasted about `where`, both (B, N, 2); only what is inside of both pictures."""
    out, side = images.clone(), images.shape[-1]
    donor = donor.to(images.device)
    # one square of every picture at a time: two that overlap would be written in no certain order
    for to, own in zip(where.unbind(1), whence.unbind(1)):
        (x, y), (from_x, from_y) = _square(to, half), _square(own, half)
        picture = torch.arange(len(images), device=x.device)[:, None].expand_as(x)
        inside = _inside(x, y, side) & _inside(from_x, from_y, side)
        colours = images[donor[picture[inside]], :, from_y[inside], from_x[inside]]
        out[picture[inside], :, y[inside], x[inside]] = colours
    return out
