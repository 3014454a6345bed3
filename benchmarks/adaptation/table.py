"""results.json as Markdown: scores, gap closed, labels, selection, domains, ablations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoopose.errors import DataError
from zoopose.files import atomic_path

from .config import ADAPTED, CCSSL, CHOSEN_ON, COLUMNS, PAIRS
from .scores import mean, summary

NETWORKS = {"start": "source-only", "model_best": "model_best", "last": "last"}  # of a domain probe


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
    parts += ["PCK@0.05/box in percent, exact; on what the oracle has not seen", _scores(near, "box", "held", True)]
    parts += [f"Scored: {_checkpoints(results)}.{_marks(near)}"]
    if away["scores"]:
        parts += ["Far pairs, PCK@0.05/box on what the oracle has not seen", _scores(away, "box", "held", True)]
    parts += ["On all scored pictures", _scores(results, "box", "all", False)]
    parts += ["PCK@0.05/crop, on all scored pictures", _scores(results, "crop", "all", False)]
    if any(row["facing"]["all"] is not None for row in results["scores"]):
        parts += [
            "Animals that face the right way, percent of the scored pictures (the head is on the right side of the tail)",
            _scores(results, "facing", "all", False),
        ]
    parts += [
        f"Training time, wall minutes (processor minutes), mean of a run; of an oracle: all its folds{_last_run(results)}",
        _clock(results),
    ]
    if results["labels"]:
        what = "top 20 % by confidence (of each joint) / all / admitted (admitted share)"
        parts += [f"Labels right, percent: {what}, by round{_dots(results)}", _labels(results)]
    if results["selection"]:
        parts += [
            "Choice of the checkpoint without target labels, PCK@0.05/box on all scored pictures",
            _selection(results),
        ]
    if results["domains"]:
        what = "Labelled against unlabelled animals: accuracy of a linear probe on the feature map, percent (50: alike)"
        parts += [f"{what}; and PCK@0.05/box on the labelled validation animals", _domains(results)]
    if _ablations(results):
        parts += [
            f"Ablations: change in points of PCK@0.05/box against `{ADAPTED}`, same seeds",
            _ablation_table(results),
        ]
    if results["comparison"] == CCSSL:  # its aims
        parts += [_aims_table(results)]
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
    chosen = [_arrow(pair) for pair in results["pairs"] if pair in CHOSEN_ON]
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


def _dots(results: Mapping[str, Any]) -> str:
    return "; mean over the seeds" if len(results["seeds"]) > 1 else ""


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others numbers."""
    widths = [max(len(str(r[i])) for r in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        fitted = [c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths))]
        return f"| {' | '.join(fitted)} |"

    rule = "| " + " | ".join("-" * w if i == 0 else "-" * (w - 1) + ":" for i, w in enumerate(widths)) + " |"
    return "\n".join([line(head), rule, *map(line, rows)])


def percent(value: float | None, sign: bool = False) -> str:
    """A share as percent with one decimal; '-' where there is none."""
    if value is None or not math.isfinite(value):
        return "-"
    return f"{100 * value:+.1f}" if sign else f"{100 * value:.1f}"


def _main_columns(results: Mapping[str, Any]) -> list[str]:
    return [c for c in COLUMNS if any(r["column"] == c for r in results["scores"])]


def _ablations(results: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(r["column"] for r in results["scores"] if r["column"] not in COLUMNS))


def _scores(results: Mapping[str, Any], kind: str, part: str, gaps: bool) -> str:
    columns = [c for c in _main_columns(results) if gaps or _has_all(results, c)]
    closed = [c for c in columns if COLUMNS[c].kind == "adapted"] if gaps else []
    head = ["pair", *(COLUMNS[c].title for c in columns), *(f"gap closed by {c}, %" for c in closed)]
    rows, means = [], results["means"]
    for pair in results["pairs"]:
        cells = [
            _seeded(r[kind][part] for r in results["scores"] if (r["pair"], r["column"]) == (pair, c)) for c in columns
        ]
        mark = " *" if gaps and pair in CHOSEN_ON else ""
        rows.append([_arrow(pair) + mark, *cells, *(percent(means["gap"].get(c, {}).get(pair)) for c in closed)])
    over = [_over_pairs(means["by_seed"][c][kind][part]) for c in columns]
    # the mean of ratios, and the ratio of the means beside it
    ratios = [f"{percent(means['gap_mean'].get(c))} ({percent(means['gap_of_means'].get(c))})" for c in closed]
    rows.append(["mean (number of pairs, where not all)", *over, *ratios])
    return grid(head, rows)


def _over_pairs(found: Mapping[str, Any]) -> str:
    """Mean over the pairs that a column has, and its standard deviation over the seeds that have them all."""
    some = f" ({found['pairs']})" if found["pairs"] < found["of"] else ""
    return _seeded(found["means"]) + some


def _has_all(results: Mapping[str, Any], column: str) -> bool:
    """Whether a column is scored on all pictures of a target, none of which it has learned from."""
    return COLUMNS[column].kind != "oracle" and not COLUMNS[column].few


def _seeded(values: Iterable[float | None]) -> str:
    """Mean over seeds; the standard deviation beside it where there are several."""
    known = [v for v in values if v is not None]
    if not known:
        return "-"
    spread = f" ± {100 * np.std(known, ddof=1):.1f}" if len(known) > 1 else ""
    return percent(mean(known)) + spread


def _clock(results: Mapping[str, Any]) -> str:
    columns = _main_columns(results)
    rows = []
    for pair in results["pairs"]:
        cells = []
        for column in columns:
            own = [r for r in results["scores"] if (r["pair"], r["column"]) == (pair, column)]
            wall, processor = mean(r["wall_s"] for r in own), mean(r["processor_s"] for r in own)
            cells.append(f"{wall / 60:.1f} ({processor / 60:.1f})" if own else "-")
        rows.append([_arrow(pair), *cells])
    return grid(["pair", *(COLUMNS[c].title for c in columns)], rows)


def _labels(results: Mapping[str, Any]) -> str:
    most = max((len(row["rounds"]) for row in results["labels"]), default=0)
    rows = []
    for pair, column in dict.fromkeys((r["pair"], r["column"]) for r in results["labels"]):
        own = [r["rounds"] for r in results["labels"] if (r["pair"], r["column"]) == (pair, column)]
        cells = []
        for i in range(most):
            at = [rounds[i] for rounds in own if i < len(rounds)]
            top, joint, every, admitted, kept = (
                percent(mean(r[key] for r in at))
                for key in ("top", "top_per_joint", "all", "admitted", "admitted_share")
            )
            cells.append(f"{top} ({joint}) / {every} / {admitted} ({kept})" if at else "-")
        rows.append([f"{_arrow(pair)}, {column}", *cells])
    return grid(["pair, column", *(f"round {i}" for i in range(most))], rows)


def _selection(results: Mapping[str, Any]) -> str:
    head = [
        "pair, column, seed",
        "selected (epoch)",
        "best (epoch)",
        "loss",
        "Spearman, own score",
        "Spearman, source validation",
    ]
    rows = []
    for r in results["selection"]:
        ranks = [
            f"{r[k]:+.2f}" if r[k] is not None and math.isfinite(r[k]) else "-" for k in ("spearman", "spearman_source")
        ]
        chosen, best = (f"{percent(r[k])} ({r[f'{k}_epoch']})" for k in ("selected", "best"))
        rows.append([f"{_arrow(r['pair'])}, {r['column']}, {r['seed']}", chosen, best, percent(r["loss"]), *ranks])
    return grid(head, rows)


def _domains(results: Mapping[str, Any]) -> str:
    rows = []
    for pair, column in dict.fromkeys((r["pair"], r["column"]) for r in results["domains"]):
        own = [r for r in results["domains"] if (r["pair"], r["column"]) == (pair, column)]
        cells = [_seeded(r[what].get(name) for r in own) for what in ("probe", "valid") for name in NETWORKS]
        rows.append([f"{_arrow(pair)}, {column}", *cells])
    heads = [f"{what}, {name}" for what in ("probe", "PCK") for name in NETWORKS.values()]
    return grid(["pair, column", *heads], rows)


def _ablation_table(results: Mapping[str, Any]) -> str:
    rows = []
    table = {(r["pair"], r["column"], r["seed"]): r["box"]["all"] for r in results["scores"]}
    for name in _ablations(results):
        changes = []
        for pair in results["pairs"]:
            both = [(table[pair, name, s], table[pair, ADAPTED, s]) for s in results["seeds"]
                    if (pair, name, s) in table and (pair, ADAPTED, s) in table]  # fmt: skip
            changes.append(mean(own - base for own, base in both))
        options = " ".join(f"{k}={v}" for k, v in results["columns"][name]["options"].items())
        rows.append(
            [f"{name}: {options}", *(percent(c, sign=True) for c in changes), percent(mean(changes), sign=True)]
        )
    return grid(["ablation", *map(_arrow, results["pairs"]), "mean"], rows)


def _aims_table(results: Mapping[str, Any]) -> str:
    aims = results["means"]["aims"]
    closed = f"{percent(aims['gap_mean'])} ({percent(aims['gap_of_means'])})"
    rows = [
        ["gap closed, mean over pairs (by the mean scores)", closed, "30"],
        ["points above published, mean over pairs", percent(aims["over_published"], True), "+5"],
        ["points above source-only, worst pair", percent(aims["worst_over_source"], True), "0"],
        ["top 20 % of labels right more often than all, points", percent(aims["top_over_all_labels"], True), "+15"],
        ["points lost by the choice of the checkpoint, worst run", percent(aims["worst_selection_loss"]), "at most 2"],
    ]  # fmt: skip
    return grid([f"`{ADAPTED}`", "measured", "aim"], rows)


def _arrow(pair: str) -> str:
    return pair.replace(":", " -> ")


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
