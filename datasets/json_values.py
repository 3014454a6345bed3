"""Checks on single values of annotation files: numbers, names, ids. `pose.schema` describes whole files of ours instead."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from ..files import plain

LONGEST_NAME = 4096  # characters; the longest path that Linux opens
MOST_JOINTS = 1000  # the largest published skeleton, COCO-WholeBody's, has 133
FURTHEST_PX = 1e6  # the largest picture that OpenCV reads has sides of 2^20 px

_WHOLE = re.compile(r"\s*([+-]?\d{1,18})(?:\.0*)?\s*")


def is_number(value: Any) -> TypeGuard[float]:
    """Whether a value is a finite number that a float holds; True and False are not."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond 1e308
        return False


def is_name(value: Any) -> TypeGuard[str]:
    """Whether a value is a text that can be printed and stored: not empty, without NUL and without halves of surrogate pairs."""
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or "\0" in value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_file_name(value: Any) -> TypeGuard[str]:
    """Whether a text can be the name of a file; bytes that are no UTF-8 are surrogates, as in `os.listdir`."""
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or "\0" in value:
        return False
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        return False
    return True


def kind_of(value: Any) -> str:
    """Describes a value for an error: its kind, and the value where it is short."""
    if isinstance(value, bool) or value is None:
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return f"the text {plain(value, 40)!r}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, int) and abs(value) >= 10**18:
        return "a whole number of more than 18 digits"
    return f"the number {value!r}"


def as_id(value: Any) -> int | str | None:
    """An id as COCO's tools read it: 1.0 is 1. None for what is no id (null, true, a list, NaN)."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value if abs(value) < 10**18 else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() and abs(value) < 10**18 else None
    return value if is_name(value) else None


class Ids:
    """Finds the id that a reference means: the same id, else the only id that is the same whole number in another spelling.

    1.0 is 1. The text "1" refers to the id 1, and 1 to the id "1", unless the file has both.

    Args:
        known: id -> entry, ids as `as_id` gives them.
    """

    def __init__(self, known: Mapping[int | str, Any]):
        self.known = known
        self._by_number: dict[int, int | str | None] = {}
        for key in known:
            number = _whole(key)
            if number is not None:
                self._by_number[number] = None if number in self._by_number else key

    def find(self, value: Any) -> int | str | None:
        """The id among `known` that a value refers to; None where there is none, or more than one."""
        key = as_id(value)
        if key is None or key in self.known:
            return key
        number = _whole(key)
        return None if number is None else self._by_number.get(number)


def _whole(value: int | str) -> int | None:
    if isinstance(value, int):
        return value
    found = _WHOLE.fullmatch(value)
    return int(found[1]) if found else None
