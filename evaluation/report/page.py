"""One self-contained HTML page for a run: no other file, nothing fetched, the same bytes for the same input.

blocks = [ScoresBlock("PCK", {...}), GalleryBlock("Worst", [...])]
build_report("run/report.html", "Horse, CC-SSL", "What was done.", blocks)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from ... import __version__
from ...files import atomic_path
from .blocks import Block, LabelsBlock
from .rendering import anchor, cell_text, paragraphs, view_of


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
        {"kind": type(block).__name__, "title": block.title, "anchor": anchor(i, block.title), **view_of(block)}
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
        summary=paragraphs(summary),
        figures=[(name, cell_text(value)) for name, value in (figures or {}).items()],
        blocks=views,
        books={block.name: block.book for block in blocks if isinstance(block, LabelsBlock)},
        version=__version__,
    )
    with atomic_path(path) as temporary:
        Path(temporary).write_text(page, encoding="utf-8")
    return Path(path)
