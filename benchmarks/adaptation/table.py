"""results.json as Markdown: scores, gap closed, times; `run_tables` and `aims` have the other tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from zoopose.errors import DataError
from zoopose.files import atomic_path

from .aims import aims_table
from .config import CCSSL, CHOSEN_ON, COLUMNS, PAIRS
from .grid import arrow, grid, percent, seeded
from .run_tables import run_tables
from .scores import mean, over_pairs, summary
from .time_to_score import comparison


def markdown(results: Mapping[str, Any]) -> str:
    """All tables of results.json."""
    parts = [
        results["about"] + ".",
        f"Seeds {', '.join(map(str, results['seeds']))}; {'; '.join(results['machines'])}; code {', '.join(results['code'])}; "
        f"`{results['command']}`",
    ]
    if not results["scores"]:
        return "\n\n".join([*parts, "No cell is done yet."]) + "\n"
    held = "PCK@0.05/box in percent, exact; on what the oracle has not seen; below the means: far pairs"
    parts += [held, _scores(results, "box", "held", everything=True)]
    parts += [f"Scored: {_checkpoints(results)}.{_marks(results)}"]
    parts += ["Gap closed, percent; of the means: mean over the pairs (of the mean scores)", _gaps(results)]
    parts += ["On all scored pictures", _scores(results, "box", "all")]
    parts += ["PCK@0.05/crop, on all scored pictures", _scores(results, "crop", "all")]
    if any(row["facing"]["all"] is not None for row in results["scores"]):
        parts += [
            "Animals that face the right way, percent of the scored pictures (the head is on the right side of the tail)",
            _scores(results, "facing", "all"),
        ]
    parts += [
        f"Training time, wall minutes (processor minutes), mean of a run; of an oracle: all its folds{_last_run(results)}",
        _clock(results),
    ]
    parts += run_tables(results)
    if results.get("time_to_score"):
        parts += [f"From nothing to a score on horse/test, one core. {comparison(results['time_to_score'])}"]
    if results["comparison"] == CCSSL:  # its aims
        parts += [aims_table(results)]
    return "\n\n".join(parts) + "\n"


def groups(results: Mapping[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """The pairs that have scores: those that means are made of, those of them that settings were not chosen on, and far pairs."""
    shown = [pair for pair in results["pairs"] if any(row["pair"] == pair for row in results["scores"])]
    main = [pair for pair in shown if pair not in PAIRS["far"]]
    return main, [pair for pair in main if pair not in CHOSEN_ON], [pair for pair in shown if pair in PAIRS["far"]]


def _marks(results: Mapping[str, Any]) -> str:
    chosen = [arrow(pair) for pair in results["pairs"] if pair in CHOSEN_ON]
    return f" Settings were chosen on the pairs marked *: {' and '.join(chosen)}." if chosen else ""


def _checkpoints(results: Mapping[str, Any]) -> str:
    """Which checkpoint of which column stands in the tables."""
    by_name: dict[str, list[str]] = {}
    for column in _main_columns(results):
        by_name.setdefault(COLUMNS[column].checkpoint, []).append(COLUMNS[column].title)
    return "; ".join(f"`{name}` of {' / '.join(titles)}" for name, titles in by_name.items())


def _last_run(results: Mapping[str, Any]) -> str:
    chained = any(COLUMNS[COLUMNS[c].start].kind == "adapted" for c in _main_columns(results))
    return "; of one adaptation after another: the last" if chained else ""


def _main_columns(results: Mapping[str, Any]) -> list[str]:
    return [c for c in COLUMNS if any(r["column"] == c for r in results["scores"])]


def _scores(results: Mapping[str, Any], kind: str, part: str, everything: bool = False) -> str:
    """A score of every pair and column; `everything`: also of columns that have learned from some of the pictures."""
    columns = [c for c in _main_columns(results) if everything or _has_all(c)]
    table = {(r["pair"], r["column"], r["seed"]): r for r in results["scores"]}

    def row(pair: str) -> list[str]:
        own = {c: [r[kind][part] for k, r in table.items() if k[:2] == (pair, c)] for c in columns}
        return [_marked(pair), *(seeded(own[c]) for c in columns)]

    def mean_row(name: str, pairs: Sequence[str]) -> list[str]:
        return [name, *(_over_pairs(over_pairs(table, pairs, c, kind, part)) for c in columns)]

    return grid(["pair", *(COLUMNS[c].title for c in columns)], _with_means(results, row, mean_row))


def _gaps(results: Mapping[str, Any]) -> str:
    """Gap closed by every adaptation; of the means the mean of ratios, and the ratio of the means beside it."""
    columns = [c for c in _main_columns(results) if COLUMNS[c].kind == "adapted"]

    def row(pair: str) -> list[str]:
        return [_marked(pair), *(percent(results["means"]["gap"].get(c, {}).get(pair)) for c in columns)]

    def mean_row(name: str, pairs: Sequence[str]) -> list[str]:
        means = summary(results, pairs, results["seeds"])
        ratios = [f"{percent(means['gap_mean'].get(c))} ({percent(means['gap_of_means'].get(c))})" for c in columns]
        return [name, *ratios]

    return grid(["pair", *columns], _with_means(results, row, mean_row))


def _with_means(
    results: Mapping[str, Any],
    row: Callable[[str], list[str]],
    mean_row: Callable[[str, Sequence[str]], list[str]],
) -> list[list[str]]:
    """Rows of the main pairs, of their means, and of the far pairs."""
    main, unseen, far = groups(results)
    rows = [row(pair) for pair in main]
    if main:
        rows.append(mean_row("mean", main))
    if unseen and unseen != main:
        rows.append(mean_row("mean without *", unseen))
    return [*rows, *(row(pair) for pair in far)]


def _marked(pair: str) -> str:
    return arrow(pair) + (" *" if pair in CHOSEN_ON else "")


def _over_pairs(found: Mapping[str, Any]) -> str:
    """Mean over the pairs that a column has, and its standard deviation over the seeds that have them all; how many pairs that are,
    where not all."""
    some = f" ({found['pairs']})" if found["pairs"] < found["of"] else ""
    return seeded(found["means"]) + some


def _has_all(column: str) -> bool:
    """Whether a column is scored on all pictures of a target, none of which it has learned from."""
    return COLUMNS[column].kind != "oracle" and not COLUMNS[column].few


def _clock(results: Mapping[str, Any]) -> str:
    columns = _main_columns(results)
    rows = []
    for pair in [*groups(results)[0], *groups(results)[2]]:
        cells = []
        for column in columns:
            own = [r for r in results["scores"] if (r["pair"], r["column"]) == (pair, column)]
            wall, processor = mean(r["wall_s"] for r in own), mean(r["processor_s"] for r in own)
            cells.append(f"{wall / 60:.1f} ({processor / 60:.1f})" if own else "-")
        rows.append([arrow(pair), *cells])
    return grid(["pair", *(COLUMNS[c].title for c in columns)], rows)


# ---- files


def write_text(path: Path, text: str) -> None:
    """A text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def refresh(readme: Path, name: str, text: str) -> None:
    """Put the tables of a configuration between its markers in a Markdown file.

    Raises:
        DataError: without these markers.
    """
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    old = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    head, found, rest = old.partition(begin)
    _, closed, tail = rest.partition(end)
    if not found or not closed:
        raise DataError(f"the lines {begin} and {end} in {readme}", "not both of them", f"add them to {readme}")
    with atomic_path(readme) as temporary:
        temporary.write_text(f"{head}{begin}\n\n{text}\n{end}{tail}", encoding="utf-8")
