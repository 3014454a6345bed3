"""RSN (Cai et al., ECCV 2020): the structure of MSPN with residual steps blocks, and the pose refine machine.

Key names are those of caiyuanhao1998/RSN. The only public checkpoints are those of mmpose; `multi_stage_keys.to_our_keys` renames
their tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import WeightsError
from .multi_stage import Bottleneck, ConvBN, MultiStageNetwork
from .multi_stage_keys import read_options, to_our_keys

STEPS = 4  # branches of a block


class ResidualStepsBlock(nn.Module):
    """Residual steps block: four branches of 1 to 4 3x3 convolutions; each adds the output of the branch before at the same step.

    (B, `inplanes`, h, w) -> (B, `planes`, h/s, w/s). A branch has `inplanes` x 26/64 channels (authors' code): in the first block
    of a layer half as many as in the others.
    """

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int, bias: bool):
        super().__init__()
        branch = inplanes * 26 // 64
        self.conv_bn_relu1 = ConvBN(inplanes, STEPS * branch, 1, stride, bias=bias)
        for i in range(STEPS):
            for j in range(i + 1):
                self.add_module(f"conv_bn_relu2_{i + 1}_{j + 1}", ConvBN(branch, branch, 3, bias=bias))
        self.conv_bn_relu3 = ConvBN(STEPS * branch, planes, 1, bias=bias, relu=False)
        same = stride == 1 and inplanes == planes
        self.downsample = None if same else ConvBN(inplanes, planes, 1, stride, bias=bias, relu=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before: list[torch.Tensor] = []
        ends = []
        for i, step in enumerate(self.conv_bn_relu1(x).chunk(STEPS, 1)):
            steps: list[torch.Tensor] = []
            for j in range(i + 1):
                step = step + before[j] if j < i else step
                step = getattr(self, f"conv_bn_relu2_{i + 1}_{j + 1}")(step)
                steps.append(step)
            ends.append(step)
            before = steps
        out = self.conv_bn_relu3(torch.cat(ends, 1))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))


class Narrow(Bottleneck):
    """Bottleneck whose output has `planes` channels, of the Res-18 that the RSN code is compared with."""

    expansion = 1


class PoseRefineMachine(nn.Module):
    """PRM as in mmpose: maps (B, K, h, w) -> o1 (1 + o2 o3), with o2 a weight for each joint and o3 a weight for each cell.

    o1 is a 3x3 convolution of the maps. o2 is computed from their means by two fully connected layers, o3 by a 1x1 and a 9x9
    depthwise convolution; both are a sigmoid after a ReLU, so never below 1/2. The authors' code defines another PRM and does not
    use it. A batch of one picture cannot train: the batch norms of o2 run over pictures only.
    """

    def __init__(self, num_joints: int):
        super().__init__()
        k = num_joints
        self.conv_bn_relu_prm_1 = ConvBN(k, k, 3, bias=False)
        self.middle_path = nn.Sequential(
            nn.Linear(k, k), nn.BatchNorm1d(k), nn.ReLU(), nn.Linear(k, k), nn.BatchNorm1d(k), nn.ReLU()
        )
        self.bottom_path = nn.Sequential(ConvBN(k, k, 1, bias=False), _Depthwise(k))
        for module in self.middle_path:
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        maps = self.conv_bn_relu_prm_1(maps)
        joint = torch.sigmoid(self.middle_path(maps.mean((2, 3))))[..., None, None]
        cell = torch.sigmoid(self.bottom_path(maps))
        return maps * (1 + joint * cell)


class _Depthwise(nn.Module):
    """9x9 depthwise convolution, then a 1x1 convolution to one channel."""

    def __init__(self, planes: int):
        super().__init__()
        self.depthwise_conv = ConvBN(planes, planes, 9, bias=False, groups=planes)
        self.pointwise_conv = ConvBN(planes, 1, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.pointwise_conv(self.depthwise_conv(x))
        return out


_BLOCKS = {"rsn18": (2, 2, 2, 2), "rsn50": (3, 4, 6, 3)}


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of a published RSN or its Res-18 from its tensors.

    Args:
        state_dict: names of this project or mmpose's.

    Raises:
        WeightsError: the tensors of another network.
    """
    state_dict = to_our_keys(state_dict)
    found = read_options(state_dict)
    blocks, expansion, width = found.pop("blocks"), found.pop("expansion"), found.pop("width")
    steps = "stage0.downsample.layer1.0.conv_bn_relu2_1_1.conv.weight" in state_dict
    name = next((n for n, counts in _BLOCKS.items() if counts == blocks), None)
    if name is None or (expansion, width) != (1, 64) or (not steps and name != "rsn18"):
        raise WeightsError(
            "RSN-18, RSN-50 or the RSN code's Res-18",
            f"{blocks} blocks {'of residual steps' if steps else ''}, {width} planes, expansion {expansion}",
        )
    if steps:
        return name, {**found, "prm": any(".prm." in k for k in state_dict)}
    return "rsn_res18", found


def rsn18(
    num_joints: int, num_stages: int = 1, unit_channels: int = 256, conv_bias: bool = True, prm: bool = False
) -> MultiStageNetwork:
    """RSN-18. See `MultiStageNetwork`.

    Cai et al.: Learning Delicate Local Representations for Multi-Person Pose Estimation, ECCV 2020. For 17 joints 9.16 M
    parameters, 2.25 G multiply-adds at 256x192. Input multiple 32 px; 4 maps (B, K, H/4, W/4) for each stage.

    Args:
        prm: put a pose refine machine behind each unit's maps.
    """
    return MultiStageNetwork(
        num_joints,
        num_stages,
        block=ResidualStepsBlock,
        blocks=_BLOCKS["rsn18"],
        unit_channels=unit_channels,
        conv_bias=conv_bias,
        refine=PoseRefineMachine if prm else None,
    )


def rsn50(
    num_joints: int, num_stages: int = 1, unit_channels: int = 256, conv_bias: bool = True, prm: bool = False
) -> MultiStageNetwork:
    """RSN-50: 19.36 M parameters, 4.07 G multiply-adds at 256x192. See `rsn18`."""
    return MultiStageNetwork(
        num_joints,
        num_stages,
        block=ResidualStepsBlock,
        blocks=_BLOCKS["rsn50"],
        unit_channels=unit_channels,
        conv_bias=conv_bias,
        refine=PoseRefineMachine if prm else None,
    )


def rsn_res18(
    num_joints: int, num_stages: int = 1, unit_channels: int = 256, conv_bias: bool = True
) -> MultiStageNetwork:
    """The Res-18 that RSN is compared with: 8.56 M parameters, 2.07 G multiply-adds at 256x192. See `rsn18`."""
    return MultiStageNetwork(
        num_joints,
        num_stages,
        block=Narrow,
        blocks=_BLOCKS["rsn18"],
        unit_channels=unit_channels,
        conv_bias=conv_bias,
    )
