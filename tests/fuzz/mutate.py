"""Damaged copies of a file's bytes, the same for the same seed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def mutations(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Copies with bytes changed, taken out, put in, doubled or zeroed, one to four faults each; more of them near the beginning."""
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        copy = bytearray(data)
        for _ in range(int(rng.integers(1, 5))):
            _damage(copy, rng)
        yield bytes(copy)


def _damage(copy: bytearray, rng: np.random.Generator) -> None:
    size = max(len(copy), 1)
    at = int(size * rng.random() ** (3 if rng.random() < 0.5 else 1))
    run = int(rng.choice([1, 2, 4, 16, 64, 512, 4096]))
    kind = rng.integers(6)
    if kind == 0:
        for place in rng.integers(0, size, min(run, 16)):
            copy[place : place + 1] = bytes([int(rng.integers(256))])
    elif kind == 1:
        del copy[at : at + run]
    elif kind == 2:
        copy[at:at] = rng.integers(0, 256, run, dtype=np.uint8).tobytes()
    elif kind == 3:
        copy[at : at + run] = bytes([int(rng.choice([0x00, 0xFF, 0x7F, 0x80]))]) * len(copy[at : at + run])
    elif kind == 4:
        copy[at:at] = copy[at : at + run]
    else:
        del copy[at:]
