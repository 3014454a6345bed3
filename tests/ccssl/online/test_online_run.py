"""Runs of `zoopose ccssl --online`: what is in a batch, label files, and that a stopped run ends as if nothing had been."""

from __future__ import annotations

import csv
import json
import os
import signal

import pytest
import torch

from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.CCSSL import run
from zoopose.ccssl.online import step as online_step
from zoopose.ccssl.online.presets import METHODS
from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.protocol import with_defaults
from zoopose.errors import OptionError
from zoopose.train import loop

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def command(source_data, source_model, tmp_path_factory, tiny_coco, tiny_options):
    """folder, more -> two rounds of one epoch of 3 batches."""
    target = tiny_coco(tmp_path_factory.mktemp("target"), n=14, seed=9, video=True)

    def options(folder, **more):
        own = {"target": f"coco:{target}", "num_epochs": 2, "refresh": 1, "views": 1, "solver": "adam", "online": True}
        data = f"coco:{source_data}"
        more = {**own, "guard_limit": 1e9, **more}
        return CcsslOptions(**tiny_options(folder, source=data, valid=data, resume=str(source_model), **more))

    return options


VARIED = {
    "hard": "jc,jo,joco,jccm",
    "easy_augment": "standard",
    "ramp": "sigmoid",
    "ramp_epochs": 3.0,
    "target_style": 0.5,
}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, command, run_state):
    return run_state(run(command(tmp_path_factory.mktemp("runs") / "whole", **VARIED)), LAST)


def stop_after(monkeypatch, number: int) -> None:
    original, calls = loop._optimise, []

    def counted(*args):
        original(*args)
        calls.append(1)
        if len(calls) == number:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "_optimise", counted)


@pytest.mark.parametrize("number", [1, 4])
def test_stopped_after_a_batch_and_gone_on(tmp_path, monkeypatch, command, uninterrupted, run_state, number):
    with monkeypatch.context() as patch:
        stop_after(patch, number)
        with pytest.raises(KeyboardInterrupt, match="the same command"):
            run(command(tmp_path, **VARIED))
    assert run_state(run(command(tmp_path, **VARIED)), LAST) == uninterrupted


def test_rounds_write_the_same_label_files(uninterrupted):
    assert {"labels_round_00.h5", "labels_round_01.h5"} <= set(uninterrupted)
    facts = [json.loads(uninterrupted[f"labels_round_{r:02d}.h5"]["facts"]) for r in range(2)]
    assert all(f["calibration"]["n"] > 0 for f in facts)
    assert facts[0]["network"] != facts[1]["network"], "the second round's labels are the moved teacher's"
    assert facts[0]["framing"]["zoom"] == facts[1]["framing"]["zoom"]
    assert uninterrupted[f"{LAST}/extra"]["teacher"]["steps"] == 6


def test_a_batch_has_every_hard_view_and_the_teachers_maps(tmp_path, monkeypatch, command):
    seen = []
    original = online_step.OnlineStep.__call__

    def looked_at(step, model, batch):
        seen.append((batch[1], step.gamma, step.pictures, step.target.easy_framing))
        return original(step, model, batch)

    monkeypatch.setattr(online_step.OnlineStep, "__call__", looked_at)
    options = command(tmp_path, hard="jc,none", keep="all", ramp="sigmoid", ramp_epochs=2.0, gamma_=3.0, redraw=True)
    run(options)
    assert len(seen) == 6
    batch, gamma, pictures, framing = seen[3]
    b = options.train_batch
    assert pictures == 3 * b and len(batch["images"]) == len(batch["target"]) == len(batch["weight"]) == 2 * b
    torch.testing.assert_close(batch["target"][:b], batch["target"][b:])
    assert (batch["images"][:b] != batch["images"][b:]).any() and (batch["images"][:b] == 0).any()
    assert batch["target"].amax() == pytest.approx(1, abs=0.2), "Gaussians in place of the teacher's maps"
    assert gamma == pytest.approx(3 * 2.718281828 ** (-5 * 0.25))
    facts = json.loads(run_facts(tmp_path))["framing"]
    assert (framing.zoom, framing.shift) == (facts["zoom"], facts["shift"])


def run_facts(folder) -> str:
    import h5py

    with h5py.File(folder / "labels_round_00.h5") as file:
        return file.attrs["facts"]


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
def test_a_published_method_runs(tmp_path, command, method):
    folder = run(command(tmp_path, method=method, online=False))
    with open(folder / "log.csv", newline="") as file:
        assert all(float(row["train/target"]) > 0 for row in csv.DictReader(file))


def test_options_have_priority_over_a_method():
    options = with_defaults(CcsslOptions(method="udape", keep_share=0.3))
    assert options.online and options.redraw and options.keep_share == 0.3 and options.per == "global"
    assert options.ema == 0.999 and options.loss == "mean"


@pytest.mark.slow
def test_with_itself_as_teacher_there_is_no_average(tmp_path, command, run_state):
    state = run_state(run(command(tmp_path, teacher="self", teacher_norm="batch")), LAST)
    assert "teacher" not in state[f"{LAST}/extra"]


@pytest.mark.slow
def test_calibrated_learns_what_the_round_admits(tmp_path, monkeypatch, command):
    weights = []
    original = online_step.in_hard_view

    def looked_at(spec, maps, xy, kept, *rest, **more):
        weights.append(float(kept.mean()))
        return original(spec, maps, xy, kept, *rest, **more)

    monkeypatch.setattr(online_step, "in_hard_view", looked_at)
    run(command(tmp_path, keep="calibrated", share_first=0.2, share_last=1.0, check_limit=9.0, per="joint"))
    assert 0 < min(weights[:3]) < 1 and weights[3:] == [1.0] * 3


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"ema": 0.0}, "--teacher self"),
        ({"hard": "cut"}, "--hard"),
        ({"protocol": "published", "guard_limit": 0.6}, "--online"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, command, more, text):
    with pytest.raises(OptionError, match=text):
        run(command(tmp_path, **more))
