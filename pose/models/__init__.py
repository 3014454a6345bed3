"""The networks, by name. Each maps pictures (B, 3, H, W) to a list of joint maps (B, K, h, w), one or more for each stage."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable
from typing import Any

from ...errors import OptionError
from .cpn import cpn50, cpn101
from .hourglass import hg, hg_dark, hg_multitask
from .hourglass_mmpose import hourglass52, hourglass104
from .hourglass_princeton import hg_princeton
from .hrnet import hrnet_w32, hrnet_w48, udp_hrnet_w32, udp_hrnet_w48
from .lpn import lpn50, lpn101, lpn152
from .mspn import mspn1, mspn2, mspn3, mspn4
from .network import PoseNetwork as PoseNetwork
from .omnipose import omnipose_w48
from .rsn import rsn18, rsn50, rsn_res18
from .simple_baseline import sb_pose_resnet18, sb_pose_resnet34, sb_pose_resnet50, sb_pose_resnet101, sb_pose_resnet152
from .trunk_network import TrunkNetwork as TrunkNetwork
from .trunk_network import builder_for, deconv_lite0, deconv_lite2, fpn_lite0, fpn_lite2
from .trunk_network import is_trunk_network as is_trunk_network

MODELS: dict[str, Callable[..., PoseNetwork]] = {
    "hg": hg,
    "hg_multitask": hg_multitask,
    "hg_dark": hg_dark,
    "hg_princeton": hg_princeton,
    "hourglass52": hourglass52,
    "hourglass104": hourglass104,
    "sb_pose_resnet18": sb_pose_resnet18,
    "sb_pose_resnet34": sb_pose_resnet34,
    "sb_pose_resnet50": sb_pose_resnet50,
    "sb_pose_resnet101": sb_pose_resnet101,
    "sb_pose_resnet152": sb_pose_resnet152,
    "hrnet_w32": hrnet_w32,
    "hrnet_w48": hrnet_w48,
    "udp_hrnet_w32": udp_hrnet_w32,
    "udp_hrnet_w48": udp_hrnet_w48,
    "lpn50": lpn50,
    "lpn101": lpn101,
    "lpn152": lpn152,
    "omnipose_w48": omnipose_w48,
    "cpn50": cpn50,
    "cpn101": cpn101,
    "mspn1": mspn1,
    "mspn2": mspn2,
    "mspn3": mspn3,
    "mspn4": mspn4,
    "rsn18": rsn18,
    "rsn50": rsn50,
    "rsn_res18": rsn_res18,
    "fpn_lite0": fpn_lite0,
    "fpn_lite2": fpn_lite2,
    "deconv_lite0": deconv_lite0,
    "deconv_lite2": deconv_lite2,
}


def is_network(name: str) -> bool:
    """Whether a name is in `MODELS`, or that of a head and another trunk: `fpn_<trunk>`, `deconv_<trunk>`."""
    return name in MODELS or is_trunk_network(name)


def _builder(name: str) -> Callable[..., PoseNetwork]:
    return MODELS.get(name) or builder_for(name)


def build_model(name: str, num_joints: int, adapter: int = 0, maps_per_joint: int = 1, **options: Any) -> PoseNetwork:
    """Build a network, with fresh weights.

    Args:
        name: key of `MODELS`, or `fpn_<trunk>`, `deconv_<trunk>` with a trunk of `pose.trunks`.
        num_joints: K.
        adapter: residual bottlenecks of an adaptation network behind the last feature map (WS-CDA); 0: none.
        maps_per_joint: M. The network has K x M maps; those of one joint follow each other.
        options: of the builder, see `options_of`.

    Raises:
        OptionError: an unknown name, or options that the network does not have or cannot be built with.
        WeightsError: a network of timm, which is not installed.
    """
    known = options_of(name)
    unknown = set(options) - set(known)
    if unknown:
        raise OptionError(f"options of {name}: {', '.join(sorted(known)) or 'none'}", ", ".join(sorted(unknown)))
    try:
        network = _builder(name)(num_joints * maps_per_joint, **options)
        if adapter:
            network.add_adapter(adapter)
        return network
    except ValueError as error:
        raise OptionError(f"numbers that {name} can be built with", str(error)) from error


_FLAGS = {"true": True, "false": False}


def option_text(value: Any) -> str:
    """The value of an option as text that `parse_options` reads."""
    if isinstance(value, tuple):
        return "/".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def options_of(name: str) -> dict[str, Any]:
    """The options of a network's builder, with their defaults.

    Raises:
        OptionError: an unknown name.
    """
    if not is_network(name):
        near = difflib.get_close_matches(name, MODELS, 1)
        raise OptionError(
            f"a network out of {', '.join(MODELS)}, fpn_TRUNK, deconv_TRUNK",
            f"{name!r}",
            f"--arch {near[0] if near else next(iter(MODELS))}",
        )
    parameters = list(inspect.signature(_builder(name)).parameters.values())[1:]
    return {p.name: p.default for p in parameters}


def parse_options(name: str, text: str) -> dict[str, Any]:
    """Read options of a network from a text `NAME=VALUE,NAME=VALUE,...`.

    Each value has the type of the option's default; several numbers are written as `256/256/256`.

    Raises:
        OptionError: an unknown option, or a value of another type.
    """
    known = options_of(name)
    found: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        key, _, value = (word.strip() for word in part.partition("="))
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            raise OptionError(
                f"options of {name}: {', '.join(known) or 'none'}",
                repr(part),
                f"--arch-options {near[0]}=..." if near else "leave --arch-options out",
            )
        default = known[key]
        try:
            if isinstance(default, tuple):
                found[key] = tuple(type(default[0])(word) for word in value.split("/"))
            else:
                found[key] = _FLAGS[value.lower()] if isinstance(default, bool) else type(default)(value)
        except (KeyError, ValueError) as error:
            example = f"{key}={option_text(default)}"
            raise OptionError(f"{key} like its default, {example}", repr(part), f"--arch-options {example}") from error
    return found
