"""Reads files of other programs in a separate process with a time limit: a damaged file cannot hang or end this process."""

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
from typing import IO, Any, Literal

import numpy as np

# limits of time; chosen for a slow disk and a busy machine, not measured
SECONDS = 60.0  # s to read a file, plus its size / BYTES_A_SECOND
START_SECONDS = 600.0  # s for the process to start and to import the library
BYTES_A_SECOND = 2 << 20
LOADED = b"loaded\n\n"  # sent by the process when it has imported the library
_CHILD = Path(__file__).with_name("isolated_reader_process.py")
# a process that waits for the next reader: id of its parent, its program, the process
_idle: list[tuple[int, Path, subprocess.Popen[bytes]]] = []


class UnreadableFileError(Exception):
    """A file cannot be read. The message says how it failed; the caller adds the file and what was expected."""


class IsolatedReader:
    """Reads any number of files in one separate process, which starts with the first file.

    After the `with` block the process waits for the next reader: its start takes as long as reading a hundred small files. It ends
    when this process ends.

    Example:
        with IsolatedReader() as reader:
            landmarks = [reader.read("mat", path)["landmarks"] for path in paths]
    """

    def __init__(self, seconds: float = SECONDS):
        self.seconds = seconds
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> IsolatedReader:
        return self

    def __exit__(self, *_: object) -> None:
        if self._child is not None and not _idle:
            _idle.append((os.getpid(), _CHILD, self._child))
            self._child = None
        self._end()

    def read(self, kind: Literal["mat", "hdf5"], path: str | os.PathLike[str]) -> dict[str, Any]:
        """Contents of a file.

        Args:
            kind: `mat`: a MATLAB file up to version 7, {name: array}. `hdf5`: {"attrs": {name: value}, "data": {path: array}}.

        Raises:
            UnreadableFileError: the file cannot be read, or reading takes longer than the limit.
        """
        path = Path(path).absolute()
        if self._child is None:
            self._child = self._start()
        requests, answers = _pipes(self._child)
        limit = self.seconds
        with suppress(OSError):
            limit += path.stat().st_size / BYTES_A_SECOND
        try:
            requests.write(f"{json.dumps([kind, str(path)])}\n".encode())
            requests.flush()
            _read_bytes(answers, len(LOADED), time.monotonic() + START_SECONDS)
            deadline = time.monotonic() + limit
            length = int.from_bytes(_read_bytes(answers, 8, deadline), "little")
            readable, value = pickle.loads(_read_bytes(answers, length, deadline))
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
        if not readable:
            raise UnreadableFileError(value)
        contents: dict[str, Any] = value
        return contents

    def _start(self) -> subprocess.Popen[bytes]:
        while _idle:
            owner, program, child = _idle.pop()
            # a forked process leaves its parent's alone
            if owner == os.getpid() and program == _CHILD and child.poll() is None:
                return child
        one = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
        # -P: do not import from the folder of the script, whose modules have the names of others
        command = [sys.executable, "-P", str(_CHILD)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, bufsize=0, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, env={**os.environ, **one}
        )

    def _end(self) -> str:
        """Ends the process, if there is one; returns in words how it ended before that."""
        child, self._child = self._child, None
        if child is None:
            return ""
        requests, answers = _pipes(child)
        requests.close()
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.2)
        ended = child.poll()
        child.kill()
        child.wait()
        answers.close()
        if ended is not None and ended < 0:
            return f"it is ended by {signal.Signals(-ended).name}"
        return f"it ends with code {ended}" if ended is not None else "it says nothing"


def _pipes(child: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Standard input and standard output of the process."""
    assert child.stdin is not None and child.stdout is not None  # both are pipes
    return child.stdin, child.stdout


def _read_bytes(pipe: IO[bytes], count: int, deadline: float) -> bytes:
    """The next bytes of an answer.

    Raises:
        TimeoutError: they do not come before the deadline. EOFError: the process has ended.
    """
    parts, stream = [], pipe.fileno()
    while count:
        if not select.select([stream], [], [], max(deadline - time.monotonic(), 0))[0]:
            raise TimeoutError
        part = os.read(stream, min(count, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def read_isolated(kind: Literal["mat", "hdf5"], path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads one file in a separate process; see `IsolatedReader.read`."""
    with IsolatedReader() as reader:
        return reader.read(kind, path)


def real_numbers(variables: dict[str, Any], name: str) -> np.ndarray:
    """A variable of a MATLAB file as float64, of any shape.

    Raises:
        UnreadableFileError: the file has no such variable, or it holds no real numbers.
    """
    if name not in variables:
        raise UnreadableFileError(f"a file with {', '.join(variables) or 'nothing'}, without {name}")
    array = variables[name]
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufb":
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise UnreadableFileError(f"its {name} holds no real numbers but {found}")
    return array.astype(np.float64)
