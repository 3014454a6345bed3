"""A CC-SSL run from its options to its report."""

from __future__ import annotations

from pathlib import Path

from ..commandline.folder_lock import alone_in
from ..datasets.open import has_splits
from ..evaluation.mirroring import say_pairs
from ..evaluation.report.labels import label_blocks_of_run
from ..evaluation.run_folder import RunFolder
from ..train import run as session
from ..train import validation
from ..train.adaptation import guard_for, log_outcome, outcome_facts, prepare_adaptation
from . import protocol
from . import setup as adaptation
from .options import CcsslOptions
from .starts import describe_target_labels, fresh_network, open_target_labels

LAST = RunFolder.LAST


@alone_in("checkpoint")
def adapt(options: CcsslOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    options = protocol.with_defaults(options)
    fabric = session.open_fabric(options)
    opening = prepare_adaptation(
        options, "ccssl", options.source, "source", LAST, lambda given: protocol.network_for(options, given),
        fresh=lambda data: fresh_network(options, data),
    )  # fmt: skip
    source, valid, target, start, restore = opening
    aliases = (f"{options.source.partition(':')[0]}.pth.tar",) if has_splits(options.source) else ()
    task = session.open_run(
        options, fabric, "ccssl", start, options.num_epochs, restore and restore.state, LAST, aliases
    )
    few = open_target_labels(options, start.skeleton)
    data = {**opening.describe(), **describe_target_labels(few), "protocol": protocol.describe(options)}
    guard = guard_for(options, opening, start, task)
    session.banner(task, start, data, options.num_epochs, [f"start      {start.note}"])
    say_pairs(options, start.skeleton)
    step = adaptation.step_for(options, source, valid, target, start, fabric, task, few)
    selection = adaptation.selection_for(options, valid, target, start, fabric, step)
    session.train_run(
        task, step, options, options.num_epochs, selection, selection.select, "CC-SSL", data, restore is not None, start,
        guard,
    )  # fmt: skip
    notes = adaptation.selection_note(options)
    if fabric.is_global_zero:
        more = label_blocks_of_run(task.folder, target, start.skeleton)
        chosen = outcome_facts(guard, notes)
        validation.finish(selection.validation, task, options, {"method": "CC-SSL", **chosen, **data}, more)
    log_outcome(options.target, task, guard, f"{RunFolder.BEST}: {notes}; {LAST}: the end of the adaptation")
    return task.folder.path
