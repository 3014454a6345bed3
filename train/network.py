"""A network with fresh weights, and its input, as the options ask for them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ..commandline.flags import size_of, size_text
from ..commandline.limits import flag_of
from ..errors import OptionError
from ..pose.checkpoints import Loaded
from ..pose.fresh_weights import FreshWeights
from ..pose.geometry import hw_of
from ..pose.input_spec import IMAGENET_MEAN, IMAGENET_STD, InputSpec, depth_for
from ..pose.models import PoseNetwork, TrunkNetwork, build_model, is_trunk_network, options_of, parse_options
from ..pose.skeleton import Skeleton
from ..pose.trunks import Three
from .option_parts import NetworkOptions
from .options import HOURGLASS, TrainOptions
from .trunk import load_trunk

SIDE = 256  # of the input, px, where nothing else is asked for


def fresh_start(
    options: NetworkOptions, skeleton: Skeleton, spec: InputSpec, fresh: FreshWeights, adapter: int = 0
) -> Loaded:
    """A new network, with pre-trained weights in its trunk where the options ask for them, and with all that describes it.

    Args:
        options: with the name of a network, see `default_network.with_network`.
        adapter: as in `build_model`.

    Raises:
        OptionError: numbers that the network has not, or an input it cannot take.
        WeightsError: weights of a trunk that are not there, or do not fit it; then none are loaded.
    """
    network, numbers = new_network(options, skeleton, spec, fresh, adapter)
    return Loaded(network, options.arch, numbers, skeleton, spec, {}, trunk=load_trunk(network, options))


def new_network(
    options: NetworkOptions, skeleton: Skeleton, spec: InputSpec, fresh: FreshWeights, adapter: int = 0
) -> tuple[PoseNetwork, dict[str, int]]:
    """A network with fresh weights, and the numbers it was built with; arguments as of `fresh_start`.

    Raises:
        OptionError: numbers that the network has not, or an input it cannot take.
    """
    numbers = _numbers(options, spec)
    if adapter:
        numbers["adapter"] = adapter
    with fresh.drawing():
        network = build_model(options.arch, len(skeleton), **numbers)
    check_input(network, options.arch, numbers, spec)
    return network, numbers


def refuse_new_network(options: NetworkOptions, start: str) -> None:
    """Refuse options of a new network together with `start`, a checkpoint whose network is taken as it is.

    Raises:
        OptionError: --trunk or --arch-options.
    """
    from_recipe = isinstance(options, TrainOptions) and bool(options.recipe)
    given = {"trunk": options.trunk, "arch_options": "" if from_recipe else options.arch_options}
    for name, value in given.items():
        if value:
            raise OptionError(
                "a new network",
                f"{flag_of(name)} together with {start}, a network as it is",
                f"leave {flag_of(name)} out, or {start}",
            )


def with_sigma(network: Loaded, options: NetworkOptions) -> Loaded:
    """The network with the width of peaks that it goes on with: that of --sigma, where it is given."""
    return replace(network, spec=replace(network.spec, sigma=options.sigma or network.spec.sigma))


def check_input(network: nn.Module, arch: str, numbers: Mapping[str, Any], spec: InputSpec) -> None:
    """Refuse an input that a network cannot halve as often as it does.

    Raises:
        OptionError: naming sizes that it takes.
    """
    assert isinstance(network, PoseNetwork)  # every network of the table is one
    multiple = network.input_multiple
    if any(side % multiple for side in spec.size_hw):
        best = tuple(max(1, round(side / multiple)) * multiple for side in spec.size_hw)
        remedy = f"--inp-res {size_text(best)}"
        if "depth" in numbers:
            remedy += f", or --depth {depth_for(spec.heatmap_hw)}"
        raise OptionError(
            f"input sides that are multiples of {multiple} px for {arch}",
            f"{size_text(spec.size_hw)} px",
            remedy,
        )


def check_batch(network: nn.Module, pictures: int, spec: InputSpec) -> None:
    """Refuse batches of one picture for a network whose inmost maps are one cell wide: batch norm cannot train on one value.

    The shapes alone are run through a copy on torch's meta device; nothing is computed and the network is not touched.

    Raises:
        OptionError: naming what can be changed.
    """
    if pictures > 1:
        return
    shadow = copy.deepcopy(network).to("meta").train()
    try:
        shadow(torch.zeros(pictures, 3, *spec.size_hw, device="meta"))
    except ValueError as error:
        raise one_value_error(spec) if ONE_VALUE in str(error) else error from error


ONE_VALUE = "Expected more than 1 value per channel"  # torch, of a batch norm in training


def one_value_error(spec: InputSpec) -> OptionError:
    """The error of a batch norm that gets one value."""
    return OptionError(
        "two pictures or more in every batch, or maps of more than one cell inside the network: batch norm needs two values",
        f"a batch of one picture of {size_text(spec.size_hw)} px",
        "--train-batch 2 or more, a larger --inp-res, or a smaller --depth",
    )


def _numbers(options: NetworkOptions, spec: InputSpec) -> dict[str, Any]:
    """What the network of --arch is built with, out of the options that it has.

    Raises:
        OptionError: an option of hourglasses for a network that has no such number.
    """
    known = options_of(options.arch)
    numbers, given = {}, parse_options(options.arch, options.arch_options)
    for number, flag in HOURGLASS.items():
        if number in given:
            raise OptionError(f"--{flag} for {number}", f"--arch-options {number}=...", f"--{flag} {given[number]}")
        value = getattr(options, flag)
        if number in known:
            numbers[number] = value
        elif value != getattr(NetworkOptions, flag):
            raise OptionError(
                f"options that {options.arch} has: {', '.join(known) or 'none'}",
                f"--{flag} {value}",
                f"leave --{flag} out, or --arch hg",
            )
    if "depth" in numbers and not numbers["depth"]:
        with torch.device("meta"):
            multiple = build_model(options.arch, 1).input_multiple
        fits = all(side % multiple == 0 for side in spec.size_hw)
        numbers["depth"] = known["depth"] if fits else depth_for(spec.heatmap_hw)
    numbers |= given
    if spec.maps_per_joint != 1:
        numbers["maps_per_joint"] = spec.maps_per_joint
    return numbers


def input_spec(
    options: NetworkOptions, kind: str = "exact", mean: tuple[float, float, float] | None = None
) -> InputSpec:
    """The input of a network that the options ask for.

    Raises:
        OptionError: when --out-res is not what the network makes of --inp-res.
    """
    size = hw_of(options.inp_res or SIDE)
    codec, sigma = options.codec or InputSpec.codec, options.sigma or InputSpec.sigma
    out = hw_of(options.out_res) if options.out_res else (size[0] // 4, size[1] // 4)
    if size != (4 * out[0], 4 * out[1]):
        text = size_text(options.out_res or out)
        raise OptionError(
            "--out-res of a quarter of --inp-res: the network's maps have a quarter of its input's side",
            f"--inp-res {size_text(options.inp_res or SIDE)} --out-res {text}",
            f"--inp-res {size_text(size_of(f'{4 * out[0]}x{4 * out[1]}'))} --out-res {text}, or leave --out-res out",
        )
    if kind == "published":
        if mean is None:
            raise ValueError("published crops subtract a mean")
        return InputSpec("published", size, out, mean, (1.0, 1.0, 1.0), codec=codec, sigma=sigma)
    return InputSpec("exact", size, out, *_normalisation(options.arch), codec=codec, sigma=sigma)


def _normalisation(arch: str) -> tuple[Three, Three]:
    """RGB mean and deviation of values in 0..1 for the input of a new network: those of its trunk, or ImageNet's."""
    with torch.device("meta"):
        network = build_model(arch, 1) if is_trunk_network(arch) else None
    if isinstance(network, TrunkNetwork):
        return network.trunk.mean, network.trunk.std
    return IMAGENET_MEAN, IMAGENET_STD
