"""Runs a reader over damaged files in a child process: what it does to them must be a value or an error of ours."""

from __future__ import annotations

import multiprocessing
import runpy
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from zoopose.errors import ZooposeError

bytes_mutated = runpy.run_path(str(Path(__file__).with_name("mutate.py")))["bytes_mutated"]


@pytest.fixture(scope="session")
def mutate() -> SimpleNamespace:
    """`damaged_bytes` and `damaged_data`, (value, generator) -> a damaged copy, of the modules of this folder."""
    data = runpy.run_path(str(Path(__file__).with_name("mutate_data.py")))
    return SimpleNamespace(damaged_bytes=bytes_mutated, damaged_data=data["damaged_data"])


@pytest.fixture(scope="session")
def mutations() -> Callable[..., Iterator[bytes]]:
    """(data, count, seed) -> damaged copies, each of one to three faults."""

    def make(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
        for number in range(count):
            rng, damaged = np.random.default_rng([seed, number]), data
            for _ in range(rng.integers(1, 4)):
                damaged = bytes_mutated(damaged, rng) if damaged else damaged
            yield damaged

    return make


def _serve(function: Callable[[Path], object], paths: list[Path], answers) -> None:
    for path in paths:
        try:
            function(path)
            answers.send("value")
        except ZooposeError:
            answers.send("refused")
        except BaseException:
            answers.send(traceback.format_exc())


@pytest.fixture(scope="session")
def outcomes() -> Callable[..., Counter]:
    """(function, paths, limit_s) -> how often it gave a value and was refused; fails on any other end, naming the file.

    The function runs in a forked child, since a decoder may crash or hang; the child goes on where the last one died.
    """

    def run(function: Callable[[Path], object], paths: list[Path], limit_s: float = 60.0) -> Counter:
        context, counts, faults, at = multiprocessing.get_context("fork"), Counter(), [], 0
        while at < len(paths):
            mine, theirs = context.Pipe(duplex=False)
            child = context.Process(target=_serve, args=(function, paths[at:], theirs), daemon=True)
            child.start()
            theirs.close()
            while at < len(paths):
                answer = _next(mine, limit_s)
                counts[answer if answer in ("value", "refused") else "fault"] += 1
                if answer not in ("value", "refused"):
                    faults.append(f"{paths[at]}: {answer}")
                at += 1
                if answer in ("hangs", "dies"):
                    break
            child.kill()
            child.join()
        assert not faults, f"{len(faults)} of {len(paths)}\n" + "\n".join(faults[:5])
        return counts

    return run


def _next(answers, limit_s: float) -> str:
    if not answers.poll(limit_s):
        return "hangs"
    try:
        return answers.recv()
    except EOFError:
        return "dies"
