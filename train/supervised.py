"""Supervised training as a step of the one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import nn

from ..pose import losses
from .feed import CropFeed

LOSSES: dict[str, Callable[..., torch.Tensor]] = {"mean": losses.joints_mse, "published": losses.joints_mse_published}


def stage_loss(outputs: list[torch.Tensor], target: torch.Tensor, weight: torch.Tensor, loss: Callable) -> torch.Tensor:
    """Sum over the stages of the loss between each stage's maps and the target; part maps behind them are not joints."""
    maps = [o for o in outputs if o.shape == target.shape]
    return sum(loss(o.float(), target, weight) for o in maps)


class SupervisedStep:
    """Labelled pictures in, heatmap regression out.

    Args:
        feed: labelled batches.
        device: where the batches are made.
        loss: a key of `LOSSES`.
    """

    def __init__(self, feed: CropFeed, device: torch.device, loss: str = "mean"):
        self.feed, self.device, self.loss = feed, device, LOSSES[loss]
        self.pictures, self.steps = feed.batch_size, feed.steps

    def batches(self, epoch: int, start: int) -> Iterator[dict[str, torch.Tensor]]:
        return self.feed.batches(epoch, start, self.device)

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        return {}

    def __call__(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"total": stage_loss(model(batch["images"]), batch["target"], batch["weight"], self.loss)}
