"""Facing: which way an animal looks, from its head to its tail, and which joints say so.

Where animals look unlike those that a network was trained on, it takes many of them to face the other way. Nothing here needs a
label: two predictions of one frame are compared, or the predictions of neighbouring frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .side_words import words_of
from .skeleton import Skeleton

# words of joint names
HEAD = frozenset(
    "nose mouth eye eyes ear ears chin jaw snout muzzle beak bill head forehead poll face lip lips".split()
)
TAIL = frozenset("tail rump croup tailbase tailroot tailstart".split())
HIND = frozenset("hind rear back".split())  # with a word of a leg; alone, "back" is the spine
LEG = frozenset("leg hip thigh knee stifle elbow hock ankle wrist heel hoof paw foot feet toe toes fetlock".split())
HIP = frozenset("hip hock stifle".split())  # of the hind legs, where other joints show that the animal has four
TAIL_END = frozenset("tip end mid middle".split())  # a tail's end swings to both sides


@dataclass(frozen=True)
class FrontAndBack:
    """Joints that tell front from back.

    Attributes:
        front: indices of joints of the head.
        back: indices of the root of the tail and of the hind legs.
    """

    front: tuple[int, ...]
    back: tuple[int, ...]

    def heading(self, xy: np.ndarray) -> np.ndarray:
        """From the middle of the back joints to the middle of the front joints.

        Args:
            xy: (..., K, 2) joints of any frame and unit; NaN where a joint is not known.

        Returns:
            (..., 2) in the same unit; NaN where no front joint or no back joint is known.
        """
        heading: np.ndarray = _middle(xy, self.front) - _middle(xy, self.back)
        return heading


def front_and_back(skeleton: Skeleton) -> FrontAndBack | None:
    """The joints that tell front from back, by their English names.

    Returns:
        None where the names show no head, or neither a tail nor hind legs: people, or joints that are only numbered.
    """
    front, back, hips = [], [], []
    for i, name in enumerate(skeleton.joints):
        words = set(words_of(name))
        tail = bool(words & TAIL) and not words & TAIL_END
        if tail or (words & HIND and words & LEG):
            back.append(i)
        elif words & HIP:
            hips.append(i)
        elif words & HEAD and not words & TAIL:
            front.append(i)
    return FrontAndBack(tuple(front), tuple(sorted(back + hips))) if front and back else None


def same_way(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """(N,) bool, whether two headings (N, 2) point the same way: less than 90 degrees apart. False where one is not known."""
    dot: np.ndarray = (first * second).sum(-1)
    same: np.ndarray = np.nan_to_num(dot) > 0
    return same


def share_that_agrees(first: np.ndarray, second: np.ndarray) -> float:
    """Share of frames whose two headings (N, 2) point the same way; NaN without a frame."""
    return float(same_way(first, second).mean()) if len(first) else float("nan")


def certainty(joints: FrontAndBack, views: Sequence[np.ndarray]) -> float:
    """How decided a network is which way the animals face: 1 where all joints say the same in all views, 0 where they say nothing.

    A front joint lies to the left or to the right of a back joint. Of a frame this is, over all pairs of such joints and all views,
    |share to the right - share to the left|; joints of both readings in one pose make it small. The mean is over the frames.

    Args:
        views: of V predictions of the same frames, (N, K, 2) each, in the frame of the picture.
    """
    front, back = list(joints.front), list(joints.back)
    sides = [np.sign(xy[:, front, 0][:, :, None] - xy[:, back, 0][:, None]).mean((1, 2)) for xy in views]
    return float(np.nanmean(np.abs(np.mean(sides, 0)))) if len(views[0]) else float("nan")


def neighbours_agree(heading: np.ndarray, recordings: Sequence[str]) -> float | None:
    """Share of neighbouring frames of one recording that face the same way.

    Args:
        heading: (N, 2) of frames in their order.
        recordings: N texts; frames with the same non-empty text are of one recording.

    Returns:
        None where no two neighbours are of one recording.
    """
    names = np.asarray(recordings, object)
    pair = np.flatnonzero((names[1:] == names[:-1]) & (names[1:] != ""))
    return share_that_agrees(heading[pair], heading[pair + 1]) if len(pair) else None


def _middle(xy: np.ndarray, joints: Sequence[int]) -> np.ndarray:
    some = xy[..., list(joints), :]
    known = np.isfinite(some).all(-1, keepdims=True)
    with np.errstate(invalid="ignore"):
        middle: np.ndarray = np.where(known, some, 0).sum(-2) / known.sum(-2)
    return middle
