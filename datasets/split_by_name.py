"""Splits drawn from the names of pictures alone: they are the same in every layout and every subset of a data set.

A picture is for validation when the first 32 bits of SHA-256 of `<salt>/<stem>`, as a fraction of 1, are below 0.2. The stem is the
file name without folders and suffix. Files in `splits/` list the validation pictures of published data sets.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

SHARE = 0.2  # of the pictures, for validation; chosen


def stem(name: str) -> str:
    """File name without folders and suffix: images/2007_000063.jpg -> 2007_000063."""
    return PurePosixPath(name).stem


def is_validation_by_name(salt: str, name: str, share: float = SHARE) -> bool:
    """Whether a picture is for validation by the rule above.

    Args:
        salt: of the data set, in place of a seed.
        name: of the picture, with or without folders.
        share: of the pictures that are for validation.
    """
    digest = hashlib.sha256(f"{salt}/{stem(name)}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


@cache
def listed_stems(file_name: str) -> frozenset[str]:
    """Stems of the validation pictures that a file of `splits/` lists: one a line; lines with # are remarks."""
    text = (files(__package__) / "splits" / file_name).read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
