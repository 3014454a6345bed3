"""Files that are either whole or not there: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import StorageError
from ..faults import storage_fault

_TEMPORARY = re.compile(r"\..+\.(\d+)-[0-9a-f]{8}(?:\.[^.]+)?")


@contextmanager
def atomic_path(path: str | os.PathLike, size: int = 0) -> Iterator[Path]:
    """Gives a temporary path beside `path`; what was written there takes `path`'s place when the block ends well.

    The folder is created. When the block raises, or is interrupted, the temporary file goes and `path` stays as it was.
    The temporary name keeps the suffix, since writers such as `np.save` choose by it.

    Args:
        size: bytes that will be written, where they are known: an error names them.

    Raises:
        StorageError: the disk is full or gone, a limit is reached, or writing is not permitted.
        FileNotFoundError: when the block has written nothing.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    except BaseException as error:
        fault = storage_fault(error, path, size, _size_of(temporary)) if isinstance(error, Exception) else None
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        if fault is not None:
            raise fault from error
        raise
    with suppress(OSError):  # not every file system lets a folder be flushed
        _flush(path.parent)


def sweep(folder: str | os.PathLike) -> list[Path]:
    """Removes the temporary files that killed processes of this machine left in a folder; those of living ones stay.

    Returns:
        What was removed.
    """
    swept = []
    for path in Path(folder).glob(".*"):
        found = _TEMPORARY.fullmatch(path.name)
        if found and path.is_file() and not Path(f"/proc/{found.group(1)}").exists():
            path.unlink(missing_ok=True)
            swept.append(path)
    return swept


def atomic_write_bytes(path: str | os.PathLike, data: bytes) -> None:
    """Writes `data` to `path` at once or not at all; see `atomic_path`."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def atomic_picture(path: str | os.PathLike, picture: np.ndarray, parameters: Sequence[int] = ()) -> None:
    """Writes a picture to `path` at once or not at all; the file's suffix says how it is encoded.

    `cv2.imwrite` says nothing of a full disk, so the picture is encoded in memory and its bytes are written here.

    Args:
        picture: (H, W, 3) uint8 BGR, or (H, W) uint8 grey.
        parameters: as of `cv2.imwrite`.

    Raises:
        StorageError: see `atomic_path`.
    """
    import cv2

    done, data = cv2.imencode(Path(path).suffix, np.ascontiguousarray(picture), list(parameters))
    if not done:
        raise StorageError("a picture that can be encoded", f"OpenCV cannot make {path} of {picture.shape}")
    with atomic_path(path, data.nbytes) as temporary:
        temporary.write_bytes(data.tobytes())


def atomic_json(path: str | os.PathLike, data: Any, indent: int | None = None) -> None:
    """Writes plain data as JSON to `path` at once or not at all; see `json_text`."""
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(data, indent) + "\n", encoding="utf-8")


def json_text(data: Any, indent: int | None = None) -> str:
    """Plain data as JSON: numbers that are NaN or infinite, which JSON has not, become null.

    NumPy's numbers and arrays become numbers and lists, other objects (paths, say) their text.
    """
    return json.dumps(_finite(data), indent=indent, allow_nan=False, default=str)


def _finite(data: Any) -> Any:
    if isinstance(data, np.ndarray | np.generic):
        data = data.tolist()
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    return data


def _size_of(path: Path) -> int:
    with suppress(OSError):
        return path.stat().st_size
    return 0


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
