"""A stacked hourglass as the published CC-SSL code loads it: its keys, its joints' order, pictures less a mean and nothing else.

Source: as `published_geometry`. The published code loads strictly, through DataParallel, and takes from a picture no more than the
mean of its data set. What else a network of ours does to its pictures (division by a deviation, another mean, BGR) is put into the
weights of its first layer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from ...errors import OptionError
from ..checkpoints import Loaded, reordered
from ..models import build_model
from ..skeleton import TIGDOG18
from ..weights import hourglass_numbers, without_prefix

ARCHS = ("hg", "hg_multitask")
WIDTH, DEPTH = 128, 4  # planes and halvings that the published code builds, whatever its options
LR = 2.5e-4  # its default


def original_checkpoint(
    network: Loaded, mean: Sequence[float], channel_order: Sequence[int] | None = None
) -> dict[str, Any]:
    """The published fields: epoch, arch, state_dict (keys with `module.`), best_acc, optimizer.

    best_acc is 0: the published score of this network is not known, and the next epoch there is the best so far. The optimiser's
    averages are taken over where they are RMSprop's, the published solver's, and the weights are as they were; else they are fresh.

    Args:
        network: with its checkpoint's `state`.
        mean: (3,) RGB mean in 0..1 that the published code will take off the pictures.
        channel_order: (18,) which joint of `TIGDOG18` each channel of the file holds; default: as they are.

    Raises:
        OptionError: a network that the published code has no class for.
    """
    tensors = {key: value.detach().cpu() for key, value in without_prefix(network.model.state_dict()).items()}
    empty = _original_network(network, tensors)
    changed = not _plain_input(network, mean)
    if changed:
        tensors |= first_layer(tensors, network, mean)
    if channel_order is not None:
        tensors = reordered(tensors, np.asarray(channel_order))
    own = None if changed or channel_order is not None else _rms_state(network.state.get("optimizer"), empty)
    return {
        "epoch": int(network.state.get("epoch") or 0),
        "arch": network.arch,
        "state_dict": {f"module.{key}": tensors[key].clone(memory_format=torch.contiguous_format) for key in empty.state_dict()},
        "best_acc": 0.0,
        "optimizer": own or torch.optim.RMSprop(empty.parameters(), lr=LR).state_dict(),
    }  # fmt: skip


def first_layer(tensors: Mapping[str, torch.Tensor], network: Loaded, mean: Sequence[float]) -> dict[str, torch.Tensor]:
    """Weights and biases of the first layer for pictures less `mean`, undivided, RGB.

    The layer's outputs are the same as before; where another mean is taken off, those over the rim of the picture (3 px) differ,
    since the layer pads with zeros.
    """
    spec, weight = network.spec, tensors["conv1.weight"].double()
    weight = weight / torch.tensor(spec.std, dtype=torch.float64)[:, None, None]
    moved = torch.tensor(np.asarray(mean, np.float64)[::-1].copy() if spec.bgr else np.asarray(mean, np.float64))
    moved = moved - torch.tensor(spec.mean, dtype=torch.float64)
    bias = tensors["conv1.bias"].double() + (weight.sum((2, 3)) * moved).sum(1)
    weight = weight.flip(1) if spec.bgr else weight
    return {"conv1.weight": weight.float(), "conv1.bias": bias.float()}


def _plain_input(network: Loaded, mean: Sequence[float]) -> bool:
    spec = network.spec
    same = np.allclose(spec.mean, mean, atol=1e-6) and np.allclose(spec.std, 1, atol=1e-6)
    return same and not spec.bgr


def _original_network(network: Loaded, tensors: Mapping[str, torch.Tensor]) -> torch.nn.Module:
    """The published class's twin, without values.

    Raises:
        OptionError: there is none.
    """
    again = "a network made by: zoopose train --augment published --stacks N --blocks N"
    if network.arch not in ARCHS:
        raise OptionError(f"a network of the published code: {', '.join(ARCHS)}", f"--arch {network.arch}", again)
    if network.spec.maps_per_joint != 1:
        raise OptionError("a network of one map a joint", f"the codec {network.spec.codec}", again)
    if network.skeleton.joints != TIGDOG18.joints:
        raise OptionError(
            f"the {len(TIGDOG18)} joints of TigDog, which the published code counts on",
            f"{len(network.skeleton)} joints of {network.skeleton.name}",
            "zoopose train --init-weights FILE --dataset real_animal carries a network over to them",
        )
    numbers = hourglass_numbers(tensors)
    if (numbers["width"], numbers["depth"]) != (WIDTH, DEPTH):
        found = f"--width {numbers['width']} --depth {numbers['depth']}"
        raise OptionError(f"--width {WIDTH} --depth {DEPTH}, which the published code builds", found, again)
    if network.arch == "hg_multitask":
        numbers["num_parts"] = len(tensors["score_seg.0.weight"])
    with torch.device("meta"):
        empty = build_model(network.arch, **numbers)
    more = [key for key in tensors if key not in empty.state_dict()]
    if more:
        raise OptionError(
            "the tensors of a stacked hourglass and no others", f"{len(more)} more: {', '.join(more[:3])}", again
        )
    return empty


def _rms_state(state: Mapping[str, Any] | None, empty: torch.nn.Module) -> Mapping[str, Any] | None:
    """An optimiser's state, where it is RMSprop's over all weights in one group; else None."""
    groups = (state or {}).get("param_groups") or []
    whole = len(groups) == 1 and len(groups[0].get("params", ())) == len(list(empty.parameters()))
    return state if whole and "alpha" in groups[0] else None
