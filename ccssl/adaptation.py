"""A CC-SSL run from its options to its report."""

from __future__ import annotations

from pathlib import Path

from ..commandline.folder_lock import alone_in
from ..datasets.open import has_splits
from ..evaluation.mirroring import say_pairs
from ..evaluation.report.before_after import before_after_of_run
from ..evaluation.report.labels import label_blocks_of_run
from ..evaluation.run_folder import RunFolder
from ..train.adaptation import guard_for, log_outcome, outcome_facts, prepare_adaptation
from ..train.devices import open_fabric
from ..train.loop import fit
from ..train.run import log_banner, open_run, recorded_run
from ..train.selftraining.target_labels import describe_target_labels, open_target_labels
from ..train.validation import finish
from .model_selection import model_selection_for, selection_note
from .options import CcsslOptions
from .protocol import describe, fresh_network, start_network, with_defaults
from .setup import step_for
from .source_free import adapt_without_source

LAST = RunFolder.LAST


@alone_in("checkpoint")
def adapt(options: CcsslOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    options = with_defaults(options)
    if options.no_source:
        return adapt_without_source(options)
    fabric = open_fabric(options)
    inputs = prepare_adaptation(
        options,
        "ccssl",
        lambda network: start_network(options, network),
        lambda data: fresh_network(options, data),
    )
    start, restore = inputs.start, inputs.restore
    aliases = (f"{options.source.partition(':')[0]}.pth.tar",) if has_splits(options.source) else ()
    framing = inputs.framing
    run = open_run(
        options, fabric, "ccssl", start, epochs=options.num_epochs, restore=restore, aliases=aliases, framing=framing
    )
    few = open_target_labels(options, start.skeleton)
    data = {**inputs.describe(), **describe_target_labels(few), "protocol": describe(options)}
    original = options.protocol == "published"
    guard = guard_for(options, inputs, run, original)
    if guard and options.select_on_target:
        guard.refuses_networks = False  # labels know better
    log_banner(run, start, data, options.num_epochs, [f"start      {start.note}"])
    say_pairs(options, start.skeleton)
    step = step_for(options, inputs, fabric, run, few)
    selection = model_selection_for(options, inputs, fabric, step)
    # the 2020 code gives the two domains to the network one after the other
    at_once = options.train_batch if original else 0
    recorded = recorded_run(
        run, step, options, start, method="CC-SSL", data=data, restored=restore is not None, pictures_at_once=at_once
    )
    with recorded as (recorded_step, runlog):
        fit(
            run,
            recorded_step,
            options.num_epochs,
            validate=selection,
            select=selection.select,
            runlog=runlog,
            guard=guard,
        )
    note = selection_note(options)
    if fabric.is_global_zero:
        blocks = [
            *before_after_of_run(run.folder, inputs.target, fabric.device),
            *label_blocks_of_run(run.folder, inputs.target, start.skeleton),
        ]
        facts = {"method": "CC-SSL", **outcome_facts(guard, run, note), **data}
        finish(selection.validation, run, options, facts, blocks)
    log_outcome(options.target, run, guard, f"{RunFolder.BEST}: {note}; {LAST}: the end of the adaptation")
    return run.folder.path
