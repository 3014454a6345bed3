"""What a trunk is: the layers of a network that was trained to recognise pictures, without its classifier."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import nn

Three = tuple[float, float, float]


class Trunk(nn.Module, ABC):
    """Layers that make feature maps of pictures, for a head that makes joint maps of them.

    Attributes:
        channels: of each feature map that `forward` returns.
        strides: of each map, px of the picture in a cell; they do not fall.
        input_multiple: the sides of the pictures must be multiples of it, px.
        mean, std: RGB of values in 0..1, which its weights expect to be subtracted and divided by.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    input_multiple: int
    mean: Three
    std: Three

    @abstractmethod
    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) -> feature maps (B, channels, H / stride, W / stride), finest first, none finer than stride 4."""

    def our_keys(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Tensors of a published file under the names of this trunk; those that it does not have keep their names."""
        return dict(tensors)
