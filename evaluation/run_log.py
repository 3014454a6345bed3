"""The log of a run, one row an epoch: `log.csv` (everything), `log.txt` (the columns of the published one) and TensorBoard."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..files import atomic_path
from .run_folder import RunFolder

# heading in log.txt -> name of the value given to `RunLog.write`. A published heading is used for the published number only. The
# three others hold what is trained and validated with here: the published Train Loss, Val Loss and Train Acc average in another
# way, over other targets and joints (docs/protocols.md).
TEXT_COLUMNS: Mapping[str, str] = {
    "Epoch": "epoch",
    "LR": "lr",
    "Train Total Loss": "train/loss",
    "Val Last Stage Loss": "val/loss",
    "Train Labelled Acc": "train/acc",
    "Val Acc": "val/acc",
    "Val Auc": "val/auc",
    "Val Mean Error": "val/mean_error",
}


_REMEDY = "move the file away; a run that is resumed begins a new one"


class RunLog:
    """Writes a row an epoch, to all three places at once.

    Columns may appear at any epoch (a resumed run that logs more, a score taken every fifth epoch); the cells before
    are empty. The files are rewritten whole and atomically, so a killed run leaves a log that can be read.

    Args:
        folder: the run folder; made when missing.
        resume_epoch: the first epoch that will be written; earlier rows of the log there are kept, rows of this epoch
            and later ones are dropped, since the run does them again. None starts a new log.
        tensorboard: also write scalars to `folder/tensorboard`.
        text_columns: of log.txt, heading -> value name; an unknown value is written as nan.

    Raises:
        DataError: when resuming over a log that cannot be read.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        resume_epoch: int | None = None,
        tensorboard: bool = True,
        text_columns: Mapping[str, str] = TEXT_COLUMNS,
    ):
        self.folder, self.text_columns = RunFolder(folder), dict(text_columns)
        self.folder.path.mkdir(parents=True, exist_ok=True)
        self._columns, self._rows = ["epoch"], []
        if resume_epoch is not None and self.folder.log_csv.exists():
            self._columns, rows = _read_rows(self.folder.log_csv)
            self._rows = [row for row in rows if int(row["epoch"]) < resume_epoch]
        self._writer = None
        if tensorboard:
            # slow to import, and not needed by the commands that only read a log
            from torch.utils.tensorboard import SummaryWriter

            # the purge hides what an earlier run wrote for the epochs that now come again
            self._writer = SummaryWriter(str(self.folder.tensorboard), purge_step=resume_epoch or 0)

    def write(self, epoch: int, values: Mapping[str, Any]) -> None:
        """Add the row of an epoch; a second call for the same epoch adds to its row.

        Args:
            epoch: as the run counts them; the TensorBoard step.
            values: name -> number (anything `float` takes). Nested names use '/', as in 'train/loss'.
        """
        cells = {name: _cell(value) for name, value in values.items() if name != "epoch"}
        if not self._rows or int(self._rows[-1]["epoch"]) != epoch:
            self._rows.append({"epoch": str(int(epoch))})
        self._rows[-1].update(cells)
        self._columns += [name for name in cells if name not in self._columns]
        self._write_csv()
        self._write_text()
        if self._writer is not None:
            for name, cell in cells.items():
                self._writer.add_scalar(name, float(cell), epoch)
            self._writer.flush()

    def close(self) -> None:
        """Close TensorBoard's file. The two others are complete after every `write`."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def _write_csv(self) -> None:
        with atomic_path(self.folder.log_csv) as path, open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns, restval="", lineterminator="\n")
            writer.writeheader()
            writer.writerows(self._rows)

    def _write_text(self) -> None:
        lines = ["\t".join(self.text_columns)]
        for row in self._rows:
            numbers = [float(row.get(name) or math.nan) for name in self.text_columns.values()]
            lines.append("\t".join(f"{number:.6f}" for number in numbers))
        with atomic_path(self.folder.log_text) as path:
            Path(path).write_text("\n".join(lines) + "\n", encoding="utf-8")


def read_log(folder: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Columns of a run's log: name -> (rows,) float64, nan where a cell is empty; `epoch` is int64.

    Args:
        folder: the run folder, or the CSV file itself.

    Raises:
        DataError: when there is no log, or it cannot be read.
    """
    path = Path(folder)
    columns, rows = _read_rows(RunFolder(path).log_csv if path.is_dir() else path)
    found = {name: np.array([float(row[name] or math.nan) for row in rows]) for name in columns if name != "epoch"}
    return {"epoch": np.array([int(row["epoch"]) for row in rows], dtype=np.int64), **found}


def _read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Column names and rows of a log.csv, every cell checked to be a number or empty."""
    if not path.is_file():
        raise DataError(f"a run's log at {path}", "no such file", "give the run folder that training wrote")
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="")
            columns, rows = list(reader.fieldnames or ()), list(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"a table of numbers in {path}", str(error), _REMEDY) from error
    if "epoch" not in columns or len(set(columns)) != len(columns):
        found = f"the columns {', '.join(columns[:20]) or '(none)'}"
        raise DataError(f"a column 'epoch' in {path}, and every column once", found, _REMEDY)
    last = -1
    for line, row in enumerate(rows, 2):
        try:
            if None in row:
                raise ValueError(f"{len(row[None])} cells more than columns")
            epoch = int(row["epoch"])
            if not last < epoch < 2**31:
                raise ValueError(f"epoch {epoch} after epoch {last}")
            last = epoch
            [float(row[name] or "nan") for name in columns]
        except (TypeError, ValueError) as error:
            raise DataError(
                f"numbers in every row of {path}, its epochs in order", f"line {line}: {error}", _REMEDY
            ) from error
    return columns, rows


def _cell(value: Any) -> str:
    """A number as text that reads back to the same value."""
    if isinstance(value, (bool, int, np.integer)):
        return str(int(value))
    return repr(float(value))
