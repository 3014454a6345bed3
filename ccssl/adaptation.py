"""A CC-SSL run from its options to its report."""

from __future__ import annotations

from pathlib import Path

from ..commandline.folder_lock import alone_in
from ..datasets.open import has_splits
from ..evaluation.mirroring import say_pairs
from ..evaluation.report.labels import label_blocks_of_run
from ..evaluation.run_folder import RunFolder
from ..train.adaptation import guard_for, log_outcome, outcome_facts, prepare_adaptation
from ..train.run import banner, open_fabric, open_run, train_run
from ..train.validation import finish
from .model_selection import model_selection_for, selection_note
from .options import CcsslOptions
from .protocol import describe, fresh_network, start_network, with_defaults
from .setup import step_for
from .target_labels import describe_target_labels, open_target_labels

LAST = RunFolder.LAST


@alone_in("checkpoint")
def adapt(options: CcsslOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    options = with_defaults(options)
    fabric = open_fabric(options)
    inputs = prepare_adaptation(
        options,
        "ccssl",
        options.source,
        "source",
        LAST,
        lambda network: start_network(options, network),
        fresh=lambda data: fresh_network(options, data),
    )
    start, restore = inputs.start, inputs.restore
    aliases = (f"{options.source.partition(':')[0]}.pth.tar",) if has_splits(options.source) else ()
    state = None if restore is None else restore.state
    run = open_run(options, fabric, "ccssl", start, options.num_epochs, state, LAST, aliases)
    few = open_target_labels(options, start.skeleton)
    data = {**inputs.describe(), **describe_target_labels(few), "protocol": describe(options)}
    guard = guard_for(options, inputs, start, run)
    banner(run, start, data, options.num_epochs, [f"start      {start.note}"])
    say_pairs(options, start.skeleton)
    step = step_for(options, inputs, fabric, run, few)
    selection = model_selection_for(options, inputs, fabric, step)
    train_run(
        run,
        step,
        options,
        options.num_epochs,
        selection,
        selection.select,
        "CC-SSL",
        data,
        restore is not None,
        start,
        guard,
    )
    note = selection_note(options)
    if fabric.is_global_zero:
        blocks = label_blocks_of_run(run.folder, inputs.target, start.skeleton)
        facts = {"method": "CC-SSL", **outcome_facts(guard, note), **data}
        finish(selection.validation, run, options, facts, blocks)
    log_outcome(options.target, run, guard, f"{RunFolder.BEST}: {note}; {LAST}: the end of the adaptation")
    return run.folder.path
