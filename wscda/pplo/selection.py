"""Selection of pseudo-labels in PPLO: the score of a label, the choice between old and new labels, and admission to a round.

Cao et al., Cross-Domain Adaptation for Animal Pose Estimation, ICCV 2019, section on progressive pseudo-label-based optimisation: a
network's own selected predictions refine it, easy ones first. The paper gives no rules; those here are ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from ...datasets.pseudo_labels import REASONS, PseudoLabels
from ...pose import heatmap
from ...train.selftraining.curriculum import admit, frame_confidence, share_at

SELECTIONS = ("quantile", "threshold", "self_consistency", "small_loss")


@dataclass(frozen=True)
class Rule:
    """Which labels a round admits.

    Attributes:
        select: one of `SELECTIONS`.
        first, last, grow: of `curriculum.share_at`.
        per: of `curriculum.admit`.
        threshold: lowest peak of an admitted label.
        limit_px: largest distance between the joints of a picture and of its mirror image, px of the crop; inf: any distance.
    """

    select: str = "quantile"
    first: float = 0.2
    last: float = 0.8
    grow: str = "linear"
    per: str = "joint"
    threshold: float = 0.0
    limit_px: float = math.inf

    def share(self, round_: int, rounds: int) -> float:
        """Share of the labels that a round admits; 1 where the threshold decides."""
        return 1.0 if self.select == "threshold" else share_at(round_, rounds, self.first, self.last, self.grow)


def consistency(upright: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """(B, K) negative mean squared difference over cells between two sets of maps (B, K, h, w).

    Args:
        upright: maps of the pictures.
        mirrored: maps of the mirror images, mirrored back.
    """
    return -(upright - mirrored).square().mean((2, 3))


def similarity(maps: torch.Tensor, xy_heatmap: torch.Tensor, sigma: float, encoding: str = "gaussian") -> torch.Tensor:
    """(B, K) negative mean squared difference over cells between maps and a target map with its peak at the label.

    Args:
        maps: (B, K, h, w).
        xy_heatmap: (B, K, 2) labels, cells; NaN for no label, whose similarity is NaN.
        sigma, encoding: of the target map.
    """
    known = xy_heatmap.isfinite().all(-1)
    height, width = maps.shape[-2:]
    target = heatmap.encode(xy_heatmap, known, (height, width), sigma, encoding)
    return torch.where(known, -(maps - target).square().mean((2, 3)), torch.nan)


def score(
    select: str,
    upright: torch.Tensor,
    mirrored: torch.Tensor,
    xy_heatmap: torch.Tensor,
    sigma: float,
    encoding: str = "gaussian",
) -> torch.Tensor:
    """(B, K) scores of labels from the maps that they were decoded from. A higher score means an easier label.

    Args:
        select: `quantile` and `threshold`: the peak of the mean map, at least 0. `self_consistency`: see `consistency`.
            `small_loss`: see `similarity`, of the mean map.
        upright, mirrored: (B, K, h, w) of the pictures, and of their mirror images, mirrored back.
        xy_heatmap: (B, K, 2) the labels, cells.
        sigma, encoding: of the training's target maps.
    """
    if select == "self_consistency":
        return consistency(upright, mirrored)
    mean = (upright + mirrored) / 2
    if select == "small_loss":
        return similarity(mean, xy_heatmap, sigma, encoding)
    return mean.flatten(2).amax(-1).clamp_min(0)


def confidence_of(select: str, scores: np.ndarray, cells: int, sigma: float) -> np.ndarray:
    """(N, K) float32 in 0..1, in the order of the scores; 0 where a score is NaN.

    A peak is taken as it is. A mean squared error becomes exp(-e), where e is the squared error over all cells, divided by that
    of one whole peak, pi sigma^2.

    Args:
        scores: (N, K) of `score`.
        cells: number of cells of a map.
        sigma: width of a peak, cells.
    """
    scores = np.asarray(scores, np.float64)
    if select in ("self_consistency", "small_loss"):
        scores = np.exp(scores * cells / (math.pi * sigma**2))
    return np.nan_to_num(scores, nan=0.0).astype(np.float32)


def restore_previous(labels: PseudoLabels, before: PseudoLabels, confidence: np.ndarray | None = None) -> None:
    """Put the admitted labels of the round before in the place of new labels with no higher score; changes `labels`.

    `labels.replaced` says where the new label took the place of an admitted one.

    Args:
        labels: the new ones, with scores.
        before: labels of the round before, of the same frames, with scores.
        confidence: (N, K) of the labels of the round before by the current network; None: their earlier confidence.
    """
    assert labels.score is not None and before.score is not None
    assert labels.peak is not None and before.peak is not None
    better = labels.score > before.score
    previous = before.admitted & ~better
    labels.replaced = before.admitted & better
    labels.xy_px[previous] = before.xy_px[previous]
    labels.confidence[previous] = (before.confidence if confidence is None else confidence)[previous]
    labels.score[previous], labels.peak[previous] = before.score[previous], before.peak[previous]
    labels.agreement_px[previous] = before.agreement_px[previous]
    for name, disagreement in labels.checks.items():
        disagreement[previous] = before.checks[name][previous]


def select_labels(labels: PseudoLabels, before: PseudoLabels | None, rule: Rule, share: float) -> None:
    """Set `admitted`, `reason` and the counts of the round in `facts`.

    Args:
        labels: of the round, after `restore_previous`.
        before: labels of the round before; None in the first round.
        rule: of admission.
        share: of the labels, see `Rule.share`.
    """
    shape = labels.confidence.shape
    assert labels.peak is not None
    usable = (labels.confidence > 0) & (labels.peak > 0) & (labels.peak >= rule.threshold)
    failed = np.nan_to_num(labels.checks["equivariance"]) > rule.limit_px
    confidence = np.where(usable & ~failed, labels.confidence, 0)
    if rule.select == "threshold":
        labels.admitted = confidence > 0
    else:
        frames = frame_confidence(labels.peak)
        labels.admitted = admit(confidence, share, rule.per, frames)
        if rule.threshold:
            without_threshold = admit(
                np.where((labels.peak > 0) & ~failed, labels.confidence, 0), share, rule.per, frames
            )
            labels.facts["below_threshold"] = int((without_threshold & ~labels.admitted).sum())
    previously = np.zeros(shape, bool) if before is None else before.admitted
    reason = np.full(shape, REASONS.index("share"), np.uint8)
    reason[previously] = REASONS.index("support")
    reason[failed] = REASONS.index("equivariance")
    reason[labels.admitted] = REASONS.index("admitted")
    reason[~np.isfinite(labels.xy_px).all(-1)] = REASONS.index("unreadable")
    labels.reason = reason
    labels.facts.update(share=share, per=rule.per, select=rule.select, **admission_counts(labels, previously))


def admission_counts(labels: PseudoLabels, previously: np.ndarray) -> dict[str, int | float]:
    """Number of admitted labels, of new, replaced and dropped ones, and these three changes as a share of the admitted.

    Args:
        labels: of the round.
        previously: (N, K) bool: admitted in the round before.
    """
    admitted = labels.admitted
    replaced = np.zeros(admitted.shape, bool) if labels.replaced is None else labels.replaced
    counts = {
        "admitted": int(admitted.sum()),
        "new": int((admitted & ~previously).sum()),
        "replaced": int((replaced & admitted).sum()),
        "given_up": int((previously & ~admitted).sum()),
    }
    changes = counts["new"] + counts["replaced"] + counts["given_up"]
    return {**counts, "changed": changes / max(counts["admitted"], 1)}
