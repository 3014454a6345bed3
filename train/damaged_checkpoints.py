"""Damaged checkpoints of a run: it continues from the newest undamaged one."""

from __future__ import annotations

import math
from pathlib import Path

from ..errors import WeightsError
from ..evaluation.run_folder import RunFolder
from ..pose import checkpoints, weights
from ..progress import log
from .run_state import Run


def load_newest_undamaged(path: Path, method: str) -> tuple[Path, checkpoints.Loaded]:
    """Load a checkpoint of a run folder; if it is damaged, the newest undamaged one of the same method in that folder.

    Returns:
        The file that was loaded, and its content.

    Raises:
        WeightsError: the file is damaged, and no other can be loaded.
    """
    try:
        return path, checkpoints.load(path)
    except WeightsError as error:
        found = error.found
    others = sorted((p for p in RunFolder(path.parent).checkpoints() if p != path), key=lambda p: _progress(p, method))
    while others and _progress(others[-1], method)[0] >= 0:
        other = others.pop()
        try:
            loaded = checkpoints.load(other)
        except WeightsError:
            continue
        epoch, step, _ = _progress(other, method)
        log.warning("%s; going on from %s instead, %d epochs and %d batches into the run", found, other, epoch, step)
        return other, loaded
    raise WeightsError(
        "an undamaged checkpoint to continue from", f"{found}; {path.parent} has no other of this run", "--restart"
    )


def _progress(path: Path, method: str) -> tuple[int, int, str]:
    """Finished epochs and batches of a checkpoint, and its name to order equal ones; -1 if it is damaged or of another method."""
    try:
        state = weights.read(path)
    except WeightsError:
        return -1, -1, path.name
    run = state.get("zoopose", {}).get("run", {})
    if run.get("method") != method or not state.get("optimizer"):
        return -1, -1, path.name
    return int(state.get("epoch", 0)), int(run.get("step", 0)), path.name


def replace_damaged(run: Run, epochs: int) -> None:
    """Prepare a run that goes on for missing or damaged checkpoints. To be called on all ranks.

    If the best checkpoint is missing or damaged, the best of the coming epochs takes its place. A damaged last one is written again
    if no epoch is left, after which the run would write it.

    Args:
        epochs: of the run in all; where none is left, the last network takes the place of a damaged best one.
    """
    last = run.folder / run.last_name
    if run.epoch >= epochs and run.any_rank(last.is_file() and bool(weights.fault_of(last))):
        run.save()
    path = run.folder.best
    fault = weights.fault_of(path) if path.is_file() else ""
    if path.is_file() and not fault:
        return
    # another folder's best: its score may be of other data, and no file here stands for it
    run.best, run.best_epoch = -math.inf, -1
    if not fault:
        return
    if run.epoch < epochs:
        log.warning("%s; the best of the epochs from now on takes its place", fault)
        return
    log.warning("%s; no epoch is left, so the last network takes its place", fault)
    run.best_epoch = run.epoch
    run.save(best=True)
