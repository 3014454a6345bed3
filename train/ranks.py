"""Several processes that train as one: means over the batches of all ranks, in the loss and in batch norm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from torch import nn
from torch.autograd.function import once_differentiable


def share_statistics(network: nn.Module, fabric: Fabric) -> nn.Module:
    """Batch norms that train on the statistics of all ranks' pictures, in place; nothing is renamed, one rank changes nothing."""
    if fabric.world_size == 1:
        return network
    if fabric.device.type == "cuda":
        converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]  # torch's
        return converted
    for module in network.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SharedBatchNorm2d  # the same tensors, hooks and names, another forward
    return network


class SharedBatchNorm2d(nn.BatchNorm2d):
    """Batch norm over the pictures of all ranks: torch's SyncBatchNorm is for GPUs only."""

    @torch.compiler.disable  # type: ignore[untyped-decorator]  # torch's
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), B may differ between ranks; every rank must call it."""
        if not self.training or not dist.is_initialized():
            return super().forward(x)
        y, mean, variance, count = _SharedNorm.apply(x, self.weight, self.bias, self.eps)
        assert self.num_batches_tracked is not None and self.running_mean is not None and self.running_var is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * (count / (count - 1).clamp_min(1)), self.momentum)
        normed: torch.Tensor = y
        return normed


class _SharedNorm(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, eps: float
    ) -> tuple[torch.Tensor, ...]:
        channels = x.shape[1]
        # sums in float64: how the pictures are dealt out to ranks must not show in the sixth digit
        sums = x.new_empty(channels + 1, dtype=torch.float64)
        sums[:-1], sums[-1] = _sum(x), x.numel() // channels
        dist.all_reduce(sums)
        mean, count = sums[:-1] / sums[-1], sums[-1]
        wide = torch.promote_types(x.dtype, torch.float32)
        normed = x.to(wide) - _wide(mean.to(wide))
        variance = _sum(normed.square())
        dist.all_reduce(variance)
        variance = variance / count
        scale = (variance + eps).rsqrt().to(wide)
        normed *= _wide(scale)
        ctx.save_for_backward(normed, weight, scale, count)
        y = (normed * _wide(weight) + _wide(bias)).to(x.dtype)
        found = mean.to(weight.dtype), variance.to(weight.dtype), count.to(weight.dtype)
        ctx.mark_non_differentiable(*found)
        return y, *found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor, *_: Any) -> tuple[torch.Tensor | None, ...]:
        normed, weight, scale, count = ctx.saved_tensors
        kind, grad = grad.dtype, grad.to(normed.dtype)
        own = torch.stack([_sum(grad), _sum(grad * normed)])
        both = own.clone()
        dist.all_reduce(both)
        mean, slope = (both / count).to(normed.dtype)
        grad_x = (grad - _wide(mean) - normed * _wide(slope)) * _wide(weight * scale)
        # those of the weights are this rank's; the ranks' gradients are averaged with all others
        return grad_x.to(kind), own[1].to(weight.dtype), own[0].to(weight.dtype), None


def _sum(x: torch.Tensor) -> torch.Tensor:
    return x.sum((0, 2, 3), dtype=torch.float64)


def _wide(values: torch.Tensor) -> torch.Tensor:
    return values[:, None, None]


def summed(fabric: Fabric, values: torch.Tensor) -> torch.Tensor:
    """The sum of a tensor over the ranks; to be called on all of them."""
    total = fabric.all_reduce(values, reduce_op="sum")
    assert isinstance(total, torch.Tensor)
    return total


def any_rank(fabric: Fabric, flag: bool) -> bool:
    """Whether a flag is set on any rank: a decision before a collective must be the same on all. To be called on all of them."""
    if fabric.world_size == 1:
        return flag
    return bool(summed(fabric, torch.tensor(float(flag), device=fabric.device)) > 0)


def loss_factors(fabric: Fabric, sizes: Sequence[torch.Tensor | float]) -> torch.Tensor:
    """What to multiply this rank's mean losses by, so that their mean over ranks is the mean over all ranks' items.

    Args:
        sizes: what each loss is a mean over, in all: sums of weights, or pictures; 0 for a loss without items here. Every rank must
            give the same number of them.

    Returns:
        (len(sizes),) float32 on the device; ones for a single rank.
    """
    own = torch.stack([torch.as_tensor(s, dtype=torch.float32, device=fabric.device) for s in sizes])
    if fabric.world_size == 1:
        return torch.ones_like(own)
    return own * fabric.world_size / summed(fabric, own.clone()).clamp_min(1e-12)


def mean_losses(fabric: Fabric, losses: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Losses averaged over the ranks, for the log; every rank must have the same names in the same order."""
    if fabric.world_size == 1:
        return losses
    values = torch.stack([v.detach().float() for v in losses.values()])
    return dict(zip(losses, fabric.all_reduce(values, reduce_op="mean")))
