"""CPN, cascaded pyramid network (Chen et al., CVPR 2018), as in GengDavid/pytorch-cpn, with its key names.

The authors' TensorFlow code upsamples and merges in another order; its weights do not fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...errors import WeightsError
from .network import PoseNetwork
from .resnet import DEPTHS, Bottleneck, ResNet, depth_of


class ProjectedBottleneck(Bottleneck):
    """Bottleneck to 2 x `planes` channels. Its shortcut is a projection even where the numbers of channels agree."""

    expansion = 2

    def __init__(self, inplanes: int, planes: int):
        super().__init__(inplanes, planes)
        width = planes * self.expansion
        self.downsample = nn.Sequential(nn.Conv2d(inplanes, width, 1, bias=False), nn.BatchNorm2d(width))


class Trunk(ResNet):
    """ResNet that returns all its levels: (B, 3, H, W) -> feature maps of H/32 to H/4, the coarsest first."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return self.stages(images)[::-1]


def _maps(width: int, num_joints: int) -> list[nn.Module]:
    return [nn.Conv2d(width, num_joints, 3, padding=1, bias=False), nn.BatchNorm2d(num_joints)]


def _upsample(factor: int) -> nn.Module:
    if factor == 1:
        return nn.Identity()
    return nn.Upsample(scale_factor=factor, mode="bilinear", align_corners=True)


class GlobalNet(nn.Module):
    """Feature pyramid with joint maps at each level, all resized to the finest level's size, the coarsest level first."""

    def __init__(self, inplanes: Sequence[int], width: int, num_joints: int):
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(n, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
            for n in inplanes
        )
        self.upsamples = nn.ModuleList(
            nn.Sequential(_upsample(2), nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))
            for _ in inplanes[1:]
        )
        self.predict = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(width, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
                nn.Conv2d(width, num_joints, 3, padding=1, bias=False),
                _upsample(2**levels_below),
                nn.BatchNorm2d(num_joints),
            )
            for levels_below in reversed(range(len(inplanes)))
        )

    def forward(self, levels: Sequence[torch.Tensor]) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Levels of the trunk -> pyramid (B, C, h_i, w_i) and maps (B, K, h, w), both the coarsest level first."""
        pyramid = [self.laterals[0](levels[0])]
        for lateral, upsample, level in zip(list(self.laterals)[1:], self.upsamples, levels[1:]):
            pyramid.append(lateral(level) + upsample(pyramid[-1]))
        return pyramid, [predict(level) for predict, level in zip(self.predict, pyramid)]


class RefineNet(nn.Module):
    """3, 2, 1 and 0 bottlenecks on the levels of the pyramid, coarsest first; their outputs resized to one size and joined.

    `final_predict` is a bottleneck, whose output is the last feature map, a 3x3 convolution and a batch norm.
    """

    def __init__(self, levels: int, width: int, num_joints: int):
        super().__init__()
        half = width // ProjectedBottleneck.expansion
        self.cascade = nn.ModuleList(
            nn.Sequential(*(ProjectedBottleneck(width, half) for _ in range(n)), _upsample(2**n))
            for n in reversed(range(levels))
        )
        self.final_predict = nn.Sequential(
            ProjectedBottleneck(levels * width, half),
            *_maps(width, num_joints),
        )

    def forward(self, pyramid: Sequence[torch.Tensor]) -> torch.Tensor:
        """Pyramid, the coarsest level first -> the last feature map (B, C, h, w)."""
        joined = torch.cat([part(level) for part, level in zip(self.cascade, pyramid)], 1)
        features: torch.Tensor = self.final_predict[0](joined)
        return features


class CPN(PoseNetwork):
    """CPN: (B, 3, H, W), sides multiples of 32 -> 5 maps (B, K, H/4, W/4): GlobalNet's four, coarsest level first; RefineNet's.

    Args:
        num_joints: K.
        counts: bottlenecks in each of the trunk's four layers.
        channels: of the pyramid and of the last feature map (published: 256).
    """

    level_loss = "cpn"

    def __init__(self, num_joints: int, counts: Sequence[int] = (3, 4, 6, 3), channels: int = 256):
        super().__init__()
        if channels < 2 or channels % 2:
            raise ValueError(f"channels must be an even number, not {channels}")
        self.num_joints, self.feature_channels, self.input_multiple = num_joints, channels, 32
        self.resnet = Trunk(Bottleneck, counts)
        inplanes = [planes * Bottleneck.expansion for planes in (512, 256, 128, 64)]
        self.global_net = GlobalNet(inplanes, channels, num_joints)
        self.refine_net = RefineNet(len(inplanes), channels, num_joints)
        # as published: He's initial weights for trunk and GlobalNet, torch's defaults for RefineNet
        self.resnet.init_trunk()
        for module in self.global_net.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        pyramid, maps = self.global_net(self.resnet(images))
        return maps, self.refine_net(pyramid)

    def head(self, features: torch.Tensor) -> torch.Tensor:
        _, convolution, norm = self.refine_net.final_predict
        maps: torch.Tensor = norm(convolution(features))
        return maps

    @property
    def last_layer(self) -> nn.Module:
        return nn.Sequential(*self.refine_net.final_predict[1:])

    def new_last_layer(self, num_joints: int) -> nn.Module:
        return nn.Sequential(*_maps(self.feature_channels, num_joints))

    @property
    def trunk_layers(self) -> list[nn.Module]:
        return [self.resnet]

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Load the weights of a torchvision ResNet of the same depth; see `ResNet.load_trunk`."""
        return self.resnet.load_trunk(state_dict)


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of a published CPN from its tensors.

    Raises:
        WeightsError: the tensors of another network.
    """
    last = state_dict.get("refine_net.final_predict.1.weight")
    if last is None or last.ndim != 4:
        raise WeightsError("the tensors of a CPN", f"no RefineNet among {len(state_dict)} tensors")
    depth = depth_of(state_dict, "resnet.")
    if depth not in (50, 101):
        raise WeightsError("a CPN on ResNet-50 or ResNet-101", f"one on ResNet-{depth}")
    joints, channels = last.shape[:2]
    return f"cpn{depth}", {"num_joints": joints, "channels": channels}


def cpn50(num_joints: int, channels: int = 256) -> CPN:
    """CPN on ResNet-50. See `CPN`.

    Chen, Wang, Peng, Zhang, Yu, Sun: Cascaded Pyramid Network for Multi-Person Pose Estimation, CVPR 2018. For 17 joints 27.41 M
    parameters, 7.32 G multiply-adds at 256x192. Input multiple 32 px; 5 maps (B, K, H/4, W/4).
    """
    return CPN(num_joints, DEPTHS[50].counts, channels)


def cpn101(num_joints: int, channels: int = 256) -> CPN:
    """CPN on ResNet-101: 46.40 M parameters, 10.95 G multiply-adds at 256x192. See `cpn50`."""
    return CPN(num_joints, DEPTHS[101].counts, channels)
