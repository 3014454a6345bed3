"""Taking over what an optimiser has averaged, out of a checkpoint, where it fits the weights and the solver of this run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch


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
