"""Builds the training step of a PPLO run from the options."""

from __future__ import annotations

import math

from lightning_fabric import Fabric

from ...datasets.sample import PoseDataset
from ...errors import OptionError
from ...evaluation.mirroring import mirrors
from ...pose.skeleton import Skeleton
from ...train.adaptation import AdaptationStart
from ...train.feeds.base import FeedConfig
from ...train.feeds.crops import CacheConfig, CropFeed
from ...train.feeds.labelled import augmentation_for, encoding_of, target_config
from ...train.run_state import Run
from ...train.selftraining.config import SelfTrainingConfig, SelfTrainingFeeds
from ...train.selftraining.labeller import Execution
from ...train.selftraining.target_labels import labelled_feed, target_labels_state
from ...train.streams import Stream
from ...train.supervised import LOSSES, loss_for
from ..options import PploOptions
from .labeller import MirrorLabeller, MirrorRules
from .rounds import batch_sizes
from .selection import Rule
from .step import PploStep


def step_for(
    options: PploOptions, inputs: AdaptationStart, fabric: Fabric, run: Run, few: PoseDataset | None = None
) -> PploStep:
    """The training step of a run.

    Args:
        options: with their defaults, see `rounds.with_defaults`.
        inputs: data and network of the run.
        fabric: device and ranks.
        run: its state.
        few: labelled target pictures, if the run has any; a batch has as many of them as of the source's.
    """
    network, spec = inputs.start, inputs.start.spec
    check_pairs(options, network.skeleton)
    labelled, pseudo_labelled = batch_sizes(options.train_batch, options.source_ratio)
    source = feed_for(options, inputs, fabric, Stream.SOURCE, labelled)
    target = feed_for(options, inputs, fabric, Stream.TARGET, pseudo_labelled)
    few_feed = None
    if few is not None:
        few_feed = labelled_feed(options, few, network, fabric, augment=options.source_augment, batch_size=labelled)
    execution = Execution(fabric.device, options.workers, options.strict_data, fabric)
    rules = MirrorRules(options.select, spec.sigma, encoding_of(options), mirrors(options, network.skeleton))
    refresh = math.ceil(options.num_epochs / options.rounds)
    return PploStep(
        SelfTrainingFeeds(source, target, few_feed, target_labels_state(options, few)),
        MirrorLabeller(target.crops, spec, execution, rules),
        fabric,
        LOSSES[loss_for(options, network)],
        SelfTrainingConfig(run.folder, options.rounds, refresh, options.target_weight, options.steps),
        epochs=options.num_epochs,
        rule=rule_for(options, spec.size),
        warmup=options.warmup_epochs,
        remove_drift=not options.no_hold,
        stop_below=options.stop_below,
    )


def check_pairs(options: PploOptions, skeleton: Skeleton) -> None:
    """Refuse options that compare mirror images where left and right joints are not known.

    Raises:
        OptionError: --select self_consistency or --check-limit, see there.
    """
    if mirrors(options, skeleton) or not (options.select == "self_consistency" or options.check_limit):
        return
    flag = "--check-limit" if options.check_limit else f"--select {options.select}"
    remedy = f"--partners {skeleton.suggested_partners() or 'LEFT:RIGHT,...'}, or leave {flag} out"
    raise OptionError(f"known left/right pairs for {flag}, which compares mirror images", "none known", remedy)


def feed_for(
    options: PploOptions, inputs: AdaptationStart, fabric: Fabric, stream: Stream, batch_size: int
) -> CropFeed:
    """Batches of the source (`Stream.SOURCE`) or of the target (`Stream.TARGET`)."""
    network, is_target = inputs.start, stream == Stream.TARGET
    data: PoseDataset = inputs.target if is_target else inputs.labelled
    name = options.target_augment if is_target else options.source_augment
    return CropFeed(
        data,
        network.spec,
        augmentation_for(options, name, network.skeleton),
        FeedConfig.of(options, fabric, batch_size=batch_size, seed=options.seed, stream=stream),
        targets=target_config(options, network.spec, options.source),
        # the target's crops are labelled too, so their padding does not depend on the augmentation
        cache=CacheConfig.of(options, 1 / 2, padded=is_target),
    )


def rule_for(options: PploOptions, side: int) -> Rule:
    """Which labels a round admits.

    Args:
        options: with their defaults.
        side: of the network's input, px.
    """
    return Rule(
        options.select,
        options.share_first,
        options.share_last,
        options.grow,
        options.per,
        options.threshold or 0.0,
        options.check_limit * side if options.check_limit else math.inf,
    )
