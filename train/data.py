"""Which part of which data a command means."""

from __future__ import annotations

from ..datasets.sample import PoseDataset
from ..datasets.sources import open_source
from ..errors import OptionError
from ..pose.skeleton import Skeleton
from .options import RunOptions

# data sets that come with a split of their own; a file of a user's is whole unless it must serve for both
WITH_SPLITS = ("real_animal", "real_animal_sp", "real_animal_crop", "synthetic_animal", "synthetic_animal_sp")


def has_splits(source: str) -> bool:
    """Whether NAME[:PATH] names a data set with a training and a validation split."""
    return source.partition(":")[0] in WITH_SPLITS


def partner_pairs(text: str) -> list[tuple[str, str]] | None:
    """LEFT:RIGHT,LEFT:RIGHT -> pairs of joint names.

    Raises:
        OptionError: where a pair is no pair.
    """
    if not text:
        return None
    pairs = [tuple(part.split(":")) for part in text.split(",")]
    if any(len(pair) != 2 for pair in pairs):
        raise OptionError("--partners LEFT:RIGHT,LEFT:RIGHT,... with joint names", text)
    return pairs


def open_data(
    source: str, split: str, options: RunOptions, labelled: bool = True, skeleton: Skeleton | None = None
) -> PoseDataset:
    """A data set of the command line, with the command's root, species and pairs."""
    return open_source(
        source,
        split=split,
        labelled=labelled,
        image_path=options.image_path,
        animal=options.animal,
        partners=partner_pairs(options.partners),
        skeleton=skeleton,
    )


def training_and_validation(source: str, valid: str, options: RunOptions) -> tuple[PoseDataset, PoseDataset]:
    """Training data and what scores them: --valid, or the source's own (or a seeded) validation split."""
    if valid and not has_splits(source):
        return open_data(source, "all", options), open_data(valid, "valid" if has_splits(valid) else "all", options)
    training = open_data(source, "train", options)
    if valid:
        return training, open_data(valid, "valid" if has_splits(valid) else "all", options)
    return training, open_data(source, "valid", options)
