"""Mixup of the online step: two pictures are laid over each other, and their target maps too (Zhang et al., ICLR 2018)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ...train.feeds.base import Batch


@dataclass(frozen=True)
class Mixup:
    """How target pictures are mixed.

    Attributes:
        alpha: of the beta distribution of a picture's share; 0: no mixup.
        source: share of the steps in which they are mixed with source pictures; in the others with one another.
    """

    alpha: float = 0.0
    source: float = 0.0


def mixed(target: Batch, source: Batch | None, mixup: Mixup, draws: np.random.Generator) -> Batch:
    """The target's batch with every picture mixed with another one, which is the weaker one. Source pictures do not change.

    Weights are mixed as maps are; the map of a joint of weight 0 is empty.

    Args:
        target, source: with images, target maps and weights; without a source, target pictures are mixed with one another.
        draws: all are made for the batch as a whole.
    """
    share = draws.beta(mixup.alpha, mixup.alpha)
    share = max(share, 1 - share)
    from_source = draws.random() < mixup.source
    count = len(target["images"])
    step = int(draws.integers(1, max(count, 2)))
    other = source if source is not None and from_source else target
    rows = (torch.arange(count) + step) % len(other["images"])
    first, second = _part(target, torch.arange(count)), _part(other, rows)
    return {**target, **{name: share * first[name] + (1 - share) * second[name] for name in first}}


def _part(batch: Batch, rows: torch.Tensor) -> Batch:
    """Pictures of a batch, with empty maps where no joint is learned."""
    images, target, weight = (batch[name][rows.to(batch[name].device)] for name in ("images", "target", "weight"))
    return {"images": images, "target": target * (weight > 0)[..., None, None], "weight": weight}
