"""Which of its own predictions a network learns from in PPLO: how easy each is, which are kept, which are admitted.

Cao et al., Cross-Domain Adaptation for Animal Pose Estimation, ICCV 2019, section on progressive pseudo-label-based optimisation,
fixes that a network's own selected predictions refine it, easy ones first; the rules here are ours.
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
    """What a round admits.

    Attributes:
        select: one of `SELECTIONS`.
        first, last, grow: of `curriculum.share_at`.
        per: of `curriculum.admit`.
        threshold: least peak of a label that is admitted.
        limit_px: of the distance between the joints of a picture and of its mirror image, px of the crop; inf: any.
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
    """(B, K) minus the mean over cells of the squared difference between maps (B, K, h, w) and those of the mirror image, brought
    back."""
    return -(upright - mirrored).square().mean((2, 3))


def similarity(maps: torch.Tensor, xy_heatmap: torch.Tensor, sigma: float, encoding: str = "gaussian") -> torch.Tensor:
    """(B, K) minus the mean over cells of the squared difference between maps and the peak at a label (B, K, 2), cells; NaN
    without one."""
    known = xy_heatmap.isfinite().all(-1)
    target = heatmap.encode(xy_heatmap, known, tuple(maps.shape[-2:]), sigma, encoding)
    return torch.where(known, -(maps - target).square().mean((2, 3)), torch.nan)


def score(
    select: str,
    upright: torch.Tensor,
    mirrored: torch.Tensor,
    xy_heatmap: torch.Tensor,
    sigma: float,
    encoding: str = "gaussian",
) -> torch.Tensor:
    """(B, K) how easy labels are, the higher the easier, by the maps that they were read off.

    Args:
        select: `quantile` and `threshold`: the peak of the mean map, at least 0; `self_consistency`: see `consistency`;
            `small_loss`: see `similarity`, of the mean map.
        upright, mirrored: (B, K, h, w) of the picture and of its mirror image, brought back.
        xy_heatmap: (B, K, 2) the labels.
    """
    if select == "self_consistency":
        return consistency(upright, mirrored)
    mean = (upright + mirrored) / 2
    if select == "small_loss":
        return similarity(mean, xy_heatmap, sigma, encoding)
    return mean.flatten(2).amax(-1).clamp_min(0)


def confidence_of(select: str, scores: np.ndarray, cells: int, sigma: float) -> np.ndarray:
    """(N, K) float32 in 0..1 in the order of the scores: a peak as it is; an error e (in units of a whole peak's energy,
    pi sigma^2) as exp(-e). 0 where a score is NaN."""
    scores = np.asarray(scores, np.float64)
    if select in ("self_consistency", "small_loss"):
        scores = np.exp(scores * cells / (math.pi * sigma**2))
    return np.nan_to_num(scores, nan=0.0).astype(np.float32)


def keep_better(labels: PseudoLabels, before: PseudoLabels, confidence: np.ndarray | None = None) -> None:
    """Keep what was admitted in the round before, unless the new label's score is higher; in place, and sets `replaced`.

    Args:
        labels: just made, of the same frames; with scores.
        before: the round before.
        confidence: (N, K) of the kept labels now; None: as it was.
    """
    better = labels.score > before.score
    kept = before.admitted & ~better
    labels.replaced = before.admitted & better
    labels.xy_px[kept] = before.xy_px[kept]
    labels.confidence[kept] = (before.confidence if confidence is None else confidence)[kept]
    labels.score[kept], labels.peak[kept] = before.score[kept], before.peak[kept]
    labels.agreement_px[kept] = before.agreement_px[kept]
    for name, found in labels.checks.items():
        found[kept] = before.checks[name][kept]


def select_labels(labels: PseudoLabels, before: PseudoLabels | None, rule: Rule, share: float) -> None:
    """Set `admitted`, `reason` and the round's counts in `facts`.

    Args:
        labels: with what was kept of the round before.
        before: the round before; None in the first.
        share: of the labels, see `Rule.share`.
    """
    shape = labels.confidence.shape
    usable = (labels.confidence > 0) & (labels.peak > 0) & (labels.peak >= rule.threshold)
    failed = np.nan_to_num(labels.checks["equivariance"]) > rule.limit_px
    confidence = np.where(usable & ~failed, labels.confidence, 0)
    if rule.select == "threshold":
        labels.admitted = confidence > 0
    else:
        frames = frame_confidence(labels.peak)
        labels.admitted = admit(confidence, share, rule.per, frames)
        if rule.threshold:
            anyway = admit(np.where((labels.peak > 0) & ~failed, labels.confidence, 0), share, rule.per, frames)
            labels.facts["below_threshold"] = int((anyway & ~labels.admitted).sum())
    was = np.zeros(shape, bool) if before is None else before.admitted
    reason = np.full(shape, REASONS.index("share"), np.uint8)
    reason[was] = REASONS.index("support")
    reason[failed] = REASONS.index("equivariance")
    reason[labels.admitted] = REASONS.index("admitted")
    reason[~np.isfinite(labels.xy_px).all(-1)] = REASONS.index("unreadable")
    labels.reason = reason
    labels.facts.update(share=share, per=rule.per, select=rule.select, **counts(labels, was))


def counts(labels: PseudoLabels, was: np.ndarray) -> dict[str, int | float]:
    """Labels admitted, of these new and replaced ones, those given up; and all three changes as a share of the admitted.

    Args:
        was: (N, K) admitted in the round before.
    """
    now = labels.admitted
    found = {
        "admitted": int(now.sum()),
        "new": int((now & ~was).sum()),
        "replaced": int((labels.replaced & now).sum()),
        "given_up": int((was & ~now).sum()),
    }
    changes = found["new"] + found["replaced"] + found["given_up"]
    return {**found, "changed": changes / max(found["admitted"], 1)}
