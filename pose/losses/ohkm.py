"""Online hard keypoint mining: only the joints with the largest errors of each picture count."""

from __future__ import annotations

from torch import Tensor

from .mse import weighted_difference


def joints_ohkm(output: Tensor, target: Tensor, weight: Tensor | None = None, top_k: int = 8) -> Tensor:
    """HRNet's `JointsOHKMMSELoss`.

    For each joint half the mean over cells of (w p - w t)^2; for each picture the mean of the `top_k` largest; the mean over
    pictures. It also accepts one picture without weights, for which the published code fails.

    Args:
        output: (B, K, h, w) maps p.
        target: (B, K, h, w) maps t.
        weight: w, which the loss squares; None: all 1.
        top_k: number of joints that count; all where K is smaller. The published number is 8.

    Returns:
        A number.

    >>> import torch
    >>> output, target = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
    >>> joints_ohkm(output, target, torch.tensor([[1.0, 2.0]]), top_k=1)
    tensor(2.)
    """
    per_joint = 0.5 * weighted_difference(output, target, weight).square().flatten(2).mean(-1)
    return _mean_of_largest(per_joint, top_k).mean()


def labelled_ohkm(output: Tensor, target: Tensor, visibility: Tensor, top_k: int = 8) -> Tensor:
    """Online hard keypoint mining of CPN, MSPN and RSN.

    For each labelled joint the mean over cells of the squared error, and 0 for a joint without label; for each picture the mean of
    the `top_k` largest; the mean over pictures.

    Args:
        output: (B, K, h, w).
        target: (B, K, h, w).
        visibility: 0 not labelled, 1 labelled but hidden, 2 visible, as in COCO.
        top_k: number of joints that count; all where K is smaller. The published number is 8.

    Returns:
        A number.

    >>> import torch
    >>> output, target = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
    >>> labelled_ohkm(output, target, torch.tensor([[1, 0]]))
    tensor(0.5000)
    """
    known = (visibility.reshape(output.shape[:2]) > 0.1).to(output.dtype)
    return _mean_of_largest((output - target).square().flatten(2).mean(-1) * known, top_k).mean()


def _mean_of_largest(per_joint: Tensor, top_k: int) -> Tensor:
    """(B,) mean of the `top_k` largest of (B, K)."""
    return per_joint.topk(min(top_k, per_joint.shape[1]), dim=1).values.mean(1)
