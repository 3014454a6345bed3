"""Predict the joints of your own pictures or video: a results file, and pictures to look at.

Examples:

    zoopose predict --data images:photos --resume runs/horse_to_cattle/last.pth.tar --checkpoint predictions

    zoopose predict --data video:cows.mp4 --resume runs/horse_to_cattle/last.pth.tar --overlays 200

    zoopose predict --data coco:boxes.json --resume runs/horse/model_best.pth.tar --flip

Pictures without boxes are taken whole: crop them around the animal, or give boxes in a COCO file.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import tyro

from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.limits import COUNT_OR_ZERO, Limits, check_limits
from zoopose.commandline.parsing import command, dead, warn_of_idle
from zoopose.datasets.open import check_joints, has_splits, warn_of_idle_data
from zoopose.datasets.sample import PoseDataset
from zoopose.errors import OptionError
from zoopose.evaluation.inference import Predictions, predict
from zoopose.evaluation.mirroring import flips, say_pairs
from zoopose.evaluation.options import (
    DataOptions,
    compute_device,
    load_network,
    open_with_options,
    warn_of_own_network,
    warn_of_reading,
)
from zoopose.evaluation.prediction_files import (
    OVERLAY_PX,
    metas_of,
    remove_overlays,
    require_folder,
    write_coco_results,
    write_table,
)
from zoopose.evaluation.report.runs import crop_of
from zoopose.evaluation.run_folder import RunFolder
from zoopose.files import atomic_picture, sweep
from zoopose.pose.draw import draw_pose
from zoopose.pose.skeleton import Skeleton
from zoopose.progress import log, track

NO_SCORES = "predictions are not scored; zoopose test does that"


@dataclass
class PredictOptions(DataOptions):
    """`zoopose predict`."""

    checkpoint: Annotated[str, tyro.conf.arg(aliases=["-c"])] = "predictions"
    """folder for predictions and overlays"""
    data: str = ""
    """what to look at, NAME[:PATH]: images:FOLDER, video:FILE, coco:PATH.json, ..."""
    resume: str = ""
    """checkpoint of the network"""
    trained_on: str = ""
    """for files of the published code, which do not say: real_animal, or nothing for renderings"""
    overlays: Annotated[int, COUNT_OR_ZERO] = 24
    """how many crops with drawn joints to write, evenly spread; 0: none"""
    shown_from: Annotated[float, Limits(-1000, 1000)] = 0.2
    """joints with a lower peak are not drawn"""

    test_batch: Annotated[int, dead(why=NO_SCORES)] = 6
    json: Annotated[str, dead(why=NO_SCORES)] = ""

    DEAD_FLAGS: ClassVar[tuple[str, ...]] = ("test_batch", "json")


@alone_in("checkpoint", shared=True)
def run(options: PredictOptions) -> Predictions:
    """Predict as the options say; writes predictions.csv, predictions.json (COCO results form) and overlays."""
    check_limits(options)
    if not options.data or not options.resume:
        raise OptionError(
            "data to look at and a checkpoint",
            f"--data {options.data or '(none)'}, --resume {options.resume or '(none)'}",
            f"zoopose predict --data images:FOLDER --resume FOLDER/{RunFolder.BEST}",
        )
    folder = RunFolder(options.checkpoint)
    require_folder(folder.path)
    require_folder(folder.overlays)
    sweep(folder.path)
    network = load_network(options.resume, options.trained_on, options)
    if network.spec.kind != "published":
        warn_of_idle_data(options)
    split = "valid" if has_splits(options.data) else "all"
    dataset = open_with_options(options.data, split, options, labelled=False, skeleton=network.skeleton)
    check_joints(dataset, network.skeleton, options.data)
    if options.flip:
        say_pairs(options, dataset.skeleton, training=False)
    warn_of_reading(options)
    warn_of_own_network(options, network)
    warn_of_idle(options, [("shown_from", lambda o: o.overlays == 0, "with --overlays 0")])
    device = compute_device(options.accelerator)
    log.info("%s\n%d pictures of %s", network.note, len(dataset), options.data)
    found = predict(
        network.model.to(device),
        dataset,
        network.spec,
        device,
        options.predict_batch,
        options.workers,
        flips(options, dataset.skeleton),
        strict=options.strict_data,
    )
    metas = metas_of(dataset)
    write_table(folder.predictions_csv, found, network.skeleton, metas)
    write_coco_results(folder.predictions_json, found, metas)
    write_overlays(folder.overlays, dataset, found, network.skeleton, options)
    log.info("%d predictions in %s", int(found.read.sum()), folder)
    if found.faults:
        log.warning(found.faults)
    return found


def write_overlays(
    folder: Path, dataset: PoseDataset, found: Predictions, skeleton: Skeleton, options: PredictOptions
) -> None:
    """Crops with the joints that are seen well enough, in place of those of an earlier prediction."""
    remove_overlays(folder)
    rows = np.flatnonzero(found.read)
    rows = (
        rows[np.unique(np.linspace(0, len(rows) - 1, min(options.overlays, len(rows))).astype(int))]
        if len(rows)
        else rows
    )
    for i in track(rows, "overlays", len(rows)) if options.overlays else ():
        crop, (xy,) = crop_of(dataset, int(i), np.nan_to_num(found.xy_px[i]), size=OVERLAY_PX)
        picture = draw_pose(crop, xy, skeleton, found.score[i] >= options.shown_from)
        atomic_picture(folder / f"{i:06d}.jpg", picture[..., ::-1])


if __name__ == "__main__":
    sys.exit(command(run, PredictOptions, "predict.py", __doc__))
