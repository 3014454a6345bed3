"""What the online step is told, made from the options."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ...commandline.parsing import given
from ...errors import OptionError
from ...train.selftraining.curriculum import share_at
from ..options import CcsslOptions
from .hard_views import Cover, hard_names
from .mixing import Mixup

# Values of options that are not given or are "auto". A decay of 0.99 lifted horse -> cattle_a in a run of 160 steps; it was not
# compared with others.
DEFAULTS: dict[str, Any] = {
    "teacher": "ema",
    "teacher_norm": "running",
    "easy_augment": "none",
    "hard": "jc",
    "keep": "quantile",
    "keep_share": 0.5,
    "ramp": "none",
    "ramp_epochs": 10.0,
    "ema": 0.99,
}
# what a run without a source has no use for
OF_SOURCE = tuple(
    "source valid source_augment source_style mixup_source confidence select select_on_target no_guard guard_limit".split()
)
OPTIONS = (*(name for name in DEFAULTS if name != "ema"), "redraw", "cut_joints", "cut_side", "mixup", "source_style")
# Options without effect in combination with others, see `train.no_effect`.
IDLE: tuple[tuple[str, Callable[[CcsslOptions], bool], str], ...] = (
    *((name, lambda o: not o.online, "without --online") for name in OPTIONS),
    ("ema", lambda o: o.online and o.teacher == "self", "with --teacher self"),
    ("keep_share", lambda o: o.keep in ("all", "calibrated"), "with --keep all or calibrated"),
    *((name, lambda o: o.no_source, "with --no-source") for name in OF_SOURCE),
    ("mixup_source", lambda o: o.mixup == 0, "without --mixup"),
    ("ramp_epochs", lambda o: o.online and o.ramp != "sigmoid", "without --ramp sigmoid"),
    *((name, lambda o: o.hard == "none", "with --hard none") for name in ("cut_joints", "cut_side")),
)


@dataclass(frozen=True)
class Ramp:
    """How the weight of the target's loss rises.

    Attributes:
        kind: `none`: it is constant. `sigmoid`: exp(-5 (1 - t)^2), t from 0 to 1; of Laine and Aila 2017, and of UDA-Animal and
            ScarceNet, which compute it once an epoch.
        epochs: in which t rises.
    """

    kind: str = "none"
    epochs: float = 10.0

    def weight(self, epoch: float) -> float:
        """Factor on the weight, after so many epochs (a real number)."""
        if self.kind == "none" or self.epochs <= 0:
            return 1.0
        return math.exp(-5 * (1 - min(1.0, epoch / self.epochs)) ** 2)


@dataclass(frozen=True)
class Keep:
    """Which of the teacher's joints are learned.

    Attributes:
        rule: `quantile`: the best share of a batch's joints; `calibrated`: those that the round admits; `all`; `small-loss` and
            `small-loss-picture`: those with the smallest loss, of the batch or of each picture.
        share: of the joints; for a small loss at the end of the run.
        per: see `keep.best_share`.
        epochs: of the run.
    """

    rule: str = "quantile"
    share: float = 0.5
    per: str = "frame"
    epochs: int = 1

    def share_at(self, epoch: int) -> float:
        """Share of the batch's joints that have a small loss: from 1 to `share` along a cosine (ScarceNet, 30 epochs)."""
        return share_at(epoch, self.epochs, 1.0, self.share, "cosine")

    def count_at(self, epoch: int, joints: int) -> int:
        """Joints of a picture that have a small loss: from epoch 3 on one fewer in every epoch (UDA-Animal: 18 to 9 joints)."""
        return max(joints - max(epoch - 2, 0), round(joints * self.share), 1)


@dataclass(frozen=True)
class OnlineConfig:
    """What the online step does in every batch.

    Attributes:
        hard: names of `HARD_VIEWS`, one view of every picture each.
        cover: how much these cover.
        keep: which joints are learned.
        redraw: kind of the Gaussians that are learned in place of the teacher's heatmaps, see `target_maps`; empty: the heatmaps.
        ramp: of the target's weight.
        teacher_norm: batch norm of the teacher, see `teacher_maps`.
        mixup: of target pictures.
        source_style: share of the source's pictures that take the channel statistics of a target picture.
    """

    hard: tuple[str, ...] = ("jc",)
    cover: Cover = field(default_factory=Cover)
    keep: Keep = field(default_factory=Keep)
    redraw: str = ""
    ramp: Ramp = field(default_factory=Ramp)
    teacher_norm: str = "running"
    mixup: Mixup = field(default_factory=Mixup)
    source_style: float = 0.0


def with_online_defaults(options: CcsslOptions) -> CcsslOptions:
    """The options with defaults for those of the online step that were left open.

    Raises:
        OptionError: an unknown hard view; --teacher ema without an average; --keep calibrated without a source.
    """
    options = replace(options, **{name: value for name, value in DEFAULTS.items() if not given(options, name)})
    hard_names(options.hard)
    if options.no_source:
        if options.keep == "calibrated":
            raise OptionError(
                "labelled pictures of a source, to calibrate on, for --keep calibrated",
                "--no-source",
                "--keep quantile, or a --source",
            )
        options = replace(options, confidence="peak", select="selfcheck", select_on_target="")
    if options.teacher == "self":
        return replace(options, ema=0.0)
    if options.ema == 0:
        raise OptionError("--ema greater than 0 with --teacher ema", "--ema 0", "--teacher self")
    return options


def online_config(options: CcsslOptions, encoding: str) -> OnlineConfig:
    """The online step of the options.

    Args:
        options: with their defaults.
        encoding: kind of the training's Gaussian target maps.
    """
    assert options.keep_share is not None and options.ramp_epochs is not None
    return OnlineConfig(
        hard=hard_names(options.hard),
        cover=Cover(options.cut_joints, options.cut_side),
        keep=Keep(options.keep, options.keep_share, options.per, options.num_epochs),
        redraw=encoding if options.redraw else "",
        ramp=Ramp(options.ramp, options.ramp_epochs),
        teacher_norm=options.teacher_norm,
        mixup=Mixup(options.mixup, options.mixup_source),
        source_style=options.source_style,
    )
