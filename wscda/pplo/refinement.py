"""A PPLO run from its options to its report."""

from __future__ import annotations

from pathlib import Path

from ...commandline.folder_lock import alone_in
from ...evaluation.mirroring import say_pairs
from ...evaluation.report.labels import label_blocks_of_run
from ...evaluation.run_folder import RunFolder
from ...train import run as session
from ...train import validation
from ...train.adaptation import guard_for, log_outcome, outcome_facts, prepare_adaptation
from ..options import PploOptions
from . import rounds
from . import step as refinement

LAST = RunFolder.LAST
CHOSEN = "best on the labelled validation animals; target labels were not read"


@alone_in("checkpoint")
def refine(options: PploOptions) -> Path:
    """Refine as the options say; returns the run folder."""
    options = rounds.with_defaults(options)
    fabric = session.open_fabric(options)
    opening = prepare_adaptation(options, "pplo", options.source, "source", LAST)
    target, start, restore = opening.target, opening.start, opening.restore
    task = session.open_run(options, fabric, "pplo", start, options.num_epochs, restore and restore.state, LAST)
    data = opening.describe()
    guard = guard_for(options, opening, start, task)
    session.banner(task, start, data, options.num_epochs, [f"start      {start.note}"])
    say_pairs(options, start.skeleton)
    step = refinement.step_for(options, opening.labelled, target, start, fabric, task)
    update_best = validation.Validation(opening.valid, start, fabric, options)
    session.train_run(
        task, step, options, options.num_epochs, update_best, "val/pck", "PPLO", data, restore is not None, start, guard
    )
    if fabric.is_global_zero:
        more = label_blocks_of_run(task.folder, target, start.skeleton)
        facts = {"method": "PPLO", **outcome_facts(guard, CHOSEN), **data}
        validation.finish(update_best, task, options, facts, more)
    log_outcome(options.target, task, guard, f"{RunFolder.BEST}: {CHOSEN}; {LAST}: the end of the refinement")
    return task.folder.path
