"""From what the cells measured to results.json and to Markdown: scores, gap closed, labels, selection, ablations."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from zoopose.errors import DataError
from zoopose.pose.atomic import atomic_path

from .config import ADAPTED, COLUMNS, ORACLE, PUBLISHED, SOURCE_ONLY
from .measure import SELF_SCORE, SOURCE_SCORE, ranking, share
from .plan import Plan
from .run import SCORES, TIMES

Rows = Sequence[Mapping[str, Any]]


def gap_closed(source: float, adapted: float, oracle: float) -> float:
    """(adapted - source) / (oracle - source); NaN where the oracle is no better than the source-only network."""
    return (adapted - source) / (oracle - source) if oracle > source else math.nan


def mean(values: Iterable[float]) -> float:
    """Mean of the numbers that are there; NaN without one."""
    kept = [v for v in values if v is not None and math.isfinite(v)]
    return sum(kept) / len(kept) if kept else math.nan


# ---- results


def collect(run: Path, plan: Plan, pairs: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Everything the tables show, of the cells that are done.

    Returns:
        `scores`: one row for every pair, column and seed: `box` and `crop`, each {"all", "held"}, `wall_s`, `processor_s`;
        `labels`, `selection`: for every adaptation; `means`: see `summary`.
    """
    found: dict[str, Any] = {"scores": [], "labels": [], "selection": []}
    for (pair, column, seed), cells in plan.scores.items():
        measured = [_read(run / "cells" / cell / SCORES) for cell in cells]
        if any(m.get("measure") != plan.cells[cell].measure for m, cell in zip(measured, cells)):
            continue  # not done, or not what is asked for
        key = {"pair": pair, "column": column, "seed": seed}
        firsts = [m["checkpoints"][1 if "start" in m["measure"] else 0]["parts"] for m in measured]
        scores = {kind: {part: pooled([p[part][kind] for p in firsts if part in p]) for part in ("all", "held")}
                  for kind in ("box", "crop")}  # fmt: skip
        found["scores"].append({**key, **scores, **_times(run, plan, cells)})
        if "start" in measured[0]["measure"]:
            found["labels"].append({**key, "rounds": measured[0]["rounds"]})
            found["selection"].append({**key, **selection(measured[0])})
    found["means"] = summary(found, pairs, seeds)
    return found


def pooled(counts: Sequence[Mapping[str, Sequence[int]]]) -> float | None:
    """PCK of several folds together; None without any."""
    total = {key: [n for c in counts for n in c[key]] for key in ("right", "n")}
    return share(total) if sum(total["n"]) else None


def selection(measured: Mapping[str, Any]) -> dict[str, Any]:
    """How well a run chose among its checkpoints, by PCK@0.05/box on the whole target.

    Returns:
        `selected`, `best` and their epochs (0: the network it started from), `loss`; `spearman` of the run's own score without
        target labels with the truth over the rounds, `spearman_source` of the source validation's.
    """
    points = [(c["epoch"], share(c["parts"]["all"]["box"])) for c in measured["checkpoints"]]
    # model_best is of the epoch at whose end it was kept
    chosen = points[1]
    best = max(points, key=lambda p: p[1])
    ranks = {
        name: ranking(points, measured["log"].get(column, ()))
        for name, column in (("spearman", SELF_SCORE), ("spearman_source", SOURCE_SCORE))
    }
    return {
        "selected_epoch": chosen[0], "selected": chosen[1], "best_epoch": best[0], "best": best[1], "loss": best[1] - chosen[1],
        "points": sorted(set(points)), **ranks,
    }  # fmt: skip


def _times(run: Path, plan: Plan, cells: Sequence[str]) -> dict[str, float]:
    """Seconds of training; of the source model itself where a cell only scores one."""
    total = {"wall_s": 0.0, "processor_s": 0.0}
    for name in cells:
        cell = plan.cells[name]
        times = _read(run / "cells" / (name if cell.command else cell.needs[0]) / TIMES)
        total["wall_s"] += times.get("train_s", 0.0)
        total["processor_s"] += times.get("train_processor_s", 0.0)
    return total


def summary(found: Mapping[str, Rows], pairs: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Means over seeds, then over pairs, and the numbers that the aims are about.

    Returns:
        `columns`: column -> {"box": {"all", "held"}, "crop": ...} over the `pairs` that have all columns;
        `gap`: column -> pair -> gap closed, of means over the seeds; `gap_mean`: column -> mean of these over
        the pairs; `gap_of_means`: column -> the gap closed by the mean scores; `aims`.
    """
    table = {(r["pair"], r["column"], r["seed"]): r for r in found["scores"]}
    columns = list(dict.fromkeys(r["column"] for r in found["scores"]))
    whole = [p for p in pairs if all(any((p, c, s) in table for s in seeds) for c in columns)]
    means = {
        c: {kind: {part: mean(over_seeds(table, p, c, seeds, kind, part) for p in whole) for part in ("all", "held")}
            for kind in ("box", "crop")}
        for c in columns
    }  # fmt: skip
    gap, gap_mean, gap_of_means = {}, {}, {}
    for column in columns:
        if column in (SOURCE_ONLY, ORACLE) or (column in COLUMNS and COLUMNS[column].kind != "adapted"):
            continue
        trios = {p: _trio(table, p, column, seeds) for p in pairs}
        trios = {p: t for p, t in trios.items() if t}
        gap[column] = {p: gap_closed(*t) for p, t in trios.items()}
        gap_mean[column] = mean(gap[column].values())
        gap_of_means[column] = gap_closed(*np.mean(list(trios.values()), 0)) if trios else math.nan
    out = {"pairs": whole, "columns": means, "gap": gap, "gap_mean": gap_mean, "gap_of_means": gap_of_means}
    return {**out, "aims": _aims(found, table, out, pairs, seeds)}


def over_seeds(table: Mapping, pair: str, column: str, seeds: Sequence[int], kind: str, part: str) -> float:
    """Mean of a score over the seeds that have it."""
    rows = [table[pair, column, s] for s in seeds if (pair, column, s) in table]
    return mean(r[kind][part] for r in rows)


def _trio(table: Mapping, pair: str, column: str, seeds: Sequence[int]) -> tuple[float, float, float] | None:
    """Source-only, adapted and oracle on what the oracle has not seen: the first two over the seeds that have both, the oracle over
    its own seeds, which may be fewer."""
    both = [s for s in seeds if (pair, column, s) in table and (pair, SOURCE_ONLY, s) in table]
    source, adapted = (over_seeds(table, pair, name, both, "box", "held") for name in (SOURCE_ONLY, column))
    oracle = over_seeds(table, pair, ORACLE, seeds, "box", "held")
    return (source, adapted, oracle) if all(map(math.isfinite, (source, adapted, oracle))) else None


def _aims(
    found: Mapping[str, Rows], table: Mapping, means: Mapping, pairs: Sequence[str], seeds: Sequence[int]
) -> dict:
    """The numbers of the benchmark's aims, for the column `zoopose`."""

    def of(pair: str, column: str) -> float:
        return over_seeds(table, pair, column, seeds, "box", "all")

    over_source = {p: of(p, ADAPTED) - of(p, SOURCE_ONLY) for p in pairs}
    over_source = {p: v for p, v in over_source.items() if math.isfinite(v)}
    rounds = [r for row in found["labels"] if row["column"] == ADAPTED for r in row["rounds"]]
    losses = [row["loss"] for row in found["selection"] if row["column"] == ADAPTED]
    return {
        "gap_mean": means["gap_mean"].get(ADAPTED, math.nan),
        "gap_of_means": means["gap_of_means"].get(ADAPTED, math.nan),
        "over_published": mean(of(p, ADAPTED) - of(p, PUBLISHED) for p in pairs),
        "worst_over_source": min(over_source.values(), default=math.nan),
        "top_over_all_labels": mean(r["top"] - r["all"] for r in rounds if r["n"]),
        "worst_selection_loss": max(losses, default=math.nan),
    }


# ---- Markdown


def markdown(results: Mapping[str, Any]) -> str:
    """All tables of results.json."""
    parts = [
        results["about"] + ".",
        f"Seeds {', '.join(map(str, results['seeds']))}; {results['machine']}; `{results['command']}`",
    ]
    if not results["scores"]:
        return "\n\n".join([*parts, "No cell is done yet."]) + "\n"
    parts += ["PCK@0.05/box in percent, exact; on what the oracle has not seen", _scores(results, "box", "held", True)]
    parts += ["On all scored pictures", _scores(results, "box", "all", False)]
    parts += ["PCK@0.05/crop, on all scored pictures", _scores(results, "crop", "all", False)]
    parts += [
        "Training time, wall minutes (processor minutes), mean of a run; of an oracle: all its folds",
        _clock(results),
    ]
    if results["labels"]:
        what = "top 20 % by confidence (of each joint) / all / admitted (admitted share)"
        parts += [f"Labels right, percent: {what}, by round{_dots(results)}", _labels(results)]
        parts += [
            "Choice of the checkpoint without target labels, PCK@0.05/box on all scored pictures",
            _selection(results),
        ]
    if _ablations(results):
        parts += [
            f"Ablations: change in points of PCK@0.05/box against `{ADAPTED}`, same seeds",
            _ablation_table(results),
        ]
    return "\n\n".join([*parts, _aims_table(results)]) + "\n"


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
    columns = [c for c in _main_columns(results) if gaps or COLUMNS[c].kind != "oracle"]
    closed = [c for c in columns if COLUMNS[c].kind == "adapted"] if gaps else []
    head = ["pair", *(COLUMNS[c].title for c in columns), *(f"gap closed by {c}, %" for c in closed)]
    rows, means = [], results["means"]
    for pair in results["pairs"]:
        cells = [
            _seeded(r[kind][part] for r in results["scores"] if (r["pair"], r["column"]) == (pair, c)) for c in columns
        ]
        rows.append([_arrow(pair), *cells, *(percent(means["gap"].get(c, {}).get(pair)) for c in closed)])
    over = [percent(means["columns"][c][kind][part]) for c in columns]
    # the mean of ratios, and the ratio of the means beside it
    ratios = [f"{percent(means['gap_mean'].get(c))} ({percent(means['gap_of_means'].get(c))})" for c in closed]
    note = "" if len(means["pairs"]) == len(results["pairs"]) else f" of {len(means['pairs'])} pairs"
    rows.append([f"mean{note}", *over, *ratios])
    return grid(head, rows)


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


def machine(accelerator: str, jobs: int, threads: int) -> str:
    """Processor, or GPU where one computes; torch; how many runs at once."""
    if accelerator != "cpu" and torch.cuda.is_available():
        where = torch.cuda.get_device_name()
    else:
        where = f"{_processor()}, {jobs * threads} threads, {jobs} {'runs' if jobs > 1 else 'run'} at once"
    return f"{where}, torch {torch.__version__.partition('+')[0]}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or f"{platform.machine()}, {os.cpu_count()} processors"


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """results.json; null for what there is no number for."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(_plain(results), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_text(path: Path, text: str) -> None:
    """A text file, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


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


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
