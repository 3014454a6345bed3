"""Files that the published code caches besides the pictures: splits and mean colours.

The published code reads its caches from a folder `data` in the working directory, the root of its checkout, which holds
`animal_data` too. So `data` is looked for in the parent of the data's root, in the root, and in the working directory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OptionError, WeightsError
from ..pose import weights
from .npy_file import map_npy

SPLITS = ("train", "valid", "all")


@dataclass(frozen=True, eq=False)
class Split:
    """Item numbers of both parts, in the order of the data set, and where they come from."""

    train: np.ndarray
    valid: np.ndarray
    rule: str

    def part(self, name: str, everything: np.ndarray) -> np.ndarray:
        """Item numbers of "train", "valid" or "all" (`everything`)."""
        return {"train": self.train, "valid": self.valid, "all": everything}[name]


def check_options(animal: str, animals: Sequence[str], split: str) -> None:
    """Raises OptionError: an unknown species or split."""
    if animal not in animals:
        raise OptionError(f"an animal out of {', '.join(animals)}", repr(animal))
    if split not in SPLITS:
        raise OptionError(f"a split out of {', '.join(SPLITS)}", repr(split))


def cached_file(root: Path, relative: str) -> Path | None:
    """The file `data/<relative>` of a checkout of the published code; None where there is none."""
    root = Path(root).absolute()
    places = (root.parent / "data", root / "data", Path("data").absolute())
    return next((place / relative for place in places if (place / relative).is_file()), None)


def cached_split(root: Path, folder: str, names: tuple[str, str], items: np.ndarray) -> tuple[Split | None, str]:
    """The split of two cached index files, if both are there and fit the data.

    Args:
        root: the animal_data folder.
        folder: below `data`, such as real_animal/horse.
        names: file names of the training and the validation indices.
        items: item numbers that may occur.

    Returns:
        The split or None, and why not ("" when the files are absent).
    """
    paths = [path for name in names if (path := cached_file(root, f"{folder}/{name}")) is not None]
    if len(paths) < len(names):
        return None, ""
    train, valid = map(_item_numbers, paths)
    together = np.concatenate([train, valid])
    shown = f"{paths[0].parent}/{{{','.join(names)}}}"
    if not np.isin(together, items).all():
        return None, f"{shown} is of other data (up to item {together.max()})"
    if len(np.unique(together)) != len(together):
        return None, f"{shown} overlap"
    return Split(train, valid, f"cached files {shown}"), ""


def _item_numbers(path: Path) -> np.ndarray:
    """(N,) int64 item numbers of a cached index file.

    Raises:
        DataError: the file holds other values than whole numbers from 0.
    """
    try:
        array = np.array(map_npy(path)).ravel()
        if not ((array >= 0) & (array < 2**31) & (array == np.floor(array))).all():
            raise ValueError("other than whole numbers from 0")
    except (ValueError, OSError) as error:
        expected = "a cached split: an array of item numbers"
        raise DataError(expected, f"{path}: {error}", f"copy it again, or delete {path.parent}") from error
    return array.astype(np.int64)


def seeded_fifth(groups: Sequence[Any], seed: int) -> np.ndarray:
    """(N,) bool, True for validation: all items of a fifth of the groups (at least one), drawn with `seed`."""
    names = sorted(set(groups))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(names), max(len(names) // 5, 1), replace=False)
    chosen = {names[i] for i in drawn}
    return np.array([group in chosen for group in groups], bool)


def cached_mean(root: Path, relative: str, default: Sequence[float]) -> np.ndarray:
    """(3,) float32 RGB mean in 0..1: that of the file `data/<relative>` where there is one, else `default`.

    Raises:
        DataError: the file holds no mean.
    """
    path = cached_file(root, relative)
    if path is None:
        return np.array(default, np.float32)
    try:
        mean = np.asarray(weights.load_data(path)["mean"], np.float32).ravel()
        if mean.shape != (3,) or not ((mean >= 0) & (mean <= 1)).all():
            raise ValueError(f"{mean.tolist()[:4]}" if mean.size else "no number")
    except WeightsError as error:
        raise DataError("a cached mean, saved by torch", error.found, f"copy it again, or delete {path}") from error
    except (LookupError, TypeError, ValueError) as error:
        expected = "a dict with 'mean', three numbers from 0 to 1, saved by torch"
        raise DataError(expected, f"{path}: {error}", f"copy it again, or delete {path}") from error
    return mean
