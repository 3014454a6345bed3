"""The state of a run: what a checkpoint holds, written and read again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ..commandline import folder_lock
from ..errors import DivergenceError, WeightsError
from ..evaluation.run_folder import RunFolder
from ..pose import weights
from ..pose.checkpoints import copy_checkpoint
from .divergence import divergence_error, non_finite_weights
from .meter import Meter
from .optim import restore_optimizer
from .ranks import any_rank
from .trunk import FrozenLayers


@dataclass
class Run:
    """State of a run: all that a resume needs except the data.

    Attributes:
        folder: the run folder.
        fabric: devices, precision, ranks.
        model: as trained (perhaps wrapped or compiled); `plain` is the bare module whose tensors are saved.
        optimizer: set up by Fabric.
        lr_at: (batches since the first epoch began, batches an epoch) -> learning rate of the next batch.
        pack: (epoch, best, optimizer state, run facts, framing) -> checkpoint, see `checkpoints.pack`.
        last_name: file name of the last checkpoint; `aliases` are further names for it.
        epoch, step: finished epochs, and finished batches of the running one.
        best, best_epoch: highest score so far.
        restored: what the method and the guard had saved in the checkpoint that the run goes on from (`Step.state_dict`); read
            only. Keys that neither of them has any more stay in the checkpoints.
        frozen: what of the network does not change.
        snapshot: epochs between two checkpoints that stay (checkpoint_N.pth.tar); 0: none.
        print_freq: batches between two lines of the log within an epoch; 0: none.
        save_seconds: seconds between two checkpoints within an epoch; saved_at: clock of the last one.
        patience: epochs without a better score after which the run ends; 0: it goes to its last epoch.
        steps: batches an epoch, set by `fit`.
        framing: zoom and shift of the crops that the network is to be used with, see `InputSpec`; they are saved with it.
    """

    folder: RunFolder
    fabric: Fabric
    model: nn.Module
    plain: nn.Module
    optimizer: torch.optim.Optimizer
    _: KW_ONLY
    lr_at: Callable[[int, int], float]
    pack: Callable[[int, float, Mapping[str, Any] | None, Mapping[str, Any], tuple[float, float]], dict[str, Any]]
    last_name: str = RunFolder.LAST
    aliases: tuple[str, ...] = ()
    epoch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int = -1
    meter: Meter = field(default_factory=Meter)
    restored: Mapping[str, Any] = field(default_factory=dict)
    snapshot: int = 0
    print_freq: int = 0
    save_seconds: float = 300.0
    saved_at: float = 0.0
    frozen: FrozenLayers = field(default_factory=FrozenLayers)
    patience: int = 0
    steps: int = 0
    framing: tuple[float, float] = (1.0, 0.0)

    def save(self, state: Mapping[str, Any] | None = None, best: bool = False) -> None:
        """Write the last checkpoint (and the best one); on the first rank only.

        Args:
            state: of the method and the guard, see `Step.state_dict`; None: as it was restored.

        Raises:
            DivergenceError: a weight is NaN or infinite, which no checkpoint may hold.
            StorageError: the disk is full or gone; what was saved before stays.
        """
        if bad := non_finite_weights(self.plain):
            raise self.divergence_error(bad)
        if self.fabric.is_global_zero:
            names = list(self.aliases)
            if best:
                names.append(RunFolder.BEST)
            if self.snapshot and self.step == 0 and self.epoch % self.snapshot == 0:
                names.append(RunFolder.epoch_name(self.epoch))
            # what a resume reads comes last: a run killed in between does the epoch again, and all the names with it
            first, *more = [*names, self.last_name]
            facts = self.facts({**self.restored, **(state or {})})
            weights.save(
                self.folder / first, self.pack(self.epoch, self.best, self.optimizer.state_dict(), facts, self.framing)
            )
            for name in more:
                copy_checkpoint(self.folder / first, name)
            folder_lock.check(self.folder.path)
        self.fabric.barrier()

    def divergence_error(self, found: str) -> DivergenceError:
        """The error where a number of the batch just done is NaN or infinite; `found` says which."""
        steps = max(self.steps, 1)
        epoch, batch = (self.epoch, self.step) if self.step else (self.epoch - 1, steps)
        lr = self.optimizer.param_groups[0]["lr"]
        return divergence_error(found, epoch + 1, batch, steps, lr, self.folder / self.last_name)

    def facts(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """What a checkpoint says of the run in addition to its weights and its optimiser.

        Args:
            state: of the method and the guard.
        """
        return {
            "step": self.step,
            "best_epoch": self.best_epoch,
            "meter": {"sums": self.meter.sums, "count": self.meter.count},
            "rng": {
                "cpu": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            },
            "extra": dict(state),
        }

    def restore(self, checkpoint: Mapping[str, Any]) -> None:
        """Take over a checkpoint's progress, optimiser and random states; the weights are already in the model.

        Raises:
            WeightsError: they do not fit this run's network and solver.
        """
        try:
            self._restore(checkpoint)
        except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError) as error:
            raise WeightsError(
                f"a checkpoint with the state of {type(self.optimizer).__name__.lower()}, for this network",
                next(iter(str(error).splitlines()), type(error).__name__),
                "--init-weights takes only the weights",
            ) from error

    def _restore(self, checkpoint: Mapping[str, Any]) -> None:
        facts = checkpoint.get("zoopose", {}).get("run", {})
        self.epoch, self.step = int(checkpoint.get("epoch", 0)), int(facts.get("step", 0))
        self.best, self.best_epoch = float(checkpoint.get("best_acc", -math.inf)), int(facts.get("best_epoch", -1))
        meter = facts.get("meter", {})
        self.meter = Meter(dict(meter.get("sums", {})), int(meter.get("count", 0)))
        self.restored = dict(facts.get("extra", {}))
        if checkpoint.get("optimizer"):
            restore_optimizer(self.optimizer, checkpoint["optimizer"])
        if "rng" in facts:
            torch.set_rng_state(facts["rng"]["cpu"])
            if torch.cuda.is_available() and len(facts["rng"]["cuda"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all(facts["rng"]["cuda"])

    def update_best(self, score: float) -> bool:
        """Whether the epoch just finished is the best so far. The first one always is, even if its score is NaN."""
        better = score > self.best or self.best_epoch < 0
        if better:
            self.best, self.best_epoch = -math.inf if math.isnan(score) else score, self.epoch
        return better

    def out_of_patience(self) -> bool:
        """Whether the score has not risen for `patience` epochs."""
        return self.best_epoch >= 0 and 0 < self.patience <= self.epoch - self.best_epoch

    def any_rank(self, flag: bool) -> bool:
        """See `ranks.any_rank`."""
        return any_rank(self.fabric, flag)
