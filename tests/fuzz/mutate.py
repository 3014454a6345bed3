"""Damages files as discs, transfers, other programs and ill will do: seeded, so that a failure can be had again."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import numpy as np

# JSON texts that stand in for any value: other types, numbers beyond all sizes, texts no terminal shows
ODD_VALUES = (
    "null", "true", "[]", "{}", '""', '"x"', "0", "-1", "1e999", "-1e999", "NaN", "1" + "0" * 400, "9" * 30, "1e-320", "0.5",
    '"1"', '"\\u0000"', '"\\ud800"', '"../../../etc/passwd"', '"' + "A" * 5000 + '"', "[" * 60 + "]" * 60, "[null]", '{"id": 1}',
    "[1, 2, 3, 4]", '[1, "a", null]', "1.0", "2147483648", "9007199254740993", '"C:\\\\a\\\\b.png"', "[[1, 2], [3, 4]]",
)  # fmt: skip


def bytes_mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """One to eight bits or bytes changed, a cut, a run put in, taken out or doubled."""
    damaged = bytearray(data)
    kind = rng.integers(6)
    at = int(rng.integers(max(1, len(damaged))))
    length = int(min(2 ** rng.uniform(0, 12), len(damaged) - at))
    if kind == 0:
        for place in rng.integers(0, len(damaged), rng.integers(1, 9)):
            damaged[place] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        for place in rng.integers(0, len(damaged), rng.integers(1, 9)):
            damaged[place] = int(rng.integers(256))
    elif kind == 2:
        del damaged[at:]
    elif kind == 3:
        damaged[at:at] = bytes(rng.choice([0, 0x20, 0x5B, 0x22, 0xFF], 1).astype(np.uint8)) * max(1, length)
    elif kind == 4:
        del damaged[at : at + length]
    else:
        damaged[at:at] = damaged[at : at + length]
    return bytes(damaged)


class _Text:
    """A JSON text in place of a value; written out as it is."""

    def __init__(self, text: str):
        self.text = text


def json_mutated(data: Any, rng: np.random.Generator) -> str:
    """A JSON text in which one to four values or keys are replaced, taken out, doubled or exchanged."""
    data = copy.deepcopy(data)
    for _ in range(rng.integers(1, 5)):
        parent, key = _place(data, rng)
        if parent is None:
            break
        kind = rng.integers(5)
        if kind <= 1:
            parent[key] = _Text(str(rng.choice(ODD_VALUES)))
        elif kind == 2:
            del parent[key]
        elif kind == 3 and isinstance(parent, list):
            parent.insert(key, copy.deepcopy(parent[key]))
        elif kind == 3:
            parent[f"{key}_"] = parent.pop(key)
        else:
            other, there = _place(data, rng)
            parent[key] = copy.deepcopy(other[there]) if other is not None else None
    return _written(data)


def _place(data: Any, rng: np.random.Generator) -> tuple[Any, Any]:
    """A container somewhere in the data, shallow ones as often as deep ones, and a key of it."""
    here, found = data, (None, None)
    for _ in range(rng.integers(1, 8)):
        if not isinstance(here, dict | list) or not here:
            break
        keys = list(here) if isinstance(here, dict) else range(len(here))
        key = keys[int(rng.integers(len(keys)))]
        found, here = (here, key), here[key]
    return found


def _written(data: Any) -> str:
    texts: list[str] = []

    def mark(value: Any) -> Any:
        texts.append(value.text)
        return f"@@{len(texts) - 1}@@"

    text = json.dumps(data, default=mark)
    for number, own in enumerate(texts):
        text = text.replace(f'"@@{number}@@"', own)
    return text


def mutants(data: Any, count: int, seed: int = 0, structural: float = 0.7) -> list[Callable[[], bytes]]:
    """Makers of `count` mutants of JSON data, each from its own seed; `structural` of them are JSON still."""
    whole = json.dumps(data).encode()

    def maker(number: int) -> Callable[[], bytes]:
        def make() -> bytes:
            rng = np.random.default_rng([seed, number])
            if rng.random() < structural:
                return json_mutated(data, rng).encode("utf-8", "surrogatepass")
            return bytes_mutated(whole, rng)

        return make

    return [maker(number) for number in range(count)]
