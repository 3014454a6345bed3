"""Published CC-SSL as a step of the one loop: published crops, targets, admission, and the two domains one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from ...datasets.original_crops import LabelledCrops, OriginalCropCache, SourcePictures
from ...datasets.pseudo_labels import REASONS, PseudoLabels
from ...datasets.sample import PoseDataset
from ...pose.checkpoints import Loaded
from ...train.adaptation import began_from_scratch
from ...train.check_labels import check_labels
from ...train.feeds.base import FeedConfig, continued_batches
from ...train.feeds.original import OriginalFeed, original_items
from ...train.ranks import loss_factors
from ...train.run_state import Run
from ...train.selftraining.labeller import Execution
from ...train.selftraining.step import Pair, SelfTrainingConfig, SelfTrainingFeeds
from ...train.streams import Stream
from ...train.supervised import LOSSES, cell_accuracy, loss_for, mean_over, stage_loss
from ..label_score import LabelScore
from ..options import CcsslOptions
from ..protocol import ROUND_EPOCHS, gamma_of, refresh_of
from ..starts import has_original_files, labelled_feed, target_labels_state
from ..step import CcsslStep
from .labeller import OriginalLabeller, OriginalLabelRules
from .labels import confidence_schedule


class OriginalTargetFeed(OriginalFeed):
    """Batches of the target's crops with the round's labels; `labels` is (xy_px (N, K, 2), weight (N, K)) as of `CropFeed`."""

    @property
    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        crops = self.items.dataset
        return crops.xy_px, crops.weight

    @labels.setter
    def labels(self, found: tuple[np.ndarray, np.ndarray]) -> None:
        self.items.dataset.xy_px, self.items.dataset.weight = found


class OriginalStep(CcsslStep):
    """As `CcsslStep`, with the published rule of admission, length of an epoch and order of the two domains."""

    source: OriginalFeed
    target: OriginalTargetFeed
    labeller: OriginalLabeller

    def refine(self, labels: PseudoLabels, round_: int, model: nn.Module) -> None:
        """Labels are not held in place."""

    def prepare(self, round_: int) -> None:
        """Frames are taken as they are cropped."""

    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """Mark what is strictly above the threshold; the list it is read off has one 0 more, as published."""
        read = labels.crop_px > 0
        columns = [slice(None)] if self.per == "global" else [[k] for k in range(labels.confidence.shape[1])]
        labels.admitted = np.zeros(labels.confidence.shape, bool)
        for at in columns:
            found = labels.confidence[read][:, at]
            # a round of another length admits what the published one of its number does
            share, _, flags = confidence_schedule(found, ROUND_EPOCHS * round_, *self.share)
            labels.admitted[np.ix_(read, np.arange(labels.admitted.shape[1])[at])] = flags > 0
        labels.reason = np.where(labels.admitted, REASONS.index("admitted"), REASONS.index("share")).astype(np.uint8)
        labels.reason[~read] = REASONS.index("unreadable")
        labels.facts.update(share=round(1 - share, 9), per=self.per)

    def batches(self, epoch: int, start: int) -> Iterator[Pair | None]:
        """Both domains in step, each shuffled anew every epoch; the shorter one ends it, unless --steps asks for more."""
        parts = [self._of(self.source, epoch, start), self._of(self.target, epoch, start)]
        if self.labelled_target:  # few pictures: through them as often as the epoch has steps
            at, count = epoch * self.steps + start, self.steps - start
            parts.append(continued_batches(self.labelled_target, at, count, self.fabric.device))
        for pair in zip(*parts):
            yield pair if all(batch is not None for batch in pair) else None

    def _of(self, feed: OriginalFeed, epoch: int, start: int) -> Iterator[dict[str, torch.Tensor] | None]:
        if self.steps > feed.steps:
            return continued_batches(feed, epoch * self.steps + start, self.steps - start, self.fabric.device)
        return islice(feed.batches(epoch, start, self.fabric.device), self.steps - start)

    def __call__(self, model: nn.Module, batch: Pair) -> dict[str, torch.Tensor]:
        """Each domain by itself, so that batch norm sees one at a time; gradients add up to one step of the optimiser."""
        source, target, *more = batch
        factors = loss_factors(self.fabric, [mean_over(self.loss, own) for own in batch])
        outputs = model(source["images"])
        loss = factors[0] * stage_loss(outputs, source["target"], source["weight"], self.loss)
        self.fabric.backward(loss)
        losses = {"source": loss.detach(), "acc": cell_accuracy(outputs, source["target"], source["weight"])}
        del outputs
        for factor, labelled in zip(factors[2:], more):
            loss = factor * stage_loss(model(labelled["images"]), labelled["target"], labelled["weight"], self.loss)
            self.fabric.backward(loss)
            losses["target_labels"] = loss.detach()
        found = stage_loss(model(target["images"]), target["target"], target["weight"], self.loss)
        losses["target"] = factors[1] * found
        # what is a constant here has been backpropagated above
        total = losses["source"] + self.gamma * losses["target"] + losses.get("target_labels", 0.0)
        return {"total": total, **losses}


def original_step(
    options: CcsslOptions,
    source: PoseDataset,
    target: PoseDataset,
    network: Loaded,
    fabric: Fabric,
    run: Run,
    few: PoseDataset | None = None,
    scorer: LabelScore | None = None,
) -> OriginalStep:
    """The published adaptation step of a run.

    Args:
        options: settled, see `protocol.with_defaults`.
        network: of published input form.
    """
    spec = network.spec
    check_labels(source, spec.size_hw, 1, "train on")
    limit = int(options.cache_gib * 2**30 / 2)
    if options.source_augment == "strong" and not has_original_files(source):
        source = SourcePictures(source, limit)
    crops = OriginalCropCache(target, spec.size, limit)
    # the source loader of the published adaptation does not mirror, its target loader does
    items = original_items(source, spec, options, options.source_augment, flip=False)
    labelled = original_items(LabelledCrops(crops), spec, options, options.target_augment, stream=Stream.TARGET)
    reading = FeedConfig.of(options, fabric, batch_size=options.train_batch, seed=options.seed)
    feeds = SelfTrainingFeeds(
        OriginalFeed(items, spec.std, reading),
        OriginalTargetFeed(labelled, spec.std, reading),
        None if few is None else labelled_feed(options, few, network, fabric),
    )
    rules = OriginalLabelRules(
        options.seed, options.views, options.view_scale, options.view_rotation, options.flow == "lk"
    )
    execution = Execution(fabric.device, options.workers, options.strict_data, fabric)
    labeller = OriginalLabeller(crops, spec, execution, rules)
    refresh = refresh_of(options)
    loss = loss_for(options, network)
    config = SelfTrainingConfig(
        run.folder,
        math.ceil(options.num_epochs / refresh),
        refresh,
        gamma_of(options, loss),
        options.steps or min(feeds.source.steps, feeds.target.steps),
    )
    return OriginalStep(
        feeds,
        labeller,
        fabric,
        LOSSES[loss],
        config,
        share=(options.share_first, options.share_last),
        per=options.per,
        scorer=scorer,
        from_scratch=began_from_scratch(network, run),
        target_labels=target_labels_state(options, few),
    )
