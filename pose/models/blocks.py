"""Blocks that several network families share."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input


class Conv3x3(nn.Conv2d):
    """3 x 3 convolution with padding 1: nn.Conv2d with a faster gradient of the weights on some processors.

    The weight gradient is the sum of nine matrix products. For channels-last pictures on a processor with AVX2 but without
    AVX-512, oneDNN takes up to 2.5 times as long as these products (measured: benchmarks/README.md).
    """

    def __init__(self, inplanes: int, planes: int):
        super().__init__(inplanes, planes, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        slow = (
            x.device.type == "cpu"
            and self.weight.requires_grad
            and torch.is_grad_enabled()
            and x.is_contiguous(memory_format=torch.channels_last)
            and not torch.is_autocast_enabled("cpu")
            and _ONLY_AVX2
        )
        return _Conv3x3.apply(x, self.weight, self.bias) if slow else super().forward(x)


_ONLY_AVX2 = torch.backends.cpu.get_cpu_capability() == "AVX2"


class _Conv3x3(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, bias, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
        x, weight = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        grad_x = None
        if ctx.needs_input_grad[0]:
            grad_x = conv2d_input(x.shape, weight, grad, padding=1)  # type: ignore[no-untyped-call]  # torch annotates nothing there
        # x and grad as (B, pixels, channels) with a border of zeros: a shift of the kernel is then a shift of rows
        side = x.shape[3] + 2
        x = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).flatten(1, 2)
        inner = F.pad(grad.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1)).flatten(1, 2)[:, side + 1 : -side - 1].mT
        count = inner.shape[2]
        shifts = [row * side + column for row in range(3) for column in range(3)]
        products = [torch.bmm(inner, x[:, shift : shift + count]).sum(0) for shift in shifts]
        gradient = torch.stack(products, -1)
        return grad_x, gradient.view(*gradient.shape[:-1], 3, 3), grad.sum((0, 2, 3))


class PreActBottleneck(nn.Module):
    """Pre-activation bottleneck of the stacked hourglass (Newell et al., ECCV 2016): BN-ReLU-1x1, BN-ReLU-3x3, BN-ReLU-1x1.

    (B, `inplanes`, h, w) -> (B, 2 x `planes`, h, w). All convolutions have a bias. The shortcut is the input, or a 1x1 convolution
    of it where the numbers of channels differ. Key names are those of the published PyTorch code.
    """

    expansion = 2

    def __init__(self, inplanes: int, planes: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.conv1 = nn.Conv2d(inplanes, planes, 1)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = Conv3x3(planes, planes)
        self.bn3 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1)
        self.relu = nn.ReLU(inplace=True)
        self.downsample: nn.Sequential | None = None
        if inplanes != planes * self.expansion:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes * self.expansion, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut: torch.Tensor = x if self.downsample is None else self.downsample(x)
        x = self.conv1(self.relu(self.bn1(x)))
        x = self.conv2(self.relu(self.bn2(x)))
        x = self.conv3(self.relu(self.bn3(x)))
        return x + shortcut


def residuals(inplanes: int, planes: int, num_blocks: int) -> nn.Sequential:
    """`num_blocks` bottlenecks in a row: the first takes `inplanes` channels, all give 2 x `planes` channels."""
    width = planes * PreActBottleneck.expansion
    return nn.Sequential(*(PreActBottleneck(inplanes if i == 0 else width, planes) for i in range(num_blocks)))
