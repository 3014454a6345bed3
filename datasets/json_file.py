"""Annotation files in JSON: read whole, or one clear error."""

from __future__ import annotations

import json
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..errors import DataError
from .tree import what_is_at

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
            raise _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))
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


def none_of(expected: str, offenders: Collection, what: str, path: Path, detail: str = "") -> None:
    """Raises DataError where there are offenders: how many, and the first."""
    if offenders:
        count = f"{len(offenders)} {what}{'s' if len(offenders) > 1 else ''}"
        found = f"{path}: not so for {count}, the first: {what} {plain(str(next(iter(offenders))))}{detail}"
        raise DataError(expected, found, "mend or export the file again")


def plain(text: str, longest: int = 80) -> str:
    """A text from a file for a message: on one line, printable in any terminal, and not endless."""
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return shown if len(shown) <= longest else f"{shown[:longest]}... ({len(text)} characters)"
