"""The ten OKS numbers of COCO's keypoint challenge, for any joints: average precision and recall over OKS thresholds.

Counted by faster-coco-eval, which gives pycocotools' numbers; what its input must hold and files often lack (areas, counts of
joints, ids from 1) is filled in here. A result is matched to the annotation of its picture and category that it is most like,
best scores first, at most 20 results a picture. Crowds and annotations without a labelled joint neither count nor make their
matches wrong.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import DataError, ZooposeError

NUMBERS = ("AP", "AP50", "AP75", "AP medium", "AP large", "AR", "AR50", "AR75", "AR medium", "AR large")
AREAS = ("all", "medium", "large")
MAX_RESULTS = 20  # of a picture
HOW_TO_GET = "uv sync --extra coco, or pip install faster-coco-eval"


@dataclass(frozen=True, eq=False)
class KeypointNumbers:
    """What COCO's evaluation says, all 0..1 and nan where nothing could be scored.

    Attributes:
        numbers: name out of NUMBERS -> value; without a qualifier over OKS 0.5, 0.55, ... 0.95, medium is 32^2 to 96^2 px^2.
        precision: (10, 101, C, 3) at the OKS thresholds, recalls 0, 0.01, ... 1, categories and AREAS.
        recall: (10, C, 3).
        animals: annotations that counted.
        results: results that were scored, before the limit of 20 a picture.
        pictures: of the truth.
        categories: names of those that have a counting annotation; with several, AP and AR are means over them.
    """

    numbers: Mapping[str, float]
    precision: np.ndarray
    recall: np.ndarray
    animals: int
    results: int
    pictures: int
    categories: tuple[str, ...]


def keypoint_numbers(
    truth: Mapping[str, Sequence[Mapping[str, Any]]], results: Sequence[Mapping[str, Any]], sigmas: ArrayLike
) -> KeypointNumbers:
    """Score results against annotations.

    Args:
        truth: `images`, `annotations` and `categories` of a COCO keypoints file. An annotation without an `area` above 0 counts
            with its box's, one without `bbox` with the box of its labelled joints, and one without `num_keypoints` with the joints
            it has labelled.
        results: COCO results: image_id, category_id, keypoints (x, y, score) * K, score. As in pycocotools a result's area, by
            which it is medium or large, is the extent of its joints; of its `bbox`, where all results have one.
        sigmas: (K,).

    Raises:
        DataError: results of other joints, or of pictures that the truth has not.
        ZooposeError: without faster-coco-eval, or sigmas that are no positive numbers.
    """
    coco = faster_coco_eval()
    sigma = np.asarray(sigmas, float)
    if sigma.ndim != 1 or not (np.isfinite(sigma) & (sigma > 0)).all():
        raise ZooposeError("a positive OKS sigma for every joint", f"{sigma}")
    k = len(sigma)
    images, categories = _numbered(truth["images"]), _numbered(truth["categories"])
    annotations = [_filled(a, number, k, images, categories) for number, a in enumerate(truth["annotations"], 1)]
    boxed = all(result.get("bbox") for result in results)
    own = [_checked(result, k, images, categories, boxed) for result in results]
    counted = [a for a in annotations if not a["iscrowd"] and a["num_keypoints"]]
    names = {c["id"]: str(c.get("name", c["id"])) for c in truth["categories"]}
    scored = {a["category_id"] for a in counted}
    facts: dict[str, Any] = {
        "animals": len(counted),
        "results": len(own),
        "pictures": len(images),
        "categories": tuple(names[i] for i, number in categories.items() if number in scored),
    }
    if not counted:
        shape = (10, 101, len(categories), 3)
        empty = np.full(shape, np.nan)
        return KeypointNumbers(dict.fromkeys(NUMBERS, float("nan")), empty, empty[:, 0].copy(), **facts)
    there = coco.COCO(
        {
            "images": [{"id": i} for i in images.values()],
            "annotations": annotations,
            "categories": [{"id": i, "name": str(i)} for i in categories.values()],
        }
    )
    evaluation = coco.COCOeval_faster(there, there.loadRes(own), "keypoints", kpt_oks_sigmas=sigma.tolist())
    evaluation.run()
    values = np.asarray(evaluation.stats, float)[: len(NUMBERS)]
    return KeypointNumbers(
        dict(zip(NUMBERS, np.where(values < 0, np.nan, values).tolist())),
        _defined(evaluation.eval["precision"][..., 0]),
        _defined(evaluation.eval["recall"][..., 0]),
        **facts,
    )


def faster_coco_eval() -> ModuleType:
    """The package that counts, imported when first needed.

    Raises:
        ZooposeError: it is not installed.
    """
    try:
        import faster_coco_eval
    except ImportError as error:
        raise ZooposeError("the package faster-coco-eval, for OKS scores", f"{error}", HOW_TO_GET) from error
    return faster_coco_eval


def _numbered(entries: Sequence[Mapping]) -> dict[Any, int]:
    """Id -> number: the id where all are positive whole numbers of 31 bits, else their places in order.

    The order of the numbers decides between equal scores.
    """
    ids = [entry["id"] for entry in entries]
    if all(isinstance(i, int | np.integer) and not isinstance(i, bool) and 0 < i < 2**31 for i in ids):
        return {i: int(i) for i in ids}
    order = sorted(ids, key=lambda i: (isinstance(i, str), i))
    places = {i: number for number, i in enumerate(order, 1)}
    return {i: places[i] for i in ids}


def _filled(annotation: Mapping, number: int, k: int, images: Mapping, categories: Mapping) -> dict[str, Any]:
    """An annotation with all that the evaluation reads. Its id is from 1: COCO's codes take 0 for "not matched"."""
    keypoints = np.asarray(annotation.get("keypoints") or np.zeros(3 * k), float)
    if keypoints.shape != (3 * k,):
        found = f"{keypoints.size} in annotation {annotation.get('id', number)}"
        raise DataError(f"{3 * k} numbers in every annotation's keypoints, for {k} joints", found)
    labelled = keypoints[2::3] > 0
    box = annotation.get("bbox") or None
    if box is None:
        xy = keypoints.reshape(k, 3)[labelled, :2]
        box = [*xy.min(0), *np.ptp(xy, 0)] if len(xy) else [0, 0, 0, 0]
    area = annotation.get("area")
    return {
        "id": number,
        "image_id": images[annotation["image_id"]],
        "category_id": categories[annotation["category_id"]],
        "iscrowd": int(bool(annotation.get("iscrowd"))),
        "keypoints": keypoints.tolist(),
        "num_keypoints": int(annotation.get("num_keypoints", labelled.sum())),
        "bbox": [float(v) for v in box],
        "area": float(area if area is not None and area > 0 else box[2] * box[3]),
    }


def _checked(result: Mapping, k: int, images: Mapping, categories: Mapping, boxed: bool) -> dict[str, Any]:
    if result["image_id"] not in images or result["category_id"] not in categories:
        expected = "results of the annotations' pictures and categories"
        raise DataError(expected, f"picture {result['image_id']!r}, category {result['category_id']!r}")
    keypoints = np.asarray(result["keypoints"], float)
    if keypoints.shape != (3 * k,) or not np.isfinite(keypoints).all() or not np.isfinite(float(result["score"])):
        expected = f"{3 * k} finite numbers and a finite score in every result, for {k} joints"
        raise DataError(expected, f"{keypoints.size} of picture {result['image_id']!r}, score {result['score']!r}")
    own = {"keypoints": keypoints.tolist(), "score": float(result["score"])}
    own |= {"image_id": images[result["image_id"]], "category_id": categories[result["category_id"]]}
    return own | ({"bbox": [float(v) for v in result["bbox"]]} if boxed else {})


def _defined(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, float)
    return np.where(values < 0, np.nan, values)
