"""Pose networks from a trunk of any kind and a head: `fpn_<trunk>` and `deconv_<trunk>`; see `pose.trunks` for the trunks."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from ..trunks import Trunk, TrunkReport, build_trunk, is_trunk, load_trunk, pretrained_weights
from ..trunks.pretrained import Pretrained
from .network import PoseNetwork
from .resnet import init_normal
from .trunk_heads import Deconvolutions, FeaturePyramid

HEADS = ("fpn", "deconv")


class TrunkNetwork(PoseNetwork):
    """A trunk, a head, one map a joint: (B, 3, H, W) -> one list entry (B, K, H/4, W/4).

    Args:
        trunk_name: see `pose.trunks.build_trunk`.
        trunk: makes the feature maps.
        neck: makes one feature map (B, `channels`, H/4, W/4) of them.
        num_joints: K.
        channels: C, of the last feature map.
    """

    trunk: Trunk

    def __init__(self, trunk_name: str, trunk: Trunk, neck: nn.Module, num_joints: int, channels: int):
        super().__init__()
        self.trunk_name, self.trunk, self.neck = trunk_name, trunk, neck
        self.num_joints, self.feature_channels = num_joints, channels
        self.input_multiple = trunk.input_multiple
        self.final_layer = nn.Conv2d(channels, num_joints, 1)
        init_normal(self.final_layer.weight)
        assert self.final_layer.bias is not None
        nn.init.zeros_(self.final_layer.bias)

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        size_hw = (images.shape[-2] // 4, images.shape[-1] // 4)
        return [], self.neck(self.trunk(images), size_hw)

    @property
    def last_layer(self) -> nn.Conv2d:
        return self.final_layer

    @property
    def trunk_layers(self) -> list[nn.Module]:
        return [self.trunk]

    def load_pretrained(self, weights: Pretrained | None = None) -> TrunkReport:
        """Load weights of the trunk, all tensors or none.

        Args:
            weights: None: those that belong to the trunk's name.

        Raises:
            WeightsError: they are not installed, cannot be downloaded, or do not fit.
        """
        return load_trunk(self.trunk, self.trunk_name, weights or pretrained_weights(self.trunk_name))


def is_trunk_network(name: str) -> bool:
    """Whether a name is that of a head and a trunk, such as `fpn_lite0` or `deconv_timm:resnet18`."""
    head, _, trunk = name.partition("_")
    return head in HEADS and is_trunk(trunk)


def builder_for(name: str) -> Callable[..., TrunkNetwork]:
    """The builder of `fpn_<trunk>` or `deconv_<trunk>`."""
    head, _, trunk = name.partition("_")
    return _fpn(trunk) if head == "fpn" else _deconv(trunk)


def _fpn(trunk_name: str) -> Callable[..., TrunkNetwork]:
    def fpn(num_joints: int, channels: int = 64) -> TrunkNetwork:
        """A trunk and a light feature pyramid, see `FeaturePyramid`."""
        trunk = build_trunk(trunk_name)
        return TrunkNetwork(trunk_name, trunk, FeaturePyramid(trunk.channels, channels), num_joints, channels)

    return fpn


def _deconv(trunk_name: str) -> Callable[..., TrunkNetwork]:
    def deconv(num_joints: int, channels: int = 256) -> TrunkNetwork:
        """A trunk and SimpleBaseline's head, see `Deconvolutions`."""
        trunk = build_trunk(trunk_name)
        neck = Deconvolutions(trunk.channels[-1], trunk.strides[-1], channels)
        return TrunkNetwork(trunk_name, trunk, neck, num_joints, channels)

    return deconv


# networks whose weights are installed with zoopose
fpn_lite0, fpn_lite2 = _fpn("lite0"), _fpn("lite2")
deconv_lite0, deconv_lite2 = _deconv("lite0"), _deconv("lite2")
