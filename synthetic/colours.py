"""Colours of what is drawn: red, green, blue in 0..1."""

from __future__ import annotations

from collections.abc import Iterable

RGB = tuple[float, float, float]


def triple(values: Iterable[float]) -> RGB:
    """Three numbers of an array as plain floats: a colour, or a place x, y, z."""
    first, second, third = map(float, values)
    return first, second, third
