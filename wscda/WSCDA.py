"""Adapt a pose network between humans, labelled animals and unlabelled ones (WS-CDA: weakly- and semi-supervised adaptation).

Examples:

    zoopose wscda --animal coco:horse/train.json --target coco:cattle_a/all.json --resume runs/horse/model_best.pth.tar
        --num-epochs 10 --checkpoint runs/horse_to_cattle_wscda

    python wscda/WSCDA.py --human coco_person:coco --animal animal_pose:animalpose --target coco_animals:coco
        --resume runs/human/model_best.pth.tar --checkpoint runs/wscda

    zoopose pplo --animal coco:horse/train.json --target coco:cattle_a/all.json
        --resume runs/horse_to_cattle_wscda/model_best.pth.tar --checkpoint runs/horse_to_cattle_pplo

Any of --human, --animal, --target may be left out, as long as one of the first two is there. The target's labels, if it has any,
are never read. The same command again goes on where an interrupted run stopped.
"""

from __future__ import annotations

import sys
from pathlib import Path

from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.limits import check_limits
from zoopose.commandline.parsing import command
from zoopose.evaluation.mirroring import say_pairs
from zoopose.evaluation.options import use_pairs_of
from zoopose.evaluation.run_folder import RunFolder
from zoopose.progress import log
from zoopose.train import run as session
from zoopose.train import validation
from zoopose.train.adaptation import check_adaptable
from zoopose.wscda import setup as adaptation
from zoopose.wscda.options import WscdaOptions
from zoopose.wscda.report import domain_blocks, forget
from zoopose.wscda.step import sizes_of

LAST = RunFolder.LAST


@alone_in("checkpoint")
def run(options: WscdaOptions) -> Path:
    """Adapt as the options say; returns the run folder."""
    check_limits(options)
    options = adaptation.with_defaults(options)
    fabric = session.open_fabric(options)
    adaptation.check(options)
    restore = session.earlier_run(options, "wscda", LAST)
    domains = adaptation.open_domains(options)
    start, given, note = adaptation.start_of(options, domains, restore)
    check_adaptable(start)
    if restore is None and session.same_run(start, options, "wscda"):
        restore = start  # the last checkpoint of this very run: go on with it
    for dataset in (domains.main, domains.valid, domains.target):
        if dataset is not None:
            use_pairs_of(dataset, start.skeleton, options)
    whole = adaptation.build_network(domains, start, given)
    task = session.open_run(
        options, fabric, "wscda", start, options.num_epochs, restore and restore.state, LAST, whole=whole
    )
    task.extra["wscda"] = {**task.extra.get("wscda", {}), "parts": whole.parts(), "human": domains.human_skeleton()}
    data = domains.describe()
    sizes = ", ".join(f"{name} {count / 1e6:.2f} M" for name, count in sizes_of(whole).items())
    session.banner(task, start, data, options.num_epochs, [f"start      {note}", f"parts      {sizes}"])
    for skeleton in domains.skeletons():
        say_pairs(options, skeleton)
    step = adaptation.step_for(options, domains, whole, start.spec, task)
    update_best = validation.Validation(domains.valid, start, fabric, options)
    if not task.epoch and not task.step:
        forget(task.folder)
        if options.probe:
            task.extra["wscda"]["probe"] = adaptation.probe(options, domains, start, fabric).to_dict()
    session.train_run(
        task, step, options, options.num_epochs, update_best, "val/pck", "WS-CDA", data, restore is not None, start
    )
    if fabric.is_global_zero:
        if options.probe:
            adaptation.probe_at_the_end(options, domains, task)
        more = domain_blocks(task.folder, domains.target, fabric.device)
        chosen = "best on the labelled validation animals; target labels were not read"
        validation.finish(update_best, task, options, {"method": "WS-CDA", "model_best": chosen, **data}, more)
    if options.animal and options.target:
        valid = f" --valid {options.valid}" if options.valid else ""
        best = task.folder.best
        log.info(
            "next: zoopose pplo --animal %s%s --target %s --resume %s", options.animal, valid, options.target, best
        )
    return task.folder.path


if __name__ == "__main__":
    sys.exit(command(run, WscdaOptions, "WSCDA.py", __doc__))
