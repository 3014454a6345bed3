"""The domain discriminator of WS-CDA: which domain a feature map is from, and further steps that train it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

WIDTH = 128
LAYERS = 3


class Discriminator(nn.Module):
    """Feature map (B, C, h, w) -> logits (B, 2): animal rather than human, unlabelled rather than labelled animal.

    The paper gives no layout; ours: strided 3 x 3 convolutions with LeakyReLU, the mean over what is left of the map, one linear
    layer. No batch norm: its statistics would be those of a mixture of the domains that it is to tell apart.

    Args:
        channels: C.
    """

    def __init__(self, channels: int):
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(LAYERS):
            layers += [nn.Conv2d(channels, WIDTH, 3, stride=2, padding=1), nn.LeakyReLU(0.2)]
            channels = WIDTH
        self.layers, self.logits = nn.Sequential(*layers), nn.Linear(WIDTH, 2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.logits(self.layers(features).mean((2, 3)))


class DiscriminatorTrainer:
    """After every batch the discriminator takes `steps` more of its own on the batch's features, by an Adam of its own.

    Adversaries that move at the same pace go round in circles: the features deceive the discriminator as it is, and any other
    classifier still tells the domains apart. One that is nearly the best at every moment leaves nothing but features that are alike
    (Goodfellow et al., NeurIPS 2014, algorithm 1).

    Args:
        discriminator: as trained.
        steps: after every batch.
        rate: learning rate.
        fabric: the ranks, whose gradients are averaged.
    """

    def __init__(self, discriminator: Discriminator, steps: int, rate: float, fabric: Fabric):
        self.discriminator, self.steps, self.fabric = discriminator, steps, fabric
        self.optimizer = torch.optim.Adam(discriminator.parameters(), rate)
        self._seen: tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]] | None = None

    def state_dict(self) -> dict[str, Any]:
        """The optimiser's averages."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.optimizer.load_state_dict(dict(state))

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
        self._seen = None
