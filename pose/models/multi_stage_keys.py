"""Names of the tensors of multi-stage networks: torchvision's and mmpose's names renamed, and options read from the tensors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch

from ...errors import WeightsError
from .multi_stage import UNITS
from .resnet import count_blocks


def trunk_key(key: str) -> str:
    """torchvision's name of a ResNet's tensor -> the name in the first stage of a multi-stage network."""
    key = re.sub(r"^(conv|bn)1\.", r"top.conv.\1.", key)
    return re.sub(r"^(?=layer)", "stage0.downsample.", _block_key(key))


def _block_key(key: str) -> str:
    key = re.sub(r"(layer\d+\.\d+)\.(conv|bn)(\d)\.", r"\1.conv_bn_relu\3.\2.", key)
    return re.sub(r"\.downsample\.([01])\.", lambda m: f".downsample.{('conv', 'bn')[int(m[1])]}.", key)


def to_our_keys(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Rename the tensors of mmpose's MSPN or RSN (`backbone.`, `head.`) to the names of this project; another stays as it is."""
    if not any(k.startswith("backbone.multi_stage_") for k in state_dict):
        return dict(state_dict)
    return {mmpose_key(k): v for k, v in state_dict.items()}


_MMPOSE_UNIT = {"in_skip": "u_skip", "out_skip1": "skip1", "out_skip2": "skip2"}


def mmpose_key(key: str) -> str:
    """mmpose's name (of any version) of a tensor of its MSPN or RSN -> the name of this project."""
    key = re.sub(r"^backbone\.top\.top\.0\.", "top.conv.", key)
    key = re.sub(r"^backbone\.multi_stage_\w+?\.(\d+)\.", r"stage\1.", key)
    key = _block_key(key.replace(".conv_bn3.", ".conv_bn_relu3."))
    key = re.sub(r"(?<=\.)(in_skip|out_skip[12])(?=\.)", lambda m: _MMPOSE_UNIT[m[1]], key)
    found = re.match(r"(?:keypoint_)?head\.predict_layers\.(\d+)\.(?:conv_layers\.([01])|prm)\.", key)
    if found is None:
        return key
    stage, unit = divmod(int(found[1]), UNITS)
    module = "prm" if found[2] is None else f"res_conv{int(found[2]) + 1}"
    return f"stage{stage}.upsample.up{unit + 1}.{module}.{key[found.end() :]}"


def read_options(state_dict: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Read the options of a multi-stage network from its tensors (names of this project).

    Returns:
        num_joints, num_stages, blocks (4 counts), unit_channels, width, expansion, conv_bias.

    Raises:
        WeightsError: the tensors of another network.
    """
    down = "stage0.downsample."
    try:
        units, joints = state_dict["stage0.upsample.up1.res_conv2.conv.weight"].shape[1::-1]
        width = len(state_dict["top.conv.conv.weight"])
        expansion = len(state_dict[f"{down}layer1.0.conv_bn_relu3.conv.weight"]) // width
    except KeyError as error:
        raise WeightsError(
            "the tensors of MSPN or RSN", f"no {error.args[0]!r} among {len(state_dict)} tensors"
        ) from error
    except (ValueError, TypeError, ZeroDivisionError) as error:
        raise WeightsError("the tensors of MSPN or RSN", f"tensors of these names in other shapes: {error}") from error
    return {
        "num_joints": joints,
        "num_stages": count_blocks(state_dict, "stage"),
        "blocks": tuple(count_blocks(state_dict, f"{down}layer{n}.") for n in range(1, UNITS + 1)),
        "unit_channels": units,
        "width": width,
        "expansion": expansion,
        "conv_bias": "top.conv.conv.bias" in state_dict,
    }
