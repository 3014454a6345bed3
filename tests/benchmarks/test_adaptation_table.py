"""The arithmetic of the adaptation benchmark: gaps, pooled folds, label quality, ranking, tables."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from zoopose.benchmarks.adaptation import aims, measure, scores, table
from zoopose.benchmarks.adaptation.__main__ import README
from zoopose.benchmarks.adaptation.config import COLUMNS, CONFIGS
from zoopose.benchmarks.adaptation.plan import Cell
from zoopose.benchmarks.adaptation.recipes import Recipes
from zoopose.benchmarks.adaptation.store import Store
from zoopose.datasets.open import open_data
from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.errors import DataError


def test_gap_closed():
    assert scores.gap_closed(0.4, 0.5, 0.8) == pytest.approx(0.25)
    assert scores.gap_closed(0.4, 0.3, 0.8) == pytest.approx(-0.25)
    assert math.isnan(scores.gap_closed(0.4, 0.5, 0.4))


def test_folds_are_pooled_by_instances_not_by_shares():
    assert scores.pooled([{"right": [1, 0], "n": [1, 0]}, {"right": [0, 1], "n": [5, 4]}]) == pytest.approx(0.2)
    assert scores.pooled([]) is None


def scored(pair: str, column: str, seed: int, held: float) -> dict:
    score = {"all": None if column == "oracle" else held - 0.01, "held": held}
    return {
        "pair": pair,
        "column": column,
        "seed": seed,
        "box": score,
        "crop": score,
        "facing": score,
        "wall_s": 60.0,
        "processor_s": 30.0,
    }


ROWS = [
    scored("a:b", "source_strong", 0, 0.4), scored("a:b", "zoopose", 0, 0.6), scored("a:b", "oracle", 0, 0.8),
    scored("a:c", "source_strong", 0, 0.2), scored("a:c", "zoopose", 0, 0.3), scored("a:c", "oracle", 0, 0.6),
    # a second seed without an oracle
    scored("a:b", "source_strong", 1, 0.4), scored("a:b", "zoopose", 1, 0.7), scored("a:b", "published", 0, 0.5),
]  # fmt: skip


def test_means_over_seeds_then_pairs():
    found = {"scores": ROWS, "labels": [], "selection": []}
    means = scores.summary(found, ["a:b", "a:c"], [0, 1])
    assert means["gap"]["zoopose"] == pytest.approx({"a:b": 0.25 / 0.4, "a:c": 0.25})
    assert means["gap_mean"]["zoopose"] == pytest.approx((0.625 + 0.25) / 2)
    assert means["gap_of_means"]["zoopose"] == pytest.approx((0.475 - 0.3) / (0.7 - 0.3))
    aimed = aims.measured({**found, "pairs": ["a:b", "a:c"], "seeds": [0, 1]}, "zoopose")
    assert aimed["worst_over_source"] == aimed["unseen_worst"] == pytest.approx(0.1)
    assert aimed["over_source"] == pytest.approx((0.25 + 0.1) / 2)
    assert aimed["over_published"] == pytest.approx(0.1)  # of the seed that has both
    assert aimed["gap"] == pytest.approx((0.625 + 0.25) / 2)
    # the source-only network of the other pair is not above 20 %
    assert aimed["unseen_gap"] == pytest.approx(0.625) and math.isnan(aimed["pre_training"])
    # the published column has one pair only, so only that one has all columns
    assert means["pairs"] == ["a:b"]
    assert means["columns"]["zoopose"]["box"]["held"] == pytest.approx(0.65)


def test_selection_against_the_best():
    points = [("start", 0, 30), ("best", 2, 40), ("last", 3, 45), ("c1", 1, 35), ("c2", 2, 40), ("c3", 3, 45)]
    measured = {
        "checkpoints": [
            {
                "path": f"cells/x/{name}.pth.tar",
                "epoch": e,
                "best_epoch": 2,
                "parts": {"all": {"box": {"right": [r], "n": [100]}}},
            }
            for name, e, r in points
        ],
        "log": {"selfcheck/score": [[1, 0.1], [2, 0.9], [3, 0.5]], "val/pck": [[1, 3.0], [2, 2.0], [3, 1.0]]},
    }
    found = scores.selection(measured)
    assert (found["selected"], found["selected_epoch"], found["best_epoch"]) == (0.4, 2, 3)
    assert found["loss"] == pytest.approx(0.05)
    assert (found["start"], found["last"], found["verdict"]) == (0.3, 0.45, "") and scores.verdict_right(found) is None
    assert found["spearman"] == pytest.approx(0.5) and found["spearman_source"] == pytest.approx(-1)


@pytest.mark.parametrize(
    "verdict, start, selected, last, right",
    [
        ("helped", 0.4, 0.5, 0.3, True),
        ("helped", 0.4, 0.4, 0.5, False),
        ("did not help", 0.4, 0.4, 0.3, True),
        ("did not help", 0.4, 0.4, 0.5, False),
        ("cannot tell", 0.4, 0.5, 0.5, False),
        ("", 0.4, 0.5, 0.5, None),
    ],
)
def test_a_verdict_is_right_or_wrong(verdict, start, selected, last, right):
    row = {"verdict": verdict, "start": start, "selected": selected, "last": last}
    assert scores.verdict_right(row) is right


def test_verdicts_are_read_where_a_run_has_one(tmp_path):
    assert measure.verdict_of(tmp_path) == {}
    (tmp_path / "metrics.json").write_text('{"mean": 1}')
    assert measure.verdict_of(tmp_path) == {}
    (tmp_path / "metrics.json").write_text('{"verdict": {"answer": "helped", "sentence": "s", "epochs": []}}')
    assert measure.verdict_of(tmp_path) == {"answer": "helped", "sentence": "s"}
    # a network that was given back is the start network, whatever epoch of its own training it has
    points = [{"path": f"x/{name}.pth.tar", "epoch": 16} for name in ("model_best", "last")]
    measure._number_of_start(points, {"model_best": 0})
    assert [point["epoch"] for point in points] == [0, 16]


def test_ranking_needs_three_that_differ():
    assert math.isnan(measure.ranking([(1, 0.1), (2, 0.2)], [[1, 1.0], [2, 2.0]]))
    assert math.isnan(measure.ranking([(1, 0.1), (2, 0.2), (3, 0.3)], [[1, 1.0], [2, 1.0], [3, 1.0]]))


def test_label_quality_in_closed_form(livestock):
    truth = open_data(f"coco:{livestock}/cow/all.json")
    n, k = len(truth), len(truth.skeleton)
    rank = np.arange(n * k).reshape(n, k)
    # boxes are 40 px: right below 2 px. The surer half of the labels is right, the others are 2.1 px off.
    xy = truth.labels[0] + np.where(rank >= n * k / 2, 1.9, 2.1)[..., None] * np.array([1, 0])
    order = [2, 0, 1, *range(11, 2, -1)]
    admitted = rank >= n * k - 9
    labels = PseudoLabels(
        [truth.ids[i] for i in order], xy[order].astype(np.float32), rank[order] / (n * k), admitted[order],
        np.zeros((n, k)), np.zeros((n, k), bool), truth.skeleton, {"round": 4},
    )  # fmt: skip
    found = measure.label_quality(labels, truth)
    assert found["round"] == 4 and found["n"] == n * k
    assert found["all"] == pytest.approx(0.5) and found["top"] == 1.0 and found["admitted"] == 1.0
    assert found["admitted_share"] == pytest.approx(9 / (n * k))
    # the three surest of a joint's twelve labels are of the last frames, and right
    assert found["top_per_joint"] == 1.0
    labels.ids[0] = "other"
    with pytest.raises(DataError, match="other"):
        measure.label_quality(labels, truth)


def test_a_label_of_an_unreadable_frame_is_wrong(livestock):
    truth = open_data(f"coco:{livestock}/cow/all.json")
    n, k = len(truth), len(truth.skeleton)
    xy = truth.labels[0].astype(np.float32).copy()
    xy[0] = np.nan
    zero = np.zeros((n, k))
    confidence = np.ones((n, k), np.float32)
    confidence[0] = 0
    found = measure.label_quality(
        PseudoLabels(truth.ids, xy, confidence, zero > 0, zero, zero > 0, truth.skeleton), truth
    )
    assert found["all"] == pytest.approx(11 / 12) and found["top"] == 1.0 and found["admitted"] is None


def test_parts_by_id():
    rows = measure.part_rows(["a", "b", "c"], {"all": None, "held0": ["c"]}, {"all": "all", "held": "held0"})
    assert rows["all"].tolist() == [True] * 3 and rows["held"].tolist() == [False, False, True]
    with pytest.raises(DataError, match="held0"):
        measure.part_rows(["a"], {"held0": ["c"]}, {"held": "held0"})


def test_every_configuration_and_comparison_has_a_place_in_the_readme():
    readme = README.read_text()
    for config in CONFIGS:
        for place in (config, f"{config} wscda"):
            assert readme.count(f"<!-- {place}: begin -->") == readme.count(f"<!-- {place}: end -->") == 1, place


def store_of(folder, name: str, measured: dict) -> tuple[Store, Recipes]:
    """The committed score of a -> b, column `name`, seed 0."""
    recipes = Recipes(CONFIGS["small"], {name: COLUMNS[name]})
    (recipe,) = recipes.of("a:b", name, 0)
    store = Store(folder)
    store.write(Cell(recipe.name, recipe=recipe), folder, measured, {"wall": 6.0, "processor": 3.0})
    return store, recipes


def test_only_what_was_measured_as_asked_is_collected(tmp_path):
    counts = {"all": {"box": {"right": [1], "n": [2]}, "crop": {"right": [2], "n": [2]}}}
    measured = {"measure": {}, "checkpoints": [{"path": "p", "epoch": 3, "parts": counts}]}
    store, recipes = store_of(tmp_path, "source_strong", measured)
    (row,) = scores.collect(store, recipes, ["a:b"], [0])["scores"]
    assert row["box"] == {"all": 0.5, "held": None} and row["crop"]["all"] == 1.0 and row["wall_s"] == 6.0
    assert row["facing"] == {"all": None, "held": None}  # without a head and a tail
    other = replace(COLUMNS["source_strong"], options={"augment": "strong", "lr": 9.0})
    found = scores.collect(store, Recipes(CONFIGS["small"], {"source_strong": other}), ["a:b"], [0])
    assert found["scores"] == [] and found["others"] == {
        "a-b/source_strong-seed0": "score.options.lr: 0.001 there, 9 now"
    }


def test_what_a_domain_probe_and_the_labelled_animals_say_is_shown(tmp_path):
    parts = {"all": {"box": {"right": [1], "n": [2]}, "crop": {"right": [2], "n": [2]}}}
    valid = {n: {"box": {"right": [r], "n": [8]}} for n, r in (("start", 4), ("model_best", 5), ("last", 6))}
    probe = {n: {"accuracy": a, "pictures": [8, 8]} for n, a in (("start", 0.9), ("model_best", 0.6), ("last", 0.5))}
    points = [{"epoch": e, "path": "p", "best_epoch": 1, "parts": parts} for e in (0, 1, 2)]
    measured = {"measure": {"start": "s"}, "checkpoints": points, "rounds": [], "log": {}}
    store, recipes = store_of(tmp_path, "wscda", {**measured, "domains": {"probe": probe, "valid": valid}})
    found = scores.collect(store, recipes, ["a:b"], [0])
    assert found["labels"] == []  # it has none, and is no row of their table
    text = table.markdown({**results([]), **found, "comparison": "wscda", "pairs": ["a:b"]})
    (row,) = [line for line in text.splitlines() if line.startswith("| a -> b, wscda |")]
    assert [c.strip() for c in row.strip("|").split("|")][1:] == ["90.0", "60.0", "50.0", "50.0", "62.5", "75.0"]
    assert "`model_best.pth.tar` of WS-CDA." in text and "aim" not in text and "Labels right" not in text


def test_the_scored_checkpoints_are_named():
    rows = [scored("a:b", c, 0, 0.5) for c in ("zoopose", "wscda_pplo", "wscda_ccssl", "oracle")]
    text = table.markdown({**results(rows), "comparison": "wscda"})
    assert "`model_best.pth.tar` of CC-SSL zoopose / WS-CDA, then CC-SSL; `last.pth.tar` of WS-CDA, then PPLO; " in text
    assert "one adaptation after another: the last" in text
    assert "one adaptation after another" not in table.markdown(results(rows[:1]))


def results(rows: list) -> dict:
    found = {"scores": rows, "labels": [], "selection": [], "domains": []}
    return {
        "about": "tiny", "comparison": "ccssl", "seeds": [0, 1], "pairs": ["a:b", "a:c"], "machines": ["m"], "code": ["v"],
        "command": "c", "others": {},
        "columns": {"wide": {"options": {"view_scale": 0.4}}},
        **found, "means": scores.summary(found, ["a:b", "a:c"], [0, 1]),
    }  # fmt: skip


def test_tables_say_what_was_measured():
    text = table.markdown(results([*ROWS, scored("a:b", "wide", 0, 0.63)]))
    lines = text.splitlines()
    row = next(line for line in lines if line.startswith("| a -> b"))
    cells = [c.strip() for c in row.strip("|").split("|")]
    assert cells == ["a -> b", "40.0 ± 0.0", "50.0", "65.0 ± 7.1", "80.0"]
    gaps = [line for line in lines if line.startswith("| a -> b ") or line.startswith("| a -> c ")][2:4]
    assert [[c.strip() for c in line.strip("|").split("|")][1:] for line in gaps] == [["25.0", "62.5"], ["-", "25.0"]]
    # the mean over the pairs of a column that has one of two says so
    (mean,) = [line for line in lines[: lines.index(row) + 3] if line.startswith("| mean")]
    assert [c.strip() for c in mean.strip("|").split("|")][1:] == ["30.0", "50.0 (1)", "45.0", "70.0"]

    ablation = next(line for line in lines if line.startswith("| wide: view_scale=0.4"))
    assert [c.strip() for c in ablation.strip("|").split("|")][1:] == ["+3.0", "-", "+3.0"]
    assert "nan" not in text
    assert "No cell is done" in table.markdown(results([]))


def test_far_pairs_and_those_that_settings_were_chosen_on_stand_apart():
    pairs = ["horse:cattle_a", "horse:cattle_b", "horse:cattle_b_third", "synthetic:horse"]
    rows = [scored(pair, "source_strong", 0, 0.1 * i) for i, pair in enumerate(pairs[:3], 1)]
    text = table.markdown({**results(rows), "pairs": pairs, "means": scores.summary(results(rows), pairs, [0])})
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    assert lines[2:7] == [
        ["horse -> cattle_a *", "10.0"],
        ["horse -> cattle_b", "20.0"],
        ["mean", "15.0"],
        ["mean without *", "20.0"],
        ["horse -> cattle_b_third", "30.0"],
    ]
    assert "Settings were chosen on the pairs marked *: horse -> cattle_a and synthetic -> horse." in text


def test_the_readme_changes_between_its_markers(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("before\n<!-- small: begin -->\nold\n<!-- small: end -->\nafter\n")
    table.refresh(path, "small", "new\n")
    table.refresh(path, "small", "new\n")
    assert path.read_text() == "before\n<!-- small: begin -->\n\nnew\n\n<!-- small: end -->\nafter\n"
    path.write_text(path.read_text() + "<!-- small wscda: begin -->\n<!-- small wscda: end -->\n")
    table.refresh(path, "small wscda", "other\n")
    table.refresh(path, "small", "newer\n")
    text = path.read_text()
    assert text.index("newer") < text.index("after") < text.index("other") and "new\n" not in text
    with pytest.raises(DataError, match="full: begin"):
        table.refresh(path, "full", "new\n")


def test_results_are_json(tmp_path):
    scores.write_results(tmp_path / "r.json", {"a": math.nan, "b": [np.float64(1.5)], "c": (1, "x")})
    assert (tmp_path / "r.json").read_text() == '{\n "a": null,\n "b": [\n  1.5\n ],\n "c": [\n  1,\n  "x"\n ]\n}\n'
