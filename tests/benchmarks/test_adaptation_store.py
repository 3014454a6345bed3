"""Committed scores: a cell that is there is not run, one of other options is refused, and the file says what was measured."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from zoopose.benchmarks.adaptation import run as runs
from zoopose.benchmarks.adaptation import store as stores
from zoopose.benchmarks.adaptation.columns import columns_of
from zoopose.benchmarks.adaptation.config import COLUMNS, CONFIGS, PAIRS
from zoopose.benchmarks.adaptation.data import prepare, synthetic
from zoopose.benchmarks.adaptation.facing import facing_right
from zoopose.benchmarks.adaptation.plan import Plan, build
from zoopose.benchmarks.adaptation.recipes import SYNTHETIC, Recipes, difference
from zoopose.errors import DataError, OptionError

SMALL = CONFIGS["small"]


@pytest.fixture
def planned(livestock):
    """(run folder, columns, changes, pairs) -> plan."""

    def plan(run, names, changes=(), pairs=("pony:cow",), seeds=(0,)) -> Plan:
        def animals(name, common):
            return synthetic(run, name) if name in SYNTHETIC else prepare(livestock, run, name, SMALL, common)

        return build(SMALL, list(pairs), columns_of(names, False, changes), list(seeds), animals)

    return plan


@pytest.fixture
def calls(monkeypatch):
    """Names of the cells that a child process would work on, by kind; it writes what `measure` would."""
    found = []

    def child(self, arguments, folder, handle):
        kind = "train" if "zoopose.cli" in arguments else "measure"
        found.append((kind, "/".join(folder.relative_to(self.run / "cells").parts)))
        if kind == "measure":
            wanted = json.loads((folder / runs.CELL).read_text())["measure"]
            counts = {kind: {"right": [3, 4], "n": [5, 6]} for kind in stores.KINDS}
            parts = {part: {**counts, "facing": {"right": [7], "n": [8]}} for part in wanted["parts"]}
            points = [{"path": f"cells/x/{name}", "epoch": i, "parts": parts} for i, name in enumerate("ab")]
            measured = {"measure": wanted, "joints": ["mouth", "tail"], "checkpoints": points, "rounds": [], "log": {}}
            (folder / runs.SCORES).write_text(json.dumps(measured))
        runs._add_times(folder / runs.TIMES, kind, 60.0, 30.0)

    monkeypatch.setattr(runs.Runner, "_child", child)
    return found


def test_another_machine_goes_on_where_this_one_stopped(tmp_path, planned, calls):
    store = stores.Store(tmp_path / "committed", "a machine")
    names = ["source_strong", "zoopose", "oracle"]
    assert runs.Runner(tmp_path / "one", planned(tmp_path / "one", names), store=store)()
    assert len([c for c in calls if c[0] == "train"]) == 3
    files = {str(p.relative_to(store.folder)) for p in store.folder.rglob("*.json")}
    assert files == {
        "pony-cow/source_strong-seed0.json", "pony-cow/zoopose-seed0.json", "oracle/cow-fold0-seed0.json"
    }  # fmt: skip
    calls.clear()
    # a new run folder: nothing to do
    other = runs.Runner(tmp_path / "two", planned(tmp_path / "two", names), store=store)
    assert other.left() == {} and other() and calls == []
    # one column more: its start is made again, and nothing else
    more = planned(tmp_path / "two", [*names, "pplo"])
    other = runs.Runner(tmp_path / "two", more, store=store)
    assert list(other.left()) == ["source/pony-strong-seed0", "pony-cow/pplo-seed0"]
    assert other() and [c for c in calls if c[0] == "train"] == [
        ("train", "source/pony-strong-seed0"), ("train", "pony-cow/pplo-seed0")
    ]  # fmt: skip


def test_a_run_folder_without_committed_scores_gives_them(tmp_path, planned, calls):
    plan = planned(tmp_path / "run", ["zoopose"])
    assert runs.Runner(tmp_path / "run", plan)()
    calls.clear()
    folder = tmp_path / "run" / "cells" / "pony-cow" / "zoopose-seed0"
    for name in ("model_best", "last", "checkpoint_1", "checkpoint_2"):
        (folder / f"{name}.pth.tar").write_text("")
    assert runs.Runner(tmp_path / "run", plan)() and len(list(folder.glob("checkpoint_*"))) == 2
    store = stores.Store(tmp_path / "committed")
    assert runs.Runner(tmp_path / "run", plan, store=store)() and calls == []
    assert store.path("pony-cow/zoopose-seed0").is_file()
    # what is scored and committed needs no checkpoints of single epochs
    assert {path.name for path in folder.glob("*.pth.tar")} == {"model_best.pth.tar", "last.pth.tar"}


def test_a_file_says_what_was_measured(tmp_path, planned, calls):
    store = stores.Store(tmp_path / "committed", "a machine")
    plan = planned(tmp_path / "run", ["source_strong", "zoopose"])
    assert runs.Runner(tmp_path / "run", plan, store=store)()
    found = store.read("pony-cow/zoopose-seed0")
    assert found["machine"] == "a machine" and found["code"] and found["command"].startswith("zoopose ccssl")
    assert found["seconds"] == {"wall": 60.0, "processor": 30.0}
    assert [point["name"] for point in found["checkpoints"]] == ["start", "b"] and found["start"] is True
    assert found["recipe"]["start"]["train"] == "pony" and len(found["key"]) == 16
    assert set(found["data"]) >= {"data/cow/all.json", "data/pony/train.json"}
    counts = store.matching(plan.cells["pony-cow/zoopose-seed0"].recipe)["checkpoints"][1]["parts"]["held"]
    assert counts == {
        **{kind: {"right": [3, 4], "n": [5, 6]} for kind in stores.KINDS},
        "facing": {"right": [7], "n": [8]},
    }
    # of a cell that only scores a network, the times are those of its training
    assert store.read("pony-cow/source_strong-seed0")["seconds"]["wall"] == 60.0


def test_scores_of_other_options_are_not_mixed(tmp_path, planned, calls):
    store = stores.Store(tmp_path / "committed")
    assert runs.Runner(tmp_path / "run", planned(tmp_path / "run", ["zoopose"]), store=store)()
    calls.clear()
    # another rate of the source model changes the adaptation too, though its command is the same
    changed = planned(tmp_path / "run", ["zoopose"], ["source_strong.lr=0.5"])
    elsewhere = runs.Runner(
        tmp_path / "new", planned(tmp_path / "new", ["zoopose"], ["source_strong.lr=0.5"]), store=store
    )
    with pytest.raises(OptionError, match=r"(?s)start\.options\.lr: 0\.001 there, 0\.5 now.*--replace"):
        elsewhere.check()
    here = runs.Runner(tmp_path / "run", changed, store=store)
    with pytest.raises(OptionError, match="--replace"):
        here.check()
    here.check(replace=True)
    assert here() and {name for kind, name in calls if kind == "train"} == {
        "source/pony-strong-seed0", "pony-cow/zoopose-seed0"
    }  # fmt: skip
    assert store.read("pony-cow/zoopose-seed0")["recipe"]["start"]["options"]["lr"] == "0.5"
    here.check()


def test_scores_of_other_data_are_not_mixed(tmp_path, planned, calls, livestock):
    store = stores.Store(tmp_path / "committed")
    assert runs.Runner(tmp_path / "one", planned(tmp_path / "one", ["zoopose"]), store=store)()
    path = livestock / "cow" / "all.json"
    path.write_text(path.read_text().replace('"bbox": [12', '"bbox": [11'))
    with pytest.raises(OptionError, match="other data in data/cow/all.json"):
        runs.Runner(tmp_path / "two", planned(tmp_path / "two", ["zoopose"]), store=store).check()


def test_a_damaged_file_is_named(tmp_path):
    store = stores.Store(tmp_path)
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(DataError, match=r"a\.json"):
        store.read("a")
    assert store.read("b") == {}


def test_recipes_are_spelled_as_the_command_line_does():
    recipes = [
        Recipes(SMALL, columns_of(["zoopose"], False, change))
        for change in ([], ["zoopose.lr=5e-4"], ["zoopose.lr=0.0005"])
    ]
    keys = [r.adapted("a:b", "zoopose", 0).key for r in recipes]
    assert keys[0] == keys[2] != keys[1]  # 5e-4 as a text is another text
    free = replace(SMALL, training={**SMALL.training, "workers": 7})
    assert Recipes(free, dict(COLUMNS)).adapted("a:b", "zoopose", 0).key == keys[0]
    # one source and one oracle for all pairs of the same joints, another seed is another cell
    whole = Recipes(SMALL, dict(COLUMNS))
    assert whole.start("a:b", "zoopose", 0) == whole.start("a:c", "pplo", 0) != whole.start("a:c", "pplo", 1)
    assert whole.oracle("a:c", "oracle", 0, 0) == whole.oracle("b:c", "oracle", 0, 0)
    assert whole.oracle("synthetic:c", "oracle", 0, 0) != whole.oracle("b:c", "oracle", 0, 0)
    assert difference({"a": {"b": 1}}, {"a": {"b": 1}, "c": 2}) == "c: not set there, 2 now"
    assert difference({"a": 1}, {"a": 1}) == ""


def test_far_pairs_have_few_columns_unless_they_are_asked_for(tmp_path, planned, monkeypatch):
    monkeypatch.setitem(PAIRS, "far", ("pony:cow",))
    plan = planned(tmp_path, [], seeds=())
    assert {column for _, column, _ in plan.scores} == {name for name, column in COLUMNS.items() if column.far}
    assert {seed for _, column, seed in plan.scores if column == "oracle"} == {0, 1, 2}
    assert {seed for _, column, seed in plan.scores if column == "published"} == {0}
    assert {column for _, column, _ in planned(tmp_path, ["pplo"]).scores} == {"pplo"}


def test_a_few_labels_are_of_what_an_oracle_learns_from(tmp_path, planned, monkeypatch):
    columns = {"few": replace(COLUMNS["few_5"], few=2), "more": replace(COLUMNS["few_5"], few=3)}
    monkeypatch.setattr("zoopose.benchmarks.adaptation.columns.COLUMNS", {**COLUMNS, **columns})
    run = tmp_path / "run"
    plan = planned(run, ["few", "more"], pairs=("pony:cow", "cow:pony"), seeds=(0, 1))
    names = {}
    for name, cell in plan.cells.items():
        if "target-labels" in " ".join(cell.command):
            file = cell.command[cell.command.index("--target-labels") + 1].removeprefix("coco:")
            names[name] = {image["file_name"] for image in json.loads((run / file).read_text())["images"]}
    assert len(names["pony-cow/few-seed0"]) == 2 and names["pony-cow/few-seed0"] < names["pony-cow/more-seed0"]
    assert any(names[f"pony-cow/{n}-seed0"] != names[f"pony-cow/{n}-seed1"] for n in columns)
    parts = json.loads((run / plan.cells["pony-cow/more-seed0"].measure["parts_of"]).read_text())
    labelled = {i for i in parts["all"] + parts["held"] if i.partition("#")[0] in names["pony-cow/more-seed0"]}
    assert not labelled and len(parts["all"]) == 9 and set(parts["held"]) <= set(parts["all"])
    # of an animal with a split: of its training pictures, and scored on all of its test pictures
    assert all("train_" in name for name in names["cow-pony/few-seed0"])
    assert json.loads((run / plan.cells["cow-pony/few-seed0"].measure["parts_of"]).read_text())["all"] is None
    with pytest.raises(DataError, match="5 labelled pictures of pony"):
        planned(run, ["few_5"], pairs=("cow:pony",))


def test_facing_in_closed_form():
    joints = ("mouth", "ear", "tail")
    true = np.tile(np.array([[10.0, 0], [8, 0], [0, 0]]), (5, 1, 1))
    found = true.copy()
    found[1, :2] = -5  # the other way
    found[2, 0] = -5  # only the mouth, and the ear counts
    found[3, 0] = np.nan
    visible = np.ones((5, 3), bool)
    visible[3, 1] = False  # the mouth counts, and was not found
    visible[4, 2] = False  # no tail
    assert facing_right(found, true, visible, joints) == (2, 4)
    assert facing_right(found[:, :2], true[:, :2], visible[:, :2], joints[:2]) == (0, 0)
