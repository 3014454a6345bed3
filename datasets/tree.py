"""The error for missing data: the expected tree entry by entry, what is there instead, and what to type."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import DataError
from ..files import what_is_at

_MARKS = {True: "✓", False: "✗", None: "·"}


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
