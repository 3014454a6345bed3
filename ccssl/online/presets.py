"""Published methods as values of the options of the online step (`--method`); docs/methods/online.md says what differs from each.

Values are those of the published code. The learning rate, the batch and the number of steps are not among them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...commandline.parsing import given
from ...errors import OptionError
from ..options import CcsslOptions

# of UDAPE, whose consistency MAPS takes over: an average of weights; the best half of a batch's joints by their peaks; Gaussians at
# the teacher's joints; batch norms of the teacher in training mode; an occluder of 20 of 256 px
_UDAPE: dict[str, Any] = {
    "ema": 0.999,
    "teacher_norm": "batch",
    "easy_augment": "standard",
    "target_augment": "standard",
    "hard": "jo",
    "cut_joints": 1,
    "cut_side": 20 / 256,
    "keep": "quantile",
    "keep_share": 0.5,
    "per": "global",
    "redraw": True,
    "loss": "mean",
}
METHODS: dict[str, dict[str, Any]] = {
    "udape": {**_UDAPE, "target_style": 0.5, "source_style": 0.5},
    "uda-animal": {
        "ema": 0.999,
        "teacher_norm": "batch",
        "easy_augment": "standard",
        "target_augment": "standard",
        "hard": "none",
        "keep": "small-loss-picture",
        "keep_share": 0.5,
        "gamma_": 90.0,
        "ramp": "sigmoid",
        "ramp_epochs": 10.0,
        "mixup": 0.8,
        "mixup_source": 0.5,
        "loss": "mean",
    },
    "scarcenet": {
        "ema": 0.999,
        "teacher_norm": "batch",
        "easy_augment": "standard",
        "hard": "co",
        "keep": "small-loss",
        "keep_share": 0.8,
        "redraw": True,
        "gamma_": 2.0,
        "ramp": "sigmoid",
        "ramp_epochs": 10.0,
        "loss": "mean",
    },
    "maps": {**_UDAPE, "mixup": 0.75, "no_source": True},
}
REFUSED = {
    "regda": "RegDA trains an adversarial regressor, whose exact rule we do not know; zoopose does not have it",
}


def with_method(options: CcsslOptions) -> CcsslOptions:
    """The options with the values of --method, for those that were not given.

    Raises:
        OptionError: no such method.
    """
    if not options.method:
        return options
    if options.method not in METHODS:
        found = REFUSED.get(options.method, f"--method {options.method}")
        raise OptionError(f"--method with one of {', '.join(METHODS)}", found, "--method udape")
    values = {name: value for name, value in METHODS[options.method].items() if not given(options, name)}
    return replace(options, online=True, **values)
