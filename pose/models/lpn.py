"""LPN (Zhang et al., arXiv 1911.10346): a light SimpleBaseline with attention in each block; published key names."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...errors import WeightsError
from .network import PoseNetwork
from .resnet import DEPTHS, ResNet, count_blocks, depth_of, init_normal, projection


class GlobalContext(nn.Module):
    """GC attention (Cao et al., GCNet, 2019): a weighted mean over pixels (softmax), transformed, and added to each pixel.

    (B, `channels`, h, w) -> the same shape.
    """

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
        last = self.channel_add_conv[3]
        assert isinstance(last.bias, nn.Parameter)
        nn.init.zeros_(last.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        share = self.conv_mask(x).flatten(1).softmax(1)
        context: torch.Tensor = self.channel_add_conv(torch.bmm(x.flatten(2), share.unsqueeze(2)).unsqueeze(3))
        return x + context


class SqueezeExcitation(nn.Module):
    """SE attention (Hu et al., CVPR 2018): each channel times a factor in 0..1, computed from the means of all channels.

    (B, `channels`, h, w) -> the same shape.
    """

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
        factor: torch.Tensor = self.fc(x.mean((2, 3)))
        return x * factor[:, :, None, None]


# name -> builder, called with the number of channels
ATTENTION: dict[str, Callable[[int], nn.Module]] = {
    "gc": GlobalContext,
    "se": SqueezeExcitation,
    "none": nn.Identity,
}


class LightBottleneck(nn.Module):
    """1x1, depthwise 3x3 (with the stride s), 1x1 convolutions, each with batch norm; attention; the shortcut.

    (B, `inplanes`, h, w) -> (B, `planes`, h/s, w/s).
    """

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
        self.att = ATTENTION[attention](planes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut: torch.Tensor = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        # the backward pass of attention and of a batch norm does not need their output: the sum may overwrite it
        x = self.relu(self.att(self.bn3(self.conv3(x))).add_(shortcut))
        return x


class LPN(ResNet, PoseNetwork):
    """LPN: (B, 3, H, W), H and W multiples of 16 -> one list entry (B, K, H/4, W/4).

    The last stage has stride 1, so two grouped transposed convolutions, each with a 1x1 convolution, are enough for maps of a
    quarter of the input's size. Initial weights as published, without pretraining: all convolutions N(0, 0.001), also the last one
    of GC attention (the published block sets it to 0, and the published training draws it again); biases and linear layers as torch
    draws them.

    Args:
        num_joints: K.
        depth: 50, 101 or 152; the stages have as many blocks as that ResNet.
        attention: "gc", "se" or "none".
        deconv_filters: channels of the two transposed convolutions.

    Raises:
        ValueError: another attention, or not two transposed convolutions.
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
        layers: list[nn.Module] = []
        inplanes = 512
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
    1.07 G multiply-adds at 256x192. Input multiple 16 px; maps (B, K, H/4, W/4).
    """
    return LPN(num_joints, 50, attention, deconv_filters)


def lpn101(num_joints: int, attention: str = "gc", deconv_filters: Sequence[int] = (256, 256)) -> LPN:
    """LPN-101: 5.35 M parameters, 1.50 G multiply-adds at 256x192. See `lpn50`."""
    return LPN(num_joints, 101, attention, deconv_filters)


def lpn152(num_joints: int, attention: str = "gc", deconv_filters: Sequence[int] = (256, 256)) -> LPN:
    """LPN-152: 7.38 M parameters, 1.94 G multiply-adds at 256x192. See `lpn50`."""
    return LPN(num_joints, 152, attention, deconv_filters)


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of an LPN from its tensors.

    Raises:
        WeightsError: the tensors of another network.
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
