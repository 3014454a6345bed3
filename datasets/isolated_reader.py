"""Files of other programs, read in a process of their own with a time limit: no damage in them can hang or end this one."""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np

SECONDS = 60.0  # for a file of any size
START_SECONDS = 600.0  # for the process to start and to load the library, on the busiest machine
BYTES_A_SECOND = 2 << 20  # what the slowest disk gives on top of that
LOADED = b"loaded\n\n"  # what the process says when it has loaded the library and opens the file
_CHILD = Path(__file__).with_name("isolated_reader_process.py")
# a process that waits for the next reader, with the id of the process that started it and its program
_idle: list[tuple[int, Path, subprocess.Popen]] = []


class UnreadableFileError(Exception):
    """A file that cannot be read; the message says how it failed, and the caller names the file and what was expected."""


class IsolatedReader:
    """Reads any number of files in one process of its own, which starts with the first.

    After the `with` block it waits for the next reader of this process: to start takes as long as to read a hundred small files. It
    ends with this process, whose end closes its input.

    Example:
        with IsolatedReader() as reader:
            landmarks = [reader.read("mat", path)["landmarks"] for path in paths]
    """

    def __init__(self, seconds: float = SECONDS):
        self.seconds, self._child = seconds, None

    def __enter__(self) -> IsolatedReader:
        return self

    def __exit__(self, *_) -> None:
        if self._child is not None and not _idle:
            _idle.append((os.getpid(), _CHILD, self._child))
            self._child = None
        self._end()

    def read(self, kind: Literal["mat", "hdf5"], path: str | os.PathLike) -> dict[str, Any]:
        """What a file holds.

        Args:
            kind: `mat`: a MATLAB file up to version 7, {name: array}. `hdf5`: {"attrs": {name: value}, "data": {path: array}}.

        Raises:
            UnreadableFileError: it cannot be read, or takes longer than the limit.
        """
        path = Path(path).absolute()
        if self._child is None:
            self._child = self._start()
        limit = self.seconds
        with suppress(OSError):
            limit += path.stat().st_size / BYTES_A_SECOND
        try:
            self._child.stdin.write(f"{json.dumps([kind, str(path)])}\n".encode())
            self._child.stdin.flush()
            self._take(len(LOADED), time.monotonic() + START_SECONDS)
            deadline = time.monotonic() + limit
            length = int.from_bytes(self._take(8, deadline), "little")
            fine, value = pickle.loads(self._take(length, deadline))
        except (BrokenPipeError, EOFError):
            raise UnreadableFileError(f"the library that reads it fails ({self._end()})") from None
        except TimeoutError:
            self._end()
            raise UnreadableFileError(
                f"the library that reads it does not come to an end in {self.seconds:g} s"
            ) from None
        except BaseException:
            self._end()
            raise
        if not fine:
            raise UnreadableFileError(value)
        return value

    def _take(self, count: int, deadline: float) -> bytes:
        """The next bytes of an answer."""
        parts, stream = [], self._child.stdout.fileno()
        while count:
            if not select.select([stream], [], [], max(deadline - time.monotonic(), 0))[0]:
                raise TimeoutError
            part = os.read(stream, min(count, 1 << 20))
            if not part:
                raise EOFError
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _start(self) -> subprocess.Popen:
        while _idle:
            owner, program, child = _idle.pop()
            # a forked process leaves its parent's alone
            if owner == os.getpid() and program == _CHILD and child.poll() is None:
                return child
        one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        # -P: the folder of the script, full of modules of ours, is no place to import from
        command = [sys.executable, "-P", str(_CHILD)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={**os.environ, **one}
        )

    def _end(self) -> str:
        """End the process, if there is one; returns how it ended by itself, in words."""
        child, self._child = self._child, None
        if child is None:
            return ""
        child.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
        ended = child.poll()
        child.kill()
        child.wait()
        child.stdout.close()
        if ended is not None and ended < 0:
            return f"it is ended by {signal.Signals(-ended).name}"
        return f"it ends with code {ended}" if ended is not None else "it says nothing"


def read_isolated(kind: Literal["mat", "hdf5"], path: str | os.PathLike) -> dict[str, Any]:
    """One file in a process of its own, see `IsolatedReader.read`."""
    with IsolatedReader() as reader:
        return reader.read(kind, path)


def real_numbers(variables: dict[str, Any], name: str) -> np.ndarray:
    """A variable of a MATLAB file as float64, of any shape.

    Raises:
        UnreadableFileError: there is none, or it holds no real numbers.
    """
    if name not in variables:
        raise UnreadableFileError(f"a file with {', '.join(variables) or 'nothing'}, without {name}")
    array = variables[name]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufb":
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise UnreadableFileError(f"its {name} holds no real numbers but {found}")
    return array.astype(np.float64)
