"""Base class of pictures and videos without annotations: one animal in each, the box is the whole picture."""

from __future__ import annotations

from typing import Any

import numpy as np

from .sample import PoseDataset, PoseSample


class UnlabelledPictures(PoseDataset):
    """Pictures without labels and boxes. The skeleton is that of the model in use, given by `with_skeleton`."""

    crop_factor = 1.0

    def _sample(self, image: np.ndarray, meta: dict[str, Any]) -> PoseSample:
        k = len(self.skeleton)
        box = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
        return PoseSample(image, np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), box, meta)
