"""Pose prior: how the limbs of a labelled source lie, and how far poses are from that. It needs no label of the target.

Every limb of the skeleton has a Gaussian of (joint - joint) / longer side of the box, from the labels of the source. Poses that mix
two readings of an animal have limbs that no labelled pose has. Animals face to either side, so all poses of the source are mirrored
to face one way, and a pose is compared as it is and mirrored: the nearer one counts.

Frame: the picture, px; pixel centres are at integers, boxes are x, y, width, height.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..pose.facing import front_and_back
from ..pose.skeleton import Skeleton

LEAST_LABELS = 8  # poses of the source that show both joints of a limb; limbs seen less often do not count
LEAST_DEVIATION = 0.02  # share of the box's longer side: smallest standard deviation, 6 px of a box of 320 px


@dataclass(frozen=True)
class PosePrior:
    """Limbs of a labelled source. L limbs, K joints.

    Attributes:
        limbs: (L, 2) joint indices.
        mean, deviation: (L, 2) of (first joint - second joint) / longer side of the box, of poses that face one way.
        flip_order: (K,) partner of every joint, see `Skeleton.flip_order`.
    """

    limbs: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    flip_order: np.ndarray

    @classmethod
    def of(cls, xy_px: np.ndarray, known: np.ndarray, box_xywh: np.ndarray, skeleton: Skeleton) -> PosePrior | None:
        """Of labels; None where no limb is seen often enough.

        Args:
            xy_px: (N, K, 2) labelled joints, picture px.
            known: (N, K) bool, which of them are labelled.
            box_xywh: (N, 4) picture px.
            skeleton: its limbs are used. Without limbs, each joint is joined to the next one.
        """
        xy = np.where(np.asarray(known, bool)[..., None], np.asarray(xy_px, np.float64), np.nan)
        order = np.asarray(skeleton.flip_order)
        ends = front_and_back(skeleton)
        if ends:
            to_right = np.nan_to_num(ends.heading(xy)[:, 0]) > 0
            xy = np.where(to_right[:, None, None], _mirrored(xy, order), xy)
        every = np.array(skeleton.limbs or [(i, i + 1) for i in range(len(skeleton) - 1)], np.int64).reshape(-1, 2)
        offsets = _offsets(xy, box_xywh, every)
        often = np.isfinite(offsets).all(-1).sum(0) >= LEAST_LABELS
        if not often.any():
            return None
        offsets = offsets[:, often]
        deviation = np.maximum(np.nanstd(offsets, 0), LEAST_DEVIATION)
        return cls(every[often], np.nanmean(offsets, 0), deviation, order)

    def apart(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> np.ndarray:
        """(N, L) how far every limb of a pose is from the source's mean, in deviations of the source, mean of x and y; NaN where a
        joint is not known.

        Args:
            xy_px: (N, K, 2) picture px, NaN where a joint is not known.
            box_xywh: (N, 4) picture px.
        """
        xy = np.asarray(xy_px, np.float64)
        views = [
            (np.abs(_offsets(seen, box_xywh, self.limbs) - self.mean) / self.deviation).mean(-1)
            for seen in (xy, _mirrored(xy, self.flip_order))
        ]
        total = [
            np.nan_to_num(view, nan=0).sum(1) for view in views
        ]  # both views know the same limbs, or partners of them
        return np.where((total[0] <= total[1])[:, None], views[0], views[1])

    def distance(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> float:
        """Median over the frames of the mean over the limbs of `apart`; NaN where no frame has a limb."""
        apart = self.apart(xy_px, box_xywh)
        apart = apart[np.isfinite(apart).any(1)]
        return float(np.median(np.nanmean(apart, 1))) if len(apart) else float("nan")

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "limbs": self.limbs.tolist(),
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "flip_order": self.flip_order.tolist(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PosePrior:
        """What `to_dict` gave."""
        limbs, order = (np.array(data[name], np.int64) for name in ("limbs", "flip_order"))
        mean, deviation = (np.array(data[name], np.float64) for name in ("mean", "deviation"))
        return cls(limbs, mean, deviation, order)


def _offsets(xy: np.ndarray, box_xywh: np.ndarray, limbs: np.ndarray) -> np.ndarray:
    """(N, L, 2) first joint - second joint of every limb, in shares of the box's longer side; NaN for a box without an area."""
    side = np.asarray(box_xywh, np.float64)[:, 2:].max(1)
    side = np.where(side > 0, side, np.nan)
    return np.asarray((xy[:, limbs[:, 0]] - xy[:, limbs[:, 1]]) / side[:, None, None])


def _mirrored(xy: np.ndarray, flip_order: np.ndarray) -> np.ndarray:
    """Poses (N, K, 2) of mirrored pictures, about x = 0: left and right joints change places."""
    return np.asarray(xy[:, flip_order] * [-1.0, 1.0])
