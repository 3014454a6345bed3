"""Reads .npy files of other programs: a damaged header is one kind of error, however NumPy fails."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def map_npy(path: str | Path) -> np.ndarray:
    """The array of a .npy file, mapped, not read: its header cannot ask for more memory than the file is long.

    Raises:
        ValueError: the file holds no real numbers. OSError: there is no such file, or it cannot be read.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except OSError:
        raise
    except Exception as error:  # a damaged header is parsed as Python, which fails in many ways
        raise ValueError(f"no array of NumPy ({next(iter(str(error).splitlines()), type(error).__name__)})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "iufb":
        raise ValueError(f"no array of real numbers but of {getattr(array, 'dtype', type(array).__name__)}")
    return array
