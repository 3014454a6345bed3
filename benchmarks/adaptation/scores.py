"""From what the cells measured to results.json: scores, gap closed, labels, selection."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zoopose.files import atomic_path

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


def collect(run: Path, plan: Plan, pairs: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Everything the tables show, of the cells that are done.

    Returns:
        `scores`: one row for every pair, column and seed: `box` and `crop`, each {"all", "held"}, `wall_s`, `processor_s`;
        `selection`: for every adaptation, `labels`: for those that label in rounds, `domains`: for those with a domain probe;
        `means`: see `summary`.
    """
    found: dict[str, Any] = {"scores": [], "labels": [], "selection": [], "domains": []}
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
            found["selection"].append({**key, **selection(measured[0])})
            if measured[0]["rounds"]:
                found["labels"].append({**key, "rounds": measured[0]["rounds"]})
            if "domains" in measured[0]:
                found["domains"].append({**key, **domains(measured[0]["domains"])})
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


def domains(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Of the start, the chosen network and the last: how often a `probe` tells the domains apart, and PCK@0.05/box on the labelled
    validation animals, `valid`."""
    return {
        "probe": {name: facts["accuracy"] for name, facts in measured["probe"].items()},
        "valid": {name: share(counts["box"]) for name, counts in measured["valid"].items()},
    }


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


# ---- files


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """results.json; null for what there is no number for."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(_plain(results), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return value


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
