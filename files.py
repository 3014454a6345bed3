"""Files: written whole or not at all, JSON read with one clear error, and names as printable text.

A file is written under a temporary name in the same folder, flushed to disk, and renamed.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from .errors import DataError, StorageError, storage_fault

_LISTED = 8  # entries of a folder that an error names
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


MAX_BYTES = 4 << 30  # COCO's largest file, instances_train2017.json, has 0.45 GB


class _Twice(Exception):
    """A key that an object of the file has twice."""


def read_json(path: Path, expected: str, remedy: str, drop: Collection[str] = ()) -> Any:
    """The plain data of a JSON file, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Args:
        expected: what the file should be, for the errors.
        remedy: what to type where there is no such file.
        drop: keys to leave out of every object while reading; outlines take most of the room in COCO's files.

    Raises:
        DataError: file missing, no ordinary file, larger than MAX_BYTES, no text, cut short, not JSON, nested too deeply,
            a number of thousands of digits, or an object with a key twice (the last would silently win).
    """

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            seen: set[str] = set()
            for key, _ in pairs:
                if key in seen:
                    raise _Twice(key)
                seen.add(key)
        for key in drop:
            found.pop(key, None)
        return found

    text = _text(path, expected, remedy)
    again = "fetch or export the file again"
    try:
        return json.loads(text, object_pairs_hook=keep)
    except _Twice as error:
        raise DataError("keys that are all different", f"{path}: {plain(str(error))} twice in one object") from None
    except RecursionError:
        raise DataError(expected, f"{path}: lists or objects nested too deeply to be read", again) from None
    except json.JSONDecodeError as error:
        size = path.stat().st_size
        # a fault at the very end is what a broken download looks like
        text = error.doc.rstrip()
        cut = error.pos >= len(text) - 1 or error.msg.startswith("Unterminated") or not text.endswith(("}", "]"))
        found = "ends in the middle, as after a broken download" if cut else "is not valid JSON"
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise DataError(expected, f"{path} ({size} bytes) {found}: {where}", again) from None
    except ValueError as error:  # Python refuses whole numbers of more than 4,300 digits
        raise DataError(expected, f"{path}: {error}", again) from None


def _text(path: Path, expected: str, remedy: str) -> str:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise DataError(expected, f"{path} is no ordinary file", remedy)
        if status.st_size > MAX_BYTES:
            found = f"{path}: {status.st_size / 2**30:.1f} GiB, above the limit of {MAX_BYTES >> 30} GiB"
            raise DataError(expected, found, "divide the file into several")
        data = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(expected, what_is_at(path), remedy) from None
    except OSError as error:
        raise DataError(expected, f"{path}: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise DataError(expected, f"{plain(str(path), 4096)}: {error}", remedy) from None
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        found = f"{path} is no text (byte {error.start} is not {encoding.upper().replace('-SIG', '')})"
        raise DataError(expected, found) from None


def refuse_any(expected: str, offenders: Collection, what: str, path: Path, detail: str = "") -> None:
    """Raises DataError where there are offenders: how many, and the first."""
    if offenders:
        count = f"{len(offenders)} {what}{'s' if len(offenders) > 1 else ''}"
        found = f"{path}: not so for {count}, the first: {what} {plain(str(next(iter(offenders))))}{detail}"
        raise DataError(expected, found, "mend or export the file again")


def plain(text: str, longest: int = 80) -> str:
    """A text from a file for a message: on one line, printable in any terminal, and not endless."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return shown if len(shown) <= longest else f"{shown[:longest]}... ({len(text)} characters)"


_LONE = re.compile("[\ud800-\udfff]")


def shown_name(path: str | os.PathLike) -> str:
    """A path as readable text: bytes that are no UTF-8 (old archives, old Windows shares) appear as `\\xe4`.

    Python holds such bytes as lone surrogates, which neither a file nor a terminal takes.
    """

    def escaped(match: re.Match) -> str:
        code = ord(match[0])
        return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"

    return _LONE.sub(escaped, str(path))


def what_is_at(path: Path) -> str:
    """One line on what a path holds now: its first entries, or how far the path exists."""
    path = Path(path)
    try:
        if path.is_dir():
            return f"{path} holds {_listing(path)}"
        if path.exists():
            return f"{path} is a file of {path.stat().st_size} bytes"
        if path.is_symlink():
            return f"{path} is a link to {path.readlink()}, which does not exist"
        parent = next((p for p in path.absolute().parents if p.is_dir()), None)
        if parent is None:
            return f"{path} does not exist"
        return f"{path} does not exist; the nearest folder that does, {parent}, holds {_listing(parent)}"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"


def _listing(folder: Path) -> str:
    # folders of data sets hold tens of thousands of files: names are sorted, pictures are not opened
    names = sorted(entry.name + ("/" if entry.is_dir() else "") for entry in folder.iterdir())
    if not names:
        return "nothing"
    rest = len(names) - _LISTED
    return ", ".join(names[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
