"""The one loop: any step, any method. `fit` trains epoch by epoch, scores, logs, saves, and can stop and go on at any batch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import DivergenceError, OptionError
from ..evaluation.run_log import RunLog
from ..progress import Progress, Stopped, asked, deferring, duration, log
from .divergence import non_finite_losses, non_finite_weights
from .guard import SHOWN, Guard
from .meter import Meter
from .ranks import mean_losses
from .run_state import Run
from .step import Step, TrainingEnded

Validate = Callable[[nn.Module, int | None], Mapping[str, float]]  # (model, batches or None for all) -> scores by name


class Interrupted(Exception):
    """The user asked to stop; everything is saved."""


def fit(
    run: Run,
    step: Step,
    epochs: int,
    *,
    validate: Validate,
    select: str,
    runlog: RunLog | None,
    guard: Guard | None = None,
) -> None:
    """Train until `epochs` epochs are finished, or the step says so.

    Args:
        run: fresh, or restored from a checkpoint.
        step: the method.
        epochs: total, counted from the run's first epoch.
        validate: called with 2 batches before the first epoch, so that a fault at the end of an epoch shows at its start.
        select: name of the score whose highest value makes `model_best.pth.tar`.
        runlog: receives one row an epoch; None on ranks that do not log.
        guard: may end the run after an epoch, or refuse its network as `model_best.pth.tar`.

    Raises:
        Interrupted: after saving, when the user stopped the run.
        DivergenceError: a loss or a weight is no longer a finite number; the last checkpoint is from before.
        OptionError: nothing is left to train, and nothing was trained here.
    """
    run.steps = step.steps
    step.load_state_dict(run.restored)
    if guard:
        guard.load_state_dict(run.restored)

    def save(best: bool = False) -> None:
        run.save({**step.state_dict(), **(guard.state_dict() if guard else {})}, best)

    with deferring():
        _check_validation(run, epochs, validate)
        start = time.monotonic()
        run.saved_at = start
        first = run.epoch + run.step / max(step.steps, 1)
        if guard:
            guard.before_first_epoch()
        for epoch in range(run.epoch, epochs):
            try:
                if reason := _reason_to_end(run, select, guard):
                    raise TrainingEnded(reason)
                facts = _before_epoch(run, step, epoch)
            except TrainingEnded as ended:
                log.info("%s: done after %d of %d epochs", ended, epoch, epochs)
                break
            if run.step == 0:
                run.meter = Meter()
            begun, begun_at = run.step, time.monotonic()
            for batch in _batches(run, step, epoch, epochs, save):
                _optimise(run, step, batch)
            seconds = max(time.monotonic() - begun_at, 1e-9)
            speed = (run.step - begun) * step.pictures * run.fabric.world_size / seconds
            scores = _scores(run, validate, save)
            run.epoch, run.step = epoch + 1, 0
            guarded = dict(guard.after_epoch()) if guard else {}
            better = not (guard and guard.refuses) and run.update_best(scores.get(select, math.nan))
            row = _log_row(run, step.steps, {**facts, **scores, **guarded}, speed)
            if runlog:
                runlog.write(run.epoch, row)
            save(best=better)
            run.saved_at = time.monotonic()
            seconds_per_epoch = (run.saved_at - start) / max(run.epoch - first, 1e-9)
            log.info(_epoch_line(run, epochs, row, scores, seconds_per_epoch))
            if run.any_rank(asked()):
                raise Interrupted


def _check_validation(run: Run, epochs: int, validate: Validate) -> None:
    """Score two batches, where an epoch is left to train.

    Raises:
        OptionError: none is left, and this folder has no best checkpoint either.
    """
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


def _scores(run: Run, validate: Validate, save: Callable[[], None]) -> dict[str, float]:
    """Scores of the epoch whose batches are done.

    Raises:
        Interrupted: after saving, when the user stopped the run: it goes on with the validation.
        DivergenceError: the network is no longer one of finite numbers.
    """
    stopped, scores = False, dict[str, float]()
    if bad := non_finite_weights(run.plain):
        raise run.divergence_error(bad)
    try:
        with deferring(False):
            scores = dict(validate(run.model, None))
    except Stopped:
        stopped = True
    except DivergenceError as error:
        raise run.divergence_error(error.found) from error
    if run.any_rank(stopped):
        save()
        raise Interrupted
    return scores


def _reason_to_end(run: Run, select: str, guard: Guard | None) -> str:
    """Why the run ends before its next epoch; empty where it goes on."""
    if guard and guard.stopped:
        return guard.outcome
    if run.any_rank(run.out_of_patience()):  # scores may differ in the last digit between devices
        return f"no better {select} for {run.patience} epochs"
    return ""


def _batches(run: Run, step: Step, epoch: int, epochs: int, save: Callable[[], None]) -> Iterator[Any]:
    """The rest of an epoch's batches, each to be trained on before the next is taken; a checkpoint every `run.save_seconds`.

    Raises:
        Interrupted: after saving, when the user stopped the run.
    """
    run.model.train()
    run.frozen.apply(epoch)
    with Progress(f"epoch {epoch + 1}/{epochs}", step.steps * step.pictures) as progress:
        progress.skip(run.step * step.pictures)
        for batch in step.batches(epoch, run.step):
            for group in run.optimizer.param_groups:
                group["lr"] = run.lr_at(epoch * step.steps + run.step, step.steps) * group.get("lr_scale", 1)
            if not run.any_rank(batch is None):
                yield batch
            run.step += 1
            progress.add(step.pictures, f"loss {run.meter.means().get('total', 0):.5f}")
            if run.print_freq and run.step % run.print_freq == 0:
                log.info(_batch_line(run, epochs, step.steps))
            stop = run.any_rank(asked())
            if stop or run.any_rank(time.monotonic() - run.saved_at > run.save_seconds):
                run.saved_at = time.monotonic()
                save()
                if stop:
                    raise Interrupted


def _optimise(run: Run, step: Step, batch: Any) -> None:
    run.optimizer.zero_grad(set_to_none=True)
    losses = step(run.model, batch)  # may go back through a part of its loss itself, before the rest
    run.fabric.backward(losses["total"])
    run.optimizer.step()
    step.after_step(run.plain)
    numbers = run.meter.add(mean_losses(run.fabric, losses))  # the same on every rank
    if bad := non_finite_losses(numbers):
        run.step += 1
        raise run.divergence_error(bad)


def _log_row(run: Run, steps: int, numbers: Mapping[str, float], speed: float) -> dict[str, float]:
    """The finished epoch's row of log.csv, with the numbers of step, validation and guard."""
    means = run.meter.means()
    losses = {f"train/{name}": mean for name, mean in means.items()}
    rate = run.lr_at(run.epoch * steps - 1, steps)  # of the epoch's last batch
    return {"lr": rate, **losses, **numbers, "train/loss": means.get("total", 0.0), "pictures_per_s": speed}


def _batch_line(run: Run, epochs: int, steps: int) -> str:
    losses = " ".join(f"{name} {value:.5f}" for name, value in run.meter.means().items())
    rate = run.optimizer.param_groups[0]["lr"]
    return f"epoch {run.epoch + 1}/{epochs}, batch {run.step}/{steps}  {losses}  lr {rate:.2e}"


def _epoch_line(run: Run, epochs: int, row: Mapping[str, float], scores: Mapping[str, float], pace: float) -> str:
    """The line of the log after an epoch; `pace` in seconds an epoch."""
    losses = " ".join(f"{k} {v:.5f}" for k, v in run.meter.means().items())
    shown = " ".join(f"{k} {100 * v:.1f}" for k, v in scores.items() if "pck" in k)
    shown += "".join(f" {k} {v:.2f}" for k, v in row.items() if k in SHOWN)
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
