"""Trunks out of timm: networks with a pyramid of feature maps, and plain vision transformers.

timm is the extra `pretrained`. Its weights are downloaded from their hub on first use; each has a licence of its own, which
timm states.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

import torch
from torch import nn

from ...errors import OptionError, WeightsError
from .pretrained import INSTALL_TIMM, WITHOUT_DOWNLOAD, Pretrained, tensor_checksum
from .trunk import Three, Trunk

# name and tag of a network of timm; nothing that timm would look for on a hub or on the disk (`hf-hub:`, `local-dir:`)
_NAME = re.compile(r"[a-z0-9_]+(\.[a-z0-9_]+)?")
_IMAGENET: tuple[Three, Three] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
VIT_MAPS = 4  # last blocks of a transformer whose maps are used, as DINOv2's dense heads do


def _timm() -> ModuleType:
    try:
        import timm
    except ImportError as error:
        raise WeightsError(
            "the package timm, for networks of timm:NAME", "it is not installed", INSTALL_TIMM
        ) from error
    module: ModuleType = timm
    return module


def from_timm(name: str) -> Trunk:
    """The layers of a network of timm, with fresh weights; nothing is downloaded.

    Args:
        name: as timm writes it, with or without a tag: `resnet18`, `vit_small_patch14_dinov2.lvd142m`.

    Raises:
        WeightsError: timm is not installed.
        OptionError: timm has no such network, or it has no feature maps.
    """
    timm = _timm()
    if not _NAME.fullmatch(name) or not timm.is_model(name.partition(".")[0]):
        near = timm.list_models(f"*{name.partition('.')[0]}*")[:3] if _NAME.fullmatch(name) else []
        raise OptionError(
            "a network of timm", f"timm:{name}", f"timm:{near[0]}" if near else "timm:resnet18 (timm.list_models())"
        )
    try:
        with torch.device("meta"):  # to look at its maps
            reductions = timm.create_model(name, features_only=True).feature_info.reduction()
    except (RuntimeError, AttributeError, TypeError, NotImplementedError, AssertionError):
        reductions = []
    if len(set(reductions)) > 1:
        if _facts(name).get("fixed_input_size"):
            raise OptionError(
                "a network of timm for pictures of any size", f"timm:{name}, of one size", "timm:resnet18"
            )
        # the last map of each size, none finer than stride 4
        kept = [i for i, r in enumerate(reductions) if r >= 4 and r not in reductions[i + 1 :]]
        return TimmPyramid(name, tuple(kept))
    return TimmTransformer(name)


class TimmPyramid(Trunk):
    """A network of timm with feature maps of several sizes.

    Args:
        name: see `from_timm`.
        indices: of the maps that are used, as timm counts them.
    """

    def __init__(self, name: str, indices: tuple[int, ...]):
        super().__init__()
        self.model = _timm().create_model(name, features_only=True, out_indices=indices)
        info = self.model.feature_info
        self.channels, self.strides = tuple(info.channels()), tuple(info.reduction())
        self.input_multiple = math.lcm(4, *self.strides)
        self.mean, self.std = _normalisation(name)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps = self.model(images)
        # some transformers give channels last
        return [y if y.shape[1] == c else y.permute(0, 3, 1, 2) for y, c in zip(maps, self.channels)]

    def our_keys(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Names of the whole network become those of its feature maps: timm flattens `stages.0` to `stages_0`, or wraps it all."""
        own, found = self.state_dict(), dict[str, torch.Tensor]()
        for name, tensor in tensors.items():
            flat = re.sub(r"^([a-z_]+)\.(\d+)\.", r"\1_\2.", name)
            names = (f"model.{name}", f"model.{flat}", f"model.model.{name}")
            found[next((n for n in names if n in own), name)] = tensor
        return found


class TimmTransformer(Trunk):
    """A plain vision transformer of timm: the maps of its last four blocks, all of the same size.

    The sides of the pictures may be any multiples of its patch and of 4: position embeddings are resized.

    Raises:
        OptionError: not a plain vision transformer.
    """

    def __init__(self, name: str):
        super().__init__()
        try:
            self.model = _timm().create_model(name, num_classes=0, dynamic_img_size=True)
            patch, width = self.model.patch_embed.patch_size, self.model.embed_dim
            forward_intermediates = self.model.forward_intermediates
        except (TypeError, AttributeError, RuntimeError, NotImplementedError) as error:
            raise OptionError(
                "a network of timm with feature maps of several sizes, or a plain vision transformer",
                f"timm:{name} ({next(iter(str(error).splitlines()), type(error).__name__)})",
                "timm:resnet18, timm:convnext_tiny, timm:vit_small_patch14_dinov2.lvd142m",
            ) from error
        assert callable(forward_intermediates)
        self.channels = (int(width),) * VIT_MAPS
        self.strides = (int(patch[0]),) * VIT_MAPS
        self.input_multiple = math.lcm(4, *map(int, patch))
        self.mean, self.std = _normalisation(name)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps: list[torch.Tensor] = self.model.forward_intermediates(
            images, indices=VIT_MAPS, norm=True, output_fmt="NCHW", intermediates_only=True
        )
        return maps

    def our_keys(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {f"model.{name}": tensor for name, tensor in tensors.items()}


def timm_weights(name: str) -> Pretrained:
    """The weights of a network of timm, from the hub or from its cache.

    Raises:
        WeightsError: timm is not installed, has no weights of this name, or cannot download them.
    """
    timm = _timm()
    facts = _facts(name)
    try:
        tensors = whole_network(name).state_dict()
    except Exception as error:  # of the hub's client, of the network, of timm: each has its own kinds
        raise WeightsError(
            f"the weights of timm:{name}, from its hub or its cache",
            next(iter(str(error).splitlines()), type(error).__name__),
            f"a connection to the hub once, {WITHOUT_DOWNLOAD}",
        ) from error
    source = facts.get("hf_hub_id") or facts.get("url") or "its cache"
    return Pretrained(
        tensors,
        f"timm {timm.__version__}, {name}, {source}",
        str(facts.get("license") or "timm states none"),
        tensor_checksum(tensors),
        of_tensors=True,
    )


def whole_network(name: str) -> nn.Module:
    """The network of timm with its weights; timm loads all tensors or raises."""
    network: nn.Module = _timm().create_model(name, pretrained=True)
    return network


def _facts(name: str) -> dict[str, Any]:
    """What timm knows of the weights of a name."""
    facts = _timm().get_pretrained_cfg(name, allow_unregistered=True)
    return facts.to_dict() if facts is not None else {}


def _normalisation(name: str) -> tuple[Three, Three]:
    facts = _facts(name)
    mean, std = (tuple(map(float, facts.get(key) or default)) for key, default in zip(("mean", "std"), _IMAGENET))
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
