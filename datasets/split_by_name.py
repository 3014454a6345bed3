"""Splits drawn from the pictures' names alone, so that they are the same in every form a set comes in, and in every subset.

A picture is for validation when the first 32 bits of SHA-256 of `<salt>/<stem>`, read as a fraction of 1, are below 0.2; the
stem is the file name without folders and ending. The outcome for the published pictures is kept in `splits/`.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from pathlib import PurePosixPath

SHARE = 0.2


def stem(name: str) -> str:
    """File name without folders and ending: images/2007_000063.jpg -> 2007_000063."""
    return PurePosixPath(name).stem


def drawn(salt: str, name: str, share: float = SHARE) -> bool:
    """Whether a picture falls into the validation part by the rule above.

    Args:
        salt: of the data set; takes the place of a seed.
        name: of the picture, with or without folders.
        share: of the pictures that are for validation.
    """
    digest = hashlib.sha256(f"{salt}/{stem(name)}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


@cache
def listed(file_name: str) -> frozenset[str]:
    """Stems of the validation pictures in a file of `splits/`: one a line, lines with # are remarks."""
    text = (files(__package__) / "splits" / file_name).read_text(encoding="utf-8")
    return frozenset(line for line in text.splitlines() if line and not line.startswith("#"))
