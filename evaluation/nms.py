"""Non-maximum suppression of boxes and poses, hard and soft; and the score of a pose.

Source: microsoft/human-pose-estimation.pytorch and leoxiaobin/deep-high-resolution-net.pytorch, lib/nms/nms.py and
lib/dataset/coco.py; numbers equal to theirs. Ties: the later of two equal scores comes first, as the reversed sort published gives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from ..errors import OptionError
from .oks import pose_oks

OKS_THRESHOLD = 0.9  # published, for OKS-NMS
JOINT_THRESHOLD = 0.2  # published, of joint scores that count in a pose's
SOFT_LIMIT = 20  # poses that soft NMS keeps of a picture
_ALL_PAIRS = 256  # poses of a picture up to which all are compared at once


def box_nms(boxes_xyxy: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Greedy NMS of boxes; it removes a box if its overlap (IoU) with a better one is above the threshold.

    Sides are counted with + 1, as published: x1 and x2 are both inside the box.

    Args:
        boxes_xyxy: (N, 4) px.
        scores: (N,).

    Returns:
        int64 indices of those that remain, best first.
    """
    boxes = np.asarray(boxes_xyxy)
    low, high = boxes[:, :2], boxes[:, 2:4]
    areas = (high - low + 1).prod(-1)

    def overlaps(i: int, rest: np.ndarray) -> np.ndarray:
        sides = np.minimum(high[i], high[rest]) - np.maximum(low[i], low[rest]) + 1
        shared = np.maximum(sides, 0).prod(-1)
        return shared / (areas[i] + areas[rest] - shared)

    return _greedy(np.asarray(scores), overlaps, threshold)


def oks_nms(
    poses: np.ndarray,
    scores: np.ndarray,
    areas: np.ndarray,
    threshold: float,
    sigmas: Sequence[float] | np.ndarray,
    joints_above: float | None = None,
) -> np.ndarray:
    """Greedy NMS of poses of one picture; it removes a pose if its OKS with a better one is above the threshold.

    Args:
        poses: (N, K, 3) x, y in px and the joint's score.
        scores: (N,) of the poses.
        areas: (N,) px^2, see `pose_oks`.
        sigmas: (K,).
        joints_above: see `pose_oks`; the published codes do not use it here.

    Returns:
        int64 indices of those that remain, best first.
    """
    return _greedy(np.asarray(scores), _pose_overlaps(poses, areas, sigmas, joints_above), threshold)


def soft_oks_nms(
    poses: np.ndarray,
    scores: np.ndarray,
    areas: np.ndarray,
    threshold: float,
    sigmas: Sequence[float] | np.ndarray,
    joints_above: float | None = None,
    *,
    limit: int = SOFT_LIMIT,
    kind: Literal["gaussian", "linear"] = "gaussian",
) -> np.ndarray:
    """Soft NMS of poses of one picture: a pose that resembles a better one moves down, and only the first `limit` remain.

    The lower scores decide the order only. As published, the poses keep their scores.

    Args:
        poses, scores, areas, sigmas, joints_above: as for `oks_nms`.
        threshold: of `decayed`.

    Returns:
        int64 indices of those that remain, in the final order.
    """
    overlaps = _pose_overlaps(poses, areas, sigmas, joints_above)
    order, scores = np.arange(len(poses)), np.asarray(scores, float)
    first = _descending(scores)
    kept: list[int] = []
    order, scores = order[first], scores[first]
    while len(order) and len(kept) < limit:
        kept.append(order[0])
        scores = decayed(scores[1:], overlaps(order[0], order[1:]), threshold, kind)
        again = _descending(scores)
        order, scores = order[1:][again], scores[again]
    return np.array(kept, np.int64)


def decayed(
    scores: np.ndarray, overlap: np.ndarray, threshold: float, kind: Literal["gaussian", "linear"] = "gaussian"
) -> np.ndarray:
    """(P,) scores after a better pose with these overlaps was kept.

    Args:
        scores, overlap: (P,).
        threshold: gaussian: scores x exp(-overlap^2 / threshold); linear: x (1 - overlap) where overlap >= threshold.

    Raises:
        OptionError: another kind.
    """
    if kind == "gaussian":
        return scores * np.exp(-(overlap**2) / threshold)
    if kind == "linear":
        return np.where(overlap >= threshold, scores * (1 - overlap), scores)
    raise OptionError("a decay gaussian or linear", repr(kind))


def rescored(box_score: np.ndarray, joint_score: np.ndarray, above: float = JOINT_THRESHOLD) -> np.ndarray:
    """(N,) scores of poses: the box's x the mean of those joint scores that are above a threshold, 0 where none is.

    Args:
        box_score: (N,) of the detector; 1 for annotated boxes.
        joint_score: (N, K) heights of the peaks.
    """
    joint_score = np.asarray(joint_score)
    counted = joint_score > float(above)  # in the scores' own type, as published: 0.2 as float32 is not above 0.2
    total, n = np.where(counted, joint_score, 0).sum(-1, dtype=float), counted.sum(-1)
    return np.asarray(box_score, float) * np.where(n > 0, total / np.maximum(n, 1), 0)


def enlarged_area(box_xywh: np.ndarray, factor: float, aspect: float = 1.0) -> np.ndarray:
    """(N,) px^2 of the boxes as cropped: grown to the input's aspect ratio, then by a factor. The area the published NMS takes.

    Args:
        box_xywh: (N, 4).
        factor: of the sides, 1.25 published.
        aspect: width over height of the input.
    """
    w, h = np.asarray(box_xywh, float)[:, 2:4].T
    return np.maximum(w, h * aspect) * np.maximum(h, w / aspect) * factor**2


def ranked(
    image_ids: Sequence[Any],
    poses: np.ndarray,
    box_scores: np.ndarray,
    areas: np.ndarray,
    sigmas: Sequence[float] | np.ndarray,
    *,
    threshold: float = OKS_THRESHOLD,
    joints_above: float = JOINT_THRESHOLD,
    soft: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """The published way from a network's poses to a list of results: rescored, then NMS picture by picture.

    Args:
        image_ids: N names of pictures, in any order.
        poses: (N, K, 3) x, y in px and the joint's score.
        box_scores: (N,), see `rescored`.
        areas: (N,), see `enlarged_area`.
        sigmas: (K,).
        threshold: of the NMS.
        joints_above: see `rescored`.
        soft: `soft_oks_nms` in place of `oks_nms`.

    Returns:
        int64 indices of the poses kept, pictures in the order in which they first appear, and all (N,) scores.
    """
    poses, areas = np.asarray(poses), np.asarray(areas)
    scores = rescored(box_scores, poses[..., 2], joints_above)
    rows: dict[Any, list[int]] = {}
    for row, image_id in enumerate(image_ids):
        rows.setdefault(image_id, []).append(row)
    nms = soft_oks_nms if soft else oks_nms
    kept = [np.array(own)[nms(poses[own], scores[own], areas[own], threshold, sigmas)] for own in rows.values()]
    return np.concatenate([np.empty(0, np.int64), *kept]), scores


def _pose_overlaps(
    poses: np.ndarray, areas: np.ndarray, sigmas: Sequence[float] | np.ndarray, above: float | None
) -> Callable[[int, np.ndarray], np.ndarray]:
    """(i, others) -> OKS of pose i with the others: from a table if all pairs fit in memory, else computed when needed."""
    poses, areas = np.asarray(poses), np.asarray(areas)

    def overlaps(i: int | slice, rest: np.ndarray | slice) -> np.ndarray:
        others = poses[rest]
        return pose_oks(poses[i, :, :2], areas[i], others[..., :2], areas[rest], sigmas, others[..., 2], above=above)

    if len(poses) > _ALL_PAIRS:
        return overlaps
    every = overlaps(slice(None), slice(None))
    return lambda i, rest: every[i, rest]


def _greedy(scores: np.ndarray, overlaps: Callable[[int, np.ndarray], np.ndarray], threshold: float) -> np.ndarray:
    order, kept = _descending(scores), []
    while len(order):
        kept.append(order[0])
        rest = order[1:]
        order = rest[overlaps(order[0], rest) <= threshold]
    return np.array(kept, np.int64)


def _descending(scores: np.ndarray) -> np.ndarray:
    """Indices from the highest score to the lowest, the later of equal ones first."""
    return np.argsort(scores, kind="stable")[::-1]
