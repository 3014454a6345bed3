"""Training in stages: the whole schedule several times, each time from the best weights so far."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..errors import OptionError
from ..pose import weights
from ..progress import log
from .run_state import Run
from .schedules import Schedule
from .step import Step, StepWrapper


class StagedStep(StepWrapper):
    """A step whose training begins again at every stage of the schedule, with the best weights of the run and a fresh optimiser
    (LPN's iterative training; Z. Zhang et al., arXiv 1911.10346, section 3.3).

    Args:
        step: what is trained.
        run: whose weights and optimiser are set back.
        schedule: says where stages begin.
    """

    def __init__(self, step: Step, run: Run, schedule: Schedule):
        super().__init__(step)
        self.run, self.schedule = run, schedule

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        begins = self.schedule.begins_stage(epoch * self.step.steps, self.step.steps)
        if begins and self.run.step == 0:  # a run that goes on within the epoch has done this
            path = self.run.folder.best
            if not path.is_file():
                raise OptionError(
                    "the best weights of the stage before",
                    f"no {path}",
                    "begin at the first stage: leave --start-epoch out",
                )
            best = weights.read(path)
            weights.load_into(self.run.plain, best["state_dict"])
            fresh = self.run.optimizer.state_dict()
            self.run.optimizer.load_state_dict({**fresh, "state": {}})
            log.info("a new stage, from the weights of epoch %d", best.get("epoch", 0))
        return self.step.before_epoch(epoch, model)
