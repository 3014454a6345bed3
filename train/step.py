"""What a training method is to the loop: where its batches come from, what it minimises, what it keeps between epochs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import torch
from torch import nn


class TrainingEnded(Exception):
    """Raised by `Step.before_epoch` on every rank: nothing is left to learn, and the run ends as if it had no more epochs.

    The message gives the reason, for the log. Nothing of the epoch is saved, so the same command asks the step
    again and ends again.
    """


class Step(Protocol):
    """A training method. `fit` calls it; every method of it is called on all ranks.

    Attributes:
        pictures: number of pictures in one of its batches, on this rank.
        steps: batches of an epoch.
    """

    @property
    def pictures(self) -> int: ...

    @property
    def steps(self) -> int: ...

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        """Batches of an epoch (counted from 0) from number `start` on; None for a batch without a readable picture."""
        ...

    def __call__(self, model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """Losses by name. `total` is minimised, every one is logged."""
        ...

    def after_step(self, model: nn.Module) -> None:
        """Called after every step of the optimiser, with the bare network."""
        ...

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        """Renew what must be renewed before an epoch, such as pseudo-labels; returns numbers for the log.

        Raises:
            TrainingEnded: the run ends here.
        """
        ...

    def state_dict(self) -> dict[str, Any]:
        """What the method keeps from batch to batch, plain data and tensors. A checkpoint holds it under `zoopose.run.extra`, so
        its keys are part of the format of checkpoints. Empty for a method that keeps nothing."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave; called once, before the first epoch of a run that goes on. Other keys are ignored."""
        ...


class StepWrapper:
    """A step that hands every call on to another step; subclasses change some of them."""

    def __init__(self, step: Step):
        self.step = step

    @property
    def pictures(self) -> int:
        return self.step.pictures

    @property
    def steps(self) -> int:
        return self.step.steps

    def batches(self, epoch: int, start: int) -> Iterator[Any]:
        return self.step.batches(epoch, start)

    def __call__(self, model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        return self.step(model, batch)

    def after_step(self, model: nn.Module) -> None:
        self.step.after_step(model)

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        return self.step.before_epoch(epoch, model)

    def state_dict(self) -> dict[str, Any]:
        return self.step.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.step.load_state_dict(state)
