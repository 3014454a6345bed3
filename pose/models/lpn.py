"""LPN (Zhang et al., 2019), a lightweight SimpleBaseline with attention in every block; published key names."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from ...errors import WeightsError
from .network import PoseNetwork
from .resnet import DEPTHS, ResNet, count_blocks, depth_of, init_normal, projection


class GlobalContext(nn.Module):
    """GC attention (Cao et al., 2019): the mean over pixels weighted by a softmax, transformed, and added to every pixel."""

    def __init__(self, channels: int):
        super().__init__()
        inner = max(16, channels // 16)
        self.conv_mask = nn.Conv2d(channels, 1, 1)
        self.channel_add_conv = nn.Sequential(
            nn.Conv2d(channels, inner, 1),
            nn.LayerNorm([inner, 1, 1]),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, channels, 1),
        )
        nn.init.zeros_(self.channel_add_conv[3].bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        share = self.conv_mask(x).flatten(1).softmax(1)
        context = torch.bmm(x.flatten(2), share.unsqueeze(2))
        return x + self.channel_add_conv(context.unsqueeze(3))


class SqueezeExcitation(nn.Module):
    """SE attention (Hu et al., CVPR 2018): every channel times a gate in 0..1 made of all channels' means."""

    def __init__(self, channels: int):
        super().__init__()
        inner = max(16, channels // 16)
        self.fc = nn.Sequential(
            nn.Linear(channels, inner, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(inner, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.fc(x.mean((2, 3)))[:, :, None, None]


ATTENTION: dict[str, type[nn.Module] | None] = {"gc": GlobalContext, "se": SqueezeExcitation, "none": None}


class LightBottleneck(nn.Module):
    """1x1, depthwise 3x3 (with the stride), 1x1 convolutions, each with batch norm, attention, and the shortcut."""

    expansion = 1

    def __init__(self, inplanes: int, planes: int, stride: int = 1, attention: str = "gc"):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=stride, padding=1, groups=planes, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = projection(inplanes, planes, stride)
        self.att = ATTENTION[attention](planes) if ATTENTION[attention] else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        # what a sum or a product of attention, or a batch norm, gives is not needed by its backward pass
        return self.relu(self.att(self.bn3(self.conv3(x))).add_(shortcut))


class LPN(ResNet, PoseNetwork):
    """LPN: (B, 3, H, W), H and W multiples of 16 -> one list entry (B, K, H/4, W/4).

    The last stage keeps its size, so two grouped transposed convolutions, each with a 1x1 convolution, bring the maps to a
    quarter. Initial weights as published, without any pretraining: all convolutions N(0, 0.001), the one that ends GC attention
    too (which the published block zeroes, and the published training draws again); biases and linear layers as torch draws them.

    Args:
        num_joints: K.
        depth: 50, 101 or 152: blocks a stage as in that ResNet.
        attention: "gc", "se" or "none".
        deconv_filters: channels of the two transposed convolutions.
    """

    input_multiple = 16

    def __init__(
        self, num_joints: int, depth: int = 50, attention: str = "gc", deconv_filters: Sequence[int] = (256, 256)
    ):
        if attention not in ATTENTION:
            raise ValueError(f"attention must be {', '.join(ATTENTION)}, not {attention!r}")
        if len(deconv_filters) != 2:
            raise ValueError(f"two transposed convolutions, not {len(deconv_filters)}")
        super().__init__(LightBottleneck, DEPTHS[depth].counts, last_stride=1, attention=attention)
        self.num_joints, self.feature_channels = num_joints, deconv_filters[-1]
        layers, inplanes = [], 512
        for planes in deconv_filters:
            groups = math.gcd(inplanes, planes)
            layers += [
                nn.ConvTranspose2d(inplanes, planes, 4, stride=2, padding=1, groups=groups, bias=False),
                nn.BatchNorm2d(planes),
                nn.ReLU(inplace=True),
                nn.Conv2d(planes, planes, 1, bias=False),
                nn.BatchNorm2d(planes),
                nn.ReLU(inplace=True),
            ]
            inplanes = planes
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(inplanes, num_joints, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
                init_normal(layer.weight)

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        return [], self.deconv_layers(self.stages(images)[-1])

    @property
    def last_layer(self) -> nn.Conv2d:
        return self.final_layer


def lpn50(num_joints: int, attention: str = "gc", deconv_filters: Sequence[int] = (256, 256)) -> LPN:
    """LPN-50. See `LPN`.

    Zhang, Tang, Wu: Simple and Lightweight Human Pose Estimation, arXiv 1911.10346. For 17 joints 2.91 M parameters,
    1.07 G multiply-adds at 256x192. Inputs are multiples of 16 px, maps (B, K, H/4, W/4).
    """
    return LPN(num_joints, 50, attention, deconv_filters)


def lpn101(num_joints: int, attention: str = "gc", deconv_filters: Sequence[int] = (256, 256)) -> LPN:
    """LPN-101: 5.35 M parameters, 1.50 G multiply-adds at 256x192. See `lpn50`."""
    return LPN(num_joints, 101, attention, deconv_filters)


def lpn152(num_joints: int, attention: str = "gc", deconv_filters: Sequence[int] = (256, 256)) -> LPN:
    """LPN-152: 7.38 M parameters, 1.94 G multiply-adds at 256x192. See `lpn50`."""
    return LPN(num_joints, 152, attention, deconv_filters)


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict]:
    """Name in the table of networks and build options of an LPN, read off its tensors.

    Raises:
        WeightsError: when the tensors are not an LPN.
    """
    depth = depth_of(state_dict)
    count = count_blocks(state_dict, "deconv_layers.") // 6 + 1
    try:
        if state_dict["layer1.0.conv2.weight"].shape[1] != 1:
            raise WeightsError("an LPN, of depthwise convolutions", "dense ones", "load it as a SimpleBaseline")
        filters = tuple(len(state_dict[f"deconv_layers.{6 * i + 3}.weight"]) for i in range(count))
        final = state_dict["final_layer.weight"]
    except KeyError as error:
        raise WeightsError("the tensors of an LPN", f"no {error.args[0]!r} among {len(state_dict)} tensors") from error
    kinds = {"gc": "layer1.0.att.conv_mask.weight", "se": "layer1.0.att.fc.0.weight"}
    attention = next((kind for kind, key in kinds.items() if key in state_dict), "none")
    return f"lpn{depth}", {"num_joints": len(final), "attention": attention, "deconv_filters": filters}
