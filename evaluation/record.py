"""What a report was made of, kept in the run folder as predictions.h5: `zoopose report` makes the page again without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import h5py

from ..errors import DataError
from ..pose.atomic import atomic_path, json_text
from ..pose.skeleton import Skeleton
from .predict import Predictions
from .protocol import Score
from .score_table import ScoreTable

NAME, FORMAT = "predictions.h5", "zoopose predictions 1"
_ABOUT = ("ids", "crop_factor", "faults")  # fields of Predictions that are no arrays of numbers


@dataclass
class Record:
    """Predictions, and what was said of them.

    Attributes:
        kind: `run` (scored at the end of a training run) or `test`.
        found: predictions on the data that were scored.
        scores: by protocol.
        skeleton: the network's joints.
        facts: what the report says of data and network.
        options: of a test, which data were opened and how; a run has them in run.json.
        epoch: of the checkpoint that predicted, for a run.
        tables: scores of a test that are no PCK.
    """

    kind: str
    found: Predictions
    scores: Mapping[str, Score]
    skeleton: Skeleton
    facts: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    tables: Sequence[ScoreTable] = ()

    def write(self, folder: Path) -> None:
        """Write the file whole or not at all."""
        about = {
            "kind": self.kind,
            "scores": {name: score.to_json() for name, score in self.scores.items()},
            "skeleton": self.skeleton.to_dict(),
            "facts": dict(self.facts),
            "options": dict(self.options),
            "epoch": self.epoch,
            "tables": {table.name: table.to_json() for table in self.tables},
            "crop_factor": float(self.found.crop_factor),
            "faults": self.found.faults,
        }
        with atomic_path(folder / NAME) as temporary, h5py.File(temporary, "w") as file:
            file.attrs["format"] = FORMAT
            file.create_dataset("about", data=json_text(about))
            file.create_dataset("ids", data=[i.encode() for i in self.found.ids], dtype=h5py.string_dtype())
            for name in _arrays():
                file.create_dataset(name, data=getattr(self.found, name))

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Read the file of a run folder.

        Raises:
            DataError: no such file, or not such a file.
        """
        path, remedy = folder / NAME, "the command that made the run, given again, writes it anew"
        if not path.is_file():
            raise DataError("predictions of a run", f"no file {path}", remedy)
        try:
            with h5py.File(path, "r") as file:
                if file.attrs.get("format") != FORMAT:
                    raise DataError(f"a file marked {FORMAT!r}", f"{path} marked {file.attrs.get('format')!r}", remedy)
                about = json.loads(file["about"][()])
                found = Predictions(
                    ids=[i.decode() for i in file["ids"][()]],
                    crop_factor=about["crop_factor"],
                    faults=about["faults"],
                    **{name: file[name][()] for name in _arrays()},
                )
            scores = {name: Score.from_json(score) for name, score in about["scores"].items()}
            skeleton = Skeleton.from_dict(about["skeleton"])
            tables = [ScoreTable.from_json(name, table) for name, table in about.get("tables", {}).items()]
            return cls(about["kind"], found, scores, skeleton, about["facts"], about["options"], about["epoch"], tables)
        except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
            raise DataError("a whole file of predictions", f"{path}: {error}", remedy) from error


def _arrays() -> list[str]:
    return [f.name for f in fields(Predictions) if f.name not in _ABOUT]
