"""Builds the training step of the published protocol from the options."""

from __future__ import annotations

from lightning_fabric import Fabric

from ...datasets.original_crops import LabelledCrops, OriginalCropCache, SourcePictures
from ...datasets.sample import PoseDataset
from ...pose.checkpoints import Loaded
from ...train.adaptation import AdaptationStart, began_from_scratch
from ...train.check_labels import check_labels
from ...train.feeds.base import FeedConfig
from ...train.feeds.original import OriginalFeed, original_items
from ...train.run_state import Run
from ...train.selftraining.config import SelfTrainingFeeds
from ...train.selftraining.labeller import Execution
from ...train.selftraining.target_labels import target_labels_state
from ...train.streams import Stream
from ...train.supervised import LOSSES, loss_for
from ..label_score import scorer_for
from ..options import CcsslOptions
from ..protocol import admission_of, self_training_config, view_rotation_of
from .labeller import OriginalLabeller, OriginalLabelRules
from .step import OriginalStep, OriginalTargetFeed


def original_step(
    options: CcsslOptions, inputs: AdaptationStart, fabric: Fabric, run: Run, few: PoseDataset | None = None
) -> OriginalStep:
    """The training step of a run of the published protocol.

    Args:
        options: with the defaults of the protocol.
        inputs: data and network of the run; the network takes published crops.
        fabric: device and ranks.
        run: its state.
        few: labelled target pictures, if the run has any.
    """
    network, spec, source = inputs.start, inputs.start.spec, inputs.labelled
    check_labels(source, spec.size_hw, 1, "train on")
    limit = int(options.cache_gib * 2**30 / 2)
    if options.source_augment == "strong" and not source.has_original_annotations:
        source = SourcePictures(source, limit)
    crops = OriginalCropCache(inputs.target, spec.size, limit)
    labelled = LabelledCrops(crops)
    # the published adaptation mirrors target pictures, but not source pictures
    source_items = original_items(source, spec, options, options.source_augment, flip=False)
    target_items = original_items(labelled, spec, options, options.target_augment, stream=Stream.TARGET)
    reading = FeedConfig.of(options, fabric, batch_size=options.train_batch, seed=options.seed)
    feeds = SelfTrainingFeeds(
        OriginalFeed(source_items, spec.std, reading),
        OriginalTargetFeed(labelled, target_items, spec.std, reading),
        None if few is None else labelled_feed(options, few, network, fabric),
        target_labels_state(options, few),
    )
    rules = OriginalLabelRules(
        options.seed, options.views, options.view_scale, view_rotation_of(options), options.flow == "lk"
    )
    execution = Execution(fabric.device, options.workers, options.strict_data, fabric)
    loss = loss_for(options, network)
    steps = options.steps or min(feeds.source.steps, feeds.target.steps)
    return OriginalStep(
        feeds,
        OriginalLabeller(crops, spec, execution, rules),
        fabric,
        LOSSES[loss],
        self_training_config(options, run, loss, steps),
        admission=admission_of(options),
        scorer=scorer_for(options, network),
        from_scratch=began_from_scratch(network, run),
    )


def labelled_feed(options: CcsslOptions, data: PoseDataset, network: Loaded, fabric: Fabric) -> OriginalFeed:
    """Batches of the labelled target pictures, with the augmentation of the source."""
    stream = Stream.TARGET_LABELS
    config = FeedConfig.of(options, fabric, batch_size=options.train_batch, seed=options.seed, stream=stream)
    if options.source_augment == "strong" and not data.has_original_annotations:
        data = SourcePictures(data, int(options.cache_gib * 2**30 / 2))
    items = original_items(data, network.spec, options, options.source_augment, flip=False, stream=stream)
    return OriginalFeed(items, network.spec.std, config)
