"""The losses of WS-CDA (Cao et al., ICCV 2019, section 3), and the layer that turns a gradient round.

The paper's sums run over the pictures of a batch. Here every one of them is divided by their number N, which changes no ratio
between the terms and makes alpha = -1, beta = 500 mean the same for every batch size.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad: torch.Tensor) -> tuple[torch.Tensor, None]:
        return grad * -ctx.strength, None


def reverse_gradient(x: torch.Tensor, strength: float) -> torch.Tensor:
    """`x` itself; its gradient is multiplied by -`strength` (Ganin and Lempitsky, ICML 2015).

    In front of the discriminator this lets one backward pass do both: the discriminator goes down on its loss, what is in front
    of it goes up.
    """
    return _Reversal.apply(x, strength)


def ramp(progress: float) -> float:
    """2 / (1 + exp(-10 p)) - 1: 0 at the start, 0.9999 at p = 1; the strength of the reversal over training. [ours]"""
    return 2 / (1 + math.exp(-10 * min(max(progress, 0.0), 1.0))) - 1


def human_animal(logits: torch.Tensor, animal: torch.Tensor) -> torch.Tensor:
    """First term of L_DDL without w1: -1/N sum_i [y_i log y_hat_i + (1 - y_i) log(1 - y_hat_i)].

    Args:
        logits: (N, 2) of the discriminator; sigmoid of the first is y_hat.
        animal: (N,) y, 1 for an animal and 0 for a human.
    """
    return F.binary_cross_entropy_with_logits(logits[:, 0], animal.to(logits.dtype))


def labelled_unlabelled(logits: torch.Tensor, animal: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Second term of L_DDL: -1/N sum_i y_i [z_i log z_hat_i + (1 - z_i) log(1 - z_hat_i)]. Humans do not count in it.

    Args:
        logits: (N, 2); sigmoid of the second is z_hat.
        animal: (N,) y.
        target: (N,) z, 1 for an animal of the unlabelled domain; of humans it means nothing.
    """
    each = F.binary_cross_entropy_with_logits(logits[:, 1], target.to(logits.dtype), reduction="none")
    return (each * animal).sum() / len(logits)


@torch.no_grad()
def balanced_accuracy(logit: torch.Tensor, truth: torch.Tensor) -> torch.Tensor:
    """Mean of the shares of both classes told rightly: 0.5 is a guess, however many there are of each. (n,), (n,) -> ()."""
    right, truth = ((logit > 0) == (truth > 0)).float(), truth > 0
    return (right[truth].mean() + right[~truth].mean()) / 2
