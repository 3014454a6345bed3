"""Seeded damage for fuzz tests: bytes that are flipped, cut or overwritten, and plain data with one value of another kind."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

# what stands in place of a value: each has broken some reader
WRONG: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 65, 10**6, 2**31, 2**63, 10**400, 0.5, -3.25, 1e300, math.nan, math.inf, -math.inf,
    "", "x", "7", "nan", "../../x", "a\0b", "\ud800", "é" * 5000, [], [1], ["a", "a"], [[]], [None], {}, {"a": 1}, {1: 2},
)  # fmt: skip


def damaged_bytes(data: bytes, rng: np.random.Generator) -> bytes:
    """A file as a bad disk, a bad cable or a broken download leaves it; now and then it is long enough to be the same."""
    out = bytearray(data)
    kind, at = rng.integers(5), int(rng.integers(max(len(data), 1)))
    if kind <= 1:  # one bit, or a few
        for _ in range(1 if kind == 0 else int(rng.integers(2, 9))):
            out[int(rng.integers(len(out)))] ^= 1 << int(rng.integers(8))
    elif kind == 2:
        del out[at:]
    elif kind == 3:  # a block
        length = int(rng.integers(1, 600))
        block = rng.integers(0, 256, length, dtype=np.uint8).tobytes() if rng.random() < 0.5 else bytes(length)
        out[at : at + length] = block[: len(out) - at]
    else:  # a piece is gone, or there twice
        length = int(rng.integers(1, 200))
        piece = bytes(out[at : at + length])
        out[at : at + length] = piece * (2 if rng.random() < 0.5 else 0)
    return bytes(out)


def damaged_data(data: Any, rng: np.random.Generator) -> Any:
    """A copy of plain data, in which one value is another, is gone, is nested deeper or has a companion."""
    out = copy.deepcopy(data)
    places = _places(out)
    holder, key = places[int(rng.integers(len(places)))]
    kind = rng.integers(6)
    if kind <= 2:
        holder[key] = copy.deepcopy(WRONG[int(rng.integers(len(WRONG)))])
    elif kind == 3:
        del holder[key]
    elif kind == 4:
        holder[key] = [holder[key]] if rng.random() < 0.5 else {"value": holder[key]}
    elif isinstance(holder, list):
        holder.insert(key, copy.deepcopy(holder[key]))
    else:
        holder[f"{key}_"] = copy.deepcopy(holder[key])
    return out


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Every (list or dict, index or key) within plain data."""
    found, waiting = [], [data]
    while waiting:
        holder = waiting.pop()
        keys = holder if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            found.append((holder, key))
            if isinstance(holder[key], dict | list) and holder[key]:
                waiting.append(holder[key])
    return found
