"""Write a stacked hourglass as a checkpoint that the 2020 CC-SSL code loads: its keys, its order of joints, its normalisation.

Source: see `pose.original.geometry`. That code accepts only checkpoints with exactly its keys, through DataParallel. It
subtracts the mean of its data set from a picture, and nothing else. Other steps of a network's normalisation (division by a
deviation, another mean, BGR) are put into the weights of its first layer.
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
# numbers of the 2020 code
WIDTH, DEPTH = 128, 4  # planes and halvings of each hourglass that it builds
LR = 2.5e-4  # its default learning rate


def original_checkpoint(
    network: Loaded, mean: Sequence[float], channel_order: Sequence[int] | None = None
) -> dict[str, Any]:
    """Make a checkpoint of the 2020 code: epoch, arch, state_dict (keys with `module.`), best_acc, optimizer.

    best_acc is 0, since the network's score in that code is not known; its next epoch becomes the best. The optimiser's
    averages are copied where they are those of RMSprop, that code's optimiser, and the weights do not change; otherwise they
    are new.

    Args:
        network: with its checkpoint's `state`.
        mean: (3,) RGB mean in 0..1 that the 2020 code will subtract from the pictures.
        channel_order: (18,) joint of `TIGDOG18` in each channel of the file; None: their own order.

    Raises:
        OptionError: a network that the 2020 code cannot build.
    """
    tensors = {key: value.detach().cpu() for key, value in without_prefix(network.model.state_dict()).items()}
    empty = _original_network(network, tensors)
    changed = not _plain_input(network, mean)
    if changed:
        tensors |= first_layer(tensors, network, mean)
    if channel_order is not None:
        tensors = reordered(tensors, np.asarray(channel_order))
    rms = None if changed or channel_order is not None else _rms_state(network.state.get("optimizer"), empty)
    keys = empty.state_dict()
    return {
        "epoch": int(network.state.get("epoch") or 0),
        "arch": network.arch,
        "state_dict": {f"module.{k}": tensors[k].clone(memory_format=torch.contiguous_format) for k in keys},
        "best_acc": 0.0,
        "optimizer": rms or torch.optim.RMSprop(empty.parameters(), lr=LR).state_dict(),
    }


def first_layer(tensors: Mapping[str, torch.Tensor], network: Loaded, mean: Sequence[float]) -> dict[str, torch.Tensor]:
    """Change weights and biases of the first layer for RGB pictures minus `mean`, without a division.

    The layer's outputs stay the same. Where the mean differs from the network's, they change within 3 px of the picture's border,
    since the layer pads with zeros.

    Args:
        tensors: of the network; `conv1.weight` and `conv1.bias` are read.
        network: its input spec is used.
        mean: (3,) RGB mean in 0..1 that will be subtracted from the pictures.

    Returns:
        The new `conv1.weight` and `conv1.bias`.
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
    """Build the network that the 2020 code would build, on the meta device.

    Raises:
        OptionError: it cannot build such a network.
    """
    again = "a network made by: zoopose train --augment published --stacks N --blocks N"
    if network.arch not in ARCHS:
        raise OptionError(f"a network of the published code: {', '.join(ARCHS)}", f"--arch {network.arch}", again)
    if network.spec.maps_per_joint != 1:
        raise OptionError("a network of one map a joint", f"the codec {network.spec.codec}", again)
    if network.skeleton.joints != TIGDOG18.joints:
        raise OptionError(
            f"the {len(TIGDOG18)} joints of TigDog, which the published code needs",
            f"{len(network.skeleton)} joints of {network.skeleton.name}",
            "zoopose train --init-weights FILE --dataset real_animal makes a network for these joints",
        )
    numbers = hourglass_numbers(tensors)
    if (numbers["width"], numbers["depth"]) != (WIDTH, DEPTH):
        found = f"--width {numbers['width']} --depth {numbers['depth']}"
        raise OptionError(f"--width {WIDTH} --depth {DEPTH}, the sizes of the published code", found, again)
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
    """The state of an optimiser if it is RMSprop with all weights in one group; otherwise None."""
    groups = (state or {}).get("param_groups") or []
    whole = len(groups) == 1 and len(groups[0].get("params", ())) == len(list(empty.parameters()))
    return state if whole and "alpha" in groups[0] else None
