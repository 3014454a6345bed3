"""Checkpoint files: written completely or not at all, read without running code of the file, checked for damage."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import WeightsError, is_of_machine
from ...files import atomic_path
from ..seal import is_whole, seal_zip
from .file_kinds import archive_fault, kind_of
from .state_dict import without_prefix

# the function that rebuilds a pickled NumPy scalar; it has no public name
_NUMPY_SCALAR: Callable[..., Any] = np.float64(0).__reduce__()[0]  # type: ignore[assignment]  # NumPy's stubs say str | Any
# NumPy scalars, which the published training code leaves in its files (best_acc); they hold only data
_SAFE: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [
    np.dtype,
    np.float64,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    _NUMPY_SCALAR,
    (_NUMPY_SCALAR, "numpy.core.multiarray.scalar"),
]


def save(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint to a temporary name, seal it (see `pose.seal`) and rename it. No reader meets an incomplete file.

    Raises:
        StorageError: the disk is full or not there, see `files.atomic_path`.
    """
    with atomic_path(path, _bytes_of(state)) as temporary:
        # given an open file, torch passes the system's own error on; given a path, it hides the cause
        with temporary.open("wb") as file:
            torch.save(dict(state), file)
        seal_zip(temporary)


def _bytes_of(state: Any) -> int:
    """Bytes that the tensors of a checkpoint hold."""
    if isinstance(state, torch.Tensor):
        return state.nbytes
    if isinstance(state, Mapping):
        return sum(map(_bytes_of, state.values()))
    return sum(map(_bytes_of, state)) if isinstance(state, list | tuple) else 0


def read(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint to the CPU with `weights_only=True`.

    Args:
        path: a checkpoint of this project, one of the 2020 CC-SSL code (epoch, arch, state_dict, best_acc, optimizer), or a bare
            state dict.

    Returns:
        A dict with at least `state_dict`, whose keys have no prefix `module.`.

    Raises:
        WeightsError: no such file; not a checkpoint; an incomplete or changed file; objects in it that are not data.
    """
    path = Path(path)
    state = load_data(path)
    if isinstance(state, Mapping) and state and all(isinstance(v, torch.Tensor) for v in state.values()):
        state = {"state_dict": state}
    if not isinstance(state, Mapping) or not isinstance(state.get("state_dict"), Mapping):
        found = ", ".join(map(str, list(state)[:8])) if isinstance(state, Mapping) else type(state).__name__
        raise WeightsError("a checkpoint with a state_dict", f"{path} holds {found}")
    check_tensors(state["state_dict"], path)
    return {**state, "state_dict": without_prefix(state["state_dict"])}


def load_data(path: str | Path) -> Any:
    """Load what a file of torch.save holds, to the CPU: tensors and plain data. No code of the file is run.

    Raises:
        WeightsError: no such file; another kind of file; a damaged file; objects in it that are not data.
    """
    path = Path(path)
    _check_readable(path)
    try:
        with torch.serialization.safe_globals(_SAFE):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "a checkpoint that holds tensors and plain data only",
            f"{path}: {_foreign_objects(error)}",
            "save its tensors alone, where that class is known: torch.save(model.state_dict(), FILE)",
        ) from error
    except Exception as error:  # a damaged file makes torch raise any error, also AssertionError and struct.error
        if is_of_machine(error):
            raise
        raise _damage_error(path, _first_line(error)) from error


def fault_of(path: str | Path) -> str:
    """Say what is wrong with a checkpoint file; an empty text where nothing is.

    A run asks this before it uses another checkpoint in place of a damaged one. Every byte of a sealed file is checked (see
    `pose.seal`) without opening it. A file without a seal, of an older version or of other code, is read completely.
    """
    try:
        if Path(path).is_file() and is_whole(path):
            return ""
        read(path)
    except (WeightsError, OSError) as error:
        return getattr(error, "found", "") or str(error)
    return ""


def _check_readable(path: Path) -> None:
    """Refuse a file that is not a checkpoint, or that has changed since it was written, before torch opens it.

    Raises:
        WeightsError: says what the file is instead, or where it is damaged.
    """
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.pth.tar")) if path.parent.is_dir() else []
        others = f"; in that folder: {', '.join(near)}" if near else ""
        found = f"no file but a folder, {path}" if path.is_dir() else f"no file {path}{others}"
        inside = sorted(path.glob("*.pth.tar")) if path.is_dir() else []
        remedy = f"name the file: {inside[0]}" if inside else "give an existing file to --resume"
        raise WeightsError("a checkpoint file", found, remedy)
    kind = kind_of(path)
    if kind is not None:
        raise WeightsError(
            "a checkpoint of torch.save that holds tensors and plain data", f"{path} is {kind.what}", kind.remedy
        )
    whole = is_whole(path)
    if whole is False:
        raise _damage_error(path, "some of its bytes have changed since it was written")
    if whole is None and (fault := archive_fault(path)):
        raise _damage_error(path, fault)


def _damage_error(path: Path, how: str) -> WeightsError:
    return WeightsError(
        "an undamaged checkpoint",
        f"{path} is damaged: {how}",
        "copy or download it again, or take another checkpoint of the run",
    )


def check_tensors(state_dict: Mapping[Any, Any], path: Path) -> None:
    """Refuse a state dict that holds anything but dense tensors of real numbers under names.

    Raises:
        WeightsError: names the first fault.
    """
    for name, tensor in state_dict.items():
        if not isinstance(name, str):
            raise WeightsError(
                "a state_dict with names of tensors", f"{path}: a name {name!r} of {type(name).__name__}"
            )
        if not isinstance(tensor, torch.Tensor):
            what = type(tensor).__name__
        elif (
            tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized or tensor.device.type == "meta"
        ):
            what = f"a tensor of {tensor.dtype}, {tensor.layout}, on {tensor.device}"
        else:
            continue
        raise WeightsError("a state_dict of dense tensors of real numbers", f"{path}: {name} is {what}")


def _first_line(error: Exception) -> str:
    return next(iter(_without_colours(str(error)).splitlines()), "") or type(error).__name__


def _without_colours(text: str) -> str:
    """A message of another library without the codes that colour a terminal."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def _foreign_objects(error: Exception) -> str:
    """Say what a pickle holds that is not data. PyTorch's message would name the option of torch.load that must stay off."""
    found = re.search(r"GLOBAL (\S+) was not an allowed|unsafe class (\S+)", _without_colours(str(error)))
    if found:
        name = found.group(1) or found.group(2)
        return f"it holds an object of {name}, not only tensors and plain data; reading that would run code of the file"
    return "it is damaged, or holds objects that are no plain data; reading those would run code of the file"
