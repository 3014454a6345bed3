"""Predictions and scores of a run, saved as predictions.h5: `zoopose report` makes the report again without a network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import h5py
import numpy as np

from ...datasets.hdf5_file import array_of, decode_texts, encode_text, read_hdf5, sealed_hdf5
from ...datasets.isolated_reader import UnreadableFileError
from ...errors import DataError
from ...files import json_text
from ...pose.checkpoint_schema import SKELETON, parse_skeleton
from ...pose.schema import any_value, integer, mapping_of, number, one_of, optional, record, string
from ...pose.skeleton import Skeleton
from ..inference import Predictions
from ..protocol import Score
from ..run_folder import RunFolder
from ..score_table import ScoreTable

FORMAT = "zoopose predictions 1"
_ABOUT = ("ids", "crop_factor", "faults")  # fields of Predictions that are no arrays of numbers


@dataclass
class SavedPredictions:
    """Predictions, their scores, and facts about them.

    Attributes:
        kind: `run` (scored at the end of a training run) or `test`.
        predictions: on the data that were scored.
        scores: by protocol.
        skeleton: the network's joints.
        facts: about data and network, for the report.
        options: of a test, which data were opened and how; a run has them in run.json.
        epoch: of the checkpoint that predicted, for a run.
        tables: scores of a test that are no PCK.
    """

    kind: str
    predictions: Predictions
    scores: Mapping[str, Score]
    skeleton: Skeleton
    facts: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    epoch: int | None = None
    tables: Sequence[ScoreTable] = ()

    def write(self, folder: RunFolder) -> None:
        """Write the file whole or not at all, with a seal, see `pose.seal`."""
        about = {
            "kind": self.kind,
            "scores": {name: score.to_json() for name, score in self.scores.items()},
            "skeleton": self.skeleton.to_dict(),
            "facts": dict(self.facts),
            "options": dict(self.options),
            "epoch": self.epoch,
            "tables": {table.name: table.to_json() for table in self.tables},
            "crop_factor": float(self.predictions.crop_factor),
            "faults": self.predictions.faults,
        }
        with sealed_hdf5(folder.predictions) as file:
            file.attrs["format"] = FORMAT
            file.create_dataset("about", data=json_text(about))
            file.create_dataset("ids", data=[encode_text(i) for i in self.predictions.ids], dtype=h5py.string_dtype())
            for name in _arrays():
                file.create_dataset(name, data=getattr(self.predictions, name))

    @classmethod
    def read(cls, folder: RunFolder) -> SavedPredictions:
        """Read the file of a run folder.

        Raises:
            DataError: no such file, or not such a file.
        """
        path, remedy = folder.predictions, "run the command of the run again: it writes the file"
        if not path.is_file():
            raise DataError("predictions of a run", f"no file {path}", remedy)
        try:
            attrs, data = read_hdf5(path)
            if attrs.get("format") != FORMAT:
                raise DataError(f"a file marked {FORMAT!r}", f"{path} marked {attrs.get('format')!r}", remedy)
            about = json.loads(data["about"])
            _ABOUT_CHECK(about, "about")
            if about["kind"] == "test":
                _TEST_CHECK(about["options"], "about.options")
            skeleton = parse_skeleton(about["skeleton"], "about.skeleton")
            predictions = _predictions_of(data, about, len(skeleton))
            scores = {name: Score.from_json(score) for name, score in about["scores"].items()}
            tables = [ScoreTable.from_json(name, table) for name, table in about.get("tables", {}).items()]
            return cls(
                about["kind"], predictions, scores, skeleton, about["facts"], about["options"], about["epoch"], tables
            )
        except DataError as error:
            raise DataError(
                error.expected, error.found if str(path) in error.found else f"{path}: {error.found}", remedy
            ) from error
        except (
            UnreadableFileError,
            LookupError,
            ValueError,
            TypeError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ) as error:
            raise DataError("a whole file of predictions", f"{path}: {error}", remedy) from error


_ABOUT_CHECK = record(
    {
        "kind": one_of("run", "test"),
        "scores": mapping_of(mapping_of(any_value)),
        "skeleton": SKELETON,
        "facts": mapping_of(any_value),
        "options": mapping_of(any_value),
        "epoch": optional(integer(0)),
        "crop_factor": number(0, 1e6),
        "faults": string(100_000),
    },
    {"tables": mapping_of(mapping_of(any_value))},
)


_TEST_CHECK = record(
    {"data": string(10_000), "split": one_of("train", "valid", "all"), "options": mapping_of(any_value)},
    {"started_in": string(10_000)},
)


def _predictions_of(data: dict[str, Any], about: Mapping[str, Any], k: int) -> Predictions:
    """The arrays of a file of predictions of K joints.

    Raises:
        LookupError: one is missing. ValueError: one is of another type or shape.
    """
    ids = decode_texts(data["ids"])
    n, number_, whole_ = len(ids), np.floating, np.integer
    shapes = {
        "xy_px": ((n, k, 2), number_),
        "score": ((n, k), number_),
        "cells": ((n, k, 2), np.number),
        "target_cells": ((n, k, 2), np.number),
        "xy_true_px": ((n, k, 2), number_),
        "visible": ((n, k), whole_),
        "box_xywh": ((n, 4), number_),
        "size_hw": ((n, 2), whole_),
        "read": ((n,), np.bool_),
    }
    arrays = {name: array_of(data, name, *shapes.get(name, (np.shape(data[name]), np.generic))) for name in _arrays()}
    return Predictions(ids=ids, crop_factor=about["crop_factor"], faults=about["faults"], **arrays)


def _arrays() -> list[str]:
    return [f.name for f in fields(Predictions) if f.name not in _ABOUT]
