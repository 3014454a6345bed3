"""Which of a teacher's joints in a batch are learned. Pure functions; 1 keeps a joint, 0 does not."""

from __future__ import annotations

import numpy as np
import torch
from lightning_fabric import Fabric

from ...train.ranks import summed
from ...train.selftraining.curriculum import admit, frame_confidence


def best_share(peak: torch.Tensor, share: float, per: str, others: torch.Tensor | None = None) -> torch.Tensor:
    """The joints with the highest peaks.

    Args:
        peak: (B, K); NaN and 0 are never kept.
        share: of all joints.
        per: see `curriculum.admit`: `frame` ranks by peak times the frame's peak, `global` by the peak, `joint` for every joint
            apart.
        others: (C, K) peaks of other pictures that are ranked together with these; NaN rows are left out.

    Returns:
        (B, K) float32 on the device of `peak`.
    """
    everyone = peak.detach().cpu().numpy().astype(np.float64)
    if others is not None:
        more = others.cpu().numpy().astype(np.float64)
        everyone = np.concatenate([everyone, more[~np.isnan(more).all(1)]])
    kept = admit(everyone, share, per, frame_confidence(np.nan_to_num(everyone)))[: len(peak)]
    return torch.from_numpy(kept.astype(np.float32)).to(peak.device)


def peaks_of_other_ranks(fabric: Fabric, peak: torch.Tensor | None, batch: int, joints: int) -> torch.Tensor | None:
    """The peaks of the other ranks' target pictures, for `best_share`; to be called on all ranks.

    Args:
        peak: (B, K) of this rank; None: it has no target picture in this step.
        batch: largest B of a rank.
        joints: K.

    Returns:
        ((ranks - 1) * batch, K), rows of NaN where a rank has fewer pictures; None for a single rank.
    """
    if fabric.world_size == 1:
        return None
    every = torch.zeros(fabric.world_size, batch, joints, device=fabric.device)
    here = torch.zeros_like(every)
    if peak is not None:
        every[fabric.global_rank, : len(peak)], here[fabric.global_rank, : len(peak)] = peak, 1
    every, here = summed(fabric, every), summed(fabric, here)
    every[here == 0] = torch.nan
    rest = torch.arange(fabric.world_size, device=fabric.device) != fabric.global_rank
    return every[rest].flatten(0, 1)


def map_loss(output: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """(B, K) mean squared difference of every joint's map (B, K, h, w) from its target."""
    found: torch.Tensor = (output - target).square().flatten(2).mean(2)
    return found


def small_losses(loss: torch.Tensor, weight: torch.Tensor, share: float) -> torch.Tensor:
    """The joints of a batch with the smallest losses (ScarceNet's small-loss set).

    Args:
        loss, weight: (B, K).
        share: of the joints of a weight above 0.

    Returns:
        (B, K) bool.
    """
    found: torch.Tensor = (weight > 0) & (loss <= _smallest(loss, weight, share).reshape(1, 1))
    return found


def small_losses_of_picture(loss: torch.Tensor, weight: torch.Tensor, count: int) -> torch.Tensor:
    """The `count` joints with the smallest losses of every picture (UDA-Animal), (B, K) bool. Arguments as above."""
    ranked = torch.where(weight > 0, loss, torch.inf)
    limit = ranked.kthvalue(min(max(count, 1), loss.shape[1]), dim=1, keepdim=True).values
    found: torch.Tensor = (weight > 0) & (ranked <= limit)
    return found


def _smallest(loss: torch.Tensor, weight: torch.Tensor, share: float) -> torch.Tensor:
    """The largest of the smallest losses; minus infinity where none is kept."""
    known = loss[weight > 0]
    count = round(share * len(known))
    return known.kthvalue(count).values if count else loss.new_tensor(-torch.inf)
