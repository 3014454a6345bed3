"""SimpleBaseline (Xiao et al., ECCV 2018): a ResNet, three transposed convolutions, one map a joint; published key names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from ...errors import WeightsError
from .network import PoseNetwork
from .resnet import DEPTHS, Bottleneck, ResNet, count_blocks, depth_of, init_normal

# kernel of a transposed convolution of stride 2 that doubles the sides -> padding, output padding
DECONV_PADDING = {4: (1, 0), 3: (1, 1), 2: (0, 0)}


class PoseResNet(ResNet, PoseNetwork):
    """SimpleBaseline: (B, 3, H, W), H and W multiples of 32 -> one list entry (B, K, H/4, W/4).

    Initial weights: transposed convolutions and the last layer N(0, 0.001) as published. The published code needs an ImageNet trunk
    (`load_trunk`); here the trunk may also begin from He's initial weights.

    Args:
        num_joints: K.
        depth: layers of the ResNet.
        caffe: the first 1x1 convolution of a bottleneck has the stride, not the 3x3.
        deconv_filters: channels of the three transposed convolutions.
        deconv_kernels: their kernel sizes, 4, 3 or 2.
        deconv_bias: whether they have a bias.
        final_kernel: kernel size of the last layer, 1 or 3.

    Raises:
        ValueError: numbers that such a network cannot have.
    """

    input_multiple = 32

    def __init__(
        self,
        num_joints: int,
        depth: int = 50,
        *,
        caffe: bool = False,
        deconv_filters: Sequence[int] = (256, 256, 256),
        deconv_kernels: Sequence[int] = (4, 4, 4),
        deconv_bias: bool = False,
        final_kernel: int = 1,
    ):
        block, counts = DEPTHS[depth]
        if caffe and block is not Bottleneck:
            raise ValueError(f"the caffe style moves a stride inside bottlenecks; ResNet-{depth} has none")
        if len(deconv_filters) != 3 or len(deconv_kernels) != 3 or not set(deconv_kernels) <= set(DECONV_PADDING):
            raise ValueError(f"three transposed convolutions of kernels 4, 3 or 2, not {tuple(deconv_kernels)}")
        if final_kernel not in (1, 3):
            raise ValueError(f"final_kernel must be 1 or 3, not {final_kernel}")
        super().__init__(block, counts, **({"caffe": True} if caffe else {}))
        self.num_joints, self.feature_channels = num_joints, deconv_filters[-1]
        layers: list[nn.Module] = []
        inplanes = 512 * block.expansion
        for planes, kernel in zip(deconv_filters, deconv_kernels):
            padding, more = DECONV_PADDING[kernel]
            layers += [
                nn.ConvTranspose2d(inplanes, planes, kernel, 2, padding, more, bias=deconv_bias),
                nn.BatchNorm2d(planes),
                nn.ReLU(inplace=True),
            ]
            inplanes = planes
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(inplanes, num_joints, final_kernel, padding=final_kernel // 2)
        self._init_weights()

    def _init_weights(self) -> None:
        self.init_trunk()
        for module in (*self.deconv_layers, self.final_layer):
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                init_normal(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def features(self, images: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        return [], self.deconv_layers(self.stages(images)[-1])

    @property
    def last_layer(self) -> nn.Conv2d:
        return self.final_layer


def sb_pose_resnet18(
    num_joints: int,
    deconv_filters: Sequence[int] = (256, 256, 256),
    deconv_kernels: Sequence[int] = (4, 4, 4),
    deconv_bias: bool = False,
    final_kernel: int = 1,
) -> PoseResNet:
    """SimpleBaseline on ResNet-18. See `PoseResNet`.

    Xiao, Wu, Wei: Simple Baselines for Human Pose Estimation and Tracking, ECCV 2018. For 17 joints 15.38 M parameters,
    2.90 G multiply-adds at 256x192. Input multiple 32 px; maps (B, K, H/4, W/4).
    """
    return PoseResNet(
        num_joints,
        18,
        deconv_filters=deconv_filters,
        deconv_kernels=deconv_kernels,
        deconv_bias=deconv_bias,
        final_kernel=final_kernel,
    )


def sb_pose_resnet34(
    num_joints: int,
    deconv_filters: Sequence[int] = (256, 256, 256),
    deconv_kernels: Sequence[int] = (4, 4, 4),
    deconv_bias: bool = False,
    final_kernel: int = 1,
) -> PoseResNet:
    """SimpleBaseline on ResNet-34: 25.48 M parameters, 4.71 G multiply-adds at 256x192. See `sb_pose_resnet18`."""
    return PoseResNet(
        num_joints,
        34,
        deconv_filters=deconv_filters,
        deconv_kernels=deconv_kernels,
        deconv_bias=deconv_bias,
        final_kernel=final_kernel,
    )


def sb_pose_resnet50(
    num_joints: int,
    caffe: bool = False,
    deconv_filters: Sequence[int] = (256, 256, 256),
    deconv_kernels: Sequence[int] = (4, 4, 4),
    deconv_bias: bool = False,
    final_kernel: int = 1,
) -> PoseResNet:
    """SimpleBaseline on ResNet-50: 34.00 M parameters, 5.43 G multiply-adds at 256x192. See `sb_pose_resnet18`."""
    return PoseResNet(
        num_joints,
        50,
        caffe=caffe,
        deconv_filters=deconv_filters,
        deconv_kernels=deconv_kernels,
        deconv_bias=deconv_bias,
        final_kernel=final_kernel,
    )


def sb_pose_resnet101(
    num_joints: int,
    caffe: bool = False,
    deconv_filters: Sequence[int] = (256, 256, 256),
    deconv_kernels: Sequence[int] = (4, 4, 4),
    deconv_bias: bool = False,
    final_kernel: int = 1,
) -> PoseResNet:
    """SimpleBaseline on ResNet-101: 52.99 M parameters, 9.06 G multiply-adds at 256x192. See `sb_pose_resnet18`."""
    return PoseResNet(
        num_joints,
        101,
        caffe=caffe,
        deconv_filters=deconv_filters,
        deconv_kernels=deconv_kernels,
        deconv_bias=deconv_bias,
        final_kernel=final_kernel,
    )


def sb_pose_resnet152(
    num_joints: int,
    caffe: bool = False,
    deconv_filters: Sequence[int] = (256, 256, 256),
    deconv_kernels: Sequence[int] = (4, 4, 4),
    deconv_bias: bool = False,
    final_kernel: int = 1,
) -> PoseResNet:
    """SimpleBaseline on ResNet-152: 68.64 M parameters, 12.70 G multiply-adds at 256x192. See `sb_pose_resnet18`."""
    return PoseResNet(
        num_joints,
        152,
        caffe=caffe,
        deconv_filters=deconv_filters,
        deconv_kernels=deconv_kernels,
        deconv_bias=deconv_bias,
        final_kernel=final_kernel,
    )


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of a SimpleBaseline from its tensors, except `caffe`, which they do not show.

    Raises:
        WeightsError: the tensors of another network.
    """
    depth = depth_of(state_dict)
    deconvs = [f"deconv_layers.{3 * i}" for i in range(count_blocks(state_dict, "deconv_layers.") // 3 + 1)]
    try:
        if state_dict["layer1.0.conv2.weight"].shape[1] == 1:
            raise WeightsError("a SimpleBaseline, of dense convolutions", "depthwise ones", "load it as an LPN")
        weights = [state_dict[f"{name}.weight"] for name in deconvs]
        final = state_dict["final_layer.weight"]
    except KeyError as error:
        raise WeightsError(
            "the tensors of a SimpleBaseline", f"no {error.args[0]!r} among {len(state_dict)} tensors"
        ) from error
    return f"sb_pose_resnet{depth}", {
        "num_joints": len(final),
        "deconv_filters": tuple(w.shape[1] for w in weights),
        "deconv_kernels": tuple(w.shape[-1] for w in weights),
        "deconv_bias": f"{deconvs[0]}.bias" in state_dict,
        "final_kernel": final.shape[-1],
    }
