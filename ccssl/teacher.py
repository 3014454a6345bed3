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
        model: the bare network; the teacher starts as its copy.
        decay: share that is kept at every step; while t steps are fewer than that averages over, 1 - 1 / (t + 1).
    """

    def __init__(self, model: nn.Module, decay: float):
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay, self.steps = decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take one step of the network in."""
        self.steps += 1
        keep = min(self.decay, 1 - 1 / (self.steps + 1))
        ours, theirs = [], []
        for own, new in zip(self.model.state_dict().values(), model.state_dict().values()):
            if own.is_floating_point():
                ours.append(own)
                theirs.append(new)
            else:
                own.copy_(new)
        torch._foreach_lerp_(ours, theirs, 1 - keep)

    def state_dict(self) -> dict[str, Any]:
        """Plain data and tensors for a checkpoint."""
        return {"weights": self.model.state_dict(), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.model.load_state_dict(state["weights"])
        self.steps = int(state["steps"])
