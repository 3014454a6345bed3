"""Scores of predictions from a file: of a network in the boxes of a detector, or of poses that any program has written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..datasets.annotated_pictures import AnnotatedPictures
from ..datasets.coco.person import CocoPerson
from ..datasets.coco.truth import CocoTruth, coco_truth
from ..datasets.mpii import Mpii
from ..datasets.open import open_data
from ..datasets.picture_paths import picture_size
from ..datasets.sample import PoseDataset
from ..datasets.unit_check import Coordinates, check_results
from ..errors import DataError, OptionError
from ..pose.checkpoints import Loaded
from ..progress import log
from .data import use_pairs_of
from .inference import Predictions
from .keypoint_tables import log_tables, network_results, oks_table, pckh_table, ranking, usable_sigmas
from .mpii_truth import read_mpii_truth, read_preds
from .nms import box_nms
from .options import TestOptions
from .pose_results import PoseResults, given_to_animals, read_results, summary
from .protocol import Score
from .run_folder import RunFolder
from .score import predict_with, print_scores, score_predictions
from .score_table import ScoreTable

_MATCHING = "each animal gets the nearest result, better scores first; an animal without a result counts as wrong"


def score_detections(
    network: Loaded,
    dataset: PoseDataset,
    *,
    source: str,
    split: str,
    sigmas: tuple[np.ndarray, str] | None,
    device: torch.device,
    options: TestOptions,
    folder: RunFolder,
) -> tuple[dict[str, Score], Predictions, list[ScoreTable]]:
    """Score a network in the boxes of a detector: OKS of all detections, as published, and PCK of the annotated animals.

    For PCK, each annotated animal gets the result that belongs to it.

    Args:
        dataset: the annotated animals.
        source, split: NAME[:PATH] and split of `dataset`, which is opened again with the detections.
        sigmas: from `usable_sigmas`.
        folder: for keypoints_results.json.

    Raises:
        OptionError: a data set that takes no detections.
        DataError: detections that cannot be read, or most pictures cannot be read.
    """
    opened = open_data(source, split=split, image_path=options.image_path, boxes=options.boxes)
    truth = coco_truth(dataset)
    if not isinstance(opened, CocoPerson) or not isinstance(dataset, AnnotatedPictures) or not sigmas or truth is None:
        raise OptionError("a data set that takes detections, coco_person, for --boxes FILE", source)
    detected = use_pairs_of(chosen_detections(opened, options.image_thr, options.box_thr), network.skeleton, options)
    found = predict_with(network, detected, device, options)
    metas = [detected.meta_of(i) for i in range(len(detected))]
    items = [(meta["image_id"], truth.items[0][1]) for meta in metas]
    results = network_results(found, items, _scores_of(detected), sigmas[0], network.spec, options)
    results.write(folder.keypoint_results)
    skipped = summary({reason: len(ids) for reason, ids in detected.skipped.items()}, "detections")
    boxes = f"{len(detected)} detections of {options.boxes}" + (f" ({skipped})" if skipped else "")
    tables = log_tables([oks_table(results, truth, *sigmas, {"boxes": boxes} | ranking(options))])
    animals = animals_of(dataset, results, truth, found.faults)
    notes = (*(("mirrored picture averaged in",) if options.flip else ()), f"boxes: {boxes}", _MATCHING)
    scores = score_predictions(animals, network.skeleton, None, str(dataset.describe().get("name", "")), 6, notes)
    print_scores(scores)
    return scores, animals, tables


def chosen_detections(detected: CocoPerson, least: float, overlap: float) -> CocoPerson:
    """Detections with a score of at least `least`; of those of a picture that overlap (IoU) more than `overlap` the best one.

    Raises:
        DataError: none is left.
    """
    scores = _scores_of(detected)
    high = scores >= least
    images = [detected.meta_of(i)["image_id"] for i in range(len(detected))]
    rows: dict[Any, list[int]] = {}
    for row in np.flatnonzero(high).tolist():
        rows.setdefault(images[row], []).append(row)
    boxes = np.concatenate([detected.boxes[:, :2], detected.boxes[:, :2] + detected.boxes[:, 2:] - 1], 1)
    kept = [np.array(own)[box_nms(boxes[own], scores[own], overlap)] for own in rows.values()]
    best = np.zeros(len(detected), bool)
    best[np.concatenate([np.empty(0, np.int64), *kept])] = True
    reasons = {
        f"with a score below {least:g}": ~high,
        f"that overlap a better one by more than {overlap:g}": high & ~best,
    }
    if not best.any():
        found = f"{len(detected)} detections with scores up to {scores.max():.3g}"
        raise DataError(f"detections with a score of at least {least:g}", found, "a lower --image-thr")
    return detected.only(
        np.flatnonzero(best), {why: np.flatnonzero(left) for why, left in reasons.items() if left.any()}
    )


def _scores_of(detected: CocoPerson) -> np.ndarray:
    """(N,) score of every detection.

    Raises:
        DataError: the boxes have no scores.
    """
    if detected.scores is None:
        raise DataError("detections with scores", "boxes without scores")
    return detected.scores


def score_prediction_file(
    dataset: PoseDataset, options: TestOptions
) -> tuple[dict[str, Score], Predictions, list[ScoreTable]]:
    """Score a file of predictions without changes: COCO results, or preds*.mat of MPII. Pictures are not needed.

    Raises:
        OptionError: a data set whose predictions no such file can hold.
        DataError: a file that cannot be read or does not fit the data.
    """
    path, name = Path(options.predictions), str(dataset.describe().get("name", ""))
    notes: tuple[str, ...] = (f"predictions of {path}",)
    how = {"predictions": str(path)}
    if isinstance(dataset, Mpii):
        people = read_mpii_truth(dataset)
        preds = read_preds(path, people)
        tables = log_tables([pckh_table(preds, people, how)])
        animals = _animals(dataset, preds[people.items] - 1, np.ones(preds[people.items].shape[:2]))
    else:
        truth = coco_truth(dataset)
        if truth is None or not isinstance(dataset, AnnotatedPictures):
            raise OptionError("data in COCO's form, or mpii, for --predictions", name)
        results = read_results(path, truth, len(dataset.skeleton))
        if results.left_out:
            log.warning(summary(results.left_out, "results"))
        if not options.as_is:
            _check_pixels(results, truth, dataset, path)
        sigmas = usable_sigmas(dataset, dataset.skeleton, options)
        how |= {"score of a pose": "as given", "NMS": "none"}
        tables = [] if sigmas is None else log_tables([oks_table(results, truth, *sigmas, how)])
        animals = animals_of(dataset, results, truth)
        notes = (*notes, _MATCHING)
    scores = score_predictions(animals, dataset.skeleton, None, name, 6, notes)
    print_scores(scores)
    return scores, animals, tables


def _check_pixels(results: PoseResults, truth: CocoTruth, dataset: AnnotatedPictures, path: Path) -> None:
    """Refuse results whose joints are no pixels. Each result is compared with the first animal of its picture.

    Raises:
        DataError: see `unit_check.check_results`.
    """
    boxes, size_hw = _frames(dataset)
    first: dict[Any, int] = {}
    for row, (image_id, _) in enumerate(truth.items):
        first.setdefault(image_id, row)
    pairs = [(row, first[image_id]) for row, image_id in enumerate(results.image_ids) if image_id in first]
    if pairs:
        own, animals = (np.array(rows) for rows in zip(*pairs))
        sizes = np.where(size_hw > 0, size_hw, np.nan)[animals, ::-1]
        check_results(Coordinates(boxes[animals].astype(float), results.poses[own, :, :2], sizes), path)


def animals_of(dataset: AnnotatedPictures, results: PoseResults, truth: CocoTruth, faults: str = "") -> Predictions:
    """Results as predictions of the data set's items; NaN for an animal that gets no result."""
    xy_true, visible = _labels_of(dataset)
    boxes, _ = _frames(dataset)
    rows = given_to_animals(results, truth.items, xy_true, visible, boxes)
    poses = np.full((len(dataset), len(dataset.skeleton), 3), np.nan)
    poses[rows >= 0] = results.poses[rows[rows >= 0]]
    return _animals(dataset, poses[..., :2], np.nan_to_num(poses[..., 2]), faults)


def _animals(dataset: AnnotatedPictures, xy_px: np.ndarray, score: np.ndarray, faults: str = "") -> Predictions:
    xy_true, visible = _labels_of(dataset)
    boxes, size_hw = _frames(dataset)
    none, read = np.zeros_like(xy_true), np.ones(len(dataset), bool)
    return Predictions(
        ids=list(dataset.ids),
        xy_px=xy_px.astype(np.float32),
        score=score.astype(np.float32),
        cells=none,
        target_cells=none.copy(),
        xy_true_px=xy_true,
        visible=visible,
        box_xywh=boxes,
        size_hw=size_hw,
        crop_factor=dataset.crop_factor,
        read=read,
        faults=faults,
    )


def _labels_of(dataset: AnnotatedPictures) -> tuple[np.ndarray, np.ndarray]:
    """Joints (N, K, 2) in px of the pictures and visibility (N, K).

    Raises:
        DataError: the data set has no labels.
    """
    if dataset.labels is None:
        raise DataError("labelled joints to score against", f"{dataset.name} without labels")
    return dataset.labels


def _frames(dataset: AnnotatedPictures) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (N, 4) as items have them, and (N, 2) heights and widths of the pictures, 0 if they are unknown.

    Raises:
        DataError: an animal without a box, in a picture that is missing.
    """
    sizes_wh = [dataset.size_of(i) or picture_size(dataset.path_of(i)) or (0, 0) for i in range(len(dataset))]
    whole = np.array([[0, 0, w, h] for w, h in sizes_wh], np.float32)
    boxes = np.where(dataset.boxes[:, 2:3] > 0, dataset.boxes, whole)
    lost = np.flatnonzero(boxes[:, 2] == 0)
    if len(lost):
        raise DataError(
            "a box, or a picture, of every animal", f"neither of {dataset.ids[lost[0]]}", "put the picture there"
        )
    return boxes, np.array(sizes_wh, np.int64)[:, ::-1]
