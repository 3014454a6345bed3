"""Annotation files in JSON: read whole, or one clear error."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ..errors import DataError
from .tree import what_is_at


class _Twice(Exception):
    """A key that an object of the file has twice."""


def read_json(path: Path, expected: str, remedy: str, drop: Collection[str] = ()) -> Any:
    """The plain data of a JSON file.

    Args:
        expected: what the file should be, for the errors.
        remedy: what to type where there is no such file.
        drop: keys to leave out of every object while reading; outlines take most of the room in COCO's files.

    Raises:
        DataError: file missing, no text, cut short, not JSON, or an object with a key twice (the last would silently win).
    """

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = {key: value for key, value in pairs if key not in drop}
        if len({key for key, _ in pairs}) != len(pairs):
            seen: set[str] = set()
            raise _Twice(next(key for key, _ in pairs if key in seen or seen.add(key)))
        return found

    try:
        return json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=keep)
    except (FileNotFoundError, IsADirectoryError):
        raise DataError(expected, what_is_at(path), remedy) from None
    except _Twice as error:
        raise DataError("keys that are all different", f"{path}: {error} twice in one object") from None
    except OSError as error:
        raise DataError(expected, f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(expected, f"{path} is no text (byte {error.start} is not UTF-8)") from None
    except json.JSONDecodeError as error:
        size = path.stat().st_size
        # a fault at the very end is what a broken download looks like
        text = error.doc.rstrip()
        cut = error.pos >= len(text) - 1 or error.msg.startswith("Unterminated") or not text.endswith(("}", "]"))
        found = "ends in the middle, as after a broken download" if cut else "is not valid JSON"
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise DataError(expected, f"{path} ({size} bytes) {found}: {where}", "fetch or export the file again") from None


def none_of(expected: str, offenders: Collection, what: str, path: Path, detail: str = "") -> None:
    """Raises DataError where there are offenders: how many, and the first."""
    if offenders:
        count = f"{len(offenders)} {what}{'s' if len(offenders) > 1 else ''}"
        found = f"{path}: not so for {count}, the first: {what} {next(iter(offenders))}{detail}"
        raise DataError(expected, found, "mend or export the file again")
