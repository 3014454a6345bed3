"""Box fill: how poses fill the boxes of their animals. It needs no label of the target, and agreement cannot fake it.

A network that learns from its own pseudo-labels agrees with itself more and more, whether it is right or not. If it fails, its
poses shrink inside their boxes. The box is known on every target, and a labelled source shows how poses fill boxes. Six numbers
describe the fill of a pose, and their distance from the source's is small where a pose fills its box as the source's poses do.

Frame: the picture, px; pixel centres are at integers, boxes are x, y, width, height. The six numbers, and the distance in
deviations of the source, have no unit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

NUMBERS = ("left", "right", "top", "bottom", "spread_x", "spread_y")
LEAST_JOINTS = 3  # joints of a pose: the fewest for which a box fill is computed
LEAST_SHARE = 0.5  # share of the frames in which a joint is labelled, and of these joints in a pose
LEAST_DEVIATION = 0.01  # share of the box: smallest standard deviation, for a source whose poses are all the same
LEAST_DISTANCE = 0.5  # standard deviations: smaller distances occur between poses of one animal
# Standard deviations. Runs that improved stayed below 4.0; runs that became worse passed 4.5 by their second epoch
# (docs/methods/guard.md). A start near this limit has little room: its poses are already far from those of the source.
FAR = 4.5
FULL_GROWTH = 0.6  # growth (a share of the start's distance) at which the limit is FAR
LEAST_ROOM = 0.15  # share of the start's distance: room of a start beyond FAR
# Shares of the distance and of the mean peak in crops without zoom. Animals at a third of the size of their box gave 0.36 and 1.9
# in crops three times as tight; elsewhere no zoom gave less than 0.9 and more than 1.1 together (docs/methods/guard.md).
CLOSER, SURER = 0.6, 1.1
WHOLE = 0.02  # share of the picture's side: a box this close to all edges is the whole picture


def fill_of(xy_px: np.ndarray, box_xywh: np.ndarray, joints: np.ndarray | None = None) -> np.ndarray:
    """The six numbers of every pose.

    `left`, `right`, `top`, `bottom`: gaps between the box's sides and the outermost joints, in shares of the box's width (left,
    right) and height (top, bottom); negative where a joint lies outside. `spread_x`, `spread_y`: standard deviation of the
    joints, in shares of the box's longer side. Mirroring a picture exchanges left and right, and changes nothing else.

    Args:
        xy_px: (N, K, 2) joints, picture px; NaN where a joint is not known.
        box_xywh: (N, 4) picture px.
        joints: (K,) bool, which joints count; all, unless given.

    Returns:
        (N, 6) float64, in the order of `NUMBERS`; NaN for a pose with fewer than `LEAST_JOINTS` joints or fewer than half of those
        that count, and for a box without an area.
    """
    xy, box = np.array(xy_px, np.float64), np.asarray(box_xywh, np.float64)
    xy[~np.isfinite(xy).all(-1)] = np.nan
    if joints is not None:
        xy = xy[:, np.asarray(joints, bool)]
    known = np.isfinite(xy[..., 0])
    enough = known.sum(1) >= np.maximum(LEAST_JOINTS, LEAST_SHARE * xy.shape[1])
    enough &= np.isfinite(box).all(1) & (box[:, 2:] > 0).all(1)
    out = np.full((len(xy), len(NUMBERS)), np.nan)
    xy, box = xy[enough], box[enough]
    low, high = np.nanmin(xy, 1), np.nanmax(xy, 1)
    size = box[:, 2:]
    # pixel edges: a box from x covers the pixels x to x + width - 1
    first, last = box[:, :2] - 0.5, box[:, :2] + size - 0.5
    gaps = np.stack([(low - first) / size, (last - high) / size], 2).reshape(-1, 4)
    out[enough] = np.concatenate([gaps, np.nanstd(xy, 1) / size.max(1, keepdims=True)], 1)
    return out


def share_of_whole_pictures(box_xywh: np.ndarray, size_hw: np.ndarray) -> float:
    """Share of the boxes that are the whole picture: no person has drawn them, and they contain no information about the animal.

    Args:
        box_xywh: (N, 4) and size_hw: (N, 2) of the pictures, px.

    Returns:
        0..1; 0 without a box.
    """
    box, size_wh = np.asarray(box_xywh, np.float64), np.asarray(size_hw, np.float64)[:, ::-1]
    slack = WHOLE * size_wh
    whole = np.logical_and((box[:, :2] <= slack).all(1), (box[:, :2] + box[:, 2:] >= size_wh - slack).all(1))
    return float(whole.mean()) if len(box) else 0.0


def tightened(box_xywh: np.ndarray, zoom: float) -> np.ndarray:
    """Boxes (N, 4), px, made smaller about their middles: by `zoom`, or larger where it is below 1."""
    box = np.asarray(box_xywh, np.float64)
    return np.concatenate([box[:, :2] + box[:, 2:] * (1 - 1 / zoom) / 2, box[:, 2:] / zoom], 1)


def zoom_of(tried: Mapping[float, tuple[float, float]]) -> float:
    """How much tighter than the target's boxes are those that the source's boxes are like, as the start network sees it.

    Where an animal takes a third of its box, poses that shrink to a third are right, and box fill is no evidence. The start network
    has not seen the target, and looks for animals of the source's size. Where it is surer of itself in tighter crops, and its poses
    there fill the tighter boxes as the source's do, these are the boxes.

    Args:
        tried: zoom of the crops, 1 among them -> distance of box fill in boxes tightened by it, and mean peak of the maps.

    Returns:
        The zoom of the smallest distance among those that are clearly better in both; 1 where none is.
    """
    distance, peak = tried[1.0]
    better = {z: d for z, (d, p) in tried.items() if d <= CLOSER * distance and p >= SURER * peak}
    return min(better, key=lambda zoom: better[zoom]) if better else 1.0


def limit_of(start: float, source: float, growth: float) -> float:
    """The distance at which an adaptation counts as harmful.

    It is `1 + growth` times the distance of the start network. A start that is closer than the source's own labels counts as far as
    they are; one that is far has less room, so that a growth of `FULL_GROWTH` ends at `FAR`, or at `FULL_GROWTH` x `LEAST_ROOM`
    above a start beyond it.

    Args:
        start: distance of the start network; source: of the source's labels, see `BoxFill.source_distance`.
        growth: at least 0; infinite for no limit.
    """
    base = max(start, source, LEAST_DISTANCE)
    room = max(LEAST_ROOM * base, min(base, (FAR - base) / FULL_GROWTH))
    return base + growth * room


def outcome_of(checkpoint: Mapping[str, Any]) -> str:
    """The sentence of a checkpoint's run that was stopped since box fill had worsened; empty for all other checkpoints.

    Args:
        checkpoint: as it is read from its file.
    """
    run = checkpoint.get("zoopose", {}).get("run", {})
    return str(run.get("extra", {}).get("guard", {}).get("outcome", ""))


@dataclass(frozen=True)
class BoxFill:
    """How the poses of a labelled source fill their boxes.

    Attributes:
        mean, deviation: (6,) of the source's poses and of their mirror images, so that nothing hangs on the side that animals face.
        joints: (K,) bool, the joints that count: those that are labelled in at least half of the source's frames. A network
            predicts every joint in every frame, and a joint that the source rarely shows would widen only the network's poses.
        source_distance: distance of the source's poses from these numbers.
        frames: how many poses of the source this was seen on.
    """

    mean: np.ndarray
    deviation: np.ndarray
    joints: np.ndarray
    source_distance: float
    frames: int

    @classmethod
    def of(cls, xy_px: np.ndarray, known: np.ndarray, box_xywh: np.ndarray) -> BoxFill | None:
        """Of labels; None where no pose has enough of them.

        Args:
            xy_px: (N, K, 2) labelled joints, picture px.
            known: (N, K) bool, which of them are labelled. A hidden joint counts where it is placed: networks place it too.
            box_xywh: (N, 4) picture px.
        """
        known = np.asarray(known, bool)
        labelled = known[known.any(1)]
        if not len(labelled):
            return None
        joints = labelled.mean(0) >= LEAST_SHARE
        fill = fill_of(np.where(known[..., None], xy_px, np.nan), box_xywh, joints)
        fill = fill[np.isfinite(fill).all(1)]
        if not len(fill):
            return None
        both = np.concatenate([fill, fill[:, [1, 0, 2, 3, 4, 5]]])
        found = cls(both.mean(0), np.maximum(both.std(0), LEAST_DEVIATION), joints, 0.0, len(fill))
        return cls(found.mean, found.deviation, joints, found._distance(fill), len(fill))

    def distance(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> float:
        """How far poses are from filling their boxes as the source's do, in deviations of the source.

        Of every number the median over the frames of |number - source mean| / source deviation; then the mean over the six. A
        frame's left and right gap count by their mean, so that mirrored frames change nothing.

        Args:
            xy_px: (N, K, 2) a network's joints, picture px. All are taken, however sure the network is: those that it is unsure of
                are where it goes wrong.
            box_xywh: (N, 4) picture px.

        Returns:
            At least 0; NaN where no pose has enough joints.
        """
        fill = fill_of(xy_px, box_xywh, self.joints)
        return self._distance(fill[np.isfinite(fill).all(1)])

    def spread(self, xy_px: np.ndarray, box_xywh: np.ndarray) -> float:
        """Median over the frames of the joints' mean spread, in shares of the box's longer side; NaN without a frame."""
        fill = fill_of(xy_px, box_xywh, self.joints)
        return float(np.nanmedian(fill[:, 4:].mean(1))) if np.isfinite(fill).any() else np.nan

    def _distance(self, fill: np.ndarray) -> float:
        if not len(fill):
            return float("nan")
        apart = np.abs(fill - self.mean) / self.deviation
        apart[:, :2] = apart[:, :2].mean(1, keepdims=True)
        return float(np.median(apart, 0).mean())

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "joints": self.joints.tolist(),
            "own": self.source_distance,
            "frames": self.frames,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> BoxFill:
        """What `to_dict` gave."""
        mean, deviation = (np.array(data[name], np.float64) for name in ("mean", "deviation"))
        return cls(mean, deviation, np.array(data["joints"], bool), float(data["own"]), int(data["frames"]))
