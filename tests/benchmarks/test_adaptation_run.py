"""Cells are skipped when done, go on when stopped, and wait for each other; runs themselves are stood in for by files."""

from __future__ import annotations

import json
import os
import signal
import threading

import pytest

from zoopose.benchmarks.adaptation import run as runs
from zoopose.benchmarks.adaptation.config import CONFIGS
from zoopose.benchmarks.adaptation.plan import Cell, Plan
from zoopose.errors import OptionError


def plan_of(*cells: Cell) -> Plan:
    return Plan(CONFIGS["small"], {cell.name: cell for cell in cells})


@pytest.fixture
def stage(monkeypatch):
    """Children that write what they should, noted in `calls`; those in `broken` fail."""
    calls, broken = [], set()

    def child(self, arguments, folder, handle):
        name = "/".join(folder.relative_to(self.run / "cells").parts)
        kind = "train" if "zoopose.cli" in arguments else "measure"
        calls.append((kind, name))
        if (kind, name) in broken:
            raise OptionError("to end well", "code 1")
        if kind == "measure":
            cell = json.loads((folder / runs.CELL).read_text())
            (folder / runs.SCORES).write_text(json.dumps({"measure": cell["measure"]}))

    monkeypatch.setattr(runs.Runner, "_child", child)
    return calls, broken


START = Cell("source/a", (), ("train", "--lr", "1", "--workers", "0"))
SCORED = Cell("a-b/source", ("source/a",), (), {"scored": "x"})
ADAPTED = Cell("a-b/zoopose", ("source/a",), ("ccssl",), {"scored": "x"})


@pytest.mark.parametrize("jobs", [1, 3])
def test_each_cell_once_in_order_and_never_again(tmp_path, stage, jobs):
    calls, _ = stage
    plan = plan_of(START, SCORED, ADAPTED)
    assert runs.Runner(tmp_path, plan, jobs)()
    assert calls[0] == ("train", "source/a")
    assert sorted(calls[1:]) == [("measure", "a-b/source"), ("measure", "a-b/zoopose"), ("train", "a-b/zoopose")]
    calls.clear()
    assert runs.Runner(tmp_path, plan, jobs)()
    assert calls == []


def test_a_cell_stopped_between_training_and_measuring_is_only_measured(tmp_path, stage):
    calls, broken = stage
    broken.add(("measure", "a-b/zoopose"))
    assert not runs.Runner(tmp_path, plan_of(START, ADAPTED))()
    calls.clear(), broken.clear()
    assert runs.Runner(tmp_path, plan_of(START, ADAPTED))()
    assert calls == [("measure", "a-b/zoopose")]


def test_what_failed_stops_only_what_waits_for_it(tmp_path, stage):
    calls, broken = stage
    broken.add(("train", "source/a"))
    other = Cell("oracle/b", (), ("train",), {"scored": "y"})
    runner = runs.Runner(tmp_path, plan_of(START, SCORED, ADAPTED, other))
    assert not runner()
    assert list(runner.failed) == ["source/a"]
    assert calls == [("train", "source/a"), ("train", "oracle/b"), ("measure", "oracle/b")]


def test_other_options_are_refused_other_workers_are_not(tmp_path, stage):
    runs.Runner(tmp_path, plan_of(START))()
    runs.Runner(tmp_path, plan_of(Cell("source/a", (), ("train", "--lr", "1", "--workers", "4")))).check()
    with pytest.raises(OptionError, match="--lr 2"):
        runs.Runner(tmp_path, plan_of(Cell("source/a", (), ("train", "--lr", "2")))).check()


def test_a_new_way_to_measure_measures_again(tmp_path, stage):
    calls, _ = stage
    runs.Runner(tmp_path, plan_of(START, SCORED))()
    calls.clear()
    runs.Runner(tmp_path, plan_of(START, Cell("a-b/source", ("source/a",), (), {"scored": "z"})))()
    assert calls == [("measure", "a-b/source")]


def test_a_cell_is_worked_on_by_one_process(tmp_path, stage):
    folder = tmp_path / "cells" / START.name
    folder.mkdir(parents=True)
    runner = runs.Runner(tmp_path, plan_of(START))
    with runs._held(folder):
        assert not runner()
    assert "another process" in runner.failed[START.name]


def test_a_signal_ends_the_children_and_leaves_the_rest(tmp_path, monkeypatch):
    real = runs.Runner._child
    sleep = ["-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(
        runs.Runner, "_child", lambda self, arguments, folder, handle: real(self, sleep, folder, handle)
    )
    runner = runs.Runner(tmp_path, plan_of(START, SCORED))

    def ask():
        while not runner._children:
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=ask)
    thread.start()
    with pytest.raises(KeyboardInterrupt, match="goes on"):
        runner()
    thread.join()
    assert not runner.done(START) and not runner._children
    assert json.loads((tmp_path / "cells" / START.name / runs.TIMES).read_text())["measure_s"] < 50


def test_what_a_child_says_is_kept_and_shown_when_it_fails(tmp_path, monkeypatch):
    real = runs.Runner._child
    fail = ["-c", "import os; print('no picture', os.environ['OMP_NUM_THREADS']); raise SystemExit(2)"]
    monkeypatch.setattr(runs.Runner, "_child", lambda self, arguments, folder, handle: real(self, fail, folder, handle))
    runner = runs.Runner(tmp_path, plan_of(START), jobs=2, threads=6)
    assert not runner()
    assert "no picture 3" in runner.failed[START.name] and "code 2" in runner.failed[START.name]
