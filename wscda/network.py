"""The four parts of WS-CDA in one module: extractor, discriminator, heads of humans and animals, adaptation network."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from ..pose.models import PoseNetwork
from .discriminator import Discriminator
from .losses import reverse_gradient


class Counts(NamedTuple):
    """How many pictures of a batch are of each domain, in this order."""

    human: int
    animal: int
    target: int


class Outputs(NamedTuple):
    """What the parts make of a batch of N pictures.

    Attributes:
        maps: of every stage of the main network (n, K, h, w), for the labelled pictures of its own joints.
        human: (n_human, K_human, h, w), None without a human head.
        logits: (N, 2) of the discriminator, None without one.
        features: (N, C, h, w), the extractor's last feature map.
    """

    maps: list[torch.Tensor]
    human: torch.Tensor | None
    logits: torch.Tensor | None
    features: torch.Tensor


class WscdaNetwork(nn.Module):
    """What WS-CDA trains; what it leaves is the main network alone.

    The main network is extractor, adaptation network and head of the animals (of the humans where no animal is labelled): any
    network of the table that can be cut at its last feature map. The human head reads the same map without the adaptation network;
    the discriminator reads it through a reversal of the gradient.

    Args:
        main: the network that is saved.
        human: the human head, (B, C, h, w) -> (B, K_human, h, w), see `human_head`; None: humans have no head of their own.
        discriminate: whether there are domains to tell apart.
    """

    def __init__(self, main: PoseNetwork, human: nn.Module | None, discriminate: bool):
        super().__init__()
        self.main, self.human = main, human
        self.discriminator = Discriminator(main.feature_channels) if discriminate else None

    def forward(
        self, images: torch.Tensor, counts: Counts | None = None, strength: float = 0.0
    ) -> Outputs | list[torch.Tensor]:
        """Maps of the main network for pictures alone; everything there is for a training batch.

        Args:
            images: (N, 3, H, W): first humans, then labelled animals, then unlabelled ones.
            counts: of each; None: only the main network's maps are wanted.
            strength: of the reversal, |alpha|.
        """
        if counts is None:
            return self.main(images)
        earlier, features = self.main.features(images)
        logits = self.discriminator(reverse_gradient(features, strength)) if self.discriminator else None
        if self.human is None and counts.human:
            own = slice(0, counts.human)  # humans are the main network's own; its adaptation network sees them alone
            maps = self.main.head(self.main.adapter(features[own]))
            return Outputs([*(stage[own] for stage in earlier), maps], None, logits, features)
        human = self.human(features[: counts.human]) if counts.human else None
        # the adaptation network's batch norm keeps statistics of both kinds of animals: it will meet both
        maps = self.main.head(self.main.adapter(features[counts.human :]))[: counts.animal]
        own = slice(counts.human, counts.human + counts.animal)
        return Outputs([*(stage[own] for stage in earlier), maps], human, logits, features)

    def parts(self) -> dict[str, dict[str, torch.Tensor]]:
        """State of what trains beside the main network, for a checkpoint: live tensors, not copies."""
        beside = {"human": self.human, "discriminator": self.discriminator}
        return {name: part.state_dict() for name, part in beside.items() if part is not None}

    def load_parts(self, state: Mapping[str, Mapping[str, torch.Tensor]]) -> list[str]:
        """Take over the parts that are there and fit; returns their names."""
        taken = []
        for name in self.parts():
            own, found = self.parts()[name], state.get(name, {})
            if own.keys() == found.keys() and all(own[k].shape == found[k].shape for k in own):
                getattr(self, name).load_state_dict(found)
                taken.append(name)
        return taken


def human_head(main: PoseNetwork, num_joints: int, trained: PoseNetwork | None) -> nn.Module:
    """All behind the last feature map, for humans: a copy of that of a network trained on them, or a fresh one of the same kind."""
    if trained is not None:
        return copy.deepcopy(trained.last_layer)
    return main.new_last_layer(num_joints)
