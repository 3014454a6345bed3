"""Stacked hourglass of princeton-vl/pytorch_stacked_hourglass: its first layers have other widths, its keys other names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import WeightsError
from .blocks import Conv3x3
from .network import PoseNetwork
from .resnet import count_blocks


class Conv(nn.Module):
    """Convolution with bias; batch norm and ReLU behind it where `norm`."""

    def __init__(self, inplanes: int, planes: int, kernel: int, stride: int = 1, norm: bool = False):
        super().__init__()
        plain = (kernel, stride) == (3, 1)
        self.conv = Conv3x3(inplanes, planes) if plain else nn.Conv2d(inplanes, planes, kernel, stride, kernel // 2)
        self.bn = nn.BatchNorm2d(planes) if norm else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(x)
        return out if self.bn is None else F.relu(self.bn(out))


class Residual(nn.Module):
    """Pre-activation bottleneck: BN-ReLU-1x1, BN-ReLU-3x3, BN-ReLU-1x1; the 3x3 convolution has half of `outplanes` channels.

    The published block has a projection even where the shortcut is the input. No output depends on it there. The projection is here
    so that all tensors of its checkpoints load, and it does not train.
    """

    def __init__(self, inplanes: int, outplanes: int):
        super().__init__()
        half = outplanes // 2
        self.bn1 = nn.BatchNorm2d(inplanes)
        self.conv1 = Conv(inplanes, half, 1)
        self.bn2 = nn.BatchNorm2d(half)
        self.conv2 = Conv(half, half, 3)
        self.bn3 = nn.BatchNorm2d(half)
        self.conv3 = Conv(half, outplanes, 1)
        self.skip_layer = Conv(inplanes, outplanes, 1)
        self.project = inplanes != outplanes
        if not self.project:
            self.skip_layer.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut: torch.Tensor = self.skip_layer(x) if self.project else x
        x = self.conv1(F.relu(self.bn1(x)))
        x = self.conv2(F.relu(self.bn2(x)))
        x = self.conv3(F.relu(self.bn3(x)))
        return x + shortcut


class Hourglass(nn.Module):
    """`depth` halvings and as many doublings; `low2` is the next smaller hourglass, or a residual block at the bottom."""

    def __init__(self, depth: int, width: int):
        super().__init__()
        self.up1 = Residual(width, width)
        self.low1 = Residual(width, width)
        self.low2 = Hourglass(depth - 1, width) if depth > 1 else Residual(width, width)
        self.low3 = Residual(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        low = self.low3(self.low2(self.low1(F.max_pool2d(x, 2))))
        skip: torch.Tensor = self.up1(x)
        return skip + F.interpolate(low, scale_factor=2)


class Merge(nn.Module):
    """1x1 convolution that leads to the next stack."""

    def __init__(self, inplanes: int, planes: int):
        super().__init__()
        self.conv = Conv(inplanes, planes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.conv(x)
        return out


class PrincetonHourglass(PoseNetwork):
    """(B, 3, H, W), H and W multiples of 4 x 2^depth -> a list of `num_stacks` maps (B, K, H/4, W/4).

    The published network takes (B, H, W, 3) in 0..1 and returns one tensor (B, stacks, K, h, w).

    Args:
        num_joints: K.
        num_stacks: hourglasses in a row, each with a loss of its own.
        channels: of the feature maps (published: 256).
        depth: halvings inside an hourglass (published: 4).
    """

    def __init__(self, num_joints: int, num_stacks: int = 8, channels: int = 256, depth: int = 4):
        super().__init__()
        if channels < 2 or channels % 2:
            raise ValueError(f"channels must be an even number, not {channels}")
        self.num_joints, self.feature_channels, self.input_multiple = num_joints, channels, 4 * 2**depth
        self.pre = nn.Sequential(
            Conv(3, 64, 7, 2, norm=True),
            Residual(64, 128),
            nn.MaxPool2d(2),
            Residual(128, 128),
            Residual(128, channels),
        )
        self.hgs = nn.ModuleList(nn.Sequential(Hourglass(depth, channels)) for _ in range(num_stacks))
        self.feature_layers = nn.ModuleList(
            nn.Sequential(Residual(channels, channels), Conv(channels, channels, 1, norm=True))
            for _ in range(num_stacks)
        )
        self.outs = nn.ModuleList(Conv(channels, num_joints, 1) for _ in range(num_stacks))
        self.merge_features = nn.ModuleList(Merge(channels, channels) for _ in range(num_stacks - 1))
        self.merge_preds = nn.ModuleList(Merge(num_joints, channels) for _ in range(num_stacks - 1))

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        x = self.pre(images)
        earlier: list[torch.Tensor] = []
        for i, (hourglass, layers, out) in enumerate(zip(self.hgs, self.feature_layers, self.outs)):
            y = layers(hourglass(x))
            if i < len(self.merge_preds):
                earlier.append(out(y))
                x = x + self.merge_preds[i](earlier[-1]) + self.merge_features[i](y)
        return earlier, y

    @property
    def last_layer(self) -> nn.Module:
        return self.outs[-1]

    def new_last_layer(self, num_joints: int) -> nn.Module:
        return Conv(self.feature_channels, num_joints, 1)


def to_our_keys(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename `features` to `feature_layers` in the keys of a published state dict; `features` is a method of each network here."""
    return {re.sub(r"^features\.", "feature_layers.", k): v for k, v in state_dict.items()}


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of a published network from its tensors.

    Raises:
        WeightsError: the tensors of another network.
    """
    last = state_dict.get("outs.0.conv.weight")
    if last is None or last.ndim != 4:
        raise WeightsError("the tensors of Princeton's stacked hourglass", f"no `outs` among {len(state_dict)} tensors")
    joints, channels = last.shape[:2]
    depth = max(k.count(".low2") for k in ("hgs.0.0.low2", *state_dict) if k.startswith("hgs.0."))
    stacks = count_blocks(state_dict, "outs.")
    return "hg_princeton", {"num_joints": joints, "num_stacks": stacks, "channels": channels, "depth": depth}


def hg_princeton(num_joints: int, num_stacks: int = 8, channels: int = 256, depth: int = 4) -> PrincetonHourglass:
    """Princeton's stacked hourglass (Newell, Yang, Deng, ECCV 2016; Newell's PyTorch code). See `PrincetonHourglass`.

    8 stacks: 32.82 M parameters (with projections that no output depends on), 27.4 G multiply-adds at 256x256. Input multiple
    64 px (4 x 2^depth); maps (B, K, H/4, W/4).
    """
    return PrincetonHourglass(num_joints, num_stacks, channels, depth)
