"""Further steps of the discriminator alone, so that it keeps up with features that flee from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning_fabric import Fabric

from .discriminator import Discriminator


class Pursuit:
    """After every batch the discriminator takes `steps` more of its own on the batch's features, by an Adam of its own.

    Adversaries that move at the same pace go round in circles: the features deceive the discriminator as it is, and any other
    classifier still tells the domains apart. One that is nearly the best at every moment leaves nothing but features that are alike
    (Goodfellow et al., NeurIPS 2014, algorithm 1).

    Args:
        discriminator: as trained.
        steps: after every batch.
        rate: learning rate.
        fabric: the ranks, whose gradients are averaged.
        kept: of the run; the optimiser's averages go there.
    """

    def __init__(self, discriminator: Discriminator, steps: int, rate: float, fabric: Fabric, kept: dict[str, Any]):
        self.discriminator, self.steps, self.fabric, self.kept = discriminator, steps, fabric, kept
        self.optimizer = torch.optim.Adam(discriminator.parameters(), rate)
        self._seen: tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]] | None = None
        if "pursuit" in kept:
            self.optimizer.load_state_dict(kept["pursuit"])

    def see(self, features: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Take a batch's features (N, C, h, w), which are not trained here, and the domain loss of logits (N, 2) on them."""
        kind = self.discriminator.logits.weight.dtype  # in mixed precision the features come in another
        self._seen = features.detach().to(kind), loss

    def follow(self) -> None:
        """The further steps on what was seen last."""
        features, loss = self._seen
        for _ in range(self.steps):
            self.optimizer.zero_grad(set_to_none=True)
            loss(self.discriminator(features)).backward()
            if self.fabric.world_size > 1:
                for parameter in self.discriminator.parameters():
                    parameter.grad = self.fabric.all_reduce(parameter.grad, reduce_op="mean")
            self.optimizer.step()
        self.kept["pursuit"] = self.optimizer.state_dict()
        self._seen = None
