"""Which part of which data a training command means."""

from __future__ import annotations

from ..datasets.coco.file import CocoFiles
from ..datasets.open import has_splits
from ..datasets.options import DataOptions
from ..datasets.sample import PoseDataset
from ..errors import DataError
from ..evaluation.data import open_with_options


def training_and_validation(source: str, valid: str, options: DataOptions) -> tuple[PoseDataset, PoseDataset]:
    """Training data and what scores them: --valid, or the source's own (or a seeded) validation split.

    A COCO file that both come from is read once.
    """
    split = "train" if not valid or has_splits(source) else "all"
    files = CocoFiles()
    training = labelled_data(source, split, options, "train on", files=files)
    return training, validation_data(source, valid, options, files)


def validation_data(source: str, valid: str, options: DataOptions, files: CocoFiles | None = None) -> PoseDataset:
    """The second of the two alone."""
    split = "valid" if not valid or has_splits(valid) else "all"
    return labelled_data(valid or source, split, options, "validate on", must_have=not valid, files=files)


def labelled_data(
    name: str,
    split: str,
    options: DataOptions,
    purpose: str,
    *,
    must_have: bool = True,
    files: CocoFiles | None = None,
) -> PoseDataset:
    """A data set that must have labels, and with `must_have` the category of --category.

    Args:
        name: NAME[:PATH].
        split: "train", "valid" or "all".
        purpose: verb for the error: "train on".
        must_have: --category must be one of the file's.
        files: COCO files that the command has read already.

    Raises:
        DataError: the data set has no labels.
    """
    kind = name.partition(":")[0]
    if kind not in ("images", "video"):
        dataset = open_with_options(name, split, options, must_have=must_have, files=files)
        if dataset.labels is not None:
            return dataset
    remedy = "coco:PATH.json, or a data set with labels"
    raise DataError(f"labelled data to {purpose}", f"{name}, which has no labels", remedy)
