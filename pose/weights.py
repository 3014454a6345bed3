"""Checkpoints: written whole or not at all, read without running anything, with a report of what was loaded."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import WeightsError, is_of_machine
from ..files import atomic_path
from .file_kinds import archive_fault, kind_of
from .models import (
    build_model,
    cpn,
    hourglass_mmpose,
    hourglass_princeton,
    hrnet,
    lpn,
    mspn,
    omnipose,
    rsn,
    simple_baseline,
)
from .seal import is_whole, seal_zip

# NumPy scalars, which the published training code leaves in its files (best_acc); they hold data only
_SAFE = [
    np.dtype,
    np.float64,
    type(np.dtype(np.float64)),
    type(np.dtype(np.float32)),
    np._core.multiarray.scalar,
    (np._core.multiarray.scalar, "numpy.core.multiarray.scalar"),
]


def save(path: str | Path, state: Mapping[str, Any]) -> None:
    """Write a checkpoint to a temporary name, seal it (see `pose.seal`) and rename it: no reader ever meets half a file.

    Raises:
        StorageError: the disk is full or gone, see `atomic_path`.
    """
    with atomic_path(path, _bytes_of(state)) as temporary:
        # through a file of our own: torch's says nothing of what the system refused
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
    """Read a checkpoint to the CPU with `weights_only=True`: a dict with at least `state_dict` (no `module.` prefix).

    Published files ({epoch, arch, state_dict, best_acc, optimizer}), ours, and bare state dicts are all taken.

    Raises:
        WeightsError: no such file, not a checkpoint, cut short, changed since it was written, or holding objects that are not data.
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
    """What a file of torch.save holds, on the CPU: tensors and plain data; no code in it is run.

    Raises:
        WeightsError: no such file, another kind of file, a damaged one, or one with objects that are not data.
    """
    path = Path(path)
    check_readable(path)
    try:
        with torch.serialization.safe_globals(_SAFE):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            "a checkpoint that holds tensors and plain data only",
            f"{path}: {_foreign_objects(error)}",
            "save its tensors alone, where that class is known: torch.save(model.state_dict(), FILE)",
        ) from error
    except Exception as error:  # a damaged file makes torch stumble in any way, over assertions and struct.error too
        if is_of_machine(error):
            raise
        raise damaged(path, _line(error)) from error


def fault_of(path: str | Path) -> str:
    """What is wrong with a checkpoint file; an empty text where it is whole.

    This is what a run asks before it falls back from a damaged checkpoint to another one. Of a sealed file (see `pose.seal`) every
    byte is checked, without opening it. A file without a seal, of an older version or of other code, is read from end to end.
    """
    try:
        if Path(path).is_file() and is_whole(path):
            return ""
        read(path)
    except (WeightsError, OSError) as error:
        return getattr(error, "found", "") or str(error)
    return ""


def check_readable(path: Path) -> None:
    """Refuse a file that is no checkpoint, or no longer the one that was written, before anything opens it.

    Raises:
        WeightsError: saying what it is instead, or where it is damaged.
    """
    if not path.is_file():
        near = sorted(p.name for p in path.parent.glob("*.pth.tar")) if path.parent.is_dir() else []
        there = f"; beside it: {', '.join(near)}" if near else ""
        found = f"no file but a folder, {path}" if path.is_dir() else f"no file {path}{there}"
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
        raise damaged(path, "some of its bytes have changed since it was written")
    if whole is None and (fault := archive_fault(path)):
        raise damaged(path, fault)


def damaged(path: Path, how: str) -> WeightsError:
    """The error for a checkpoint that cannot be trusted."""
    return WeightsError(
        "a whole checkpoint",
        f"{path} is damaged: {how}",
        "copy or download it again, or take another checkpoint of the run",
    )


def check_tensors(state_dict: Mapping, path: Path) -> None:
    """Refuse a state dict that is none.

    Raises:
        WeightsError: a name that is no text, or a value that is no dense tensor of numbers.
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


def _line(error: Exception) -> str:
    return next(iter(plain_text(str(error)).splitlines()), "") or type(error).__name__


def plain_text(text: str) -> str:
    """A message of another library without the codes that colour a terminal."""
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


def _foreign_objects(error: Exception) -> str:
    """What a pickle holds besides data, in words. PyTorch's own message names the option of torch.load that must stay off."""
    found = re.search(r"GLOBAL (\S+) was not an allowed|unsafe class (\S+)", plain_text(str(error)))
    if found:
        name = found.group(1) or found.group(2)
        return f"it holds an object of {name}, not only tensors and plain data; reading that would run code of the file"
    return "it is damaged, or holds objects that are no plain data; reading those would run code of the file"


def without_prefix(state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Keys without the `module.` that DataParallel and `_orig_mod.` that torch.compile put in front."""
    return {re.sub(r"^(?:module\.|_orig_mod\.)+", "", k): v for k, v in state_dict.items()}


def check_finite(state_dict: Mapping[str, torch.Tensor], what: str) -> None:
    """Refuse tensors with NaN or infinity.

    Raises:
        WeightsError: naming them.
    """
    bad = [k for k, v in state_dict.items() if v.is_floating_point() and not v.is_meta and not bool(v.isfinite().all())]
    if bad:
        raise WeightsError(
            f"finite numbers in {what}",
            f"NaN or infinity in {len(bad)} of {len(state_dict)} tensors: {', '.join(bad[:3])}{', ...' if len(bad) > 3 else ''}",
            "a checkpoint from before the training diverged; a training with a lower --lr",
        )


def load_into(model: nn.Module, state_dict: Mapping[str, torch.Tensor], what: str = "checkpoint") -> str:
    """Load every tensor or nothing.

    Returns:
        A line such as "684 of 684 tensors".

    Raises:
        WeightsError: naming the missing, unknown and misshapen tensors, or those with numbers that are none.
    """
    count = check_fit(model, state_dict, what)
    model.load_state_dict(without_prefix(state_dict))
    return f"{count} of {count} tensors"


def check_fit(model: nn.Module, state_dict: Mapping[str, torch.Tensor], what: str = "checkpoint") -> int:
    """How many tensors a network has, all of which must be there, and no others.

    Raises:
        WeightsError: naming the missing, unknown and misshapen tensors, or those with numbers that are none.
    """
    own = model.state_dict()
    state_dict = without_prefix(state_dict)
    missing = [k for k in own if k not in state_dict]
    unknown = [k for k in state_dict if k not in own]
    shaped = [
        f"{k} {tuple(state_dict[k].shape)} for {tuple(own[k].shape)}"
        for k in own
        if k in state_dict and state_dict[k].shape != own[k].shape
    ]
    if missing or unknown or shaped:
        faults = [f"{len(v)} {name}: {', '.join(v[:3])}{', ...' if len(v) > 3 else ''}"
                  for name, v in (("missing", missing), ("unknown", unknown), ("of another shape", shaped)) if v]  # fmt: skip
        raise WeightsError(
            f"a {what} with the {len(own)} tensors of this network",
            "\n".join([f"{len(own) - len(missing) - len(shaped)} of {len(own)} fit", *faults]),
            "give the options the file was trained with (--arch, --stacks, --blocks, --width, number of joints)",
        )
    check_finite(state_dict, what)
    return len(own)


def hourglass_numbers(state_dict: Mapping[str, torch.Tensor]) -> dict[str, int]:
    """Stacks, blocks, width, depth and joints of a stacked hourglass, read off its tensors.

    Raises:
        WeightsError: when the tensors are not a stacked hourglass.
    """
    try:
        return {
            "num_joints": len(state_dict["score.0.weight"]),
            "num_stacks": _count(state_dict, r"score\.(\d+)\.weight"),
            "num_blocks": _count(state_dict, r"res\.0\.(\d+)\.conv1\.weight"),
            "width": len(state_dict["layer2.0.conv1.weight"]),
            "depth": _count(state_dict, r"hg\.0\.hg\.(\d+)\.0\.0\.conv1\.weight"),
        }
    except KeyError as error:
        raise WeightsError(
            "the tensors of a stacked hourglass", f"no {error.args[0]!r} among {len(state_dict)} tensors"
        ) from error
    except TypeError as error:  # the length of a tensor without dimensions
        raise WeightsError("the tensors of a stacked hourglass", f"tensors of other shapes ({error})") from error


def build_from(state_dict: Mapping[str, torch.Tensor], arch: str = "hg") -> nn.Module:
    """The network a state dict was saved from, with its weights, in eval mode."""
    state_dict = without_prefix(state_dict)
    numbers = hourglass_numbers(state_dict)
    if arch == "hg_multitask":
        numbers["num_parts"] = len(state_dict["score_seg.0.weight"])
    model = build_model(arch, **numbers)
    load_into(model, state_dict)
    return model.eval()


def _hourglass_dark(state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
    return _built("hg_dark", hourglass_numbers(state_dict), state_dict, num_joints)


def _family(file: Any) -> Callable[[Mapping[str, torch.Tensor], int | None], nn.Module]:
    """Reader of a family: its module names the network and its options (`numbers_of`), and renames the tensors (`to_our_keys`)."""

    def read_published(state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
        arch, numbers = file.numbers_of(state_dict)
        to_our_keys = getattr(file, "to_our_keys", dict)
        return _built(arch, numbers, to_our_keys(state_dict), num_joints)

    return read_published


def to_our_names(arch: str, state_dict: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A published state dict of a network of the table under our names of its tensors, with what its files may lack.

    Names that are ours already stay as they are.
    """
    files = {"hg_princeton": hourglass_princeton.to_our_keys, "hourglass": hourglass_mmpose.to_our_keys}
    files |= {"mspn": mspn.to_our_keys, "rsn": rsn.to_our_keys, "omnipose": omnipose.with_filters}
    rename = next((rename for start, rename in files.items() if arch.startswith(start)), dict)
    return rename(without_prefix(state_dict))


def _built(arch: str, numbers: dict, state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
    if num_joints not in (None, numbers["num_joints"]):
        raise WeightsError(f"a network of {num_joints} joints", f"one of {numbers['num_joints']}")
    model = build_model(arch, **numbers)
    load_into(model, state_dict, f"published {arch}")
    return model.eval()


def _udp(file: Any) -> Callable[[Mapping[str, torch.Tensor], int | None], nn.Module]:
    """Reader of a family whose networks may hold three maps a joint: one that says where it is, and two of offsets."""

    def read_published(state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
        arch, numbers = file.numbers_of(state_dict)
        maps = numbers["num_joints"]
        return _built(arch, numbers, state_dict, maps if num_joints in (maps, maps / 3) else num_joints)

    return read_published


def _caffe(state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
    arch, numbers = simple_baseline.numbers_of(state_dict)
    return _built(arch, {**numbers, "caffe": True}, state_dict, num_joints)


def _omnipose(state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
    arch, numbers = omnipose.numbers_of(state_dict)
    return _built(arch, numbers, omnipose.with_filters(state_dict), num_joints)


def _waspv2(state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
    model = omnipose.empty_waspv2(state_dict)
    if num_joints not in (None, model.num_joints):
        raise WeightsError(f"a module of {num_joints} joints", f"one of {model.num_joints}")
    load_into(model, state_dict, "published WASPv2")
    return model.eval()


def _hourglass(state_dict: Mapping[str, torch.Tensor], num_joints: int | None) -> nn.Module:
    found = hourglass_numbers(state_dict)["num_joints"]
    if num_joints not in (None, found):
        raise WeightsError(f"a network of {num_joints} joints", f"one of {found}")
    return build_from(state_dict, "hg_multitask" if "score_seg.0.weight" in state_dict else "hg")


# published implementations, by the beginning of the name
PUBLISHED: dict[str, Callable[[Mapping[str, torch.Tensor], int | None], nn.Module]] = {
    "hourglass_ccssl": _hourglass,
    "hg_bearpaw": _hourglass,
    "dark_hourglass": _hourglass_dark,
    "hg_princeton": _family(hourglass_princeton),
    "hourglass52": _family(hourglass_mmpose),
    "hourglass104": _family(hourglass_mmpose),
    "cpn": _family(cpn),
    "mspn": _family(mspn),
    "rsn": _family(rsn),
    "sb_pose_resnet": _family(simple_baseline),
    "udp_pose_resnet": _udp(simple_baseline),
    "hrnet_w": _family(hrnet),
    "udp_hrnet_w": _udp(hrnet),
    "lpn": _family(lpn),
    "omnipose_w": _omnipose,
    "omnipose_waspv2": _waspv2,
}
# of these, networks that have "caffe" in their name stride elsewhere, which no tensor tells
_CAFFE = {"sb_pose_resnet": _caffe}
# of these a name that ends in an input size (mspn2_256x192) stands for the published code's own answer: its last maps alone
_ANSWERS_AT_A_SIZE = ("cpn", "mspn", "rsn")


def load_published(name: str, state_dict: Mapping[str, torch.Tensor], num_joints: int | None = None) -> nn.Module:
    """Network of a published implementation from its own state dict, loaded strictly, in eval mode.

    Args:
        name: which implementation, e.g. "hourglass_ccssl_s4b1_j18" (what follows the family's name is read off the tensors; what
            no tensor tells is read off the name: "caffe" in that of a SimpleBaseline).
        state_dict: published keys, with or without `module.`. OmniPose's fixed Gaussian filters may be missing.
        num_joints: checked against the tensors when given (of UDP's networks three maps a joint are right too).

    Returns:
        A model whose forward gives a flat list of outputs in the published order. "omnipose_waspv2" is a module alone, of two
        inputs. CPN, MSPN and RSN under a name that ends in an input size ("mspn2_256x192") give what the published code answers
        with, the last maps alone; `answer_only` of the model switches between the two.

    Raises:
        WeightsError: an unknown name, or tensors that do not fit.
    """
    family = next((f for f in sorted(PUBLISHED, key=len, reverse=True) if name.startswith(f)), None)
    if family is None:
        raise WeightsError(f"a published network out of {', '.join(PUBLISHED)}", repr(name))
    reader = _CAFFE.get(family, PUBLISHED[family]) if "caffe" in name else PUBLISHED[family]
    model = reader(without_prefix(state_dict), num_joints)
    if family in _ANSWERS_AT_A_SIZE and re.search(r"_\d+x\d+$", name):
        model.answer_only = True
    return model


def _count(state_dict: Mapping[str, torch.Tensor], pattern: str) -> int:
    found = {int(m.group(1)) for k in state_dict if (m := re.fullmatch(pattern, k))}
    if not found or found != set(range(len(found))):
        raise KeyError(pattern)
    return len(found)
