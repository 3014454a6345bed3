"""The error for missing data: the tree that was expected, entry by entry, what is there instead, and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError

_MARKS = {True: "✓", False: "✗", None: "·"}
_SHOWN = 8


def missing_tree(what: str, root: Path, entries: Sequence[tuple[str, bool | None]], remedy: str) -> DataError:
    """Error that shows the expected tree below `root`; the caller raises it.

    Args:
        what: the data set in words, such as "TigDog, horse".
        root: folder that should hold the tree.
        entries: (path below root, is it there), in the order to show; None for what was not checked.
        remedy: what to type to get the data, or what to change.
    """
    root = Path(root)
    lines = [f"{what} below {root}", *(f"{_MARKS[there]} {entry}" for entry, there in entries)]
    if any(there is None for _, there in entries):
        lines.append("(✓ there, ✗ missing, · not checked)")
    else:
        lines.append("(✓ there, ✗ missing)")
    return DataError("\n".join(lines), what_is_at(root), remedy)


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
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
