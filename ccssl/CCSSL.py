"""Adapt a pose network to unlabelled animals by consistency-constrained semi-supervised learning (CC-SSL).

Examples:

    zoopose ccssl --source coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --num-epochs 10 --checkpoint runs/horse_to_cattle

    python ccssl/CCSSL.py --num-epochs 60 --checkpoint ./checkpoint/synthetic_animal/horse/horse_ccssl
        --resume ./checkpoint/synthetic_animal/horse/horse_spaug/model_best.pth.tar --animal horse

    zoopose ccssl --source coco:horse/train.json --target video:cows.mp4 --resume runs/horse/model_best.pth.tar

    zoopose ccssl --source coco:horse/train.json --target coco:cattle_a/all.json --target-labels coco:cattle_a/few.json
        --resume runs/horse/model_best.pth.tar --checkpoint runs/horse_to_cattle_few

The same command again goes on where an interrupted run stopped. The target's labels, if it has any, are never read, but those of
--target-labels. --resume '' begins without a source model, from fresh weights.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.ccssl import protocol
from zoopose.ccssl import setup as adaptation
from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.starts import describe_target_labels, fresh_network, open_target_labels
from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.limits import check_limits
from zoopose.commandline.parsing import command
from zoopose.datasets.open import has_splits
from zoopose.evaluation.mirroring import say_pairs
from zoopose.evaluation.report.labels import label_blocks_of_run
from zoopose.evaluation.run_folder import RunFolder
from zoopose.train import run as session
from zoopose.train import validation
from zoopose.train.adaptation import FROM_SCRATCH, guard_for, open_adaptation, outcome_facts, say_end

LAST = RunFolder.LAST


@alone_in("checkpoint")
def run(options: CcsslOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    check_limits(options)
    options = protocol.with_defaults(options)
    fabric = session.open_fabric(options)
    opening = open_adaptation(
        options, "ccssl", options.source, "source", LAST, lambda given: protocol.network_for(options, given),
        fresh=lambda data: fresh_network(options, data),
    )  # fmt: skip
    source, valid, target, start, restore = opening
    aliases = (f"{options.source.partition(':')[0]}.pth.tar",) if has_splits(options.source) else ()
    task = session.open_run(
        options, fabric, "ccssl", start, options.num_epochs, restore and restore.state, LAST, aliases
    )
    if not start.state:
        task.extra[FROM_SCRATCH] = True
    few = open_target_labels(options, start.skeleton)
    data = {**opening.describe(), **describe_target_labels(few), "protocol": protocol.describe(options)}
    guard = guard_for(options, opening, start, task)
    session.banner(task, start, data, options.num_epochs, [f"start      {start.note}"])
    say_pairs(options, start.skeleton)
    step = adaptation.step_for(options, source, valid, target, start, fabric, task, few)
    step.scorer = adaptation.scorer_for(options, start)
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
    say_end(options.target, task, guard, f"{RunFolder.BEST}: {notes}; {LAST}: the end of the adaptation")
    return task.folder.path


if __name__ == "__main__":
    sys.exit(command(run, CcsslOptions, "CCSSL.py", __doc__))
