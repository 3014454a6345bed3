import re
from html.parser import HTMLParser

import numpy as np
import pytest

from zoopose.errors import ZooposeError
from zoopose.evaluation.metrics import Pck
from zoopose.evaluation.protocol import Protocol, Score
from zoopose.evaluation.report.blocks import (
    CurvesBlock,
    FactsBlock,
    GalleryBlock,
    OptionsBlock,
    Picture,
    ScoresBlock,
    TableBlock,
    TextBlock,
)
from zoopose.evaluation.report.page import build_report
from zoopose.pose.skeleton import TIGDOG18

EVIL = "<script>alert('x')</script> \"&"


class Page(HTMLParser):
    """Tags with their attributes, and all text outside style and script."""

    def __init__(self, html):
        super().__init__()
        self.tags, self.text, self._quiet = [], "", False
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self._quiet = tag in ("style", "script")

    def handle_endtag(self, tag):
        self._quiet = False

    def handle_data(self, data):
        self.text += "" if self._quiet else data


def score(share, n=10):
    n = np.full(18, n)
    n[2] = 0
    return Score.from_pck(Pck(0.05, (share * n).astype(int), n), TIGDOG18, Protocol("exact/crop", 0.05, "crop"))


def blocks(name="name"):
    noise = np.random.default_rng(0).integers(0, 255, (300, 200, 3), dtype=np.uint8)
    return [
        TextBlock(f"Text {name}", f"First of {name}.\n\nSecond."),
        FactsBlock(f"Facts {name}", {name: {"a": 1, "b": [1.23456, None]}, "resumed": False}),
        TableBlock(f"Table {name}", [name, "share"], [[name, 0.123456], ["b", None]], f"note {name}"),
        ScoresBlock(
            f"Scores {name}", {"source only": score(0.2), name: score(0.7), "oracle": score(0.1)}, f"note {name}"
        ),
        CurvesBlock(f"Curves {name}", {name: ([1, 2, 3], [1, np.nan, 3])}, name, name),
        GalleryBlock(
            f"Gallery {name}", [Picture(noise, name, {name: name, "round": 10}), Picture(noise, "b", {"round": 9})]
        ),
        OptionsBlock(f"Options {name}", {name: name, "lr": 2.5e-4}, f"zoopose train {name}", {name: name}),
    ]


def build(tmp_path, *arguments, **options):
    return build_report(tmp_path / "run" / "report.html", *arguments, **options).read_text(encoding="utf-8")


def test_every_block_appears(tmp_path):
    page = Page(build(tmp_path, "A run", "What was done.\n\nAnd then.", blocks(), {"PCK": 0.51234}))
    headings = [f"{kind} name" for kind in ("Text", "Facts", "Table", "Scores", "Curves", "Gallery", "Options")]
    for text in ["A run", "What was done.", "And then.", "0.5123", *headings, "First of name.", "a: 1, b: 1.235, -"]:
        assert text in page.text
    assert sum(tag == "section" for tag, _ in page.tags) == 7
    assert sum(tag == "polyline" for tag, _ in page.tags) == 0 and sum(tag == "circle" for tag, _ in page.tags) == 2
    anchors = {attributes["href"][1:] for tag, attributes in page.tags if tag == "a"}
    assert anchors == {attributes["id"] for tag, attributes in page.tags if tag == "section"}
    assert "zoopose train name" in page.text and "0.00025" in page.text


def test_scores_show_differences_and_unseen_joints(tmp_path):
    page = Page(build(tmp_path, "t", "", [blocks()[3]]))
    assert "+50.0" in page.text and "-10.0" in page.text and "no visible joints" in page.text
    assert "pck@0.05/crop" in page.text and "side of the square crop" in page.text
    assert "nan" not in page.text.lower()
    heat = [a["style"] for tag, a in page.tags if "heat" in (a.get("class") or "").split()]
    assert set(heat) == {"--v:0.200", "--v:0.700", "--v:0.100"}
    assert "n 10" not in page.text  # all stand on the same joints: one column
    other = Page(build(tmp_path, "t", "", [ScoresBlock("s", {"a": score(0.5), "b": score(0.5, 20)})]))
    assert "n 10" in other.text and "n 20" in other.text


def test_page_is_self_contained_and_light(tmp_path):
    html = build(tmp_path, "t", "s", blocks())
    for _, attributes in Page(html).tags:
        for name in ("src", "href", "srcset", "action"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:image/jpeg;base64,")), value
    assert not re.search(r"https?://|@import|url\(", html)
    assert len(html) < 400_000
    assert len(build(tmp_path, "t", "s", blocks()[:5])) < 40_000


def test_names_are_escaped(tmp_path):
    page = Page(build(tmp_path, EVIL, EVIL, blocks(EVIL), {EVIL: EVIL}))
    assert sum(tag == "script" for tag, _ in page.tags) == 1  # the page's own
    assert page.text.count("alert('x')") > 20
    figures = [attributes for tag, attributes in page.tags if tag == "figure" and "data-tags" in attributes]
    assert "\\u003cscript" in figures[0]["data-tags"]
    assert all(set(a) <= {"data-tags"} for a in figures)


def test_gallery_filters(tmp_path):
    page = Page(build(tmp_path, "t", "s", [blocks()[5]]))
    options = [a["value"] for tag, a in page.tags if tag == "option"]
    assert options == ["", "name", "", "9", "10"]
    image = next(a for tag, a in page.tags if tag == "img" and "src" in a)
    assert (image["width"], image["height"]) == ("200", "300")
    small = Page(
        build(tmp_path, "t", "s", [GalleryBlock("g", [Picture(np.zeros((100, 50, 3), np.uint8))], max_side_px=20)])
    )
    image = next(a for tag, a in small.tags if tag == "img" and "src" in a)
    assert (image["width"], image["height"]) == ("10", "20")


def test_same_input_same_bytes(tmp_path):
    assert build(tmp_path / "a", "t", "s", blocks()) == build(tmp_path / "b", "t", "s", blocks())


def test_empty_blocks(tmp_path):
    html = build(
        tmp_path,
        "t",
        "",
        [
            TextBlock("a", []),
            FactsBlock("b", {}),
            TableBlock("c", [], []),
            ScoresBlock("d", {}),
            GalleryBlock("e", []),
            OptionsBlock("f", {}),
        ]
        + [CurvesBlock("g", {}, "x", "y"), CurvesBlock("h", {"only gaps": ([1], [np.nan])}, "x", "y")],
    )
    assert "No pictures." in html and html.count("Nothing to draw yet.") == 2


@pytest.mark.parametrize(
    "block",
    [
        TableBlock("t", ["a", "b"], [[1]]),
        GalleryBlock("g", [Picture(np.zeros((4, 4, 3), np.float32))]),
        GalleryBlock("g", [Picture(np.zeros((4, 4), np.uint8))]),
        CurvesBlock("c", {"a": ([1, 2], [1])}, "x", "y"),
        type("Other", (), {"title": "o"})(),
    ],
)
def test_refuses(tmp_path, block):
    path = tmp_path / "report.html"
    path.write_text("the old one")
    with pytest.raises(ZooposeError):
        build_report(path, "t", "s", [block])
    assert path.read_text() == "the old one"
