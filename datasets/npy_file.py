"""Arrays of other programs in .npy files: a damaged head is an error, whatever it makes NumPy do."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def map_npy(path: str | Path) -> np.ndarray:
    """The array of a .npy file, mapped, not read: its head cannot ask for more memory than the file is long.

    Raises:
        ValueError: it is no file of real numbers. OSError: no such file, or not to be read.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # what a damaged head says is parsed as Python: it fails in many ways
        raise ValueError(f"no array of NumPy ({next(iter(str(error).splitlines()), type(error).__name__)})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufb":
        raise ValueError(f"no array of real numbers but of {getattr(array, 'dtype', type(array).__name__)}")
    return array
