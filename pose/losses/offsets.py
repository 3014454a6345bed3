"""Losses of a disc and two offset maps for each joint: UDP and G-RMI. Targets: `pose.heatmap.encode_offsets`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def udp_offset_terms(
    output: Tensor, target: Tensor, weight: Tensor | None = None, smooth_l1: bool = False, weighted_disc: bool = False
) -> tuple[Tensor, Tensor]:
    """The two terms of UDP's loss; a training adds them.

    Each is half the mean over pictures, joints and cells of a squared error. Discs: of w p against w t. Offsets: only within the
    target's disc, the sum of x and y. J. Huang et al., The Devil Is in the Details, CVPR 2020, section 3.3.

    Args:
        output: (B, 3 K, h, w).
        target: (B, 3 K, h, w).
        weight: w; None: all 1 (the authors' master branch then returns 0).
        smooth_l1: the smooth L1 distance in place of the squared error (`JointsL1Loss_offset`).
        weighted_disc: offsets count within the disc times the weight, as in mmpose (`CombinedTargetMSELoss`); False: within the
            disc, as in the authors' master branch.

    Returns:
        Loss of the discs and loss of the offsets, a number each.

    >>> from zoopose.pose import heatmap
    >>> target = heatmap.encode_offsets(torch.tensor([[[3.0, 3.0]]]), torch.ones(1, 1), (8, 8), radius=2.0, unit=2.0)
    >>> disc, offsets = udp_offset_terms(torch.zeros(1, 3, 8, 8), target)
    >>> print(f"{float(disc):.4f}", f"{float(offsets):.4f}")
    0.1016 0.0547
    """
    distance = F.smooth_l1_loss if smooth_l1 else F.mse_loss
    disc, x, y = _parts(output)
    disc_target, x_target, y_target = _parts(target)
    if weight is not None:
        factor = weight.reshape(*disc.shape[:2], 1, 1)
        disc, weighted_target = disc * factor, disc_target * factor
    else:
        weighted_target = disc_target
    mask = weighted_target if weighted_disc else disc_target
    in_x = 0.5 * distance(mask * x, mask * x_target)
    in_y = 0.5 * distance(mask * y, mask * y_target)
    return 0.5 * distance(disc, weighted_target), in_x + in_y


def udp_offset_loss(
    output: Tensor, target: Tensor, weight: Tensor | None = None, smooth_l1: bool = False, weighted_disc: bool = False
) -> Tensor:
    """UDP's loss (`JointsMSELoss_offset`): the sum of the two terms of `udp_offset_terms`, with its arguments.

    >>> from zoopose.pose import heatmap
    >>> target = heatmap.encode_offsets(torch.tensor([[[3.0, 3.0]]]), torch.ones(1, 1), (8, 8), radius=2.0, unit=2.0)
    >>> udp_offset_loss(target, target)
    tensor(0.)
    """
    disc, offsets = udp_offset_terms(output, target, weight, smooth_l1, weighted_disc)
    return disc + offsets


def grmi_sums(output: Tensor, target: Tensor, ignore: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The two sums of G-RMI's loss. G. Papandreou et al., CVPR 2017, section 3.2, which does not name a divisor.

    Args:
        output: (B, 3 K, h, w) logits of the discs, and offsets in cells.
        target: (B, 3 K, h, w).
        ignore: (B, K, h, w), 1 where a cell of the disc does not count: in the discs of other people in the crop.

    Returns:
        The sum over all cells of the logistic loss of the disc. The sum over the cells of the discs of the Huber loss (limit 1
        cell) of the length of the offset's error.

    >>> heat, offset = grmi_sums(torch.zeros(1, 3, 2, 2), torch.zeros(1, 3, 2, 2))
    >>> print(f"{float(heat):.4f}", f"{float(offset):.4f}")
    2.7726 0.0000
    """
    disc, x, y = _parts(output)
    disc_target, x_target, y_target = _parts(target)
    heat = F.binary_cross_entropy_with_logits(disc, disc_target, reduction="none")
    if ignore is not None:
        heat = heat * (1 - ignore)
    squared = (x - x_target).square() + (y - y_target).square()
    # near 0 without the root, whose gradient is infinite there
    huber = torch.where(squared <= 1, 0.5 * squared, squared.clamp_min(1).sqrt() - 0.5)
    return heat.sum(), (huber * (disc_target == 1)).sum()


def grmi_loss(output: Tensor, target: Tensor, weight: Tensor, ignore: Tensor | None = None) -> Tensor:
    """G-RMI's loss: four times the loss of the disc and once that of the offsets (`grmi_sums`), as in the paper.

    The divisor is the number of cells of the maps of labelled joints.

    Args:
        output: see `grmi_sums`.
        target: see `grmi_sums`; that of a joint without label may hold any numbers.
        weight: 0 for a joint without label, which does not count.
        ignore: see `grmi_sums`.

    Returns:
        A number.

    >>> grmi_loss(torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 8, 8), torch.ones(1, 1))
    tensor(2.7726)
    """
    known = weight.reshape(output.shape[0], -1) > 0
    joints = target.reshape(len(target), -1, 3, *target.shape[2:])
    target = torch.where(known[:, :, None, None, None], joints, 0.0).flatten(1, 2)
    outside = (~known).to(output.dtype)[..., None, None].expand(*known.shape, *output.shape[-2:])
    heat, offset = grmi_sums(output, target, outside if ignore is None else torch.maximum(outside, ignore))
    return (4 * heat + offset) / (known.sum().clamp_min(1) * output.shape[-2] * output.shape[-1])


def _parts(maps: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Disc, offset in x and offset in y, each (B, K, h, w), of maps (B, 3 K, h, w)."""
    return maps[:, 0::3], maps[:, 1::3], maps[:, 2::3]
