"""The domain discriminator of WS-CDA: which domain a feature map is from, and additional training steps for it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

WIDTH = 128  # channels of every layer
LAYERS = 3


class Discriminator(nn.Module):
    """Feature map (B, C, h, w) -> logits (B, 2): animal (not human), unlabelled animal (not labelled animal).

    The paper does not give a layout. Ours: strided 3 x 3 convolutions with LeakyReLU, the mean over the remaining map, and one
    linear layer. There is no batch norm, since its statistics would mix the domains that the network has to tell apart.

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
    """Trains the discriminator for `steps` additional steps after every batch, on the batch's features, with Adam.

    If discriminator and features are trained at the same pace, the features deceive the current discriminator, while another
    classifier still tells the domains apart. A discriminator that is nearly optimal at every moment forces the features of the
    domains to become alike (Goodfellow et al., NeurIPS 2014, algorithm 1).

    Args:
        discriminator: trained in place.
        steps: after every batch.
        rate: learning rate.
        fabric: the ranks, whose gradients are averaged.
    """

    def __init__(self, discriminator: Discriminator, steps: int, rate: float, fabric: Fabric):
        self.discriminator, self.steps, self.fabric = discriminator, steps, fabric
        self.optimizer = torch.optim.Adam(discriminator.parameters(), rate)
        self._batch: tuple[torch.Tensor, Callable[[torch.Tensor], torch.Tensor]] | None = None

    def state_dict(self) -> dict[str, Any]:
        """State of the optimiser."""
        return self.optimizer.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        self.optimizer.load_state_dict(dict(state))

    def set_batch(self, features: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Set what the next `train` trains on.

        Args:
            features: (N, C, h, w); no gradient reaches them.
            loss: domain loss of the logits (N, 2) of these features.
        """
        dtype = self.discriminator.logits.weight.dtype  # features of mixed precision have another one
        self._batch = features.detach().to(dtype), loss

    def train(self) -> None:
        """Make the additional steps on the batch that was set last."""
        if self._batch is None:
            return
        features, loss = self._batch
        for _ in range(self.steps):
            self.optimizer.zero_grad(set_to_none=True)
            loss(self.discriminator(features)).backward()
            if self.fabric.world_size > 1:
                for parameter in self.discriminator.parameters():
                    assert parameter.grad is not None
                    parameter.grad = torch.as_tensor(self.fabric.all_reduce(parameter.grad, reduce_op="mean"))
            self.optimizer.step()
        self._batch = None
