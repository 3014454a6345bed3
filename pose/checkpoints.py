"""What a run's checkpoint holds, and building a network back from any checkpoint, ours or the published code's."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from .. import __version__
from ..errors import WeightsError
from . import weights
from .atomic import atomic_path
from .inputs import InputForm
from .models import build_model
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
    form: InputForm
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
    form: InputForm,
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
            "form": form.to_dict(),
            "run": dict(run),
        },
    }


def load(
    path: str | Path,
    published_mean: Sequence[float] = (0.5, 0.5, 0.5),
    channel_order: Sequence[int] | None = None,
) -> Loaded:
    """Network of a checkpoint file.

    Args:
        path: ours, the published code's (epoch, arch, state_dict, best_acc, optimizer), or a bare state dict of an hourglass.
        published_mean: RGB mean that files of the published code were trained with; they do not hold it. Such files are taken
            with published crops of 256 px.
        channel_order: (K,) which channel of such a file holds each joint of the skeleton, where its order is another: the
            published networks trained on TigDog's tigers have the order of its files (`skeleton.TIGER_TO_MODEL`).

    Raises:
        WeightsError: unreadable, or not a network of the table.
    """
    state = weights.read(path)
    own = state.get("zoopose")
    if own is None:
        arch = state.get("arch") or "hg"
        if channel_order is not None:
            state["state_dict"] = reordered(state["state_dict"], np.asarray(channel_order))
            state.pop("optimizer", None)  # its averages are in the file's order
        model = weights.build_from(state["state_dict"], "hg_multitask" if arch == "hg_multitask" else "hg")
        numbers = weights.hourglass_numbers(state["state_dict"])
        joints = numbers.pop("num_joints")
        if arch == "hg_multitask":
            numbers["num_parts"] = len(state["state_dict"]["score_seg.0.weight"])
        if joints == len(TIGDOG18):
            skeleton = TIGDOG18
        else:
            skeleton = Skeleton(f"joints{joints}", tuple(f"joint_{i}" for i in range(joints)))
        form = InputForm("published", mean=tuple(map(float, published_mean)), std=(1.0, 1.0, 1.0))
        note = f"{path}: {len(state['state_dict'])} tensors of a published {arch}; taken with {form.kind} crops of {form.size} px"
        return Loaded(model, arch, numbers, skeleton, form, state, note)
    try:
        skeleton, form = Skeleton.from_dict(own["skeleton"]), InputForm.from_dict(own["form"])
        arch, numbers = state["arch"], dict(own["numbers"])
    except (KeyError, TypeError) as error:
        raise WeightsError("a complete zoopose checkpoint", f"{path}: {error!r} in its description") from error
    model = build_model(arch, len(skeleton), **numbers)
    tensors = weights.load_into(model, state["state_dict"], str(path))
    note = f"{path}: {tensors}, {state['epoch']} epochs, zoopose {own['version']}"
    return Loaded(model.eval(), arch, numbers, skeleton, form, state, note)


def reordered(state_dict: Mapping[str, Any], order: np.ndarray) -> dict[str, Any]:
    """The tensors of a stacked hourglass with its joint channels in another order."""
    out = dict(state_dict)
    for key, tensor in state_dict.items():
        if re.fullmatch(r"score\.\d+\.(weight|bias)", key):
            out[key] = tensor[order]
        elif re.fullmatch(r"score_\.\d+\.weight", key):
            out[key] = tensor[:, order]
    return out


def alias(path: Path, name: str) -> None:
    """Let `name` beside `path` stand for the same checkpoint: a hard link where the disk can, else a copy; never half of one."""
    with atomic_path(path.with_name(name)) as temporary:
        try:
            os.link(path, temporary)
        except OSError:
            shutil.copyfile(path, temporary)
