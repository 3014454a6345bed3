"""What every network of the table has in common: it can be cut at its last feature map."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ...errors import OptionError
from .blocks import residuals


class PoseNetwork(nn.Module):
    """A network of joint maps in two parts: up to its last feature map, and from there to the last stage's maps.

    Attributes:
        num_joints: K.
        feature_channels: C of the last feature map.
        input_multiple: sides of the pictures must be multiples of it.
        adapter: between the two parts; empty unless `adapt` has been called.
    """

    num_joints: int
    feature_channels: int
    input_multiple: int

    def __init__(self):
        super().__init__()
        self.adapter = nn.Sequential()

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """(B, 3, H, W) -> the maps of all stages but the last, and the last feature map (B, C, h, w)."""
        raise NotImplementedError

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """Last feature map (B, C, h, w) -> the last stage's maps (B, K, h, w)."""
        return self.last_layer(features)

    @property
    def last_layer(self) -> nn.Conv2d:
        """The convolution that makes the last stage's maps of the last feature map."""
        raise NotImplementedError

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        earlier, last = self.features(images)
        return [*earlier, self.head(self.adapter(last))]

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Take the weights of a network trained to tell pictures apart (ImageNet) for the layers that both have.

        Returns:
            A line of what was loaded.

        Raises:
            OptionError: the network has no such trunk.
            WeightsError: the file is of another network; then nothing is loaded.
        """
        raise OptionError(
            "a network whose trunk others are trained with too",
            type(self).__name__,
            "leave --trunk-weights out, or --arch sb_pose_resnet50, hrnet_w32, ...",
        )

    def adapt(self, num_blocks: int) -> None:
        """Put an adaptation network of residual bottlenecks on the last feature map (Cao et al., ICCV 2019, section 3).

        It begins as the identity, so that a trained network keeps its maps.

        Raises:
            OptionError: a network with more outputs than the maps of its stages.
        """
        if type(self).forward is not PoseNetwork.forward:
            raise OptionError(
                "a network of joint maps alone for an adaptation network", type(self).__name__, "--arch hg"
            )
        self.adapter = residuals(self.feature_channels, self.feature_channels // 2, num_blocks)
        for block in self.adapter:
            nn.init.zeros_(block.conv3.weight)
            nn.init.zeros_(block.conv3.bias)
