"""A fixed reference for adaptations: the joints that the start network was sure of. It needs no label of the target.

A network that learns from its own labels may agree with itself more and more, and still move away from what was right at its start.
The joints that the start network was sure of are the best places that are known without labels. Where adaptation helps, they keep
their distances from each other; where it does harm, they move together or apart.

Frame: the picture, px. Shares are of the longer side of the box.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEAR = 0.05  # share of the box's longer side: two places of a joint are the same; the threshold of PCK@0.05/box
SURE = 0.3  # share of the frames, by peak, in which a joint may be sure; measured in docs/methods/guard.md


def near(first_px: np.ndarray, second_px: np.ndarray, box_xywh: np.ndarray) -> np.ndarray:
    """(N, K) bool, whether joints (N, K, 2) are at the same place; False where one is not known.

    Args:
        box_xywh: (N, 4) picture px.
    """
    side = np.asarray(box_xywh, np.float64)[:, 2:].max(1)
    apart = np.linalg.norm(np.asarray(first_px, np.float64) - second_px, axis=-1)
    return np.asarray(np.nan_to_num(apart, nan=np.inf) < NEAR * side[:, None])


@dataclass(frozen=True)
class StartReference:
    """N frames, K joints.

    Attributes:
        xy_px: (N, K, 2) joints of the start network, picture px.
        sure: (N, K) bool, the joints that it was sure of.
    """

    xy_px: np.ndarray
    sure: np.ndarray

    @classmethod
    def of(
        cls, xy_px: np.ndarray, score: np.ndarray, box_xywh: np.ndarray, mirrored_px: np.ndarray | None
    ) -> StartReference:
        """Of every joint the frames with the highest peaks, where the mirrored picture has it at the same place.

        Args:
            xy_px: (N, K, 2) joints of the start network, picture px.
            score: (N, K) height of the peaks.
            box_xywh: (N, 4) picture px.
            mirrored_px: (N, K, 2) joints of the mirrored pictures, mirrored back; None where pictures cannot be mirrored.
        """
        known = np.isfinite(xy_px).all(-1)
        high = np.where(known, score, np.nan)
        sure = np.zeros(known.shape, bool)
        some = known.any(0)
        sure[:, some] = known[:, some] & (high[:, some] >= np.nanquantile(high[:, some], 1 - SURE, axis=0))
        if mirrored_px is not None:
            sure &= near(xy_px, mirrored_px, box_xywh)
        return cls(np.asarray(xy_px, np.float32), sure)

    def kept_size(self, xy_px: np.ndarray) -> float:
        """Distances between the sure joints of a frame, in shares of what they were; 1 for the start network.

        The sum over all pairs of sure joints of all frames, divided by the same sum of the start network. NaN where no frame has
        two sure joints, or joints are no numbers.

        Args:
            xy_px: (N, K, 2) joints of a network on the same frames.
        """
        pairs = self.sure[:, :, None] & self.sure[:, None, :]
        now, then = (_between(np.asarray(xy, np.float64))[pairs] for xy in (xy_px, self.xy_px))
        return float(now.sum() / then.sum()) if then.sum() > 0 else float("nan")

    def kept_place(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> float:
        """Share of the sure joints that are where they were; NaN without a sure joint."""
        return float(near(xy_px, self.xy_px, box_xywh)[self.sure].mean()) if self.sure.any() else float("nan")

    def drift(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> float:
        """How far the sure joints of all frames moved together, in shares of the longer side of the box; NaN without a sure joint.

        Single joints may move; their median may not. Mirrored views keep a network from moving left or right, but not up or down.
        """
        if not self.sure.any():
            return float("nan")
        side = np.asarray(box_xywh, np.float64)[:, 2:].max(1)[:, None, None]
        moved = ((np.asarray(xy_px, np.float64) - self.xy_px) / side)[self.sure]
        return float(np.linalg.norm(np.median(moved, 0)))


def trust_in_joints(
    xy_px: np.ndarray, box_xywh: np.ndarray, start_px: np.ndarray, mirrored_px: np.ndarray | None
) -> np.ndarray:
    """(K,) share of the frames in which a joint is where the start network has it, and where the mirrored picture has it.

    Joints with a low share are wrong more often than the others: see docs/methods/guard.md.

    Args:
        xy_px: (N, K, 2) joints of the adapted network, picture px.
        box_xywh: (N, 4) picture px.
        start_px: of the start network; mirrored_px: of the adapted one on mirrored pictures, mirrored back, if there are any.
    """
    kept = near(xy_px, start_px, box_xywh)
    if mirrored_px is not None:
        kept &= near(xy_px, mirrored_px, box_xywh)
    share: np.ndarray = kept.mean(0)
    return share


def _between(xy: np.ndarray) -> np.ndarray:
    """(N, K, K) distances between the joints of every frame, px."""
    return np.asarray(np.linalg.norm(xy[:, :, None] - xy[:, None, :], axis=-1))
