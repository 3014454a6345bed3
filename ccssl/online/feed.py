"""Target pictures of the online step: of every crop an easy view for the teacher and a hard one for the network."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from ...pose.augment import Augmentation, augment
from ...pose.geometry import compose, invert
from ...pose.random_draws import BatchPart, Draws
from ...train.feeds.base import Batch, Draw, Feed
from ...train.feeds.crops import CropFeed
from ..framing import Framing


class OnlineFeed(CropFeed):
    """Batches of pairs of views; see `CropFeed` for the arguments.

    A batch has `easy` and `images`, the views of teacher and network, both (B, 3, R, R) network input; `hard_from_easy`, (B, 2, 3),
    from px of the one to px of the other; `weight`, (B, K), 1 for joints that may be learned; `index`, and `place`, (B,) the number
    of a picture in the batch of all ranks.

    Attributes:
        easy: augmentation of the teacher's views; `augmentation` is that of the network's.
        easy_framing, hard_framing: zoom and shift of the views of teacher and network.
        admitted_only: learn only labels that the round admits. Pictures are then drawn as often as they have such labels.
    """

    easy = Augmentation()
    easy_framing = hard_framing = Framing()
    admitted_only = False

    def order(self, epoch: int) -> np.ndarray:
        """(N,) the order of an epoch's pictures."""
        return super().order(epoch) if self.admitted_only else Feed.order(self, epoch)

    def _make(self, read: dict[str, Any], draw: Draw, device: torch.device) -> Batch:
        draws, index = self._generator(read, draw), read["index"]
        crops = read["crop"].to(device)
        easy, easy_from_crop = self._view(crops, self.easy, draws, self.easy_framing)
        hard, hard_from_crop = self._view(crops, self.augmentation, draws, self.hard_framing)
        weight = torch.ones(len(index), len(self.dataset.skeleton))
        if self.admitted_only and self.labels is not None:
            weight = torch.as_tensor(self.labels[1][index.numpy()]).float()
        return {
            "easy": easy,
            "images": hard,
            "hard_from_easy": compose(hard_from_crop, invert(easy_from_crop)),
            "weight": weight.to(device),
            "index": index,
            "place": draws.rows if isinstance(draws, BatchPart) else torch.arange(len(index)),
        }

    def _view(
        self, crops: torch.Tensor, augmentation: Augmentation, draws: Draws, framing: Framing
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One view of every crop as network input, and view_from_crop (B, 2, 3). No joint is known yet, so none is hidden."""
        nowhere = torch.full((len(crops), 1, 2), torch.nan, device=crops.device)
        images, _, _, matrix = augment(
            crops,
            nowhere,
            nowhere[..., 0],
            augmentation,
            self.spec.size_hw,
            flip_order=np.zeros(1, int),
            generator=draws,
            margin=self.margin,
            framing=framing.matrix(self.crops.side, self.spec.size),
        )
        return self.spec.normalise_exact(images).contiguous(memory_format=torch.channels_last), matrix
