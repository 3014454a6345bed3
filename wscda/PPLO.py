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

from zoopose.datasets.sources import check_joints
from zoopose.errors import OptionError
from zoopose.evaluation.label_report import label_blocks
from zoopose.evaluation.options import adopt, load_network, open_target
from zoopose.options import command
from zoopose.progress import log
from zoopose.train import session, validation
from zoopose.train.data import training_and_validation
from zoopose.wscda import refinement, rounds
from zoopose.wscda.options import PploOptions

LAST = "last.pth.tar"
CHOSEN = "best on the labelled validation animals; target labels were not read"


def run(options: PploOptions) -> Path:
    """Refine as the options say; returns the run folder."""
    options = rounds.settled(options)
    fabric = session.open_fabric(options)
    restore = session.earlier_run(options, "pplo", LAST)
    for name, what in (("animal", "labelled animals"), ("target", "unlabelled animals")):
        if not getattr(options, name):
            raise OptionError(f"{what}, --{name} NAME[:PATH]", f"no --{name}", f"--{name} coco:PATH.json")
    if restore is None and not options.resume:
        raise OptionError(
            "a network to start from",
            "no --resume",
            "train one: zoopose train --dataset ANIMALS --checkpoint runs/animals, then --resume runs/animals/model_best.pth.tar",
        )
    animals, valid = training_and_validation(options.animal, options.valid, options)
    start = restore or load_network(options.resume, options.animal, options, getattr(animals, "mean", None))
    if restore is None and session.same_run(start, options, "pplo"):
        restore = start  # the last checkpoint of this very run: go on with it
    for dataset in (animals, valid):
        adopt(dataset, start.skeleton, options)
    target = open_target(options, start.skeleton)
    named = (animals, options.animal), (valid, options.valid or options.animal), (target, options.target)
    for dataset, name in named:
        check_joints(dataset, start.skeleton, name)
    task = session.open_run(options, fabric, "pplo", start, options.num_epochs, restore and restore.state, LAST)
    data = {"source": animals.describe(), "validation": valid.describe(), "target": target.describe()}
    session.banner(task, start, data, options.num_epochs, [f"start      {start.note}"])
    step = refinement.step_for(options, animals, target, start.form, fabric, task)
    judge = validation.Validation(valid, start, fabric, options)
    session.carry_out(task, step, options, options.num_epochs, judge, "val/pck", "PPLO", data, restore is not None)
    if fabric.is_global_zero:
        more = label_blocks(task.folder, target, start.skeleton)
        validation.finish(judge, task, options, {"method": "PPLO", "model_best": CHOSEN, **data}, more)
    log.info("model_best.pth.tar: %s; last.pth.tar: the end of the refinement", CHOSEN)
    unlabelled = options.target.partition(":")[0] in ("images", "video")
    verb = "predict --data" if unlabelled else "test --dataset"
    log.info("next: zoopose %s %s --resume %s", verb, options.target, task.folder / LAST)
    return task.folder


if __name__ == "__main__":
    sys.exit(command(run, PploOptions, "PPLO.py", __doc__))
