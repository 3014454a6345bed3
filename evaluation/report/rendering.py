"""What the page's template shows of each block: plain values, charts as SVG, pictures as data addresses."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from functools import singledispatch
from typing import Any, TypeGuard

import cv2
import numpy as np
from markupsafe import Markup

from ...errors import ZooposeError
from ..metrics import Share
from ..protocol import NO_JOINTS
from .blocks import (
    BarsBlock,
    ColouredTableBlock,
    CurvesBlock,
    FactsBlock,
    GalleryBlock,
    LabelsBlock,
    OptionsBlock,
    ReliabilityBlock,
    ScoresBlock,
    TableBlock,
    TextBlock,
)
from .charts import COLOURS, line_chart, reliability_chart


def cell_text(value: Any) -> str:
    """A value as text: four significant digits, yes and no, lists with commas, '-' for an empty or unknown value."""
    if value is None or (isinstance(value, str) and not value):
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {cell_text(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(map(cell_text, value)) or "-"
    return str(value)


@singledispatch
def view_of(block: Any) -> dict[str, Any]:
    """Values of a block for the template.

    Raises:
        ZooposeError: rows of unequal length, a picture that is not uint8 RGB, another class than a block.
    """
    raise ZooposeError("a block of a report: a class of evaluation.report.blocks", type(block).__name__)


@view_of.register
def _(block: TextBlock) -> dict[str, Any]:
    texts = [block.text] if isinstance(block.text, str) else block.text
    return {"paragraphs": [paragraph for text in texts for paragraph in paragraphs(text)]}


@view_of.register
def _(block: FactsBlock) -> dict[str, Any]:
    return {"facts": [(name, cell_text(value)) for name, value in block.facts.items()]}


@view_of.register
def _(block: TableBlock) -> dict[str, Any]:
    for row in block.rows:
        if len(row) != len(block.columns):
            raise ZooposeError(f"{len(block.columns)} cells in every row of {block.title!r}", f"{len(row)}: {row}")
    numeric = [
        any(_is_number(row[i]) for row in block.rows)
        and all(row[i] is None or _is_number(row[i]) for row in block.rows)
        for i in range(len(block.columns))
    ]
    rows = [[cell_text(cell) for cell in row] for row in block.rows]
    return {"columns": list(zip(block.columns, numeric)), "rows": rows, "numeric": numeric, "note": block.note}


@view_of.register
def _(block: ScoresBlock) -> dict[str, Any]:
    scores = list(block.scores.values())
    sections: list[tuple[str, list[tuple[str, list[Share | None]]]]] = [
        ("All joints", [("mean", [Share(score.mean, score.n) for score in scores])]),
        ("Groups", _aligned([score.groups for score in scores])),
        ("Joints", _aligned([score.joints for score in scores])),
    ]
    # one column of n if all scores are of the same instances, else an n in every cell
    counts = [{share.n for share in shares if share is not None} for _, rows in sections for _, shares in rows]
    same_n = all(len(count) <= 1 for count in counts)
    views = [
        {
            "title": title,
            "rows": [
                {"name": name, "n": next((s.n for s in shares if s is not None), 0), "cells": _cells(shares)}
                for name, shares in rows
            ],
        }
        for title, rows in sections
        if rows
    ]
    # most columns share a protocol, which is written once
    protocols: dict[tuple[str, str], list[str]] = {}
    for name, score in block.scores.items():
        protocols.setdefault((score.protocol.metric, score.protocol.sentence(score.n)), []).append(name)
    return {
        "names": list(block.scores),
        "sections": views,
        "same_n": same_n,
        "protocols": [(names, *how) for how, names in protocols.items()],
        "note": block.note,
    }


@view_of.register
def _(block: CurvesBlock) -> dict[str, Any]:
    legend = []
    for i, (name, (_, y)) in enumerate(block.series.items()):
        known = [value for value in np.asarray(y, float).ravel() if math.isfinite(value)]
        legend.append((name, i % COLOURS, f"{known[-1]:.4g}" if known else "-"))
    # line_chart escapes the names
    chart = Markup(line_chart(block.series, block.x_label, block.y_label))
    return {"chart": chart, "legend": legend, "note": block.note}


@view_of.register
def _(block: ColouredTableBlock) -> dict[str, Any]:
    _equal_rows(block.title, len(block.columns), block.rows)
    return {"corner": block.corner, "columns": block.columns, "rows": list(block.rows.items()), "note": block.note}


@view_of.register
def _(block: BarsBlock) -> dict[str, Any]:
    _equal_rows(block.title, len(block.parts), block.rows)
    used = [any(shares[i] > 0 for shares in block.rows.values()) for i in range(len(block.parts))]
    parts = [part for part, is_used in zip(block.parts.items(), used) if is_used]
    rows = [(name, [share for share, is_used in zip(shares, used) if is_used]) for name, shares in block.rows.items()]
    return {"corner": block.corner, "parts": parts, "rows": rows, "note": block.note}


@view_of.register
def _(block: ReliabilityBlock) -> dict[str, Any]:
    return {"chart": Markup(reliability_chart(block.bins)), "note": block.note}


@view_of.register
def _(block: LabelsBlock) -> dict[str, Any]:
    if block.view not in ("gallery", "worst", "strips"):
        raise ZooposeError("a view of labels: gallery, worst or strips", repr(block.view))
    return {"name": block.name, "view": block.view, "items": list(block.items), "note": block.note, "book": block.book}


@view_of.register
def _(block: GalleryBlock) -> dict[str, Any]:
    keys = list(dict.fromkeys(key for item in block.items for key in item.tags))
    items: list[dict[str, Any]] = []
    for item in block.items:
        source, height, width = _jpeg(item.image, block.max_side_px, block.quality)
        tags = [cell_text(item.tags[key]) if key in item.tags else "" for key in keys]
        named = [(key, tag) for key, tag in zip(keys, tags) if tag]
        items.append(
            {"source": source, "height": height, "width": width, "caption": item.caption, "tags": tags, "named": named}
        )
    filters = []
    for i, key in enumerate(keys):
        values = [item["tags"][i] for item in items if item["tags"][i]]
        filters.append((i, key, [(value, values.count(value)) for value in sorted(set(values), key=_natural)]))
    return {"items": items, "filters": filters, "note": block.note}


@view_of.register
def _(block: OptionsBlock) -> dict[str, Any]:
    rows = [(name, cell_text(value), block.origins.get(name, "")) for name, value in block.options.items()]
    return {"options": rows, "command": block.command, "with_origins": any(block.origins.values())}


def _equal_rows(title: str, cells: int, rows: Mapping[str, Sequence[Any]]) -> None:
    for name, row in rows.items():
        if len(row) != cells:
            raise ZooposeError(f"{cells} cells in every row of {title!r}", f"{len(row)} in {name!r}")


def _aligned(columns: Sequence[Mapping[str, Share]]) -> list[tuple[str, list[Share | None]]]:
    """A row for each joint or group that any score has."""
    names = dict.fromkeys(name for shares in columns for name in shares)
    return [(name, [shares.get(name) for shares in columns]) for name in names]


def _cells(shares: Sequence[Share | None]) -> list[dict[str, Any]]:
    """Text, colour value 0..1 and difference to the first column (in points) of a row's cells."""
    first = shares[0] if shares else None
    cells: list[dict[str, Any]] = []
    for i, share in enumerate(shares):
        if not _is_known(share):
            cells.append({"text": "-" if share is None else NO_JOINTS, "value": None, "difference": None, "n": 0})
            continue
        difference = round(100 * (share.pck - first.pck), 1) + 0.0 if i and _is_known(first) else None
        cells.append({"text": f"{100 * share.pck:.1f}", "value": share.pck, "difference": difference, "n": share.n})
    return cells


def _is_known(share: Share | None) -> TypeGuard[Share]:
    return share is not None and share.n > 0 and math.isfinite(share.pck)


def _jpeg(image: np.ndarray, max_side_px: int, quality: int) -> tuple[str, int, int]:
    """The picture as a data address, and its height and width."""
    image = np.asarray(image)
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or not image.size:
        raise ZooposeError("a picture (H,W,3) of uint8 RGB", f"shape {image.shape}, {image.dtype}")
    factor = max_side_px / max(image.shape[:2])
    if factor < 1:
        size_wh = (max(1, round(image.shape[1] * factor)), max(1, round(image.shape[0] * factor)))
        image = cv2.resize(image, size_wh, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(image[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    if not done:
        raise ZooposeError("a picture that can be written as JPEG", f"shape {image.shape}")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode(), *image.shape[:2]


def paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def anchor(number: int, title: str) -> str:
    return f"{number}-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Sort key that puts 9 before 10."""
    return [(0, float(p), "") if p.isdigit() else (1, 0.0, p.lower()) for p in re.split(r"(\d+)", text) if p]
