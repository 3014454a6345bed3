"""A prediction from its options to tables and overlays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..commandline.folder_lock import alone_in
from ..commandline.parsing import warn_of_idle
from ..datasets.open import check_joints, has_splits, warn_of_idle_data
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..files import atomic_picture, sweep
from ..pose.draw import draw_pose, stretch_contrast
from ..pose.skeleton import Skeleton
from ..progress import log, track
from .data import open_with_options
from .inference import PredictConfig, Predictions, predict
from .mirroring import flips, say_pairs
from .network import compute_device, load_network, warn_of_own_network, warn_of_reading
from .options import PredictOptions
from .prediction_files import (
    OVERLAY_PX,
    metas_of,
    remove_overlays,
    require_folder,
    write_coco_results,
    write_table,
)
from .report.overlay_gallery import crop_of
from .run_folder import RunFolder


@alone_in("checkpoint", shared=True)
def predict_data(options: PredictOptions) -> Predictions:
    """Predict joints; writes predictions.csv, predictions.json (COCO results) and overlays."""
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
        PredictConfig(
            options.predict_batch, options.workers, flips(options, dataset.skeleton), strict=options.strict_data
        ),
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
    """Write crops with the joints whose peaks are high enough, and remove those of an earlier prediction."""
    remove_overlays(folder)
    rows = np.flatnonzero(found.read)
    rows = (
        rows[np.unique(np.linspace(0, len(rows) - 1, min(options.overlays, len(rows))).astype(int))]
        if len(rows)
        else rows
    )
    for i in track(rows, "overlays", len(rows)) if options.overlays else ():
        crop, (xy,) = crop_of(dataset, int(i), np.nan_to_num(found.xy_px[i]), size=OVERLAY_PX)
        shown = found.score[i] >= options.shown_from
        picture = draw_pose(stretch_contrast(crop), xy, skeleton, shown, confidence=found.score[i])
        atomic_picture(folder / f"{i:06d}.jpg", picture[..., ::-1])
