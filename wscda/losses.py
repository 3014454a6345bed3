"""The losses of WS-CDA (Cao et al., ICCV 2019, section 3), and the layer that reverses a gradient.

The paper's sums run over the pictures of a batch. Here each sum is divided by the number N of pictures. This changes no ratio
between the terms, and gives alpha = -1 and beta = 500 the same meaning for every batch size.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad * -ctx.strength, None


def reverse_gradient(x: torch.Tensor, strength: float) -> torch.Tensor:
    """Return `x`, and multiply its gradient by -`strength` (Ganin and Lempitsky, ICML 2015).

    With this in front of the discriminator, one backward pass minimises the loss for the discriminator and maximises it for the
    parts before it.
    """
    return _Reversal.apply(x, strength)


def ramp(progress: float) -> float:
    """2 / (1 + exp(-10 p)) - 1: 0 at the start, 0.9999 at p = 1; the strength of the reversal over training. [ours]"""
    return 2 / (1 + math.exp(-10 * min(max(progress, 0.0), 1.0))) - 1


def human_animal_loss(logits: torch.Tensor, animal: torch.Tensor) -> torch.Tensor:
    """First term of L_DDL without w1: -1/N sum_i [y_i log y_hat_i + (1 - y_i) log(1 - y_hat_i)].

    Args:
        logits: (N, 2) of the discriminator; y_hat is the sigmoid of the first column.
        animal: (N,) y, 1 for an animal and 0 for a human.
    """
    return F.binary_cross_entropy_with_logits(logits[:, 0], animal.to(logits.dtype))


def labelled_unlabelled_loss(logits: torch.Tensor, animal: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Second term of L_DDL: -1/N sum_i y_i [z_i log z_hat_i + (1 - z_i) log(1 - z_hat_i)]. Humans do not count.

    Args:
        logits: (N, 2); z_hat is the sigmoid of the second column.
        animal: (N,) y.
        target: (N,) z, 1 for an unlabelled animal; any value for a human.
    """
    each = F.binary_cross_entropy_with_logits(logits[:, 1], target.to(logits.dtype), reduction="none")
    return (each * animal).sum() / len(logits)


@torch.no_grad()
def balanced_accuracy(logit: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean of the accuracies on both classes: 0.5 is chance level, whatever the sizes of the classes. (n,), (n,) -> ()."""
    correct, truth = ((logit > 0) == (truth > 0)).float(), truth > 0
    return (correct[truth].mean() + correct[~truth].mean()) / 2
