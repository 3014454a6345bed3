"""Blocks shared by network families."""

from __future__ import annotations

import torch
from torch import nn


class PreActBottleneck(nn.Module):
    """Pre-activation bottleneck of the stacked hourglass (Newell et al., ECCV 2016): BN-ReLU-1x1, BN-ReLU-3x3, BN-ReLU-1x1.

    `inplanes` -> 2 x `planes` channels, all convolutions with bias; the shortcut is the input, or a 1x1 convolution of it where
    widths differ. Key names are those of the published PyTorch code.
    """

    expansion = 2

    def __init__(self, inplanes: int, planes: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.conv1 = nn.Conv2d(inplanes, planes, 1)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1)
        self.bn3 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, 1)
        self.relu = nn.ReLU(inplace=True)
        if inplanes != planes * self.expansion:
            self.downsample = nn.Sequential(nn.Conv2d(inplanes, planes * self.expansion, 1))
        else:
            self.downsample = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.conv1(self.relu(self.bn1(x)))
        x = self.conv2(self.relu(self.bn2(x)))
        x = self.conv3(self.relu(self.bn3(x)))
        return x + shortcut


def residuals(inplanes: int, planes: int, num_blocks: int) -> nn.Sequential:
    """`num_blocks` bottlenecks in a row, the first from `inplanes`, all to 2 x `planes` channels."""
    width = planes * PreActBottleneck.expansion
    return nn.Sequential(*(PreActBottleneck(inplanes if i == 0 else width, planes) for i in range(num_blocks)))
