"""Labels from views (CC-SSL, CVPR 2020, section 3): the mean of the maps of recoloured, turned, scaled and mirrored views."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from ..pose.augment import Augmentation, draw_views
from ..pose.geometry import apply, compose, invert, warp
from ..pose.input_spec import InputSpec
from .views import view_images

BLOCK = 4  # frames whose views are made together; the draws depend on it


@dataclass(frozen=True)
class Views:
    """The views of a frame: the frame itself, and `count` drawn views.

    Attributes:
        count: drawn views: first `recoloured` views that do not move, then the views that move.
        equivariance: ranges of scale, turn and mirror of the views that move. A flip of 1 mirrors all of them, a flip between 0
            and 1 every second one.
        invariance: ranges of colour, contrast, noise and blur of all drawn views; its geometry is not used.
        still: largest number of drawn views that do not move; at most half of the drawn views. The check of invariance uses them.
    """

    count: int = 4
    equivariance: Augmentation = Augmentation(scale=1.25, rotation_deg=20, flip=0.5)
    invariance: Augmentation = Augmentation(colour=0.2, contrast=0.3, gamma=0.2, noise=0.04, blur=0.6)
    still: int = 1

    @property
    def recoloured(self) -> int:
        """Number of drawn views that are recoloured and do not move: all where no view moves, 0 where no view is recoloured."""
        if self.invariance.photometric() == Augmentation():
            return 0
        return self.count if self.equivariance == Augmentation() else min(self.still, self.count // 2)


@dataclass
class ViewedLabels:
    """Labels of F frames with K joints, in the heatmap frame of the unmoved crop.

    Attributes:
        maps: (F, K, h, w) means over the views.
        xy_heatmap: (F, K, 2) joints of these means, cells.
        peak: (F, K) peaks of these means.
        agreement: (F, K) mean distance of each view's joint from the label, cells.
        invariance: (F, K) mean distance of the joints in recoloured, unmoved views from the joint in the frame itself, cells; NaN
            without such views.
        equivariance: (F, K) the same for the views that move, after their joints are moved back; NaN without such views.
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
    """Label every frame by the mean of the network's maps over its views.

    A cell's mean is taken over the views that cover the cell.

    Args:
        model: in eval mode.
        crops: (F, 3, S, S) uint8 on the device; S is `margin` times the side of the inner square.
        spec: input of the network; views have its size.
        views: number and ranges of the views.
        generator: on the CPU; the draws follow from it and F alone.
        at_once: pictures in one forward pass.
    """
    frames, per_frame, still = len(crops), 1 + views.count, 1 + views.recoloured
    k, size = len(flip_order), spec.heatmap_hw
    matrices, flips = _draw(views, frames, spec.size, crops.shape[-1], margin, generator)
    colours = views.invariance.photometric()
    parts = []
    for at in range(0, frames, BLOCK):
        block = slice(at, at + BLOCK)
        images = view_images(crops[block], matrices[block], views.recoloured, spec, colours, generator)
        parts += [spec.joint_maps(model(part), k) for part in images.split(at_once)]
    maps = torch.cat(parts)
    if bool(flips.any()):
        mirrored = flips.flatten().to(maps.device)
        maps[mirrored] = maps[mirrored][:, torch.as_tensor(flip_order, device=maps.device)]

    crop_from_view = _crop_from_view(matrices, spec, crops.shape[-1], margin).to(maps.device)
    joints, _ = spec.decode(maps)
    joints = apply(crop_from_view, joints.view(frames, per_frame, k, 2))
    maps = maps.unflatten(0, (frames, per_frame))
    mean = maps[:, :still].sum(1)
    if still < per_frame:
        seen = torch.ones_like(maps[:, still:, :1])
        moving = torch.cat([maps[:, still:], seen], 2).flatten(0, 1)
        back = (
            warp(moving, crop_from_view[:, still:].flatten(0, 1), size).unflatten(0, (frames, per_frame - still)).sum(1)
        )
        mean = (mean + back[:, :k]) / (still + back[:, k:])
    else:
        mean = mean / still
    xy, peak = spec.decode(mean)
    agreement = (joints - xy[:, None]).norm(dim=-1).mean(1)
    distance = (joints[:, 1:] - joints[:, :1]).norm(dim=-1)
    # the mean over no view is NaN
    invariance, equivariance = distance[:, : views.recoloured].mean(1), distance[:, views.recoloured :].mean(1)
    return ViewedLabels(mean, xy, peak.clamp_min(0), agreement, invariance, equivariance)


def _draw(
    views: Views, frames: int, size: int, crop_size: int, margin: float, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """view_from_crop (F, V, 2, 3), and (F, V) whether a view is mirrored. Order: the frame, recoloured views, moving views."""
    still, moving = 1 + views.recoloured, views.count - views.recoloured
    # the first moving view and every second one after it are mirrored: they disagree where the network confuses left and right
    drawn, _ = draw_views(replace(views.equivariance, flip=0.0), frames * moving, size, generator, crop_size, margin)
    every = 1 if views.equivariance.flip >= 1 else 2
    flips = (torch.arange(moving) % every == 0).repeat(frames) & (views.equivariance.flip > 0)
    mirror = torch.tensor([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0]])
    drawn = torch.where(flips[:, None, None], compose(mirror, drawn), drawn)
    same, unflipped = draw_views(Augmentation(), frames * still, size, torch.Generator(), crop_size, margin)
    matrices = torch.cat([same.view(frames, still, 2, 3), drawn.view(frames, moving, 2, 3)], 1)
    return matrices, torch.cat([unflipped.view(frames, still), flips.view(frames, moving)], 1)


def _crop_from_view(view_from_crop: torch.Tensor, spec: InputSpec, crop_size: int, margin: float) -> torch.Tensor:
    """(..., 2, 3) from the heatmap of a view to the heatmap of the unmoved inner square."""
    inner, _ = draw_views(Augmentation(), 1, spec.size, torch.Generator(), crop_size, margin)
    to_map = spec.heatmap_from_crop(view_from_crop.double())
    map_of_view = compose(to_map, view_from_crop.double())
    map_of_inner = compose(to_map, inner.to(view_from_crop.device).double())
    return compose(map_of_inner, invert(map_of_view)).to(view_from_crop.dtype)
