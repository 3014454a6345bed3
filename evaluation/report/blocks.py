"""Blocks of a report: plain data, one class for each kind of content. `page.build_report` writes a page of them.

Texts are plain: everything is escaped, nothing is read as markup. A blank line in a text starts a new paragraph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..protocol import Score

# name -> (x, y)
Series = Mapping[str, tuple[ArrayLike, ArrayLike]]


@dataclass(frozen=True)
class TextBlock:
    """Paragraphs of plain text."""

    title: str
    text: str | Sequence[str]


@dataclass(frozen=True)
class FactsBlock:
    """Names and values in two columns, such as data, device, size of the network."""

    title: str
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class TableBlock:
    """A table of plain values; columns that hold only numbers are aligned to the right.

    Args:
        columns: C headings.
        rows: rows of C cells each; floats are shown with four significant digits, text as it is.
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
        scores: column heading -> score. Put scores of one protocol together; the page explains each protocol.
        note: a line underneath.
    """

    title: str
    scores: Mapping[str, Score]
    note: str = ""


@dataclass(frozen=True)
class CurvesBlock:
    """A line chart.

    Args:
        series: name -> (x, y), NaN for an unknown value, as columns of `run_log.read_log` have it.
        x_label, y_label: what the axes show, with the unit.
        note: a line underneath.
    """

    title: str
    series: Series
    x_label: str
    y_label: str
    note: str = ""


@dataclass(frozen=True)
class ColouredTableBlock:
    """A coloured table.

    Args:
        corner: what the rows are.
        columns: C headings.
        rows: name -> C cells (text, strength of the colour 0..1 or None for a cell without a value, small text after it).
        note: a line underneath.
    """

    title: str
    corner: str
    columns: Sequence[Any]
    rows: Mapping[str, Sequence[tuple[str, float | None, str]]]
    note: str = ""


@dataclass(frozen=True)
class BarsBlock:
    """Stacked bars with their numbers, one in each row.

    Args:
        corner: what the rows are.
        parts: parts of a bar, name -> colour class of the style sheet (`c0`..`c7`, `r-NAME` of a reason).
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
        tags: name -> value; the page has a filter for each name.
    """

    image: np.ndarray
    caption: str = ""
    tags: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class GalleryBlock:
    """Pictures with captions and filters for their tags; a click enlarges a picture.

    Args:
        items: the pictures.
        note: a line above them.
        max_side_px: longer side in the page; larger pictures are reduced to it.
        quality: of the JPEG, 0 to 100.
    """

    title: str
    items: Sequence[Picture]
    note: str = ""
    max_side_px: int = 384
    quality: int = 85


@dataclass(frozen=True)
class OptionsBlock:
    """Options of a run and the command that repeats it. origins: option -> where its value came from."""

    title: str
    options: Mapping[str, Any]
    command: str = ""
    origins: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LabelsBlock:
    """Pseudo-labelled frames that a script in the page draws, so that the page holds every frame once for all rounds and views.

    Args:
        name: of the frames, unique in the page; several views of the same frames share it.
        book: plain data of frames and labels, `data` of `label_frames.LabelFrames`.
        view: `gallery` (all frames picked for it, with filters), `worst` or `strips`.
        items: of `worst`: (frame, round, joint, check, px); of `strips`: (shot, frames, frames in all); frames, rounds and joints
            as indices into `book`.
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
