"""Which part of which data a training command means."""

from __future__ import annotations

from ..datasets.open import has_splits
from ..datasets.sample import PoseDataset
from ..errors import DataError
from ..evaluation.data import open_with_options
from .options import FitOptions


def training_and_validation(source: str, valid: str, options: FitOptions) -> tuple[PoseDataset, PoseDataset]:
    """Training data and what scores them: --valid, or the source's own (or a seeded) validation split."""
    split = "train" if not valid or has_splits(source) else "all"
    return labelled_data(source, split, options, "train on"), validation_data(source, valid, options)


def validation_data(source: str, valid: str, options: FitOptions) -> PoseDataset:
    """The second of the two alone."""
    split = "valid" if not valid or has_splits(valid) else "all"
    return labelled_data(valid or source, split, options, "validate on", must_have=not valid)


def labelled_data(name: str, split: str, options: FitOptions, purpose: str, must_have: bool = True) -> PoseDataset:
    """A data set that must have labels, and with `must_have` the category of --category.

    Raises:
        DataError: it has none.
    """
    kind = name.partition(":")[0]
    dataset = None if kind in ("images", "video") else open_with_options(name, split, options, must_have=must_have)
    if dataset is None or dataset.labels is None:
        remedy = "coco:PATH.json, or a data set with labels"
        raise DataError(f"labelled data to {purpose}", f"{name}, which has no labels", remedy)
    return dataset
