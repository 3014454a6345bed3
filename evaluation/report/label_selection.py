"""Which pseudo-labelled frames a report shows: bounded in number, spread over all frames, and the same for the same run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from .label_rounds import Disagreement

T = TypeVar("T")

# A page stays below 20 MB for 20,000 frames and 6 rounds (tests/ccssl/test_label_report.py), so that browsers open it at once.
FRAMES = 360  # most frames in the gallery
DISAGREEMENTS = 48  # most disagreements shown
SHOTS, FRAMES_PER_SHOT = 6, 20  # most shots shown, and most frames of each
ROUNDS = 12  # most rounds whose labels are drawn; tables and curves have all rounds
JOINTS = 200_000  # most joints drawn over all frames and rounds; one joint takes about 35 bytes in the page
PICTURE_BYTES = 9_000_000  # most bytes of pictures; base64 makes them a third longer


class Shot(NamedTuple):
    """Frames of a shot to show.

    Attributes:
        name: of the shot.
        rows: of the target, in order.
        frames: of the shot in all.
    """

    name: str
    rows: list[int]
    frames: int


def spread(items: Sequence[T], count: int) -> list[T]:
    """At most `count` items, evenly spaced, the first and the last among them."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[i] for i in np.unique(places).tolist()]


def chosen_shots(shots: Sequence[str]) -> list[Shot]:
    """Some shots of more than one frame, evenly spaced, with some of their frames.

    Args:
        shots: name of the shot of every frame, empty for a frame without a shot.
    """
    rows: dict[str, list[int]] = {}
    for row, shot in enumerate(shots):
        if shot:
            rows.setdefault(shot, []).append(row)
    names = [shot for shot, frames in rows.items() if len(frames) > 1]
    return [Shot(name, spread(rows[name], FRAMES_PER_SHOT), len(rows[name])) for name in spread(names, SHOTS)]


def largest_disagreements(by_round: Mapping[int, Sequence[Disagreement]], count: int) -> list[tuple[int, Disagreement]]:
    """(round, disagreement): the largest of every check and round in turn, so that each is represented; then sorted, largest first.

    Args:
        by_round: round -> its disagreements, the largest of each check first.
    """
    groups: dict[tuple[str, int], list[tuple[int, Disagreement]]] = {}
    for number, disagreements in by_round.items():
        for disagreement in disagreements:
            groups.setdefault((disagreement.check, number), []).append((number, disagreement))
    chosen: list[tuple[int, Disagreement]] = []
    depth = 0
    while len(chosen) < count and any(depth < len(group) for group in groups.values()):
        chosen += [group[depth] for group in groups.values() if depth < len(group)]
        depth += 1
    return sorted(chosen[:count], key=lambda item: -item[1].px)


def gallery_rows(confidence: np.ndarray, examples: Sequence[tuple[int, int]], count: int) -> list[int]:
    """Rows for the gallery, the most useful first: in turn a rare reason, a place in the order of frames, a rank of confidence.

    Args:
        confidence: (N,) mean confidence of each frame.
        examples: (number of labels with this reason, row).
        count: rows wanted.
    """
    n = len(confidence)
    places = [min(int(_halves(i) * n), n - 1) for i in range(2 * count)]
    ranked = np.argsort(confidence, kind="stable")
    rare = [row for _, row in sorted(examples)]
    chosen: dict[int, None] = {}
    for i in range(2 * count):
        for row in (*rare[i : i + 1], places[i], int(ranked[places[i]])):
            if len(chosen) < min(count, n):
                chosen.setdefault(row)
    return list(chosen)


def rows_that_fit(sizes: Mapping[int, int], required: Sequence[int], optional: Sequence[int]) -> list[int]:
    """The beginning of `optional` whose pictures, together with the required ones, stay within `PICTURE_BYTES`.

    Args:
        sizes: row -> bytes of its picture.
    """
    taken = set(required)
    total = sum(sizes[row] for row in taken)
    fitting = []
    for row in optional:
        total += 0 if row in taken else sizes[row]
        if total > PICTURE_BYTES:
            break
        fitting.append(row)
    return fitting


def _halves(i: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8, ...: any beginning of the sequence is evenly spread."""
    return int(f"{i:032b}"[::-1], 2) / 2**32
