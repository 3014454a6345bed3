"""The training step of the 2020 CC-SSL code: published crops, targets and admission, and the two domains one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import nn

from ...datasets.original_crops import LabelledCrops
from ...datasets.original_items import OriginalItems
from ...datasets.pseudo_labels import REASONS, PseudoLabels
from ...train.feeds.base import Batch, FeedConfig, continued_batches
from ...train.feeds.crops import Labels
from ...train.feeds.original import OriginalFeed
from ...train.ranks import loss_factors
from ...train.selftraining.config import TrainingFeed
from ...train.selftraining.step import Pair
from ...train.supervised import cell_accuracy, mean_over, stage_loss
from ..base_step import BaseStep
from ..protocol import ROUND_EPOCHS
from .labels import confidence_schedule


class OriginalTargetFeed(OriginalFeed):
    """Batches of the target's crops with the labels of the round.

    Args:
        crops: gets the labels.
        items: of `crops`, see `original_items`.
        std: (3,) divisor of the network's input.
        config: how to draw and read.
    """

    def __init__(self, crops: LabelledCrops, items: OriginalItems, std: tuple[float, ...], config: FeedConfig):
        super().__init__(items, std, config)
        self.labelled_crops = crops

    @property
    def labels(self) -> Labels | None:
        """xy_px (N, K, 2) and weight (N, K), as of `CropFeed`."""
        return self.labelled_crops.xy_px, self.labelled_crops.weight

    @labels.setter
    def labels(self, labels: Labels | None) -> None:
        if labels is not None:
            self.labelled_crops.xy_px, self.labelled_crops.weight = labels


class OriginalStep(BaseStep):
    """Self-training with the published rule of admission, length of an epoch and order of the two domains.

    Labels are trained on as they are made: nothing is calibrated, and drift is not removed.
    """

    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """Admit the labels strictly above the threshold, which is read from a list with one additional 0, as published."""
        assert labels.crop_px is not None
        readable, rule = labels.crop_px > 0, self.admission
        joints = np.arange(labels.confidence.shape[1])
        labels.admitted, share = np.zeros(labels.confidence.shape, bool), 0.0
        for group in [joints] if rule.per == "global" else joints[:, None]:
            # a round of another length admits what the published round of the same number admits
            epoch = ROUND_EPOCHS * round_
            share, _, flags = confidence_schedule(labels.confidence[readable][:, group], epoch, rule.first, rule.last)
            labels.admitted[np.ix_(readable, group)] = flags > 0
        labels.reason = np.where(labels.admitted, REASONS.index("admitted"), REASONS.index("share")).astype(np.uint8)
        labels.reason[~readable] = REASONS.index("unreadable")
        labels.facts.update(share=round(1 - share, 9), per=rule.per)

    def batches(self, epoch: int, start: int) -> Iterator[Pair | None]:
        """Both domains in step, shuffled in every epoch. The smaller set ends the epoch, unless --steps asks for more."""
        parts = [self._batches_of(feed, epoch, start) for feed in (self.source, self.target)]
        if self.labelled_target:  # few pictures: they are repeated as often as the epoch has steps
            at, count = epoch * self.steps + start, self.steps - start
            parts.append(continued_batches(self.labelled_target, at, count, self.fabric.device))
        for pair in zip(*parts):
            yield pair if all(batch is not None for batch in pair) else None

    def _batches_of(self, feed: TrainingFeed, epoch: int, start: int) -> Iterator[Batch | None]:
        if self.steps > feed.steps:
            return continued_batches(feed, epoch * self.steps + start, self.steps - start, self.fabric.device)
        return islice(feed.batches(epoch, start, self.fabric.device), self.steps - start)

    def __call__(self, model: nn.Module, batch: Pair) -> dict[str, torch.Tensor]:
        """Losses by name. Each domain goes through the network alone, so that batch norm sees one domain at a time; the gradients
        add up to one step of the optimiser."""
        source, target, *labelled_target = [part for part in batch if part is not None]
        factors = loss_factors(self.fabric, [mean_over(self.loss, part) for part in batch])
        outputs = model(source["images"])
        loss = factors[0] * stage_loss(outputs, source["target"], source["weight"], self.loss)
        self.fabric.backward(loss)
        losses = {"source": loss.detach(), "acc": cell_accuracy(outputs, source["target"], source["weight"])}
        del outputs
        for factor, part in zip(factors[2:], labelled_target):
            loss = factor * stage_loss(model(part["images"]), part["target"], part["weight"], self.loss)
            self.fabric.backward(loss)
            losses["target_labels"] = loss.detach()
        loss = stage_loss(model(target["images"]), target["target"], target["weight"], self.loss)
        losses["target"] = factors[1] * loss
        # the losses of the other parts are constants here: their gradients are already computed
        total = losses["source"] + self.gamma * losses["target"] + losses.get("target_labels", 0.0)
        return {"total": total, **losses}
