"""The skeleton of MSPN (Li et al., arXiv 1901.00148) and RSN: ResNet-like stages in a row, each with its way back up.

Key names are those of megvii-research/MSPN, which caiyuanhao1998/RSN shares; see `multi_stage_keys` for others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import nn

from .network import PoseNetwork

UNITS = 4


class ConvBN(nn.Module):
    """Convolution, batch norm and, where `relu`, ReLU. The published convolutions have a bias though a batch norm follows."""

    def __init__(
        self,
        inplanes: int,
        planes: int,
        kernel: int,
        stride: int = 1,
        bias: bool = True,
        relu: bool = True,
        groups: int = 1,
    ):
        super().__init__()
        self.conv = nn.Conv2d(inplanes, planes, kernel, stride, kernel // 2, groups=groups, bias=bias)
        self.bn = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True) if relu else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.relu(self.bn(self.conv(x)))


class Bottleneck(nn.Module):
    """Bottleneck of ResNet with the stride on its 3x3: `inplanes` -> `expansion` x `planes` channels."""

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int, bias: bool):
        super().__init__()
        width = planes * self.expansion
        self.conv_bn_relu1 = ConvBN(inplanes, planes, 1, bias=bias)
        self.conv_bn_relu2 = ConvBN(planes, planes, 3, stride, bias)
        self.conv_bn_relu3 = ConvBN(planes, width, 1, bias=bias, relu=False)
        same = stride == 1 and inplanes == width
        self.downsample = None if same else ConvBN(inplanes, width, 1, stride, bias, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return F.relu(self.conv_bn_relu3(self.conv_bn_relu2(self.conv_bn_relu1(x))) + shortcut)


class Top(nn.Module):
    """7x7 convolution and 3x3 max-pool, both halving."""

    def __init__(self, planes: int, bias: bool):
        super().__init__()
        self.conv = ConvBN(3, planes, 7, 2, bias)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return F.max_pool2d(self.conv(images), 3, 2, 1)


class Downsample(nn.Module):
    """`layer1` to `layer4` of a ResNet; from the second stage on every layer's output takes up the skips of the stage before."""

    def __init__(self, block: Callable[..., nn.Module], blocks: Sequence[int], width: int, bias: bool):
        super().__init__()
        inplanes = width
        for level, count in enumerate(blocks):
            planes, layer = width * 2**level, []
            for i in range(count):
                layer.append(block(inplanes, planes, 2 if level and i == 0 else 1, bias))
                inplanes = planes * block.expansion
            self.add_module(f"layer{level + 1}", nn.Sequential(*layer))

    def forward(self, x: torch.Tensor, skips: list[torch.Tensor] | None) -> list[torch.Tensor]:
        """(B, C, h, w) -> the four levels, the coarsest first, as `skips` are."""
        levels: list[torch.Tensor] = []
        for n, layer in enumerate((self.layer1, self.layer2, self.layer3, self.layer4)):
            x = layer(x)
            if skips is not None:
                x = x + skips[UNITS - 1 - n]
            levels.insert(0, x)
        return levels


class UpsampleUnit(nn.Module):
    """One level of the way back: takes up the coarser unit, predicts maps, and leads on to the next stage where there is one.

    Args:
        inplanes: channels of the level; planes: of the unit; stem: of the next stage's input.
        number: 0 is the coarsest, 3 the finest.
        onward: whether a stage follows.
        refine: makes a module that refines maps; None: none.
    """

    def __init__(
        self,
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
        """What the next stage's layer of this level takes up."""
        return self.skip1(level) + self.skip2(out)


def _resized(x: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    if x.shape[-2:] == tuple(size):
        return x
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)


class Stage(nn.Module):
    """Down and up once; `upsample` holds `up1` (coarsest) to `up4`."""

    def __init__(self, downsample: Downsample, units: Sequence[UpsampleUnit]):
        super().__init__()
        self.downsample = downsample
        self.upsample = nn.ModuleDict({f"up{i + 1}": unit for i, unit in enumerate(units)})

    @property
    def units(self) -> list[UpsampleUnit]:
        return list(self.upsample.values())

    def forward(
        self, x: torch.Tensor, skips: list[torch.Tensor] | None
    ) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """(B, C, h, w) -> the levels of the way down and the units' outputs, both the coarsest first."""
        levels, outs = self.downsample(x, skips), []
        for unit, level in zip(self.units, levels):
            outs.append(unit(level, outs[-1] if outs else None))
        return levels, outs


class MultiStageNetwork(PoseNetwork):
    """MSPN and RSN: (B, 3, H, W), sides multiples of 32 -> 4 maps (B, K, H/4, W/4) a stage, the coarsest level's first.

    The last feature map is the finest unit's of the last stage in front of its 3x3 convolution; `last_layer` is that convolution
    with its batch norm (and the module that refines maps, where there is one).

    Args:
        num_joints: K.
        num_stages: in a row, each supervised at four levels.
        block: of the way down, called with (inplanes, planes, stride, bias).
        blocks: how many in each of the four layers.
        unit_channels: of the way up (published: 256).
        width: planes of the first layer (published: 64).
        conv_bias: whether convolutions have the bias of the original code; False: none, and initial weights as in mmpose.
        refine: makes a module that refines the maps of every unit.
    """

    level_loss = "megvii"

    def __init__(
        self,
        num_joints: int,
        num_stages: int = 1,
        block: Callable[..., nn.Module] = Bottleneck,
        blocks: Sequence[int] = (3, 4, 6, 3),
        unit_channels: int = 256,
        width: int = 64,
        conv_bias: bool = True,
        refine: Callable[[int], nn.Module] | None = None,
    ):
        super().__init__()
        if num_stages < 1:
            raise ValueError(f"num_stages must be at least 1, not {num_stages}")
        self.num_joints, self.num_stages, self.feature_channels, self.input_multiple = (
            num_joints, num_stages, unit_channels, 32
        )  # fmt: skip
        self._refine = refine
        self.top = Top(width, conv_bias)
        for i in range(num_stages):
            onward = i + 1 < num_stages
            inplanes = [width * block.expansion * 2**level for level in reversed(range(UNITS))]
            units = [
                UpsampleUnit(n, unit_channels, width, num_joints, number, onward, conv_bias, refine)
                for number, n in enumerate(inplanes)
            ]
            self.add_module(f"stage{i}", Stage(Downsample(block, blocks, width, conv_bias), units))
        for part in [stage.downsample for stage in self.stages] if conv_bias else [self]:
            for module in part.modules():
                if isinstance(module, nn.Conv2d):
                    nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    @property
    def stages(self) -> list[Stage]:
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
            earlier += [unit.maps(own, size) for unit, own in zip(stage.units, features) if unit is not self._finest]
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
