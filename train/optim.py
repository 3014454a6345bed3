"""Optimiser, length and learning rate of a training, as the options ask for them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn

from ..errors import OptionError
from ..progress import log
from .options import RunOptions
from .parameter_groups import parameter_groups
from .schedules import Schedule


def optimizer_of(model: nn.Module, options: RunOptions) -> torch.optim.Optimizer:
    """RMSprop or Adam over all weights that train; if asked, without a penalty on biases and norms."""
    groups = parameter_groups(model, options.weight_decay, options.decay_norms)
    if options.solver == "adam":
        for name in ("rms_alpha", "rms_eps"):
            if getattr(options, name) != getattr(RunOptions, name):
                log.warning("--%s does nothing with --solver adam", name.replace("_", "-"))
        return torch.optim.Adam(groups, lr=options.lr)
    return torch.optim.RMSprop(
        groups, lr=options.lr, momentum=options.momentum, alpha=options.rms_alpha, eps=options.rms_eps
    )


def epochs_of(options: RunOptions, steps: int) -> int:
    """Epochs of a supervised training in all, with `steps` batches an epoch."""
    if not (getattr(options, "iterations", 0) or stages(options) > 1):
        return options.epochs
    whole = schedule_of(options, options.epochs).total_epochs(steps)
    if options.iterations and options.epochs != type(options).epochs:
        log.warning(
            "--iterations %d (%d epochs) counts, not --epochs %d; with --iterations 0 it does, and --schedule is in epochs",
            options.iterations, whole, options.epochs,
        )  # fmt: skip
    return whole


def stages(options: RunOptions) -> int:
    """How many times the schedule is run."""
    return getattr(options, "stages", 1)


def schedule_of(options: RunOptions, epochs: int) -> Schedule:
    """The learning rate of options with a warm-up, a straight line, a length in batches or several stages.

    Args:
        epochs: of one stage.

    Raises:
        OptionError: numbers that contradict each other.
    """
    if options.decay == "cosine":
        raise OptionError(
            "--decay step or linear with --warmup, --iterations or --stages", "--decay cosine", "--decay linear"
        )
    more = {n: getattr(options, n, 0) for n in ("iterations", "warmup", "warmup_factor")}
    if more["iterations"] and stages(options) > 1:
        raise OptionError("stages of so many epochs", "--iterations with --stages", "--iterations 0 --epochs N")
    more["epochs"] = 0 if more["iterations"] else epochs
    try:
        return Schedule(
            options.lr, options.decay, tuple(options.schedule), options.gamma, stages=stages(options), **more
        )
    except ValueError as error:
        raise OptionError("a schedule that is possible", str(error)) from error


def rate_at(options: RunOptions, epochs: int) -> Callable[[int, int], float]:
    """(batches since the first epoch began, batches an epoch) -> learning rate of the next batch."""
    if (
        options.decay == "linear"
        or any(getattr(options, name, 0) for name in ("iterations", "warmup"))
        or stages(options) > 1
    ):
        return schedule_of(options, epochs).rate
    if options.decay == "cosine":
        return lambda at, steps: options.lr * max(0.02, (1 + math.cos(math.pi * (at // steps) / max(epochs, 1))) / 2)
    return lambda at, steps: options.lr * options.gamma ** sum(at // steps >= mark for mark in options.schedule)
