"""Hourglass-52 of mmpose: residual blocks of two 3x3 convolutions, strides instead of pooling, five halvings.

A. Newell et al., Stacked Hourglass Networks, ECCV 2016, as in the trunk of CornerNet (H. Law, J. Deng, ECCV 2018);
github.com/open-mmlab/mmpose, mmpose/models/backbones/hourglass.py. Key names are mmpose's without its prefixes, see `to_our_keys`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import WeightsError
from .multi_stage import ConvBN
from .network import PoseNetwork
from .resnet import BasicBlock, count_blocks, init_normal, stage

# mmpose's defaults, finest level first; one more level than halvings
CHANNELS = (256, 256, 384, 384, 384, 512)  # of the feature maps
BLOCKS = (2, 2, 2, 2, 2, 4)  # residual blocks on each level


class HourglassModule(nn.Module):
    """One level of an hourglass; `low2` is the next smaller hourglass, or the blocks at the bottom.

    Args:
        channels, blocks: of this level and of all below it, finest first; at least two.
    """

    def __init__(self, channels: Sequence[int], blocks: Sequence[int]):
        super().__init__()
        (here, below), (count, count_below) = channels[:2], blocks[:2]
        self.up1 = stage(BasicBlock, here, here, count)
        self.low1 = stage(BasicBlock, here, below, count, stride=2)
        deeper = len(channels) > 2
        self.low2 = (
            HourglassModule(channels[1:], blocks[1:]) if deeper else stage(BasicBlock, below, below, count_below)
        )
        # before the doubling the last block changes the number of channels, not the first one
        self.low3 = nn.Sequential(*stage(BasicBlock, below, below, count - 1), BasicBlock(below, here))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.low3(self.low2(self.low1(x)))
        skip: torch.Tensor = self.up1(x)
        return skip + F.interpolate(low, scale_factor=2)


class MmposeHourglass(PoseNetwork):
    """(B, 3, H, W), H and W multiples of 4 x 2^halvings -> a list of `num_stacks` maps (B, K, H/4, W/4).

    The published network of one stack has a residual block that would lead to a second stack. No output depends on it. The block is
    here so that all tensors of the published checkpoints load, and it does not train.

    Initial weights: convolutions N(0, 0.001), as published.

    Args:
        num_joints: K.
        num_stacks: hourglasses in a row, each with a loss of its own.
        channels: of the feature maps of an hourglass's levels, finest first.
        blocks: residual blocks on each of these levels.

    Raises:
        ValueError: other numbers of channels than of blocks, or fewer than two levels.
    """

    def __init__(
        self,
        num_joints: int,
        num_stacks: int = 1,
        channels: Sequence[int] = CHANNELS,
        blocks: Sequence[int] = BLOCKS,
    ):
        super().__init__()
        if len(channels) != len(blocks) or len(channels) < 2 or min(*channels, *blocks, num_stacks) < 1:
            raise ValueError(f"channels and blocks of the same two or more levels, not {channels} and {blocks}")
        width = channels[0]
        self.num_joints, self.feature_channels = num_joints, width
        self.input_multiple = 4 * 2 ** (len(channels) - 1)
        between = range(num_stacks - 1)
        self.stem = nn.Sequential(
            ConvBN(3, width // 2, 7, 2, bias=False), stage(BasicBlock, width // 2, width, 1, stride=2)
        )
        self.hourglass_modules = nn.ModuleList(HourglassModule(channels, blocks) for _ in range(num_stacks))
        self.inters = stage(BasicBlock, width, width, max(1, num_stacks - 1))
        self.conv1x1s = nn.ModuleList(ConvBN(width, width, 1, bias=False, relu=False) for _ in between)
        self.out_convs = nn.ModuleList(ConvBN(width, width, 3, bias=False) for _ in range(num_stacks))
        self.remap_convs = nn.ModuleList(ConvBN(width, width, 1, bias=False, relu=False) for _ in between)
        self.multi_final_layers = nn.ModuleList(nn.Conv2d(width, num_joints, 1) for _ in range(num_stacks))
        if num_stacks == 1:
            self.inters.requires_grad_(False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                init_normal(module.weight)
        for layer in self.multi_final_layers:
            assert isinstance(layer.bias, nn.Parameter)
            nn.init.zeros_(layer.bias)

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        x = self.stem(images)
        earlier: list[torch.Tensor] = []
        for i, (hourglass, out) in enumerate(zip(self.hourglass_modules, self.out_convs)):
            y = out(hourglass(x))
            if i < len(self.conv1x1s):
                earlier.append(self.multi_final_layers[i](y))
                x = self.inters[i](F.relu(self.conv1x1s[i](x) + self.remap_convs[i](y)))
        return earlier, y

    @property
    def last_layer(self) -> nn.Module:
        return self.multi_final_layers[-1]


def to_our_keys(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Remove the prefixes `backbone.`, `keypoint_head.` (mmpose 0.x) and `head.` (1.x) from the keys of a published state dict."""
    return {re.sub(r"^(?:backbone|keypoint_head|head)\.", "", k): v for k, v in state_dict.items()}


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of a published network from its tensors.

    Raises:
        WeightsError: the tensors of another network, or of three or more stacks.
    """
    tensors = to_our_keys(state_dict)
    stacks = count_blocks(tensors, "multi_final_layers.")
    level, channels, blocks = "hourglass_modules.0", [], []
    try:
        joints = len(tensors["multi_final_layers.0.weight"])
        while f"{level}.up1.0.conv1.weight" in tensors:
            channels.append(len(tensors[f"{level}.up1.0.conv1.weight"]))
            blocks.append(count_blocks(tensors, f"{level}.up1."))
            level += ".low2"
        channels.append(len(tensors[f"{level}.0.conv1.weight"]))
        blocks.append(count_blocks(tensors, f"{level}."))
    except KeyError as error:
        found = f"no {error.args[0]!r} among {len(state_dict)} tensors"
        raise WeightsError("the tensors of mmpose's hourglass", found) from error
    arch = {1: "hourglass52", 2: "hourglass104"}.get(stacks)
    if arch is None:
        raise WeightsError("an hourglass of one or two stacks", f"{stacks} stacks")
    return arch, {"num_joints": joints, "channels": tuple(channels), "blocks": tuple(blocks)}


def hourglass52(num_joints: int, channels: Sequence[int] = CHANNELS, blocks: Sequence[int] = BLOCKS) -> MmposeHourglass:
    """mmpose's Hourglass-52, one stack (Newell et al., ECCV 2016). See `MmposeHourglass`.

    94.85 M parameters, 28.6 G multiply-adds at 256x256. Input multiple 128 px (five halvings); maps (B, K, H/4, W/4).
    """
    return MmposeHourglass(num_joints, 1, channels, blocks)


def hourglass104(
    num_joints: int, channels: Sequence[int] = CHANNELS, blocks: Sequence[int] = BLOCKS
) -> MmposeHourglass:
    """mmpose's Hourglass-104, two stacks of `hourglass52`, so two maps (B, K, H/4, W/4). See `MmposeHourglass`."""
    return MmposeHourglass(num_joints, 2, channels, blocks)
