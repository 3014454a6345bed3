"""Numbers of one round of pseudo-labels, small enough that all rounds of a run fit in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...datasets.pseudo_labels import REASONS, PseudoLabels

ADMITTED, SHARE = REASONS.index("admitted"), REASONS.index("share")


class Disagreement(NamedTuple):
    """A label that a check places elsewhere.

    Attributes:
        row: of the labels.
        joint: index of the joint.
        check: name of the check.
        px: distance, px of the crop.
    """

    row: int
    joint: int
    check: str
    px: float


@dataclass
class RoundSummary:
    """Summary of a round of K joints and R reasons.

    Attributes:
        number: of the round.
        facts: of the labels' file.
        share: (K,) share of the frames in which the joint is admitted.
        confidence: (K,) mean confidence.
        reasons: (K, R) shares of the labels, in the order of `pseudo_labels.REASONS`.
        carried: share of the labels that optical flow carried over from a neighbouring frame.
        agreement_px: median distance between the views' joints and the label, px of the crop.
        moved_px: (2, K) median and 90th percentile of the distance from the round before, px of the crop; None of the first round.
        moved_all_px: (2,) the same over all joints.
        largest: the largest disagreements of every check.
        replaced: share of the labels that were admitted in the round before and are another label now; None for a method that keeps
            no labels.
        examples: (number of labels, row) of one label for each reason of each joint.
    """

    number: int
    facts: dict[str, Any]
    share: np.ndarray
    confidence: np.ndarray
    reasons: np.ndarray
    carried: float
    agreement_px: float
    moved_px: np.ndarray | None
    moved_all_px: np.ndarray | None
    largest: list[Disagreement]
    replaced: float | None = None
    examples: list[tuple[int, int]] = field(default_factory=list)


def read_labels(path: Path) -> tuple[PseudoLabels, np.ndarray]:
    """Labels of a round, and their reasons (N, K), uint8, which agree with what was trained on even if the file does not.

    Raises:
        DataError: the file cannot be read.
    """
    labels = PseudoLabels.read(path)
    left_out = np.where(labels.reason == ADMITTED, SHARE, np.asarray(labels.reason))
    return labels, np.where(labels.admitted, ADMITTED, left_out).astype(np.uint8)


def summarise(labels: PseudoLabels, reason: np.ndarray, before: PseudoLabels | None, count: int) -> RoundSummary:
    """Summary of a round.

    Args:
        labels: N frames, K joints.
        reason: (N, K), from `read_labels`.
        before: labels of the round before, of the same frames; None of the first round.
        count: largest disagreements to keep of every check.
    """
    joints = labels.admitted.shape[1]
    moved = moved_all = None
    if before is not None and labels.crop_px is not None:
        move = np.linalg.norm(labels.xy_px - before.xy_px, axis=-1) * labels.crop_px[:, None]
        moved = np.array([_quantiles(move[:, j]) for j in range(joints)]).T
        moved_all = _quantiles(move)
    summary = RoundSummary(
        number=int(labels.facts["round"]),
        facts=labels.facts,
        share=labels.admitted.mean(0),
        confidence=labels.confidence.mean(0),
        reasons=np.stack([(reason == i).mean(0) for i in range(len(REASONS))], 1),
        carried=float(np.mean(labels.carried)),
        agreement_px=float(_quantiles(labels.agreement_px)[0]),
        moved_px=moved,
        moved_all_px=moved_all,
        largest=[],
        replaced=None if labels.replaced is None else float(np.mean(labels.replaced)),
    )
    for check, distances in (labels.checks or {"views": labels.agreement_px}).items():
        summary.largest += _largest(check, distances, count)
    for j in range(joints):
        for i in range(len(REASONS)):
            rows = np.flatnonzero(reason[:, j] == i)
            if len(rows):  # a fixed choice that differs between joints; the factors are primes
                row = int(rows[(7919 * (j + 1) + 104729 * summary.number) % len(rows)])
                summary.examples.append((len(rows), row))
    return summary


def _quantiles(values: np.ndarray) -> np.ndarray:
    """(2,) median and 90th percentile of the finite values; NaN without one."""
    finite = values[np.isfinite(values)]
    return np.quantile(finite, (0.5, 0.9)) if len(finite) else np.full(2, np.nan)


def _largest(check: str, distances: np.ndarray, count: int) -> list[Disagreement]:
    """The largest disagreements of a check, at most one joint of each frame.

    Args:
        distances: (N, K) px of the crop, NaN where there is none.
    """
    known = np.where(np.isfinite(distances), distances, -1.0)
    joint = known.argmax(1)
    px = known[np.arange(len(known)), joint]
    rows = np.argsort(-px, kind="stable")[:count]
    return [Disagreement(int(row), int(joint[row]), check, float(px[row])) for row in rows if px[row] > 0]
