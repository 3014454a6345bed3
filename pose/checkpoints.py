"""The content of a run's checkpoint, and the network of a checkpoint, of this project or of the 2020 CC-SSL code."""

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
    """A network with everything that is needed to use it.

    Attributes:
        model: with its weights, in eval mode, on the CPU.
        arch: its name in `MODELS`.
        numbers: options that `build_model` was called with.
        skeleton: its joints.
        spec: how a picture becomes its input, and how its maps become joints.
        state: the complete checkpoint; only checkpoints of this project have `state["zoopose"]`.
        note: a line for the banner that says what was loaded, and from where.
        trunk: what was loaded into its trunk, see `trunks.TrunkReport`; empty if it began with fresh weights.
    """

    model: nn.Module
    arch: str
    numbers: dict[str, int]
    skeleton: Skeleton
    spec: InputSpec
    state: dict[str, Any] = field(repr=False)
    note: str = ""
    trunk: dict[str, Any] = field(default_factory=dict)

    @property
    def ours(self) -> bool:
        """Whether the checkpoint is one of this project."""
        return "zoopose" in self.state


def pack(
    model: nn.Module,
    arch: str,
    numbers: Mapping[str, int],
    skeleton: Skeleton,
    spec: InputSpec,
    epoch: int,
    best: float,
    optimizer: Mapping[str, Any] | None,
    run: Mapping[str, Any],
) -> dict[str, Any]:
    """Make a checkpoint: the published fields (epoch, arch, state_dict, best_acc, optimizer), and our fields under `zoopose`.

    Args:
        model: the network.
        arch: its name in `MODELS`.
        numbers: options that `build_model` was called with.
        skeleton: its joints.
        spec: its input spec.
        epoch: finished epochs.
        best: best score so far, saved as `best_acc`.
        optimizer: state of the optimiser; None: not saved.
        run: what a resumed run needs to know, see `checkpoint_schema.RUN`.
    """
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
    """Build and load the network of a checkpoint file.

    Args:
        path: a checkpoint of this project, one of the 2020 CC-SSL code (epoch, arch, state_dict, best_acc, optimizer), or a bare
            state dict of an hourglass. The last two have no input spec; they get `published` crops of 256 px.
        original_mean: RGB mean in 0..1 of a file without input spec. A function is called only for such a file.
        channel_order: (K,) the channel of each joint in a file without input spec, where its order differs from the skeleton's. The
            published networks for TigDog's tigers have the order of its tiger files (`skeleton.TIGER_TO_MODEL`).
        joints: K names of the joints of a file without input spec, in the order of its channels. Without names, 18 joints are
            TigDog's, and others are joint_0, joint_1, ...

    Raises:
        WeightsError: the file cannot be read, holds another network, or its description does not fit its tensors.
        OptionError: names of joints that differ from the checkpoint's, or of another number.
    """
    state = weights.read(path)
    if "zoopose" not in state:
        return _published(path, state, original_mean, channel_order, joints)
    try:
        check_checkpoint(state)
        fields = state["zoopose"]
        skeleton, spec = (
            parse_skeleton(fields["skeleton"], "zoopose.skeleton"),
            parse_input_spec(fields["form"], "zoopose.form"),
        )
    except Mismatch as error:
        raise _misdescribed(path, str(error)) from error
    if joints is not None and tuple(joints) != skeleton.joints:
        found = f"{path}, which names its joints itself: {', '.join(skeleton.joints)}"
        raise OptionError("--joints for a checkpoint without joint names", found, "leave --joints out")
    arch, numbers = state["arch"], dict(fields["numbers"])
    model = _built(path, arch, numbers, skeleton, spec, state["state_dict"])
    note = f"{path}: {len(state['state_dict'])} of {len(state['state_dict'])} tensors, {state['epoch']} epochs"
    trunk = dict(fields.get("run", {}).get("trunk", {}))
    return Loaded(model, arch, numbers, skeleton, spec, state, f"{note}, zoopose {fields['version']}", trunk)


def _built(
    path: str | Path,
    arch: str,
    numbers: Mapping[str, Any],
    skeleton: Skeleton,
    spec: InputSpec,
    state_dict: Mapping[str, torch.Tensor],
) -> nn.Module:
    """Build the network that a checkpoint of this project describes, with its tensors, in eval mode."""
    try:
        with torch.device("meta"):  # needs no memory and no time, also where the numbers are wrong and huge
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
    """Build the network of a file of the 2020 CC-SSL code, or of a bare state dict, from its tensors."""
    arch = state.get("arch")
    arch = arch if isinstance(arch, str) and arch else "hg"
    # faulty fields about progress are removed: the file may be used only for its weights
    for name, check in PROGRESS.items():
        try:
            check(state.get(name), name)
        except Mismatch:
            state.pop(name, None)
    if channel_order is not None:
        scores = state["state_dict"].get("score.0.weight")
        if scores is not None and len(scores) != len(channel_order):
            raise WeightsError(
                f"a network of the {len(channel_order)} joints of TigDog, since its tigers have another order of joints",
                f"{path}: {len(scores)} joints",
                "leave out the options that say that it was trained on tigers, such as --trained-on real_animal --animal tiger",
            )
        state["state_dict"] = reordered(state["state_dict"], np.asarray(channel_order))
        state.pop("optimizer", None)  # its averages are still in the file's order
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
    red, green, blue = map(float, mean() if callable(mean) else mean)
    spec = InputSpec("published", mean=(red, green, blue), std=(1.0, 1.0, 1.0))
    note = f"{path}: {len(state['state_dict'])} tensors of a published {arch}; used with {spec.kind} crops of {spec.size} px"
    return Loaded(model, arch, numbers, skeleton, spec, state, note)


_OTHER_NETWORKS = "zoopose import --weights FILE --recipe NAME takes the published networks of other kinds"


def reordered(state_dict: Mapping[str, Any], order: np.ndarray) -> dict[str, Any]:
    """Reorder the joint channels of a stacked hourglass: channel i of the result is channel order[i] of `state_dict`.

    Args:
        state_dict: tensors of the hourglass.
        order: (K,).
    """
    out = dict(state_dict)
    for key, tensor in state_dict.items():
        if re.fullmatch(r"score\.\d+\.(weight|bias)", key):
            out[key] = tensor[order]
        elif re.fullmatch(r"score_\.\d+\.weight", key):
            out[key] = tensor[:, order]
    return out


def copy_checkpoint(path: Path, name: str) -> None:
    """Copy a checkpoint to another name in the same folder, completely or not at all.

    The copy is a separate file, not a hard link, so damage to one does not damage the other.

    Raises:
        StorageError: the disk is full or not there.
    """
    with atomic_path(path.with_name(name), path.stat().st_size) as temporary:
        shutil.copyfile(path, temporary)
