"""Networks of published implementations, built from the tensors of their own checkpoints."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor, nn

from ...errors import WeightsError
from ..models import (
    PoseNetwork,
    build_model,
    cpn,
    hourglass_mmpose,
    hourglass_princeton,
    hrnet,
    lpn,
    mspn,
    multi_stage_keys,
    omnipose,
    rsn,
    simple_baseline,
    waterfall,
)
from .state_dict import load_into, without_prefix

StateDict = Mapping[str, Tensor]
Reader = Callable[[StateDict, int | None], nn.Module]


def hourglass_numbers(state_dict: StateDict) -> dict[str, int]:
    """Options of the builder of a stacked hourglass, read from its tensors: stacks, blocks, width, depth and joints.

    Raises:
        WeightsError: the tensors are not those of a stacked hourglass.
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


def build_from(state_dict: StateDict, arch: str = "hg") -> PoseNetwork:
    """Build the stacked hourglass that a state dict was saved from, and load its weights.

    Args:
        state_dict: with or without the prefix `module.`.
        arch: `hg` or `hg_multitask`.

    Returns:
        The network in eval mode.

    Raises:
        WeightsError: the tensors are not those of such a network.
    """
    state_dict = without_prefix(state_dict)
    numbers = hourglass_numbers(state_dict)
    if arch == "hg_multitask":
        numbers["num_parts"] = len(state_dict["score_seg.0.weight"])
    model = build_model(arch, **numbers)
    load_into(model, state_dict)
    return model.eval()


def to_our_names(arch: str, state_dict: StateDict) -> dict[str, Tensor]:
    """Rename the tensors of a published state dict to the names of this project, and add the constant filters it may lack.

    Args:
        arch: name of a network in `MODELS`.
        state_dict: published names, or names of this project, which stay as they are.
    """
    renamers: dict[str, Callable[[StateDict], dict[str, Tensor]]] = {
        "hg_princeton": hourglass_princeton.to_our_keys,
        "hourglass": hourglass_mmpose.to_our_keys,
        "mspn": multi_stage_keys.to_our_keys,
        "rsn": multi_stage_keys.to_our_keys,
        "omnipose": omnipose.with_filters,
    }
    rename = next((rename for start, rename in renamers.items() if arch.startswith(start)), dict)
    return rename(without_prefix(state_dict))


def _load(arch: str, numbers: Mapping[str, Any], state_dict: StateDict, num_joints: int | None) -> PoseNetwork:
    if num_joints not in (None, numbers["num_joints"]):
        raise WeightsError(f"a network of {num_joints} joints", f"one of {numbers['num_joints']}")
    model = build_model(arch, **numbers)
    load_into(model, state_dict, f"published {arch}")
    return model.eval()


def _reader(
    identify: Callable[[StateDict], tuple[str, dict[str, Any]]],
    rename: Callable[[StateDict], dict[str, Tensor]] = dict,
    **options: Any,
) -> Reader:
    """Make the reader of a family of networks.

    Args:
        identify: gives the name in `MODELS` and the builder's options, from published tensors.
        rename: gives published tensors the names of this project.
        options: further options of the builder, which no tensor shows.
    """

    def read_published(state_dict: StateDict, num_joints: int | None) -> nn.Module:
        arch, numbers = identify(state_dict)
        return _load(arch, {**numbers, **options}, rename(state_dict), num_joints)

    return read_published


def _udp_reader(identify: Callable[[StateDict], tuple[str, dict[str, Any]]]) -> Reader:
    """Make the reader of a family whose networks may have three maps for a joint: a disc and two offsets (UDP).

    Their number of maps is given to the builder as the number of joints; `num_joints` may count either.
    """

    def read_published(state_dict: StateDict, num_joints: int | None) -> nn.Module:
        arch, numbers = identify(state_dict)
        maps = numbers["num_joints"]
        return _load(arch, numbers, state_dict, maps if num_joints in (maps, maps / 3) else num_joints)

    return read_published


def _read_waspv2(state_dict: StateDict, num_joints: int | None) -> nn.Module:
    model = waterfall.empty_waspv2(state_dict)
    if num_joints not in (None, model.num_joints):
        raise WeightsError(f"a module of {num_joints} joints", f"one of {model.num_joints}")
    load_into(model, state_dict, "published WASPv2")
    return model.eval()


def _read_hourglass(state_dict: StateDict, num_joints: int | None) -> nn.Module:
    count = hourglass_numbers(state_dict)["num_joints"]
    if num_joints not in (None, count):
        raise WeightsError(f"a network of {num_joints} joints", f"one of {count}")
    return build_from(state_dict, "hg_multitask" if "score_seg.0.weight" in state_dict else "hg")


def _read_hourglass_dark(state_dict: StateDict, num_joints: int | None) -> nn.Module:
    return _load("hg_dark", hourglass_numbers(state_dict), state_dict, num_joints)


# readers of the published implementations, by the beginning of the name; the longest beginning counts
PUBLISHED: dict[str, Reader] = {
    "hourglass_ccssl": _read_hourglass,
    "hg_bearpaw": _read_hourglass,
    "dark_hourglass": _read_hourglass_dark,
    "hg_princeton": _reader(hourglass_princeton.identify, hourglass_princeton.to_our_keys),
    "hourglass52": _reader(hourglass_mmpose.identify, hourglass_mmpose.to_our_keys),
    "hourglass104": _reader(hourglass_mmpose.identify, hourglass_mmpose.to_our_keys),
    "cpn": _reader(cpn.identify),
    "mspn": _reader(mspn.identify, multi_stage_keys.to_our_keys),
    "rsn": _reader(rsn.identify, multi_stage_keys.to_our_keys),
    "sb_pose_resnet": _reader(simple_baseline.identify),
    "udp_pose_resnet": _udp_reader(simple_baseline.identify),
    "hrnet_w": _reader(hrnet.identify),
    "udp_hrnet_w": _udp_reader(hrnet.identify),
    "lpn": _reader(lpn.identify),
    "omnipose_w": _reader(omnipose.identify, omnipose.with_filters),
    "omnipose_waspv2": _read_waspv2,
}
# a SimpleBaseline with "caffe" in its name has the stride on another convolution, which no tensor shows
_CAFFE: dict[str, Reader] = {"sb_pose_resnet": _reader(simple_baseline.identify, caffe=True)}
# families whose published code returns only the last maps when it predicts; a name with an input size (mspn2_256x192) asks for that
_LAST_MAPS_ONLY = ("cpn", "mspn", "rsn")


def load_published(name: str, state_dict: StateDict, num_joints: int | None = None) -> nn.Module:
    """Build the network of a published implementation from its own state dict; all tensors must fit.

    Args:
        name: the implementation, such as "hourglass_ccssl_s4b1_j18". The name begins with a key of `PUBLISHED`; the options of the
            network are read from the tensors. The name must say only what no tensor shows: "caffe" in that of a SimpleBaseline.
        state_dict: published keys, with or without `module.`. The constant Gaussian filters of OmniPose may be missing.
        num_joints: K, checked against the tensors where it is given. For UDP's networks 3 K is accepted too.

    Returns:
        The network in eval mode. Its forward returns a flat list of outputs in the published order. "omnipose_waspv2" is a module
        with two inputs, not a network. CPN, MSPN and RSN whose name ends in an input size ("mspn2_256x192") return only the last
        maps, as the published code does when it predicts; the network's attribute `answer_only` switches this.

    Raises:
        WeightsError: an unknown name, or tensors that do not fit.
    """
    family = next((f for f in sorted(PUBLISHED, key=len, reverse=True) if name.startswith(f)), None)
    if family is None:
        raise WeightsError(f"a published network out of {', '.join(PUBLISHED)}", repr(name))
    reader = _CAFFE.get(family, PUBLISHED[family]) if "caffe" in name else PUBLISHED[family]
    model = reader(without_prefix(state_dict), num_joints)
    if isinstance(model, PoseNetwork) and family in _LAST_MAPS_ONLY and re.search(r"_\d+x\d+$", name):
        model.answer_only = True
    return model


def _count(state_dict: StateDict, pattern: str) -> int:
    """How many numbers 0, 1, ... the keys hold where the pattern has its group.

    Raises:
        KeyError: none, or numbers with a gap.
    """
    found = {int(m.group(1)) for k in state_dict if (m := re.fullmatch(pattern, k))}
    if not found or found != set(range(len(found))):
        raise KeyError(pattern)
    return len(found)
