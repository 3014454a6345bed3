"""One self-contained HTML page per run: no file beside it, nothing fetched, the same bytes for the same input.

    build_report("run/report.html", "Horse, CC-SSL", "What was done.", [Scores("PCK", {...}), Gallery("Worst", [...])])

Texts are plain: everything is escaped, nothing is read as markup. A blank line in a text starts a new paragraph.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch
from importlib.resources import files
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from ... import __version__
from ...errors import ZooposeError
from ...files import atomic_path
from ..metrics import Share
from ..protocol import NO_JOINTS, Score
from .charts import COLOURS, line_chart, reliability_chart


@dataclass(frozen=True)
class Text:
    """Paragraphs of plain text."""

    title: str
    text: str | Sequence[str]


@dataclass(frozen=True)
class Facts:
    """Names and values in two columns: data, device, model size."""

    title: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """A table of plain values; columns that hold only numbers stand to the right.

    Args:
        columns: C headings.
        rows: rows of C cells each; floats are shown with four significant digits (give text for another form).
        note: a line underneath.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    note: str = ""


@dataclass(frozen=True)
class Scores:
    """PCK per joint and per group, a column per score, coloured by value; differences are against the first column.

    Args:
        scores: column heading -> score. Only scores of one protocol should stand together; each protocol is written out.
        note: a line underneath.
    """

    title: str
    scores: Mapping[str, Score]
    note: str = ""


@dataclass(frozen=True)
class Curves:
    """A line chart. series: name -> (x, y), nan for what is not known (as columns of `runlog.read` have)."""

    title: str
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    x_label: str
    y_label: str
    note: str = ""


@dataclass(frozen=True)
class Heat:
    """A coloured table.

    Args:
        corner: what the rows are.
        columns: C headings.
        rows: name -> C cells (text, strength of the colour 0..1 or None for a cell without a value, small text behind).
        note: a line underneath.
    """

    title: str
    corner: str
    columns: Sequence[Any]
    rows: Mapping[str, Sequence[tuple[str, float | None, str]]]
    note: str = ""


@dataclass(frozen=True)
class Bars:
    """Stacked bars, a row each, with their numbers.

    Args:
        corner: what the rows are.
        parts: what a bar is made of, name -> colour class of the style sheet (`c0`..`c7`, `r-NAME` of a reason).
        rows: name -> shares 0..1 in the order of `parts`; shown in percent.
        note: a line underneath.
    """

    title: str
    corner: str
    parts: Mapping[str, str]
    rows: Mapping[str, Sequence[float]]
    note: str = ""


@dataclass(frozen=True)
class Reliability:
    """A reliability diagram.

    Args:
        bins: of each bin `predicted` (mean predicted probability), `observed` (share right) and `count`.
        note: a line underneath.
    """

    title: str
    bins: Sequence[Mapping[str, float]]
    note: str = ""


@dataclass(frozen=True)
class Picture:
    """A picture of a gallery.

    Args:
        image: (H,W,3) uint8 RGB.
        caption: a line of text.
        tags: what the page can filter by: name -> value.
    """

    image: np.ndarray
    caption: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Gallery:
    """Pictures with captions, filters for their tags, larger on a click.

    Args:
        items: the pictures.
        note: a line above them.
        max_side_px: longer side in the page; larger pictures are made smaller.
        quality: of the JPEG, 0 to 100.
    """

    title: str
    items: Sequence[Picture]
    note: str = ""
    max_side_px: int = 384
    quality: int = 85


@dataclass(frozen=True)
class Options:
    """Resolved options and the command that repeats the run. origins: option -> where its value came from."""

    title: str
    options: Mapping[str, Any]
    command: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Labels:
    """Pseudo-labelled frames drawn by the page itself, so that a frame is kept once for all rounds and views.

    Args:
        name: of the book, unique in the page; views of one book share it.
        book: plain data of frames and labels, see `label_book.LabelBook`.
        view: `gallery` (all frames picked for it, with filters), `worst` or `strips`.
        items: of `worst`: (frame, round, joint, check, px); of `strips`: (shot, frames, frames in all); frames, rounds and joints
            as indices into the book.
        note: a line above.
    """

    title: str
    name: str
    book: Mapping[str, Any]
    view: str = "gallery"
    items: Sequence[Sequence[Any]] = ()
    note: str = ""


Block = Text | Facts | Table | Scores | Curves | Heat | Bars | Reliability | Gallery | Labels | Options


def build_report(
    path: str | Path,
    title: str,
    summary: str,
    blocks: Sequence[Block],
    figures: Mapping[str, Any] | None = None,
) -> Path:
    """Write the page atomically.

    Args:
        path: the HTML file; folders are made.
        title: of the page.
        summary: plain text under the title.
        blocks: shown in this order, each under its title.
        figures: a few headline numbers, name -> value, shown large under the summary.

    Returns:
        The path.

    Raises:
        ZooposeError: for a block that cannot be shown (unequal rows, a picture that is not uint8 RGB, another class).
    """
    views = [
        {"kind": type(block).__name__, "title": block.title, "anchor": _anchor(i, block.title), **_view(block)}
        for i, block in enumerate(blocks, 1)
    ]
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(lambda name: files(__package__).joinpath(name).read_text(encoding="utf-8")),
    )
    page = environment.get_template("report.html.j2").render(
        title=title,
        summary=_paragraphs(summary),
        figures=[(name, shown(value)) for name, value in (figures or {}).items()],
        blocks=views,
        books={block.name: block.book for block in blocks if isinstance(block, Labels)},
        version=__version__,
    )
    with atomic_path(path) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
    return Path(path)


def shown(value: Any) -> str:
    """A value as text for people: four significant digits, yes and no, lists with commas, '-' for nothing."""
    if value is None or (isinstance(value, str) and not value):
        return "-"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}" if math.isfinite(value) else "-"
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {shown(item)}" for name, item in value.items()) or "-"
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(map(shown, value)) or "-"
    return str(value)


@singledispatch
def _view(block: Any) -> dict[str, Any]:
    """What the template shows of a block."""
    known = "Text, Facts, Table, Scores, Curves, Heat, Bars, Reliability, Gallery, Labels or Options"
    raise ZooposeError(f"a block of a report: {known}", type(block).__name__)


@_view.register
def _(block: Text) -> dict[str, Any]:
    texts = [block.text] if isinstance(block.text, str) else block.text
    return {"paragraphs": [paragraph for text in texts for paragraph in _paragraphs(text)]}


@_view.register
def _(block: Facts) -> dict[str, Any]:
    return {"facts": [(name, shown(value)) for name, value in block.facts.items()]}


@_view.register
def _(block: Table) -> dict[str, Any]:
    for row in block.rows:
        if len(row) != len(block.columns):
            raise ZooposeError(f"{len(block.columns)} cells in every row of {block.title!r}", f"{len(row)}: {row}")
    numeric = [
        any(_is_number(row[i]) for row in block.rows)
        and all(row[i] is None or _is_number(row[i]) for row in block.rows)
        for i in range(len(block.columns))
    ]
    rows = [[shown(cell) for cell in row] for row in block.rows]
    return {"columns": list(zip(block.columns, numeric)), "rows": rows, "numeric": numeric, "note": block.note}


@_view.register
def _(block: Scores) -> dict[str, Any]:
    scores = list(block.scores.values())
    sections = [
        ("All joints", [("mean", [Share(score.mean, score.n) for score in scores])]),
        ("Groups", _aligned([score.groups for score in scores])),
        ("Joints", _aligned([score.joints for score in scores])),
    ]
    # one column of n when all scores stand on the same instances, else an n in every cell
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
    # columns mostly share a protocol: it is written once
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


@_view.register
def _(block: Curves) -> dict[str, Any]:
    legend = []
    for i, (name, (_, y)) in enumerate(block.series.items()):
        known = [value for value in np.asarray(y, float).ravel() if math.isfinite(value)]
        legend.append((name, i % COLOURS, f"{known[-1]:.4g}" if known else "-"))
    # the generator escapes the names it writes
    chart = Markup(line_chart(block.series, block.x_label, block.y_label))
    return {"chart": chart, "legend": legend, "note": block.note}


@_view.register
def _(block: Heat) -> dict[str, Any]:
    _equal_rows(block.title, len(block.columns), block.rows)
    return {"corner": block.corner, "columns": block.columns, "rows": list(block.rows.items()), "note": block.note}


@_view.register
def _(block: Bars) -> dict[str, Any]:
    _equal_rows(block.title, len(block.parts), block.rows)
    used = [any(shares[i] > 0 for shares in block.rows.values()) for i in range(len(block.parts))]
    parts = [part for part, is_used in zip(block.parts.items(), used) if is_used]
    rows = [(name, [share for share, is_used in zip(shares, used) if is_used]) for name, shares in block.rows.items()]
    return {"corner": block.corner, "parts": parts, "rows": rows, "note": block.note}


@_view.register
def _(block: Reliability) -> dict[str, Any]:
    return {"chart": Markup(reliability_chart(block.bins)), "note": block.note}


@_view.register
def _(block: Labels) -> dict[str, Any]:
    if block.view not in ("gallery", "worst", "strips"):
        raise ZooposeError("a view of labels: gallery, worst or strips", repr(block.view))
    return {"name": block.name, "view": block.view, "items": list(block.items), "note": block.note, "book": block.book}


@_view.register
def _(block: Gallery) -> dict[str, Any]:
    keys = list(dict.fromkeys(key for item in block.items for key in item.tags))
    items = []
    for item in block.items:
        source, height, width = _jpeg(item.image, block.max_side_px, block.quality)
        tags = [shown(item.tags[key]) if key in item.tags else "" for key in keys]
        named = [(key, tag) for key, tag in zip(keys, tags) if tag]
        items.append(
            {"source": source, "height": height, "width": width, "caption": item.caption, "tags": tags, "named": named}
        )
    filters = []
    for i, key in enumerate(keys):
        values = [item["tags"][i] for item in items if item["tags"][i]]
        filters.append((i, key, [(value, values.count(value)) for value in sorted(set(values), key=_natural)]))
    return {"items": items, "filters": filters, "note": block.note}


@_view.register
def _(block: Options) -> dict[str, Any]:
    rows = [(name, shown(value), block.origins.get(name, "")) for name, value in block.options.items()]
    return {"options": rows, "command": block.command, "with_origins": any(block.origins.values())}


def _equal_rows(title: str, cells: int, rows: Mapping[str, Sequence[Any]]) -> None:
    for name, row in rows.items():
        if len(row) != cells:
            raise ZooposeError(f"{cells} cells in every row of {title!r}", f"{len(row)} in {name!r}")


def _aligned(columns: Sequence[Mapping[str, Share]]) -> list[tuple[str, list[Share | None]]]:
    """A row per joint or group that any score has."""
    names = dict.fromkeys(name for shares in columns for name in shares)
    return [(name, [shares.get(name) for shares in columns]) for name in names]


def _cells(shares: Sequence[Share | None]) -> list[dict[str, Any]]:
    """Text, colour value 0..1 and difference to the first column (in points) of a row's cells."""
    known = [share is not None and share.n > 0 and math.isfinite(share.pck) for share in shares]
    cells = []
    for i, share in enumerate(shares):
        if not known[i]:
            cells.append({"text": "-" if share is None else NO_JOINTS, "value": None, "difference": None, "n": 0})
            continue
        difference = round(100 * (share.pck - shares[0].pck), 1) + 0.0 if i and known[0] else None
        cells.append({"text": f"{100 * share.pck:.1f}", "value": share.pck, "difference": difference, "n": share.n})
    return cells


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


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]


def _anchor(number: int, title: str) -> str:
    return f"{number}-" + re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _natural(text: str) -> list[tuple[int, float, str]]:
    """Sort key that puts 9 before 10."""
    return [(0, float(p), "") if p.isdigit() else (1, 0.0, p.lower()) for p in re.split(r"(\d+)", text) if p]
