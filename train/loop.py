"""The one loop: any step, any method. `fit` trains epoch by epoch, scores, logs, saves, and can stop and go on at any batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from lightning_fabric import Fabric
from torch import nn

from ..commandline import folder_lock
from ..errors import DivergenceError, OptionError, WeightsError
from ..evaluation.run_folder import RunFolder
from ..evaluation.run_log import RunLog
from ..pose import weights
from ..pose.checkpoints import copy_checkpoint
from ..progress import Progress, Stopped, asked, deferring, duration, log
from .finite import bad_losses, bad_weights, diverged
from .meter import Meter
from .optim import restore_optimizer
from .ranks import mean_losses


class Step(Protocol):
    """A method: where its batches come from and what it minimises.

    `pictures` is the number of pictures a batch of it holds on this rank; `steps` the batches of an epoch.
    """

    pictures: int
    steps: int

    def batches(self, epoch: int, start: int) -> Iterator[Any]: ...

    def __call__(self, model: nn.Module, batch: Any) -> dict[str, torch.Tensor]:
        """Losses by name; `total` is minimised, every one is logged."""
        ...

    def after_step(self, model: nn.Module) -> None:
        """What follows the bare network, after every step of the optimiser."""
        ...

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        """What must be renewed before an epoch (pseudo-labels, say); facts for the log.

        Raises:
            Finished: to end the run.
        """
        ...


class Watch(Protocol):
    """Looks at an adaptation from outside, and may end it; see `guard.Guard`.

    `stopped` says whether the run has ended here, `sentence` why.
    """

    @property
    def stopped(self) -> bool: ...

    @property
    def sentence(self) -> str: ...

    def begin(self) -> None:
        """Called before the first epoch, on all ranks; also where a run goes on."""
        ...

    def __call__(self) -> Mapping[str, float]:
        """Called after every epoch, on all ranks, before it is saved; facts for the log."""
        ...


class Finished(Exception):
    """Raised by a step's `before_epoch`: nothing is left to learn, and the run ends here as if it had no more epochs.

    The message says why, for the log. Nothing of the epoch is saved, so the same command asks the step again, and ends alike. Every
    rank must raise it.
    """


class Interrupted(Exception):
    """The user asked to stop; everything is saved."""


@dataclass
class Run:
    """State of a run: everything a resume needs beside the data.

    Attributes:
        folder: where it writes.
        fabric: devices, precision, ranks.
        model: as trained (perhaps wrapped or compiled); `plain` is the bare module whose tensors are saved.
        optimizer: set up by Fabric.
        lr_at: (batches since the first epoch began, batches an epoch) -> learning rate of the next batch.
        pack: (epoch, best, optimizer state, run facts) -> checkpoint, see `checkpoints.pack`.
        last_name: file name of the last checkpoint; `aliases` are further names for it.
        epoch, step: finished epochs, and finished batches of the running one.
        best, best_epoch: highest score so far.
        print_freq: batches between two lines of the log within an epoch; 0: none.
        patience: epochs without a better score after which the run ends; 0: it goes to its last epoch.
        extra: what the method must keep between epochs, plain data and tensors.
        steps: batches an epoch, set by `fit`.
    """

    folder: RunFolder
    fabric: Fabric
    model: nn.Module
    plain: nn.Module
    optimizer: torch.optim.Optimizer
    lr_at: Callable[[int, int], float]
    pack: Callable[[int, float, Mapping, Mapping], dict]
    last_name: str = RunFolder.LAST
    aliases: tuple[str, ...] = ()
    epoch: int = 0
    step: int = 0
    best: float = -math.inf
    best_epoch: int = -1
    meter: Meter = field(default_factory=Meter)
    extra: dict[str, Any] = field(default_factory=dict)
    snapshot: int = 0
    print_freq: int = 0
    save_seconds: float = 300.0
    saved_at: float = 0.0
    patience: int = 0
    steps: int = 0

    def save(self, best: bool = False) -> None:
        """Write the last checkpoint (and the best one); on the first rank only.

        Raises:
            DivergenceError: weights that are no numbers, which no checkpoint may hold.
            StorageError: the disk is full or gone; what was saved before stays.
        """
        if bad := bad_weights(self.plain):
            raise self.diverged(bad)
        if self.fabric.is_global_zero:
            names = list(self.aliases)
            if best:
                names.append(RunFolder.BEST)
            if self.snapshot and self.step == 0 and self.epoch % self.snapshot == 0:
                names.append(RunFolder.epoch_name(self.epoch))
            # what a resume reads comes last: a run killed in between does the epoch again, and all the names with it
            first, *more = [*names, self.last_name]
            state = self.pack(self.epoch, self.best, self.optimizer.state_dict(), self.facts(self.extra))
            weights.save(self.folder / first, state)
            for name in more:
                copy_checkpoint(self.folder / first, name)
            folder_lock.check(self.folder.path)
        self.fabric.barrier()

    def diverged(self, found: str) -> DivergenceError:
        """The error where something of the batch just done is no number."""
        steps = max(self.steps, 1)
        epoch, batch = (self.epoch, self.step) if self.step else (self.epoch - 1, steps)
        lr = self.optimizer.param_groups[0]["lr"]
        return diverged(found, epoch + 1, batch, steps, lr, self.folder / self.last_name)

    def facts(self, extra: Mapping[str, Any]) -> dict[str, Any]:
        """What a checkpoint says of the run beside its weights and its optimiser."""
        return {
            "step": self.step,
            "best_epoch": self.best_epoch,
            "meter": {"sums": self.meter.sums, "count": self.meter.count},
            "rng": {
                "cpu": torch.get_rng_state(),
                "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
            },
            "extra": dict(extra),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over a checkpoint's progress, optimiser and random states; the weights are already in the model.

        Raises:
            WeightsError: they do not fit this run's network and solver.
        """
        try:
            self._take_over(state)
        except (ValueError, TypeError, LookupError, AttributeError, RuntimeError, OverflowError) as error:
            raise WeightsError(
                f"a checkpoint with the state of {type(self.optimizer).__name__.lower()}, for this network",
                next(iter(str(error).splitlines()), type(error).__name__),
                "--init-weights takes only the weights",
            ) from error

    def _take_over(self, state: Mapping[str, Any]) -> None:
        facts = state.get("zoopose", {}).get("run", {})
        self.epoch, self.step = int(state.get("epoch", 0)), int(facts.get("step", 0))
        self.best, self.best_epoch = float(state.get("best_acc", -math.inf)), int(facts.get("best_epoch", -1))
        meter = facts.get("meter", {})
        self.meter = Meter(dict(meter.get("sums", {})), int(meter.get("count", 0)))
        self.extra = dict(facts.get("extra", {}))
        if state.get("optimizer"):
            restore_optimizer(self.optimizer, state["optimizer"])
        if "rng" in facts:
            torch.set_rng_state(facts["rng"]["cpu"])
            if torch.cuda.is_available() and len(facts["rng"]["cuda"]) == torch.cuda.device_count():
                torch.cuda.set_rng_state_all(facts["rng"]["cuda"])

    def update_best(self, score: float) -> bool:
        """Whether the epoch just finished is the best so far; there is always a best, were its score no number."""
        better = score > self.best or self.best_epoch < 0
        if better:
            self.best, self.best_epoch = -math.inf if math.isnan(score) else score, self.epoch
        return better

    def out_of_patience(self) -> bool:
        """Whether the score has not risen for as long as there is patience."""
        return self.best_epoch >= 0 and 0 < self.patience <= self.epoch - self.best_epoch

    def any_rank(self, flag: bool) -> bool:
        """Whether it is so on any rank: decisions before a collective must be the same on all."""
        if self.fabric.world_size == 1:
            return flag
        return bool(self.fabric.all_reduce(torch.tensor(float(flag), device=self.fabric.device), reduce_op="sum") > 0)


def fit(
    run: Run,
    step: Step,
    epochs: int,
    validate: Callable[[nn.Module, int | None], Mapping[str, float]],
    select: str,
    runlog: RunLog | None,
    watch: Watch | None = None,
) -> None:
    """Train until `epochs` epochs are finished, or the step says so.

    Args:
        run: fresh, or restored from a checkpoint.
        step: the method.
        epochs: total, counted from the run's first epoch.
        validate: (model, batches or None for all) -> scores by name; called with 2 before the first epoch, so that a fault at the
            end of an epoch shows at its start.
        select: name of the score whose highest value makes `model_best.pth.tar`.
        runlog: receives one row an epoch; None on ranks that do not log.
        watch: may end the run after an epoch, which is then no candidate for `model_best.pth.tar`.

    Raises:
        Interrupted: after saving, when the user stopped the run.
        DivergenceError: a loss or a weight is no longer a finite number; the last checkpoint is from before.
        OptionError: nothing is left to train, and nothing was trained here.
    """
    run.steps = step.steps
    with deferring():
        _begin(run, epochs, validate)
        start = time.monotonic()
        run.saved_at = start
        first = run.epoch + run.step / max(step.steps, 1)
        if watch:
            watch.begin()
        for epoch in range(run.epoch, epochs):
            try:
                if reason := _reason_to_end(run, select, watch):
                    raise Finished(reason)
                facts = _before_epoch(run, step, epoch)
            except Finished as reason:
                log.info("%s: done after %d of %d epochs", reason, epoch, epochs)
                break
            if run.step == 0:
                run.meter = Meter()
            speed = _train_epoch(run, step, epoch, epochs)
            scores = _scores(run, validate)
            run.epoch, run.step = epoch + 1, 0
            watched = dict(watch()) if watch else {}
            better = not (watch and watch.stopped) and run.update_best(scores.get(select, math.nan))
            means, rate = run.meter.means(), run.lr_at(run.epoch * step.steps - 1, step.steps)
            row = {"lr": rate, **{f"train/{k}": v for k, v in means.items()}, **facts, **scores, **watched,
                   "train/loss": means.get("total", 0.0), "pictures_per_s": speed}  # fmt: skip
            if runlog:
                runlog.write(run.epoch, row)
            run.save(best=better)
            run.saved_at = time.monotonic()
            pace = (time.monotonic() - start) / max(run.epoch - first, 1e-9)
            log.info(_epoch_line(run, epochs, row, scores, pace))
            if run.any_rank(asked()):
                raise Interrupted


def _begin(run: Run, epochs: int, validate: Callable[[nn.Module, int | None], Mapping[str, float]]) -> None:
    if run.epoch < epochs:
        validate(run.model, 2)
    elif not run.folder.best.is_file():
        raise OptionError(
            "epochs left to train",
            f"{epochs} epochs in all, {run.epoch} of them done elsewhere",
            f"--epochs {epochs + 10}",
        )


def _before_epoch(run: Run, step: Step, epoch: int) -> dict[str, float]:
    """What the step renews, with the facts for the log. A single process that is asked to stop does so in its midst; several stop
    together, where the step provides for it.

    Raises:
        Interrupted: the user stopped the run; it stands where it was saved last.
    """
    try:
        with deferring(run.fabric.world_size > 1):
            return dict(step.before_epoch(epoch, run.model))
    except Stopped:
        raise Interrupted from None


def _scores(run: Run, validate: Callable[[nn.Module, int | None], Mapping[str, float]]) -> dict[str, float]:
    """Scores of the epoch whose batches are done.

    Raises:
        Interrupted: after saving, when the user stopped the run: it goes on with the validation.
        DivergenceError: the network is no longer one of finite numbers.
    """
    stopped, scores = False, {}
    if bad := bad_weights(run.plain):
        raise run.diverged(bad)
    try:
        with deferring(False):
            scores = dict(validate(run.model, None))
    except Stopped:
        stopped = True
    except DivergenceError as error:
        raise run.diverged(error.found) from error
    if run.any_rank(stopped):
        run.save()
        raise Interrupted
    return scores


def _reason_to_end(run: Run, select: str, watch: Watch | None) -> str:
    """Why the run ends before its next epoch; empty where it goes on."""
    if watch and watch.stopped:
        return watch.sentence
    if run.any_rank(run.out_of_patience()):  # scores may differ in the last digit between devices
        return f"no better {select} for {run.patience} epochs"
    return ""


def _train_epoch(run: Run, step: Step, epoch: int, epochs: int) -> float:
    """The rest of an epoch's batches, with a checkpoint every so often; returns the pictures a second of all ranks.

    Raises:
        Interrupted: after saving, when the user stopped the run.
    """
    begun, begun_at = run.step, time.monotonic()
    run.model.train()
    with Progress(f"epoch {epoch + 1}/{epochs}", step.steps * step.pictures) as progress:
        progress.skip(run.step * step.pictures)
        for batch in step.batches(epoch, run.step):
            for group in run.optimizer.param_groups:
                group["lr"] = run.lr_at(epoch * step.steps + run.step, step.steps)
            if not run.any_rank(batch is None):
                _optimise(run, step, batch)
            run.step += 1
            progress.add(step.pictures, f"loss {run.meter.means().get('total', 0):.5f}")
            if run.print_freq and run.step % run.print_freq == 0:
                log.info(_batch_line(run, epochs, step.steps))
            stop = run.any_rank(asked())
            if stop or run.any_rank(time.monotonic() - run.saved_at > run.save_seconds):
                run.saved_at = time.monotonic()
                run.save()
                if stop:
                    raise Interrupted
    seconds = time.monotonic() - begun_at
    return (run.step - begun) * step.pictures * run.fabric.world_size / max(seconds, 1e-9)


def _optimise(run: Run, step: Step, batch: Any) -> None:
    run.optimizer.zero_grad(set_to_none=True)
    losses = step(run.model, batch)  # may go back through a part of its loss itself, before the rest
    run.fabric.backward(losses["total"])
    run.optimizer.step()
    step.after_step(run.plain)
    numbers = run.meter.add(mean_losses(run.fabric, losses))  # the same on every rank
    if bad := bad_losses(numbers):
        run.step += 1
        raise run.diverged(bad)


def _batch_line(run: Run, epochs: int, steps: int) -> str:
    losses = " ".join(f"{name} {value:.5f}" for name, value in run.meter.means().items())
    rate = run.optimizer.param_groups[0]["lr"]
    return f"epoch {run.epoch + 1}/{epochs}, batch {run.step}/{steps}  {losses}  lr {rate:.2e}"


def _epoch_line(run: Run, epochs: int, row: Mapping[str, float], scores: Mapping[str, float], pace: float) -> str:
    losses = " ".join(f"{k} {v:.5f}" for k, v in run.meter.means().items())
    shown = " ".join(f"{k} {100 * v:.1f}" for k, v in scores.items() if "pck" in k)
    shown += "".join(f" {k} {v:.2f}" for k, v in row.items() if k.startswith("guard/"))
    device = run.fabric.device
    if device.type == "cuda":
        memory = f"{torch.cuda.max_memory_allocated(device) / 2**30:.1f} GiB on the GPU"
    else:
        memory = f"{_resident_bytes() / 2**30:.1f} GiB"
    left = duration(pace * (epochs - run.epoch))
    return (
        f"epoch {run.epoch}/{epochs}  {losses}  {shown}  lr {row['lr']:.2e}  "
        f"{row['pictures_per_s']:.0f} pictures/s  {memory}  {left} left"
    )


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    return pages * 4096
