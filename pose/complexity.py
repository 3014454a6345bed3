"""The size of a network: its parameters, and its multiply-adds at an input size."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import nn

_Conv = nn.modules.conv._ConvNd
_Norm = nn.modules.batchnorm._BatchNorm


def complexity(model: nn.Module, size_hw: tuple[int, int]) -> tuple[int, int]:
    """Count the parameters of a network, and its multiply-adds for one picture.

    Convolutions and linear layers count, each as often as it is called. A transposed convolution counts by the size of its INPUT
    (published counts by the size of its output are four times too high). Biases, norms, activations, pooling, upsampling, sums, and
    products of two feature maps do not count.

    Nothing is computed: a copy of the network without memory passes on only shapes. The network itself does not change.

    Args:
        model: on any device; takes (B, 3, H, W).
        size_hw: (H, W) of the input in px, each a multiple of the network's `input_multiple`.

    Returns:
        Number of parameters (also those that do not train, without buffers), number of multiply-adds.
    """
    empty: dict[int, Any] = {id(p): nn.Parameter(_empty(p), p.requires_grad) for p in model.parameters()}
    empty |= {id(b): _empty(b) for b in model.buffers()}
    shell = copy.deepcopy(model, empty).eval()
    counts: list[int] = []
    for layer in shell.modules():
        # on the meta device, torch's convolutions and norms load half its compiler and take longer than all other layers
        if isinstance(layer, _Conv):
            setattr(layer, "forward", _shape_of_convolution(layer, counts))  # noqa: B010  # mypy allows no plain assignment
        elif isinstance(layer, _Norm):
            setattr(layer, "forward", _unchanged)  # noqa: B010
        elif isinstance(layer, nn.Linear):
            layer.register_forward_hook(
                lambda layer, _, output: counts.append(layer.weight.numel() * (output.numel() // layer.out_features))
            )
    with torch.no_grad():
        shell(torch.empty(1, 3, *size_hw, device="meta"))
    return sum(p.numel() for p in model.parameters()), sum(counts)


def _empty(tensor: torch.Tensor) -> torch.Tensor:
    return torch.empty(tensor.shape, dtype=tensor.dtype, device="meta")


def _unchanged(x: torch.Tensor) -> torch.Tensor:
    return x


def _shape_of_convolution(layer: _Conv, counts: list[int]) -> Callable[[torch.Tensor], torch.Tensor]:
    """Make a substitute for a convolution: (B, C, ...) -> an empty tensor of its output's shape.

    Each call appends the multiply-adds to `counts`.
    """
    numbers = list(zip(layer.kernel_size, layer.stride, layer.dilation, layer.output_padding))
    paddings: Sequence[float]
    if isinstance(layer.padding, str):
        paddings = [d * (k - 1) / 2 if layer.padding == "same" else 0 for k, _, d, _ in numbers]
    else:
        paddings = layer.padding

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
