"""Losses between heatmaps, each with what its mean runs over."""

from __future__ import annotations

import torch
from torch import Tensor


def joints_mse_published(output: Tensor, target: Tensor, weight: Tensor, num_keypoints: int | None = None) -> Tensor:
    """Squared error of the published CC-SSL and hourglass code: for exact repetition of their numbers.

    The sum over joints of half the mean over batch and cells of (w p - w t)^2, divided by `num_keypoints`. Weights
    enter squared, and items of weight 0 stay in the mean, so the loss shrinks with the share of labelled joints.
    Training sums this over the stages.

    Args:
        output, target: (B, K, h, w) maps.
        weight: (B, K) or (B, K, 1).
        num_keypoints: divisor; default K.
    """
    batch, joints = output.shape[:2]
    weight = weight.reshape(batch, joints, 1)
    squared = (output.flatten(2) * weight - target.flatten(2) * weight).square()
    return 0.5 * squared.mean((0, 2)).sum() / (joints if num_keypoints is None else num_keypoints)


def joints_mse(output: Tensor, target: Tensor, weight: Tensor, peak_weight: float = 0.0) -> Tensor:
    """Squared error, its mean over cells and over labelled joints.

    The mean over cells of (1 + c t) (p - t)^2 of every joint of every item, c = `peak_weight`, then the mean of those
    weighted with w: doubling the unlabelled joints or halving all weights changes nothing. 0 (with a gradient of 0)
    when nothing is labelled.

    Args:
        output, target: (B, K, h, w) maps.
        weight: (B, K) or (B, K, 1), 0 for a joint without label.
        peak_weight: how much more than the background a cell where the target is 1 counts; 0: all cells alike.
    """
    weight = weight.reshape(output.shape[:2]).to(output.dtype)
    # target maps of unlabelled joints may hold anything, NaN too, whose gradient would survive a weight of 0
    target = torch.where(weight[..., None, None] > 0, target, output.detach())
    squared = (output - target).square()
    if peak_weight:
        squared = squared * (1 + peak_weight * target.detach())
    per_joint = squared.flatten(2).mean(-1)
    total = weight.sum()
    return (per_joint * weight).sum() / torch.where(total > 0, total, torch.ones_like(total))
