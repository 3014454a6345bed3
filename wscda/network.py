"""The four parts of WS-CDA in one module: feature extractor, discriminator, heads of humans and animals, adaptation network."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from itertools import chain
from typing import NamedTuple

import torch
from torch import nn

from ..pose.models import PoseNetwork
from .discriminator import Discriminator
from .losses import reverse_gradient


class Counts(NamedTuple):
    """Number of pictures of each domain in a batch. A batch holds them in this order."""

    human: int
    animal: int
    target: int


class Outputs(NamedTuple):
    """Outputs of all parts for a batch of N pictures.

    Attributes:
        maps: for every stage of the pose network, maps (n, K, h, w) of the n labelled pictures with its joints.
        human_maps: (n_human, K_human, h, w); None without a human head.
        logits: (N, 2) of the discriminator; None without one.
        features: (N, C, h, w), the last feature map of the extractor.
    """

    maps: list[torch.Tensor]
    human_maps: torch.Tensor | None
    logits: torch.Tensor | None
    features: torch.Tensor


class WscdaNetwork(nn.Module):
    """The network that WS-CDA trains. The checkpoint's network is the pose network alone.

    The pose network consists of extractor, adaptation network and animal head (human head where no animal is labelled). It is any
    network of the table that can be cut at its last feature map. The human head takes that map without the adaptation network; the
    discriminator takes it through a reversal of the gradient.

    Args:
        pose_network: the network that is saved.
        human_head: (B, C, h, w) -> (B, K_human, h, w), see `new_human_head`; None: humans have no separate head.
        discriminate: build a discriminator; False where there is one domain only.
    """

    def __init__(self, pose_network: PoseNetwork, human_head: nn.Module | None, discriminate: bool):
        super().__init__()
        self.pose_network, self.human_head = pose_network, human_head
        self.discriminator = Discriminator(pose_network.feature_channels) if discriminate else None

    def forward(
        self, images: torch.Tensor, counts: Counts | None = None, strength: float = 0.0
    ) -> Outputs | list[torch.Tensor]:
        """Maps of the pose network for pictures alone; outputs of all parts for a training batch.

        Args:
            images: (N, 3, H, W): humans, then labelled animals, then unlabelled animals.
            counts: number of pictures of each domain; None: return the maps of the pose network only.
            strength: of the reversal, |alpha|.
        """
        main = self.pose_network
        if counts is None:
            maps: list[torch.Tensor] = main(images)
            return maps
        earlier, features = main.features(images)
        logits = self.discriminator(reverse_gradient(features, strength)) if self.discriminator else None
        if self.human_head is None and counts.human:
            humans = slice(
                0, counts.human
            )  # the pose network's joints are the humans'; its adaptation network gets humans only
            last = main.head(main.adapter(features[humans]))
            return Outputs([*(stage[humans] for stage in earlier), last], None, logits, features)
        human_maps = self.human_head(features[: counts.human]) if self.human_head and counts.human else None
        # labelled and unlabelled animals go through the adaptation network: its batch norm keeps statistics of both
        last = main.head(main.adapter(features[counts.human :]))[: counts.animal]
        animals = slice(counts.human, counts.human + counts.animal)
        return Outputs([*(stage[animals] for stage in earlier), last], human_maps, logits, features)

    def parts(self) -> dict[str, dict[str, torch.Tensor]]:
        """State of the parts outside the pose network, for a checkpoint; the tensors are not copies."""
        return {name: part.state_dict() for name, part in self._parts().items()}

    def load_parts(self, state: Mapping[str, Mapping[str, torch.Tensor]]) -> list[str]:
        """Load the parts whose names and shapes fit; returns the names of the loaded parts."""
        loaded = []
        for name, part in self._parts().items():
            current, saved = part.state_dict(), state.get(name, {})
            if current.keys() == saved.keys() and all(current[k].shape == saved[k].shape for k in current):
                part.load_state_dict(saved)
                loaded.append(name)
        return loaded

    def _parts(self) -> dict[str, nn.Module]:
        """The parts outside the pose network, by their keys in a checkpoint."""
        parts = {"human": self.human_head, "discriminator": self.discriminator}
        return {name: part for name, part in parts.items() if part is not None}

    def sizes(self) -> dict[str, int]:
        """Number of weights of extractor, adaptation network and discriminator; parts without weights are left out."""
        main = self.pose_network
        behind = {id(p) for p in chain(main.adapter.parameters(), main.last_layer.parameters())}
        parts = {
            "extractor": [p for p in main.parameters() if id(p) not in behind],
            "adaptation network": [*main.adapter.parameters()],
            "discriminator": [*self.discriminator.parameters()] if self.discriminator else [],
        }
        return {name: sum(p.numel() for p in weights) for name, weights in parts.items() if weights}


def new_human_head(main: PoseNetwork, num_joints: int, trained: PoseNetwork | None) -> nn.Module:
    """A last layer for humans on the feature map of `main`.

    Args:
        main: the pose network.
        num_joints: of the humans.
        trained: network trained on these humans, whose last layer is copied; None: fresh weights.
    """
    if trained is not None:
        return copy.deepcopy(trained.last_layer)
    return main.new_last_layer(num_joints)
