"""How large a network is and how much it computes: parameters and multiply-adds at an input size."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

_Conv = nn.modules.conv._ConvNd
_Norm = nn.modules.batchnorm._BatchNorm


def complexity(model: nn.Module, size_hw: tuple[int, int]) -> tuple[int, int]:
    """Parameters of a network, and multiply-adds of one picture through it.

    Counted are the layers that are convolutions or linear, and transposed convolutions by the size of their INPUT, each as often
    as it is called (published counts that charge a transposed convolution by its output are four times too high for it). Not
    counted: biases, norms, activations, pooling, up-sampling, sums, and products of two feature maps.

    Nothing is computed: shapes are sent through a copy without memory, and the network that is given stays as it is.

    Args:
        model: on any device; takes (B, 3, H, W).
        size_hw: input size in pixels, each side a multiple of the network's `input_multiple`.

    Returns:
        Number of parameters (frozen ones too, buffers not), number of multiply-adds.
    """
    shadows = {id(p): nn.Parameter(_empty(p), p.requires_grad) for p in model.parameters()}
    shadows |= {id(b): _empty(b) for b in model.buffers()}
    shell = copy.deepcopy(model, shadows).eval()
    counts: list[int] = []
    for layer in shell.modules():
        # torch's own convolutions and norms of shapes load half its compiler and take longer than all the rest
        if isinstance(layer, _Conv):
            layer.forward = _laid_out(layer, counts)
        elif isinstance(layer, _Norm):
            layer.forward = _as_it_is
        elif isinstance(layer, nn.Linear):
            layer.register_forward_hook(
                lambda layer, _, output: counts.append(layer.weight.numel() * (output.numel() // layer.out_features))
            )
    with torch.no_grad():
        shell(torch.empty(1, 3, *size_hw, device="meta"))
    return sum(p.numel() for p in model.parameters()), sum(counts)


def _empty(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")


def _as_it_is(x: torch.Tensor) -> torch.Tensor:
    return x


def _laid_out(layer: _Conv, counts: list[int]) -> Callable[[torch.Tensor], torch.Tensor]:
    """What stands for a convolution: (B, C, ...) -> an empty tensor of the shape it gives; its multiply-adds go to `counts`."""
    numbers = list(zip(layer.kernel_size, layer.stride, layer.dilation, layer.output_padding))
    if layer.padding == "same":
        paddings = [d * (k - 1) / 2 for k, _, d, _ in numbers]
    else:
        paddings = [0] * len(numbers) if layer.padding == "valid" else layer.padding

    def forward(x: torch.Tensor) -> torch.Tensor:
        before, after = x.shape[2:], []
        for side, (kernel, stride, dilation, more), padding in zip(before, numbers, paddings):
            reach, border = dilation * (kernel - 1), int(2 * padding)
            if layer.transposed:
                after.append((side - 1) * stride - border + reach + more + 1)
            else:
                after.append((side + border - reach - 1) // stride + 1)
        counts.append(layer.weight.numel() * torch.Size(before if layer.transposed else after).numel())
        return x.new_empty((len(x), layer.out_channels, *after))

    return forward
