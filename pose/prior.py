"""A prior of poses from a labelled source, and the most plausible pose among several peaks of each joint.

Where a network doubts, its heatmap of a joint has several peaks, and the highest ones of all joints together may be no animal: a
head at either end. The prior says where a joint is from its neighbour in a tree: one Gaussian an edge, of (child - parent) / longer
side of the box, for animals that face right. Animals that face left are mirrored first. `PosePrior.decode` finds, for each of the
two facings, the peaks with the highest sum of logarithms of peaks and prior, by dynamic programming from the leaves to the root of
the tree; the facing with the better sum wins.

The tree is the one under which the labels are most likely: the spanning tree with the smallest sum of log determinants of the
edges' covariances. Two joints that are close together and move together share an edge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from ..errors import DataError
from .normalised_poses import fit_facing_axis, normalised_poses, turned_right
from .skeleton import Skeleton

FACINGS = ("left", "right")
_INTEGERS, _NUMBERS = ("parents", "order", "flip_order"), ("mean", "precision", "constant")
LEAST_DEVIATION = 0.01  # share of the box's longer side: smallest standard deviation of an edge
LEAST_PAIRS = 8  # poses in which both joints of an edge are labelled
FLOOR = 1e-3  # lowest value of a peak before its logarithm
# Measured with the small hourglass of the benchmark trained on horses (docs/methods/pose_prior.md): cattle_a took 42.5 with this
# weight, 42.0 with 1; a limit of 3 deviations left 3 points fewer facing right.
WEIGHT = 2.0  # factor on the prior's logarithms
FARTHEST = 49.0  # squared Mahalanobis distance of an edge (7 deviations) above which it costs no more


@dataclass(frozen=True)
class CoherentPose:
    """The peaks that together make the most plausible poses. B pictures, K joints.

    Attributes:
        xy: (B, K, 2) in the unit of the peaks; NaN for a joint without a peak.
        value: (B, K) values of the chosen peaks; 0 for a joint without a peak.
        chosen: (B, K) int64, index of the chosen peak.
        facing: (B,) int64, index into `FACINGS`.
        evidence: (B,) sum of the facing right less that of the facing left: natural logarithm of how much more likely it is.
    """

    xy: torch.Tensor
    value: torch.Tensor
    chosen: torch.Tensor
    facing: torch.Tensor
    evidence: torch.Tensor


@dataclass(frozen=True)
class PosePrior:
    """Gaussians of the edges, of a labelled source's animals that face right. K joints.

    Attributes:
        parents: (K,) int64, the joint that each joint hangs on; -1 for the root of a tree. Joints that are never labelled together
            with others are roots of their own.
        order: (K,) int64, all joints, each after its parent.
        flip_order: (K,) int64, of the skeleton.
        mean: (K, 2) float64, mean of (child - parent) / longer side of the box; 0 for a root.
        precision: (K, 2, 2) float64, inverse covariances; 0 for a root.
        constant: (K,) float64, logarithm of the Gaussians' height; 0 for a root.
    """

    parents: np.ndarray
    order: np.ndarray
    flip_order: np.ndarray
    mean: np.ndarray
    precision: np.ndarray
    constant: np.ndarray

    @classmethod
    def fit(cls, xy_px: np.ndarray, known: np.ndarray, box_xywh: np.ndarray, skeleton: Skeleton) -> PosePrior:
        """Fit labelled poses; those that face left are mirrored.

        Args:
            xy_px: (N, K, 2) labelled joints, picture px.
            known: (N, K) bool or COCO's flags, which joints are labelled. A hidden joint counts where it is placed.
            box_xywh: (N, 4) boxes, picture px.
            skeleton: partners, and names by which left and right are told apart.

        Raises:
            DataError: no two joints are labelled together in at least `LEAST_PAIRS` poses.
        """
        xy = normalised_poses(np.where(np.asarray(known, bool)[..., None], xy_px, np.nan), box_xywh)
        poses = turned_right(xy, fit_facing_axis(xy, skeleton), skeleton.flip_order)
        parents, order = _most_likely_tree(poses, skeleton.flip_order)
        k = len(skeleton)
        mean, precision, constant = np.zeros((k, 2)), np.zeros((k, 2, 2)), np.zeros(k)
        for joint in np.flatnonzero(parents >= 0):
            mean[joint], covariance = _gaussian(poses[:, joint] - poses[:, parents[joint]])
            precision[joint] = np.linalg.inv(covariance)
            constant[joint] = -np.log(2 * np.pi) - 0.5 * np.linalg.slogdet(covariance)[1]
        return cls(parents, order, skeleton.flip_order, mean, precision, constant)

    def decode(
        self,
        xy: torch.Tensor,
        value: torch.Tensor,
        side: torch.Tensor,
        weight: float = WEIGHT,
        farthest: float = FARTHEST,
    ) -> CoherentPose:
        """Choose one peak of each joint, so that they make a plausible pose.

        Args:
            xy: (B, K, P, 2) places of the peaks, in any frame that is a scaled and shifted picture (no turn, no mirror); NaN
                where a joint has fewer than P peaks. `heatmap.maxima.local_maxima` finds them.
            value: (B, K, P) values of the peaks, 0..1.
            side: (B,) longer side of the animal's box, in the unit of `xy`.
            weight: factor on the prior's logarithms; 0: the highest peak of each joint.
            farthest: squared Mahalanobis distance above which an edge costs no more, so that one joint in a strange place does not
                decide on the rest.

        Returns:
            The chosen peaks, the facing, and the evidence for it.
        """
        place = self._both_ways(xy / side.to(xy)[:, None, None, None])  # (2, B, K, P, 2)
        there = torch.isfinite(place).all(-1)
        # a joint without a peak is at its first peak, which is nowhere
        usable = there | (~there.any(-1, keepdim=True) & (torch.arange(value.shape[-1], device=value.device) == 0))
        height = torch.stack([value[:, self.flip_order], value]).clamp_min(FLOOR).log()
        total = list(torch.where(usable, height, -torch.inf).unbind(2))  # K of (2, B, P)
        best: dict[int, torch.Tensor] = {}
        for joint in self.order[::-1].tolist():
            parent = int(self.parents[joint])
            if parent >= 0:
                offset = place[:, :, joint, :, None] - place[:, :, parent, None]  # (2, B, child's P, parent's P, 2)
                edge = weight * self._log_density(joint, offset, farthest)
                message, best[joint] = (total[joint][..., None] + edge).max(2)
                total[parent] = total[parent] + message
        chosen = torch.zeros((2, *value.shape[:2]), dtype=torch.int64, device=value.device)
        score = total[0].new_zeros(2, len(value))
        for joint in self.order.tolist():
            parent = int(self.parents[joint])
            if parent < 0:
                highest, chosen[..., joint] = total[joint].max(-1)
                score += highest
            else:
                chosen[..., joint] = best[joint].gather(-1, chosen[..., parent, None])[..., 0]
        evidence = score[1] - score[0]
        index = torch.where((evidence > 0)[:, None], chosen[1], chosen[0][:, self.flip_order])
        found = xy.gather(2, index[..., None, None].expand(-1, -1, 1, 2))[:, :, 0]
        return CoherentPose(found, value.gather(2, index[..., None])[..., 0], index, (evidence > 0).long(), evidence)

    def edge_distance(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> np.ndarray:
        """How far every joint is from where its parent says it should be, for the facing that fits better.

        Args:
            xy_px: (N, K, 2) joints, px; NaN where a joint is not known.
            box_xywh: (N, 4) boxes, px.

        Returns:
            (N, K) Mahalanobis distance of the edge from each joint to its parent, in deviations of the source (of two dimensions:
            86 % of the source's are below 2); NaN for roots and for unknown joints. Of an animal that faces left, the edges are
            those of the mirrored animal.
        """
        xy = self._both_ways(torch.as_tensor(normalised_poses(xy_px, box_xywh)))
        squared, fit = torch.full(xy.shape[:3], torch.nan, dtype=xy.dtype), xy.new_zeros(xy.shape[:2])
        for joint in np.flatnonzero(self.parents >= 0).tolist():
            offset = xy[:, :, joint] - xy[:, :, int(self.parents[joint])]
            squared[..., joint] = self._squared_distance(joint, offset)
            fit += self._log_density(joint, offset, FARTHEST)
        right = (fit[1] > fit[0])[:, None]
        return torch.where(right, squared[1], squared[0][:, self.flip_order]).sqrt().numpy()

    def _both_ways(self, xy: torch.Tensor) -> torch.Tensor:
        """(2, B, K, ..., 2): places (B, K, ..., 2) mirrored, in the order of `FACINGS`, and as they are."""
        return torch.stack([xy[:, self.flip_order] * xy.new_tensor([-1.0, 1.0]), xy])

    def _squared_distance(self, joint: int, offset: torch.Tensor) -> torch.Tensor:
        """(...) squared Mahalanobis distances of offsets (..., 2), in shares of the box."""
        (a, b), (_, d) = self.precision[joint].tolist()
        x, y = (offset - offset.new_tensor(self.mean[joint])).unbind(-1)
        squared: torch.Tensor = a * x * x + 2 * b * x * y + d * y * y
        return squared

    def _log_density(self, joint: int, offset: torch.Tensor, farthest: float) -> torch.Tensor:
        """(...) logarithm of the Gaussian at offsets (..., 2), limited from below; an unknown offset has the lowest."""
        squared = torch.nan_to_num(self._squared_distance(joint, offset), nan=farthest).clamp_max(farthest)
        return float(self.constant[joint]) - 0.5 * squared

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for a checkpoint."""
        return {name: getattr(self, name).tolist() for name in (*_INTEGERS, *_NUMBERS)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PosePrior:
        """What `to_dict` gave."""
        integers = (np.array(data[name], np.int64) for name in _INTEGERS)
        return cls(*integers, *(np.array(data[name], np.float64) for name in _NUMBERS))


def _gaussian(offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean (2,) and covariance (2, 2) of offsets (N, 2) without NaN rows, with the smallest deviation added."""
    offset = offset[np.isfinite(offset).all(1)]
    centred = offset - offset.mean(0)
    return offset.mean(0), centred.T @ centred / len(offset) + LEAST_DEVIATION**2 * np.eye(2)


def _most_likely_tree(poses: np.ndarray, flip_order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parents (K,) and order (K,) of the trees under which poses (N, K, 2) are most likely; roots have no partner, if
    possible."""
    k = poses.shape[1]
    cost = np.zeros((k, k))
    for i in range(k):
        for j in range(i + 1, k):
            offset = poses[:, i] - poses[:, j]
            if np.isfinite(offset).all(-1).sum() >= LEAST_PAIRS:
                cost[i, j] = np.linalg.slogdet(_gaussian(offset)[1])[1]
    edges = cost != 0
    if not edges.any():
        raise DataError(
            f"two joints that are labelled together in {LEAST_PAIRS} poses or more, for a prior of poses",
            f"{len(poses)} poses of {k} joints",
        )
    # scipy takes 0 for "no edge": all costs become positive, which does not change the tree
    tree = minimum_spanning_tree(np.where(edges, cost - cost.min() + 1, 0))
    count, part = connected_components(tree, directed=False)
    parents, order = np.full(k, -1), []
    degree = np.asarray((tree + tree.T).astype(bool).sum(1)).ravel()
    for number in range(count):
        root = max(np.flatnonzero(part == number), key=lambda joint: (flip_order[joint] == joint, degree[joint]))
        nodes, before = breadth_first_order(tree, root, directed=False)
        order.extend(nodes.tolist())
        parents[nodes] = np.where(before[nodes] >= 0, before[nodes], -1)
    return parents.astype(np.int64), np.array(order, np.int64)
