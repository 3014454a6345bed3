"""Published figures of a recipe and ours: which number of our tables each figure is, and the lines that compare them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .score_table import ScoreTable

# measure -> table, column and row of the number here that is counted in the same way
MEASURES: dict[str, tuple[str, str, str]] = {
    "AP": ("oks", "OKS", "AP"),
    "AR": ("oks", "OKS", "AR"),
    "PCKh@0.5": ("pckh", "HRNet@0.5", "mean"),
    "PCKh@0.1": ("pckh", "HRNet@0.1", "mean"),
    "PCKh@0.11": ("pckh", "HRNet@0.11", "mean"),
    "PCKh@0.5 bearpaw": ("pckh", "bearpaw@0.5", "mean"),
    "PCKh@0.5 princeton": ("pckh", "princeton@0.5", "mean"),
}


@dataclass(frozen=True)
class PublishedResult:
    """One published figure.

    Attributes:
        measure: a key of `MEASURES`.
        published: percent.
        protocol: on which data, and how.
        source: where the figure was published.
        ours: percent that this recipe reached here, run to its end; None: not run.
    """

    measure: str
    published: float
    protocol: str
    source: str
    ours: float | None = None

    def __post_init__(self):
        if self.measure not in MEASURES:
            raise ValueError(f"measure must be one of {', '.join(MEASURES)}, not {self.measure!r}")
        for name in ("published", "ours"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 100:
                raise ValueError(f"{name} must be a percentage, not {value}")

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for checkpoints; `read_results` is the way back."""
        return asdict(self)


def read_results(data: Any) -> tuple[PublishedResult, ...]:
    """The figures that a checkpoint carries; none where it carries none, or something else."""
    if not isinstance(data, Sequence) or isinstance(data, str):
        return ()
    try:
        return tuple(PublishedResult(**row) for row in data)
    except (TypeError, ValueError):
        return ()


def measured(tables: Iterable[ScoreTable]) -> dict[str, float]:
    """Measure -> percent, of the measures that the tables of a test hold."""
    found = {table.name: table.numbers for table in tables}
    values = {}
    for measure, (table, column, row) in MEASURES.items():
        value = found.get(table, {}).get(column, {}).get(row)
        if value is not None and value == value:  # nan: nothing was scored
            values[measure] = 100 * value
    return values


def comparison(results: Sequence[PublishedResult], now: Mapping[str, float] | None = None) -> list[str]:
    """Lines of a table: measure, published, ours, and the new measurement if `now` has one.

    Args:
        now: percent by measure, as `measured` gives it; a measure that it lacks was not measured.
    """
    if not results:
        return ["published / ours: no published figure is known for this recipe"]
    lines = []
    for result in results:
        ours = "not run" if result.ours is None else f"{result.ours:.2f}"
        text = f"{result.measure:<18} published {result.published:6.2f}   ours {ours:>7}"
        if now is not None:
            value = now.get(result.measure)
            text += f"   measured now {'not measured' if value is None else f'{value:.2f}'}"
        lines.append(f"{text}   ({result.protocol}; {result.source})")
    return lines
