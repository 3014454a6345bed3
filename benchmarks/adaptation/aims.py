"""The numbers that the benchmark's aims are about, and their table."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .config import ADAPTED, BEST, CHOSEN_ON, COLUMNS, PAIRS, PUBLISHED, SCRATCH, SOURCE_ONLY
from .grid import grid, percent
from .scores import mean, summary, verdict_right
from .time_to_score import times_less

FACING_PAIR = "horse:cattle_b"  # half of its animals are taken to face the other way at first
KNOWN = 0.2  # gap closed counts on pairs where the source-only network is above this share


def measured(results: Mapping[str, Any], method: str = BEST) -> dict[str, Any]:
    """The numbers of the aims, for one column; NaN where there is nothing to measure.

    Args:
        results: `scores`, `selection`, `labels`, `pairs`, `seeds`, as in results.json.
        method: the column.

    Returns:
        Shares, PCK@0.05/box on what the oracle has not seen. `pre_training`: source-only over from scratch; `gap`, `gap_of_means`;
        `over_source`, `worst_over_source`, `over_published`: mean and worst of the main pairs; `unseen_gap`, `unseen_worst`: of all
        pairs that settings were not chosen on; `loss`, `worst_loss`: best checkpoint over the chosen one, all pictures;
        `verdicts` and `verdicts_right`: of all columns; `top_labels`: top 20 % over all; `facing`.
    """
    pairs = results["pairs"]
    main = [pair for pair in pairs if pair not in PAIRS["far"]]
    unseen = [pair for pair in pairs if pair not in CHOSEN_ON]
    means = summary(results, pairs, results["seeds"])
    gap = means["gap"].get(method, {})
    source = _over(results, pairs, method, SOURCE_ONLY)
    known = [pair for pair in unseen if _mean_of(results, pair, SOURCE_ONLY) > KNOWN]
    own = [row for row in results["selection"] if row["column"] == method]
    rounds = [r for row in results["labels"] if row["column"] == method for r in row["rounds"] if r["n"]]
    verdicts = [right for row in results["selection"] if (right := verdict_right(row)) is not None]
    facing = [
        row["facing"]["all"] for row in results["scores"] if (row["pair"], row["column"]) == (FACING_PAIR, method)
    ]
    near = summary(results, main, results["seeds"]) if main else means
    return {
        "method": method,
        "pre_training": mean(_over(results, main, SOURCE_ONLY, SCRATCH).values()),
        "gap": mean(gap[pair] for pair in main if pair in gap),
        "gap_of_means": near["gap_of_means"].get(method, math.nan),
        "over_source": mean(source[pair] for pair in main if pair in source),
        "worst_over_source": min((source[pair] for pair in main if pair in source), default=math.nan),
        "over_published": mean(_over(results, main, method, PUBLISHED).values()),
        "unseen_gap": mean(gap[pair] for pair in known if pair in gap),
        "unseen_worst": min((source[pair] for pair in unseen if pair in source), default=math.nan),
        "loss": mean(row["loss"] for row in own),
        "worst_loss": max((row["loss"] for row in own), default=math.nan),
        "verdicts": len(verdicts),
        "verdicts_right": mean(map(float, verdicts)),
        "top_labels": mean(r["top"] - r["all"] for r in rounds),
        "facing": mean(facing),
    }


def _over(results: Mapping[str, Any], pairs: Sequence[str], one: str, other: str) -> dict[str, float]:
    """Pair -> how far a column is above another, over the seeds that have both."""
    table = {(r["pair"], r["column"], r["seed"]): r["box"]["held"] for r in results["scores"]}
    found = {}
    for pair in pairs:
        both = [s for s in results["seeds"] if (pair, one, s) in table and (pair, other, s) in table]
        if both:
            found[pair] = mean(table[pair, one, s] - table[pair, other, s] for s in both)
    return found


def _mean_of(results: Mapping[str, Any], pair: str, column: str) -> float:
    return mean(r["box"]["held"] for r in results["scores"] if (r["pair"], r["column"]) == (pair, column))


def method_of(results: Mapping[str, Any]) -> str:
    """The column that the aims are about; `zoopose` where that one is not done."""
    return BEST if any(row["column"] == BEST for row in results["scores"]) else ADAPTED


def aims_table(results: Mapping[str, Any]) -> str:
    """A table of the aims: what was measured, and the bar."""
    found = measured(results, method_of(results))
    title, ratio = COLUMNS[found["method"]].title, times_less(results.get("time_to_score") or {})
    less = f"{ratio[1]}{ratio[0]:.1f}" if ratio else "-"
    rows = [
        ["source-only: pre-trained over from scratch, mean of the pairs, points", percent(found["pre_training"], True), "+9"],
        ["gap closed, mean of the pairs (by the mean scores), %",
         f"{percent(found['gap'])} ({percent(found['gap_of_means'])})", "45"],
        ["over source-only, mean of the pairs, points", percent(found["over_source"], True), "+9"],
        ["over source-only, worst pair, points", percent(found["worst_over_source"], True), "0"],
        ["over CC-SSL as published, mean of the pairs, points", percent(found["over_published"], True), "+10"],
        [f"gap closed on pairs that settings were not chosen on, source-only above {100 * KNOWN:.0f} %, mean, %",
         percent(found["unseen_gap"]), "35"],
        ["over source-only on these and the far pairs, worst, points", percent(found["unseen_worst"], True), "-1"],
        ["lost by the choice of the checkpoint, mean (worst run), points",
         f"{percent(found['loss'])} ({percent(found['worst_loss'])})", "2 (4)"],
        [f"\"helped\" or \"did not help\" is right, of {found['verdicts']} runs, %", percent(found["verdicts_right"]), "85"],
        ["top 20 % of the labels right more often than all, points", percent(found["top_labels"], True), "+15"],
        ["processor time to a score, hg as published against the small network, times less", less, "10"],
        [f"faces the right way, {FACING_PAIR.replace(':', ' -> ')}, %", percent(found["facing"]), "80"],
    ]  # fmt: skip
    return grid([title, "measured", "aim"], rows)
