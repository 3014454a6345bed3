"""Adapt a pose network to unlabelled animals by consistency-constrained semi-supervised learning (CC-SSL).

Examples:

    zoopose ccssl --source coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --num-epochs 10 --checkpoint runs/horse_to_cattle

    python ccssl/CCSSL.py --num-epochs 60 --checkpoint ./checkpoint/synthetic_animal/horse/horse_ccssl
        --resume ./checkpoint/synthetic_animal/horse/horse_spaug/model_best.pth.tar --animal horse

    zoopose ccssl --source coco:horse/train.json --target video:cows.mp4 --resume runs/horse/model_best.pth.tar

The same command again goes on where an interrupted run stopped. The target's labels, if it has any, are never read.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.ccssl import adaptation, protocol
from zoopose.ccssl.options import CcsslOptions
from zoopose.datasets.sources import check_joints, has_splits
from zoopose.errors import OptionError
from zoopose.evaluation.label_report import label_blocks
from zoopose.evaluation.options import adopt, load_network, open_target
from zoopose.options import command
from zoopose.progress import log
from zoopose.train import session, validation
from zoopose.train.data import training_and_validation

LAST = "last.pth.tar"


def run(options: CcsslOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    options = protocol.settled(options)
    fabric = session.open_fabric(options)
    restore = session.earlier_run(options, "ccssl", LAST)
    if restore is None and not options.resume:
        raise OptionError(
            "a source model to start from",
            "no --resume",
            "train one: zoopose train --dataset SOURCE --checkpoint runs/source, then --resume runs/source/model_best.pth.tar",
        )
    source, valid = training_and_validation(options.source, options.valid, options)
    start = restore or load_network(options.resume, options.source, options, getattr(source, "mean", None))
    if restore is None and session.same_run(start, options, "ccssl"):
        restore = start  # the last checkpoint of this very adaptation: go on with it
    start = protocol.network_for(options, start)
    for dataset in (source, valid):
        adopt(dataset, start.skeleton, options)
    target = open_target(options, start.skeleton)
    for dataset, name in ((source, options.source), (valid, options.valid or options.source), (target, options.target)):
        check_joints(dataset, start.skeleton, name)
    aliases = (f"{options.source.partition(':')[0]}.pth.tar",) if has_splits(options.source) else ()
    task = session.open_run(
        options, fabric, "ccssl", start, options.num_epochs, restore and restore.state, LAST, aliases
    )
    data = {"source": source.describe(), "validation": valid.describe(), "target": target.describe()}
    data["protocol"] = protocol.describe(options)
    session.banner(task, start, data, options.num_epochs, [f"start      {start.note}"])
    step = adaptation.step_for(options, source, valid, target, start, fabric, task)
    step.scorer = adaptation.scorer_for(options, start)
    judge = adaptation.judge_for(options, valid, target, start, fabric, step)
    session.carry_out(task, step, options, options.num_epochs, judge, judge.select, "CC-SSL", data, restore is not None)
    if fabric.is_global_zero:
        more = label_blocks(task.folder, target, start.skeleton)
        notes = adaptation.selection_note(options)
        validation.finish(judge.validation, task, options, {"method": "CC-SSL", "model_best": notes, **data}, more)
    log.info("model_best.pth.tar: %s; last.pth.tar: the end of the adaptation", adaptation.selection_note(options))
    unlabelled = options.target.partition(":")[0] in ("images", "video")
    verb = "predict --data" if unlabelled else "test --dataset"
    log.info("next: zoopose %s %s --resume %s", verb, options.target, task.folder / LAST)
    return task.folder


if __name__ == "__main__":
    sys.exit(command(run, CcsslOptions, "CCSSL.py", __doc__))
