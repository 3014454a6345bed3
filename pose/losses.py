"""Losses between heatmaps, each with what its mean runs over."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def joints_mse_original(
    output: Tensor, target: Tensor, weight: Tensor | None, num_keypoints: int | None = None
) -> Tensor:
    """Squared error of the published CC-SSL and hourglass code, and of SimpleBaseline, HRNet, LPN, DARK and OmniPose
    (`JointsMSELoss`): for exact repetition of their numbers.

    The sum over joints of half the mean over batch and cells of (w p - w t)^2, divided by `num_keypoints`. Weights
    enter squared, and items of weight 0 stay in the mean, so the loss shrinks with the share of labelled joints.
    Training sums this over the stages.

    Args:
        output, target: (B, K, h, w) maps.
        weight: (B, K) or (B, K, 1); None: all 1.
        num_keypoints: divisor; default K.
    """
    joints = output.shape[1]
    squared = _weighted(output, target, weight).square().flatten(2)
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


def joints_ohkm(output: Tensor, target: Tensor, weight: Tensor | None = None, top_k: int = 8) -> Tensor:
    """Online hard keypoint mining, as HRNet's `JointsOHKMMSELoss`.

    Half the mean over cells of (w p - w t)^2 of every joint; the mean of the `top_k` largest of every picture; the mean over
    pictures. Works for one picture without weights too, where the published code fails.

    Args:
        output, target: (B, K, h, w) maps.
        weight: (B, K) or (B, K, 1), entering squared; None: all 1.
        top_k: joints that count; all where there are fewer.
    """
    per_joint = 0.5 * _weighted(output, target, weight).square().flatten(2).mean(-1)
    return _hardest(per_joint, top_k).mean()


def joint_factors(weight: Tensor, factors: Tensor) -> Tensor:
    """Weights (B, K) times a factor for every joint (K,), as HRNet's `joints_weight` (1.2 for elbows and knees, 1.5 for wrists and
    ankles; off in its published settings). Weights enter the squared losses squared.
    """
    return weight * factors.to(weight).reshape(-1)


def udp_offset_terms(
    output: Tensor, target: Tensor, weight: Tensor | None = None, smooth_l1: bool = False, weighted_disc: bool = False
) -> tuple[Tensor, Tensor]:
    """UDP's loss of discs and offsets: the two terms, whose plain sum is trained on.

    Both: half the mean over pictures, joints and cells of the squared error. Discs: of w p against w t. Offsets: only within the
    target's disc, x and y added up. J. Huang et al., The Devil Is in the Details, CVPR 2020, section 3.3.

    Args:
        output, target: (B, 3 K, h, w), see `pose.heatmap.encode_offsets`.
        weight: (B, K) or (B, K, 1); None: all 1 (the published master branch then returns 0).
        smooth_l1: the smooth L1 distance in place of the squared one (`JointsL1Loss_offset`).
        weighted_disc: mask offsets with the disc times the weight, as mmpose (`CombinedTargetMSELoss`); otherwise with the disc
            alone, as the master branch does.

    Returns:
        loss of the discs, loss of the offsets.
    """
    distance = F.smooth_l1_loss if smooth_l1 else F.mse_loss
    (disc, *ways), (disc_target, *ways_target) = _parts(output), _parts(target)
    if weight is not None:
        factor = weight.reshape(*disc.shape[:2], 1, 1)
        disc, weighted_target = disc * factor, disc_target * factor
    else:
        weighted_target = disc_target
    mask = weighted_target if weighted_disc else disc_target
    offsets = sum(0.5 * distance(mask * way, mask * to) for way, to in zip(ways, ways_target))
    return 0.5 * distance(disc, weighted_target), offsets


def udp_offset_loss(output: Tensor, target: Tensor, weight: Tensor | None = None, **settings) -> Tensor:
    """Sum of `udp_offset_terms`."""
    return sum(udp_offset_terms(output, target, weight, **settings))


def grmi_sums(output: Tensor, target: Tensor, ignore: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The two sums of G-RMI's loss. G. Papandreou et al., CVPR 2017, section 3.2, which does not say what they are divided by.

    Args:
        output: (B, 3 K, h, w) logits of the disc and offsets, see `pose.heatmap.encode_offsets`.
        target: (B, 3 K, h, w).
        ignore: (B, K, h, w), 1 where a cell of the disc does not count: in the discs of other people in the crop.

    Returns:
        sum over all cells of the logistic loss of the disc, and sum over the cells of the discs of the Huber loss (limit 1) of the
        length of the offset's error.
    """
    (disc, *ways), (disc_target, *ways_target) = _parts(output), _parts(target)
    heat = F.binary_cross_entropy_with_logits(disc, disc_target, reduction="none")
    if ignore is not None:
        heat = heat * (1 - ignore)
    squared = sum((way - to).square() for way, to in zip(ways, ways_target))
    # without the root near 0, whose slope there is infinite
    huber = torch.where(squared <= 1, 0.5 * squared, squared.clamp_min(1).sqrt() - 0.5)
    return heat.sum(), (huber * (disc_target == 1)).sum()


def grmi_loss(output: Tensor, target: Tensor, weight: Tensor, ignore: Tensor | None = None) -> Tensor:
    """G-RMI's loss, four times the disc's and once the offsets' (`grmi_sums`), over the cells of the labelled joints.

    Args:
        weight: (B, K) or (B, K, 1), 0 for a joint without label, which does not count.
    """
    known = weight.reshape(output.shape[0], -1) > 0
    # targets of unlabelled joints may hold anything
    target = torch.where(known[:, :, None, None, None], target.unflatten(1, (-1, 3)), 0.0).flatten(1, 2)
    outside = (~known).to(output.dtype)[..., None, None].expand(*known.shape, *output.shape[-2:])
    heat, offset = grmi_sums(output, target, outside if ignore is None else torch.maximum(outside, ignore))
    return (4 * heat + offset) / (known.sum().clamp_min(1) * output.shape[-2] * output.shape[-1])


def visible_mse(output: Tensor, target: Tensor, visibility: Tensor) -> Tensor:
    """Mean over pictures, joints and cells of the squared error against the targets of visible joints.

    A joint that is hidden or without label has an empty target, and counts: as in CPN's global network and at all but the finest
    scale of MSPN and RSN.

    Args:
        output, target: (B, K, h, w).
        visibility: (B, K) or (B, K, 1): 0 no label, 1 labelled but hidden, 2 visible, as COCO counts.
    """
    seen = (visibility.reshape(*output.shape[:2], 1, 1) > 1.1).to(output.dtype)
    return (output - target * seen).square().mean()


def labelled_ohkm(output: Tensor, target: Tensor, visibility: Tensor, top_k: int = 8) -> Tensor:
    """Online hard keypoint mining of CPN, MSPN and RSN: the mean over cells of the squared error of every labelled joint (0 for one
    without label), the mean of the `top_k` largest of every picture, the mean over pictures.

    Args: as `visible_mse` and `joints_ohkm`.
    """
    known = (visibility.reshape(output.shape[:2]) > 0.1).to(output.dtype)
    return _hardest((output - target).square().flatten(2).mean(-1) * known, top_k).mean()


def megvii_loss(
    outputs: list[Tensor],
    target: Tensor,
    visibility: Tensor,
    scales: int = 4,
    top_k: int | None = 8,
    coarse_to_fine: bool = True,
) -> Tensor:
    """Loss of MSPN and RSN, summed over stages: a quarter of `visible_mse` at each scale but the finest, there `labelled_ohkm`.

    Args:
        outputs: of all stages, each with its scales, coarse first, (B, K, h, w).
        target: (B, levels, K, h, w) of falling width: `scales`, and one more with `coarse_to_fine`; see
            `pose.heatmap.encode_levels`.
        visibility: see `visible_mse`.
        scales: outputs of a stage.
        top_k: joints that count at the finest scale; None: `visible_mse` there too.
        coarse_to_fine: the last stage takes targets one level narrower than the others.

    Raises:
        ValueError: outputs that are no whole number of stages, or too few levels of targets.
    """
    if not outputs or len(outputs) % scales:
        raise ValueError(f"whole stages of {scales} scales each are needed, not {len(outputs)} outputs")
    if target.shape[1] < scales + coarse_to_fine:
        raise ValueError(f"targets of {scales + coarse_to_fine} widths are needed, not of {target.shape[1]}")
    total = outputs[0].new_zeros(())
    for i, output in enumerate(outputs):
        last_stage, scale = i >= len(outputs) - scales, i % scales
        level = target[:, scale + (last_stage and coarse_to_fine)]
        if scale < scales - 1:
            total = total + visible_mse(output, level, visibility) / 4
        elif top_k is None:
            total = total + visible_mse(output, level, visibility)
        else:
            total = total + labelled_ohkm(output, level, visibility, top_k)
    return total


def cpn_loss(outputs: list[Tensor], target: Tensor, visibility: Tensor, top_k: int = 8) -> Tensor:
    """CPN's loss: half of `visible_mse` of every level of the global network, and `labelled_ohkm` of the refined maps.

    Args:
        outputs: levels of the global network, coarse first, then the refined maps, (B, K, h, w).
        target: (B, levels, K, h, w) as many or more, wide ones first; the refined maps take that of the last global level.
        visibility: see `visible_mse`.

    Raises:
        ValueError: too few levels of targets.
    """
    *levels, refined = outputs
    if not levels or target.shape[1] < len(levels):
        raise ValueError(f"targets of {len(levels)} widths (1 or more) are needed, not of {target.shape[1]}")
    total = labelled_ohkm(refined, target[:, len(levels) - 1], visibility, top_k)
    for i, output in enumerate(levels):
        total = total + visible_mse(output, target[:, i], visibility) / 2
    return total


def _parts(maps: Tensor) -> list[Tensor]:
    """Disc, offset in x and offset in y, each (B, K, h, w), of maps (B, 3 K, h, w)."""
    return [maps[:, i::3] for i in range(3)]


def _weighted(output: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """w p - w t."""
    if weight is None:
        return output - target
    weight = weight.reshape(*output.shape[:2], 1, 1)
    return output * weight - target * weight


def _hardest(per_joint: Tensor, top_k: int) -> Tensor:
    """(B,) mean of the `top_k` largest of (B, K)."""
    return per_joint.topk(min(top_k, per_joint.shape[1]), dim=1).values.mean(1)
