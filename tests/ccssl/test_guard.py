"""An adaptation that does harm ends, and gives the start network back; one that does none is not touched."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from zoopose import cli
from zoopose.ccssl.CCSSL import LAST, run
from zoopose.ccssl.options import CcsslOptions
from zoopose.errors import OptionError
from zoopose.evaluation import runlog
from zoopose.evaluation.options import load_network
from zoopose.pose.weights import read
from zoopose.train import loop
from zoopose.train.guard import CHANGE, SENTENCE, SHRINK, START, Guard

BEST = "model_best.pth.tar"
HARM = SENTENCE.format(how=SHRINK)


@pytest.fixture(scope="module")
def target_data(tmp_path_factory, tiny_coco):
    return tiny_coco(tmp_path_factory.mktemp("target"), n=9, seed=9)


@pytest.fixture(scope="module")
def command(source_data, source_model, target_data, tiny_options):
    """folder, more -> the same command for any run folder: up to three rounds of one epoch of 2 batches."""

    def options(folder, **more):
        more = {"target": f"coco:{target_data}", "num_epochs": 3, "refresh": 1, "views": 1, "steps": 2, "solver": "adam",
                "check_limit": 9.0, **more}  # fmt: skip
        data = f"coco:{source_data}"
        return CcsslOptions(**tiny_options(folder, source=data, valid=data, resume=str(source_model), **more))

    return options


@pytest.fixture
def scripted(monkeypatch):
    """(distances of the start and of every epoch, spreads) in place of what is measured: nothing hangs on an untrained network.

    The number of epochs that a run has behind it says which is next, as it would for a network.
    """

    def script(*distances: float, spreads: tuple[float, ...] = (0.3, 0.2, 0.2, 0.2, 0.2)) -> None:
        monkeypatch.setattr(Guard, "_measure", lambda guard, *_: (distances[guard.run.epoch], spreads[guard.run.epoch]))

    return script


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return read(path)["state_dict"]


def same(a: Path, b: Path) -> bool:
    first, second = tensors(a), tensors(b)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


@pytest.mark.usefixtures("no_report")
def test_a_run_that_passes_its_limit_ends_and_gives_the_start_back(tmp_path, command, scripted, source_model, caplog):
    scripted(2.0, 3.1, 3.3, 1.0)
    with caplog.at_level("INFO", "zoopose"):
        folder = run(command(tmp_path))
    assert same(folder / BEST, source_model) and not same(folder / LAST, source_model)
    assert read(folder / BEST)["epoch"] == 0 and read(folder / LAST)["epoch"] == 2
    columns = runlog.read(folder)
    np.testing.assert_allclose(columns["guard/box_fill"], [3.1, 3.3])
    np.testing.assert_allclose(columns["guard/limit"], 3.2)
    np.testing.assert_allclose(columns["guard/start"], 2.0)
    assert not (folder / "labels_round_02.h5").exists()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["guard"]["stopped after epoch"] == 2 and metrics["guard"]["outcome"] == HARM
    assert metrics["guard"]["distances"] == [3.1, 3.3] and {"mean", "joints", "protocol"} <= set(metrics)
    lines = caplog.messages
    assert lines[-1] == HARM and str(folder / BEST) in lines[-2]
    assert sum("guard/box_fill" in line for line in lines) == 2
    assert "model_best.pth.tar: the network the run began with" in lines


@pytest.mark.usefixtures("no_report")
def test_its_scores_are_those_of_the_start_network(tmp_path, command, scripted, source_model, source_data):
    scripted(2.0, 9.0)
    folder = run(command(tmp_path / "run"))
    words = ["test", "--dataset", f"coco:{source_data}", "--resume", str(source_model), "--accelerator", "cpu"]
    assert cli.main([*words, "--workers", "0", "--json", str(tmp_path / "s.json"), "--checkpoint", str(tmp_path)]) == 0
    ours, theirs = (json.loads(p.read_text()) for p in (folder / "metrics.json", tmp_path / "s.json"))
    assert (ours["mean"], ours["joints"]) == (theirs["mean"], theirs["joints"])


@pytest.mark.usefixtures("no_report")
def test_a_run_that_ended_so_ends_the_same_way_again_and_after_an_interruption(
    tmp_path, command, scripted, run_state, monkeypatch
):
    scripted(2.0, 2.5, 3.3, 1.0)
    whole = run_state(run(command(tmp_path / "whole")), LAST)
    assert run_state(run(command(tmp_path / "whole")), LAST) == whole
    (tmp_path / "whole" / BEST).unlink()
    assert run_state(run(command(tmp_path / "whole")), LAST) == whole
    original, count = loop._optimise, []

    def stop_at_the_third(*args):
        count.append(original(*args))
        if len(count) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "_optimise", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run(command(tmp_path / "broken"))
    assert run_state(run(command(tmp_path / "broken")), LAST) == whole


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.usefixtures("no_report")
def test_killed_at_any_file_of_its_end_it_ends_the_same_way(tmp_path, command, scripted, run_state, killed, done):
    scripted(2.0, 9.0)
    whole = run_state(run(command(tmp_path / "whole")), LAST)
    for number in range(1, 14):
        folder = tmp_path / f"killed{number}"
        killed(lambda folder=folder: run(command(folder)), at_file=number, done=done)
        assert run_state(run(command(folder)), LAST) == whole, number


@pytest.mark.usefixtures("no_report")
def test_a_limit_that_is_not_passed_changes_no_weight(tmp_path, command, scripted, run_state):
    scripted(2.0, 3.1, 3.2, 3.1999)  # 60 % and no more
    guarded = run_state(run(command(tmp_path / "guarded")), LAST)
    free = run_state(run(command(tmp_path / "free", no_guard=True)), LAST)
    assert not (tmp_path / "free" / START).exists()
    for name in (LAST, BEST):
        for key in ("state_dict", "optimizer", "epoch", "best_acc", "best_epoch", "meter"):
            assert guarded[f"{name}/{key}"] == free[f"{name}/{key}"], (name, key)
    columns = [{k: v for k, v in row.items() if not k.startswith("guard/")} for row in guarded["log.csv"]]
    assert columns == free["log.csv"]
    assert guarded["labels_round_02.h5"] == free["labels_round_02.h5"]


@pytest.mark.usefixtures("no_report")
def test_measuring_changes_no_weight(tmp_path, command, run_state):
    """As it is measured, whatever that is."""
    guarded = run_state(run(command(tmp_path / "guarded", guard_limit=1e9)), LAST)
    free = run_state(run(command(tmp_path / "free", no_guard=True)), LAST)
    assert guarded[f"{LAST}/state_dict"] == free[f"{LAST}/state_dict"]
    state = guarded[f"{LAST}/extra"]["guard"]
    assert len(state["distances"]) == 3 and state["start"] > 0 and state["fill"]["frames"] > 0


@pytest.mark.parametrize(("now", "spread", "how"), [(9.0, 0.2, SHRINK), (9.0, 0.4, CHANGE), (np.nan, np.nan, CHANGE)])
@pytest.mark.usefixtures("no_report")
def test_it_says_which_way_poses_went(tmp_path, command, scripted, now, spread, how):
    scripted(2.0, now, spreads=(0.3, spread))
    folder = run(command(tmp_path, num_epochs=1))
    found = json.loads((folder / "metrics.json").read_text())["guard"]
    assert found["outcome"] == SENTENCE.format(how=how)
    assert found["distances"] == [None if np.isnan(now) else now]


@pytest.mark.usefixtures("no_report")
def test_a_start_that_fills_boxes_as_the_source_does_is_given_some_room(tmp_path, command, scripted, run_state):
    """The limit is no less than by the distance of the source's own labels: what they do cannot be harm."""
    scripted(1e-6, 0.7)
    state = run_state(run(command(tmp_path, num_epochs=1)), LAST)[f"{LAST}/extra"]["guard"]
    assert state["limit"] == pytest.approx(1.6 * max(state["fill"]["own"], 0.5)) and not state["stopped"]


@pytest.mark.usefixtures("no_report")
def test_where_boxes_are_whole_pictures_it_says_that_it_cannot_be_computed(tmp_path, command, target_data, caplog):
    data = json.loads(target_data.read_text())
    for annotation in data["annotations"]:
        annotation["bbox"] = [0, 0, 64, 64]
    whole = target_data.with_name("whole.json")
    whole.write_text(json.dumps(data))
    folder = run(command(tmp_path, num_epochs=1, target=f"coco:{whole}"))
    assert "whole pictures" in caplog.text and not (folder / START).exists()
    assert "guard/box_fill" not in runlog.read(folder)
    assert "cannot be computed" in json.loads((folder / "metrics.json").read_text())["guard"]["outcome"]


@pytest.mark.usefixtures("no_report")
def test_the_end_of_a_run_that_did_harm_is_named_wherever_it_is_used(tmp_path, command, scripted, caplog):
    scripted(2.0, 9.0)
    options = command(tmp_path, num_epochs=1)
    folder = run(options)
    caplog.clear()
    load_network(str(folder / BEST), options.source, options)
    assert HARM not in caplog.text
    load_network(str(folder / LAST), options.source, options)
    assert HARM in caplog.text and LAST in caplog.text


def test_the_report_opens_with_it_and_draws_the_limit(tmp_path, command, scripted):
    scripted(2.0, 9.0)
    folder = run(command(tmp_path, num_epochs=1))
    page = (folder / "report.html").read_text()
    assert page.index("Adaptation did not help here: poses shrink inside their boxes") < page.index(
        "PCK@0.05 per joint"
    )
    assert "Box fill" in page and ">limit<" in page.replace("\n", "").replace(" ", "")
    assert cli.main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_text() == page


def test_a_limit_of_no_guard_is_refused_and_the_published_protocol_says_that_it_has_none(command, tmp_path, caplog):
    with pytest.raises(OptionError, match="one of them"):
        run(command(tmp_path / "both", no_guard=True, guard_limit=0.5))
    with pytest.raises(OptionError, match="--guard-limit 0.5 beside --protocol published"):
        run(CcsslOptions(protocol="published", guard_limit=0.5))
    with pytest.raises(OptionError, match="--guard-limit of at least 0"):
        run(command(tmp_path / "less", guard_limit=-0.1))
