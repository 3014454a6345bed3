"""Stacked hourglass (Newell et al., ECCV 2016), as CC-SSL, bearpaw/pytorch-pose and DARK use it, with their key names."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import OptionError
from .blocks import PreActBottleneck, residuals
from .network import PoseNetwork


class Hourglass(nn.Module):
    """One hourglass (B, 2 x `planes`, h, w) -> the same shape: `depth` halvings, as many doublings, a skip branch on each level."""

    def __init__(self, num_blocks: int, planes: int, depth: int):
        super().__init__()
        width = planes * PreActBottleneck.expansion
        # level 0 is the innermost: it has one more branch, the bottom
        self.hg = nn.ModuleList(
            nn.ModuleList(residuals(width, planes, num_blocks) for _ in range(4 if level == 0 else 3))
            for level in range(depth)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._level(len(self.hg) - 1, x)

    def _level(self, level: int, x: torch.Tensor) -> torch.Tensor:
        branches = self.hg[level]
        assert isinstance(branches, nn.ModuleList)
        low = branches[1](F.max_pool2d(x, 2))
        low = self._level(level - 1, low) if level else branches[3](low)
        skip: torch.Tensor = branches[0](x)
        # back to the size before the halving, which may be odd
        return skip + F.interpolate(branches[2](low), size=x.shape[-2:])


class StackedHourglass(PoseNetwork):
    """Stacked hourglass: (B, 3, H, W), H and W multiples of 4 x 2^depth -> a list of `num_stacks` maps (B, K, H/4, W/4).

    Where `uneven`, sides may be any multiple of 4 that is at least 4 x 2^depth: a halving drops the odd cell, and the doubling
    restores the size before the halving.

    Args:
        num_joints: K.
        num_stacks: hourglasses in a row, each with a loss of its own.
        num_blocks: bottlenecks at each place inside the hourglasses.
        width: planes of the bottlenecks; the feature map has 2 x width channels (published: 128, so 256 channels).
        depth: halvings inside an hourglass (published: 4).
        uneven: accept sizes that are odd before a halving.
    """

    def __init__(
        self,
        num_joints: int,
        num_stacks: int = 4,
        num_blocks: int = 1,
        width: int = 128,
        depth: int = 4,
        uneven: bool = False,
    ):
        super().__init__()
        if width < 2 or width % 2:
            raise ValueError(f"width must be an even number of planes, not {width}")
        features = width * PreActBottleneck.expansion
        self.depth, self.smallest = depth, 4 * 2**depth
        self.num_joints, self.feature_channels = num_joints, features
        self.input_multiple = 4 if uneven else self.smallest
        self.conv1 = nn.Conv2d(3, width // 2, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(width // 2)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = residuals(width // 2, width // 2, 1)
        self.layer2 = residuals(width, width, 1)
        self.layer3 = residuals(features, width, 1)
        self.hg = nn.ModuleList(Hourglass(num_blocks, width, depth) for _ in range(num_stacks))
        self.res = nn.ModuleList(residuals(features, width, num_blocks) for _ in range(num_stacks))
        self.fc = nn.ModuleList(
            nn.Sequential(nn.Conv2d(features, features, 1), nn.BatchNorm2d(features), self.relu)
            for _ in range(num_stacks)
        )
        self.score = nn.ModuleList(nn.Conv2d(features, num_joints, 1) for _ in range(num_stacks))
        self.fc_ = nn.ModuleList(nn.Conv2d(features, features, 1) for _ in range(num_stacks - 1))
        self.score_ = nn.ModuleList(nn.Conv2d(num_joints, features, 1) for _ in range(num_stacks - 1))

    def stem(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, 2 x width, H/4, W/4).

        Raises:
            OptionError: the pictures are too small for the depth of the hourglasses.
        """
        if min(images.shape[-2:]) < self.smallest:
            raise OptionError(
                f"pictures of at least {self.smallest} px a side for an hourglass of depth {self.depth}",
                f"{images.shape[-2]} x {images.shape[-1]} px",
                "give a smaller --depth or a larger --inp-res",
            )
        x: torch.Tensor = self.relu(self.bn1(self.conv1(images)))
        x = self.layer3(self.layer2(F.max_pool2d(self.layer1(x), 2)))
        return x

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        x = self.stem(images)
        earlier = []
        for i, (hourglass, res, fc) in enumerate(zip(self.hg, self.res, self.fc)):
            y = fc(res(hourglass(x)))
            if i < len(self.fc_):
                earlier.append(self.score[i](y))
                x = x + self.fc_[i](y) + self.score_[i](earlier[-1])
        return earlier, y

    @property
    def last_layer(self) -> nn.Module:
        return self.score[-1]


class MultitaskHourglass(StackedHourglass):
    """`hg_multitask`: the stacked hourglass that also segments body parts at each stage (CC-SSL's train_multitask).

    The flat list of outputs holds `num_stacks` joint maps (B, K, H/4, W/4), then `num_stacks` part maps (B, parts, H, W). The
    published network computes layers `score_seg_` but does not use their result. These layers are here so that all tensors of its
    checkpoints load; the forward pass does not compute them, which changes no output.
    """

    def __init__(self, num_joints: int, num_stacks: int = 8, num_parts: int = 10, **options: Any):
        super().__init__(num_joints, num_stacks, **options)
        features, self.num_parts = self.feature_channels, num_parts
        self.score_seg = nn.ModuleList(nn.Conv2d(features, num_parts, 1) for _ in range(num_stacks))
        self.score_seg_ = nn.ModuleList(nn.Conv2d(num_parts, features, 1) for _ in range(num_stacks - 1))
        self.score_seg_.requires_grad_(False)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        x = self.stem(images)
        maps, parts = [], []
        for i, (hourglass, res, fc, score) in enumerate(zip(self.hg, self.res, self.fc, self.score)):
            y = fc(res(hourglass(x)))
            maps.append(score(y))
            part = self.score_seg[i](y)
            parts.append(F.interpolate(part, size=images.shape[-2:], mode="bilinear", align_corners=True))
            if i < len(self.fc_):
                x = x + self.fc_[i](y) + self.score_[i](maps[-1])
        return maps + parts


def part_maps(outputs: list[torch.Tensor], size_hw: tuple[int, int]) -> list[torch.Tensor]:
    """The part maps (B, parts, H, W) among a network's outputs, one for each stack; none for a network without parts.

    Args:
        outputs: of the network.
        size_hw: (H, W) of its input, px. Part maps have this size, joint maps a quarter of it.
    """
    return [o for o in outputs if tuple(o.shape[-2:]) == tuple(size_hw)]


def hg(num_joints: int, num_stacks: int = 4, num_blocks: int = 1, width: int = 128, depth: int = 4) -> StackedHourglass:
    """Stacked hourglass (Newell, Yang, Deng, ECCV 2016) as in CC-SSL and bearpaw/pytorch-pose. See `StackedHourglass`.

    4 stacks of one block: 13.02 M parameters, 30.7 GFLOP at 256x256. Input multiple 64 px (4 x 2^depth); maps (B, K, H/4, W/4).
    """
    return StackedHourglass(num_joints, num_stacks, num_blocks, width, depth)


def hg_dark(
    num_joints: int, num_stacks: int = 4, num_blocks: int = 1, width: int = 128, depth: int = 4
) -> StackedHourglass:
    """`hg` for sizes that are odd before a halving, as DARK uses it at 128x96, the only size of the published code.

    Zhang et al., Distribution-Aware Coordinate Representation for Human Pose Estimation, CVPR 2020. Parameters as `hg`. Input
    multiple 4 px from 64 px on; maps (B, K, H/4, W/4). See `StackedHourglass`.
    """
    return StackedHourglass(num_joints, num_stacks, num_blocks, width, depth, uneven=True)


def hg_multitask(
    num_joints: int, num_stacks: int = 8, num_blocks: int = 1, width: int = 128, depth: int = 4, num_parts: int = 10
) -> MultitaskHourglass:
    """Stacked hourglass with part segmentation (Mu et al., CVPR 2020, train_multitask). See `MultitaskHourglass`.

    Input multiple 64 px (4 x 2^depth); joint maps (B, K, H/4, W/4), then part maps (B, parts, H, W), one of each for each stack.
    """
    return MultitaskHourglass(num_joints, num_stacks, num_parts, num_blocks=num_blocks, width=width, depth=depth)
