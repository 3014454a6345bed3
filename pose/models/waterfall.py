"""The waterfall modules of OmniPose (Artacho and Savakis, arXiv 2103.10180): WASPv2, and WASP with its decoder."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import OptionError, WeightsError
from .resnet import Bottleneck, ConvBuilder

LOW_LEVEL = 64 * Bottleneck.expansion  # channels of the first stage's output


class SeparableConv(nn.Module):
    """Depthwise convolution, ReLU, 1x1 convolution; no biases, no norm between them."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        bias: bool = False,
    ):
        super().__init__()
        if bias:
            raise ValueError("separable convolutions have no bias")
        self.spatialConv = nn.Conv2d(
            inplanes, inplanes, kernel_size, stride, padding, dilation, groups=inplanes, bias=False
        )
        self.pointConv = nn.Conv2d(inplanes, planes, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.pointConv(F.relu_(self.spatialConv(x)))
        return out


class Atrous(nn.Module):
    """Dilated convolution, batch norm, ReLU: (B, `inplanes`, h, w) -> (B, `planes`, h, w)."""

    def __init__(self, inplanes: int, planes: int, dilation: int, conv: ConvBuilder):
        super().__init__()
        if dilation == 1:
            self.atrous_conv = conv(inplanes, planes, 1, bias=False)
        else:
            self.atrous_conv = conv(inplanes, planes, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn = nn.BatchNorm2d(planes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu_(self.bn(self.atrous_conv(x)))


class Waterfall(nn.Module):
    """What WASP and WASPv2 share: four branches in a chain, the mean of the picture, and a 1x1 convolution that joins them."""

    def __init__(self, inplanes: int, planes: int, dilations: tuple[int, int, int], conv: ConvBuilder):
        super().__init__()
        self.aspp1 = Atrous(inplanes, planes, 1, conv)
        self.aspp2 = Atrous(planes, planes, dilations[0], conv)
        self.aspp3 = Atrous(planes, planes, dilations[1], conv)
        self.aspp4 = Atrous(planes, planes, dilations[2], conv)
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(inplanes, planes, 1, bias=False), nn.BatchNorm2d(planes), nn.ReLU()
        )
        self.conv1 = nn.Conv2d(5 * planes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)

    def chain(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of the four branches, each computed from the one before."""
        outputs = []
        for layer in (self.aspp1, self.aspp2, self.aspp3, self.aspp4):
            outputs.append(x := layer(x))
        return outputs

    def joined(self, x: torch.Tensor, branches: list[torch.Tensor]) -> torch.Tensor:
        """Branches and the picture's mean -> (B, planes, h, w).

        Raises:
            OptionError: training with a batch of one picture, for which a batch norm of means is not defined.
        """
        if self.training and len(x) == 1:
            raise OptionError("batches of at least 2 pictures to train OmniPose", "a batch of 1", "--train-batch 2")
        mean = self.global_avg_pool(x).expand(-1, -1, *x.shape[2:])
        return F.relu_(self.bn1(self.conv1(torch.cat([*branches, mean], 1))))


class WASPv2(Waterfall):
    """Waterfall of separable convolutions (dilations 6, 12, 18), joined with low-level features, and the joint maps.

    Args:
        inplanes: channels of the features.
        planes: channels inside.
        num_joints: K.
        low_level: channels of the low-level features.
    """

    def __init__(self, inplanes: int, planes: int, num_joints: int, low_level: int = LOW_LEVEL):
        super().__init__(inplanes, planes, (6, 12, 18), SeparableConv)
        reduced, self.num_joints = planes // 8, num_joints
        self.conv2 = nn.Conv2d(low_level, reduced, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(reduced)
        self.last_conv = nn.Sequential(*_two_convs(planes + reduced, planes), nn.Conv2d(planes, num_joints, 1))

    def features(self, x: torch.Tensor, low_level: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """(B, inplanes, h, w) and (B, low_level, h, w) -> the four branches, and the input of the last convolution."""
        branches = self.chain(x)
        low_level = F.relu_(self.bn2(self.conv2(low_level)))
        return branches, self.last_conv[:-1](torch.cat([self.joined(x, branches), low_level], 1))

    def forward(self, x: torch.Tensor, low_level: torch.Tensor) -> list[torch.Tensor]:
        """(B, inplanes, h, w) and (B, low_level, h, w) -> maps (B, K, h, w), and the fourth branch (B, planes, h, w)."""
        branches, last = self.features(x, low_level)
        return [self.last_conv[-1](last), branches[-1]]


class WASP(Waterfall):
    """Waterfall of dense convolutions (dilations 12, 18, 24); the same 1x1 convolution is applied twice to each branch."""

    def __init__(self, inplanes: int, planes: int):
        super().__init__(inplanes, planes, (12, 18, 24), nn.Conv2d)
        self.conv2 = nn.Conv2d(planes, planes, 1, bias=False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, inplanes, h, w) -> (B, planes, h, w)."""
        out: torch.Tensor = self.dropout(self.joined(x, [self.conv2(self.conv2(branch)) for branch in self.chain(x)]))
        return out


class Decoder(nn.Module):
    """What follows `WASP`: low-level features are joined, two convolutions with dropout, one map for each joint."""

    def __init__(self, low_level: int, planes: int, num_joints: int):
        super().__init__()
        reduced = planes // 8
        self.conv1 = nn.Conv2d(low_level, reduced, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(reduced)
        layers = _two_convs(planes + reduced, planes, dropouts=(0.5, 0.1))
        self.last_conv = nn.Sequential(*layers, nn.Conv2d(planes, num_joints, 1))

    def features(self, x: torch.Tensor, low_level: torch.Tensor) -> torch.Tensor:
        """(B, planes, h, w) and (B, low_level, h, w) -> the input of the last convolution (B, planes, h, w)."""
        low_level = F.relu_(self.bn1(self.conv1(low_level)))
        features: torch.Tensor = self.last_conv[:-1](torch.cat([x, low_level], 1))
        return features


def _two_convs(inplanes: int, planes: int, dropouts: tuple[float, ...] = ()) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for i in range(2):
        layers += [nn.Conv2d(planes if i else inplanes, planes, 3, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(planes), nn.ReLU(inplace=True), *(nn.Dropout(p) for p in dropouts[i : i + 1])]
    return layers


def empty_waspv2(state_dict: Mapping[str, torch.Tensor]) -> WASPv2:
    """Build a waterfall module with the sizes of a WASPv2's tensors, without loading their values.

    Raises:
        WeightsError: the tensors are not those of a WASPv2.
    """
    try:
        planes, inplanes = state_dict["aspp1.atrous_conv.pointConv.weight"].shape[:2]
        low_level, joints = state_dict["conv2.weight"].shape[1], len(state_dict["last_conv.6.weight"])
    except KeyError as error:
        raise WeightsError(
            "the tensors of a WASPv2", f"no {error.args[0]!r} among {len(state_dict)} tensors"
        ) from error
    return WASPv2(inplanes, planes, joints, low_level)
