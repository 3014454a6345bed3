"""How large a network is and how much it computes: parameters and multiply-adds at an input size."""

from __future__ import annotations

import copy

import torch
from torch import nn


def complexity(model: nn.Module, size_hw: tuple[int, int]) -> tuple[int, int]:
    """Parameters of a network, and multiply-adds of one picture through it.

    Counted are convolutions, linear layers, and transposed convolutions by the size of their INPUT, each time they are called
    (published counts that charge a transposed convolution by its output come out four times too high for it). Not counted:
    biases, norms, activations, pooling, up-sampling, sums, and products of two feature maps. Nothing is computed: the network
    is laid out a second time without memory, the one that is given stays as it is.

    Args:
        model: on any device; takes (B, 3, H, W).
        size_hw: input size in pixels, each side a multiple of the network's `input_multiple`.

    Returns:
        Number of parameters (frozen ones too, buffers not), number of multiply-adds.
    """
    shadows = {id(p): nn.Parameter(torch.empty_like(p, device="meta"), p.requires_grad) for p in model.parameters()}
    shadows |= {id(b): torch.empty_like(b, device="meta") for b in model.buffers()}
    shell = copy.deepcopy(model, shadows).eval()
    total = 0

    def count(layer: nn.Module, inputs: tuple, output: torch.Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Linear):
            total += layer.weight.numel() * (output.numel() // layer.out_features)
        else:
            sides = (inputs[0] if layer.transposed else output).shape[2:]
            total += layer.weight.numel() * sides.numel()

    for layer in shell.modules():
        if isinstance(layer, nn.Linear | nn.modules.conv._ConvNd):
            layer.register_forward_hook(count)
    with torch.no_grad():
        shell(torch.empty(1, 3, *size_hw, device="meta"))
    return sum(p.numel() for p in model.parameters()), total
