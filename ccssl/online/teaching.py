"""From a teacher's heatmaps on easy views to what the network learns on hard views of the same pictures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ...pose import heatmap
from ...pose.geometry import apply, compose, invert, warp
from ...pose.input_spec import InputSpec
from ...train.feeds.crops import target_maps


@dataclass
class Taught:
    """What a teacher says of B pictures with K joints, in the frame of their hard views.

    Attributes:
        target: (B, K, h, w) heatmaps to learn.
        weight: (B, K); 0 for a joint that is not learned.
        xy_view: (B, K, 2) the teacher's joints, px of the view.
    """

    target: torch.Tensor
    weight: torch.Tensor
    xy_view: torch.Tensor


@contextmanager
def _mode(model: nn.Module, batch_norm: str) -> Iterator[None]:
    """The teacher's mode: eval, or batch norms with the statistics of the batch. The stored statistics do not change."""
    training = {module: module.training for module in model.modules()}
    model.eval()
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)] if batch_norm == "batch" else []
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.train()
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
        for module, was in training.items():
            module.training = was


@torch.no_grad()
def teacher_maps(model: nn.Module, images: torch.Tensor, spec: InputSpec, joints: int, batch_norm: str) -> torch.Tensor:
    """(B, K, h, w) float32 heatmaps of a teacher.

    Args:
        model: without wrappers; its mode is put back.
        images: (B, 3, R, R) network input.
        batch_norm: `running` for the stored statistics, `batch` for those of `images`.
    """
    with _mode(model, batch_norm):
        return spec.joint_maps(model(images.to(next(model.parameters()).dtype)), joints)


def without_drift(hard_from_easy: torch.Tensor, drift_px: tuple[float, float]) -> torch.Tensor:
    """(B, 2, 3) the matrices for what a teacher says of easy views that has moved by `drift_px`, x and y in px of these views.

    Args:
        hard_from_easy: (B, 2, 3).
    """
    if drift_px == (0.0, 0.0):
        return hard_from_easy
    back = torch.eye(2, 3, dtype=hard_from_easy.dtype, device=hard_from_easy.device)
    back[:, 2] = -torch.tensor(drift_px, dtype=back.dtype, device=back.device)
    return compose(hard_from_easy, back.expand(len(hard_from_easy), 2, 3))


def in_hard_view(
    spec: InputSpec,
    maps: torch.Tensor,
    xy_heatmap: torch.Tensor,
    kept: torch.Tensor,
    hard_from_easy: torch.Tensor,
    *,
    flip_order: np.ndarray,
    encoding: str = "",
) -> Taught:
    """The teacher's maps and joints in the frame of the hard views.

    Args:
        spec: input of the network.
        maps: (B, K, h, w) of the easy views.
        xy_heatmap: (B, K, 2) their joints, cells.
        kept: (B, K) weights.
        hard_from_easy: (B, 2, 3), px of the views; where it mirrors, left and right joints change places.
        flip_order: (K,), see `Skeleton.flip_order`.
        encoding: kind of the Gaussian that takes the place of a map, see `target_maps`; empty: the teacher's maps are warped.
    """
    matrix = hard_from_easy.to(maps)
    to_map = spec.heatmap_from_crop(matrix)
    mirrored = torch.linalg.det(matrix[:, :, :2]) < 0
    order = torch.as_tensor(flip_order, device=maps.device)
    xy_view = apply(matrix, spec.crop_from_heatmap(xy_heatmap))
    xy_view = torch.where(mirrored[:, None, None], xy_view[:, order], xy_view)
    kept = torch.where(mirrored[:, None], kept[:, order], kept)
    xy_hard = apply(to_map, xy_view)
    weight = kept * heatmap.in_frame(xy_hard, spec.heatmap_hw)
    if encoding:
        return Taught(target_maps(spec, xy_hard, weight, spec.sigma, encoding), weight, xy_view)
    hard_map_from_map = compose(compose(to_map, matrix), invert(to_map))
    target = warp(maps, hard_map_from_map, spec.heatmap_hw)
    target = torch.where(mirrored[:, None, None, None], target[:, order], target)
    return Taught(target, weight, xy_view)
