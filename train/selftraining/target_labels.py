"""Labelled target pictures in self-training (--target-labels): their data, their batches, and their record in the checkpoint."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lightning_fabric import Fabric

from ...datasets.open import check_joints, has_splits, takes
from ...datasets.sample import PoseDataset
from ...evaluation.data import use_pairs_of
from ...evaluation.score import label_marks
from ...pose.checkpoints import Loaded
from ...pose.skeleton import Skeleton
from ..data import labelled_data
from ..feeds.base import FeedConfig
from ..feeds.crops import CacheConfig, CropFeed
from ..feeds.labelled import augmentation_for, target_config
from ..options import LabelOptions
from ..streams import Stream


def open_target_labels(options: LabelOptions, skeleton: Skeleton) -> PoseDataset | None:
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


def target_labels_state(options: LabelOptions, data: PoseDataset | None) -> dict[str, Any] | None:
    """The record of the labelled target pictures in the checkpoint: a test on such pictures says that they were trained on."""
    return None if data is None else {"data": options.target_labels, "marks": label_marks(data)}


def labelled_feed(
    options: LabelOptions, data: PoseDataset, network: Loaded, fabric: Fabric, *, augment: str, batch_size: int
) -> CropFeed:
    """Batches of the labelled target pictures.

    Args:
        augment: name of their augmentation.
        batch_size: pictures of a batch, on each rank.
    """
    config = FeedConfig.of(options, fabric, batch_size=batch_size, seed=options.seed, stream=Stream.TARGET_LABELS)
    augmentation = augmentation_for(options, augment, network.skeleton)
    targets = target_config(options, network.spec, options.target_labels)
    return CropFeed(data, network.spec, augmentation, config, targets=targets, cache=CacheConfig.of(options, 1 / 2))
