"""MSPN (Li et al., arXiv 1901.00148): 1 to 4 stages in a row, each a ResNet-50 down and a pyramid up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...errors import WeightsError
from .multi_stage import MultiStageNetwork
from .multi_stage_keys import read_options, to_our_keys, trunk_key


class MSPN(MultiStageNetwork):
    """Multi-stage network of bottlenecks; it can load the weights of an ImageNet ResNet. See `MultiStageNetwork`."""

    def load_trunk(self, state_dict: Mapping[str, torch.Tensor]) -> str:
        """Load the weights of an ImageNet ResNet-50 (torchvision's names): first convolution, and the four layers of each stage.

        As in mmpose's MSPN, all stages get the same weights. The classifier is not loaded. Biases that a ResNet does not have
        become 0.

        Returns:
            A line such as "ResNet trunk: 265 tensors into 2 stages".

        Raises:
            WeightsError: the layers are not those of this network; nothing is loaded then.
        """
        found = {trunk_key(k): v for k, v in state_dict.items() if not k.startswith("fc.")}
        tensors = self.state_dict(keep_vars=True)
        wanted = {k: v for k, v in tensors.items() if k.startswith(("top.", "stage0.downsample."))}
        free = {k for k in wanted if k.endswith(("num_batches_tracked", "conv.bias"))}
        misfit = [k for k, v in wanted.items() if k not in free and (k not in found or found[k].shape != v.shape)]
        misfit += [k for k in found if k not in wanted]
        if misfit:
            raise WeightsError(
                "a ResNet with the layers of this network (torchvision's ResNet-50 for MSPN)",
                f"{len(misfit)} tensors that do not fit, such as {misfit[0]}",
                "give the state dict of that ResNet to --trunk, or none",
            )
        with torch.no_grad():
            for i in range(self.num_stages):
                for key, first in wanted.items():
                    tensor = first if key.startswith("top.") else tensors[key.replace("stage0", f"stage{i}", 1)]
                    tensor.copy_(found[key]) if key in found else tensor.zero_()
        return f"ResNet trunk: {sum(k in found for k in wanted)} tensors into {self.num_stages} stages"


def identify(state_dict: Mapping[str, torch.Tensor]) -> tuple[str, dict[str, Any]]:
    """Read name in `MODELS` and builder's options of a published MSPN from its tensors (names of this project or mmpose's).

    Raises:
        WeightsError: the tensors of another network.
    """
    found = read_options(to_our_keys(state_dict))
    blocks, expansion, width = found.pop("blocks"), found.pop("expansion"), found.pop("width")
    stages = found.pop("num_stages")
    if (blocks, expansion, width) != ((3, 4, 6, 3), 4, 64) or stages > 4:
        raise WeightsError(
            "MSPN of 1 to 4 stages, ResNet-50 each",
            f"{stages} stages of {blocks} blocks, {width} planes, expansion {expansion}",
        )
    return f"mspn{stages}", found


def mspn1(num_joints: int, unit_channels: int = 256, conv_bias: bool = True) -> MSPN:
    """MSPN of one stage. See `MSPN`.

    Li et al.: Rethinking on Multi-Stage Networks for Human Pose Estimation, arXiv 1901.00148. For 17 joints 25.14 M parameters,
    5.07 G multiply-adds at 256x192. Input multiple 32 px; 4 maps (B, K, H/4, W/4) for each stage.
    """
    return MSPN(num_joints, 1, unit_channels=unit_channels, conv_bias=conv_bias)


def mspn2(num_joints: int, unit_channels: int = 256, conv_bias: bool = True) -> MSPN:
    """MSPN of two stages: 56.87 M parameters, 11.26 G multiply-adds at 256x192. See `mspn1`."""
    return MSPN(num_joints, 2, unit_channels=unit_channels, conv_bias=conv_bias)


def mspn3(num_joints: int, unit_channels: int = 256, conv_bias: bool = True) -> MSPN:
    """MSPN of three stages: 88.59 M parameters, 17.45 G multiply-adds at 256x192. See `mspn1`."""
    return MSPN(num_joints, 3, unit_channels=unit_channels, conv_bias=conv_bias)


def mspn4(num_joints: int, unit_channels: int = 256, conv_bias: bool = True) -> MSPN:
    """MSPN of four stages: 120.32 M parameters, 23.64 G multiply-adds at 256x192. See `mspn1`."""
    return MSPN(num_joints, 4, unit_channels=unit_channels, conv_bias=conv_bias)
