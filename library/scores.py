"""Scores of a network on labelled data: what metrics.json holds, as an object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..evaluation.metrics import Share
from ..evaluation.protocol import Protocol, Score, text_table
from ..evaluation.run_folder import RunFolder
from ..evaluation.score_table import ScoreTable
from ..files import read_json


@dataclass(frozen=True, eq=False)
class Scores:
    """PCK under the main protocol and the others, and the tables of COCO or MPII where the data have what they take.

    Attributes:
        main: PCK@0.05 of the crop's side, visible joints: what `mean` and `joints` are of.
        protocols: name -> score: "exact/crop" (the main one), "exact/box", "exact/diagonal", "published" where it applies.
        tables: name -> table of other metrics: OKS of COCO, PCKh of MPII.
        metrics: the dictionary of metrics.json itself, plain data.

    Example:
        >>> import zoopose
        >>> scores = zoopose.score("model_best.pth.tar", "coco:horses/labels.json")
        >>> scores.joints["nose"].n
        12
        >>> 0 <= scores.mean <= 1
        True
        >>> sorted(scores.protocols)
        ['exact/box', 'exact/crop', 'exact/diagonal', 'published']
    """

    main: Score
    protocols: Mapping[str, Score]
    tables: Mapping[str, ScoreTable]
    metrics: Mapping[str, Any]

    @property
    def mean(self) -> float:
        """Share of the visible joints that are right, 0 to 1; nan where none was scored."""
        return self.main.mean

    @property
    def joints(self) -> Mapping[str, Share]:
        """Joint -> (share right `pck`, number of joints `n`)."""
        return self.main.joints

    @property
    def protocol(self) -> Protocol:
        """How the main score was taken."""
        return self.main.protocol

    def __str__(self) -> str:
        return "\n".join([text_table(self.protocols), *[table.text() for table in self.tables.values()]])

    def __repr__(self) -> str:
        return f"Scores({100 * self.mean:.1f} % of {self.main.n} joints right, {self.protocol.metric})"

    @classmethod
    def from_metrics(cls, metrics: Mapping[str, Any]) -> Scores:
        """Scores of the dictionary of a metrics.json.

        Raises:
            DataError: it is no such dictionary.
        """
        parts = metrics.get("protocols", {})
        if not isinstance(parts, Mapping):
            raise DataError(f"{RunFolder.METRICS} as a command of zoopose writes it", f"protocols: {parts!r}")
        tables = {name: ScoreTable.from_json(name, part) for name, part in parts.items() if "numbers" in part}
        scores = {name: Score.from_json(part) for name, part in parts.items() if name not in tables}
        return cls(Score.from_json(metrics), scores, tables, metrics)


def read_scores(path: Path) -> Scores:
    """Scores of a metrics.json.

    Raises:
        DataError: the file is missing or holds no scores.
    """
    if not path.is_file():
        raise DataError(f"scores in {path}", "no such file", "zoopose.score(model, data) takes them")
    return Scores.from_metrics(read_json(path, "JSON that a command has written", "take the scores again"))
