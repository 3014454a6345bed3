"""HRNet (Sun et al., CVPR 2019) and the HRNet of UDP (Huang et al., CVPR 2020), with the published key names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import WeightsError
from .network import PoseNetwork
from .resnet import BasicBlock, Bottleneck, ConvBuilder, init_normal, load_layers, stage

WIDTHS = (32, 48)  # published widths
# beginnings of the keys of the layers that files for other purposes also have
TRUNK = ("conv1.", "bn1.", "conv2.", "bn2.", "layer1.", "transition", "stage2.", "stage3.", "stage4.")
# beginnings of keys that only such files have: heads for classification or poses, and outputs of the last fusion not used for poses
NOT_IN_TRUNK = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.") + tuple(
    f"stage4.2.fuse_layers.{row}." for row in (1, 2, 3)
)


class Upsample(nn.Module):
    """Enlarge by 2^`doublings`, nearest neighbour."""

    def __init__(self, doublings: int):
        super().__init__()
        self.factor = 2**doublings

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.interpolate(x, scale_factor=self.factor)


class Transition(nn.ModuleList):
    """The branches of a stage, from those of the stage before; a new branch is a convolution of stride 2 on the coarsest one."""

    def __init__(self, before: Sequence[int], after: Sequence[int], conv: ConvBuilder = nn.Conv2d):
        super().__init__()
        for i, planes in enumerate(after):
            if i >= len(before):
                self.append(nn.Sequential(_conv3x3(before[-1], planes, 2, conv)))
            elif before[i] != planes:
                self.append(_conv3x3(before[i], planes, 1, conv))
            else:
                self.append(nn.Identity())

    def forward(self, branches: list[torch.Tensor]) -> list[torch.Tensor]:
        return [layer(branches[min(i, len(branches) - 1)]) for i, layer in enumerate(self)]


def _conv3x3(inplanes: int, planes: int, stride: int, conv: ConvBuilder, relu: bool = True) -> nn.Sequential:
    layers = [conv(inplanes, planes, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(planes)]
    return nn.Sequential(*layers, *([nn.ReLU(inplace=True)] if relu else []))


class HighResolutionModule(nn.Module):
    """Four basic blocks on each branch; then each output is the ReLU of the sum of all branches, resized to its size.

    Args:
        widths: channels of the branches, finest first; each has half the sides of the one before.
        rows: number of outputs, finest first.
        widen: factor on the channels of the finest output (UDP's last module: 4).
        conv: builder of the convolutions.
    """

    def __init__(self, widths: Sequence[int], rows: int, widen: int = 1, conv: ConvBuilder = nn.Conv2d):
        super().__init__()
        self.conv = conv
        self.branches = nn.ModuleList(stage(BasicBlock, w, w, 4, conv=conv) for w in widths)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(
                self._path(source, target, widths, widths[target] * (1 if target else widen))
                for source in range(len(widths))
            )
            for target in range(rows)
        )

    def _path(self, source: int, target: int, widths: Sequence[int], planes: int) -> nn.Module:
        if source > target:
            return self.upward(widths[source], planes, source - target)
        if source < target:
            return self._downward(widths[source], planes, target - source)
        if planes == widths[source]:
            return nn.Identity()
        return nn.Sequential(self.conv(widths[source], planes, 1, bias=False))

    def upward(self, inplanes: int, planes: int, doublings: int) -> nn.Sequential:
        """From a coarser branch to a finer output."""
        return nn.Sequential(self.conv(inplanes, planes, 1, bias=False), nn.BatchNorm2d(planes), Upsample(doublings))

    def _downward(self, inplanes: int, planes: int, halvings: int) -> nn.Sequential:
        steps = [_conv3x3(inplanes, inplanes, 2, self.conv) for _ in range(halvings - 1)]
        return nn.Sequential(*steps, _conv3x3(inplanes, planes, 2, self.conv, relu=False))

    def forward(self, branches: list[torch.Tensor], rows: int | None = None) -> list[torch.Tensor]:
        """All branches -> the first `rows` outputs (default: all)."""
        branches = [blocks(x) for blocks, x in zip(self.branches, branches)]
        return [self._fused(row, target, branches) for target, row in enumerate(self.fuse_layers[:rows])]

    @staticmethod
    def _fused(row: nn.Module, target: int, branches: list[torch.Tensor]) -> torch.Tensor:
        assert isinstance(row, nn.ModuleList)
        # other outputs need the branch itself, so it comes last; the results before it are new tensors and may be overwritten
        order = sorted(range(len(branches)), key=lambda source: source == target)
        total: torch.Tensor = row[order[0]](branches[order[0]])
        for source in order[1:]:
            total += row[source](branches[source])
        return F.relu_(total)


class HighResolutionNetwork(PoseNetwork):
    """HRNet without what follows the last fusion: (B, 3, H, W), H and W multiples of 32, to branches at H/4, H/8, H/16, H/32.

    Args:
        width: channels C of the finest branch; the others have 2C, 4C and 8C.
        module: class of the fusing modules.
        last: options of the last fusing module.
        conv: builder of the convolutions.
    """

    input_multiple = 32
    transition1: Transition
    transition2: Transition
    transition3: Transition
    stage2: nn.Sequential
    stage3: nn.Sequential
    stage4: nn.Sequential

    def __init__(
        self,
        width: int,
        module: type[HighResolutionModule] = HighResolutionModule,
        last: Mapping[str, int] | None = None,
        conv: ConvBuilder = nn.Conv2d,
    ):
        super().__init__()
        widths = [width * 2**i for i in range(4)]
        self.conv1 = conv(3, 64, 3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.conv2 = conv(64, 64, 3, stride=2, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = stage(Bottleneck, 64, 64, 4, conv=conv)
        before = [64 * Bottleneck.expansion]
        for number, count in ((2, 1), (3, 4), (4, 3)):
            after = widths[:number]
            options = [{"rows": number}] * (count - 1) + [{"rows": number, **((last or {}) if number == 4 else {})}]
            setattr(self, f"transition{number - 1}", Transition(before, after, conv))
            setattr(self, f"stage{number}", nn.Sequential(*(module(after, conv=conv, **o) for o in options)))
            before = after

    def low_level(self, images: torch.Tensor) -> torch.Tensor:
        """(B, 3, H, W) -> (B, 256, H/4, W/4)."""
        x: torch.Tensor = self.relu(self.bn1(self.conv1(images)))
        x = self.layer1(self.relu(self.bn2(self.conv2(x))))
        return x

    def finest(self, x: torch.Tensor) -> torch.Tensor:
        """Output of `low_level` -> the finest output of the last fusion (B, C, H/4, W/4)."""
        branches: list[torch.Tensor] = self.stage2(self.transition1([x]))
        branches = self.stage3(self.transition2(branches))
        branches = self.transition3(branches)
        for fusing in self.stage4[:-1]:
            branches = fusing(branches)
        (finest,) = self.stage4[-1](branches, rows=1)
        output: torch.Tensor = finest
        return output


class HRNet(HighResolutionNetwork):
    """HRNet: (B, 3, H, W), H and W multiples of 32 -> one list entry (B, K, H/4, W/4).

    Initial weights as published: all convolutions N(0, 0.001), biases 0; then, where given, ImageNet weights (`load_trunk`).

    Args:
        num_joints: K.
        width: C, channels of the finest branch (published: 32 and 48).
        udp: the network of UDP, whose last fusion has 4C channels (without a batch norm behind the finest branch's convolution).
    """

    def __init__(self, num_joints: int, width: int = 32, udp: bool = False):
        super().__init__(width, last={"rows": 1, "widen": 4 if udp else 1})
        self.num_joints, self.feature_channels, self.udp = num_joints, width * (4 if udp else 1), udp
        self.final_layer = nn.Conv2d(self.feature_channels, num_joints, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                init_normal(layer.weight)
        assert self.final_layer.bias is not None
        nn.init.zeros_(self.final_layer.bias)

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        return [], self.finest(self.low_level(images))

    @property
    def last_layer(self) -> nn.Conv2d:
        return self.final_layer

    @property
    def trunk_layers(self) -> list[nn.Module]:
        return [layer for name, layer in self.named_children() if f"{name}.".startswith(TRUNK)]

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Load the weights of a published HRNet of the same width, trained on ImageNet (or another HRNet for poses).

        All layers except the last one are loaded; as published, UDP's last fusion is not.

        Args:
            state_dict: keys conv1, bn1, conv2, bn2, layer1, transition1 ... stage4 without any prefix.

        Returns:
            A line that says what was loaded.

        Raises:
            WeightsError: a tensor of the trunk is missing or of another shape; then nothing is loaded.
        """
        keep = ("stage4.2.fuse_layers.",) if self.udp else ()
        return load_layers(self, state_dict, TRUNK, NOT_IN_TRUNK, "a published HRNet", keep)


def hrnet_w32(num_joints: int) -> HRNet:
    """HRNet-W32. See `HRNet`.

    Sun, Xiao, Liu, Wang: Deep High-Resolution Representation Learning for Human Pose Estimation, CVPR 2019. For 17 joints
    28.54 M parameters, 7.65 G multiply-adds at 256x192. Input multiple 32 px; maps (B, K, H/4, W/4).
    """
    return HRNet(num_joints, 32)


def hrnet_w48(num_joints: int) -> HRNet:
    """HRNet-W48: 63.60 M parameters, 15.69 G multiply-adds at 256x192. See `hrnet_w32`."""
    return HRNet(num_joints, 48)


def udp_hrnet_w32(num_joints: int) -> HRNet:
    """The HRNet-W32 of UDP. See `HRNet`.

    Huang, Zhu, Guo, Huang: The Devil is in the Details: Delving into Unbiased Data Processing for Human Pose Estimation, CVPR 2020.
    For 17 joints of three maps each 28.59 M parameters, 7.68 G multiply-adds at 256x192. Input multiple 32 px;
    maps (B, K, H/4, W/4).
    """
    return HRNet(num_joints, 32, udp=True)


def udp_hrnet_w48(num_joints: int) -> HRNet:
    """The HRNet-W48 of UDP: 63.71 M parameters, 15.77 G multiply-adds at 256x192. See `udp_hrnet_w32`."""
    return HRNet(num_joints, 48, udp=True)


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of an HRNet from its tensors.

    Raises:
        WeightsError: the tensors of another network, or of a width that is not published.
    """
    try:
        width, final = len(state_dict["transition1.0.0.weight"]), state_dict["final_layer.weight"]
    except KeyError as error:
        raise WeightsError(
            "the tensors of an HRNet", f"no {error.args[0]!r} among {len(state_dict)} tensors"
        ) from error
    if width not in WIDTHS:
        raise WeightsError(f"an HRNet of width {' or '.join(map(str, WIDTHS))}", f"one of width {width}")
    udp = "stage4.2.fuse_layers.0.0.0.weight" in state_dict
    return f"{'udp_' if udp else ''}hrnet_w{width}", {"num_joints": len(final)}
