"""Types and limits of a checkpoint's fields: skeleton, input spec, options of the network, and state of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..errors import ZooposeError
from .heatmap.decoding import DECODERS
from .input_spec import KINDS, InputSpec
from .models import MODELS, is_network, options_of
from .schema import (
    Check,
    Mismatch,
    any_of,
    any_value,
    boolean,
    integer,
    list_of,
    mapping_of,
    number,
    one_of,
    optional,
    record,
    string,
)
from .skeleton import Skeleton

_SIDE, _PAIR = integer(1, 16384), list_of(integer(0), 2)
_SIZE = any_of(_SIDE, list_of(_SIDE, 2))
_THREE = list_of(number(-1e4, 1e4), 3)
SKELETON = record(
    {
        "name": string(),
        "joints": list_of(string(), least=1),
        "limbs": list_of(_PAIR),
        "partners": list_of(_PAIR),
        "groups": mapping_of(list_of(integer(0))),
        "sigmas": optional(list_of(number(1e-6, 1e3))),
    }
)
INPUT_SPEC = record(
    {},
    {
        "kind": one_of(*KINDS),
        "size_hw": _SIZE,
        "size": _SIZE,
        "heatmap_hw": _SIZE,
        "heatmap_size": _SIZE,
        "mean": _THREE,
        "std": list_of(number(1e-6, 1e4), 3),
        "bgr": boolean,
        "codec": string(),
        "sigma": number(1e-3, 1e3),
        "padding": optional(list_of(number(1e-3, 1e3), 2)),
        "decoder": one_of("", *DECODERS),
        "decoder_taps": integer(0, 999),
        "flip_shift": optional(integer(0, 64)),
        "bias_px": number(-1e3, 1e3),
        "zoom": number(1e-2, 1e2),
        "shift": number(-1, 1),
    },
)


def _network(value: Any, where: str) -> None:
    """The name of a network."""
    string()(value, where)
    if not is_network(value):
        one_of(*MODELS)(value, where)


def tensor(value: Any, where: str) -> None:
    """A tensor of PyTorch."""
    if not isinstance(value, torch.Tensor):
        raise Mismatch(where, "a tensor", value)


def _random_state(value: Any, where: str) -> None:
    tensor(value, where)
    if value.dtype != torch.uint8 or value.ndim != 1:
        raise Mismatch(where, "the state of a random generator, bytes", f"{value.dtype} {tuple(value.shape)}")


def _optimizer(value: Any, where: str) -> None:
    record({"state": any_value, "param_groups": list_of(mapping_of(any_value), least=1)})(value, where)
    if not isinstance(value["state"], Mapping):
        raise Mismatch(f"{where}.state", "an object", value["state"])
    for key, state in value["state"].items():
        mapping_of(any_of(tensor, number()))(state, f"{where}.state[{key}]")
    for i, group in enumerate(value["param_groups"]):
        list_of(integer(0))(group.get("params"), f"{where}.param_groups[{i}].params")


_EXTRA = record(
    {},
    {
        "round": integer(0),
        "network": string(),
        "guard": record(
            {},
            {
                "off": string(),
                "outcome": string(),
                "stopped": integer(0),
                **{name: number() for name in ("start", "spread", "limit")},
                "distances": list_of(number(nan=True)),
                "fill": record(
                    {
                        **{name: list_of(number(), least=6) for name in ("mean", "deviation")},
                        "joints": list_of(any_value),
                        "own": number(),
                        "frames": integer(0),
                    }
                ),
            },
        ),
        "teacher": record({"weights": mapping_of(tensor), "steps": integer(0)}),
        "wscda": record(
            {},
            {
                "parts": mapping_of(mapping_of(tensor)),
                "human": optional(record({"joints": list_of(string())})),
                "probe": mapping_of(any_value),
                "pursuit": _optimizer,
            },
        ),
    },
)
RUN = record(
    {},
    {
        "method": string(),
        "options": mapping_of(any_value),
        "step": integer(0),
        "best_epoch": integer(-1),
        "meter": record({}, {"sums": mapping_of(number(nan=True)), "count": integer(0)}),
        "rng": record({"cpu": _random_state, "cuda": list_of(_random_state)}),
        "extra": _EXTRA,
        "trunk": record(
            {
                **{name: string() for name in ("trunk", "loaded", "source", "licence", "sha256")},
                **{name: list_of(number(), 3) for name in ("mean", "std")},
            }
        ),
    },
)
# fields that a resumed run reads from each checkpoint, of this project or of the 2020 CC-SSL code
PROGRESS: dict[str, Check] = {"epoch": integer(0), "best_acc": number(nan=True), "optimizer": optional(_optimizer)}
CHECKPOINT = record(
    {
        "epoch": PROGRESS["epoch"],
        "arch": _network,
        "state_dict": mapping_of(tensor),
        "zoopose": record(
            {
                "version": string(),
                "numbers": mapping_of(any_value),
                "skeleton": SKELETON,
                "form": INPUT_SPEC,
            },
            {"run": RUN},
        ),
    },
    {name: PROGRESS[name] for name in ("best_acc", "optimizer")},
)


def check_checkpoint(state: Mapping[str, Any]) -> None:
    """Check all fields of a checkpoint of this project, before a network is built from them.

    Raises:
        Mismatch: names the place and the fault.
    """
    CHECKPOINT(state, "")
    ours, tensors = state["zoopose"], state["state_dict"].values()
    # no count or width is larger than the sizes of the tensors; a wrong number could build a network without end
    largest = max([len(state["state_dict"]), *(side for one in tensors for side in one.shape)], default=0)
    known: dict[str, Any] = {"adapter": 0, "maps_per_joint": 1, **options_of(state["arch"])}
    for name, value in ours["numbers"].items():
        where = f"zoopose.numbers.{name}"
        if name not in known:
            raise Mismatch(where, f"a number that {state['arch']} has ({', '.join(known)})", value)
        _like(known[name], largest)(value, where)
    integer(1, max(largest, 1))(len(ours["skeleton"]["joints"]), "the number of zoopose.skeleton.joints")


def _like(default: Any, largest: int) -> Check:
    """The check for an option of a network, by the type of its default; no number above `largest`."""
    if isinstance(default, bool):
        return boolean
    if isinstance(default, int):
        return integer(0, largest)
    if isinstance(default, float):
        return number(-1e6, 1e6)
    if isinstance(default, str):
        return string()
    return list_of(_like(default[0], largest), least=1) if isinstance(default, tuple) else any_value


def parse_skeleton(data: Any, where: str = "skeleton") -> Skeleton:
    """Build the skeleton that a file describes.

    Raises:
        Mismatch: wrong types, or indices that are not those of joints.
    """
    SKELETON(data, where)
    joints = len(data["joints"])
    for name, members in data["groups"].items():
        list_of(integer(0, joints - 1))(members, f"{where}.groups.{name}")
    try:
        return Skeleton.from_dict(data)
    except ZooposeError as error:
        raise Mismatch(where, error.expected, error.found) from error


def parse_input_spec(data: Any, where: str = "form") -> InputSpec:
    """Build the input spec that a file describes.

    Raises:
        Mismatch: wrong types, an unknown codec, or an unknown name.
    """
    INPUT_SPEC(data, where)
    try:
        return InputSpec.from_dict(data)
    except ZooposeError as error:
        raise Mismatch(where, error.expected, error.found) from error
    except TypeError as error:
        raise Mismatch(where, "the fields of an input spec", str(error)) from error
