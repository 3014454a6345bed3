"""Index of TigDog: its frames, their labels, and its split.

`tigdog` describes the tree and the source. On the real data the split is the published one: that of cached index files, else that
of the published runs of frame numbers. Trees of other sizes are split by shot, drawn with a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..pose.skeleton import TIGDOG18
from .isolated_reader import IsolatedReader, UnreadableFileError
from .original_index import Split, cached_split, seeded_fifth
from .tree import missing_tree

ANIMALS = ("horse", "tiger")
MIN_VISIBLE = 10  # joints of a frame, of the published code
MOST_FRAMES = 10**8  # a picture's name has 8 digits
FARTHEST_PX = 1e5  # of a position from the picture's corner; beyond lies no picture
SPLIT_FILES = ("train_idxs_by_video.npy", "valid_idxs_by_video.npy")

# the published validation set: a usable frame belongs to it when its number in the list lies in one of these runs
VALIDATION_RUNS = {
    "horse": (
        (0, 215), (377, 425), (1931, 2030), (3556, 3775), (5112, 5232), (5384, 5780), (6350, 6615), (7430, 7595),
        (10492, 10546), (10686, 10782), (11856, 11926), (12710, 12847), (13051, 13120), (13376, 13409),
    ),
    "tiger": (
        (2749, 2921), (3320, 3435), (4530, 4557), (6157, 6309), (6890, 7343), (9504, 9989), (10651, 10706),
        (12892, 14460), (15748, 15845),
    ),
}  # fmt: skip
# sizes of both parts and the largest number of a usable frame: these identify the real data
PUBLISHED_SIZES = {"horse": (8380, 1772, 13409), "tiger": (6523, 1765, 16516)}


@dataclass(frozen=True, eq=False)
class TigDogIndex:
    """Every listed frame of one animal, before the filter. F frames, in the order of ranges.mat.

    Attributes:
        frame: (F,) numbers, the picture's file name.
        shot: (F,) shot numbers.
        frame_in_shot: (F,) counted from the shot's first.
        xy_px: (F, 18, 2) float64, joints in the order of the files.
        visible: (F, 18) the files' flag.
    """

    frame: np.ndarray
    shot: np.ndarray
    frame_in_shot: np.ndarray
    xy_px: np.ndarray
    visible: np.ndarray

    @property
    def usable(self) -> np.ndarray:
        """Numbers of the frames with enough visible joints."""
        return np.flatnonzero(self.visible.sum(1) >= MIN_VISIBLE)


def read_index(folder: Path, animal: str) -> TigDogIndex:
    """Index of a behaviorDiscovery2.0 folder; MAT v5 files, read by position since their field names vary.

    Raises:
        DataError: for a file that does not mean what it should.
    """
    parts: list[tuple[np.ndarray, ...]] = []
    with IsolatedReader() as reader:
        for shot, first, last in _ranges(reader, folder / "ranges" / animal / "ranges.mat"):
            path = folder / "landmarks" / animal / f"{shot}.mat"
            if not path.is_file():
                continue
            landmarks, count = np.ravel(_matlab(reader, path, "landmarks")), last - first + 1
            if len(landmarks) < count:
                found = f"{len(landmarks)} in {path}"
                raise DataError(f"landmarks of {count} frames, {first} to {last}, as ranges.mat has it", found)
            joints = np.stack([_joints(cell, path, first + i) for i, cell in enumerate(landmarks[:count])])
            frames = np.arange(first, last + 1)
            parts.append((frames, np.full(count, shot), frames - first, joints[..., :2], joints[..., 2]))
    if not parts:
        raise DataError(f"landmarks of at least one shot of {folder / 'ranges' / animal}", "none")
    return TigDogIndex(*(np.concatenate(column) for column in zip(*parts)))


def _ranges(reader: IsolatedReader, path: Path) -> list[tuple[int, int, int]]:
    """Shot, first frame and last frame (inclusive) of every shot.

    Raises:
        DataError: it is no table of three whole numbers a row, or a shot ends before it begins.
    """
    table = _matlab(reader, path, "ranges")
    expected = "ranges: a table of shot, first frame, last frame: whole numbers from 0, the last not below the first"
    remedy = "unpack it again"
    if not isinstance(table, np.ndarray) or table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind not in "iuf":
        found = f"{table.dtype} {table.shape}" if isinstance(table, np.ndarray) else type(table).__name__
        raise DataError(expected, f"{path}: {found}", remedy)
    for row, (shot, first, last) in enumerate(table.tolist(), 1):
        if not all(0 <= v < MOST_FRAMES and v == int(v) for v in (shot, first, last)) or last < first:
            raise DataError(expected, f"{path}: row {row} is {shot:g}, {first:g}, {last:g}", remedy)
    return [(shot, first, last) for shot, first, last in table.astype(int).tolist()]


def split_of(index: TigDogIndex, root: Path, animal: str, seed: int = 0) -> Split:
    """Parts of the usable frames: those of cached files, else the published ones on the real data, else drawn by shot."""
    usable = index.usable
    cached, why_not = cached_split(root, f"real_animal/{animal}", SPLIT_FILES, usable)
    if cached:
        return cached
    why_not = f"; {why_not}" if why_not else ""
    low, high = np.array(VALIDATION_RUNS[animal]).T
    valid = ((usable[:, None] >= low) & (usable[:, None] <= high)).any(1)
    if len(usable) and ((~valid).sum(), valid.sum(), usable[-1]) == PUBLISHED_SIZES[animal]:
        return Split(usable[~valid], usable[valid], f"published index ranges{why_not}")
    valid = seeded_fifth(index.shot[usable].tolist(), seed)
    return Split(usable[~valid], usable[valid], f"a fifth of the shots, drawn with seed {seed}{why_not}")


def tree_entries(root: Path, animal: str) -> list[tuple[str, bool | None]]:
    """The tree one animal needs below `root`: what to show of each entry, and whether it is there."""
    folder = root / "behaviorDiscovery2.0"

    def holds(path: Path, pattern: str) -> bool:
        return path.is_dir() and any(path.glob(pattern))

    return [
        ("behaviorDiscovery2.0/", folder.is_dir()),
        (f"behaviorDiscovery2.0/{animal}/<frame, 8 digits>.jpg", holds(folder / animal, "*.jpg")),
        (f"behaviorDiscovery2.0/ranges/{animal}/ranges.mat", (folder / "ranges" / animal / "ranges.mat").is_file()),
        (f"behaviorDiscovery2.0/landmarks/{animal}/<shot>.mat", holds(folder / "landmarks" / animal, "*.mat")),
    ]


def check_tree(root: Path, animal: str) -> None:
    """Raises the error that shows the whole tree when a part of it is missing."""
    entries = tree_entries(root, animal)
    if not all(there for _, there in entries):
        raise missing_tree(f"TigDog, {animal},", root, entries, how_to_get(root))


def how_to_get(root: Path) -> str:
    """What to type to get TigDog."""
    return (
        "download TigDog from http://calvin-vision.net/datasets/tigdog/, unpack it, and\n"
        f"mkdir -p {root} && mv behaviorDiscovery2.0 {root}/\n"
        f"or give the folder that holds behaviorDiscovery2.0: real_animal:ROOT"
    )


def _matlab(reader: IsolatedReader, path: Path, name: str) -> Any:
    expected = f"a MATLAB v5 file with the variable {name!r}"
    try:
        found = reader.read("mat", path)
    except UnreadableFileError as error:
        raise DataError(expected, f"{path}: {error}", "unpack it again") from error
    if name not in found:
        raise DataError(expected, f"{path} with {', '.join(found) or 'nothing'}", "unpack it again")
    return found[name]


def _joints(cell: Any, path: Path, frame: int) -> np.ndarray:
    """(18, 3) x, y, flag of one frame's cell: a struct of positions and flags; an empty cell has no joint."""
    joints = len(TIGDOG18)
    if np.size(cell) == 0:
        return np.zeros((joints, 3))
    try:
        record = np.reshape(cell, -1)[0]
        xy, flag = np.asarray(record[0], float), np.asarray(record[1], float).reshape(-1, 1)
        found: np.ndarray = np.nan_to_num(
            np.concatenate([xy[:joints, :2], flag[:joints]], 1), posinf=np.inf, neginf=-np.inf
        )
        found = found.reshape(joints, 3)
        if not (np.abs(found[:, :2]) <= FARTHEST_PX).all() or not np.isin(found[:, 2], (0, 1)).all():
            raise ValueError(f"positions beyond {FARTHEST_PX:g} px, or flags other than 0 and 1")
        return found
    except (IndexError, TypeError, ValueError) as error:
        raise DataError("19 positions and 19 visibility flags a frame", f"{path}, frame {frame}: {error}") from error
