"""Object keypoint similarity (OKS), vectorised: as COCO scores detections, and as SimpleBaseline's NMS compares two poses.

A joint with an error of d px counts exp(-d^2 / (2 area (2 sigma)^2)): sigma is how exactly people place the joint, the area is the
size of the animal. OKS is the mean over joints; it is 1 for a pose without any error.
Source: cocodataset.org, keypoint evaluation; microsoft/human-pose-estimation.pytorch, `oks_iou`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ZooposeError

EPS = np.spacing(1.0)  # added to areas, as published, so that an area of zero divides


def object_oks(
    xy_pred: np.ndarray,
    xy_true: np.ndarray,
    visible: np.ndarray,
    area: np.ndarray,
    box_xywh: np.ndarray,
    sigmas: Sequence[float] | np.ndarray,
) -> np.ndarray:
    """OKS of D detections with G annotated animals, as COCO defines it.

    The mean runs over the labelled joints of the annotation. Where it has none, distances are those to its box widened by its own
    width and height on every side (three times its size), over all joints: 1 for a pose within.

    Args:
        xy_pred: (D, K, 2) picture px.
        xy_true: (G, K, 2) in the same frame.
        visible: (G, K) COCO's flags; above 0 is labelled.
        area: (G,) px^2 of the animals, as annotated.
        box_xywh: (G, 4) px.
        sigmas: (K,).

    Returns:
        (D, G) float64.

    Raises:
        ZooposeError: shapes that do not belong together.
    """
    xy_pred, xy_true, visible = np.asarray(xy_pred, float), np.asarray(xy_true, float), np.asarray(visible)
    area, box_xywh, variances = np.asarray(area, float), np.asarray(box_xywh, float), _variances(sigmas)
    k = len(variances)
    g = len(area)
    wanted = [
        xy_pred.shape[1:] == (k, 2),
        xy_true.shape == (g, k, 2),
        visible.shape == (g, k),
        box_xywh.shape == (g, 4),
    ]
    if not all(wanted):
        found = [xy_pred.shape, xy_true.shape, visible.shape, area.shape, box_xywh.shape]
        raise ZooposeError(f"joints (D,{k},2) and (G,{k},2), flags (G,{k}), areas (G,), boxes (G,4)", f"{found}")
    labelled = np.greater(visible, 0)
    away = xy_pred[:, None] - xy_true  # (D, G, K, 2)
    low, size = box_xywh[:, :2], box_xywh[:, 2:]
    near, far = (low - size)[:, None], (low + 2 * size)[:, None]
    outside = np.maximum(near - xy_pred[:, None], 0) + np.maximum(xy_pred[:, None] - far, 0)
    boxed = ~labelled.any(1)
    away = np.where(boxed[:, None, None], outside, away)
    counted = labelled | boxed[:, None]
    similarity = np.exp(-((away**2).sum(-1) / variances / (area + EPS)[:, None] / 2))
    return np.where(counted, similarity, 0).sum(-1) / counted.sum(-1)


def pose_oks(
    xy: np.ndarray,
    area: float | np.ndarray,
    others_xy: np.ndarray,
    others_area: np.ndarray,
    sigmas: Sequence[float] | np.ndarray,
    others_score: np.ndarray | None = None,
    *,
    above: float | None = None,
) -> np.ndarray:
    """OKS of predicted poses with P others, as the published NMS takes it: all joints count, the area is the mean of both.

    Args:
        xy: (..., K, 2) px, one pose or several.
        area: (...) px^2; the published codes pass the area of the box that is enlarged for the crop, not the area of the animal.
        others_xy: (P, K, 2).
        others_area: (P,).
        sigmas: (K,).
        others_score: (P, K) scores of the others' joints, needed with `above`.
        above: leave out joints whose score is not above this. Published quirk (`list(a) and list(b)`): only the other pose's
            scores are looked at, never this one's. A pose of no such joint has OKS 0.

    Returns:
        (..., P) float64.
    """
    variances = _variances(sigmas)
    # in the type of the joints, as published: what is float32 there must not become a little more exact here
    away = np.asarray(others_xy) - np.asarray(xy)[..., None, :, :]
    mean_area = (np.asarray(area)[..., None] + np.asarray(others_area)) / 2 + EPS
    exponent = (away[..., 0] ** 2 + away[..., 1] ** 2) / variances / mean_area[..., None] / 2
    similarity = np.exp(-exponent)
    if above is None:
        return similarity.sum(-1) / len(variances)
    if others_score is None:
        raise ZooposeError("scores of the joints to compare with a threshold", "none")
    counted = np.asarray(others_score) > above
    n = counted.sum(-1)
    return np.where(counted, similarity, 0).sum(-1) / np.maximum(n, 1)


def _variances(sigmas: Sequence[float] | np.ndarray) -> np.ndarray:
    """(2 sigma)^2 of every joint.

    Raises:
        ZooposeError: sigmas that are no positive numbers.
    """
    sigmas = np.asarray(sigmas, float)
    if sigmas.ndim != 1 or not (np.isfinite(sigmas) & (sigmas > 0)).all():
        raise ZooposeError("a positive OKS sigma for every joint", f"{sigmas}")
    return (sigmas * 2) ** 2
