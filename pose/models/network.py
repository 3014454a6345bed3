"""What every network of the table has in common: it can be cut at its last feature map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import nn

from ...errors import OptionError
from .blocks import residuals


class PoseNetwork(nn.Module, ABC):
    """A network of joint maps in two parts: up to its last feature map, and from there to the last stage's maps.

    Attributes:
        num_joints: K.
        feature_channels: C of the last feature map.
        input_multiple: sides of the pictures must be multiples of it.
        level_loss: name of the loss for targets of several widths, coarse first (`pose.losses`): which output takes which.
        answer_only: give the last stage's maps alone, as some published code does when it predicts.
        adapter: between the two parts; empty unless `add_adapter` has been called.
    """

    num_joints: int
    feature_channels: int
    input_multiple: int
    level_loss: str = "finest"
    answer_only: bool = False

    def __init__(self):
        super().__init__()
        self.adapter = nn.Sequential()

    @abstractmethod
    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """(B, 3, H, W) -> the maps of all stages but the last, and the last feature map (B, C, h, w)."""

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """Last feature map (B, C, h, w) -> the last stage's maps (B, K, h, w)."""
        return self.last_layer(features)

    @property
    @abstractmethod
    def last_layer(self) -> nn.Module:
        """All that makes the last stage's maps of the last feature map, as a module to copy: what `head` computes.

        A convolution, or that and what comes behind it (its batch norm); may be a view put together of parts of the network.
        """

    def new_last_layer(self, num_joints: int) -> nn.Module:
        """A layer like `last_layer` for other joints, with fresh weights and the same key names."""
        last = self.last_layer
        if not isinstance(last, nn.Conv2d):
            raise NotImplementedError(f"{type(self).__name__} has a last layer of its own kind and must make one")
        return nn.Conv2d(
            last.in_channels, num_joints, last.kernel_size, padding=last.padding, bias=last.bias is not None
        )

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        earlier, last = self.features(images)
        maps = self.head(self.adapter(last))
        return [maps] if self.answer_only else [*earlier, maps]

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

    def add_adapter(self, num_blocks: int) -> None:
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
