"""The domain discriminator of WS-CDA: what domain a feature map is from."""

from __future__ import annotations

import torch
from torch import nn

WIDTH = 128
LAYERS = 3


class Discriminator(nn.Module):
    """Feature map (B, C, h, w) -> logits (B, 2): animal rather than human, unlabelled rather than labelled animal.

    The paper gives no layout; ours: strided 3 x 3 convolutions with LeakyReLU, the mean over what is left of the map, one linear
    layer. No batch norm: its statistics would be those of a mixture of the domains that it is to tell apart.

    Args:
        channels: C.
    """

    def __init__(self, channels: int):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(LAYERS):
            layers += [nn.Conv2d(channels, WIDTH, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
            channels = WIDTH
        self.layers, self.logits = nn.Sequential(*layers), nn.Linear(WIDTH, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.logits(self.layers(features).mean((2, 3)))
