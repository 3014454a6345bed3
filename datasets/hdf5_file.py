"""HDF5 files that zoopose writes. They end with a seal; a file whose seal is missing is read in a separate process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from ..files import atomic_path
from ..pose.schema import Mismatch
from ..pose.seal import USER_BLOCK, is_whole, seal_hdf5
from .isolated_reader import UnreadableFileError, read_isolated
from .isolated_reader_process import hdf5_contents


@contextmanager
def sealed_hdf5(path: str | Path) -> Iterator[h5py.File]:
    """An open file to write to. When the block ends without an error, the file is sealed and renamed to `path`."""
    with atomic_path(path) as temporary:
        with h5py.File(temporary, "w", userblock_size=USER_BLOCK) as file:
            yield file
        seal_hdf5(temporary)


def read_hdf5(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Attributes of an existing file, and its data sets by their path ("group/name").

    Raises:
        UnreadableFileError: the file is damaged, or no HDF5 file.
    """
    try:
        whole = is_whole(path)
    except OSError as error:
        raise UnreadableFileError(str(error)) from error
    if whole is False:
        raise UnreadableFileError("it is damaged: some of its bytes have changed since it was written")
    found = hdf5_contents(path) if whole else read_isolated("hdf5", path)
    return found["attrs"], found["data"]


def array_of(data: dict[str, Any], name: str, shape: tuple[int, ...], kind: type[np.generic]) -> np.ndarray:
    """A data set of a given shape and kind of numbers.

    Raises:
        KeyError: there is no such data set. Mismatch: it has another shape or kind.
    """
    array = data[name]
    if not isinstance(array, np.ndarray) or array.shape != shape or not np.issubdtype(array.dtype, kind):
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise Mismatch(name, f"{kind.__name__} {shape}", found)
    return array


def encode_text(text: str) -> bytes:
    """A text as bytes for HDF5; those of file names that are no UTF-8 stay as they are."""
    return text.encode("utf-8", "surrogateescape")


def decode_texts(array: Any) -> list[str]:
    """Texts of a data set of bytes: the inverse of `encode_text`.

    Raises:
        Mismatch: the data set is no list of texts.
    """
    if not isinstance(array, np.ndarray) or array.ndim != 1 or not all(isinstance(i, bytes) for i in array):
        raise Mismatch("ids", "a list of texts", type(array).__name__)
    return [bytes(i).decode("utf-8", "surrogateescape") for i in array]
