"""The teacher that makes the labels: a running average of the network's weights (mean teacher, Tarvainen and Valpola 2017)."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn


class Teacher:
    """An exponential moving average of a network, its batch-norm statistics included.

    Args:
        model: the network without wrappers; the teacher starts as its copy.
        decay: share of itself that the teacher keeps at a step. In the first steps it is 1 - 1 / (t + 1) where that is smaller.
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the network's weights, after one step of the optimiser."""
        self.steps += 1
        keep = min(self.decay, 1 - 1 / (self.steps + 1))
        averages, weights = [], []
        for average, weight in zip(self.model.state_dict().values(), model.state_dict().values()):
            if average.is_floating_point():
                averages.append(average)
                weights.append(weight)
            else:
                average.copy_(weight)
        torch._foreach_lerp_(averages, weights, 1 - keep)

    def state_dict(self) -> dict[str, Any]:
        """Plain data and tensors for a checkpoint."""
        return {"weights": self.model.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.model.load_state_dict(state["weights"])
        self.steps = int(state["steps"])
