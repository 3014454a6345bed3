"""Pose PCA: how far a pose is from the poses of a labelled source, joint by joint. It needs no label of the target.

D. Biderman et al., Lightning Pose, Nature Methods 2024: labelled poses are flattened, and the principal axes that explain 99 % of
their variance are kept. What these axes cannot express of a new pose is implausible. Across domains poses are first divided by
the longer side of their box and turned to one side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import DataError
from .normalised_poses import fit_facing_axis, mirrored, normalised_poses, turned_right
from .skeleton import Skeleton

VARIANCE = 0.99  # share of the variance that the kept axes explain
QUANTILE = 0.99  # share of the source's joints whose distance is allowed
LEAST_SHARE = 0.5  # share of the poses in which a joint is labelled, for it to count


@dataclass(frozen=True)
class PosePca:
    """Principal axes of a labelled source's poses, all facing right. K joints, of which J count.

    Attributes:
        joints: (J,) int64, the joints that count: labelled in at least half of the source's poses.
        flip_order: (K,) int64, of the skeleton.
        mean: (J, 2) float64, shares of the box's longer side.
        axes: (A, 2 J) float64, orthonormal.
        allowed: (J,) float64, the distance that 99 % of the source's labels do not exceed, shares of the box's longer side.
    """

    joints: np.ndarray
    flip_order: np.ndarray
    mean: np.ndarray
    axes: np.ndarray
    allowed: np.ndarray

    @classmethod
    def fit(cls, xy_px: np.ndarray, known: np.ndarray, box_xywh: np.ndarray, skeleton: Skeleton) -> PosePca:
        """Fit labelled poses; those that face left are mirrored. Poses that lack a joint that counts are left out.

        Args:
            xy_px: (N, K, 2) labelled joints, picture px.
            known: (N, K) bool or COCO's flags, which joints are labelled. A hidden joint counts where it is placed.
            box_xywh: (N, 4) boxes, picture px.
            skeleton: partners, and names by which left and right are told apart.

        Raises:
            DataError: fewer whole poses than coordinates.
        """
        known = np.asarray(known, bool)
        xy = normalised_poses(np.where(known[..., None], xy_px, np.nan), box_xywh)
        counts = known[known.any(1)].mean(0) >= LEAST_SHARE if known.any() else np.zeros(len(skeleton), bool)
        # a joint counts with its partner, so that a mirrored pose has the same joints
        joints = np.flatnonzero(counts & counts[skeleton.flip_order])
        whole = np.isfinite(xy[:, joints]).all((1, 2)) if len(joints) else np.zeros(len(xy), bool)
        if whole.sum() < max(2 * len(joints), 1):
            raise DataError(
                f"{2 * len(joints)} poses or more with all of the {len(joints)} joints that most have, for a pose PCA",
                f"{int(whole.sum())} of {len(xy)}",
            )
        poses = turned_right(xy[whole], fit_facing_axis(xy, skeleton), skeleton.flip_order)[:, joints]
        mean = poses.mean(0)
        flat = (poses - mean).reshape(len(poses), -1)
        _, size, axes = np.linalg.svd(flat, full_matrices=False)
        explained = np.cumsum(size**2) / max(float((size**2).sum()), 1e-300)
        kept = axes[: int(np.searchsorted(explained, VARIANCE)) + 1]
        found = cls(joints, skeleton.flip_order, mean, kept, np.zeros(len(joints)))
        allowed = np.quantile(found._distance(poses), QUANTILE, axis=0)
        return cls(joints, skeleton.flip_order, mean, kept, allowed)

    def distance(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> np.ndarray:
        """How far each joint is from the nearest pose that the axes express, facing the way that fits better.

        Args:
            xy_px: (N, K, 2) joints, px.
            box_xywh: (N, 4) boxes, px.

        Returns:
            (N, K) shares of the box's longer side; NaN for joints that do not count, and for poses that lack one that does.
        """
        xy = normalised_poses(xy_px, box_xywh)
        right = self._distance(xy[:, self.joints])
        turned = np.full(xy.shape[:2], np.nan)
        turned[:, self.joints] = self._distance(mirrored(xy, self.flip_order)[:, self.joints])
        left = turned[:, self.flip_order]
        out = np.full(xy.shape[:2], np.nan)
        out[:, self.joints] = right
        better = (left[:, self.joints] ** 2).sum(1) < (right**2).sum(1)
        chosen: np.ndarray = np.where(better[:, None], left, out)
        return chosen

    def excess(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> np.ndarray:
        """(N, K) how much of `distance` is not allowed: 0 for a plausible joint; shares of the box's longer side."""
        limit = np.full(len(self.flip_order), np.nan)
        limit[self.joints] = self.allowed
        # of an animal that faces the other way, the partner's limit holds: the larger one of both is taken
        limit = np.maximum(limit, limit[self.flip_order])
        excess: np.ndarray = np.maximum(self.distance(xy_px, box_xywh) - limit, 0)
        return excess

    def _distance(self, poses: np.ndarray) -> np.ndarray:
        """(N, J) distances of poses (N, J, 2), which face right, from their reconstruction."""
        centred = (poses - self.mean).reshape(len(poses), -1)
        rest = centred - centred @ self.axes.T @ self.axes
        distance: np.ndarray = np.linalg.norm(rest.reshape(poses.shape), axis=-1)
        return distance

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint."""
        return {name: getattr(self, name).tolist() for name in ("joints", "flip_order", "mean", "axes", "allowed")}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PosePca:
        """What `to_dict` gave."""
        joints, flip = (np.array(data[name], np.int64) for name in ("joints", "flip_order"))
        mean, allowed = np.array(data["mean"], np.float64).reshape(-1, 2), np.array(data["allowed"], np.float64)
        return cls(joints, flip, mean, np.array(data["axes"], np.float64).reshape(-1, 2 * len(joints)), allowed)
