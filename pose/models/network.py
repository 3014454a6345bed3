"""The base class of all networks: a network in two parts, divided at its last feature map."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import nn

from ...errors import OptionError
from .blocks import PreActBottleneck, residuals


class PoseNetwork(nn.Module, ABC):
    """A network in two parts: from the pictures to its last feature map, and from there to the maps of its last stage.

    Attributes:
        num_joints: K.
        feature_channels: C, channels of the last feature map.
        input_multiple: the sides H and W of the pictures must be multiples of it, px.
        level_loss: name of the loss for targets of several widths, which says what output has what target: `finest`, `cpn` or
            `megvii` (see `pose.losses`).
        answer_only: return only the maps of the last stage, as some published code does when it predicts.
        adapter: layers between the two parts; none unless `add_adapter` has been called.
    """

    num_joints: int
    feature_channels: int
    input_multiple: int
    level_loss: str = "finest"
    answer_only: bool = False

    def __init__(self) -> None:
        super().__init__()
        self.adapter = nn.Sequential()

    @abstractmethod
    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """(B, 3, H, W) -> the maps (B, K, h, w) of all stages but the last, and the last feature map (B, C, h, w)."""

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """Last feature map (B, C, h, w) -> the last stage's maps (B, K, h, w)."""
        maps: torch.Tensor = self.last_layer(features)
        return maps

    @property
    @abstractmethod
    def last_layer(self) -> nn.Module:
        """The layers that `head` computes, as one module to copy: a convolution, and what follows it (a batch norm).

        The module may be made for this call from parts of the network, which it shares.
        """

    def new_last_layer(self, num_joints: int) -> nn.Module:
        """A layer like `last_layer` for other joints, with new weights and the same key names."""
        last = self.last_layer
        if not isinstance(last, nn.Conv2d):
            raise NotImplementedError(
                f"{type(self).__name__} must override new_last_layer: its last layer is no Conv2d"
            )
        side = last.kernel_size[0]
        return nn.Conv2d(last.in_channels, num_joints, side, padding=side // 2, bias=last.bias is not None)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) -> the maps (B, K, h, w) of all stages, the last stage last."""
        earlier, last = self.features(images)
        maps = self.head(self.adapter(last))
        return [maps] if self.answer_only else [*earlier, maps]

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Load the weights of a network that was trained to classify pictures (ImageNet), for the layers that both have.

        Returns:
            A line that says what was loaded.

        Raises:
            OptionError: the network has no layers in common with such networks.
            WeightsError: the tensors are those of another network; then nothing is loaded.
        """
        raise OptionError(
            "a network whose trunk others are trained with too",
            type(self).__name__,
            "leave --trunk out, or --arch fpn_lite0, sb_pose_resnet50, hrnet_w32, ...",
        )

    @property
    def trunk_layers(self) -> list[nn.Module]:
        """The layers that `load_trunk` or `load_pretrained` loads; none if the network has no such layers."""
        return []

    def add_adapter(self, num_blocks: int) -> None:
        """Add an adaptation network behind the last feature map: residual bottlenecks (Cao et al., ICCV 2019, section 3).

        It begins as the identity, so a trained network returns the same maps as before.

        Raises:
            OptionError: the network has other outputs than the joint maps of its stages.
        """
        if type(self).forward is not PoseNetwork.forward:
            raise OptionError(
                "a network of joint maps alone for an adaptation network", type(self).__name__, "--arch hg"
            )
        self.adapter = residuals(self.feature_channels, self.feature_channels // 2, num_blocks)
        for block in self.adapter:
            assert isinstance(block, PreActBottleneck) and block.conv3.bias is not None
            nn.init.zeros_(block.conv3.weight)
            nn.init.zeros_(block.conv3.bias)
