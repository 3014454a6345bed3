"""An adaptation that was stopped or killed, in training or in labelling, ends as if nothing had been; labels are not read."""

from __future__ import annotations

import json
import os
import random
import signal

import numpy as np
import pytest

from zoopose.ccssl import adaptation, labelling
from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.CCSSL import run
from zoopose.ccssl.options import CcsslOptions
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.train import adaptation as adapting
from zoopose.train import loop

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def target_data(tmp_path_factory, tiny_coco):
    return tiny_coco(tmp_path_factory.mktemp("target"), n=14, seed=9, video=True)


@pytest.fixture(scope="module")
def command(source_data, source_model, target_data, tiny_options):
    """folder, more -> the same command for any run folder: two rounds of one epoch of 3 batches, 14 frames in chunks of 4."""

    def options(folder, **more):
        more = {"target": f"coco:{target_data}", "num_epochs": 2, "refresh": 1, "views": 2, "solver": "adam", **more}
        more = {"guard_limit": 1e9, **more}  # a network that has hardly learnt anything may do what it likes
        data = f"coco:{source_data}"
        return CcsslOptions(**tiny_options(folder, source=data, valid=data, resume=str(source_model), **more))

    return options


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(labelling, "CHUNK", 4)
    monkeypatch.setattr(labelling, "PARTIAL_SECONDS", 0.0)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, command, run_state):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labelling, "CHUNK", 4)
        folder = run(command(tmp_path_factory.mktemp("runs") / "whole"))
    assert not list(folder.glob("*.npz"))
    return run_state(folder, LAST)


def after(monkeypatch, place, name: str, number: int, act) -> None:
    """Call `act` after the `number`-th call of a function from now."""
    count, original = 0, getattr(place, name)

    def counted(*args, **kwargs):
        nonlocal count
        result = original(*args, **kwargs)
        count += 1
        if count == number:
            act()
        return result

    monkeypatch.setattr(place, name, counted)


def interrupt():
    os.kill(os.getpid(), signal.SIGINT)


def test_the_same_command_twice_gives_the_same_run(tmp_path, command, uninterrupted, run_state):
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted
    assert {"labels_round_00.h5", "labels_round_01.h5"} <= set(uninterrupted)


def test_by_default_a_teacher_follows_every_batch_and_labels_are_calibrated(uninterrupted):
    teacher = uninterrupted[f"{LAST}/extra"]["teacher"]
    assert teacher["steps"] == 6 and teacher["weights"] != uninterrupted[f"{LAST}/state_dict"]
    facts = [json.loads(uninterrupted[f"labels_round_{r:02d}.h5"]["facts"]) for r in range(2)]
    assert all(f["calibration"]["n"] > 0 for f in facts)
    assert [len(f["framing"]["agreement"]) for f in facts] == [9, 0], "the framing is found once"
    assert [f["framing"][k] for f in facts for k in ("zoom", "shift")][:2] == [
        facts[1]["framing"][k] for k in ("zoom", "shift")
    ]
    assert facts[0]["network"] != facts[1]["network"], "the second round's labels are the moved teacher's"
    assert {"selfcheck/score", "selfcheck/views", "selfcheck/teacher"} <= set(uninterrupted["log.csv"][0])


def test_the_start_sees_its_spots_by_a_wide_margin(uninterrupted):
    """What these tests show must not hang on rounding: every round admits its whole share, and has a clear peak everywhere."""
    for round_, share in enumerate((0.15, 0.5)):
        labels = uninterrupted[f"labels_round_{round_:02d}.h5"]
        assert np.mean(json.loads(labels["admitted"].lower())) == pytest.approx(share, abs=0.01)
        assert np.min(json.loads(labels["peak"])) > 0.05


def test_without_teacher_calibration_and_framing_it_goes_on_just_so(tmp_path, monkeypatch, command, run_state):
    # a network of one epoch passes no check within the usual limit
    plain = {
        "ema": 0.0,
        "confidence": "peak",
        "no_framing": True,
        "select": "source",
        "check_limit": 9.0,
        "target_style": 0.5,
    }
    whole = run_state(run(command(tmp_path / "whole", **plain)), LAST)
    with monkeypatch.context() as patch:
        after(patch, loop, "_optimise", 4, interrupt)
        with pytest.raises(KeyboardInterrupt, match="the same command"):
            run(command(tmp_path / "parts", **plain))
    assert run_state(run(command(tmp_path / "parts", **plain)), LAST) == whole
    facts = json.loads(whole["labels_round_01.h5"]["facts"])
    assert "teacher" not in whole[f"{LAST}/extra"] and "calibration" not in facts
    assert facts["framing"] == {"zoom": 1.0, "shift": 0.0, "agreement": []}
    assert "selfcheck/score" not in whole["log.csv"][0]


@pytest.mark.parametrize("number", [1, 5])
def test_stopped_after_a_batch_and_gone_on(tmp_path, monkeypatch, command, uninterrupted, run_state, number):
    with monkeypatch.context() as patch:
        after(patch, loop, "_optimise", number, interrupt)
        with pytest.raises(KeyboardInterrupt, match="the same command"):
            run(command(tmp_path))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


@pytest.mark.parametrize("number", [2, 6])
def test_broken_off_while_labelling_and_gone_on(tmp_path, monkeypatch, command, uninterrupted, run_state, number):
    """Chunk 2 is in the first round, chunk 6 in the second; what was labelled before is not labelled again."""

    def fault():
        raise RuntimeError("out of memory")

    with monkeypatch.context() as patch:
        after(patch, labelling, "label_views", number, fault)
        with pytest.raises(RuntimeError, match="memory"):
            run(command(tmp_path))
    assert len(list(tmp_path.glob("*.partial.npz"))) == 1
    calls = []
    after(monkeypatch, labelling, "label_views", 1, lambda: calls.append(1))
    counted = labelling.label_views
    monkeypatch.setattr(labelling, "label_views", lambda *a, **k: calls.append(0) or counted(*a, **k))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted
    assert calls.count(0) == 8 - (number - 1)
    assert not list(tmp_path.glob("*.npz"))


# files: run.json; the partial labels of four chunks and the labels of round 0; log.csv, log.txt, model_best, last; round 1 ...
@pytest.mark.parametrize(("at_file", "done"), [(3, True), (9, True)])
def test_killed_and_gone_on(tmp_path, command, uninterrupted, run_state, killed, read_everything, at_file, done):
    options = command(tmp_path)
    assert killed(lambda: run(options), at_file, done) == -signal.SIGKILL
    assert read_everything(tmp_path) >= 2
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


def save_every_batch(monkeypatch) -> None:
    original = adaptation.open_run

    def opened(*args, **kwargs):
        task = original(*args, **kwargs)
        task.save_seconds = 0
        return task

    monkeypatch.setattr(adaptation, "open_run", opened)


@pytest.mark.slow
@pytest.mark.parametrize("at_file", range(1, 30, 3))
def test_killed_at_any_file(tmp_path, monkeypatch, command, uninterrupted, run_state, killed, read_everything, at_file):
    save_every_batch(monkeypatch)
    options = command(tmp_path)
    killed(lambda: run(options), at_file, at_file % 2 == 1)
    read_everything(tmp_path)
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_killed_again_and_again_at_random_moments(
    tmp_path, monkeypatch, command, uninterrupted, run_state, killed, read_everything, seed
):
    save_every_batch(monkeypatch)
    options, moments = command(tmp_path), random.Random(seed)
    for _ in range(3):
        killed(lambda: run(options), after_s=moments.uniform(0.1, 2.5))
        read_everything(tmp_path)
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


def rewritten(path, name: str, change) -> str:
    """The COCO file beside itself, with every annotation's keypoints changed."""
    data = json.loads(path.read_text())
    for annotation in data["annotations"]:
        change(annotation)
    other = path.with_name(name)
    other.write_text(json.dumps(data))
    return f"coco:{other}"


@pytest.mark.parametrize("how", ["nan", "removed", "labelled object"])
def test_labels_of_the_target_are_never_read(
    tmp_path, monkeypatch, command, target_data, uninterrupted, run_state, how
):
    target = f"coco:{target_data}"
    if how == "nan":
        target = rewritten(target_data, "nan.json", lambda a: a.update(keypoints=[float("nan")] * len(a["keypoints"])))
    elif how == "removed":
        target = rewritten(target_data, "removed.json", lambda a: a.pop("keypoints"))
    else:
        labelled = CocoKeypoints(target_data)
        assert labelled.labels is not None
        monkeypatch.setattr(adapting, "open_target", lambda *_: labelled)
    assert run_state(run(command(tmp_path, target=target)), LAST) == uninterrupted


def test_labels_of_another_run_in_the_folder_are_not_taken(tmp_path, command, uninterrupted, run_state):
    run(command(tmp_path, num_epochs=3, share_first=0.9, views=1, flow="none"))
    assert (tmp_path / "labels_round_02.h5").is_file()
    assert run_state(run(command(tmp_path, restart=True)), LAST) == uninterrupted


def test_labels_made_before_the_first_checkpoint_serve_only_the_same_options(tmp_path, monkeypatch, command):
    for options in (command(tmp_path), command(tmp_path, views=1, share_first=0.5)):
        with monkeypatch.context() as patch:
            patch.setattr(loop, "_optimise", lambda *_: (_ for _ in ()).throw(RuntimeError("stop")))
            with pytest.raises(RuntimeError, match="stop"):
                run(options)
        labels = PseudoLabels.read(tmp_path / "labels_round_00.h5")
        assert labels.facts["views"] == 1 + options.views and labels.facts["share"] == (options.share_first or 0.15)
