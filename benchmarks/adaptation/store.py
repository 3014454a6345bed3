"""Scores of finished cells as small JSON files, which are committed: `cells/CONFIG/CELL.json` beside this program.

The tables are made from these files alone. A cell whose file is there, of the same recipe and the same data, is not run again, also
on a machine that has no run folder. `Store.write` says what a file holds.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from zoopose.errors import DataError
from zoopose.files import atomic_path

from .machine import code_version
from .plan import Cell
from .recipes import Recipe, difference

CELLS = Path(__file__).with_name("cells")
KINDS = ("box", "crop")
COPIED = ("rounds", "log", "domains", "verdict")  # of what was measured, as it is


class Store:
    """The files of one configuration.

    Args:
        folder: `cells/CONFIG`.
        machine: what computes, for the files that are written.
    """

    def __init__(self, folder: Path, machine: str = ""):
        self.folder, self.machine = folder, machine

    def path(self, name: str) -> Path:
        """The file of a cell."""
        return self.folder / f"{name}.json"

    def read(self, name: str) -> dict[str, Any]:
        """The file of a cell; empty where there is none.

        Raises:
            DataError: a damaged file.
        """
        try:
            found = json.loads(self.path(name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise DataError(
                "the scores of a cell as JSON", f"{self.path(name)}: {error}", "delete it, or restore it"
            ) from error
        return found

    def matching(self, recipe: Recipe) -> dict[str, Any]:
        """The file of a cell, with its counts as `measure` gives them; empty where there is none of this recipe."""
        found = self.read(recipe.name)
        return expanded(found) if found.get("key") == recipe.key else {}

    def done(self, cell: Cell, run: Path) -> bool:
        """Whether the score of a cell is there, of its recipe and its data."""
        return cell.recipe is not None and bool(self.read(cell.name)) and not self.other(cell, run)

    def other(self, cell: Cell, run: Path) -> str:
        """What differs in the file of a cell from what is asked for, for a message; empty where nothing does, or no file is."""
        found = self.read(cell.name)
        if not found or cell.recipe is None:
            return ""
        if found.get("key") != cell.recipe.key:
            return difference(found.get("recipe", {}), cell.recipe.numbers) or "another recipe"
        now = digests(run, cell.data)
        changed = [name for name in now if found.get("data", {}).get(name) != now[name]]
        return f"other data in {changed[0]}" if changed else ""

    def write(self, cell: Cell, run: Path, measured: Mapping[str, Any], seconds: Mapping[str, float]) -> None:
        """Writes the file of a cell.

        `key`, `recipe`: the numbers that shape the result; `data`: file -> digest; `command`; `folds`; `start`: whether the first
        checkpoint is the network that the run started from; `joints`; `n`: part -> visible joints of each kind; `checkpoints`:
        `name`, `epoch`, `right`: part -> box and crop -> right joints of each kind within 0.05, `facing`: part -> [frames that face
        the right way, frames]; `rounds`, `log`, `domains`, `verdict`: see `measure`; `seconds`; `code`, `machine`, `finished`.

        Args:
            measured: what `measure` found.
            seconds: of training and measuring.
        """
        assert cell.recipe is not None
        record = {
            "cell": cell.name,
            "key": cell.recipe.key,
            "recipe": cell.recipe.numbers,
            "data": digests(run, cell.data),
            "command": " ".join(["zoopose", *cell.command]) if cell.command else "",
            "folds": cell.folds,
            "start": "start" in measured["measure"],
            **compact(measured),
            **{name: measured[name] for name in COPIED if name in measured},
            "seconds": dict(seconds),
            "code": code_version(),
            "machine": self.machine,
            "finished": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime()),
        }
        with atomic_path(self.path(cell.name)) as temporary:
            temporary.write_text(text_of(record), encoding="utf-8")


def compact(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Joints and checkpoints of what `measure` found, each count once; see `Store.write`."""
    points = measured["checkpoints"]
    parts = points[0]["parts"]
    checkpoints = []
    for number, point in enumerate(points):
        started = number == 0 and "start" in measured["measure"]
        found = {
            "name": "start" if started else Path(point["path"]).name,
            "epoch": point["epoch"],
            "right": {part: {kind: counts[kind]["right"] for kind in KINDS} for part, counts in point["parts"].items()},
        }
        if all("facing" in counts for counts in point["parts"].values()):
            found["facing"] = {
                part: [counts["facing"]["right"][0], counts["facing"]["n"][0]]
                for part, counts in point["parts"].items()
            }
        checkpoints.append(found)
    n = {part: counts[KINDS[0]]["n"] for part, counts in parts.items()}
    return {"joints": measured.get("joints", []), "n": n, "checkpoints": checkpoints}


def expanded(record: Mapping[str, Any]) -> dict[str, Any]:
    """A file's content with the counts of every checkpoint as `measure` gives them."""
    points = []
    for point in record["checkpoints"]:
        parts: dict[str, dict[str, Any]] = {}
        for part, kinds in point["right"].items():
            parts[part] = {kind: {"right": right, "n": record["n"][part]} for kind, right in kinds.items()}
            if "facing" in point:
                right, n = point["facing"][part]
                parts[part]["facing"] = {"right": [right], "n": [n]}
        points.append({"path": point["name"], "epoch": point["epoch"], "parts": parts})
    return {"rounds": [], "log": {}, **record, "checkpoints": points}


def digests(run: Path, files: Sequence[str]) -> dict[str, str]:
    """File -> 12 hexadecimal digits of its content, of those that are there."""
    paths = {name: run / name for name in files}
    return {name: _digest(path, path.stat().st_mtime_ns) for name, path in paths.items() if path.is_file()}


@cache
def _digest(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def text_of(record: Mapping[str, Any]) -> str:
    """JSON with one line for each entry, and for each element of a list of objects: changes of single cells can be read."""
    lines = []
    for name, value in record.items():
        if isinstance(value, list) and value and isinstance(value[0], Mapping):
            items = ",\n  ".join(json.dumps(plain(item)) for item in value)
            lines.append(f"{json.dumps(name)}: [\n  {items}\n ]")
        else:
            lines.append(f"{json.dumps(name)}: {json.dumps(plain(value))}")
    return "{\n " + ",\n ".join(lines) + "\n}\n"


def plain(value: Any) -> Any:
    """Plain data for JSON; None for what there is no number for; six digits of a share."""
    if isinstance(value, Mapping):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return round(float(value), 6) if np.isfinite(value) else None
    return value
