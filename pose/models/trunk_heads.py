"""Heads for trunks: from a trunk's feature maps to one feature map of a quarter of the picture's side."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import nn

from .resnet import init_normal


class FeaturePyramid(nn.Module):
    """A light feature pyramid (Lin et al., CVPR 2017).

    Each map of the trunk passes a 1x1 convolution. From the coarsest map on, the sum so far is enlarged (bilinear), the next finer
    map is added, and a 3x3 convolution follows.

    The 3x3 convolutions are dense. Depthwise ones save 14 % of a training step on one core (36 against 31 pictures/s at 128 px,
    lite0, 64 channels), but they learn more slowly: PCK@0.05/crop on horse/test of LivestockKeypoints after 31 steps of 16 was
    31 % with depthwise ones, 46 % with a dense one at stride 4 alone, 56 % with dense ones.

    Args:
        inplanes: channels of the trunk's maps, finest first.
        channels: of the pyramid.
    """

    def __init__(self, inplanes: Sequence[int], channels: int):
        super().__init__()
        self.lateral = nn.ModuleList(
            nn.Sequential(nn.Conv2d(planes, channels, 1, bias=False), nn.BatchNorm2d(channels)) for planes in inplanes
        )
        self.smooth = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
            )
            for _ in inplanes
        )

    def forward(self, maps: Sequence[torch.Tensor], size_hw: tuple[int, int]) -> torch.Tensor:
        """Feature maps, finest first -> (B, `channels`, *size_hw)."""
        x: torch.Tensor | None = None
        for lateral, smooth, finer in zip(reversed(self.lateral), reversed(self.smooth), reversed(maps)):
            y = lateral(finer)
            x = smooth(y if x is None else y.add_(enlarged(x, y.shape[-2:])))
        assert x is not None
        return enlarged(x, size_hw)


class Deconvolutions(nn.Module):
    """SimpleBaseline's head (Xiao et al., ECCV 2018): on the coarsest map, transposed convolutions of kernel 4 and
    stride 2, with batch norm and ReLU, until a cell has 4 px; three of them for stride 32.

    Args:
        inplanes: channels of that map.
        stride: px in a cell of that map.
        channels: of each transposed convolution.
    """

    def __init__(self, inplanes: int, stride: int, channels: int):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(max(1, round(math.log2(stride / 4)))):
            convolution = nn.ConvTranspose2d(inplanes, channels, 4, 2, 1, bias=False)
            init_normal(convolution.weight)
            layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=True)]
            inplanes = channels
        self.layers = nn.Sequential(*layers)

    def forward(self, maps: Sequence[torch.Tensor], size_hw: tuple[int, int]) -> torch.Tensor:
        """Feature maps, finest first -> (B, `channels`, *size_hw)."""
        return enlarged(self.layers(maps[-1]), size_hw)


def enlarged(x: torch.Tensor, size_hw: Sequence[int]) -> torch.Tensor:
    """(B, C, h, w) -> (B, C, *size_hw), bilinear; the same tensor where it has this size."""
    if tuple(x.shape[-2:]) == tuple(size_hw):
        return x
    return F.interpolate(x, size=tuple(size_hw), mode="bilinear", align_corners=False)
