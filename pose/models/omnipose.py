"""OmniPose (Artacho and Savakis, 2021): HRNet with learnt upsampling and a waterfall module; published key names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from ...errors import WeightsError
from .hrnet import NOT_IN_TRUNK, TRUNK, HighResolutionModule, HighResolutionNetwork
from .resnet import load_layers
from .waterfall import LOW_LEVEL, WASP, Decoder, SeparableConv, WASPv2

WASP_CHANNELS = 48  # inside the waterfall, for each width of the trunk (published code)


class GaussianFilter(nn.Conv2d):
    """Depthwise filter with a constant Gaussian of sum 1, zeros beyond the border: (B, C, h, w) -> (B, C, h, w).

    The network's "Gaussian heatmap modulation". Its weight is in the state dict, as published, but as a buffer: it does not train.

    Args:
        channels: C.
        kernel_size: odd side of the filter in cells.
        sigma: of the Gaussian, in cells.
    """

    def __init__(self, channels: int, kernel_size: int = 3, sigma: float = 3.0):
        super().__init__(channels, channels, kernel_size, padding=kernel_size // 2, groups=channels, bias=False)
        line = np.exp(-np.square(np.arange(kernel_size) - (kernel_size - 1) / 2) / (2 * sigma**2))
        square = np.outer(line, line) / line.sum() ** 2
        weight = torch.tensor(np.broadcast_to(square, self.weight.shape), dtype=self.weight.dtype)
        del self.weight
        self.register_buffer("weight", weight)


class OmniPoseModule(HighResolutionModule):
    """HRNet's fusing module; it upsamples by transposed convolutions and a Gaussian filter."""

    def upward(self, inplanes: int, planes: int, doublings: int) -> nn.Sequential:
        """From a coarser branch to a finer output."""
        layers = [self.conv(inplanes, planes, 1, bias=False), nn.BatchNorm2d(planes)]
        for _ in range(doublings):
            layers += [
                nn.ConvTranspose2d(planes, planes, 3, stride=2, padding=1, output_padding=1, bias=False),
                nn.BatchNorm2d(planes),
                nn.ReLU(inplace=True),
            ]
        return nn.Sequential(*layers, GaussianFilter(planes))


class OmniPose(HighResolutionNetwork):
    """OmniPose: (B, 3, H, W), H and W multiples of 32 -> one list entry (B, K, H/4, W/4).

    As published, each fusion of the last stage has four outputs, and only the finest of the last module is used. The three others
    (`stage4.2.fuse_layers.1` to `.3`) are here so that all tensors of checkpoints load; they do not train and are not computed.
    Initial weights as published: torch's defaults (the published code names a file of ImageNet weights and does not read it).

    Args:
        num_joints: K.
        width: C, channels of the finest branch (published: 48).
        wasp: "v2", or "v1" as in the authors' checkpoints.
        separable: use depthwise and 1x1 convolutions in the trunk, except for transposed convolutions.

    Raises:
        ValueError: another waterfall.
    """

    def __init__(self, num_joints: int, width: int = 48, wasp: str = "v2", separable: bool = False):
        if wasp not in ("v1", "v2"):
            raise ValueError(f"wasp must be 'v1' or 'v2', not {wasp!r}")
        super().__init__(width, OmniPoseModule, conv=SeparableConv if separable else nn.Conv2d)
        self.num_joints, self.feature_channels = num_joints, WASP_CHANNELS
        last = self.stage4[-1]
        assert isinstance(last, OmniPoseModule)
        for row in last.fuse_layers[1:]:
            row.requires_grad_(False)
        if wasp == "v2":
            self.waspv2 = WASPv2(width, WASP_CHANNELS, num_joints)
        else:
            self.wasp = WASP(width, WASP_CHANNELS)
            self.decoder = Decoder(LOW_LEVEL, WASP_CHANNELS, num_joints)

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        low_level = self.low_level(images)
        x = self.finest(low_level)
        if hasattr(self, "waspv2"):
            return [], self.waspv2.features(x, low_level)[1]
        return [], self.decoder.features(self.wasp(x), low_level)

    @property
    def last_layer(self) -> nn.Conv2d:
        layer = (self.waspv2 if hasattr(self, "waspv2") else self.decoder).last_conv[-1]
        assert isinstance(layer, nn.Conv2d)
        return layer

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Load the weights of a published HRNet of the same width, for the layers that both have.

        The transposed convolutions, the unused outputs of the last fusion and the waterfall stay as they were built. (The published
        training begins from torch's default weights: it does not read its setting for pretrained ones.)

        Returns:
            A line that says what was loaded.

        Raises:
            WeightsError: a tensor of the trunk is missing or of another shape; then nothing is loaded.
        """
        keep = (*_upsampling_keys(self), *NOT_IN_TRUNK)
        return load_layers(self, state_dict, TRUNK, NOT_IN_TRUNK, "a published HRNet", keep)


def _upsampling_keys(model: OmniPose) -> list[str]:
    """Keys of the upsampling layers that HRNet does not have: all behind the 1x1 convolution and its norm."""
    found = []
    for name, module in model.named_modules():
        if isinstance(module, OmniPoseModule):
            for key in module.fuse_layers.state_dict():
                target, source, layer = map(int, key.split(".")[:3])
                if source > target and layer > 1:
                    found.append(f"{name}.fuse_layers.{key}")
    return found


def omnipose_w48(num_joints: int, wasp: str = "v2", separable: bool = False) -> OmniPose:
    """OmniPose on HRNet-W48. See `OmniPose`.

    Artacho, Savakis: OmniPose: A Multi-Scale Framework for Multi-Person Pose Estimation, arXiv 2103.10180. For 17 joints
    68.12 M parameters, 16.43 G multiply-adds at 256x192 (as published 16.68 G, with the unused outputs; v1: 68.18 M, 16.65 G;
    separable: 11.11 M, 3.10 G). Input multiple 32 px; maps (B, K, H/4, W/4).
    """
    return OmniPose(num_joints, 48, wasp, separable)


def with_filters(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Add the constant Gaussian filters that the state dict of an OmniPose may lack; those it has stay."""
    filters: dict[str, torch.Tensor] = {}
    for key, scale in state_dict.items():
        # the norm behind the first upsampling convolution shows the channels, and its key how many doublings follow
        found = re.fullmatch(r"(stage\d\.\d+\.fuse_layers\.(\d)\.(\d)\.)1\.weight", key)
        if found and (doublings := int(found[3]) - int(found[2])) > 0:
            filters[f"{found[1]}{2 + 3 * doublings}.weight"] = GaussianFilter(len(scale)).weight
    return {**filters, **state_dict}


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of an OmniPose from its tensors.

    Raises:
        WeightsError: the tensors of another network, or of a width that is not published.
    """
    wasp = "v2" if "waspv2.conv1.weight" in state_dict else "v1"
    separable = "transition1.0.0.pointConv.weight" in state_dict
    try:
        width = len(state_dict[f"transition1.0.0{'.pointConv' if separable else ''}.weight"])
        last = state_dict["waspv2.last_conv.6.weight" if wasp == "v2" else "decoder.last_conv.8.weight"]
    except KeyError as error:
        raise WeightsError(
            "the tensors of an OmniPose", f"no {error.args[0]!r} among {len(state_dict)} tensors"
        ) from error
    if width != 48:
        raise WeightsError("an OmniPose of width 48", f"one of width {width}")
    return "omnipose_w48", {"num_joints": len(last), "wasp": wasp, "separable": separable}
