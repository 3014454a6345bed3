"""Tables about single runs: labels by round, choice of the checkpoint, verdicts, domains, ablations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .columns import ablated
from .config import COLUMNS
from .grid import arrow, correlation, grid, percent, seeded
from .scores import mean, verdict_right

NETWORKS = {"start": "source-only", "model_best": "model_best", "last": "last"}  # of a domain probe


def run_tables(results: Mapping[str, Any]) -> list[str]:
    """Headings and tables, of what there is."""
    parts = []
    if results["labels"]:
        what = "top 20 % by confidence (of each joint) / all / admitted (admitted share)"
        several = "; mean over the seeds" if len(results["seeds"]) > 1 else ""
        parts += [f"Labels right, percent: {what}, by round{several}", labels(results)]
    if results["selection"]:
        parts += [
            "Choice of the checkpoint without target labels, mean of a column's runs: PCK@0.05/box on all scored pictures; runs "
            "that say of themselves that they helped, did not help, or cannot tell, and how many are right",
            choices(results),
            "The same, every run",
            selection(results),
        ]
    if results["domains"]:
        what = "Labelled against unlabelled animals: accuracy of a linear probe on the feature map, percent (50: alike)"
        parts += [f"{what}; and PCK@0.05/box on the labelled validation animals", domains(results)]
    if ablations(results):
        parts += [
            "Ablations: change in points of PCK@0.05/box on all scored pictures against the column that they change, same seeds",
            ablation_table(results),
        ]
    return parts


def labels(results: Mapping[str, Any]) -> str:
    """Labels that are right, by round."""
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
        rows.append([f"{arrow(pair)}, {column}", *cells])
    return grid(["pair, column", *(f"round {i}" for i in range(most))], rows)


def choices(results: Mapping[str, Any]) -> str:
    """One row for every column: start, chosen and best checkpoint, loss, rank correlations, verdicts."""
    head = ["column", "runs", "start", "chosen", "best", "loss, mean (worst)", "Spearman, own score", "Spearman, source validation",
            "helped / did not help / cannot tell", "right"]  # fmt: skip
    rows = []
    for column in dict.fromkeys(r["column"] for r in results["selection"]):
        own = [r for r in results["selection"] if r["column"] == column]
        start, chosen, best = (percent(mean(r[key] for r in own)) for key in ("start", "selected", "best"))
        losses = [r["loss"] for r in own]
        ranks = [correlation(mean(r[key] for r in own)) for key in ("spearman", "spearman_source")]
        said = [r for r in own if r["verdict"]]
        answers = [str(sum(r["verdict"] == a for r in said)) for a in ("helped", "did not help", "cannot tell")]
        right = f"{sum(bool(verdict_right(r)) for r in said)} of {len(said)}" if said else "-"
        lost = f"{percent(mean(losses))} ({percent(max(losses))})"
        rows.append(
            [column, str(len(own)), start, chosen, best, lost, *ranks, " / ".join(answers) if said else "-", right]
        )
    return grid(head, rows)


def selection(results: Mapping[str, Any]) -> str:
    """One row for every run."""
    head = [
        "pair, column, seed",
        "start",
        "selected (epoch)",
        "best (epoch)",
        "loss",
        "Spearman, own score",
        "Spearman, source validation",
        "verdict",
    ]
    rows = []
    for r in results["selection"]:
        ranks = [correlation(r[k]) for k in ("spearman", "spearman_source")]
        chosen, best = (f"{percent(r[k])} ({r[f'{k}_epoch']})" for k in ("selected", "best"))
        right = {True: ", right", False: ", wrong", None: "-"}[verdict_right(r)]
        verdict = f"{r['verdict']}{right if r['verdict'] != 'cannot tell' else ''}"
        name = f"{arrow(r['pair'])}, {r['column']}, {r['seed']}"
        rows.append([name, percent(r["start"]), chosen, best, percent(r["loss"]), *ranks, verdict])
    return grid(head, rows)


def domains(results: Mapping[str, Any]) -> str:
    """What domain probes found."""
    rows = []
    for pair, column in dict.fromkeys((r["pair"], r["column"]) for r in results["domains"]):
        own = [r for r in results["domains"] if (r["pair"], r["column"]) == (pair, column)]
        cells = [seeded(r[what].get(name) for r in own) for what in ("probe", "valid") for name in NETWORKS]
        rows.append([f"{arrow(pair)}, {column}", *cells])
    heads = [f"{what}, {name}" for what in ("probe", "PCK") for name in NETWORKS.values()]
    return grid(["pair, column", *heads], rows)


def ablations(results: Mapping[str, Any]) -> list[str]:
    """Names of the ablations that are done."""
    return list(dict.fromkeys(r["column"] for r in results["scores"] if r["column"] not in COLUMNS))


def ablation_table(results: Mapping[str, Any]) -> str:
    """What every ablation changes."""
    rows = []
    table = {(r["pair"], r["column"], r["seed"]): r["box"]["all"] for r in results["scores"]}
    for name in ablations(results):
        base, changes = ablated(name), []
        for pair in results["pairs"]:
            both = [(table[pair, name, s], table[pair, base, s]) for s in results["seeds"]
                    if (pair, name, s) in table and (pair, base, s) in table]  # fmt: skip
            changes.append(mean(own - start for own, start in both))
        own_options = results["columns"][name]["options"]
        known = COLUMNS[base].options
        options = " ".join(f"{k}={v}" for k, v in own_options.items() if known.get(k) != v)
        rows.append(
            [f"{name}: {options}", *(percent(c, sign=True) for c in changes), percent(mean(changes), sign=True)]
        )
    return grid(["ablation", *map(arrow, results["pairs"]), "mean"], rows)
