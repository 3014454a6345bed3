"""Some frames of a data set, spread over all of it, as padded crops in memory: for looking at a network now and then."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from ..datasets.crops import CropCache
from ..datasets.pictures import Fault, SafeDataset


@dataclass
class Sample:
    """F frames.

    Attributes:
        rows: (F,) their numbers in the data set, ascending.
        crops: (F, 3, S, S) uint8 padded crops.
        xy_crop, visible: (F, K, 2) joints in crop px, and (F, K); as in `CropDataset`.
        box_px: (F,) longer side of the box, px of the crop.
    """

    rows: np.ndarray
    crops: torch.Tensor
    xy_crop: torch.Tensor
    visible: torch.Tensor
    box_px: torch.Tensor

    @classmethod
    def of(cls, crops: CropCache, count: int, linked: np.ndarray | None = None) -> Sample | None:
        """Up to `count` frames that can be read, or None if none of those tried can.

        Args:
            linked: (N,) bool, which frames follow the one before in a shot; frames are then taken with their successor.
        """
        n = len(crops)
        rows = np.unique(np.linspace(0, n - 1, min(count, n)).astype(int))
        if linked is not None and linked.any():
            second = np.flatnonzero(linked)
            second = second[np.unique(np.linspace(0, len(second) - 1, min(count // 2, len(second))).astype(int))]
            rows = np.unique(np.concatenate([second - 1, second]))
        safe = SafeDataset(crops, False)
        items = [item for item in (safe[int(r)] for r in rows) if not isinstance(item, Fault)]
        if not items:
            return None
        box = torch.tensor([i["box_side_px"] * float(i["crop_from_image"][0, 0]) for i in items])
        stacked = [torch.stack([i[key] for i in items]) for key in ("crop", "xy_crop", "visible")]
        return cls(np.array([i["index"] for i in items]), *stacked, box)
