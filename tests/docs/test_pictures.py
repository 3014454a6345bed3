"""The pictures of the documentation are what their script draws, small, and without anything from the network."""

from __future__ import annotations

import runpy
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
DRAWN = runpy.run_path(str(DOCS / "_hooks" / "normalisers.py"))["PICTURES"]


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_is_what_the_script_draws(name):
    text = (DOCS / "pictures" / name).read_text(encoding="utf-8")
    assert text == DRAWN[name](), "python docs/_hooks/normalisers.py"
    assert len(text) < 60_000
    assert ET.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
    assert "href" not in text


def test_the_published_picture_has_the_cells_that_are_right():
    assert "the 37 cells" in DRAWN["normaliser_published.svg"]()
