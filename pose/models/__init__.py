"""The networks, by name. Every model maps (B, 3, H, W) to a list of stage outputs (B, K, h, w)."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable

from torch import nn

from ...errors import OptionError
from .cpn import cpn50, cpn101
from .hourglass import hg, hg_dark, hg_multitask
from .hourglass_princeton import hg_princeton
from .hrnet import hrnet_w32, hrnet_w48, udp_hrnet_w32, udp_hrnet_w48
from .lpn import lpn50, lpn101, lpn152
from .mspn import mspn1, mspn2, mspn3, mspn4
from .network import PoseNetwork as PoseNetwork
from .omnipose import omnipose_w48
from .rsn import rsn18, rsn50, rsn_res18
from .simple_baseline import (
    sb_pose_resnet18,
    sb_pose_resnet34,
    sb_pose_resnet50,
    sb_pose_resnet101,
    sb_pose_resnet152,
)

MODELS: dict[str, Callable[..., nn.Module]] = {
    "hg": hg,
    "hg_multitask": hg_multitask,
    "hg_dark": hg_dark,
    "hg_princeton": hg_princeton,
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
}


def build_model(name: str, num_joints: int, adapter: int = 0, **options) -> nn.Module:
    """Build a network from the table.

    Args:
        name, num_joints, options: what the builder is called with.
        adapter: residual bottlenecks of an adaptation network on the last feature map (WS-CDA); 0: none.

    Raises:
        OptionError: an unknown name, or an option the network does not have.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, 1)
        raise OptionError(
            f"a network out of {', '.join(MODELS)}", f"{name!r}", f"--arch {near[0] if near else next(iter(MODELS))}"
        )
    builder = MODELS[name]
    known = set(inspect.signature(builder).parameters) - {"num_joints"}
    unknown = set(options) - known
    if unknown:
        raise OptionError(f"options of {name}: {', '.join(sorted(known))}", ", ".join(sorted(unknown)))
    try:
        network = builder(num_joints, **options)
        if adapter:
            network.adapt(adapter)
        return network
    except ValueError as error:
        raise OptionError(f"numbers that {name} can be built with", str(error)) from error
