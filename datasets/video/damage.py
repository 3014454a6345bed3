"""Damaged videos: which frames are right, and how many are lost between them.

A decoder continues after damage: it draws frames from others that are lost, and these show another moment. So frames from the
damage to the next intra frame, which is decoded without any other, are left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_REGULAR = 0.8  # share of time steps that must be about equal for gaps to be counted in frames; chosen
_LONGEST_GAP = 100_000  # frames, an hour; a longer gap is an error of the times


class Decoded(NamedTuple):
    """One decoded frame.

    Attributes:
        time: in units of the track, or the number of the frame's packet.
        sound: not damaged, and the decoder did not miss a frame that it needs.
        intra: decoded without any other frame.
    """

    time: int | None
    sound: bool
    intra: bool


def rising_times(frames: Sequence[Decoded]) -> np.ndarray | None:
    """(N,) int64 times of frames, where each is later than the one before; None where one has no time, or is not later."""
    times = [f.time for f in frames if f.time is not None]
    rises = len(times) == len(frames) and all(a < b for a, b in zip(times, times[1:]))
    return np.array(times, np.int64) if rises else None


def undamaged_frames(frames: Sequence[Decoded], rows: np.ndarray | None = None, starts: int = 1) -> list[Decoded]:
    """Frames without those from damage to the next intra frame.

    Args:
        frames: in the order in which they are shown.
        rows: rising times of all frames of the video: a missing frame is damage too.
        starts: number of intra frames after damage, up to and with the first whose time is right.
    """
    found, missing, next_row = [], 0, 0
    for frame in frames:
        if rows is not None:
            if frame.time is None:  # its row is not known: it counts as missing
                continue
            row = int(np.searchsorted(rows, frame.time))
            if row < next_row or row == len(rows) or rows[row] != frame.time:
                continue
            missing, next_row = (starts if row > next_row else missing), row + 1
        if not frame.sound:
            missing = starts
        elif frame.intra:
            missing = max(0, missing - 1)
        if not missing:
            found.append(frame)
    return found


def fill_gaps(times: np.ndarray) -> tuple[np.ndarray, bool]:
    """Adds the times of missing frames to rising times; also returns whether there are gaps that cannot be counted in frames."""
    steps = np.diff(times)
    if len(steps) < 2:
        return times, False
    step = float(np.median(steps))
    gaps = np.flatnonzero(steps > 1.5 * step)
    if np.mean(np.abs(steps - step) <= 0.25 * step) < _REGULAR:
        return times, len(gaps) > 0
    lost = [times]
    for gap in gaps:
        count = round(steps[gap] / step) - 1
        if count < _LONGEST_GAP:
            lost.append(np.linspace(times[gap], times[gap + 1], count + 2)[1:-1].round().astype(np.int64))
    return np.unique(np.concatenate(lost)), False


def rows_by_count(frames: Sequence[Decoded], packets: int) -> np.ndarray:
    """(N,) packet of every row, for frames whose times are packet numbers; -1 for lost frames.

    Args:
        frames: in the order in which they are shown; each has a time.
        packets: number of packets; each without a frame is a lost frame.
    """
    numbers = [f.time for f in frames if f.time is not None]
    given = set(numbers)
    lost = [n for n in range(numbers[0], packets) if n not in given]
    uncertain = _reordered_around(numbers, lost)
    rows: list[int] = []
    broken_by, latest = -1, -1  # newest packet known to be lost, and newest one with a frame
    for frame, number in zip(frames, numbers):
        latest = max(latest, number)
        while lost and lost[0] < latest:
            broken_by = lost.pop(0)
            rows.append(-1)
        if not frame.sound:
            broken_by = max(broken_by, latest)
        elif frame.intra and number > broken_by:
            broken_by = -1
        rows.append(number if broken_by < 0 and number not in uncertain else -1)
    return np.array(rows + [-1] * len(lost), np.int64)


def _reordered_around(numbers: Sequence[int], lost: Sequence[int]) -> set[int]:
    """Packets just before lost ones: they may be shown after them, so that their rows are not known."""
    latest, farthest = -1, 0
    for number in numbers:
        latest = max(latest, number)
        farthest = max(farthest, latest - number)
    return {number - back for number in lost for back in range(1, farthest + 1)}
