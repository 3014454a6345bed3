"""A training that diverges: found at the first NaN or infinite number, before a checkpoint contains one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from ..errors import DivergenceError

TRY = (
    "in another --checkpoint FOLDER, or with --restart: a lower --lr{lr}; --precision 32 where it was bf16-mixed; "
    "`zoopose data check` shows labels that are far off"
)


def divergence_error(found: str, epoch: int, batch: int, batches: int, lr: float, checkpoint: Path) -> DivergenceError:
    """The error for a run that cannot go on.

    Args:
        found: what is NaN or infinite.
        epoch, batch: counted from 1.
        batches: of an epoch.
        checkpoint: the run's last, which stays as it is.
    """
    where = f"epoch {epoch}, batch {batch} of {batches}, learning rate {lr:.3g}"
    kept = (
        f"{checkpoint} is from before and stays as it is" if checkpoint.is_file() else "no checkpoint was written yet"
    )
    lower = f" ({lr / 10:.2g})" if lr > 0 else ""
    return DivergenceError(
        "a training without infinite or NaN numbers", f"{found} in {where}; {kept}", TRY.format(lr=lower)
    )


def non_finite_losses(losses: Mapping[str, float]) -> str:
    """Which losses of a batch are NaN or infinite, in words; empty while the total is finite."""
    if math.isfinite(losses["total"]):
        return ""
    parts = [f"{name} {value}" for name, value in losses.items() if name != "total" and not math.isfinite(value)]
    return f"loss {losses['total']}" + (f" ({', '.join(parts)})" if parts else "")


@torch.no_grad()
def non_finite_weights(model: nn.Module) -> str:
    """Which weights and statistics of a network are NaN or infinite, in words; empty if none."""
    named = [(name, t) for name, t in model.state_dict().items() if t.is_floating_point()]
    if not named:
        return ""
    finite = torch.stack([tensor.isfinite().all() for _, tensor in named]).tolist()
    bad = [name for (name, _), fine in zip(named, finite) if not fine]
    return f"{len(bad)} of {len(named)} tensors with NaN or infinite numbers ({', '.join(bad[:3])})" if bad else ""
