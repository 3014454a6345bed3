"""An adaptation that does harm ends, and gives the start network back; one that does none is not touched."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from zoopose import cli
from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.CCSSL import run
from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.protocol import with_defaults
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.errors import OptionError
from zoopose.evaluation.network import load_network
from zoopose.evaluation.run_folder import RunFolder
from zoopose.evaluation.run_log import read_log
from zoopose.pose.skeleton import Skeleton
from zoopose.pose.weights import read
from zoopose.progress import log
from zoopose.train import loop
from zoopose.train.adaptation import guard_for
from zoopose.train.evidence import Evidence
from zoopose.train.guard import CHANGE, SENTENCE, SHRINK, Guard

BEST = "model_best.pth.tar"
HARM = SENTENCE.format(how=SHRINK)


@pytest.fixture(scope="module")
def target_data(tmp_path_factory, tiny_coco):
    return tiny_coco(tmp_path_factory.mktemp("target"), n=9, seed=9)


@pytest.fixture(scope="module")
def command(source_data, source_model, target_data, tiny_options):
    """folder, more -> the same command for any run folder: two rounds of one epoch of one batch."""

    def options(folder, **more):
        more = {"target": f"coco:{target_data}", "num_epochs": 2, "refresh": 1, "views": 1, "steps": 1, "solver": "adam",
                "check_limit": 9.0, **more}  # fmt: skip
        data = f"coco:{source_data}"
        return CcsslOptions(**tiny_options(folder, source=data, valid=data, resume=str(source_model), **more))

    return options


def follow(patch, *distances: float, spreads: tuple[float, ...] = (0.3, 0.2, 0.2, 0.2)) -> None:
    """Distances of the start and of every epoch in place of what is measured: nothing hangs on an untrained network.

    The number of epochs that a run has behind it says which is next, as it would for a network.
    """
    patch.setattr(Guard, "_measure", lambda guard, *_: (distances[guard.run.epoch], spreads[guard.run.epoch]))
    patch.setattr(Evidence, "_numbers", lambda evidence, *_: {"kept_size": 0.8 if evidence.run.epoch else 1.0})


@pytest.fixture(scope="module")
def harmful(tmp_path_factory, command):
    """A finished run that passed its limit after its second epoch of three, its options, and what it said."""
    folder, said = tmp_path_factory.mktemp("runs") / "harmful", []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    options = command(folder, num_epochs=3)
    level = log.level
    log.addHandler(handler)
    log.setLevel("INFO")
    with pytest.MonkeyPatch.context() as patch:
        follow(patch, 2.0, 3.1, 3.3, 1.0)
        run(options)
    log.removeHandler(handler)
    log.setLevel(level)
    return folder, options, said


@pytest.fixture(scope="module")
def free(tmp_path_factory, command, run_state):
    """A run without a guard, and its state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
        folder = run(command(tmp_path_factory.mktemp("runs") / "free", no_guard=True))
    return folder, run_state(folder, LAST)


def tensors(path: Path) -> dict[str, torch.Tensor]:
    return read(path)["state_dict"]


def same(a: Path, b: Path) -> bool:
    first, second = tensors(a), tensors(b)
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


def test_a_run_that_passes_its_limit_ends_and_gives_the_start_back(harmful, source_model):
    folder, _, said = harmful
    assert same(folder / BEST, source_model) and not same(folder / LAST, source_model)
    assert read(folder / BEST)["epoch"] == 0 and read(folder / LAST)["epoch"] == 2
    columns = read_log(folder)
    np.testing.assert_allclose(columns["guard/box_fill"], [3.1, 3.3])
    np.testing.assert_allclose(columns["guard/limit"], 3.2)
    np.testing.assert_allclose(columns["guard/start"], 2.0)
    assert not (folder / "labels_round_02.h5").exists()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["guard"]["stopped after epoch"] == 2 and metrics["guard"]["outcome"] == HARM
    assert metrics["guard"]["distances"] == [3.1, 3.3] and {"mean", "joints", "protocol"} <= set(metrics)
    assert said[-1] == HARM and str(folder / BEST) in said[-2]
    assert sum("guard/box_fill" in line for line in said) == 2
    assert "model_best.pth.tar: the network the run began with" in said


def test_its_scores_are_those_of_the_start_network(harmful, tmp_path, source_model, source_data):
    words = ["test", "--dataset", f"coco:{source_data}", "--resume", str(source_model), "--accelerator", "cpu"]
    assert cli.main([*words, "--workers", "0", "--json", str(tmp_path / "s.json"), "--checkpoint", str(tmp_path)]) == 0
    ours, theirs = (json.loads(p.read_text()) for p in (harmful[0] / "metrics.json", tmp_path / "s.json"))
    assert (ours["mean"], ours["joints"]) == (theirs["mean"], theirs["joints"])


def test_its_report_opens_with_it_and_draws_the_limit(harmful, tmp_path):
    page = (harmful[0] / "report.html").read_text()
    assert page.index("Adaptation did not help here: poses shrink inside their boxes") < page.index(
        "PCK@0.05 per joint"
    )
    assert "Box fill" in page and "limit" in page[page.index("Box fill") :]
    copied = Path(shutil.copytree(harmful[0], tmp_path / harmful[0].name))
    assert cli.main(["report", str(copied)]) == 0
    assert (copied / "report.html").read_text() == page


def test_its_end_is_named_wherever_it_is_used(harmful, caplog):
    folder, options, _ = harmful
    load_network(str(folder / BEST), options.source, options)
    assert HARM not in caplog.text
    load_network(str(folder / LAST), options.source, options)
    assert HARM in caplog.text and LAST in caplog.text


@pytest.mark.usefixtures("no_report")
def test_it_ends_the_same_way_again_and_after_an_interruption(harmful, tmp_path, command, run_state, monkeypatch):
    follow(monkeypatch, 2.0, 3.1, 3.3, 1.0)
    whole = run_state(harmful[0], LAST)
    again = Path(shutil.copytree(harmful[0], tmp_path / "again"))
    (again / BEST).unlink()
    assert run_state(run(command(again, num_epochs=3)), LAST) == whole
    original, count = loop._optimise, []

    def stop_at_the_second(*args):
        count.append(original(*args))
        if len(count) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "_optimise", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run(command(tmp_path / "broken", num_epochs=3))
    assert run_state(run(command(tmp_path / "broken", num_epochs=3)), LAST) == whole


@pytest.mark.slow
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.usefixtures("no_report")
def test_killed_at_any_file_of_its_end_it_ends_the_same_way(tmp_path, command, run_state, killed, monkeypatch, done):
    follow(monkeypatch, 2.0, 9.0)
    whole = run_state(run(command(tmp_path / "whole")), LAST)
    for number in range(1, 14):
        folder = tmp_path / f"killed{number}"
        killed(lambda folder=folder: run(command(folder)), at_file=number, done=done)
        assert run_state(run(command(folder)), LAST) == whole, number


@pytest.mark.usefixtures("no_report")
def test_a_limit_that_is_not_passed_changes_no_weight(tmp_path, command, run_state, free):
    """With distances as they are measured, whatever they are."""
    folder, without = free
    assert not (folder / RunFolder.START).exists()
    guarded = run_state(run(command(tmp_path, guard_limit=1e9)), LAST)
    for name in (LAST, BEST):
        for key in ("state_dict", "optimizer", "epoch", "best_acc", "best_epoch", "meter"):
            assert guarded[f"{name}/{key}"] == without[f"{name}/{key}"], (name, key)
    columns = [{k: v for k, v in row.items() if not k.startswith("guard/")} for row in guarded["log.csv"]]
    assert columns == without["log.csv"]
    assert guarded["labels_round_01.h5"] == without["labels_round_01.h5"]
    state = guarded[f"{LAST}/extra"]["guard"]
    assert len(state["distances"]) == 2 and state["start"] > 0 and state["fill"]["frames"] > 0
    # a run of an earlier version, which knew no guard, is gone on with as it was begun
    more = run(replace(command(folder, num_epochs=3), no_guard=True))
    assert read(more / LAST)["epoch"] == 3


@pytest.mark.usefixtures("no_report")
def test_where_boxes_are_whole_pictures_it_says_that_it_cannot_be_computed(tmp_path, command, target_data, caplog):
    data = json.loads(target_data.read_text())
    for annotation in data["annotations"]:
        annotation["bbox"] = [0, 0, 64, 64]
    whole = target_data.with_name("whole.json")
    whole.write_text(json.dumps(data))
    folder = run(command(tmp_path, num_epochs=1, target=f"coco:{whole}"))
    assert "whole pictures" in caplog.text and not (folder / RunFolder.START).exists()
    assert "guard/box_fill" not in read_log(folder)
    assert "cannot be computed" in json.loads((folder / "metrics.json").read_text())["guard"]["outcome"]


class OneBox(PoseDataset):
    """A data set of one pose in one box, 100 times; `shown` frames of it have labels."""

    crop_factor, labels = 1.0, None
    skeleton = Skeleton("beast", tuple("abcd"))

    def __init__(self, shown: int = 100):
        self.ids, self.shots = [str(i) for i in range(100)], [""] * 100
        self.visible = np.repeat(np.arange(100)[:, None] < shown, 4, 1)

    def __len__(self):
        return 100

    def __getitem__(self, i):
        jitter = np.random.default_rng(i).normal(0, 1, (4, 2))
        xy = np.array([[30, 20], [70, 20], [30, 60], [70, 60]]) + jitter
        image = np.zeros((100, 120, 3), np.uint8)
        return PoseSample(
            image, xy.astype(np.float32), 2 * self.visible[i].astype(np.uint8), np.array([20, 10, 60, 60]), {}
        )


def watched(tmp_path, source=None, growth: float = 0.6, epoch: int = 0) -> Guard:
    """A guard of a run that writes what it is told."""
    fabric = Fabric(accelerator="cpu", devices=1)
    told = SimpleNamespace(
        folder=RunFolder(tmp_path), fabric=fabric, plain=None, epoch=epoch, step=0, best=0.5, best_epoch=1, framing=(1.0, 0.0),
        pack=lambda *facts: {"epoch": facts[0], "state_dict": {}}, facts=lambda state: {},
    )  # fmt: skip
    guard = Guard(source or OneBox(), OneBox(), None, told, growth)
    guard._predictions = lambda zoom=1.0: SimpleNamespace(
        read=np.ones(2, bool),
        score=np.ones((2, 4)),
        box_xywh=np.array([[20.0, 10, 60, 60]] * 2),
        size_hw=np.array([[100, 120]] * 2),
    )
    return guard


@pytest.mark.parametrize(("now", "spread", "how"), [(9.0, 0.2, SHRINK), (9.0, 0.4, CHANGE), (np.nan, np.nan, CHANGE)])
def test_it_says_which_way_poses_went(tmp_path, monkeypatch, now, spread, how):
    follow(monkeypatch, 2.0, now, spreads=(0.3, spread))
    guard = watched(tmp_path)
    guard.before_first_epoch()
    assert not guard.stopped
    guard.run.epoch = 1
    guard.after_epoch()
    assert guard.stopped and guard.outcome == SENTENCE.format(how=how) and guard.run.best_epoch == 0
    assert guard.facts()["distances"] == [None if np.isnan(now) else now]
    assert (tmp_path / BEST).read_bytes() == (tmp_path / RunFolder.START).read_bytes()


def test_growth_up_to_the_limit_is_no_harm(tmp_path, monkeypatch):
    follow(monkeypatch, 2.0, 3.2, 3.2001)
    guard = watched(tmp_path)
    guard.before_first_epoch()
    for epoch, stopped in ((1, False), (2, True)):
        guard.run.epoch = epoch
        assert guard.after_epoch()["guard/limit"] == pytest.approx(3.2)
        assert guard.stopped is stopped


def test_a_start_that_fills_boxes_as_the_source_does_is_given_some_room(tmp_path, monkeypatch):
    """The limit follows from the distance of the source's own labels where that is larger: what they do cannot be harm."""
    follow(monkeypatch, 1e-6, 0.7)
    guard = watched(tmp_path)
    guard.before_first_epoch()
    assert guard.state["limit"] == pytest.approx(1.6 * max(guard.state["fill"]["own"], 0.5))
    guard.run.epoch = 1
    guard.after_epoch()
    assert not guard.stopped


def test_it_does_not_judge_animals_that_take_a_part_of_their_boxes(tmp_path, monkeypatch, caplog):
    """Surer in crops of half the size, and close to the source in boxes of half the size: poses that shrink to half are right."""
    distances = {1.0: 5.0, 2 / 3: 6.0, 1.5: 4.0, 2.0: 2.0, 3.0: 4.5}
    monkeypatch.setattr(Guard, "_measure", lambda guard, fill, found, zoom=1.0: (distances[zoom], 0.2))
    guard = watched(tmp_path)
    told = guard._predictions()
    guard._predictions = lambda zoom=1.0: SimpleNamespace(**{**vars(told), "score": np.full((2, 4), 0.3 * zoom)})
    guard.before_first_epoch()
    assert "at 0.5 of the size" in caplog.text and guard.after_epoch() == {} and not guard.stopped


@pytest.mark.parametrize(("shown", "epoch", "said"), [(0, 0, "labelled joints"), (100, 1, "a version without it")])
def test_what_it_cannot_know_it_does_not_judge(tmp_path, monkeypatch, caplog, shown, epoch, said):
    follow(monkeypatch, 2.0, 9.0)
    guard = watched(tmp_path, OneBox(shown), epoch=epoch)
    guard.before_first_epoch()
    assert said in caplog.text and said in guard.facts()["outcome"]
    guard.run.epoch = 1
    assert guard.after_epoch() == {} and not guard.stopped and not list(tmp_path.iterdir())


def test_a_limit_of_no_guard_is_refused(command, tmp_path):
    with pytest.raises(OptionError, match="one of them"):
        run(command(tmp_path / "both", no_guard=True, guard_limit=0.5))
    with pytest.raises(OptionError, match="--guard-limit 0.5"):
        run(CcsslOptions(protocol="published", guard_limit=0.5))
    with pytest.raises(OptionError, match="--guard-limit"):
        run(command(tmp_path / "less", guard_limit=-0.1))


def test_the_published_protocol_says_once_that_it_has_none(caplog):
    assert guard_for(with_defaults(CcsslOptions(protocol="published")), None, None, True) is None
    assert caplog.text.count("no guard against harm") == 1
    assert guard_for(with_defaults(CcsslOptions(protocol="published", no_guard=True)), None, None, True) is None
    assert caplog.text.count("no guard against harm") == 1


def replay(patch, *sizes: float) -> None:
    """Sizes of the poses after every epoch in place of what is measured, and a box fill that says nothing."""
    follow(patch, *[2.0] * (len(sizes) + 1), spreads=(0.3,) * (len(sizes) + 1))
    patch.setattr(
        Evidence, "_numbers", lambda evidence, *_: {"kept_size": [1.0, *sizes][evidence.run.epoch], "views": 0.5}
    )


@pytest.fixture(scope="module")
def refused(tmp_path_factory, command):
    """A run of three epochs of which the second and the third may not become model_best, and what it said."""
    folder, said = tmp_path_factory.mktemp("runs") / "refused", []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    level = log.level
    log.addHandler(handler)
    log.setLevel("INFO")
    with pytest.MonkeyPatch.context() as patch:
        replay(patch, 0.97, 0.9, 0.8)
        run(command(folder, num_epochs=3))
    log.removeHandler(handler)
    log.setLevel(level)
    return folder, said


def test_a_network_that_the_evidence_speaks_against_does_not_become_the_best(refused):
    folder, said = refused
    assert read(folder / BEST)["epoch"] == 1 and read(folder / LAST)["epoch"] == 3
    assert said[-1].startswith("adaptation helped here: joints that the start network was sure of are at 97 %")
    assert sum("cannot become model_best" in line for line in said) == 2
    columns = read_log(folder)
    np.testing.assert_allclose(columns["guard/kept_size"], [0.97, 0.9, 0.8])
    for name in ("run.json", "metrics.json"):
        verdict = json.loads((folder / name).read_text())["verdict"]
        assert verdict["answer"] == "helped" and verdict["model_best"] == 1 and verdict["sentence"] == said[-1]
        assert [numbers["kept_size"] for numbers in verdict["epochs"]] == [0.97, 0.9, 0.8]
    page = (folder / "report.html").read_text()
    places = [page.index(text) for text in ("Adaptation helped here", "PCK@0.05 per joint", "Compared with the start")]
    assert places == sorted(places)


@pytest.mark.usefixtures("no_report")
def test_where_all_are_refused_the_start_network_is_the_best_also_after_an_interruption(
    tmp_path, command, run_state, source_model, monkeypatch, messages
):
    replay(monkeypatch, 0.8, 0.7)
    whole = run(command(tmp_path / "whole"))
    assert same(whole / BEST, source_model) and read(whole / LAST)["epoch"] == 2
    assert messages[-1].startswith("adaptation did not help here: poses shrink") and "70 %" in messages[-1]
    assert str(whole / BEST) in messages[-2]
    original, count = loop._optimise, []

    def stop_at_the_second(*args):
        count.append(original(*args))
        if len(count) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_optimise", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            run(command(tmp_path / "broken"))
    (tmp_path / "broken" / BEST).unlink()
    assert run_state(run(command(tmp_path / "broken")), LAST) == run_state(whole, LAST)


@pytest.mark.usefixtures("no_report")
def test_the_evidence_of_a_real_run_is_whole_and_the_same_after_an_interruption(
    tmp_path, command, run_state, monkeypatch
):
    options = {"guard_limit": 1e9}
    whole = run_state(run(command(tmp_path / "whole", **options)), LAST)
    state = read(tmp_path / "whole" / LAST)["zoopose"]["run"]["extra"]["evidence"]
    names = {"kept_size", "kept_place", "views", "pose_prior", "facing_certainty", "facing_views"}
    assert names <= set(state["start"]) and state["start"]["kept_size"] == state["start"]["kept_place"] == 1
    assert len(state["epochs"]) == len(state["trust"]) == 2 and names <= set(state["epochs"][1])
    original, count = loop._optimise, []

    def stop_at_the_second(*args):
        count.append(original(*args))
        if len(count) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_optimise", stop_at_the_second)
        with pytest.raises(KeyboardInterrupt):
            run(command(tmp_path / "broken", **options))
    assert run_state(run(command(tmp_path / "broken", **options)), LAST) == whole


@pytest.mark.usefixtures("no_report")
def test_past_its_limit_a_run_goes_on_where_the_other_evidence_agrees(tmp_path, command, monkeypatch):
    follow(monkeypatch, 2.0, 3.3, 4.9, 5.1, 1.0, spreads=(0.3,) * 5)
    monkeypatch.setattr(Evidence, "_numbers", lambda *_: {"kept_size": 1.0})
    folder = run(command(tmp_path, num_epochs=4))
    assert len(read_log(folder)["epoch"]) == 3 and read(folder / BEST)["epoch"] == 0


@pytest.mark.usefixtures("no_report")
def test_steady_poses_come_before_better_scores(tmp_path, command, monkeypatch, messages):
    """The second network has kept its size best; the third is refused for that, whatever its score."""
    replay(monkeypatch, 0.93, 0.99, 0.92)
    folder = run(command(tmp_path, num_epochs=3))
    assert read(folder / BEST)["epoch"] == 2 and "at 99 % of their distances" in messages[-1]
    assert sum("poses of epoch 2 have kept their size better" in line for line in messages) == 1
