"""Evenly spaced frames of a data set, held in memory as padded crops. The framing, the calibration and the self-check use them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ..datasets.crops import CropCache
from ..datasets.pictures import Fault, SafeDataset


def follows_previous(shots: Sequence[str]) -> np.ndarray:
    """(N,) bool: whether a frame follows the frame before it in the same shot.

    Args:
        shots: N texts, see `PoseDataset.shots`; an empty text is a picture without a shot.
    """
    return np.array([i > 0 and bool(shot) and shot == shots[i - 1] for i, shot in enumerate(shots)], bool)


@dataclass
class FrameSample:
    """F frames.

    Attributes:
        rows: (F,) row of each frame in the data set, ascending.
        crops: (F, 3, S, S) uint8 padded crops.
        xy_crop, visible: (F, K, 2) joints in crop px, and (F, K) flags; as in `CropDataset`.
        box_px: (F,) longer side of the box, px of the crop.
    """

    rows: np.ndarray
    crops: torch.Tensor
    xy_crop: torch.Tensor
    visible: torch.Tensor
    box_px: torch.Tensor

    @classmethod
    def spread(cls, crops: CropCache, count: int, linked: np.ndarray | None = None) -> FrameSample | None:
        """Up to `count` readable frames, evenly spaced over the data set; None where no frame can be read.

        Args:
            linked: (N,) bool of `follows_previous`; where given, the sample consists of pairs of neighbouring frames.
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
        crop, xy_crop, visible = (torch.stack([i[key] for i in items]) for key in ("crop", "xy_crop", "visible"))
        return cls(np.array([i["index"] for i in items]), crop, xy_crop, visible, box)
