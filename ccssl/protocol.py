"""What `--protocol` means for the other options: the values each protocol gives those left open, and what it cannot do."""

from __future__ import annotations

import math
from dataclasses import MISSING, fields, replace
from typing import Any

from ..commandline.parsing import warn_of_idle
from ..errors import OptionError
from ..pose.checkpoints import Loaded
from ..progress import log
from ..train.options import FitOptions
from .options import CcsslOptions

ROUNDS = 6  # as in 60 published epochs, however many there are here
ROUND_EPOCHS = 10  # between two labellings of the published protocol, however many epochs there are
# what an option left open ("auto", or none given) becomes
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
# options of the adaptation itself that the published protocol has a use for; flags that only leave out what it lacks are harmless
PUBLISHED = frozenset(
    "source target target_classes target_labels valid resume num_epochs steps refresh gamma_ source_augment target_augment "
    "views view_rotation view_scale no_view_flip no_invariance flow share_first share_last per select_on_target checkpoint "
    "train_batch protocol score_labels select patience no_guard".split()
)


# options that have no effect beside others, see `train.no_effect`
IDLE = (
    ("raft_weights", lambda o: o.flow != "raft", "without --flow raft"),
    *(
        (name, lambda o: o.views == 0, "with --views 0")
        for name in ("view_rotation", "view_scale", "no_view_flip", "no_invariance")
    ),
    ("select", lambda o: bool(o.select_on_target), "with --select-on-target"),
)


def with_defaults(options: CcsslOptions) -> CcsslOptions:
    """The options with those left open filled in as their protocol has them.

    Raises:
        OptionError: an option that the published protocol has no use for.
    """
    warn_of_idle(options, IDLE)
    preset = PRESETS[options.protocol]
    options = replace(options, **{k: v for k, v in preset.items() if getattr(options, k) in (None, "auto")})
    if options.protocol == "published":
        _refuse(options)
        if options.schedule == FitOptions.schedule:
            options = replace(
                options, schedule=()
            )  # that of supervised training; the published adaptation keeps its rate
    return options


def _refuse(options: CcsslOptions) -> None:
    ours = {f.name for f in fields(FitOptions)} - {"hidden"}
    for f in fields(options):
        if f.name in PUBLISHED | ours | set(options.DEAD_FLAGS):
            continue
        default = f.default if f.default is not MISSING else f.default_factory()
        if getattr(options, f.name) != default:
            flag = f.name.replace("_", "-").rstrip("-")
            raise OptionError(
                "options that the published protocol has a use for",
                f"--{flag} {getattr(options, f.name)} beside --protocol published",
                f"leave --{flag} out, or take --protocol zoopose",
            )
    if options.per == "frame":
        raise OptionError(
            "--per joint or global beside --protocol published", "--per frame", "--protocol zoopose has all three"
        )
    if options.flow not in ("lk", "none"):
        raise OptionError(
            "--flow lk or none beside --protocol published",
            f"--flow {options.flow}",
            "--protocol zoopose has both flows",
        )


def refresh_of(options: CcsslOptions) -> int:
    """Epochs between two labellings."""
    if options.protocol == "published":
        return options.refresh or ROUND_EPOCHS
    return options.refresh or math.ceil(options.num_epochs / ROUNDS)


def gamma_of(options: CcsslOptions, loss: str) -> float:
    """Weight of the target's loss, given the name of the loss."""
    return options.gamma_ or (10.0 if loss == "published" else 1.0)


def network_for(options: CcsslOptions, network: Loaded) -> Loaded:
    """The start network as its protocol feeds it.

    The published protocol has published crops only. A network of exact crops gets them from here on, in training, labelling and
    scoring, with its own mean and deviation; its checkpoints say so.
    """
    if options.protocol != "published" or network.spec.kind == "published":
        return network
    log.info("%s was trained on %s crops; adapted, it takes published ones (corners at whole pixels, contrast stretched), with its "
             "own mean and deviation", options.resume, network.spec.kind)  # fmt: skip
    return replace(network, spec=replace(network.spec, kind="published"))


def describe(options: CcsslOptions) -> dict[str, Any]:
    """What the published protocol does, for banner, run.json and report; settled options."""
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
