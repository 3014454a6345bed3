"""Blocks of a report: plain data, one class for each kind of content. `page.build_report` writes a page of them.

Texts are plain: everything is escaped, nothing is read as markup. A blank line in a text starts a new paragraph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..protocol import Score


@dataclass(frozen=True)
class TextBlock:
    """Paragraphs of plain text."""

    title: str
    text: str | Sequence[str]


@dataclass(frozen=True)
class FactsBlock:
    """Names and values in two columns: data, device, model size."""

    title: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class TableBlock:
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
class ScoresBlock:
    """PCK per joint and per group, a column per score, coloured by value; differences are against the first column.

    Args:
        scores: column heading -> score. Only scores of one protocol should stand together; each protocol is written out.
        note: a line underneath.
    """

    title: str
    scores: Mapping[str, Score]
    note: str = ""


@dataclass(frozen=True)
class CurvesBlock:
    """A line chart. series: name -> (x, y), nan for what is not known (as columns of `runlog.read` have)."""

    title: str
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]]
    x_label: str
    y_label: str
    note: str = ""


@dataclass(frozen=True)
class ColouredTableBlock:
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
class BarsBlock:
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
class ReliabilityBlock:
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
class GalleryBlock:
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
class OptionsBlock:
    """Resolved options and the command that repeats the run. origins: option -> where its value came from."""

    title: str
    options: Mapping[str, Any]
    command: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelsBlock:
    """Pseudo-labelled frames drawn by the page itself, so that a frame is kept once for all rounds and views.

    Args:
        name: of the book, unique in the page; views of one book share it.
        book: plain data of frames and labels, see `label_frames.LabelFrames`.
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


Block = (
    TextBlock
    | FactsBlock
    | TableBlock
    | ScoresBlock
    | CurvesBlock
    | ColouredTableBlock
    | BarsBlock
    | ReliabilityBlock
    | GalleryBlock
    | LabelsBlock
    | OptionsBlock
)
