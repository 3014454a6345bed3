"""Whether a network sees which way an animal faces, scored with labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

HEAD = ("ear", "mouth", "chin")  # the first of them that is visible in a frame
TAIL = ("tail", "tail_start")


def facing_right(
    xy_px: np.ndarray, xy_true_px: np.ndarray, visible: np.ndarray, joints: Sequence[str]
) -> tuple[int, int]:
    """Frames in which the head lies on the right side of the tail: predicted and true direction from tail to head are less than
    90 degrees apart.

    Args:
        xy_px, xy_true_px: (N, K, 2) predicted and labelled joints. A prediction that is not finite is wrong.
        visible: (N, K) bool.
        joints: K names.

    Returns:
        Frames that are right, and frames that count: those with a visible tail, and a visible ear or mouth.
    """
    names = list(joints)
    tail = next((names.index(name) for name in TAIL if name in names), None)
    right, counted = np.zeros(len(xy_px), bool), np.zeros(len(xy_px), bool)
    for name in HEAD:
        if tail is None or name not in names:
            continue
        head = names.index(name)
        now = visible[:, head] & visible[:, tail] & ~counted
        found, true = (xy[:, head] - xy[:, tail] for xy in (xy_px, xy_true_px))
        right |= now & ((found * true).sum(1) > 0)
        counted |= now
    return int(right.sum()), int(counted.sum())
