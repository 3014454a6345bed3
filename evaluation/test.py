"""Score a pose network on labelled animals: PCK@0.05 per joint, published and exact protocols side by side.

Examples:

    zoopose test --dataset coco:cattle_a/all.json --resume runs/horse_to_cattle/last.pth.tar --json result.json

    python evaluation/test.py --dataset1 synthetic_animal_sp --dataset2 real_animal_sp --arch hg --evaluate --animal horse
        --resume ./checkpoint/synthetic_animal/horse/horse_ccssl/synthetic_animal_sp.pth.tar

    zoopose test --dataset real_animal --animal tiger --resume checkpoint/real_animal/tiger/tiger_hourglass/model_best.pth.tar
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from zoopose.datasets.sources import check_joints, has_splits
from zoopose.errors import OptionError
from zoopose.evaluation.options import TestOptions, compute_device, load_network, open_data
from zoopose.evaluation.record import Record
from zoopose.evaluation.runs import frame_overlays, test_report
from zoopose.evaluation.score import score_network
from zoopose.options import command, plain
from zoopose.progress import log


def run(options: TestOptions) -> dict:
    """Score as the options say; returns the scores by protocol."""
    source = options.dataset or options.dataset2 or options.dataset1
    if not source or not options.resume:
        raise OptionError(
            "a checkpoint and labelled data",
            f"--resume {options.resume or '(none)'}, --dataset {source or '(none)'}",
            "zoopose test --dataset NAME[:PATH] --resume FOLDER/model_best.pth.tar",
        )
    network = load_network(options.resume, options.dataset1 or source, options)
    split = options.split if options.split != "auto" else "valid" if has_splits(source) else "all"
    dataset = open_data(source, split, options, skeleton=network.skeleton)
    check_joints(dataset, network.skeleton, source)
    folder = Path(options.checkpoint) if options.checkpoint else Path(options.resume).parent / "test"
    log.info("=> loaded checkpoint %s", network.note)
    log.info("    Total params: %.2fM", sum(p.numel() for p in network.model.parameters()) / 1e6)
    scores, found = score_network(network, dataset, compute_device(options.accelerator), options, folder)
    facts = {"network": network.note, "trained on": options.dataset1, "data": dict(dataset.describe())}
    opened = {"data": source, "split": split, "options": plain(options), "started_in": os.getcwd()}
    Record("test", found, scores, network.skeleton, facts, opened).write(folder)
    log.info("report: %s", test_report(folder, dataset, found, scores, network.skeleton, facts))
    if options.debug:
        frame_overlays(folder / "overlays", dataset, found, network.skeleton)
    return scores


if __name__ == "__main__":
    sys.exit(command(run, TestOptions, "test.py", __doc__))
