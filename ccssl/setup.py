"""Builds the training step of a CC-SSL run from the options: feeds, labeller, calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from lightning_fabric import Fabric
from torch import nn

from ..datasets.crops import CropCache
from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..evaluation.mirroring import mirrors
from ..evaluation.network import load_network
from ..pose.augment import Augmentation
from ..pose.checkpoints import Loaded
from ..pose.skeleton import Skeleton
from ..train.adaptation import AdaptationStart, began_from_scratch
from ..train.feeds.base import FeedConfig
from ..train.feeds.crops import CacheConfig, CropFeed
from ..train.feeds.labelled import augmentation_for, encoding_of, target_config
from ..train.run_state import Run
from ..train.selftraining.config import SelfTrainingFeeds, TargetFeed, TrainingFeed
from ..train.selftraining.labeller import Execution
from ..train.selftraining.target_labels import labelled_feed, target_labels_state
from ..train.streams import Stream
from ..train.supervised import LOSSES, loss_for
from .base_step import BaseStep
from .confidence import Calibrator
from .consistency import Views
from .framing import FRAMINGS, Framing
from .label_score import scorer_for
from .labelling import Labeller, LabelRules
from .online.config import online_config
from .online.feed import OnlineFeed
from .online.step import OnlineStep
from .options import CcsslOptions
from .original.setup import original_step
from .propagation import Temporal
from .protocol import admission_of, refresh_of, self_training_config, view_rotation_of
from .step import CcsslStep
from .teacher import Teacher


def step_for(
    options: CcsslOptions, inputs: AdaptationStart, fabric: Fabric, run: Run, few: PoseDataset | None = None
) -> BaseStep:
    """The training step of a run. Sets the patience of the run, which is given in rounds, in epochs.

    Args:
        options: with the defaults of the protocol.
        inputs: data and network of the run.
        fabric: device and ranks.
        run: its state.
        few: labelled target pictures, if the run has any.
    """
    run.patience = options.patience * refresh_of(options)
    if options.protocol == "published":
        return original_step(options, inputs, fabric, run, few)
    network, data = inputs.start, (inputs.labelled, inputs.target)
    source, target = (
        feed_for(options, network, dataset, fabric, stream)
        for dataset, stream in zip(data, (Stream.SOURCE, Stream.TARGET))
    )
    feeds = feeds_of(options, network, source, target, fabric, few)
    labeller = labeller_for(options, network, target.crops, fabric)
    calibrator = calibrator_for(options, inputs, target, fabric)
    return step_of_feeds(options, network, feeds, labeller, run, calibrator)


def feeds_of(
    options: CcsslOptions,
    network: Loaded,
    source: TrainingFeed,
    target: TargetFeed,
    fabric: Fabric,
    few: PoseDataset | None,
) -> SelfTrainingFeeds:
    """The feeds of a run, with the one of the labelled target pictures, which are augmented like the source's."""
    labelled = None
    if few is not None:
        name, size = options.source_augment, options.train_batch
        labelled = labelled_feed(options, few, network, fabric, augment=name, batch_size=size)
    return SelfTrainingFeeds(source, target, labelled, target_labels_state(options, few))


def step_of_feeds(
    options: CcsslOptions,
    network: Loaded,
    feeds: SelfTrainingFeeds,
    labeller: Labeller,
    run: Run,
    calibrator: Calibrator | None,
) -> CcsslStep:
    """The training step of a run whose feeds are made.

    Args:
        calibrator: None: the confidence of labels is their peak.
    """
    loss = loss_for(options, network)
    kind: Callable[..., CcsslStep] = CcsslStep
    if options.online:
        kind = partial(OnlineStep, online=online_config(options, encoding_of(options)), network=run.plain)
    return kind(
        feeds,
        labeller,
        run.fabric,
        LOSSES[loss],
        self_training_config(options, run, loss, options.steps),
        admission=admission_of(options),
        teacher=Teacher(run.plain, options.ema) if options.ema else None,
        calibrate=calibrator,
        calibrated_on=calibrator.data if calibrator else "",
        scorer=scorer_for(options, network),
        style=options.target_style,
        from_scratch=began_from_scratch(network, run),
        # published crops cannot be framed
        use_framing=partial(_use_framing, run, labeller.crops.dataset.crop_factor)
        if network.spec.kind == "exact"
        else None,
    )


def _use_framing(run: Run, crop_factor: float, framing: Framing) -> None:
    """Have the network's checkpoints say with which framing it is to be used."""
    run.framing = framing.of_boxes(crop_factor)


def feed_for(options: CcsslOptions, network: Loaded, data: PoseDataset, fabric: Fabric, stream: Stream) -> CropFeed:
    """Batches of the source (`Stream.SOURCE`) or of the target (`Stream.TARGET`)."""
    is_target = stream == Stream.TARGET
    name = options.target_augment if is_target else options.source_augment
    augmentation = augmentation_for(options, name, network.skeleton)
    if is_target and options.target_occlusion is not None:
        augmentation = replace(augmentation, occlusion=options.target_occlusion)
    feed = (OnlineFeed if is_target and options.online else CropFeed)(
        data,
        network.spec,
        augmentation,
        FeedConfig.of(options, fabric, batch_size=options.train_batch, seed=options.seed, stream=stream),
        targets=target_config(options, network.spec, options.source),
        # the target's crops are labelled too, so their padding does not depend on the augmentation
        cache=CacheConfig.of(options, 1 / 2, padded=is_target),
    )
    if isinstance(feed, OnlineFeed):
        feed.easy = augmentation_for(options, options.easy_augment, network.skeleton)
    return feed


def labeller_for(options: CcsslOptions, network: Loaded, crops: CropCache, fabric: Fabric) -> Labeller:
    """What labels the target.

    Args:
        crops: of the target, padded.
    """
    rules = LabelRules(
        options.seed,
        views_for(options, network.skeleton),
        Temporal(options.flow, weights=options.raft_weights),
        FRAMINGS if mirrors(options, network.skeleton) and not options.no_framing else (),
    )
    execution = Execution(fabric.device, options.workers, options.strict_data, fabric)
    return Labeller(crops, network.spec, execution, rules, framing_network(options, network))


def views_for(options: CcsslOptions, skeleton: Skeleton) -> Views:
    """The views that the options ask for. No view is mirrored where left and right joints are not known, see `mirrors`."""
    flip = not options.no_view_flip and mirrors(options, skeleton)
    equivariance = Augmentation(
        scale=1 + options.view_scale, rotation_deg=view_rotation_of(options), flip=0.5 if flip else 0.0
    )
    return Views(options.views, equivariance, Augmentation() if options.no_invariance else Views().invariance)


def framing_network(options: CcsslOptions, network: Loaded) -> nn.Module | None:
    """The network of --framing-from; None without that option.

    Raises:
        OptionError: no framing is chosen, or the network has other joints or another input.
    """
    if not options.framing_from:
        return None
    if options.no_framing:
        raise OptionError("--framing-from NETWORK, or --no-framing", "both", "one of them")
    framing_model = load_network(options.framing_from, options.source, options)
    if framing_model.spec.framed() != network.spec or framing_model.skeleton.joints != network.skeleton.joints:
        raise OptionError(
            f"--framing-from a network like that of --resume: {len(network.skeleton)} joints, {network.spec.size} px",
            f"{options.framing_from}: {len(framing_model.skeleton)} joints of {framing_model.skeleton.name}, "
            f"{framing_model.spec.size} px",
            "the network that was adapted",
        )
    return framing_model.model


def calibrator_for(
    options: CcsslOptions, inputs: AdaptationStart, target: CropFeed, fabric: Fabric
) -> Calibrator | None:
    """What calibrates the labels' confidence on the validation data; None with --confidence peak.

    Args:
        target: whose padding the crops of the validation data get.
    """
    if options.confidence != "calibrated":
        return None
    network, name = inputs.start, str(inputs.valid.describe().get("name", ""))
    crops = CropCache(inputs.valid, target.crops.size, target.margin, 0)
    views = views_for(options, network.skeleton)
    return Calibrator(crops, network.spec, views, options.seed, fabric.device, name)
