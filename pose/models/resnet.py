"""Residual trunks (He et al., CVPR 2016) and their blocks, with torchvision's key names."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import nn

from ...errors import WeightsError

# builds a convolution: (inplanes, planes, kernel_size, stride=, padding=, bias=)
ConvBuilder = Callable[..., nn.Module]


class Block(Protocol):
    """A class of residual blocks: made as `block(inplanes, planes, stride, **options)`, gives `expansion` x planes channels."""

    expansion: int

    def __call__(self, *args: Any, **options: Any) -> nn.Module: ...


class BasicBlock(nn.Module):
    """Two 3x3 convolutions, each with batch norm, and the shortcut: (B, `inplanes`, h, w) -> (B, `planes`, h/s, w/s).

    The first convolution has the stride s.
    """

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
        shortcut: torch.Tensor = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        # a batch norm's backward pass needs its input, not its output: the sum may overwrite the output
        x = self.relu(self.bn2(self.conv2(x)).add_(shortcut))
        return x


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 convolutions, each with batch norm, and the shortcut: (B, `inplanes`, h, w) -> (B, 4 x `planes`, h/s, w/s).

    The 3x3 convolution has the stride s (torchvision), or the first 1x1 where `caffe`; no tensor shows which.
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
        shortcut: torch.Tensor = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        x = self.relu(self.bn3(self.conv3(x)).add_(shortcut))
        return x


def projection(inplanes: int, outplanes: int, stride: int, conv: ConvBuilder = nn.Conv2d) -> nn.Sequential | None:
    """The shortcut where channels or size change: 1x1 convolution and batch norm; None where the shortcut is the input."""
    if stride == 1 and inplanes == outplanes:
        return None
    return nn.Sequential(conv(inplanes, outplanes, 1, stride=stride, bias=False), nn.BatchNorm2d(outplanes))


def stage(block: Block, inplanes: int, planes: int, count: int, stride: int = 1, **options: Any) -> nn.Sequential:
    """`count` residual blocks in a row; the first has the stride, all have `options`."""
    width = planes * block.expansion
    return nn.Sequential(
        *(block(width if i else inplanes, planes, 1 if i else stride, **options) for i in range(count))
    )


class Depth(NamedTuple):
    """The block of a ResNet, and the number of blocks in each of its four stages."""

    block: Block
    counts: tuple[int, int, int, int]


# He et al., CVPR 2016, table 1: layers -> blocks
DEPTHS = {
    18: Depth(BasicBlock, (2, 2, 2, 2)),
    34: Depth(BasicBlock, (3, 4, 6, 3)),
    50: Depth(Bottleneck, (3, 4, 6, 3)),
    101: Depth(Bottleneck, (3, 4, 23, 3)),
    152: Depth(Bottleneck, (3, 8, 36, 3)),
}


class ResNet(nn.Module):
    """7x7 convolution of stride 2, max-pool of stride 2, four stages of 64, 128, 256, 512 planes.

    `stages(images)` returns the feature maps of all four; the last one is (B, 512 x the block's expansion, H/32, W/32). A network
    either has one (CPN) or is one (SimpleBaseline), as its published keys need.

    Args:
        block: class of the blocks.
        counts: blocks of each stage.
        last_stride: stride of the last stage; with 1 its maps have the size H/16.
        options: of the blocks.
    """

    def __init__(self, block: Block, counts: Sequence[int], last_stride: int = 2, **options: Any):
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
        maps = []
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            maps.append(x := layer(x))
        return maps

    @property
    def trunk_layers(self) -> list[nn.Module]:
        """The layers that `load_trunk` loads."""
        return [self.conv1, self.bn1, self.layer1, self.layer2, self.layer3, self.layer4]

    def init_trunk(self) -> None:
        """Draw He's initial weights, as torchvision does before it trains on ImageNet."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and not module.weight.is_meta:
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Load the weights of a torchvision ResNet of the same depth, without its `fc`.

        Args:
            state_dict: keys conv1, bn1, layer1 to layer4 without any prefix.

        Returns:
            A line that says what was loaded.

        Raises:
            WeightsError: a tensor of the trunk is missing or of another shape; then nothing is loaded.
        """
        return load_layers(self, state_dict, ("conv1.", "bn1.", "layer"), leave=("fc.",), what="a torchvision ResNet")


def init_normal(weight: torch.Tensor, std: float = 0.001) -> None:
    """Draw initial weights N(0, std). Not on the meta device: nothing can be drawn there, and torch would load its compiler."""
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
    """Load the layers of a network that a file of another purpose also holds: all of them, or nothing.

    `num_batches_tracked` may be missing: files written before torch 0.4.1 lack it, and no output depends on it.

    Args:
        layers: beginnings of the keys that must be in the file.
        leave: beginnings of keys of the file that this network does not have.
        what: what the file should be, for messages.
        keep: beginnings of keys that are not loaded: these layers stay as the network was built.

    Returns:
        A line that says what was loaded.

    Raises:
        WeightsError: tensors are missing, unknown or of another shape.
    """
    expected = {k: v for k, v in model.state_dict().items() if k.startswith(layers) and not k.startswith(keep)}
    given = {k: v for k, v in state_dict.items() if not k.startswith((*leave, *keep))}
    missing = [k for k in expected if k not in given and not k.endswith("num_batches_tracked")]
    unknown = [k for k in given if k not in expected]
    shaped = [
        f"{k} {tuple(given[k].shape)} for {tuple(expected[k].shape)}"
        for k in expected
        if k in given and given[k].shape != expected[k].shape
    ]
    if missing or unknown or shaped:
        faults = (("missing", missing), ("unknown", unknown), ("of another shape", shaped))
        named = [f"{len(f)} {name}: {', '.join(f[:3])}{', ...' if len(f) > 3 else ''}" for name, f in faults if f]
        raise WeightsError(
            f"{what} with the {len(expected)} tensors of this trunk",
            "\n".join(named),
            "give --trunk a file of the same depth and width",
        )
    with torch.no_grad():
        for key, tensor in given.items():
            expected[key].copy_(tensor)
    return f"{len(given)} of {len(model.state_dict())} tensors, from {what}; {len(state_dict) - len(given)} of the file left out"


def depth_of(state_dict: Mapping[str, torch.Tensor], prefix: str = "") -> int:
    """Read from the tensors of a ResNet how many layers it has.

    Args:
        prefix: what stands before `layer1.` in the keys.

    Raises:
        WeightsError: not a ResNet of 18, 34, 50, 101 or 152 layers.
    """
    counts = tuple(count_blocks(state_dict, f"{prefix}layer{i}.") for i in (1, 2, 3, 4))
    block = Bottleneck if f"{prefix}layer1.0.conv3.weight" in state_dict else BasicBlock
    for layers, depth in DEPTHS.items():
        if depth == (block, counts):
            return layers
    raise WeightsError(
        f"the tensors of a ResNet of {', '.join(map(str, DEPTHS))} layers", f"stages of {counts} {block.__name__}s"
    )


def count_blocks(state_dict: Mapping[str, torch.Tensor], prefix: str) -> int:
    """Number of blocks N in keys `<prefix><0 ... N-1>.<more>`; 0 where no key begins so."""
    numbers = {k[len(prefix) :].split(".", 1)[0] for k in state_dict if k.startswith(prefix)}
    return max((int(n) + 1 for n in numbers if n.isdigit()), default=0)
