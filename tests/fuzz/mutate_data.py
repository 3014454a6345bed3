"""Plain data (of checkpoints and label files) with one value of another kind, seeded; `mutate.py` damages bytes and JSON texts."""

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
