"""The process in which files of other programs are opened; `isolated_reader` starts it. It imports nothing of zoopose.

SciPy and HDF5 are compiled code that trusts what a file says: a damaged one can end the process, or never return. Here that harms
nothing. One request a line on standard input, as JSON: [kind, path]. On standard output first "loaded" and two line ends, when the
library is there, from when on the time counts; then the answer: its length in 8 bytes, and a pickle of (True, contents) or (False,
text of the error).
"""

import json
import os
import pickle
import resource
import sys
from importlib import import_module

LIBRARIES = {"mat": "scipy.io", "hdf5": "h5py"}
MEMORY = 8 << 30  # bytes that this process may have: a damaged header can ask for any number


def contents(kind, path):
    """What a file holds, as plain data and arrays: {name: array} of a MATLAB file; see `hdf5_contents`."""
    if kind == "mat":
        from scipy.io import loadmat

        return {name: value for name, value in loadmat(path, appendmat=False).items() if not name.startswith("__")}
    return hdf5_contents(path)


def hdf5_contents(path):
    """Attributes of the file, and its data sets by their path: {"attrs": {name: value}, "data": {"group/name": array}}."""
    import h5py

    with h5py.File(path, "r") as file:
        data = {}
        file.visititems(lambda name, item: data.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        return {"attrs": dict(file.attrs.items()), "data": data}


def main():
    """Answer until the input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    for line in sys.stdin:
        kind, path = json.loads(line)
        import_module(LIBRARIES[kind])
        answers.write(b"loaded\n\n")
        answers.flush()
        try:
            answer = pickle.dumps((True, contents(kind, path)), protocol=5)
        except Exception as error:  # a damaged file fails in zlib, NumPy, SciPy or HDF5, each with errors of its own
            answer = pickle.dumps((False, f"{type(error).__name__} {error}".strip()))
        answers.write(len(answer).to_bytes(8, "little") + answer)
        answers.flush()


if __name__ == "__main__":
    main()
