"""The protocols of CC-SSL: defaults that `--protocol` gives to other options, what it refuses, and the network input."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from typing import Any

from ..commandline.parsing import warn_of_idle
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..pose.checkpoints import Loaded
from ..pose.fresh_weights import FreshWeights
from ..progress import log
from ..train.default_network import with_network
from ..train.feeds.labelled import original_mean
from ..train.network import fresh_start, input_spec
from ..train.options import FitOptions
from ..train.run_state import Run
from ..train.selftraining.config import SelfTrainingConfig
from .base_step import Admission
from .online.config import IDLE as IDLE_ONLINE
from .online.config import with_online_defaults
from .online.presets import with_method
from .options import CcsslOptions

ROUNDS = 6  # of labelling, whatever the number of epochs; the published code makes 6 in 60 epochs
ROUND_EPOCHS = 10  # epochs between two labellings of the published protocol, whatever the number of epochs
# Values of options that are not given or are "auto".
PRESETS: dict[str, dict[str, Any]] = {
    "zoopose": {
        "source_augment": "strong",
        "target_augment": "strong",
        "view_rotation": 20.0,
        "per": "frame",
        "share_first": 0.15,
        "share_last": 0.5,
        "select": "selfcheck",
    },
    "published": {
        "source_augment": "strong",
        "target_augment": "standard",
        "view_rotation": 30.0,
        "per": "global",
        "share_first": 0.2,
        "share_last": 0.8,
        "select": "source",
    },
}
# Options of CC-SSL that the published protocol accepts. Flags that switch off what it does not have are among them.
PUBLISHED = frozenset(
    "source target target_classes target_labels valid resume num_epochs steps refresh gamma_ source_augment target_augment "
    "views view_rotation view_scale no_view_flip no_invariance flow share_first share_last per select_on_target checkpoint "
    "train_batch protocol score_labels select patience no_guard".split()
)

# Options without effect in combination with others, see `train.no_effect`.
IDLE: tuple[tuple[str, Callable[[CcsslOptions], bool], str], ...] = (
    ("raft_weights", lambda o: o.flow != "raft", "without --flow raft"),
    *(
        (name, lambda o: o.views == 0, "with --views 0")
        for name in ("view_rotation", "view_scale", "no_view_flip", "no_invariance")
    ),
    ("select", lambda o: bool(o.select_on_target), "with --select-on-target"),
    *IDLE_ONLINE,
)


def with_defaults(options: CcsslOptions) -> CcsslOptions:
    """The options with the defaults of their protocol.

    Raises:
        OptionError: the published protocol does not accept an option; no such --method.
    """
    options = with_method(options)
    warn_of_idle(options, IDLE)
    preset = PRESETS[options.protocol]
    options = replace(options, **{k: v for k, v in preset.items() if getattr(options, k) in (None, "auto")})
    if options.protocol == "published":
        _refuse(options)
        if options.schedule == FitOptions.schedule:
            # the default schedule is that of supervised training; the published adaptation has a constant rate
            options = replace(options, schedule=())
    if options.no_source and not options.online:
        raise OptionError("--online with --no-source", "--no-source alone", "--online --no-source")
    return with_online_defaults(options) if options.online else options


def _refuse(options: CcsslOptions) -> None:
    """Refuse options that the published protocol does not accept."""
    of_every_training = {f.name for f in fields(FitOptions)} - {"hidden"}
    for f in fields(options):
        if f.name in PUBLISHED | of_every_training | set(options.DEAD_FLAGS):
            continue
        default = f.default_factory() if f.default_factory is not MISSING else f.default
        if getattr(options, f.name) != default:
            flag = f.name.replace("_", "-").rstrip("-")
            raise OptionError(
                "options that --protocol published accepts",
                f"--{flag} {getattr(options, f.name)}",
                f"leave --{flag} out, or use --protocol zoopose",
            )
    if options.per == "frame":
        found = "--per frame"
        raise OptionError(
            "--per joint or global with --protocol published", found, "--protocol zoopose accepts all three"
        )
    if options.flow not in ("lk", "none"):
        found = f"--flow {options.flow}"
        raise OptionError("--flow lk or none with --protocol published", found, "--protocol zoopose accepts all flows")


def refresh_of(options: CcsslOptions) -> int:
    """Epochs between two labellings."""
    if options.protocol == "published":
        return options.refresh or ROUND_EPOCHS
    return options.refresh or math.ceil(options.num_epochs / ROUNDS)


def admission_of(options: CcsslOptions) -> Admission:
    """Which labels a round admits.

    Args:
        options: with the defaults of the protocol.
    """
    assert options.share_first is not None and options.share_last is not None
    return Admission(options.share_first, options.share_last, options.per, options.check_limit)


def view_rotation_of(options: CcsslOptions) -> float:
    """Standard deviation of the views' turn, degrees.

    Args:
        options: with the defaults of the protocol.
    """
    assert options.view_rotation is not None
    return options.view_rotation


def self_training_config(options: CcsslOptions, run: Run, loss: str, steps: int) -> SelfTrainingConfig:
    """Rounds, weight of the target's loss, and length of an epoch.

    Args:
        run: whose folder gets the labels.
        loss: name of the loss.
        steps: batches of an epoch; 0: one pass through the larger set.
    """
    refresh = refresh_of(options)
    rounds = math.ceil(options.num_epochs / refresh)
    return SelfTrainingConfig(run.folder, rounds, refresh, gamma_of(options, loss), steps)


def gamma_of(options: CcsslOptions, loss: str) -> float:
    """Weight of the target's loss, given the name of the loss."""
    return options.gamma_ or (10.0 if loss == "published" else 1.0)


def start_network(options: CcsslOptions, network: Loaded) -> Loaded:
    """The network of --resume with the input of the protocol.

    The published protocol has published crops only. A network that was trained on exact crops gets published crops with its own
    mean and deviation, in training, labelling and scoring; its checkpoints say so.
    """
    if options.protocol != "published" or network.spec.kind == "published":
        return network
    log.info(
        "%s was trained on %s crops. The adapted network takes published crops (corners at whole pixels, contrast stretched), "
        "with the same mean and deviation",
        options.resume,
        network.spec.kind,
    )
    return replace(network, spec=replace(network.spec, kind="published"))


def fresh_network(options: CcsslOptions, source: PoseDataset) -> Loaded:
    """A network with fresh weights for the source's joints: the row "no pre-training" of the paper.

    It takes crops of the protocol. The published input subtracts the source's mean.

    Raises:
        OptionError: the network of --arch does not have a number that is given, or cannot take the input.
    """
    published = options.protocol == "published"
    mean = original_mean(source) if published else None
    chosen = with_network(options, options.source, not published)
    spec = input_spec(chosen, "published" if published else "exact", mean)
    fresh = FreshWeights(options.seed)
    network = fresh_start(chosen, source.skeleton, spec, fresh)
    fresh.continue_globally()
    weights = "pre-trained trunk" if network.trunk else "fresh weights"
    return replace(network, note=f"{weights} of {chosen.arch}, seed {options.seed}: no source model (--resume '')")


def describe(options: CcsslOptions) -> dict[str, Any]:
    """Facts of the protocol, for banner, run.json and report.

    Args:
        options: with the defaults of the protocol.
    """
    if options.protocol != "published":
        return {"name": options.protocol}
    flow = "lk from every frame to the next, across videos" if options.flow == "lk" else "none"
    return {
        "name": "published",
        "views": f"{options.views} and the crop, turn {options.view_rotation:g} deg, scale {options.view_scale:g}",
        "mirror": "none",
        "invariance": "none",
        "flow": flow,
        "admitted": f"{options.share_first:g} to {options.share_last:g} by 0.2 a round, {options.per}",
        "source": f"{options.source_augment}, no mirror",
        "target": f"{options.target_augment}, crops through JPEG",
        "batches": "source, then target; batch norm apart",
    }
