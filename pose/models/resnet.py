"""Residual trunks (He et al., CVPR 2016) and their blocks, with torchvision's key names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import WeightsError

# builds a convolution: (inplanes, planes, kernel_size, stride=, padding=, bias=)
ConvBuilder = Callable[..., nn.Module]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, each with batch norm, and the shortcut; `inplanes` -> `planes` channels, stride on the first."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, conv: ConvBuilder = nn.Conv2d):
        super().__init__()
        self.conv1 = conv(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = conv(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = projection(inplanes, planes, stride, conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        # a batch norm's backward pass needs its input, not its output: the sum may take the output's place
        return self.relu(self.bn2(self.conv2(x)).add_(shortcut))


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions, each with batch norm, and the shortcut; `inplanes` -> 4 x `planes` channels.

    The stride is on the 3x3 convolution (torchvision), or on the first 1x1 where `caffe`; no tensor tells which.
    """

    expansion = 4

    def __init__(self, inplanes: int, planes: int, stride: int = 1, conv: ConvBuilder = nn.Conv2d, caffe: bool = False):
        super().__init__()
        first, second = (stride, 1) if caffe else (1, stride)
        self.conv1 = conv(inplanes, planes, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = conv(planes, planes, 3, stride=second, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = conv(planes, planes * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = projection(inplanes, planes * self.expansion, stride, conv)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)).add_(shortcut))


def projection(inplanes: int, outplanes: int, stride: int, conv: ConvBuilder = nn.Conv2d) -> nn.Sequential | None:
    """The shortcut where channels or size change: 1x1 convolution and batch norm; None where the input will do."""
    if stride == 1 and inplanes == outplanes:
        return None
    return nn.Sequential(conv(inplanes, outplanes, 1, stride=stride, bias=False), nn.BatchNorm2d(outplanes))


def stage(block: type[nn.Module], inplanes: int, planes: int, count: int, stride: int = 1, **options) -> nn.Sequential:
    """`count` residual blocks in a row, the first with the stride, all with `options`."""
    width = planes * block.expansion
    return nn.Sequential(
        *(block(width if i else inplanes, planes, 1 if i else stride, **options) for i in range(count))
    )


class Depth(NamedTuple):
    """What a ResNet of so many layers is made of."""

    block: type[nn.Module]
    counts: tuple[int, int, int, int]


DEPTHS = {
    18: Depth(BasicBlock, (2, 2, 2, 2)),
    34: Depth(BasicBlock, (3, 4, 6, 3)),
    50: Depth(Bottleneck, (3, 4, 6, 3)),
    101: Depth(Bottleneck, (3, 4, 23, 3)),
    152: Depth(Bottleneck, (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """7x7 convolution of stride 2, max-pool of stride 2, four stages of 64, 128, 256, 512 planes.

    `stages(images)` gives the feature maps of all four; the last one is (B, 512 x the block's expansion, H/32, W/32). A network
    either holds one (CPN) or is one (SimpleBaseline), as its published keys want it.

    Args:
        block, counts: kind of block (made as `block(inplanes, planes, stride, **options)`), and how many a stage.
        last_stride: stride of the last stage; 1 keeps its maps at H/16.
    """

    def __init__(self, block: type[nn.Module], counts: Sequence[int], last_stride: int = 2, **options):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        wider = block.expansion
        self.layer1 = stage(block, 64, 64, counts[0], **options)
        self.layer2 = stage(block, 64 * wider, 128, counts[1], stride=2, **options)
        self.layer3 = stage(block, 128 * wider, 256, counts[2], stride=2, **options)
        self.layer4 = stage(block, 256 * wider, 512, counts[3], stride=last_stride, **options)

    def stages(self, images: torch.Tensor) -> list[torch.Tensor]:
        """(B, 3, H, W) -> the feature maps of the four stages, finest (H/4) first."""
        x = F.max_pool2d(self.relu(self.bn1(self.conv1(images))), 3, stride=2, padding=1)
        found = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            found.append(x := layer(x))
        return found

    def init_trunk(self) -> None:
        """He initial weights, as torchvision draws them before it trains on ImageNet."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Take the weights of a torchvision ResNet of the same depth (its `fc` is left out).

        Args:
            state_dict: keys conv1, bn1, layer1 to layer4 without any prefix.

        Returns:
            A line of what was loaded.

        Raises:
            WeightsError: a tensor of the trunk is missing or of another shape; then nothing is loaded.
        """
        return load_layers(self, state_dict, ("conv1.", "bn1.", "layer"), leave=("fc.",), what="a torchvision ResNet")


def init_normal(weight: torch.Tensor, std: float = 0.001) -> None:
    """Initial weights N(0, std). On the meta device, where there is nothing to draw, torch would load its compiler first."""
    if not weight.is_meta:
        nn.init.normal_(weight, std=std)


def load_layers(
    model: nn.Module,
    state_dict: Mapping[str, torch.Tensor],
    layers: tuple[str, ...],
    leave: tuple[str, ...],
    what: str,
    keep: tuple[str, ...] = (),
) -> str:
    """Load those layers of a network that a file of another purpose holds too: all of them, or nothing.

    `num_batches_tracked` may be missing: files written before torch 0.4.1 lack it, and no output depends on it.

    Args:
        layers: beginnings of the keys that must be in the file.
        leave: beginnings of keys of the file that are of no use here.
        what: what the file should be, for messages.
        keep: beginnings of keys that stay as the network was built, whatever the file holds.

    Raises:
        WeightsError: missing, misshapen or unknown tensors.
    """
    own = {k: v for k, v in model.state_dict().items() if k.startswith(layers) and not k.startswith(keep)}
    given = {k: v for k, v in state_dict.items() if not k.startswith((*leave, *keep))}
    missing = [k for k in own if k not in given and not k.endswith("num_batches_tracked")]
    unknown = [k for k in given if k not in own]
    shaped = [
        f"{k} {tuple(given[k].shape)} for {tuple(own[k].shape)}"
        for k in own
        if k in given and given[k].shape != own[k].shape
    ]
    if missing or unknown or shaped:
        faults = (("missing", missing), ("unknown", unknown), ("of another shape", shaped))
        named = [f"{len(f)} {name}: {', '.join(f[:3])}{', ...' if len(f) > 3 else ''}" for name, f in faults if f]
        raise WeightsError(
            f"{what} with the {len(own)} tensors of this trunk",
            "\n".join(named),
            "give --trunk-weights a file of the same depth and width",
        )
    with torch.no_grad():
        for key, tensor in given.items():
            own[key].copy_(tensor)
    return f"{len(given)} of {len(model.state_dict())} tensors, from {what}; {len(state_dict) - len(given)} of the file left out"


def depth_of(state_dict: Mapping[str, torch.Tensor], prefix: str = "") -> int:
    """How many layers the ResNet has whose stages' keys begin with `prefix`, read off its tensors.

    Raises:
        WeightsError: no ResNet of 18, 34, 50, 101 or 152 layers.
    """
    counts = tuple(count_blocks(state_dict, f"{prefix}layer{i}.") for i in (1, 2, 3, 4))
    block = Bottleneck if f"{prefix}layer1.0.conv3.weight" in state_dict else BasicBlock
    for depth, made_of in DEPTHS.items():
        if made_of == (block, counts):
            return depth
    raise WeightsError(
        f"the tensors of a ResNet of {', '.join(map(str, DEPTHS))} layers", f"stages of {counts} {block.__name__}s"
    )


def count_blocks(state_dict: Mapping[str, torch.Tensor], prefix: str) -> int:
    """Number of blocks N in keys `<prefix><0 ... N-1>.<more>`; 0 where there is none."""
    numbers = {k[len(prefix) :].split(".", 1)[0] for k in state_dict if k.startswith(prefix)}
    return max((int(n) + 1 for n in numbers if n.isdigit()), default=0)
