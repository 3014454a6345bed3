"""results.json as Markdown: scores, gap closed, times; `run_tables` and `aims` have the other tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zoopose.errors import DataError
from zoopose.files import atomic_path

from .aims import aims_table
from .config import CCSSL, CHOSEN_ON, COLUMNS, PAIRS
from .grid import arrow, grid, percent, seeded
from .run_tables import run_tables
from .scores import mean, summary
from .time_to_score import comparison

MEAN = "mean (number of pairs, where not all)"


def markdown(results: Mapping[str, Any]) -> str:
    """All tables of results.json."""
    parts = [
        results["about"] + ".",
        f"Seeds {', '.join(map(str, results['seeds']))}; {'; '.join(results['machines'])}; code {', '.join(results['code'])}; "
        f"`{results['command']}`",
    ]
    if not results["scores"]:
        return "\n\n".join([*parts, "No cell is done yet."]) + "\n"
    near, away = near_and_far(results)
    held = "PCK@0.05/box in percent, exact; on what the oracle has not seen"
    parts += [held, _scores(near, "box", "held", everything=True)]
    parts += [f"Scored: {_checkpoints(results)}.{_marks(near)}"]
    parts += ["Gap closed, percent", _gaps(near)]
    if away["scores"]:
        parts += [
            f"Far pairs. {held}",
            _scores(away, "box", "held", everything=True),
            "Gap closed, percent",
            _gaps(away),
        ]
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


def near_and_far(results: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The results of the pairs that means are made of, and those of the far pairs, each with its own means."""
    far = [pair for pair in results["pairs"] if pair in PAIRS["far"]]
    near = [pair for pair in results["pairs"] if pair not in far]
    return tuple(
        {
            **results,
            "pairs": pairs,
            "scores": [row for row in results["scores"] if row["pair"] in pairs],
            "means": summary(results, pairs, results["seeds"]) if pairs else results["means"],
        }
        for pairs in (near, far)
    )


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
    rows, means = [], results["means"]
    for pair in results["pairs"]:
        cells = [
            seeded(r[kind][part] for r in results["scores"] if (r["pair"], r["column"]) == (pair, c)) for c in columns
        ]
        rows.append([_marked(pair), *cells])
    rows.append([MEAN, *(_over_pairs(means["by_seed"][c][kind][part]) for c in columns)])
    return grid(["pair", *(COLUMNS[c].title for c in columns)], rows)


def _gaps(results: Mapping[str, Any]) -> str:
    """Gap closed by every adaptation; in the last row the mean of ratios, and the ratio of the means beside it."""
    columns = [c for c in _main_columns(results) if COLUMNS[c].kind == "adapted"]
    means = results["means"]
    rows = [
        [_marked(pair), *(percent(means["gap"].get(c, {}).get(pair)) for c in columns)] for pair in results["pairs"]
    ]
    ratios = [f"{percent(means['gap_mean'].get(c))} ({percent(means['gap_of_means'].get(c))})" for c in columns]
    rows.append([f"{MEAN}; by the mean scores", *ratios])
    return grid(["pair", *columns], rows)


def _marked(pair: str) -> str:
    return arrow(pair) + (" *" if pair in CHOSEN_ON else "")


def _over_pairs(found: Mapping[str, Any]) -> str:
    """Mean over the pairs that a column has, and its standard deviation over the seeds that have them all."""
    some = f" ({found['pairs']})" if found["pairs"] < found["of"] else ""
    return seeded(found["means"]) + some


def _has_all(column: str) -> bool:
    """Whether a column is scored on all pictures of a target, none of which it has learned from."""
    return COLUMNS[column].kind != "oracle" and not COLUMNS[column].few


def _clock(results: Mapping[str, Any]) -> str:
    columns = _main_columns(results)
    rows = []
    for pair in results["pairs"]:
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
