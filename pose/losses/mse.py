"""Squared errors of joint maps."""

from __future__ import annotations

import torch
from torch import Tensor


def joints_mse_original(
    output: Tensor, target: Tensor, weight: Tensor | None, num_keypoints: int | None = None
) -> Tensor:
    """`JointsMSELoss` of the CC-SSL and hourglass code, and of SimpleBaseline, HRNet, LPN, DARK and OmniPose.

    For each joint half the mean over pictures and cells of (w p - w t)^2; the sum over joints, divided by `num_keypoints`. Weights
    are squared, and joints of weight 0 count in the mean: the loss becomes smaller with the share of labelled joints. A training
    adds this loss over the stages.

    Args:
        output: (B, K, h, w) maps p.
        target: (B, K, h, w) maps t.
        weight: w; None: all 1.
        num_keypoints: divisor; None: K.

    Returns:
        A number.

    >>> output, target = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
    >>> joints_mse_original(output, target, torch.tensor([[1.0, 1.0]]))
    tensor(0.5000)
    >>> joints_mse_original(output, target, torch.tensor([[1.0, 0.0]]))
    tensor(0.2500)
    """
    joints = output.shape[1]
    squared = weighted_difference(output, target, weight).square().flatten(2)
    return 0.5 * squared.mean((0, 2)).sum() / (joints if num_keypoints is None else num_keypoints)


def joints_mse(output: Tensor, target: Tensor, weight: Tensor, peak_weight: float = 0.0) -> Tensor:
    """Squared error, its mean over cells and over labelled joints (the loss `balanced`).

    For each joint of each picture the mean over cells of (1 + c t) (p - t)^2, with c = `peak_weight`; then the mean of these
    weighted with w. More unlabelled joints, or all weights halved, do not change the loss. It is 0, with a gradient of 0, where
    no joint is labelled.

    Args:
        output: (B, K, h, w) maps p.
        target: (B, K, h, w) maps t.
        weight: w; 0 for a joint without label, whose target may hold any numbers.
        peak_weight: additional weight of a cell with target 1 compared with a cell of the background.

    Returns:
        A number.

    >>> output, target = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
    >>> joints_mse(output, target, torch.tensor([[1.0, 0.0]]))
    tensor(1.)
    """
    weight = weight.reshape(output.shape[:2]).to(output.dtype)
    # the target of an unlabelled joint may hold NaN, whose gradient would not vanish with a weight of 0
    target = torch.where(weight[..., None, None] > 0, target, output.detach())
    squared = (output - target).square()
    if peak_weight:
        squared = squared * (1 + peak_weight * target.detach())
    per_joint = squared.flatten(2).mean(-1)
    total = weight.sum()
    return (per_joint * weight).sum() / torch.where(total > 0, total, torch.ones_like(total))


def joint_factors(weight: Tensor, factors: Tensor) -> Tensor:
    """Weights (B, K) times a factor for each joint: HRNet's `joints_weight` (USE_DIFFERENT_JOINTS_WEIGHT).

    HRNet's factors are 1.2 for elbows and knees and 1.5 for wrists and ankles; its published settings do not use them. The squared
    losses square weights, so also these factors.

    Args:
        weight: (B, K).
        factors: (K,) or (K, 1).

    Returns:
        (B, K).

    >>> joint_factors(torch.tensor([[1.0, 0.0]]), torch.tensor([1.2, 1.5]))
    tensor([[1.2000, 0.0000]])
    """
    return weight * factors.to(weight).reshape(-1)


def weighted_difference(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """w p - w t, (B, K, h, w)."""
    if weight is None:
        return output - target
    weight = weight.reshape(*output.shape[:2], 1, 1)
    return output * weight - target * weight
