"""Checks of plain data from a file: types and limits, checked once after reading, so that other code can rely on them.

A check is a function (value, where) that raises `Mismatch`. `where` is the place in the file, as in "form.mean[0]".

>>> check = record({"epoch": integer(0), "names": list_of(string())})
>>> check({"epoch": 3, "names": ["a", 7]}, "")
Traceback (most recent call last):
...
zoopose.pose.schema.Mismatch: names[1]: expected a text, found 7
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any, str], None]
LARGEST = 2**31 - 1  # no count, size or number of epochs is larger


class Mismatch(ValueError):
    """The data do not fit: where, what was expected, what was found."""

    def __init__(self, where: str, expected: str, value: Any):
        shown = repr(value) if isinstance(value, str | int | float | bool | None) else f"a {type(value).__name__}"
        shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
        super().__init__(f"{where or 'the whole'}: expected {expected}, found {shown}")


def any_value(value: Any, where: str) -> None:
    """Any value."""


def string(longest: int = 1000) -> Check:
    """A text of at most `longest` characters, none of them NUL."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, str):
            raise Mismatch(where, "a text", value)
        if len(value) > longest or "\0" in value:
            raise Mismatch(where, f"a text of at most {longest} characters without NUL", value)

    return check


def one_of(*texts: str) -> Check:
    """One of these texts."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, str) or value not in texts:
            raise Mismatch(where, f"one of {', '.join(texts)}", value)

    return check


def boolean(value: Any, where: str) -> None:
    """True or False."""
    if not isinstance(value, bool):
        raise Mismatch(where, "true or false", value)


def integer(least: int = -LARGEST, most: int = LARGEST) -> Check:
    """A whole number within limits, both included."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Mismatch(where, f"a whole number from {least} to {most}", value)

    return check


def number(least: float = -math.inf, most: float = math.inf, nan: bool = False) -> Check:
    """A number within limits, both included; NaN is allowed where `nan`."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise Mismatch(where, "a number", value)
        if nan and isinstance(value, float) and math.isnan(value):
            return
        if not least <= value <= most:
            raise Mismatch(where, f"a number from {least:g} to {most:g}", value)

    return check


def optional(item: Check) -> Check:
    """None, or a value that fits `item`."""

    def check(value: Any, where: str) -> None:
        if value is not None:
            item(value, where)

    return check


def any_of(*checks: Check) -> Check:
    """A value that fits one of several checks; the error is that of the last one."""

    def check(value: Any, where: str) -> None:
        for one in checks[:-1]:
            try:
                one(value, where)
                return
            except Mismatch:
                continue
        checks[-1](value, where)

    return check


def list_of(item: Check, length: int | None = None, least: int = 0) -> Check:
    """A list or tuple of values that fit `item`, with exactly `length` or at least `least` values."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list | tuple):
            raise Mismatch(where, "a list", value)
        if len(value) != length if length is not None else len(value) < least:
            count = f"{length}" if length is not None else f"at least {least}"
            raise Mismatch(where, f"a list of {count} values", f"{len(value)} values")
        for i, one in enumerate(value):
            item(one, f"{where}[{i}]")

    return check


def mapping_of(item: Check) -> Check:
    """An object with any names whose values fit `item`."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, Mapping):
            raise Mismatch(where, "an object with names", value)
        for name, one in value.items():
            if not isinstance(name, str):
                raise Mismatch(where, "names that are texts", name)
            item(one, f"{where}.{name}".lstrip("."))

    return check


def record(required: Mapping[str, Check], optional: Mapping[str, Check] | None = None) -> Check:
    """An object with certain names; values under other names are not checked."""

    def check(value: Any, where: str) -> None:
        mapping_of(any_value)(value, where)
        for name, item in required.items():
            if name not in value:
                raise Mismatch(f"{where}.{name}".lstrip("."), "a value", None)
            item(value[name], f"{where}.{name}".lstrip("."))
        for name, item in (optional or {}).items():
            if name in value:
                item(value[name], f"{where}.{name}".lstrip("."))

    return check
