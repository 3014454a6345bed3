"""`zoopose.score`: the command `zoopose test` as a function; poses in memory are scored too."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..commandline.keywords import options_from
from ..datasets.open import check_joints, has_splits
from ..datasets.sample import PoseDataset
from ..errors import DataError, OptionError
from ..evaluation.data import open_with_options
from ..evaluation.inference import Predictions
from ..evaluation.options import TestOptions
from ..evaluation.pose_model import PoseModel
from ..evaluation.poses import Poses
from ..evaluation.run_folder import RunFolder
from ..evaluation.score import score_predictions, scores_json
from ..evaluation.test import run
from .scores import Scores, read_scores

FUNCTION, COMMAND = "zoopose.score", "zoopose test"
RESULTS_OF_OTHERS = (".json", ".mat")  # COCO keypoint results, MPII's preds*.mat


def score(
    predicted: PoseModel | Poses | str | Path,
    data: str,
    *,
    split: Literal["auto", "train", "valid", "all"] = "auto",
    folder: str | Path | None = None,
    **options: Any,
) -> Scores:
    """Score a network, or poses that it predicted, against labels. The numbers are those of `zoopose test`.

    Args:
        predicted: one of

            - a model of `zoopose.load`, or a checkpoint file;
            - a file of predictions: COCO keypoint results (.json), or preds*.mat of MPII;
            - `Poses` that a model predicted for the same data: PCK alone, no file is written.
        data: labelled data, NAME[:PATH], such as "coco:cows/labels.json".
        split: part of the data; "auto": the validation split of data that have splits of their own, else all.
        folder: where metrics.json, predictions.h5 and report.html go; None: nothing is kept.
        options: those of `zoopose test --help`, with _ for -: flip=True, sigmas="ap10k17", category="cow".

    Raises:
        OptionError: an unknown option, whose message names the nearest one, or something else to be scored.
        DataError: data without labels, or poses of other pictures.
        WeightsError: the checkpoint cannot be read.

    Example:
        >>> import zoopose
        >>> model = zoopose.load("model_best.pth.tar")
        >>> scores = zoopose.score(model, "coco:horses/labels.json")
        >>> scores.protocol.metric, scores.main.n == sum(n for _, n in scores.joints.values())
        ('pck@0.05/crop', True)
        >>> poses = model.predict("coco:horses/labels.json")
        >>> zoopose.score(poses, "coco:horses/labels.json").mean == scores.mean
        True
    """
    fixed: dict[str, tuple[str, Any]] = {"dataset": ("data", data), "split": ("split", split)}
    if isinstance(predicted, Poses):
        if folder is not None:
            raise OptionError("a folder with a model or a file of predictions only", "folder= with Poses")
        return _score_poses(predicted, data, options_from(TestOptions, options, FUNCTION, fixed, COMMAND))
    path = predicted.path if isinstance(predicted, PoseModel) else Path(predicted)
    if path.is_dir():
        raise OptionError("a checkpoint, or a file of predictions", f"{path}, a folder", str(RunFolder(path).best))
    fixed["predictions" if path.suffix in RESULTS_OF_OTHERS else "resume"] = ("predicted", str(path))
    with nullcontext(str(folder)) if folder is not None else tempfile.TemporaryDirectory() as place:
        fixed["checkpoint"] = ("folder", place)
        if isinstance(predicted, PoseModel):
            facts = {"accelerator": predicted.device.type, "dataset1": predicted.trained_on, **predicted.facts}
            options = {**facts, **options}
        run(options_from(TestOptions, options, FUNCTION, fixed, COMMAND))
        return read_scores(RunFolder(place).metrics)


def _score_poses(poses: Poses, data: str, options: TestOptions) -> Scores:
    """PCK of poses in memory.

    Raises:
        DataError: the data have no labels, or other animals.
    """
    split = options.split if options.split != "auto" else "valid" if has_splits(data) else "all"
    dataset = open_with_options(data, split, options, skeleton=poses.skeleton, need_pictures=False)
    check_joints(dataset, poses.skeleton, data)
    found = _labelled(poses, dataset, data)
    name = str(dataset.describe().get("name", ""))
    return Scores.from_metrics(scores_json(score_predictions(found, poses.skeleton, None, name)))


def _labelled(poses: Poses, dataset: PoseDataset, data: str) -> Predictions:
    """Poses beside the labels of the data set that they are of, row by row."""
    if dataset.labels is None:
        raise DataError("data with labels", f"{data} without", "score on labelled data")
    row_of = {name: row for row, name in enumerate(poses.ids)}
    missing = [name for name in dataset.ids if name not in row_of]
    if missing or len(poses) != len(dataset):
        found = f"{len(poses)} poses for {len(dataset)} animals" + (f", none of {missing[0]}" if missing else "")
        raise DataError(f"a pose of each animal of {data}", found, f"zoopose.score(model.predict({data!r}), {data!r})")
    rows = np.array([row_of[name] for name in dataset.ids])
    xy_true, visible = dataset.labels
    xy_px, nothing = poses.xy[rows], np.zeros_like(xy_true)
    return Predictions(
        ids=list(dataset.ids), xy_px=xy_px, score=poses.score[rows], cells=nothing, target_cells=nothing, xy_true_px=xy_true,
        visible=visible, box_xywh=poses.box_xywh[rows], size_hw=np.zeros((len(dataset), 2), np.int64),
        crop_factor=dataset.crop_factor, read=np.isfinite(xy_px).all((1, 2)),
    )  # fmt: skip
