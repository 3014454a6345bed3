"""A test from its options to scores and report."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..commandline.folder_lock import alone_in
from ..commandline.parsing import given, plain, warn_nothing, warn_of_idle
from ..datasets.open import check_joints, has_splits, warn_of_idle_data, warn_of_idle_split
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..pose.checkpoints import Loaded
from ..pose.skeleton import Skeleton
from ..progress import log
from .checkpoint_scores import score_checkpoints
from .data import open_with_options
from .inference import Predictions
from .keypoint_tables import check_options, log_tables, network_tables, usable_sigmas
from .mirroring import flips, say_pairs
from .network import (
    compute_device,
    load_network,
    warn_of_other_network,
    warn_of_own_network,
    warn_of_reading,
)
from .options import TestOptions
from .part_iou import counter_for
from .prediction_scores import score_detections, score_prediction_file
from .protocol import Score
from .published_results import comparison, measured, read_results
from .report.overlay_gallery import write_frame_overlays
from .report.run_report import test_report
from .report.saved_predictions import SavedPredictions
from .run_folder import RunFolder
from .score import score_network, write_scores
from .score_table import ScoreTable

# options that need a network
OF_NETWORKS = (
    "dataset1",
    "arch",
    "stacks",
    "blocks",
    "inp_res",
    "out_res",
    "mirror",
    "test_batch",
    "predict_batch",
    "accelerator",
    "workers",
)


@alone_in(lambda options: options.checkpoint or _folder(options), shared=True)
def score_checkpoint(options: TestOptions) -> dict[str, Score]:
    """Score a checkpoint or a file of predictions; returns the scores by protocol."""
    source = options.dataset or options.dataset2 or options.dataset1
    if not source or not (options.resume or options.predictions):
        raise OptionError(
            "a checkpoint and labelled data",
            f"--resume {options.resume or '(none)'}, --dataset {source or '(none)'}",
            f"zoopose test --dataset NAME[:PATH] --resume FOLDER/{RunFolder.BEST}",
        )
    check_options(options)
    if not options.predictions and Path(options.resume).is_dir():
        return score_checkpoints(options, score_checkpoint)
    warn_of_idle_split(options.split, source)
    split = options.split if options.split != "auto" else "valid" if has_splits(source) else "all"
    folder = RunFolder(options.checkpoint or _folder(options))
    if options.predictions:
        scored = _score_file(options, source, split)
    else:
        scored = _score_network(options, source, split, folder)
    options, facts, dataset = scored.options, scored.facts, scored.dataset
    write_scores(Path(options.json) if options.json else folder.metrics, scored.scores, scored.tables)
    facts["data"] = dict(dataset.describe())
    opened = {"data": source, "split": split, "options": plain(options), "started_in": os.getcwd()}
    saved = SavedPredictions(
        "test", scored.predictions, scored.scores, scored.skeleton, facts, options=opened, tables=scored.tables
    )
    saved.write(folder)
    log.info("report: %s", test_report(folder, dataset, saved))
    if options.debug:
        write_frame_overlays(folder.overlays, dataset, scored.predictions, scored.skeleton)
    return scored.scores


@dataclass(frozen=True)
class _Scored:
    """What was scored, and the scores.

    Attributes:
        options: of the command, with `flip` as it was used.
        dataset: the labelled animals.
        skeleton: the joints of the predictions.
        facts: about network and data, for the report.
        scores: by protocol.
        predictions: of the animals.
        tables: scores that are no PCK.
    """

    options: TestOptions
    dataset: PoseDataset
    skeleton: Skeleton
    facts: dict[str, Any]
    scores: dict[str, Score]
    predictions: Predictions
    tables: list[ScoreTable]


def _score_file(options: TestOptions, source: str, split: str) -> _Scored:
    """Score the file of --predictions."""
    dataset = open_with_options(source, split, options, need_pictures=False)
    warn_of_idle_data(options)
    warn_of_idle(options, [(name, lambda o: True, "with --predictions: no network runs") for name in OF_NETWORKS])
    facts = {"predictions": options.predictions}
    return _Scored(options, dataset, dataset.skeleton, facts, *score_prediction_file(dataset, options))


def _score_network(options: TestOptions, source: str, split: str, folder: RunFolder) -> _Scored:
    """Score the checkpoint of --resume."""
    network = load_network(options.resume, options.dataset1 or source, options)
    warn_of_other_network(options, network)
    if network.spec.kind != "published":
        warn_of_idle_data(options)
    warn_of_reading(options)
    _warn_of_scoring(options, network, source)
    skeleton = network.skeleton
    facts: dict[str, Any] = {"network": network.note, "input": network.spec.describe(), "trained on": options.dataset1}
    dataset = open_with_options(source, split, options, skeleton=skeleton)
    check_joints(dataset, skeleton, source)
    if options.flip:
        say_pairs(options, dataset.skeleton, training=False)
        options = replace(options, flip=flips(options, dataset.skeleton))
    sigmas, device = usable_sigmas(dataset, skeleton, options), compute_device(options.accelerator)
    log.info("=> loaded checkpoint %s", network.note)
    log.info("    Total params: %.2fM", sum(p.numel() for p in network.model.parameters()) / 1e6)
    log.info("    %s", network.spec.describe())
    if options.boxes in ("", "gt"):
        parts = counter_for(dataset, network)
        scores, predictions = score_network(network, dataset, device, options, folder, parts.observe if parts else None)
        tables = network_tables(predictions, dataset, sigmas, network.spec, options, folder)
        tables += log_tables([parts.table({"data": source})] if parts else [])
    else:
        scores, predictions, tables = score_detections(
            network,
            dataset,
            source=source,
            split=split,
            sigmas=sigmas,
            device=device,
            options=options,
            folder=folder,
        )
    results = read_results(network.state.get("zoopose", {}).get("run", {}).get("results"))
    if results:
        facts["published / ours"] = "; ".join(compared := comparison(results, measured(tables)))
        for line in compared:
            log.info(line)
    return _Scored(options, dataset, skeleton, facts, scores, predictions, tables)


def _warn_of_scoring(options: TestOptions, network: Loaded, source: str) -> None:
    """Say which options do nothing for this network and these data."""
    if options.dataset1 != source:  # the published command names data of two kinds
        warn_of_own_network(options, network)
    if options.dataset and options.dataset2 not in ("", options.dataset):
        warn_nothing("dataset2", "with --dataset")
    published = network.spec.original_cells and options.boxes in ("", "gt")
    if given(options, "test_batch") and not published:
        warn_nothing("test_batch", "here: there is no published score")


def _folder(options: TestOptions) -> Path:
    """Where scores and report go: `test` in the folder of the checkpoint, or a folder named after the predictions."""
    if options.predictions:
        path = Path(options.predictions)
        return path.with_name(f"{path.stem}_test")
    return RunFolder(Path(options.resume).parent).test
