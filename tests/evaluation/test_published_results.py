"""Published figures beside ours: what a recipe carries, and what a test compares it with."""

from __future__ import annotations

import logging

import pytest

from zoopose.errors import OptionError
from zoopose.evaluation.keypoint_tables import pckh_table
from zoopose.evaluation.published_results import MEASURES, PublishedResult, comparison, measured, read_results
from zoopose.evaluation.score_table import ScoreTable
from zoopose.progress import log
from zoopose.scripts import doctor
from zoopose.train.recipes import FOLDER, load_recipe, recipes

TABLES = [
    ScoreTable("oks", "OKS", {"OKS": {"AP": 0.74321, "AR": float("nan")}}, ("OKS", "AP"), {}),
    ScoreTable("pckh", "PCKh", {"HRNet@0.5": {"mean": 0.9, "head": 0.1}}, ("HRNet@0.5", "mean"), {}),
]


def test_a_measure_is_the_number_that_is_counted_in_the_same_way():
    assert measured(TABLES) == {"AP": pytest.approx(74.321), "PCKh@0.5": pytest.approx(90)}
    assert measured([]) == {}


def test_every_measure_of_pckh_is_a_column_of_the_table():
    import inspect

    text = inspect.getsource(pckh_table)
    assert all(f'"{column}"' in text for table, column, _ in MEASURES.values() if table == "pckh")


def test_lines_say_published_ours_and_what_was_measured():
    ap = PublishedResult("AP", 74.4, "val2017", "its README")
    ar = PublishedResult("AR", 79.8, "val2017", "its README", ours=79.51)
    first, second = comparison([ap, ar])
    assert "published  74.40   ours not run" in first and "val2017; its README" in first
    assert "ours   79.51" in second and "measured" not in second
    first, second = comparison([ap, ar], measured(TABLES))
    assert "measured now 74.32" in first and "measured now not measured" in second
    assert "no published figure" in comparison([])[0]


@pytest.mark.parametrize(
    "wrong", [{"measure": "mAP"}, {"published": 101.0}, {"published": float("nan")}, {"ours": -1.0}]
)
def test_figures_that_are_none(wrong):
    with pytest.raises(ValueError, match="must be"):
        PublishedResult(**{"measure": "AP", "published": 1.0, "protocol": "p", "source": "s"} | wrong)


def test_what_a_checkpoint_carries_is_read_back_or_left():
    result = PublishedResult("AP", 74.4, "val2017", "its README")
    assert read_results([result.to_dict()]) == (result,)
    for damaged in (None, 3, "AP", [3], [{"measure": "AP"}], [{**result.to_dict(), "published": "x"}], {"a": 1}):
        assert read_results(damaged) == ()


def test_every_recipe_that_names_a_figure_carries_it():
    carried = {name: load_recipe(name).results for name in recipes()}
    assert all("Published" not in (FOLDER / f"{name}.toml").read_text() for name in carried)
    known = {name: results for name, results in carried.items() if results}
    assert len(known) >= 60
    for name, results in known.items():
        kind = "oks" if load_recipe(name).data == "coco_person" else "pckh"
        assert {MEASURES[r.measure][0] for r in results} == {kind}
        assert all(r.source.startswith("github.com/") and r.protocol and r.ours is None for r in results)
    figures = {r.measure: r.published for r in carried["mpii/hourglass52_256x256"]}
    assert figures == {"PCKh@0.5": 88.9, "PCKh@0.1": 31.7}
    assert [r.published for r in carried["mpii/hourglass52_384x384"]] == [89.4, 36.6]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("[[results]]\nmeasure = 'AP'", "published"),
        ("[[results]]\nmeasure = 'mAP'\npublished = 1\nprotocol = ''\nsource = ''", "measure must be one of"),
        ("[[results]]\nmeasures = 'AP'", "'measures'"),
        ("[results]\nmeasure = 'AP'", "tables of figures"),
    ],
)
def test_mistakes_in_figures(tmp_path, more, said):
    path = tmp_path / "own.toml"
    path.write_text((FOLDER / "coco/dark_hrnet_w48_256x192.toml").read_text() + "\n" + more + "\n")
    with pytest.raises(OptionError, match=said):
        load_recipe(str(path))


def test_doctor_lists_recipes_with_their_figures():
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    log.addHandler(handler)
    log.setLevel("INFO")
    try:
        doctor._recipes()
    finally:
        log.removeHandler(handler)
    text = "\n".join(lines)
    assert all(name in text for name in recipes())
    assert "mpii/hourglass52_384x384" in text and "36.60   ours not run" in text
