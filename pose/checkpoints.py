"""What a run's checkpoint holds, and building a network back from any checkpoint, ours or the published code's."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .. import __version__
from ..errors import OptionError, WeightsError
from ..files import atomic_path
from . import weights
from .checkpoint_schema import PROGRESS, check_checkpoint, parse_input_spec, parse_skeleton
from .input_spec import InputSpec
from .models import build_model
from .schema import Mismatch
from .skeleton import TIGDOG18, Skeleton


@dataclass
class Loaded:
    """A network with all that is needed to use it.

    Attributes:
        model: with its weights, in eval mode, on the CPU.
        arch, numbers: what `build_model` was given.
        skeleton: its joints.
        form: how it takes pictures.
        state: the whole checkpoint; `state["zoopose"]` is there only in our own.
        note: a line for the banner: what was loaded, from where.
    """

    model: nn.Module
    arch: str
    numbers: dict[str, int]
    skeleton: Skeleton
    spec: InputSpec
    state: dict[str, Any] = field(repr=False)
    note: str = ""

    @property
    def ours(self) -> bool:
        return "zoopose" in self.state


def pack(
    model: nn.Module,
    arch: str,
    numbers: Mapping[str, int],
    skeleton: Skeleton,
    spec: InputSpec,
    epoch: int,
    best: float,
    optimizer: Mapping | None,
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """A checkpoint: the published fields (epoch, arch, state_dict, best_acc, optimizer), and ours under `zoopose`."""
    return {
        "epoch": epoch,
        "arch": arch,
        "state_dict": weights.without_prefix(model.state_dict()),
        "best_acc": best,
        "optimizer": optimizer,
        "zoopose": {
            "version": __version__,
            "numbers": dict(numbers),
            "skeleton": skeleton.to_dict(),
            "form": spec.to_dict(),
            "run": dict(run),
        },
    }


def load(
    path: str | Path,
    original_mean: Sequence[float] | Callable[[], Sequence[float]] = (0.5, 0.5, 0.5),
    channel_order: Sequence[int] | None = None,
    joints: Sequence[str] | None = None,
) -> Loaded:
    """Network of a checkpoint file.

    Args:
        path: ours, the published code's (epoch, arch, state_dict, best_acc, optimizer), or a bare state dict of an hourglass.
        published_mean: RGB mean that files of the published code were trained with; they do not hold it. Such files are taken
            with published crops of 256 px. A function is called for such files only.
        channel_order: (K,) which channel of such a file holds each joint of the skeleton, where its order is another: the
            published networks trained on TigDog's tigers have the order of its files (`skeleton.TIGER_TO_MODEL`).
        joints: K names of the joints of such a file, in the order of its channels; without them a file of 18 joints has TigDog's,
            and others have joint_0, joint_1, ...

    Raises:
        WeightsError: unreadable, not a network of the table, or described in a way that cannot be.
        OptionError: joint names for a checkpoint of ours with other names, or not as many as there are joints.
    """
    state = weights.read(path)
    if "zoopose" not in state:
        return _published(path, state, original_mean, channel_order, joints)
    try:
        check_checkpoint(state)
        own = state["zoopose"]
        skeleton, spec = (
            parse_skeleton(own["skeleton"], "zoopose.skeleton"),
            parse_input_spec(own["form"], "zoopose.form"),
        )
    except Mismatch as error:
        raise _misdescribed(path, str(error)) from error
    if joints is not None and tuple(joints) != skeleton.joints:
        found = f"{path}, which names its joints itself: {', '.join(skeleton.joints)}"
        raise OptionError("--joints for a checkpoint without joint names", found, "leave --joints out")
    arch, numbers = state["arch"], dict(own["numbers"])
    model = _built(path, arch, numbers, skeleton, spec, state["state_dict"])
    note = f"{path}: {len(state['state_dict'])} of {len(state['state_dict'])} tensors, {state['epoch']} epochs"
    return Loaded(model, arch, numbers, skeleton, spec, state, f"{note}, zoopose {own['version']}")


def _built(
    path: str | Path, arch: str, numbers: Mapping, skeleton: Skeleton, spec: InputSpec, state_dict: Mapping
) -> nn.Module:
    """The network that a checkpoint of ours describes, with its tensors, in eval mode."""
    try:
        with torch.device("meta"):  # takes neither memory nor time, whatever the numbers say
            empty = build_model(arch, len(skeleton), **numbers)
        weights.check_fit(empty, state_dict, f"{path}, a checkpoint")
        multiple = empty.input_multiple
        if any(side % multiple for side in spec.size_hw):
            raise _misdescribed(path, f"zoopose.form.size_hw: {spec.size_hw} px are no multiples of {multiple} px")
        model = build_model(arch, len(skeleton), **numbers)
    except OptionError as error:
        raise _misdescribed(path, f"zoopose.numbers: expected {error.expected}, found {error.found}") from error
    except (TypeError, ValueError, IndexError, RuntimeError, ArithmeticError, AttributeError) as error:
        raise _misdescribed(path, f"zoopose.numbers: no {arch} can be built with them ({error})") from error
    weights.load_into(model, state_dict, str(path))
    return model.eval()


def _misdescribed(path: str | Path, what: str) -> WeightsError:
    return WeightsError(
        "a checkpoint whose description fits its tensors",
        f"{path}: {what}",
        "take another checkpoint of the run; this one was damaged, or changed by hand",
    )


def _published(
    path: str | Path,
    state: dict[str, Any],
    mean: Sequence[float] | Callable[[], Sequence[float]],
    channel_order: Sequence[int] | None,
    joints: Sequence[str] | None,
) -> Loaded:
    """A file of the published code, or a bare state dict: it says nothing of itself but what its tensors tell."""
    arch = state.get("arch")
    arch = arch if isinstance(arch, str) and arch else "hg"
    # of progress only what is usable; a file that is given for its weights may say what it likes
    for name, check in PROGRESS.items():
        try:
            check(state.get(name), name)
        except Mismatch:
            state.pop(name, None)
    if channel_order is not None:
        scores = state["state_dict"].get("score.0.weight")
        if scores is not None and len(scores) != len(channel_order):
            raise WeightsError(
                f"a network of the {len(channel_order)} joints of TigDog, whose tigers have an order of their own",
                f"{path}: {len(scores)} joints",
                "leave out what says that it was trained on them, such as --trained-on real_animal --animal tiger",
            )
        state["state_dict"] = reordered(state["state_dict"], np.asarray(channel_order))
        state.pop("optimizer", None)  # its averages are in the file's order
    try:
        model = weights.build_from(state["state_dict"], "hg_multitask" if arch == "hg_multitask" else "hg")
    except WeightsError as error:
        raise WeightsError(error.expected, f"{path}: {error.found}", error.remedy or _OTHER_NETWORKS) from error
    numbers = weights.hourglass_numbers(state["state_dict"])
    count = numbers.pop("num_joints")
    if arch == "hg_multitask":
        numbers["num_parts"] = len(state["state_dict"]["score_seg.0.weight"])
    if joints is not None:
        if len(joints) != count:
            raise OptionError(
                f"--joints with {count} names, the joints of {path}", f"{len(joints)}: {', '.join(joints)}"
            )
        skeleton = Skeleton("named", tuple(joints))
    elif count == len(TIGDOG18):
        skeleton = TIGDOG18
    else:
        skeleton = Skeleton(f"joints{count}", tuple(f"joint_{i}" for i in range(count)))
    mean = mean() if callable(mean) else mean
    spec = InputSpec("published", mean=tuple(map(float, mean)), std=(1.0, 1.0, 1.0))
    note = f"{path}: {len(state['state_dict'])} tensors of a published {arch}; taken with {spec.kind} crops of {spec.size} px"
    return Loaded(model, arch, numbers, skeleton, spec, state, note)


_OTHER_NETWORKS = "zoopose import --weights FILE --recipe NAME takes the published networks of other kinds"


def reordered(state_dict: Mapping[str, Any], order: np.ndarray) -> dict[str, Any]:
    """The tensors of a stacked hourglass with its joint channels in another order."""
    out = dict(state_dict)
    for key, tensor in state_dict.items():
        if re.fullmatch(r"score\.\d+\.(weight|bias)", key):
            out[key] = tensor[order]
        elif re.fullmatch(r"score_\.\d+\.weight", key):
            out[key] = tensor[:, order]
    return out


def copy_checkpoint(path: Path, name: str) -> None:
    """Write the same checkpoint under another name beside it, whole or not at all.

    A file of its own, no hard link: damage to one then leaves the other whole.

    Raises:
        StorageError: the disk is full or gone.
    """
    with atomic_path(path.with_name(name), path.stat().st_size) as temporary:
        shutil.copyfile(path, temporary)
