"""Tables of the scores that are no PCK: the ten OKS numbers of COCO, for any joints with sigmas, and PCKh of MPII."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from ..datasets.annotated_pictures import AnnotatedPictures
from ..datasets.coco.person import CocoPerson
from ..datasets.coco.truth import CocoTruth, coco_truth
from ..datasets.mpii import Mpii
from ..datasets.sample import PoseDataset
from ..errors import OptionError, ZooposeError
from ..pose.input_spec import InputSpec
from ..pose.skeleton import MPII16, Skeleton
from ..progress import log
from .coco_scores import MAX_RESULTS, NUMBERS, faster_coco_eval, keypoint_numbers
from .inference import Predictions
from .mpii_truth import MpiiTruth, read_mpii_truth, write_preds
from .nms import SOFT_LIMIT, enlarged_area, ranked
from .options import TestOptions
from .pckh import CURVE, head_errors, pckh
from .pose_results import PoseResults, summary
from .run_folder import RunFolder
from .score_table import ScoreTable
from .sigmas import sigmas_of


def check_options(options: TestOptions) -> None:
    """Check options of a test.

    Raises:
        OptionError: an impossible threshold, or options of a network together with --predictions.
    """
    if not 0 < options.nms <= 1 or not 0 <= options.joint_threshold < 1:
        found = f"--nms {options.nms:g}, --joint-threshold {options.joint_threshold:g}"
        raise OptionError("--nms above 0 and up to 1, --joint-threshold from 0 to below 1", found)
    if options.boxes in ("", "gt"):
        useless = _asked(options, "image_thr", "box_thr")
        if useless:
            raise OptionError(
                f"detections, --boxes FILE, for {', '.join(useless)}", f"--boxes {options.boxes or '(none)'}"
            )
    if options.predictions:
        given = [
            ("--resume", options.resume),
            ("--boxes", options.boxes),
            ("--flip", options.flip),
            ("--joints", options.joints),
        ]
        useless = [name for name, value in given if value]
        useless += _asked(options, "soft_nms", "nms", "joint_threshold", "blur_kernel", "shift_heatmap", "joint_bias")
        if useless:
            expected = "--predictions alone: a file is scored without changes"
            raise OptionError(expected, f"{', '.join(useless)} too", "leave out one of them")


def network_tables(
    found: Predictions,
    dataset: PoseDataset,
    sigmas: tuple[np.ndarray, str] | None,
    spec: InputSpec,
    options: TestOptions,
    folder: RunFolder,
) -> list[ScoreTable]:
    """Tables of a network's predictions in the annotated boxes of a data set. The tables are logged, and the results written.

    Args:
        found: row by row the data set's items.
        sigmas: from `usable_sigmas`.
        spec: input of the network.
        folder: for keypoints_results.json or pred.mat.
    """
    if isinstance(dataset, Mpii):
        truth = read_mpii_truth(dataset)
        preds = truth.of_all(np.where(found.read[:, None, None], found.xy_px + 1, np.nan))
        write_preds(folder.mpii_preds, preds)
        return log_tables([pckh_table(preds, truth, {"boxes": "annotated"} | _flip(options))])
    if sigmas is None:
        return []
    annotations = coco_truth(dataset)
    if annotations is None:
        return []
    results = network_results(found, annotations.items, np.ones(len(found.ids)), sigmas[0], spec, options)
    results.write(folder.keypoint_results)
    return log_tables([oks_table(results, annotations, *sigmas, {"boxes": "annotated"} | ranking(options))])


def usable_sigmas(dataset: PoseDataset, skeleton: Skeleton, options: TestOptions) -> tuple[np.ndarray, str] | None:
    """Sigmas for OKS, and where they are from; None if OKS cannot be computed and no option asks for it.

    Raises:
        OptionError: options of OKS, although OKS cannot be computed.
        ZooposeError: COCO's people, or options of OKS, without the package that counts.
    """
    asked = _asked(options, "sigmas", "soft_nms", "nms", "joint_threshold")
    if isinstance(dataset, Mpii):
        why = "MPII is scored by PCKh"
    elif not isinstance(dataset, AnnotatedPictures):
        why = "its pictures have no names as in COCO files"
    else:
        sigmas = sigmas_of(skeleton, options.sigmas)
        if sigmas is not None:
            return sigmas if _can_count(isinstance(dataset, CocoPerson) or asked or options.predictions) else None
        why = "no sigmas are known for its joints"
        if not asked:
            log.info("no OKS: %s; --sigmas gives them", why)
    if asked:
        raise OptionError(f"a data set for OKS, for {', '.join(asked)}", f"{dataset.describe().get('name')}: {why}")
    return None


def _can_count(must: Any) -> bool:
    """Whether the package that counts is there; a line where it is not, and the error where it must be."""
    try:
        faster_coco_eval()
    except ZooposeError as missing:
        if must:
            raise
        log.warning("no OKS: expected %s; try: %s", missing.expected, missing.remedy)
        return False
    return True


def _asked(options: TestOptions, *names: str) -> list[str]:
    """Those of the options that are not at their default, as typed."""
    defaults = {field.name: field.default for field in fields(options)}
    return [f"--{name.replace('_', '-')}" for name in names if getattr(options, name) != defaults[name]]


def network_results(
    found: Predictions,
    items: Sequence[tuple[Any, Any]],
    box_scores: np.ndarray,
    sigmas: np.ndarray,
    spec: InputSpec,
    options: TestOptions,
) -> PoseResults:
    """Results as the published codes submit them: poses rescored and reduced by NMS; none for pictures that cannot be read.

    Args:
        found: N predictions.
        items: N pairs (image_id, category_id).
        box_scores: (N,) of the detector; 1 for annotated boxes.
    """
    rows = np.flatnonzero(found.read)
    height, width = spec.size_hw
    padding = np.broadcast_to(found.crop_factor if spec.padding is None else spec.padding, 2)
    boxes = np.concatenate([found.box_xywh[rows, :2], found.box_xywh[rows, 2:] * padding], 1)
    areas = enlarged_area(boxes, 1.0, width / height)
    poses = np.concatenate([found.xy_px[rows], found.score[rows, :, None]], -1)
    image_ids, category_ids = ([items[i][k] for i in rows.tolist()] for k in (0, 1))
    kept, scores = ranked(
        image_ids,
        poses,
        np.asarray(box_scores)[rows],
        areas,
        sigmas,
        threshold=options.nms,
        joints_above=options.joint_threshold,
        soft=options.soft_nms,
    )
    return PoseResults(image_ids, category_ids, poses.astype(float), scores).take(kept)


def ranking(options: TestOptions) -> dict[str, str]:
    """How `network_results` were made, for the protocol."""
    nms = f"soft OKS {options.nms:g}, {SOFT_LIMIT} a picture" if options.soft_nms else f"OKS {options.nms:g}"
    score = f"box x mean of joint scores above {options.joint_threshold:g}"
    return _flip(options) | {"score of a pose": score, "NMS": nms}


def oks_table(
    results: PoseResults, truth: CocoTruth, sigmas: np.ndarray, sigmas_from: str, how: Mapping[str, Any]
) -> ScoreTable:
    """The ten numbers as a table.

    Args:
        how: the first part of the protocol: boxes, ranking.
    """
    score = keypoint_numbers(truth.to_coco(), results.entries(), sigmas)
    protocol = {
        "metric": f"OKS 0.5 to 0.95 in steps of 0.05, 101 recalls, {MAX_RESULTS} results a picture",
        **how,
        "sigmas": sigmas_from,
        "sigma values": [round(float(s), 6) for s in sigmas],
        "n": score.animals,
        "pictures": score.pictures,
        "results": score.results,
    }
    if len(score.categories) > 1:
        protocol["categories"] = f"{len(score.categories)}, each weighing the same"
    for name, text in (
        ("truth", "; ".join(truth.notes)),
        ("annotations", summary(truth.left_out, "annotations")),
        ("left out", summary(results.left_out, "results")),
    ):
        if text:
            protocol[name] = text
    return ScoreTable("oks", "COCO keypoints (OKS)", {"OKS": dict(score.numbers)}, ("OKS", NUMBERS[0]), protocol)


def pckh_table(preds: np.ndarray, truth: MpiiTruth, how: Mapping[str, Any]) -> ScoreTable:
    """PCKh by all published definitions: joints, groups and means.

    Args:
        preds: (P, 16, 2) px counted from 1, nan where there is none.
        how: the first part of the protocol.
    """
    errors = head_errors(preds, truth.xy, truth.head_px)
    columns = {
        "HRNet@0.5": pckh(errors, truth.labelled, 0.5),
        "HRNet@0.1": pckh(errors, truth.labelled, CURVE[10]),
        "HRNet@0.11": pckh(errors, truth.labelled, CURVE[11]),
        "bearpaw@0.5": pckh(errors, truth.labelled, 0.5, "bearpaw"),
        "bearpaw@0.1": pckh(errors, truth.labelled, CURVE[10], "bearpaw"),
        "princeton@0.5": pckh(errors, truth.labelled, 0.5, "princeton"),
    }
    numbers = {}
    for name, score in columns.items():
        rows = {joint: float(share) for joint, share in zip(MPII16.joints, score.joints)}
        rows["mean"] = score.mean
        numbers[name] = rows | {f"{group} (group)": share.pck for group, share in score.groups.items()}
    n = dict(zip(MPII16.joints, truth.labelled.sum(0).tolist()))
    protocol = {
        "metric": "PCKh, right within a share of the head size",
        "head size": truth.head,
        **how,
        "HRNet": "error <= share; mean of 14 joints (no pelvis, no thorax) weighted by instances; its tables call 0.11 Mean@0.1",
        "bearpaw": "error < share; plain mean of the 14 joints",
        "princeton": "error < share; all instances of all 16 joints together",
        "n": int(truth.labelled.sum()),
        "people": len(truth.xy) - truth.headless,
        "truth": str(truth.source),
    }
    if truth.headless:
        protocol["left out"] = f"{truth.headless} people without a head size"
    return ScoreTable("pckh", "MPII PCKh", numbers, ("HRNet@0.5", "mean"), protocol, n)


def log_tables(tables: list[ScoreTable]) -> list[ScoreTable]:
    """The same tables, after printing them."""
    for table in tables:
        for line in ["", *table.text().splitlines()]:
            log.info(line)
    return tables


def _flip(options: TestOptions) -> dict[str, str]:
    return {"mirrored picture averaged in": "yes" if options.flip else "no"}
