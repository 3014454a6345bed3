"""Average precision by both definitions of PASCAL VOC.

Source: M. Everingham et al., "The PASCAL Visual Object Classes Challenge: A Retrospective", IJCV 2015, section 3.4: until VOC
2009 the mean of eleven precisions, from 2010 on the area under the curve.

    right = scores_of_matches > 0                     # which detections match an object that no better one has
    recall, precision = precision_recall(confidence, right, objects=120)
    voc_ap(recall, precision), voc_ap(recall, precision, "11 points")
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ..errors import OptionError, ZooposeError


def precision_recall(scores: np.ndarray, right: np.ndarray, objects: int) -> tuple[np.ndarray, np.ndarray]:
    """The curve that ranked detections trace, one point a detection, best first (equal scores in their order).

    Args:
        scores: (N,) confidence.
        right: (N,) bool, whether a detection found an object that no better one has.
        objects: how many there are to find, at least one.

    Returns:
        recall and precision, (N,) float64 each.

    Raises:
        ZooposeError: without objects, or arrays of different length.
    """
    scores, right = np.asarray(scores, float), np.asarray(right, bool)
    if scores.shape != right.shape or scores.ndim != 1:
        raise ZooposeError("scores (N,) and right (N,)", f"{scores.shape} and {right.shape}")
    if objects < 1 or right.sum() > objects:
        raise ZooposeError("objects to find, at least as many as were found", f"{objects}, with {right.sum()} found")
    found = np.cumsum(right[np.argsort(-scores, kind="stable")])
    return found / objects, found / np.arange(1, len(found) + 1)


def voc_ap(recall: np.ndarray, precision: np.ndarray, kind: Literal["area", "11 points"] = "area") -> float:
    """Average precision, 0 to 1.

    Precision at a recall is taken as the best at that recall or a higher one; it is 0 beyond the last point.

    Args:
        recall: (N,) ascending.
        precision: (N,).
        kind: "area" under that curve; or the mean at recalls 0, 0.1, ... 1.

    Raises:
        OptionError: another kind.
        ZooposeError: arrays of different length, or a recall that falls.
    """
    recall, precision = np.asarray(recall, float), np.asarray(precision, float)
    if recall.shape != precision.shape or recall.ndim != 1 or (np.diff(recall) < 0).any():
        raise ZooposeError("recall (N,) that never falls, and precision (N,)", f"{recall.shape} and {precision.shape}")
    best = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
    if kind == "area":
        return float((np.diff(recall, prepend=0.0) * best[:-1]).sum())
    if kind == "11 points":
        # tenths as k / 10: a recall of exactly 3 / 10 must count at the third of them
        return float(best[np.searchsorted(recall, np.arange(11) / 10, side="left")].mean())
    raise OptionError("a kind area or 11 points", repr(kind))
