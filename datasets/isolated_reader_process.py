"""The process that opens files of other programs; `isolated_reader` starts it. It imports nothing of zoopose.

SciPy and HDF5 are compiled code that trusts the file: a damaged one can end the process, or make it hang. In this process that
does no harm. Requests are lines of JSON on standard input: [kind, path]. The answer on standard output begins with "loaded" and
two line ends when the library is imported; from then on the time limit runs. Then come the length of a pickle in 8 bytes, and the
pickle: (True, contents) or (False, text of the error).
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import sys
from importlib import import_module
from typing import Any

LIBRARIES = {"mat": "scipy.io", "hdf5": "h5py"}
MEMORY = 8 << 30  # bytes; limit of this process, since a damaged header can ask for any number. Chosen


def contents(kind: str, path: str) -> dict[str, Any]:
    """Contents of a file as plain data and arrays: {name: array} of a MATLAB file; of HDF5 see `hdf5_contents`."""
    if kind == "mat":
        from scipy.io import loadmat

        return {name: value for name, value in loadmat(path, appendmat=False).items() if not name.startswith("__")}
    return hdf5_contents(path)


def hdf5_contents(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Attributes of the file, and its data sets by their path: {"attrs": {name: value}, "data": {"group/name": array}}."""
    import h5py

    with h5py.File(path, "r") as file:
        data: dict[str, Any] = {}

        def add(name: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset):
                data[name] = item[()]

        file.visititems(add)
        return {"attrs": dict(file.attrs.items()), "data": data}


def main() -> None:
    """Answers requests until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints goes to standard error, not into an answer
    for line in sys.stdin:
        kind, path = json.loads(line)
        import_module(LIBRARIES[kind])
        answers.write(b"loaded\n\n")
        answers.flush()
        try:
            answer = pickle.dumps((True, contents(kind, path)), protocol=5)
        except Exception as error:  # zlib, NumPy, SciPy and HDF5 raise errors of many types on a damaged file
            answer = pickle.dumps((False, f"{type(error).__name__} {error}".strip()))
        answers.write(len(answer).to_bytes(8, "little") + answer)
        answers.flush()


if __name__ == "__main__":
    main()
