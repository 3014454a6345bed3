"""From what the cells measured to results.json: scores, gap closed, labels, selection."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from zoopose.evaluation.run_folder import RunFolder
from zoopose.files import atomic_path

from .config import COLUMNS, ORACLE, SOURCE_ONLY
from .measure import SELF_SCORE, SOURCE_SCORE, ranking, share
from .recipes import Recipes, difference
from .store import Store, plain

Rows = Sequence[Mapping[str, Any]]


def gap_closed(source: float, adapted: float, oracle: float) -> float:
    """(adapted - source) / (oracle - source); NaN where the oracle is no better than the source-only network."""
    return (adapted - source) / (oracle - source) if oracle > source else math.nan


def mean(values: Iterable[float]) -> float:
    """Mean of the numbers that are there; NaN without one."""
    kept = [v for v in values if v is not None and math.isfinite(v)]
    return sum(kept) / len(kept) if kept else math.nan


def collect(store: Store, recipes: Recipes, pairs: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Everything the tables show, out of the committed scores that have the recipe that is asked for.

    Args:
        store: the scores of the configuration.
        recipes: of the columns that are shown.
        pairs: that are shown.
        seeds: that are shown.

    Returns:
        `scores`: a row for every pair, column and seed: `box`, `crop` and `facing`, each {"all", "held"}, `wall_s`, `processor_s`;
        `selection`: for every adaptation, `labels`: for those that label in rounds, `domains`: for those with a domain probe;
        `code` and `machines`: with which and on which it was measured; `others`: cells of other options -> what differs;
        `means`: see `summary`.
    """
    found: dict[str, Any] = {"scores": [], "labels": [], "selection": [], "domains": [], "others": {}}
    versions: dict[str, set[str]] = {"code": set(), "machine": set()}
    for pair, column, seed in product(pairs, recipes.columns, seeds):
        wanted = list(recipes.of(pair, column, seed)) if recipes.has(column) else []
        measured = [store.matching(recipe) for recipe in wanted]
        for recipe, there in zip(wanted, measured):
            other = {} if there else store.read(recipe.name)
            if other:
                found["others"][recipe.name] = difference(other.get("recipe", {}), recipe.numbers)
        measured = measured[: measured[0].get("folds", 1)] if measured else []  # of an animal with a split: one
        if not measured or not all(measured):
            continue
        key = {"pair": pair, "column": column, "seed": seed}
        started = measured[0]["start"]
        firsts = [m["checkpoints"][1 if started else 0]["parts"] for m in measured]
        scores = {kind: {part: pooled([p[part][kind] for p in firsts if kind in p.get(part, {})]) for part in ("all", "held")}
                  for kind in ("box", "crop", "facing")}  # fmt: skip
        times = {f"{kind}_s": sum(m["seconds"][kind] for m in measured) for kind in ("wall", "processor")}
        found["scores"].append({**key, **scores, **times})
        for kind, values in versions.items():
            values.update(m.get(kind, "") for m in measured)
        if started:
            found["selection"].append({**key, **selection(measured[0])})
            if measured[0]["rounds"]:
                found["labels"].append({**key, "rounds": measured[0]["rounds"]})
            if "domains" in measured[0]:
                found["domains"].append({**key, **domains(measured[0]["domains"])})
    found["code"], found["machines"] = sorted(versions["code"]), sorted(versions["machine"])
    found["means"] = summary(found, pairs, seeds)
    return found


def pooled(counts: Sequence[Mapping[str, Sequence[int]]]) -> float | None:
    """PCK of several folds together; None without any."""
    total = {key: [n for c in counts for n in c[key]] for key in ("right", "n")}
    return share(total) if sum(total["n"]) else None


def selection(measured: Mapping[str, Any]) -> dict[str, Any]:
    """How well a run chose among its checkpoints, by PCK@0.05/box on the whole target.

    Returns:
        `start`, `selected`, `best` and `last`, epochs of two of them (0: the network it started from), `loss`; `spearman` of the
        run's own score without target labels with the truth over the rounds, `spearman_source` of the source validation's;
        `verdict`: what the run says about itself, see `verdict_right`.
    """
    points = [(c["epoch"], share(c["parts"]["all"]["box"])) for c in measured["checkpoints"]]
    names = [Path(c["path"]).name for c in measured["checkpoints"]]
    # model_best is of the epoch at whose end it was kept
    chosen = points[1]
    best = max(points, key=lambda p: p[1])
    last = points[names.index(RunFolder.LAST)] if RunFolder.LAST in names else max(points, key=lambda p: p[0])
    ranks = {
        name: ranking(points, measured["log"].get(column, ()))
        for name, column in (("spearman", SELF_SCORE), ("spearman_source", SOURCE_SCORE))
    }
    verdict = (measured.get("verdict") or {}).get("answer", "")
    return {
        "start": points[0][1], "selected_epoch": chosen[0], "selected": chosen[1], "best_epoch": best[0], "best": best[1],
        "last": last[1], "loss": best[1] - chosen[1], "points": sorted(set(points)), **ranks, "verdict": verdict,
    }  # fmt: skip


def verdict_right(row: Mapping[str, Any]) -> bool | None:
    """Whether a run is right about itself; None where it says nothing.

    "helped" is right if the network that it gives is better than its start, "did not help" if its last network is not. "cannot
    tell" is never right.

    Args:
        row: see `selection`.
    """
    answers = {"helped": row["selected"] > row["start"], "did not help": row["last"] <= row["start"]}
    return bool(answers.get(row["verdict"], False)) if row["verdict"] else None


def domains(measured: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Of the start, the chosen network and the last: how often a `probe` tells the domains apart, and PCK@0.05/box on the labelled
    validation animals, `valid`."""
    return {
        "probe": {name: facts["accuracy"] for name, facts in measured["probe"].items()},
        "valid": {name: share(counts["box"]) for name, counts in measured["valid"].items()},
    }


def summary(found: Mapping[str, Rows], pairs: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Means over seeds, then over pairs, and the numbers that the aims are about.

    Returns:
        `columns`: column -> {"box": {"all", "held"}, "crop": ...} over the `pairs` that have all columns;
        `by_seed`: column -> kind -> part -> `means` over the pairs that a column has, one for each seed that has them all; `pairs`:
        how many it has; `of`: how many there are;
        `gap`: column -> pair -> gap closed, of means over the seeds; `gap_mean`: column -> mean of these over
        the pairs; `gap_of_means`: column -> the gap closed by the mean scores.
    """
    table = {(r["pair"], r["column"], r["seed"]): r for r in found["scores"]}
    columns = list(dict.fromkeys(r["column"] for r in found["scores"]))
    whole = [p for p in pairs if all(any((p, c, s) in table for s in seeds) for c in columns)]
    means = {
        c: {kind: {part: mean(over_seeds(table, p, c, seeds, kind, part) for p in whole) for part in ("all", "held")}
            for kind in ("box", "crop")}
        for c in columns
    }  # fmt: skip
    kinds = [kind for kind in ("box", "crop", "facing") if all(kind in row for row in found["scores"])]
    by_seed = {
        c: {kind: {part: over_pairs(table, pairs, c, kind, part) for part in ("all", "held")} for kind in kinds}
        for c in columns
    }
    gap, gap_mean, gap_of_means = {}, {}, {}
    for column in columns:
        if column in (SOURCE_ONLY, ORACLE) or (column in COLUMNS and COLUMNS[column].kind != "adapted"):
            continue
        trios = {p: _trio(table, p, column, seeds) for p in pairs}
        trios = {p: t for p, t in trios.items() if t}
        gap[column] = {p: gap_closed(*t) for p, t in trios.items()}
        gap_mean[column] = mean(gap[column].values())
        gap_of_means[column] = gap_closed(*np.mean(list(trios.values()), 0)) if trios else math.nan
    return {
        "pairs": whole,
        "columns": means,
        "by_seed": by_seed,
        "gap": gap,
        "gap_mean": gap_mean,
        "gap_of_means": gap_of_means,
    }


def over_pairs(table: Mapping, pairs: Sequence[str], column: str, kind: str, part: str) -> dict[str, Any]:
    """Means over the pairs that a column has, one for each seed that has all of these; without such a seed one mean, of the means
    over the seeds."""
    known = {k: row for k, row in table.items() if k[0] in pairs and k[1] == column and row[kind][part] is not None}
    own = [pair for pair in pairs if any(k[0] == pair for k in known)]
    seeds = sorted({k[2] for k in known})
    means = [
        mean(known[pair, column, seed][kind][part] for pair in own)
        for seed in seeds
        if all((pair, column, seed) in known for pair in own)
    ]
    if own and not means:
        means = [mean(over_seeds(table, pair, column, seeds, kind, part) for pair in own)]
    return {"means": means, "pairs": len(own), "of": len(pairs)}


def over_seeds(table: Mapping, pair: str, column: str, seeds: Sequence[int], kind: str, part: str) -> float:
    """Mean of a score over the seeds that have it."""
    rows = [table[pair, column, s] for s in seeds if (pair, column, s) in table]
    return mean(r[kind][part] for r in rows)


def _trio(table: Mapping, pair: str, column: str, seeds: Sequence[int]) -> tuple[float, float, float] | None:
    """Source-only, adapted and oracle on what the oracle has not seen, over the seeds that have the first two; the oracle over its
    own seeds where it has fewer."""
    both = [s for s in seeds if (pair, column, s) in table and (pair, SOURCE_ONLY, s) in table]
    source, adapted = (over_seeds(table, pair, name, both, "box", "held") for name in (SOURCE_ONLY, column))
    every = all((pair, ORACLE, s) in table for s in both)
    oracle = over_seeds(table, pair, ORACLE, both if every else seeds, "box", "held")
    return (source, adapted, oracle) if all(map(math.isfinite, (source, adapted, oracle))) else None


# ---- files


def write_results(path: Path, results: Mapping[str, Any]) -> None:
    """results.json; null for what there is no number for."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(plain(results), indent=1, allow_nan=False) + "\n", encoding="utf-8")
