"""Base class of the data sets that the published CC-SSL code knows: their mean colours and the order of their joints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

import numpy as np

from .original_index import cached_mean, check_options
from .sample import PoseDataset


class OriginalDataset(PoseDataset):
    """A data set of the published code; `original_annotation` is what its loaders know of an item.

    Attributes:
        means: species -> RGB mean in 0..1 of the training pictures, the constants of the published code.
        mean_file: file of a species' mean below the folder `data` of the published code, with {animal} for the species.
    """

    has_original_annotations = True
    means: ClassVar[Mapping[str, tuple[float, float, float]]]
    mean_file: ClassVar[str]

    @classmethod
    def mean_of(cls, root: str | Path, animal: str) -> np.ndarray:
        """(3,) float32 RGB mean of a species' pictures: that of the cached file where there is one, else the published constant.

        Raises:
            OptionError: there is no mean of the species.
            DataError: the cached file holds no mean.
        """
        check_options(animal, tuple(cls.means), "all")
        return cached_mean(Path(root), cls.mean_file.format(animal=animal), cls.means[animal])

    @staticmethod
    def joint_order(animal: str) -> np.ndarray | None:
        """(18,) joint of each channel of a published network trained on a species; None for the order of `TIGDOG18`."""
        return None
