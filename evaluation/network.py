"""From a checkpoint file and the options of a command to a network that is ready to run."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..commandline.flags import size_of, size_text
from ..commandline.limits import flag_of
from ..commandline.parsing import warn_of_idle
from ..datasets.catalogue import SOURCES
from ..datasets.open import original_dataset, partner_pairs
from ..errors import OptionError
from ..pose.checkpoints import Loaded, load
from ..pose.codecs import CODECS
from ..pose.heatmap import SMOOTHED
from ..progress import log
from .box_fill import outcome_of
from .options import DataOptions, DecodingOptions, JointOptions, LoadingOptions, NetworkUseOptions, SpeciesOptions


def compute_device(accelerator: str) -> torch.device:
    """The device that --accelerator means.

    Raises:
        OptionError: the machine has no such device.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise OptionError("a CUDA device", "none that torch can use", "--accelerator cpu")
    return torch.device("cpu" if accelerator == "cpu" or not torch.cuda.is_available() else "cuda")


def load_network(
    path: str, trained_on: str, options: LoadingOptions, mean: Sequence[float] | np.ndarray | None = None
) -> Loaded:
    """The network of a checkpoint, its maps read as the options say.

    A checkpoint of ours describes itself. Files of the published code do not: their mean colour and the order of their joints
    follow from `trained_on` and --animal.

    Args:
        trained_on: data set name: `real_animal` means TigDog's own mean and, for tigers, the joint order of its files
            (ccssl section 1); any other name the mean of the renderings.
        options: --partners, where it names the network's joints, takes the place of the checkpoint's pairs.
        mean: (3,) RGB mean in place of that, from a data set that knows its own.

    Raises:
        WeightsError: a file that cannot be read, or is no network.
        OptionError: no such data set; or a file of the published code, and no mean is known for the species.
    """
    check_trained_on(trained_on)

    def original_mean() -> Sequence[float]:
        found = mean_of(trained_on, options, path) if mean is None else mean
        return [float(value) for value in found]

    loaded = load(path, original_mean, joint_order(trained_on, options), joint_names(options.joints))
    if outcome := outcome_of(loaded.state):
        log.warning("%s is the end of a run that was stopped: %s", path, outcome)
    pairs = partner_pairs(options.partners)
    if pairs and all(name in loaded.skeleton.joints for pair in pairs for name in pair):
        loaded.skeleton = loaded.skeleton.with_partners(pairs)
    return read_as(loaded, options)


def read_as(network: Loaded, options: DecodingOptions) -> Loaded:
    """The network with its maps read as --blur-kernel, --shift-heatmap and --joint-bias say, where they are given.

    Raises:
        OptionError: an even number of taps, or taps for a reading that does not smooth.
    """
    spec, taps = network.spec, options.blur_kernel
    kind = spec.decoder or CODECS[spec.codec].decoding
    if taps and (taps % 2 == 0 or kind not in SMOOTHED):
        raise OptionError(
            f"--blur-kernel of an odd number, for maps that are smoothed before they are read ({', '.join(SMOOTHED)})",
            f"--blur-kernel {taps} for maps read by {kind}",
            f"--blur-kernel {taps + 1}" if kind in SMOOTHED else "leave --blur-kernel out",
        )
    if taps:
        spec = replace(spec, decoder_taps=taps)
    if options.shift_heatmap is not None:
        spec = replace(spec, flip_shift=options.shift_heatmap)
    if options.joint_bias:
        spec = replace(spec, bias_px=options.joint_bias)
    return replace(network, spec=spec)


def warn_of_other_network(options: DataOptions, network: Loaded) -> None:
    """One line for every option of a network, given on the command line, that the network of a checkpoint does not have.

    Args:
        options: of a command with options named after the network's numbers (--stacks, --inp-res, ...); others are no matter.
    """
    spec = network.spec
    facts: dict[str, Any] = {
        name.removeprefix("num_"): number for name, number in network.numbers.items() if name != "adapter"
    }
    facts |= {"inp_res": size_of(size_text(spec.size_hw)), "out_res": size_of(size_text(spec.heatmap_hw))}
    facts |= {"codec": spec.codec, "arch": network.arch}
    for name, fact in facts.items():
        value = getattr(options, name, None)
        if value not in (fact, getattr(type(options), name, None)):
            log.warning("%s %s is not used: the network of the checkpoint has %s", flag_of(name), value, fact)


def warn_of_reading(options: NetworkUseOptions) -> None:
    """Say which options of mirrored pictures do nothing."""
    unmirrored = "without --flip: no picture is mirrored"
    idle = not options.flip
    warn_of_idle(options, [(name, lambda _: idle, unmirrored) for name in ("shift_heatmap", "mirror", "partners")])


def warn_of_own_network(options: DataOptions, network: Loaded) -> None:
    """Say which options about files of the published code do nothing for a checkpoint that says these things itself."""
    reason = "for this checkpoint, which says it itself"
    warn_of_idle(options, [(name, lambda _: "zoopose" in network.state, reason) for name in ("trained_on", "dataset1")])


def check_trained_on(trained_on: str) -> None:
    """Raises OptionError where what a network was trained on is no data set: its mean colour would be guessed."""
    name = trained_on.partition(":")[0]
    if name and name not in SOURCES:
        near = difflib.get_close_matches(name, SOURCES, 1, 0.5)
        expected = (
            f"a data set that the network was trained on, --trained-on or --dataset1 NAME out of {', '.join(SOURCES)}"
        )
        raise OptionError(expected, repr(trained_on), near[0] if near else "")


def mean_of(trained_on: str, options: SpeciesOptions, path: str) -> np.ndarray:
    """(3,) RGB mean that the published code takes off pictures for a network trained on a data set.

    Args:
        path: of the network, for the message.

    Raises:
        OptionError: a species of which it has none.
    """
    published, species = original_dataset(trained_on), options.animal
    known = published.means
    if species not in known:
        raise OptionError(
            f"--animal out of {', '.join(known)}: {path} does not say what it was trained on, "
            "and the mean colour of those pictures is taken off every picture",
            repr(species),
            f"--animal {difflib.get_close_matches(species, known, 1, 0)[0]}",
        )
    return published.mean_of(options.image_path, species)


def joint_order(trained_on: str, options: SpeciesOptions) -> tuple[int, ...] | None:
    """(18,) joint of each channel of a published network trained on a data set: TigDog's tigers have an order of their own."""
    order = original_dataset(trained_on).joint_order(options.animal)
    return None if order is None else tuple(map(int, order))


def joint_names(text: str) -> list[str] | None:
    """The names of --joints: with commas, or a FILE with one a line; None for an empty text.

    Raises:
        OptionError: an empty name, or one twice.
    """
    if not text:
        return None
    path = Path(text).expanduser()
    if "," not in text and path.is_file():
        try:
            lines = path.read_text(encoding="utf-8-sig").replace(",", "\n").splitlines()
        except UnicodeDecodeError as error:
            raise OptionError("--joints FILE, a text with a name a line", f"{path}: {error.reason}") from error
        names = [line.strip() for line in lines if line.strip()]
    else:
        names = [name.strip() for name in text.split(",")]
    if not names or not all(names) or len(set(names)) != len(names):
        raise OptionError("--joints with names that are all different, NAME,NAME,... or a FILE", repr(text))
    return names


def refuse_joints(options: JointOptions) -> None:
    """Refuse --joints where no checkpoint is read whose joints it could name.

    Raises:
        OptionError: --joints is given.
    """
    if options.joints:
        found = f"--joints {options.joints} without a checkpoint"
        raise OptionError("--joints beside a checkpoint that does not name its joints", found, "leave --joints out")
