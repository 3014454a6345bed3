"""Starts of a CC-SSL run without a source model (fresh weights), and runs that also train on a few labelled target pictures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lightning_fabric import Fabric

from ..datasets.open import check_joints, has_splits, takes
from ..datasets.original_crops import SourcePictures
from ..datasets.sample import PoseDataset
from ..evaluation.data import use_pairs_of
from ..evaluation.score import label_marks
from ..pose.checkpoints import Loaded
from ..pose.fresh_weights import FreshWeights
from ..pose.skeleton import Skeleton
from ..train.data import labelled_data
from ..train.feeds.base import FeedConfig
from ..train.feeds.crops import CacheConfig, CropFeed
from ..train.feeds.labelled import augmentation_for, original_mean, target_config
from ..train.feeds.original import OriginalFeed, original_items
from ..train.network import input_spec, new_network
from ..train.streams import Stream
from .options import CcsslOptions


def fresh_network(options: CcsslOptions, source: PoseDataset) -> Loaded:
    """A network with fresh weights for the source's joints: the paper's row "no pre-training".

    Its crops are those of the protocol; published ones subtract the source's mean.

    Raises:
        OptionError: numbers that the network of --arch does not have, or an input that it cannot take.
    """
    published = options.protocol == "published"
    mean = original_mean(source) if published else None
    spec = input_spec(options, "published" if published else "exact", mean)
    fresh = FreshWeights(options.seed)
    model, numbers = new_network(options, source.skeleton, spec, fresh)
    fresh.continue_globally()
    note = f"fresh weights of {options.arch}, seed {options.seed}: no source model (--resume '')"
    return Loaded(model, options.arch, numbers, source.skeleton, spec, {}, note)


def open_target_labels(options: CcsslOptions, skeleton: Skeleton) -> PoseDataset | None:
    """The labelled target pictures of --target-labels, of the classes of --target-classes; None without them.

    Raises:
        DataError: no labels, or other joints than the network's.
    """
    name = options.target_labels
    if not name:
        return None
    if options.target_classes and takes("classes", name):
        options = replace(options, classes=options.target_classes)
    data = labelled_data(name, "train" if has_splits(name) else "all", options, "train on as --target-labels")
    data = use_pairs_of(data, skeleton, options)
    check_joints(data, skeleton, name)
    return data


def describe_target_labels(data: PoseDataset | None) -> dict[str, Any]:
    """Facts of the labelled target pictures, for banner, run.json and report; empty without them."""
    if data is None:
        return {}
    facts = dict(data.describe())
    facts["note"] = "trained on: a score on these pictures is no estimate of other pictures"
    return {"target labels": facts}


def target_labels_state(options: CcsslOptions, data: PoseDataset | None) -> dict[str, Any] | None:
    """The labelled target pictures as the checkpoint names them, so that a test on them can say that they were trained on."""
    return None if data is None else {"data": options.target_labels, "marks": label_marks(data)}


def labelled_feed(options: CcsslOptions, data: PoseDataset, network: Loaded, fabric: Fabric) -> CropFeed | OriginalFeed:
    """Batches of the labelled target pictures, augmented like the source's."""
    config = FeedConfig.of(
        options, fabric, batch_size=options.train_batch, seed=options.seed, stream=Stream.TARGET_LABELS
    )
    if options.protocol == "published":
        if options.source_augment == "strong" and not has_original_files(data):
            data = SourcePictures(data, int(options.cache_gib * 2**30 / 2))
        items = original_items(
            data, network.spec, options, options.source_augment, flip=False, stream=Stream.TARGET_LABELS
        )
        return OriginalFeed(items, network.spec.std, config)
    augmentation = augmentation_for(options, options.source_augment, network.skeleton)
    targets = target_config(options, network.spec, options.target_labels)
    return CropFeed(data, network.spec, augmentation, config, targets=targets, cache=CacheConfig.of(options, 1 / 2))


def has_original_files(dataset: PoseDataset) -> bool:
    """Whether a data set knows the published annotation of its items, which the published strong augmentation works on."""
    return dataset.has_original_annotations
