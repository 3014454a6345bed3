"""Optimiser, length and learning rate of a training, as the options ask for them, and an optimiser's state from a checkpoint."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from ..errors import OptionError
from ..progress import log
from .option_parts import OptimOptions
from .options import TrainOptions
from .schedules import Schedule

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def parameter_groups(
    model: nn.Module, weight_decay: float, decay_norms: bool, trunk: Sequence[nn.Module] = (), trunk_lr: float = 1.0
) -> list[dict[str, Any]]:
    """Groups for an optimiser, of every weight that trains; those that do not decay, or of a trunk, are in groups of their own.

    Args:
        weight_decay: L2 penalty.
        decay_norms: whether it also acts on norms and biases (all parameters of one dimension or none, and those of norms).
        trunk: layers whose groups have `lr_scale`, a factor on the learning rate.
        trunk_lr: that factor; with 1 the trunk has no groups of its own.
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    if trunk_lr != 1 and trunk:
        of_trunk = {id(p) for layer in trunk for p in layer.parameters()}
        rest = _decay_groups(model, [p for p in weights if id(p) not in of_trunk], weight_decay, decay_norms)
        slow = _decay_groups(model, [p for p in weights if id(p) in of_trunk], weight_decay, decay_norms)
        return [*rest, *({**group, "lr_scale": trunk_lr} for group in slow)]
    return _decay_groups(model, weights, weight_decay, decay_norms)


def _decay_groups(
    model: nn.Module, weights: list[nn.Parameter], weight_decay: float, decay_norms: bool
) -> list[dict[str, Any]]:
    """Groups of weights that decay, and of those that do not."""
    if decay_norms or not weight_decay:
        return [{"params": weights, "weight_decay": weight_decay}]
    norms = {id(p) for m in model.modules() if isinstance(m, NORMS) for p in m.parameters(recurse=False)}
    spared = [p.ndim <= 1 or id(p) in norms for p in weights]
    groups = [
        {"params": [p for p, s in zip(weights, spared) if not s], "weight_decay": weight_decay},
        {"params": [p for p, s in zip(weights, spared) if s], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def optimizer_of(model: nn.Module, options: OptimOptions, trunk: Sequence[nn.Module] = ()) -> torch.optim.Optimizer:
    """RMSprop or Adam over all weights that train; if asked, without a penalty on biases and norms.

    Args:
        model: what trains.
        trunk: its layers with the learning rate of --trunk-lr.
    """
    groups = parameter_groups(model, options.weight_decay, options.decay_norms, trunk, options.trunk_lr)
    if options.solver == "adam":
        for name in ("rms_alpha", "rms_eps"):
            if getattr(options, name) != getattr(OptimOptions, name):
                log.warning("--%s does nothing with --solver adam", name.replace("_", "-"))
        return torch.optim.Adam(groups, lr=options.lr)
    return torch.optim.RMSprop(
        groups, lr=options.lr, momentum=options.momentum, alpha=options.rms_alpha, eps=options.rms_eps
    )


@dataclass(frozen=True)
class Lengths:
    """What lengthens a schedule beyond its epochs; as of `schedules.Schedule`."""

    iterations: int = 0
    warmup: int = 0
    warmup_factor: float = 0.0
    stages: int = 1

    @classmethod
    def of(cls, options: OptimOptions) -> Lengths:
        """Those of `zoopose train`; other commands have none."""
        if not isinstance(options, TrainOptions):
            return cls()
        return cls(options.iterations, options.warmup, options.warmup_factor, options.stages)


def total_epochs(options: TrainOptions, steps: int) -> int:
    """Epochs of a supervised training in all, with `steps` batches an epoch."""
    if not options.iterations and options.stages == 1:
        return options.epochs
    whole = schedule_for(options, options.epochs).total_epochs(steps)
    if options.iterations and options.epochs != type(options).epochs:
        log.warning(
            "--iterations %d (%d epochs) counts, not --epochs %d; with --iterations 0 it does, and --schedule is in epochs",
            options.iterations, whole, options.epochs,
        )  # fmt: skip
    return whole


def schedule_for(options: OptimOptions, epochs: int) -> Schedule:
    """The learning rate of options with a warm-up, a straight line, a length in batches or several stages.

    Args:
        epochs: of one stage.

    Raises:
        OptionError: numbers that contradict each other.
    """
    lengths = Lengths.of(options)
    if options.decay == "cosine":
        raise OptionError(
            "--decay step or linear with --warmup, --iterations or --stages", "--decay cosine", "--decay linear"
        )
    if lengths.iterations and lengths.stages > 1:
        raise OptionError("--stages with --epochs", "--iterations with --stages", "--iterations 0 --epochs N")
    try:
        return Schedule(
            options.lr,
            options.decay,
            tuple(options.schedule),
            options.gamma,
            epochs=0 if lengths.iterations else epochs,
            **asdict(lengths),
        )
    except ValueError as error:
        raise OptionError("a schedule whose numbers fit each other", str(error)) from error


def learning_rate(options: OptimOptions, epochs: int) -> Callable[[int, int], float]:
    """(batches since the first epoch began, batches an epoch) -> learning rate of the next batch."""
    lengths = Lengths.of(options)
    if options.decay == "linear" or lengths.iterations or lengths.warmup or lengths.stages > 1:
        return schedule_for(options, epochs).rate
    if options.decay == "cosine":
        # along a cosine to a fiftieth of the rate, as --decay cosine says
        return lambda at, steps: options.lr * max(0.02, (1 + math.cos(math.pi * (at // steps) / max(epochs, 1))) / 2)
    return lambda at, steps: options.lr * options.gamma ** sum(at // steps >= mark for mark in options.schedule)


def restore_optimizer(optimizer: torch.optim.Optimizer, saved: Mapping[str, Any]) -> None:
    """Take over the averages; rate, decay and the like stay as this run's options say.

    Raises:
        ValueError: the state of another solver, or of other weights.
    """
    own, groups = optimizer.state_dict()["param_groups"], saved["param_groups"]
    marks = ("betas", "alpha")
    if len(own) != len(groups) or any((m in a) != (m in b) for m in marks for a, b in zip(own, groups)):
        raise ValueError("the optimiser's state is of another solver")
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    numbers = [number for group in groups for number in group["params"]]
    if len(numbers) != len(parameters) or not set(saved["state"]) <= set(numbers):
        raise ValueError(f"the optimiser's state is of {len(numbers)} weights, not of {len(parameters)}")
    averages = {"exp_avg", "exp_avg_sq"} if "betas" in groups[0] else {"square_avg"}
    for number, parameter in zip(numbers, parameters):
        state = saved["state"].get(number)
        if state is None:
            continue  # a weight that has had no gradient yet
        shapes = {name: tuple(value.shape) for name, value in state.items() if isinstance(value, torch.Tensor)}
        fits = all(shape in ((), tuple(parameter.shape)) for shape in shapes.values())
        if "step" not in state or not averages <= set(shapes) or not fits:
            raise ValueError(f"the optimiser's state of weight {number} is not whole, or of another shape")
    kept = [{**old, **{k: v for k, v in new.items() if k != "params"}} for old, new in zip(groups, own)]
    optimizer.load_state_dict({**saved, "param_groups": kept})
