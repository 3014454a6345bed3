"""Scores that are no PCK: the OKS numbers and PCKh, as a table for metrics.json, the console and the report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..errors import DataError
from .report.blocks import TableBlock
from .report.rendering import cell_text


@dataclass(frozen=True, eq=False)
class ScoreTable:
    """Shares 0..1, nan where nothing was scored; percent where people read them.

    Attributes:
        name: under `protocols` in metrics.json: "oks", "pckh".
        title: over the table.
        numbers: column -> row -> share. Columns may lack rows.
        headline: column and row of the number that summarises the table.
        protocol: how it was taken, name -> plain value.
        n: row -> instances, where rows differ in them.
    """

    name: str
    title: str
    numbers: Mapping[str, Mapping[str, float]]
    headline: tuple[str, str]
    protocol: Mapping[str, Any]
    n: Mapping[str, int] = field(default_factory=dict)

    @property
    def mean(self) -> float:
        """The headline's number."""
        return self.numbers[self.headline[0]][self.headline[1]]

    @property
    def rows(self) -> list[str]:
        """Names of the rows, in the order in which columns bring them up."""
        return list(dict.fromkeys(row for column in self.numbers.values() for row in column))

    @property
    def sentence(self) -> str:
        """The protocol on one line."""
        return "; ".join(f"{name}: {cell_text(value)}" for name, value in self.protocol.items())

    def to_json(self) -> dict[str, Any]:
        """Plain data for metrics.json; null where nothing was scored."""
        return {
            "title": self.title,
            "protocol": dict(self.protocol),
            "mean": _or_none(self.mean),
            "headline": list(self.headline),
            "numbers": {c: {r: _or_none(v) for r, v in rows.items()} for c, rows in self.numbers.items()},
            "n": {row: int(n) for row, n in self.n.items()},
        }

    @classmethod
    def from_json(cls, name: str, data: Mapping[str, Any]) -> ScoreTable:
        """Inverse of `to_json`.

        Raises:
            DataError: when something is missing.
        """
        try:
            numbers = {c: {r: _or_nan(v) for r, v in rows.items()} for c, rows in data["numbers"].items()}
            column, row = data["headline"]
            return cls(name, data["title"], numbers, (column, row), dict(data["protocol"]), dict(data["n"]))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise DataError("a table of scores: title, protocol, headline, numbers, n", f"{error!r}") from error

    def text(self) -> str:
        """The table in plain text, percent with two decimals, its protocol below."""
        head = ["", *self.numbers, *(["n"] if self.n else [])]
        body = [[row, *[_percent(c.get(row)) for c in self.numbers.values()]] for row in self.rows]
        if self.n:
            body = [[*cells, str(self.n.get(cells[0], ""))] for cells in body]
        widths = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]

        def line(cells: list[str]) -> str:
            return "  ".join([cells[0].ljust(widths[0]), *[c.rjust(w) for c, w in zip(cells[1:], widths[1:])]]).rstrip()

        rule = "-" * (sum(widths) + 2 * (len(widths) - 1))
        return (
            "\n".join([f"{self.title}, in percent", "", line(head), rule, *map(line, body), "", self.sentence]) + "\n"
        )

    def block(self) -> TableBlock:
        """The table for the report."""
        columns = ["", *self.numbers, *(["n"] if self.n else [])]
        rows = []
        for row in self.rows:
            cells = [_points(column.get(row)) for column in self.numbers.values()]
            rows.append([row, *cells, *([self.n.get(row)] if self.n else [])])
        return TableBlock(f"{self.title}, %", columns, rows, self.sentence)


def _percent(share: float | None) -> str:
    return "-" if share is None or not math.isfinite(share) else f"{100 * share:.2f}"


def _points(share: float | None) -> float | None:
    return None if share is None or not math.isfinite(share) else round(100 * share, 2)


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else float(value)
