"""The report of a run folder, from what the run has left there and the data that it names."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import chdir
from pathlib import Path
from typing import Any, TypeVar, cast, get_type_hints

from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.source_free import source_free_report
from zoopose.commandline.keywords import fits
from zoopose.commandline.limits import check_limits
from zoopose.commandline.parsing import warn_of_idle
from zoopose.datasets.sample import PoseDataset
from zoopose.errors import DataError
from zoopose.evaluation.data import open_selecting, open_target, open_with_options, use_pairs_of
from zoopose.evaluation.inference import PredictConfig, predict
from zoopose.evaluation.mirroring import flips
from zoopose.evaluation.network import compute_device
from zoopose.evaluation.options import TestOptions
from zoopose.evaluation.report.before_after import before_after_blocks
from zoopose.evaluation.report.blocks import Block
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.report.run_report import read_run_json, test_report, training_report
from zoopose.evaluation.report.saved_predictions import SavedPredictions
from zoopose.evaluation.run_folder import RunFolder
from zoopose.evaluation.score import BATCH, score_predictions
from zoopose.pose import checkpoints
from zoopose.pose.checkpoints import Loaded
from zoopose.pose.skeleton import Skeleton
from zoopose.progress import log
from zoopose.scripts.report import ReportOptions
from zoopose.train.data import validation_data
from zoopose.train.options import AdaptOptions, FitOptions, TrainOptions
from zoopose.wscda.options import PploOptions, WscdaOptions
from zoopose.wscda.report import domain_blocks

O = TypeVar("O")  # noqa: E741

SCORED = "here: the run has been scored, no network runs"
# name in run.json -> its options, and the option that names the labelled data
METHODS: Mapping[str, tuple[type[FitOptions], str]] = {
    "train": (TrainOptions, "dataset"),
    "CC-SSL": (CcsslOptions, "source"),
    "WS-CDA": (WscdaOptions, "labelled"),
    "PPLO": (PploOptions, "source"),
}


def rebuild_report(options: ReportOptions) -> Path:
    """Write report.html of a run folder anew; returns its path.

    Raises:
        DataError: no run folder, or data that are no longer what the run saw.
    """
    check_limits(options)
    folder = RunFolder(Path(options.run).expanduser().resolve())
    facts = read_run_json(folder)
    record = SavedPredictions.read(folder) if folder.predictions.is_file() else None
    if record is not None and record.kind == "test":
        warn_of_idle(options, [(name, lambda o: True, SCORED) for name in ("accelerator", "workers")])
        path = _test(folder, record)
    elif facts.get("method") in METHODS:
        path = _training(folder, facts, record, options)
    else:
        raise _no_run(folder)
    log.info("report: %s", path)
    return path


def _no_run(folder: RunFolder) -> DataError:
    path, files = folder.path, f"{RunFolder.RUN_JSON} or {RunFolder.PREDICTIONS}"
    inside = sorted(p.parent.name for p in path.glob(f"*/{RunFolder.RUN_JSON}")) if path.is_dir() else []
    names = sorted(p.name for p in path.iterdir())[:8] if path.is_dir() else []
    found = f"{path} with {', '.join(names) or 'nothing in it'}" if path.is_dir() else f"no folder {path}"
    remedy = f"zoopose report {folder / inside[0]}" if inside else "the folder that --checkpoint of the run named"
    return DataError(f"a run folder, with the {files} that train, ccssl, wscda, pplo and test write", found, remedy)


def _test(folder: RunFolder, record: SavedPredictions) -> Path:
    options = _options(TestOptions, record.options["options"])
    with _where(record.options):
        dataset = open_with_options(
            record.options["data"],
            record.options["split"],
            options,
            skeleton=record.skeleton,
            need_pictures=not options.predictions,
        )
        _same_frames(dataset, record, record.options["data"])
        return test_report(folder, dataset, record)


def _training(
    folder: RunFolder, facts: Mapping[str, Any], record: SavedPredictions | None, asked: ReportOptions
) -> Path:
    """The report of a training or adaptation run, scored first where its best checkpoint has not been scored."""
    kind, labelled = METHODS[facts["method"]]
    options = _options(kind, facts["options"])
    network = checkpoints.load(folder.best) if folder.best.is_file() else None
    if record is not None and network is not None and record.epoch != int(network.state.get("epoch", 0)):
        log.info("the best checkpoint is newer than its scores: scoring it")
        record = None  # gone on since
    if record is not None:
        idle = ["workers"] if isinstance(options, WscdaOptions) else ["accelerator", "workers"]
        warn_of_idle(asked, [(name, lambda o: True, SCORED) for name in idle])
    if record is None and network is None:
        raise DataError(
            f"a checkpoint in {folder}", f"no {RunFolder.BEST}: the run was stopped before its first", "let it run on"
        )
    with _where(facts):
        if isinstance(options, CcsslOptions) and options.no_source:
            assert network is not None
            return source_free_report(folder, open_target(options, network.skeleton), network.skeleton)
        if record is None:
            assert network is not None
            scored_data, _ = _scored_data(options, getattr(options, labelled), network.skeleton)
            record = _scored(scored_data, network, facts, options, asked)
        else:
            scored_data, name = _scored_data(options, getattr(options, labelled), record.skeleton)
            _same_frames(scored_data, record, name)
        more = _target_blocks(folder, options, record.skeleton, asked) if isinstance(options, AdaptOptions) else []
        return training_report(folder, scored_data, record, more)


def _scored_data(options: FitOptions, labelled: str, skeleton: Skeleton) -> tuple[PoseDataset, str]:
    """The data that chose the best checkpoint, and their name."""
    if isinstance(options, CcsslOptions) and options.select_on_target:
        return open_selecting(options.select_on_target, options, skeleton), options.select_on_target
    dataset = use_pairs_of(validation_data(labelled, options.valid, options), skeleton, options)
    return dataset, options.valid or labelled


def _target_blocks(folder: RunFolder, options: AdaptOptions, skeleton: Skeleton, asked: ReportOptions) -> list[Block]:
    if not options.target:
        return []
    target = open_target(options, skeleton)
    if isinstance(options, WscdaOptions):
        return domain_blocks(folder, target, compute_device(asked.accelerator))
    return [*before_after_blocks(folder, target), *label_blocks(folder, target, skeleton)]


def _scored(
    dataset: PoseDataset, network: Loaded, facts: Mapping[str, Any], options: FitOptions, asked: ReportOptions
) -> SavedPredictions:
    """Predictions and scores of a run's best checkpoint, as the run itself would take them at its end."""
    device = compute_device(asked.accelerator)
    flip = flips(options, dataset.skeleton)
    config = PredictConfig(BATCH, asked.workers, flip, strict=options.strict_data, phase="scoring")
    found = predict(network.model.to(device), dataset, network.spec, device, config)
    notes = ("mirrored picture averaged in",) if flip else ()
    name = str(dataset.describe().get("name", ""))
    scores = score_predictions(found, network.skeleton, network.spec.original_cells, name, options.test_batch, notes)
    told = {
        "method": facts["method"],
        "scored": f"epoch {network.state.get('epoch')}, for this report",
        **facts["data"],
    }
    return SavedPredictions("run", found, scores, network.skeleton, told)


def _same_frames(dataset: PoseDataset, record: SavedPredictions, name: str) -> None:
    if list(dataset.ids) != record.predictions.ids:
        raise DataError(
            f"the {len(record.predictions.ids)} animals of {name} that the run was scored on",
            f"{len(dataset.ids)} animals, not the same ones",
            "give the data back, or score anew: zoopose test",
        )


def _options(kind: type[O], values: Mapping[str, Any]) -> O:
    """Options as a run has written them; those that this version does not know are left out.

    Raises:
        DataError: one of another type than the option has.
    """
    hints, found = get_type_hints(kind), {}
    if issubclass(kind, FitOptions):
        values = kind.under_todays_names(values)
    for f in dataclasses.fields(cast(Any, kind)):
        if f.name not in values:
            continue
        value = values[f.name]
        value = tuple(value) if isinstance(value, list) else value
        if not fits(value, hints[f.name]) or (isinstance(value, str) and "\0" in value):
            raise DataError(
                "the options of a run, as it has written them into its folder",
                f"--{f.name.replace('_', '-')} {value!r:.60}, of another type than the option",
                "run the command of the run again",
            )
        found[f.name] = value
    return kind(**found)


def _where(facts: Mapping[str, Any]) -> chdir:
    """The folder that the run was started in, from which its paths may count; this one where that is gone."""
    folder = Path(facts.get("started_in") or ".")
    return chdir(folder if folder.is_dir() else ".")
