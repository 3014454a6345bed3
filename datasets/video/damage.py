"""What is left of a damaged video: which frames show what they should, and how many are lost between them.

A decoder goes on after damage: it draws frames from others that are lost, and these show another moment. So nothing between damage
and the next frame that needs no other is believed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

_REGULAR = 0.8  # share of the steps that must be about equal for a gap to be counted in frames
_LONGEST_GAP = 100_000  # frames; a longer one is a fault of the clock


class Decoded(NamedTuple):
    """One decoded frame.

    Attributes:
        time: in units of the track, or the number of the frame's packet.
        sound: neither damaged itself nor drawn where the decoder missed another.
        anew: decoded without any other frame.
    """

    time: int | None
    sound: bool
    anew: bool


def rising(frames: Sequence[Decoded]) -> bool:
    """Whether every frame has a time, later than that of the one before."""
    times = [f.time for f in frames]
    return None not in times and all(a < b for a, b in zip(times, times[1:]))


def whole_frames(frames: Sequence[Decoded], rows: np.ndarray | None = None, starts: int = 1) -> list[Decoded]:
    """Frames without those between damage and the next that needs no other.

    Args:
        frames: in the order in which they are shown.
        rows: rising times of all frames that there should be: a frame that is missing is damage too.
        starts: how many frames that need no other it takes until times are believed again.
    """
    found, missing, next_row = [], 0, 0
    for frame in frames:
        if rows is not None:
            if frame.time is None:  # its row is not known, so that it counts as missing
                continue
            row = int(np.searchsorted(rows, frame.time))
            if row < next_row or row == len(rows) or rows[row] != frame.time:
                continue
            missing, next_row = (starts if row > next_row else missing), row + 1
        if not frame.sound:
            missing = starts
        elif frame.anew:
            missing = max(0, missing - 1)
        if not missing:
            found.append(frame)
    return found


def gaps_filled(times: np.ndarray) -> tuple[np.ndarray, bool]:
    """Times with those of whole frames that are missing between them, and whether there are gaps that cannot be counted."""
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
    """(N,) packet of every row, for frames that carry packet numbers for times; -1 for lost ones.

    Args:
        frames: in the order in which they are shown.
        packets: how many there should be; each without a frame is a lost one.
    """
    given = {f.time for f in frames}
    lost = [n for n in range(frames[0].time, packets) if n not in given]
    uncertain = _reordered_around(frames, lost)
    rows: list[int] = []
    broken_by, latest = -1, -1  # newest packet known to be lost, and newest one that was given
    for frame in frames:
        latest = max(latest, frame.time)
        while lost and lost[0] < latest:
            broken_by = lost.pop(0)
            rows.append(-1)
        if not frame.sound:
            broken_by = max(broken_by, latest)
        elif frame.anew and frame.time > broken_by:
            broken_by = -1
        rows.append(frame.time if broken_by < 0 and frame.time not in uncertain else -1)
    return np.array(rows + [-1] * len(lost), np.int64)


def _reordered_around(frames: Sequence[Decoded], lost: Sequence[int]) -> set[int]:
    """Packets just before lost ones: they may be shown after them, so that their rows are not known."""
    latest, farthest = -1, 0
    for frame in frames:
        latest = max(latest, frame.time)
        farthest = max(farthest, latest - frame.time)
    return {number - back for number in lost for back in range(1, farthest + 1)}
