"""Refine a pose network on unlabelled animals by its own selected predictions, easy ones first (PPLO).

Examples:

    zoopose pplo --animal coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --checkpoint runs/horse_to_cattle

    python wscda/PPLO.py --animal coco:animals/train.json --target images:cows --resume runs/animals/model_best.pth.tar
        --rounds 6 --refresh-every 5 --checkpoint runs/cows

    zoopose pplo --animal coco:horse/train.json --target video:cows.mp4 --resume runs/horse/model_best.pth.tar
        --select self_consistency --grow cosine --source-ratio 0.4

The same command again goes on where an interrupted run stopped. The target's labels, if it has any, are never read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.limits import check_limits
from zoopose.commandline.parsing import command
from zoopose.evaluation.mirroring import say_pairs
from zoopose.evaluation.report.labels import label_blocks_of_run
from zoopose.evaluation.run_folder import RunFolder
from zoopose.train import run as session
from zoopose.train import validation
from zoopose.train.adaptation import guard_for, open_adaptation, outcome_facts, say_end
from zoopose.wscda.options import PploOptions
from zoopose.wscda.pplo import rounds
from zoopose.wscda.pplo import step as refinement

LAST = RunFolder.LAST
CHOSEN = "best on the labelled validation animals; target labels were not read"


@alone_in("checkpoint")
def run(options: PploOptions) -> Path:
    """Refine as the options say; returns the run folder."""
    check_limits(options)
    options = rounds.with_defaults(options)
    fabric = session.open_fabric(options)
    opening = open_adaptation(options, "pplo", options.animal, "animal", LAST)
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
    say_end(options.target, task, guard, f"{RunFolder.BEST}: {CHOSEN}; {LAST}: the end of the refinement")
    return task.folder.path


if __name__ == "__main__":
    sys.exit(command(run, PploOptions, "PPLO.py", __doc__))
