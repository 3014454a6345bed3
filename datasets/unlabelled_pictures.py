"""What pictures and videos without annotations have in common: no labels, one animal in each, boxes around the whole picture."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np

from ..pose.skeleton import Skeleton
from .sample import PoseSample


class WholePictures:
    """Pictures without labels or boxes.

    Attributes:
        skeleton: that of the model in use; None until given here or to `with_skeleton`.
    """

    crop_factor = 1.0
    labels = None
    skeleton: Skeleton | None

    def with_skeleton(self, skeleton: Skeleton) -> Self:
        """The same pictures with this skeleton."""
        other = copy.copy(self)
        other.skeleton = skeleton
        return other

    def _sample(self, image: np.ndarray, meta: dict[str, Any]) -> PoseSample:
        k = 0 if self.skeleton is None else len(self.skeleton)
        box = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
        return PoseSample(image, np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), box, meta)
