"""Markdown tables, and how numbers are written in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np

from .scores import mean


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


def correlation(value: float | None) -> str:
    """A rank correlation; '-' where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:+.2f}"


def seeded(values: Iterable[float | None]) -> str:
    """Mean over the seeds. If there are several seeds, the standard deviation follows."""
    known = [v for v in values if v is not None and math.isfinite(v)]
    if not known:
        return "-"
    spread = f" ± {100 * np.std(known, ddof=1):.1f}" if len(known) > 1 else ""
    return percent(mean(known)) + spread


def arrow(pair: str) -> str:
    """SOURCE:TARGET as a reader sees it."""
    return pair.replace(":", " -> ")
