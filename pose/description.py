"""What a file of ours must say of a network: types and ranges of its skeleton, its input form, its numbers and its run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ..errors import ZooposeError
from .heatmap.decoding import DECODERS
from .input_spec import KINDS, InputSpec
from .models import MODELS, options_of
from .schema import Check, Mismatch, anything, choice, either, flag, listed, maybe, named, number, record, text, whole
from .skeleton import Skeleton

_SIDE, _PAIR = whole(1, 16384), listed(whole(0), 2)
_SIZE = either(_SIDE, listed(_SIDE, 2))
_THREE = listed(number(-1e4, 1e4), 3)
SKELETON = record(
    {
        "name": text(),
        "joints": listed(text(), least=1),
        "limbs": listed(_PAIR),
        "partners": listed(_PAIR),
        "groups": named(listed(whole(0))),
        "sigmas": maybe(listed(number(1e-6, 1e3))),
    }
)
FORM = record(
    {},
    {
        "kind": choice(*KINDS),
        "size_hw": _SIZE,
        "size": _SIZE,
        "heatmap_hw": _SIZE,
        "heatmap_size": _SIZE,
        "mean": _THREE,
        "std": listed(number(1e-6, 1e4), 3),
        "bgr": flag,
        "codec": text(),
        "sigma": number(1e-3, 1e3),
        "padding": maybe(listed(number(1e-3, 1e3), 2)),
        "decoder": choice("", *DECODERS),
        "decoder_taps": whole(0, 999),
        "flip_shift": maybe(whole(0, 64)),
        "bias_px": number(-1e3, 1e3),
    },
)


def tensor(value: Any, where: str) -> None:
    """A tensor of PyTorch."""
    if not isinstance(value, torch.Tensor):
        raise Mismatch(where, "a tensor", value)


def _random_state(value: Any, where: str) -> None:
    tensor(value, where)
    if value.dtype != torch.uint8 or value.ndim != 1:
        raise Mismatch(where, "the state of a random generator, bytes", f"{value.dtype} {tuple(value.shape)}")


def _optimizer(value: Any, where: str) -> None:
    record({"state": anything, "param_groups": listed(named(anything), least=1)})(value, where)
    if not isinstance(value["state"], Mapping):
        raise Mismatch(f"{where}.state", "an object", value["state"])
    for key, state in value["state"].items():
        named(either(tensor, number()))(state, f"{where}.state[{key}]")
    for i, group in enumerate(value["param_groups"]):
        listed(whole(0))(group.get("params"), f"{where}.param_groups[{i}].params")


_EXTRA = record(
    {},
    {
        "round": whole(0),
        "network": text(),
        "guard": record(
            {},
            {
                "off": text(),
                "outcome": text(),
                "stopped": whole(0),
                **{name: number() for name in ("start", "spread", "limit")},
                "distances": listed(number(nan=True)),
                "fill": record(
                    {
                        **{name: listed(number(), least=6) for name in ("mean", "deviation")},
                        "joints": listed(anything),
                        "own": number(),
                        "frames": whole(0),
                    }
                ),
            },
        ),
        "teacher": record({"weights": named(tensor), "steps": whole(0)}),
        "wscda": record(
            {},
            {
                "parts": named(named(tensor)),
                "human": maybe(record({"joints": listed(text())})),
                "probe": named(anything),
                "pursuit": _optimizer,
            },
        ),
    },
)
RUN = record(
    {},
    {
        "method": text(),
        "options": named(anything),
        "step": whole(0),
        "best_epoch": whole(-1),
        "meter": record({}, {"sums": named(number(nan=True)), "count": whole(0)}),
        "rng": record({"cpu": _random_state, "cuda": listed(_random_state)}),
        "extra": _EXTRA,
    },
)
# what a resume takes from any checkpoint, ours or the published code's
PROGRESS: dict[str, Check] = {"epoch": whole(0), "best_acc": number(nan=True), "optimizer": maybe(_optimizer)}
CHECKPOINT = record(
    {
        "epoch": PROGRESS["epoch"],
        "arch": choice(*MODELS),
        "state_dict": named(tensor),
        "zoopose": record(
            {
                "version": text(),
                "numbers": named(anything),
                "skeleton": SKELETON,
                "form": FORM,
            },
            {"run": RUN},
        ),
    },
    {name: PROGRESS[name] for name in ("best_acc", "optimizer")},
)


def check_checkpoint(state: Mapping[str, Any]) -> None:
    """Check the whole description of a checkpoint of ours, before anything is built from it.

    Raises:
        Mismatch: with the place and what is wrong there.
    """
    CHECKPOINT(state, "")
    own, tensors = state["zoopose"], state["state_dict"].values()
    # no count or width can exceed what the tensors have: a wrong number would build networks without end
    largest = max([len(state["state_dict"]), *(side for one in tensors for side in one.shape)], default=0)
    known: dict[str, Any] = {"adapter": 0, "maps_per_joint": 1, **options_of(state["arch"])}
    for name, value in own["numbers"].items():
        where = f"zoopose.numbers.{name}"
        if name not in known:
            raise Mismatch(where, f"a number that {state['arch']} has ({', '.join(known)})", value)
        _like(known[name], largest)(value, where)
    whole(1, max(largest, 1))(len(own["skeleton"]["joints"]), "the number of zoopose.skeleton.joints")


def _like(default: Any, largest: int) -> Check:
    """The type that a number of a network has, by its default."""
    if isinstance(default, bool):
        return flag
    if isinstance(default, int):
        return whole(0, largest)
    if isinstance(default, float):
        return number(-1e6, 1e6)
    if isinstance(default, str):
        return text()
    return listed(_like(default[0], largest), least=1) if isinstance(default, tuple) else anything


def skeleton_of(data: Any, where: str = "skeleton") -> Skeleton:
    """The skeleton that a file describes.

    Raises:
        Mismatch: other types, or indices of joints that there are not.
    """
    SKELETON(data, where)
    joints = len(data["joints"])
    for name, members in data["groups"].items():
        listed(whole(0, joints - 1))(members, f"{where}.groups.{name}")
    try:
        return Skeleton.from_dict(data)
    except ZooposeError as error:
        raise Mismatch(where, error.expected, error.found) from error


def spec_of(data: Any, where: str = "form") -> InputSpec:
    """The input form that a file describes.

    Raises:
        Mismatch: other types, an unknown codec, or a name that no form has.
    """
    FORM(data, where)
    try:
        return InputSpec.from_dict(data)
    except ZooposeError as error:
        raise Mismatch(where, error.expected, error.found) from error
    except TypeError as error:
        raise Mismatch(where, "the fields of an input form", str(error)) from error
