"""Losses against targets of several widths: CPN, MSPN and RSN. Targets: `pose.heatmap.encode_levels`."""

from __future__ import annotations

from torch import Tensor

from .ohkm import labelled_ohkm


def visible_mse(output: Tensor, target: Tensor, visibility: Tensor) -> Tensor:
    """Mean over pictures, joints and cells of the squared error against the targets of visible joints.

    A joint that is hidden or not labelled has an empty target, and counts. This is the loss of CPN's global network, and of
    MSPN and RSN at all scales except the finest.

    Args:
        output: (B, K, h, w).
        target: (B, K, h, w).
        visibility: 0 not labelled, 1 labelled but hidden, 2 visible, as in COCO.

    Returns:
        A number.

    >>> import torch
    >>> output, target = torch.zeros(1, 2, 4, 4), torch.ones(1, 2, 4, 4)
    >>> visible_mse(output, target, torch.tensor([[2, 1]]))
    tensor(0.5000)
    """
    seen = (visibility.reshape(*output.shape[:2], 1, 1) > 1.1).to(output.dtype)
    return (output - target * seen).square().mean()


def megvii_loss(
    outputs: list[Tensor],
    target: Tensor,
    visibility: Tensor,
    scales: int = 4,
    top_k: int | None = 8,
    coarse_to_fine: bool = True,
) -> Tensor:
    """Loss of MSPN (W. Li et al., arXiv 1901.00148) and RSN (Y. Cai et al., ECCV 2020), the sum over stages.

    A quarter of `visible_mse` at each scale except the finest, and `labelled_ohkm` at the finest; for their means see there.

    Args:
        outputs: (B, K, h, w) of all stages, each with its scales, the coarsest first.
        target: (B, levels, K, h, w), the widest peaks first. As many levels as `scales`, and one more with `coarse_to_fine`.
        visibility: see `visible_mse`.
        scales: outputs of a stage.
        top_k: joints that count at the finest scale; None: `visible_mse` there too.
        coarse_to_fine: the last stage takes targets one level narrower than the others.

    Returns:
        A number.

    Raises:
        ValueError: the number of outputs is not a multiple of `scales`, or the targets have too few levels.

    >>> import torch
    >>> outputs = [torch.zeros(1, 1, 4, 4)] * 4
    >>> megvii_loss(outputs, torch.ones(1, 5, 1, 4, 4), torch.tensor([[2]]))
    tensor(1.7500)
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
    """CPN's loss (Y. Chen et al., CVPR 2018): half of `visible_mse` at each level, and `labelled_ohkm` of the refined maps.

    Args:
        outputs: (B, K, h, w) levels of the global network, the coarsest first, then the refined maps.
        target: (B, levels, K, h, w), the widest peaks first, as many levels or more. The refined maps have the target of the last
            level.
        visibility: see `visible_mse`.
        top_k: see `labelled_ohkm`.

    Returns:
        A number.

    Raises:
        ValueError: the targets have too few levels.

    >>> import torch
    >>> outputs = [torch.zeros(1, 1, 4, 4)] * 3
    >>> cpn_loss(outputs, torch.ones(1, 2, 1, 4, 4), torch.tensor([[2]]))
    tensor(2.)
    """
    *levels, refined = outputs
    if not levels or target.shape[1] < len(levels):
        raise ValueError(f"targets of {len(levels)} widths (1 or more) are needed, not of {target.shape[1]}")
    total = labelled_ohkm(refined, target[:, len(levels) - 1], visibility, top_k)
    for i, output in enumerate(levels):
        total = total + visible_mse(output, target[:, i], visibility) / 2
    return total
