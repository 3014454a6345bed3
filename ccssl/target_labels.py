"""Labelled target pictures in a CC-SSL run (--target-labels): their data, their batches, and their record in the checkpoint."""

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
from ..pose.skeleton import Skeleton
from ..train.adaptation import began_from_scratch
from ..train.data import labelled_data
from ..train.feeds.base import FeedConfig
from ..train.feeds.crops import CacheConfig, CropFeed
from ..train.feeds.labelled import augmentation_for, target_config
from ..train.feeds.original import OriginalFeed, original_items
from ..train.run_state import Run
from ..train.streams import Stream
from .base_step import Record
from .options import CcsslOptions


def open_target_labels(options: CcsslOptions, skeleton: Skeleton) -> PoseDataset | None:
    """The labelled target pictures of --target-labels, of the classes of --target-classes; None without that option.

    Raises:
        DataError: the pictures have no labels, or other joints than the network.
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
    """Facts of the labelled target pictures, for banner, run.json and report; empty where there are none."""
    if data is None:
        return {}
    facts = dict(data.describe())
    facts["note"] = "trained on: a score on these pictures does not estimate the score on other pictures"
    return {"target labels": facts}


def target_labels_state(options: CcsslOptions, data: PoseDataset | None) -> dict[str, Any] | None:
    """The record of the labelled target pictures in the checkpoint: a test on such pictures says that they were trained on."""
    return None if data is None else {"data": options.target_labels, "marks": label_marks(data)}


def record_of(options: CcsslOptions, start: Loaded, run: Run, data: PoseDataset | None) -> Record:
    """The facts of a run that its checkpoints hold.

    Args:
        start: the network that the run starts from.
        data: labelled target pictures, if the run has any.
    """
    return Record(began_from_scratch(start, run), target_labels_state(options, data))


def labelled_feed(options: CcsslOptions, data: PoseDataset, network: Loaded, fabric: Fabric) -> CropFeed | OriginalFeed:
    """Batches of the labelled target pictures, with the augmentation of the source."""
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
    """Whether a data set has the published annotations of its items, which the published strong augmentation needs."""
    return dataset.has_original_annotations
