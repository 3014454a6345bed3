"""The learning rate of every step of a training: a pure function of the step, so a run that goes on has nothing to restore.

A schedule is a shape (drops at milestones, or a straight line to zero), behind a linear warm-up, repeated in stages: LPN's
iterative training (Z. Zhang et al., arXiv 1911.10346) runs the whole schedule several times, each time from the best weights of
the stage before, see `begins_stage`.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

SHAPES = ("step", "linear")


@dataclass(frozen=True)
class Schedule:
    """A learning rate over time.

    Attributes:
        lr: the rate it starts from, after the warm-up.
        shape: "step": times `gamma` at every milestone; "linear": from the end of the warm-up in a straight line to 0 at the end.
        milestones: epochs, or iterations where the length is given in them, counted from 0 within a stage.
        gamma: factor at each of them.
        epochs: length of a stage; 0 where `iterations` says it.
        iterations: length of a stage in steps of the optimiser; 0 where `epochs` says it.
        warmup: steps over which the rate rises to `lr` at the beginning of a stage.
        warmup_factor: share of the rate at its first step.
        stages: how many times the schedule is run.

    Raises:
        ValueError: lengths that contradict each other, a shape there is not.
    """

    lr: float
    shape: str = "step"
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    _: KW_ONLY
    epochs: int = 0
    iterations: int = 0
    warmup: int = 0
    warmup_factor: float = 0.0
    stages: int = 1

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"shape must be one of {', '.join(SHAPES)}, not {self.shape!r}")
        if (self.epochs > 0) == (self.iterations > 0):
            raise ValueError(
                f"a stage of so many epochs or of so many iterations, not {self.epochs} and {self.iterations}"
            )
        if self.stages < 1 or any(a >= b for a, b in zip(self.milestones, self.milestones[1:])):
            raise ValueError(f"at least one stage, milestones that rise: {self.stages}, {self.milestones}")

    def stage_steps(self, steps_per_epoch: int) -> int:
        """Steps of the optimiser in a stage."""
        return self.iterations or self.epochs * steps_per_epoch

    def total_epochs(self, steps_per_epoch: int) -> int:
        """Epochs of all stages together, the last one begun counted whole."""
        return math.ceil(self.stages * self.stage_steps(steps_per_epoch) / steps_per_epoch)

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of a step of the optimiser, counted from 0 over the whole run; after the last stage its last one."""
        length = self.stage_steps(steps_per_epoch)
        step = min(step, self.stages * length - 1)
        within = step % length
        rising = within < self.warmup
        factor = self.warmup_factor + (1 - self.warmup_factor) * within / self.warmup if rising else 1.0
        if self.shape == "step":
            at = within if self.iterations else within // steps_per_epoch
            passed = sum(at >= milestone for milestone in self.milestones)
            return self.lr * self.gamma**passed * factor
        if rising:
            return self.lr * factor
        return self.lr * (1 - (within - self.warmup) / (length - self.warmup))

    def begins_stage(self, step: int, steps_per_epoch: int) -> bool:
        """Whether a stage after the first begins at this step: with the best weights so far, and a fresh optimiser."""
        length = self.stage_steps(steps_per_epoch)
        return step > 0 and step % length == 0 and step < self.stages * length
