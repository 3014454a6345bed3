"""Which weights decay."""

from __future__ import annotations

from torch import nn

NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def parameter_groups(model: nn.Module, weight_decay: float, decay_norms: bool) -> list[dict]:
    """Groups for an optimiser, of every weight that trains; those that do not decay stand in a group of their own.

    Args:
        weight_decay: L2 penalty.
        decay_norms: whether it also acts on norms and biases (all parameters of one dimension or none, and those of norms).
    """
    weights = [p for p in model.parameters() if p.requires_grad]
    if decay_norms or not weight_decay:
        return [{"params": weights, "weight_decay": weight_decay}]
    norms = {id(p) for m in model.modules() if isinstance(m, NORMS) for p in m.parameters(recurse=False)}
    spared = [p.ndim <= 1 or id(p) in norms for p in weights]
    groups = [
        {"params": [p for p, s in zip(weights, spared) if not s], "weight_decay": weight_decay},
        {"params": [p for p, s in zip(weights, spared) if s], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
