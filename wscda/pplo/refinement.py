"""A PPLO run from its options to its report."""

from __future__ import annotations

from pathlib import Path

from ...commandline.folder_lock import alone_in
from ...evaluation.mirroring import say_pairs
from ...evaluation.report.before_after import before_after_of_run
from ...evaluation.report.labels import label_blocks_of_run
from ...evaluation.run_folder import RunFolder
from ...train.adaptation import guard_for, log_outcome, outcome_facts, prepare_adaptation
from ...train.devices import open_fabric
from ...train.loop import fit
from ...train.run import log_banner, open_run, recorded_run
from ...train.selftraining.target_labels import describe_target_labels, open_target_labels
from ...train.validation import Validation, finish
from ..options import PploOptions
from .rounds import with_defaults
from .setup import step_for

LAST = RunFolder.LAST
CHOSEN = "best on the labelled validation animals; target labels were not read"


@alone_in("checkpoint")
def refine(options: PploOptions) -> Path:
    """Refine as the options say; returns the run folder."""
    options = with_defaults(options)
    fabric = open_fabric(options)
    inputs = prepare_adaptation(options, "pplo")
    start, restore = inputs.start, inputs.restore
    run = open_run(options, fabric, "pplo", start, epochs=options.num_epochs, restore=restore, framing=inputs.framing)
    few = open_target_labels(options, start.skeleton)
    data = {**inputs.describe(), **describe_target_labels(few)}
    guard = guard_for(options, inputs, run)
    log_banner(run, start, data, options.num_epochs, [f"start      {start.note}"])
    say_pairs(options, start.skeleton)
    step = step_for(options, inputs, fabric, run, few)
    validation = Validation(inputs.valid, start, fabric, options)
    recorded = recorded_run(run, step, options, start, method="PPLO", data=data, restored=restore is not None)
    with recorded as (recorded_step, runlog):
        fit(run, recorded_step, options.num_epochs, validate=validation, select="val/pck", runlog=runlog, guard=guard)
    if fabric.is_global_zero:
        blocks = [
            *before_after_of_run(run.folder, inputs.target, fabric.device),
            *label_blocks_of_run(run.folder, inputs.target, start.skeleton),
        ]
        finish(validation, run, options, {"method": "PPLO", **outcome_facts(guard, run, CHOSEN), **data}, blocks)
    log_outcome(options.target, run, guard, f"{RunFolder.BEST}: {CHOSEN}; {LAST}: the end of the refinement")
    return run.folder.path
