"""The structure that MSPN (Li et al., arXiv 1901.00148) and RSN share: several stages, each a ResNet down and a pyramid up.

Key names are those of megvii-research/MSPN and caiyuanhao1998/RSN; see `multi_stage_keys` for others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from .network import PoseNetwork
from .resnet import Block

UNITS = 4  # levels of a stage, each half the size of the one before: H/4 to H/32


class ConvBN(nn.Module):
    """Convolution, batch norm and, where `relu`, ReLU. The published convolutions have a bias though a batch norm follows."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        kernel: int,
        stride: int = 1,
        *,
        bias: bool = True,
        relu: bool = True,
        groups: int = 1,
    ):
        super().__init__()
        self.conv = nn.Conv2d(inplanes, planes, kernel, stride, kernel // 2, groups=groups, bias=bias)
        self.bn = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.relu(self.bn(self.conv(x)))
        return out


class Bottleneck(nn.Module):
    """Bottleneck of ResNet: (B, `inplanes`, h, w) -> (B, `expansion` x `planes`, h/s, w/s); the 3x3 one has the stride s."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int, bias: bool):
        super().__init__()
        width = planes * self.expansion
        self.conv_bn_relu1 = ConvBN(inplanes, planes, 1, bias=bias)
        self.conv_bn_relu2 = ConvBN(planes, planes, 3, stride, bias=bias)
        self.conv_bn_relu3 = ConvBN(planes, width, 1, bias=bias, relu=False)
        same = stride == 1 and inplanes == width
        self.downsample = None if same else ConvBN(inplanes, width, 1, stride, bias=bias, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv_bn_relu3(self.conv_bn_relu2(self.conv_bn_relu1(x))) + shortcut)


class Top(nn.Module):
    """7x7 convolution and 3x3 max-pool, both of stride 2: (B, 3, H, W) -> (B, `planes`, H/4, W/4)."""

    def __init__(self, planes: int, bias: bool):
        super().__init__()
        self.conv = ConvBN(3, planes, 7, 2, bias=bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(self.conv(images), 3, 2, 1)


class Downsample(nn.Module):
    """`layer1` to `layer4` of a ResNet. From the second stage on, a skip of the stage before is added to each layer's output."""

    layer1: nn.Module
    layer2: nn.Module
    layer3: nn.Module
    layer4: nn.Module

    def __init__(self, block: Block, blocks: Sequence[int], width: int, bias: bool):
        super().__init__()
        inplanes = width
        for level, count in enumerate(blocks):
            planes, layer = width * 2**level, []
            for i in range(count):
                layer.append(block(inplanes, planes, 2 if level and i == 0 else 1, bias))
                inplanes = planes * block.expansion
            self.add_module(f"layer{level + 1}", nn.Sequential(*layer))

    def forward(self, x: torch.Tensor, skips: list[torch.Tensor] | None) -> list[torch.Tensor]:
        """(B, C, h, w) -> the four levels, the coarsest first, in the order of `skips`."""
        levels: list[torch.Tensor] = []
        for n, layer in enumerate((self.layer1, self.layer2, self.layer3, self.layer4)):
            x = layer(x)
            if skips is not None:
                x = x + skips[UNITS - 1 - n]
            levels.insert(0, x)
        return levels


class UpsampleUnit(nn.Module):
    """One level of the upsampling part: adds the coarser unit, predicts maps, and feeds the next stage if there is one.

    Args:
        inplanes: channels of the level.
        planes: channels of the unit.
        stem: channels of the next stage's input.
        num_joints: K.
        number: 0 is the coarsest unit, 3 the finest.
        onward: whether a stage follows.
        bias: whether the convolutions have a bias.
        refine: makes a module that refines maps of K joints; None: no such module.
    """

    def __init__(
        self,
        *,
        inplanes: int,
        planes: int,
        stem: int,
        num_joints: int,
        number: int,
        onward: bool,
        bias: bool,
        refine: Callable[[int], nn.Module] | None,
    ):
        super().__init__()
        self.u_skip = ConvBN(inplanes, planes, 1, bias=bias, relu=False)
        if number:
            self.up_conv = ConvBN(planes, planes, 1, bias=bias, relu=False)
        if onward:
            self.skip1 = ConvBN(inplanes, inplanes, 1, bias=bias)
            self.skip2 = ConvBN(planes, inplanes, 1, bias=bias)
            if number == UNITS - 1:
                self.cross_conv = ConvBN(planes, stem, 1, bias=bias)
        self.res_conv1 = ConvBN(planes, planes, 1, bias=bias)
        self.res_conv2 = ConvBN(planes, num_joints, 3, bias=bias, relu=False)
        self.prm = refine(num_joints) if refine else None

    def forward(self, level: torch.Tensor, coarser: torch.Tensor | None) -> torch.Tensor:
        x = self.u_skip(level)
        if coarser is not None:
            x = x + self.up_conv(_resized(coarser, level.shape[-2:]))
        return F.relu(x)

    def maps(self, features: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
        """Output of `res_conv1` (B, C, h', w') -> maps (B, K, h, w)."""
        maps = _resized(self.res_conv2(features), size)
        return maps if self.prm is None else self.prm(maps)

    def skip(self, level: torch.Tensor, out: torch.Tensor) -> torch.Tensor:
        """What is added to the next stage's layer of this level."""
        skip: torch.Tensor = self.skip1(level) + self.skip2(out)
        return skip


def _resized(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if x.shape[-2:] == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


class Stage(nn.Module):
    """Down and up once; `upsample` holds the units `up1` (coarsest) to `up4`."""

    def __init__(self, downsample: Downsample, units: Sequence[UpsampleUnit]):
        super().__init__()
        self.downsample = downsample
        self.upsample = nn.ModuleDict({f"up{i + 1}": unit for i, unit in enumerate(units)})

    @property
    def units(self) -> list[UpsampleUnit]:
        """The units, the coarsest first."""
        return [unit for unit in self.upsample.values() if isinstance(unit, UpsampleUnit)]

    def forward(
        self, x: torch.Tensor, skips: list[torch.Tensor] | None
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """(B, C, h, w) -> the levels of the downsampling part and the units' outputs, both the coarsest first."""
        levels: list[torch.Tensor] = self.downsample(x, skips)
        outs: list[torch.Tensor] = []
        for unit, level in zip(self.units, levels):
            outs.append(unit(level, outs[-1] if outs else None))
        return levels, outs


class MultiStageNetwork(PoseNetwork):
    """MSPN and RSN: (B, 3, H, W), H and W multiples of 32 -> 4 maps (B, K, H/4, W/4) for each stage, the coarsest level's first.

    The last feature map is that of the last stage's finest unit before its 3x3 convolution. `last_layer` is this convolution with
    its batch norm (and the module that refines maps, where there is one).

    Args:
        num_joints: K.
        num_stages: stages in a row, each with a loss at four levels.
        block: of the downsampling part, called with (inplanes, planes, stride, bias).
        blocks: their number in each of the four layers.
        unit_channels: channels of the upsampling part (published: 256).
        width: planes of the first layer (published: 64).
        conv_bias: whether convolutions have a bias, as in the authors' code; without it the initial weights are those of mmpose.
        refine: makes a module that refines the maps of K joints of each unit; None: no such module.
    """

    level_loss = "megvii"

    def __init__(
        self,
        num_joints: int,
        num_stages: int = 1,
        *,
        block: Block = Bottleneck,
        blocks: Sequence[int] = (3, 4, 6, 3),
        unit_channels: int = 256,
        width: int = 64,
        conv_bias: bool = True,
        refine: Callable[[int], nn.Module] | None = None,
    ):
        super().__init__()
        if num_stages < 1:
            raise ValueError(f"num_stages must be at least 1, not {num_stages}")
        self.num_joints, self.num_stages = num_joints, num_stages
        self.feature_channels, self.input_multiple = unit_channels, 32
        self._refine = refine
        self.top = Top(width, conv_bias)
        for i in range(num_stages):
            onward = i + 1 < num_stages
            inplanes = [width * block.expansion * 2**level for level in reversed(range(UNITS))]
            units = [
                UpsampleUnit(
                    inplanes=channels,
                    planes=unit_channels,
                    stem=width,
                    num_joints=num_joints,
                    number=number,
                    onward=onward,
                    bias=conv_bias,
                    refine=refine,
                )
                for number, channels in enumerate(inplanes)
            ]
            self.add_module(f"stage{i}", Stage(Downsample(block, blocks, width, conv_bias), units))
        parts: list[nn.Module] = [stage.downsample for stage in self.stages] if conv_bias else [self]
        for part in parts:
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def stages(self) -> list[Stage]:
        """The stages in their order."""
        return [getattr(self, f"stage{i}") for i in range(self.num_stages)]

    @property
    def _finest(self) -> UpsampleUnit:
        return self.stages[-1].units[-1]

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        size = [side // 4 for side in images.shape[-2:]]
        x, skips = self.top(images), None
        earlier: list[torch.Tensor] = []
        for stage in self.stages:
            levels, outs = stage(x, skips)
            features = [unit.res_conv1(out) for unit, out in zip(stage.units, outs)]
            earlier += [
                unit.maps(level, size) for unit, level in zip(stage.units, features) if unit is not self._finest
            ]
            if stage is not self.stages[-1]:
                x = stage.units[-1].cross_conv(outs[-1])
                skips = [unit.skip(level, out) for unit, level, out in zip(stage.units, levels, outs)]
        return earlier, features[-1]

    def head(self, features: torch.Tensor) -> torch.Tensor:
        return self._finest.maps(features, features.shape[-2:])

    @property
    def last_layer(self) -> nn.Module:
        last = self._finest
        return last.res_conv2 if last.prm is None else nn.Sequential(last.res_conv2, last.prm)

    def new_last_layer(self, num_joints: int) -> nn.Module:
        conv = self._finest.res_conv2.conv
        layer = ConvBN(conv.in_channels, num_joints, 3, bias=conv.bias is not None, relu=False)
        return layer if self._refine is None else nn.Sequential(layer, self._refine(num_joints))
