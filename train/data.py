"""Which part of which data a training command means."""

from __future__ import annotations

from ..datasets.sample import PoseDataset
from ..datasets.sources import has_splits
from ..errors import DataError
from ..evaluation.options import open_data
from .options import RunOptions


def training_and_validation(source: str, valid: str, options: RunOptions) -> tuple[PoseDataset, PoseDataset]:
    """Training data and what scores them: --valid, or the source's own (or a seeded) validation split."""
    if source.partition(":")[0] in ("images", "video"):
        raise DataError(
            "labelled data to train on", f"{source}, which has no labels", "coco:PATH.json, or a data set with labels"
        )
    if not valid:
        return open_data(source, "train", options), validation_data(source, valid, options)
    training = open_data(source, "train" if has_splits(source) else "all", options)
    return training, validation_data(source, valid, options)


def validation_data(source: str, valid: str, options: RunOptions) -> PoseDataset:
    """The second of the two alone."""
    if not valid:
        return open_data(source, "valid", options)
    return open_data(valid, "valid" if has_splits(valid) else "all", options)
