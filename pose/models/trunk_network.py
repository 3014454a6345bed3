"""Pose networks from a trunk of any kind and a head: `fpn_<trunk>` and `deconv_<trunk>`."""

from __future__ import annotations

import torch
from torch import nn

from ..trunks import Trunk, build_trunk, load_pretrained
from .network import PoseNetwork
from .resnet import init_normal
from .trunk_heads import FeaturePyramid

HEADS = ("fpn_", "deconv_")


def is_trunk_network(name: str) -> bool:
    """Whether a name is that of a trunk with a head."""
    return name.startswith(HEADS)


class TrunkNetwork(PoseNetwork):
    """A trunk, a head, one map a joint: (B, 3, H, W) -> one list entry (B, K, H/4, W/4).

    Args:
        trunk_name: see `pose.trunks.build_trunk`.
        neck: makes one feature map (B, `channels`, H/4, W/4) of them.
        num_joints: K.
        channels: C, of the last feature map.
    """

    def __init__(self, trunk_name: str, trunk: Trunk, neck: nn.Module, num_joints: int, channels: int):
        super().__init__()
        self.trunk_name, self.trunk, self.neck = trunk_name, trunk, neck
        self.num_joints, self.feature_channels = num_joints, channels
        self.input_multiple = trunk.input_multiple
        self.final_layer = nn.Conv2d(channels, num_joints, 1)
        init_normal(self.final_layer.weight)
        if not self.final_layer.weight.is_meta:
            nn.init.zeros_(self.final_layer.bias)

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        size_hw = (images.shape[-2] // 4, images.shape[-1] // 4)
        return [], self.neck(self.trunk(images), size_hw)

    @property
    def last_layer(self) -> nn.Conv2d:
        return self.final_layer

    def load_pretrained(self) -> str:
        """Load the weights that belong to the trunk's name.

        Returns:
            What was loaded: tensors, source, licence, checksum.

        Raises:
            WeightsError: they are not installed, or do not fit; then nothing is loaded.
        """
        weights, loaded = load_pretrained(self.trunk, self.trunk_name)
        return f"{loaded}; {weights.source}; licence {weights.licence}; SHA-256 {weights.sha256}"


def fpn_lite0(num_joints: int, channels: int = 64) -> TrunkNetwork:
    """EfficientNet-lite0 and a light feature pyramid. See `FeaturePyramid`."""
    return _fpn("lite0", num_joints, channels)


def fpn_lite2(num_joints: int, channels: int = 64) -> TrunkNetwork:
    """EfficientNet-lite2 and a light feature pyramid. See `FeaturePyramid`."""
    return _fpn("lite2", num_joints, channels)


def _fpn(trunk_name: str, num_joints: int, channels: int) -> TrunkNetwork:
    trunk = build_trunk(trunk_name)
    return TrunkNetwork(trunk_name, trunk, FeaturePyramid(trunk.channels, channels), num_joints, channels)
