"""Trunks out of torchvision: its convolutional classifiers. Their weights are downloaded from pytorch.org on first use.

Licence: torchvision's code is under BSD-3-Clause; it states no licence for its weights, which were trained on ImageNet-1k.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...errors import OptionError, WeightsError
from .pretrained import WITHOUT_DOWNLOAD, Pretrained, tensor_checksum
from .trunk import Trunk

# families whose layers before the classifier make maps one after the other
_FAMILIES = re.compile(
    r"(resnet|resnext|wide_resnet|mobilenet_v|efficientnet_|convnext_|densenet|vgg|mnasnet|shufflenet|squeezenet)"
)
LICENCE = "torchvision states none for its weights; its code is BSD-3-Clause"


def from_torchvision(name: str) -> Trunk:
    """The layers of a convolutional network of torchvision, with fresh weights; nothing is downloaded.

    Raises:
        OptionError: torchvision has no such network, or it is of another kind.
    """
    from torchvision.models import get_model, list_models

    known = [model for model in list_models() if _FAMILIES.match(model)]
    if name not in known:
        raise OptionError(
            f"a convolutional network of torchvision: {', '.join(known)}", f"torchvision:{name}", "torchvision:resnet18"
        )
    return TorchvisionTrunk(get_model(name, weights=None), name)


class TorchvisionTrunk(Trunk):
    """The layers of a network of torchvision up to its classifier; the last map of each size is used.

    Args:
        network: built by torchvision.
        name: of the network.
    """

    def __init__(self, network: nn.Module, name: str):
        super().__init__()
        for child, module in _layers(network):
            self.add_module(child, module)
        self.mean, self.std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
        if facts := _weights(name):
            own = facts.transforms()
            self.mean, self.std = tuple(own.mean), tuple(own.std)
        side = 256
        with torch.no_grad():  # on a copy without numbers: only the shapes matter
            shapes = [tuple(y.shape[1:3]) for y in _run(_on_meta(self), torch.zeros(1, 3, side, side, device="meta"))]
        sizes = [rows for _, rows in shapes]
        self.used = tuple(i for i, rows in enumerate(sizes) if 4 * rows <= side and rows not in sizes[i + 1 :])
        self.channels = tuple(shapes[i][0] for i in self.used)
        self.strides = tuple(side // sizes[i] for i in self.used)
        self.input_multiple = 32

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps = list(_run(self, images))
        return [maps[i] for i in self.used]


def _layers(network: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Names and modules before the classifier, in the order in which they are run."""
    for name, module in network.named_children():
        if name in ("avgpool", "fc", "classifier"):
            return
        yield name, module


def _run(trunk: nn.Module, x: torch.Tensor) -> Iterator[torch.Tensor]:
    """The map after each layer; a `Sequential` is opened once."""
    for module in trunk.children():
        for layer in module if isinstance(module, nn.Sequential) else (module,):
            x = layer(x)
            yield x


def _on_meta(trunk: nn.Module) -> nn.Module:
    import copy

    return copy.deepcopy(trunk).to("meta").eval()


def _weights(name: str) -> Any:
    """torchvision's description of the weights that it takes by default for a network; None if it has none."""
    from torchvision.models import get_model_weights

    return getattr(get_model_weights(name), "DEFAULT", None)


def torchvision_weights(name: str) -> Pretrained:
    """The weights of a network of torchvision, from pytorch.org or from torch's cache.

    Raises:
        WeightsError: it has none, or they cannot be downloaded.
    """
    facts = _weights(name)
    if facts is None:
        raise WeightsError(f"weights of torchvision:{name}", "torchvision has none", "--trunk none")
    try:
        tensors = facts.get_state_dict(progress=False, check_hash=True)
    except Exception as error:  # of the network, or of the cache folder
        raise WeightsError(
            f"the weights of torchvision:{name}, from {facts.url} or torch's cache",
            next(iter(str(error).splitlines()), type(error).__name__),
            f"a connection once, {WITHOUT_DOWNLOAD}",
        ) from error
    source = f"torchvision {name} {facts.name}, {Path(facts.url).name}"
    return Pretrained(tensors, source, LICENCE, tensor_checksum(tensors), of_tensors=True)
