"""Files that are either whole or not there: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_TEMPORARY = re.compile(r"\..+\.(\d+)-[0-9a-f]{8}(?:\.[^.]+)?")


@contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Gives a temporary path beside `path`; what was written there takes `path`'s place when the block ends well.

    The folder is created. When the block raises, or is interrupted, the temporary file goes and `path` stays as it was.
    The temporary name keeps the suffix, since writers such as `cv2.imwrite` and `np.save` choose by it.

    Raises:
        FileNotFoundError: when the block has written nothing.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")
    try:
        yield temporary
        _flush(temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
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


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
