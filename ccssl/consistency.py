"""Consistency of views (CC-SSL, CVPR 2020, section 3): an animal recoloured, turned, scaled, mirrored; its maps brought upright."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from ..pose.augment import Augmentation, draw_views
from ..pose.geometry import apply, compose, invert, warp
from ..pose.input_spec import InputSpec
from .views import pictures

BLOCK = 4  # frames whose views are made at once; part of the random streams


@dataclass(frozen=True)
class Views:
    """The views of a frame that must agree: the frame itself, and `count` drawn ones.

    Attributes:
        count: drawn views beside the identity: `upright` ones first, then those that move.
        equivariance: ranges of scale, turn and mirror, of the views that move; mirrored are all, or every second one for a share
            between 0 and 1.
        invariance: ranges of colour, contrast, noise, blur, of all drawn views; geometry in it is ignored.
        still: most drawn views that are recoloured only, which the check of invariance takes; at most half of them.
    """

    count: int = 4
    equivariance: Augmentation = Augmentation(scale=1.25, rotation_deg=20, flip=0.5)
    invariance: Augmentation = Augmentation(colour=0.2, contrast=0.3, gamma=0.2, noise=0.04, blur=0.6)
    still: int = 1

    @property
    def upright(self) -> int:
        """Drawn views that are recoloured only: all where nothing moves, none where nothing is recoloured."""
        if self.invariance.photometric() == Augmentation():
            return 0
        return self.count if self.equivariance == Augmentation() else min(self.still, self.count // 2)


@dataclass
class ViewedLabels:
    """F frames, K joints, in the upright heatmap frame.

    Attributes:
        maps: (F, K, h, w) means over the views.
        xy_heatmap: (F, K, 2) their joints, cells.
        peak: (F, K) their peaks.
        agreement: (F, K) mean distance of the views' own joints from those, cells.
        invariance: (F, K) mean distance of the joints of the views that are recoloured only from the frame's own, cells; NaN
            without such views.
        equivariance: (F, K) the same for the views that move, brought back; NaN without.
    """

    maps: torch.Tensor
    xy_heatmap: torch.Tensor
    peak: torch.Tensor
    agreement: torch.Tensor
    invariance: torch.Tensor
    equivariance: torch.Tensor


@torch.no_grad()
def label_views(
    model: nn.Module,
    crops: torch.Tensor,
    margin: float,
    spec: InputSpec,
    views: Views,
    flip_order: np.ndarray,
    generator: torch.Generator,
    at_once: int = 64,
) -> ViewedLabels:
    """Average of a network's maps over the views of every frame.

    Args:
        model: in eval mode.
        crops: (F, 3, S, S) uint8 on the device, `margin` times the inner square's side.
        form: input form of the network; views have its size.
        views: what is drawn.
        generator: on the CPU; the draws follow from it and F alone.
        at_once: pictures in one forward pass.

    Returns:
        Labels. A cell counts in the mean only for the views that saw it.
    """
    frames, per_frame, still = len(crops), 1 + views.count, 1 + views.upright
    k, size = len(flip_order), spec.heatmap_hw
    matrices, flips = _draw(views, frames, spec.size, crops.shape[-1], margin, generator)
    colours = views.invariance.photometric()
    parts = []
    for at in range(0, frames, BLOCK):
        block = slice(at, at + BLOCK)
        images = pictures(crops[block], matrices[block], views.upright, spec, colours, generator)
        parts += [spec.joint_maps(model(part), k) for part in images.split(at_once)]
    maps = torch.cat(parts)
    if bool(flips.any()):
        mirrored = flips.flatten().to(maps.device)
        maps[mirrored] = maps[mirrored][:, torch.as_tensor(flip_order, device=maps.device)]

    upright = _upright_from_view(matrices, spec, crops.shape[-1], margin).to(maps.device)
    own, _ = spec.decode(maps)
    own = apply(upright, own.view(frames, per_frame, k, 2))
    maps = maps.unflatten(0, (frames, per_frame))
    mean = maps[:, :still].sum(1)
    if still < per_frame:
        seen = torch.ones_like(maps[:, still:, :1])
        moving = torch.cat([maps[:, still:], seen], 2).flatten(0, 1)
        back = warp(moving, upright[:, still:].flatten(0, 1), size).unflatten(0, (frames, per_frame - still)).sum(1)
        mean = (mean + back[:, :k]) / (still + back[:, k:])
    else:
        mean = mean / still
    xy, peak = spec.decode(mean)
    agreement = (own - xy[:, None]).norm(dim=-1).mean(1)
    apart = (own[:, 1:] - own[:, :1]).norm(dim=-1)
    # the mean of no views is NaN
    invariance, equivariance = apart[:, : views.upright].mean(1), apart[:, views.upright :].mean(1)
    return ViewedLabels(mean, xy, peak.clamp_min(0), agreement, invariance, equivariance)


def _draw(
    views: Views, frames: int, size: int, crop_size: int, margin: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """view_from_crop (F, V, 2, 3) and which views are mirrored (F, V); of a frame: itself, upright ones, moving ones."""
    still, moving = 1 + views.upright, views.count - views.upright
    # every second one is mirrored, the first one too: it shows an animal taken for one that faces the other way
    drawn, _ = draw_views(replace(views.equivariance, flip=0.0), frames * moving, size, generator, crop_size, margin)
    every = 1 if views.equivariance.flip >= 1 else 2
    flips = (torch.arange(moving) % every == 0).repeat(frames) & (views.equivariance.flip > 0)
    mirror = torch.tensor([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0]])
    drawn = torch.where(flips[:, None, None], compose(mirror, drawn), drawn)
    same, none = draw_views(Augmentation(), frames * still, size, torch.Generator(), crop_size, margin)
    matrices = torch.cat([same.view(frames, still, 2, 3), drawn.view(frames, moving, 2, 3)], 1)
    return matrices, torch.cat([none.view(frames, still), flips.view(frames, moving)], 1)


def _upright_from_view(view_from_crop: torch.Tensor, spec: InputSpec, crop_size: int, margin: float) -> torch.Tensor:
    """(..., 2, 3) from the heatmap of a view to the heatmap of the upright inner square."""
    inner, _ = draw_views(Augmentation(), 1, spec.size, torch.Generator(), crop_size, margin)
    to_map = spec.heatmap_from_crop(view_from_crop.double())
    map_of_view = compose(to_map, view_from_crop.double())
    map_of_inner = compose(to_map, inner.to(view_from_crop.device).double())
    return compose(map_of_inner, invert(map_of_view)).to(view_from_crop.dtype)
