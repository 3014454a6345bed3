"""`zoopose pplo` as users run it: stopped, killed or ended early it comes to the same, and no target label is read."""

from __future__ import annotations

import csv
import json
import os
import signal
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch

from zoopose import cli
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.errors import OptionError
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose.checkpoints import load
from zoopose.pose.weights import read
from zoopose.train import loop, train
from zoopose.train.adaptation import AdaptationStart
from zoopose.train.evidence import Evidence
from zoopose.train.guard import Guard
from zoopose.train.options import TrainOptions
from zoopose.wscda.options import PploOptions
from zoopose.wscda.PPLO import run
from zoopose.wscda.pplo import labeller as mirror_labels
from zoopose.wscda.pplo.refinement import LAST
from zoopose.wscda.pplo.rounds import with_defaults
from zoopose.wscda.pplo.setup import step_for


@pytest.fixture(scope="module")
def start(tmp_path_factory, domains, tiny_options, seeing):
    """A model of the labelled animals, with weights whose outputs are known."""
    data = f"coco:{domains['animal']}"
    options = tiny_options(tmp_path_factory.mktemp("start"), dataset=data, valid=data, epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
        return seeing(train.run(TrainOptions(**options)) / "model_best.pth.tar")


@pytest.fixture(scope="module")
def command(domains, start, tiny_options):
    """folder, more -> the same command for any run folder: two rounds of one epoch of 2 batches, 14 frames in chunks of 4."""

    def options(folder, **more):
        animal, target = (f"coco:{domains[name]}" for name in ("animal", "target"))
        given = {
            "target": target,
            "rounds": 2,
            "refresh": 1,
            "steps": 2,
            "solver": "adam",
            "warmup_epochs": 1,
            "guard_limit": 1e9,  # a network that has hardly learnt anything may do what it likes
            **more,
        }
        return PploOptions(**tiny_options(folder, source=animal, valid=animal, resume=str(start), **given))

    return options


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(mirror_labels, "CHUNK", 4)
    monkeypatch.setattr(mirror_labels, "PARTIAL_SECONDS", 0.0)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, command, run_state):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mirror_labels, "CHUNK", 4)
        patch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
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


def fault():
    raise RuntimeError("broken off")


def test_labels_do_not_depend_on_the_augmentation_they_are_trained_with(tmp_path, command, domains, start, fabric):
    network, animals, target = load(start), CocoKeypoints(domains["animal"]), CocoKeypoints(domains["target"])
    task = SimpleNamespace(folder=RunFolder(tmp_path), plain=network.model, restored={}, patience=0)
    found = []
    for augment in ("none", "strong"):
        options = with_defaults(command(tmp_path, target_augment=augment))
        step = step_for(options, AdaptationStart(animals, animals, target, network, None), fabric, task)
        found.append(step.labeller.label(network.model, 0))
    for name in ("xy_px", "confidence", "peak", "agreement_px"):
        np.testing.assert_array_equal(getattr(found[0], name), getattr(found[1], name), err_msg=name)
    assert np.isfinite(found[0].xy_px).all()


def test_a_run_logs_its_rounds(uninterrupted):
    rows = uninterrupted["log.csv"]
    assert [float(row["labels/weight"]) for row in rows] == [0.5, 1.0]
    assert {"labels/admitted", "labels/replaced", "labels/changed", "val/pck"} <= set(rows[0])
    facts = [json.loads(uninterrupted[f"labels_round_{r:02d}.h5"]["facts"]) for r in range(2)]
    assert [f["share"] for f in facts] == [0.2, 0.8] and facts[0]["network"] != facts[1]["network"]
    assert facts[0]["admitted"] == facts[0]["new"] > 0 and facts[1]["admitted"] > facts[0]["admitted"]
    assert "drift_px" in facts[1] and facts[1]["changed"] > 0


@pytest.mark.usefixtures("no_report")
def test_stopped_in_the_midst_of_a_round_and_gone_on(tmp_path, monkeypatch, command, uninterrupted, run_state):
    with monkeypatch.context() as patch:
        after(patch, loop, "_optimise", 3, interrupt)
        with pytest.raises(KeyboardInterrupt, match="the same command"):
            run(command(tmp_path))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("select", ["quantile", "small_loss"])
def test_broken_off_while_labelling_and_gone_on(tmp_path, monkeypatch, command, uninterrupted, run_state, select):
    """In the second chunk of the second round: what was labelled before is not labelled again."""
    options = command(tmp_path / "parts", select=select)
    whole = uninterrupted if select == "quantile" else run_state(run(command(tmp_path / "whole", select=select)), LAST)
    with monkeypatch.context() as patch:
        after(patch, mirror_labels.MirrorLabeller, "_label_chunk", 6, fault)
        with pytest.raises(RuntimeError, match="broken off"):
            run(options)
    assert len(list((tmp_path / "parts").glob("*.partial.npz"))) == 1
    calls, original = [], mirror_labels.MirrorLabeller._label_chunk
    monkeypatch.setattr(mirror_labels.MirrorLabeller, "_label_chunk", lambda *a: calls.append(1) or original(*a))
    assert run_state(run(options), LAST) == whole
    assert len(calls) == 3 and not list((tmp_path / "parts").glob("*.npz"))


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_labels_that_were_written_just_before_an_end_are_taken(
    tmp_path, monkeypatch, command, uninterrupted, run_state
):
    with monkeypatch.context() as patch:
        after(patch, PseudoLabels, "write", 2, fault)
        with pytest.raises(RuntimeError, match="broken off"):
            run(command(tmp_path))
    monkeypatch.setattr(mirror_labels.MirrorLabeller, "label", lambda *_: pytest.fail("labelled again"))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("at_file", range(1, 24, 3))
def test_killed_at_any_file(tmp_path, command, uninterrupted, run_state, killed, read_everything, at_file):
    options = command(tmp_path)
    killed(lambda: run(options), at_file, at_file % 2 == 1)
    read_everything(tmp_path)
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


@pytest.mark.usefixtures("no_report")
def test_labels_of_the_target_are_never_read(tmp_path, command, domains, uninterrupted, run_state):
    data = json.loads(domains["target"].read_text())
    for annotation in data["annotations"]:
        annotation["keypoints"] = [float("nan")] * len(annotation["keypoints"])
    other = domains["target"].with_name("nan.json")
    other.write_text(json.dumps(data))
    assert run_state(run(command(tmp_path, target=f"coco:{other}")), LAST) == uninterrupted


@pytest.mark.usefixtures("no_report")
def test_a_run_that_ended_early_ends_the_same_way_again(tmp_path, command, run_state, caplog):
    options = command(tmp_path, rounds=4, steps=1, stop_below=100.0)
    with caplog.at_level("INFO", "zoopose"):
        first = run_state(run(options), LAST)
    assert "done after 2 of 4 epochs" in caplog.text and len(first["log.csv"]) == 2
    assert (tmp_path / "labels_round_02.h5").is_file() and not (tmp_path / "labels_round_03.h5").exists()
    assert run_state(run(options), LAST) == first


@pytest.mark.usefixtures("no_report")
def test_a_run_whose_poses_shrink_gives_the_start_back(tmp_path, command, start, monkeypatch, caplog):
    """2.0 of the start, then 3.3, which is more than 60 % above."""
    monkeypatch.setattr(Guard, "_measure", lambda guard, *_: (2.0, 0.3) if not guard.run.epoch else (3.3, 0.2))
    monkeypatch.setattr(Evidence, "_numbers", lambda *_: {"kept_size": 0.8})
    with caplog.at_level("INFO", "zoopose"):
        folder = run(command(tmp_path, guard_limit=0.6))
    best, given = (read(path)["state_dict"] for path in (folder / "model_best.pth.tar", start))
    assert all(torch.equal(best[name], given[name]) for name in given)
    assert "adaptation did not help here: poses shrink" in caplog.messages[-1]
    assert str(folder / "model_best.pth.tar") in caplog.messages[-2] and not (folder / "labels_round_01.h5").exists()
    assert json.loads((folder / "metrics.json").read_text())["guard"]["stopped after epoch"] == 1


def test_the_command_its_files_and_its_report(tmp_path, domains, start, capsys):
    animal, target = (f"coco:{domains[name]}" for name in ("animal", "target"))
    words = [
        "pplo",
        "--animal",
        animal,
        "--valid",
        animal,
        "--target",
        target,
        "--resume",
        str(start),
        "--checkpoint",
        str(tmp_path),
    ]
    words += "--rounds 2 --refresh-every 1 --steps 1 --select self_consistency --grow cosine --per global".split()
    words += "--source-ratio 0.25 --check-limit 0.9 --train-batch 4 --workers 0 --accelerator cpu".split()
    assert cli.main(words) == 0
    for name in ("model_best.pth.tar", LAST, "metrics.json", "report.html", "log.csv", "run.json", "predictions.h5"):
        assert (tmp_path / name).stat().st_size > 0, name
    with h5py.File(tmp_path / "labels_round_01.h5") as file:
        assert {"score", "replaced", "peak", "reason", "admitted", "checks"} <= set(file)
        assert file["score"].shape == (14, 6) and (file["score"][()] <= 0).all()
    facts = json.loads((tmp_path / "run.json").read_text())
    assert facts["method"] == "PPLO" and facts["options"]["num_epochs"] == 2
    page = (tmp_path / "report.html").read_bytes()
    for words in (
        b"Pseudo-labels admitted",
        b"Why labels were left out",
        b"replaced, %",
        b"target labels were not read",
    ):
        assert words in page
    assert cli.main(["report", str(tmp_path)]) == 0
    assert (tmp_path / "report.html").read_bytes() == page
    found = PseudoLabels.read(tmp_path / "labels_round_01.h5")
    assert np.isfinite(found.xy_px).all() and found.admitted.any()


@pytest.mark.parametrize(
    ("more", "told"),
    [({"source": ""}, "--source"), ({"target": ""}, "--target"), ({"resume": ""}, "--resume"), ({"threshold": -1.0}, "--threshold"),
     ({"rounds": 4, "refresh": 1, "num_epochs": 9}, "--num-epochs")],
)  # fmt: skip
def test_what_is_missing_or_does_not_fit_is_named(tmp_path, command, more, told):
    options = replace(command(tmp_path), **more)
    with pytest.raises(OptionError, match=told):
        run(options)
    assert not list(tmp_path.iterdir())


def test_labelled_target_pictures_are_trained_on_and_named_in_the_checkpoint(tmp_path, command, domains, monkeypatch):
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
    few = f"coco:{domains['animal']}"
    folder = run(command(tmp_path, target_labels=few, rounds=1))
    with open(folder / "log.csv", newline="") as file:
        assert all(float(row["train/target_labels"]) > 0 for row in csv.DictReader(file))
    extra = read(folder / LAST)["zoopose"]["run"]["extra"]
    assert extra["target_labels"]["data"] == few and extra["target_labels"]["marks"]
    assert "target labels" in json.loads((folder / "run.json").read_text())["data"]
