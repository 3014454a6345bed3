"""Which network a training takes if --arch does not say: `hg` for published data, a small pre-trained one for data of one's own."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeVar

from ..commandline.limits import flag_of
from ..commandline.parsing import given
from ..datasets.catalogue import SOURCES
from ..evaluation.run_folder import RunFolder
from ..pose import weights
from ..pose.checkpoints import Loaded
from ..pose.geometry import hw_of
from ..pose.trunks import describe, is_trunk
from ..progress import log
from .option_parts import NetworkOptions
from .options import HOURGLASS, TrainOptions

PUBLISHED = "hg"  # of the published command lines
OWN, OWN_SIDE, OWN_MULTIPLE = "fpn_lite0", 128, 32  # network, side of its input and what it is a multiple of, px
HEADS = ("fpn", "deconv")
# of the trainings that docs/networks.md lists
OWN_OPTIMISER, OWN_BATCH = {"solver": "adam", "lr": 1e-3, "decay": "cosine"}, 16
N = TypeVar("N", bound=NetworkOptions)


def with_network(options: N, data: str, exact: bool = True) -> N:
    """The options with a name of a network, if --arch leaves it open, and with the side of its input.

    `--trunk NAME` alone stands for `--arch fpn_NAME`, and `--arch fpn --trunk NAME` likewise. Otherwise data of one's own get a
    small network with a trunk that has seen ImageNet; published data, options of an hourglass and published crops get `hg`.

    Args:
        data: NAME[:PATH] of the labelled data.
        exact: the network takes exact crops.
    """
    arch, trunk = options.arch, options.trunk
    named = trunk if is_trunk(trunk) else ""
    if arch in HEADS:
        return replace(options, arch=f"{arch}_{named or 'lite0'}", trunk="" if named else trunk)
    if arch:
        return options
    if named:
        return replace(options, arch=f"fpn_{named}", trunk="")
    hourglass = any(given(options, flag) for flag in (*HOURGLASS.values(), "arch_options")) or trunk not in ("", "none")
    own = SOURCES[data.partition(":")[0]].own if data.partition(":")[0] in SOURCES else False
    fits = all(side % OWN_MULTIPLE == 0 for side in hw_of(options.inp_res or OWN_SIDE))
    if own and exact and fits and not hourglass:
        return replace(options, arch=OWN, inp_res=options.inp_res or _side(options))
    return replace(options, arch=PUBLISHED)


def with_optimiser(options: TrainOptions) -> TrainOptions:
    """The options with the optimiser that the default network for data of one's own was measured with.

    Options that are given stay. So do those of a run that the folder holds with another network (an older run, with `hg`).
    """
    if options.arch or options.recipe or options.resume or options.init_weights:
        return options
    if with_network(options, options.dataset, options.augment != "published").arch != OWN:
        return options
    kept = RunFolder(options.checkpoint).resumable(RunFolder.LAST_OF_TRAINING)
    if kept and not options.restart and weights.read(kept).get("arch") != OWN:
        return options
    changed: dict[str, Any] = {}
    if not any(
        given(options, name) for name in ("solver", "lr", "decay", "schedule", "warmup", "iterations", "stages")
    ):
        changed = OWN_OPTIMISER
    if not given(options, "train_batch"):
        changed = {**changed, "train_batch": OWN_BATCH}
    if changed:
        log.info("defaults of %s: %s", OWN, " ".join(f"{flag_of(k)} {v}" for k, v in changed.items()))
    return replace(options, **changed)


def _side(options: NetworkOptions) -> int | tuple[int, int]:
    """Side of the input if --inp-res leaves it open: that which --out-res asks for."""
    if not options.out_res:
        return OWN_SIDE
    h, w = hw_of(options.out_res)
    return (4 * h, 4 * w)


def why(options: NetworkOptions, arch: str) -> str:
    """Why a run has this network, for log, run.json and report.

    Args:
        options: as they were given.
        arch: of the network that the run has.
    """
    if options.arch:
        return "named by --arch"
    if options.trunk and is_trunk(options.trunk):
        return f"the feature pyramid on --trunk {options.trunk}"
    if arch == OWN:
        # PCK@0.05 of the box of networks trained on horses, means and settings: docs/networks.md
        return (
            "the default for data of your own: the best small network that was measured; --arch hg takes the hourglass"
        )
    return "the default for published data, and with options of an hourglass"


def network_facts(options: NetworkOptions, network: Loaded) -> dict[str, Any]:
    """What a run's network is, why it has this one, and what was loaded into its trunk, for run.json.

    Args:
        options: as they were given.
    """
    facts = {"arch": network.arch, "input": network.spec.describe(), "why": network.note or why(options, network.arch)}
    return facts | ({"trunk": network.trunk} if network.trunk else {})


def network_lines(options: NetworkOptions, network: Loaded) -> dict[str, str]:
    """The same for the report, a line each."""
    facts = network_facts(options, network)
    lines = {"input": facts["input"], "network": f"{facts['arch']}: {facts['why']}"}
    return lines | ({"trunk": describe(network.trunk)} if network.trunk else {})
