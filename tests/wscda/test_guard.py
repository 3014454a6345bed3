"""WS-CDA has the guard where it starts from a network of the labelled animals and has unlabelled ones."""

from __future__ import annotations

import json

import pytest
import torch

from zoopose.pose.weights import read
from zoopose.train import train
from zoopose.train.evidence import Evidence
from zoopose.train.guard import Guard
from zoopose.train.options import TrainOptions
from zoopose.wscda.adaptation import LAST
from zoopose.wscda.options import WscdaOptions
from zoopose.wscda.WSCDA import run

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def animal_model(tmp_path_factory, domains, tiny_options):
    data = f"coco:{domains['animal']}"
    options = tiny_options(tmp_path_factory.mktemp("animal"), dataset=data, valid=data, epochs=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
        return train.run(TrainOptions(**options)) / "model_best.pth.tar"


@pytest.fixture
def command(domains, tiny_options, animal_model):
    def options(folder, **more):
        animal, target = (f"coco:{domains[name]}" for name in ("animal", "target"))
        given = {"source": animal, "valid": animal, "target": target, "resume": str(animal_model), "adapter": 1}
        return WscdaOptions(**tiny_options(folder, **{**given, "num_epochs": 2, "steps": 1, "solver": "adam", **more}))

    return options


def replay(patch, *sizes: float) -> None:
    """Sizes of the poses after every epoch in place of what is measured, and a box fill that says nothing."""
    patch.setattr(Guard, "_measure", lambda *_: (2.0, 0.3))
    patch.setattr(Evidence, "_numbers", lambda evidence, *_: {"kept_size": [1.0, *sizes][evidence.run.epoch]})


def test_a_network_that_is_refused_does_not_become_the_best(tmp_path, command, messages, monkeypatch):
    replay(monkeypatch, 1.2, 1.3)
    folder = run(command(tmp_path))
    assert read(folder / "model_best.pth.tar")["epoch"] == 0 and read(folder / LAST)["epoch"] == 2
    start, best = (read(folder / name)["state_dict"] for name in ("start.pth.tar", "model_best.pth.tar"))
    assert all(torch.equal(start[name], best[name]) for name in start)
    assert messages[-1].startswith("adaptation did not help here: poses grow") and messages[-2].startswith(
        "next: zoopose pplo"
    )
    for name in ("run.json", "metrics.json"):
        assert json.loads((folder / name).read_text())["verdict"]["answer"] == "did not help"


def test_one_that_is_not_does_and_a_larger_limit_refuses_less(tmp_path, command, messages, monkeypatch):
    replay(monkeypatch, 1.01, 1.02)
    assert read(run(command(tmp_path / "kept")) / "model_best.pth.tar")["epoch"] > 0
    assert messages[-1].startswith("adaptation helped here")
    replay(monkeypatch, 1.2, 1.3)
    assert read(run(command(tmp_path / "larger", guard_limit=6.0)) / "model_best.pth.tar")["epoch"] > 0


def test_without_a_guard_or_a_start_network_nobody_can_tell(tmp_path, command, messages):
    folder = run(command(tmp_path / "none", no_guard=True, num_epochs=1))
    assert messages[-1].startswith("cannot tell whether adaptation helped here")
    assert json.loads((folder / "run.json").read_text())["verdict"]["answer"] == "cannot tell"
    run(command(tmp_path / "fresh", resume="", num_epochs=1))
    assert messages[-1].startswith("cannot tell") and not (tmp_path / "fresh" / "start.pth.tar").exists()


def test_its_evidence_is_the_same_where_a_run_goes_on(tmp_path, command, run_state, killed):
    options = command(tmp_path / "whole", guard_limit=1e9)
    whole = run_state(run(options), LAST)
    killed(lambda: run(command(tmp_path / "broken", guard_limit=1e9)), at_file=7)
    assert run_state(run(command(tmp_path / "broken", guard_limit=1e9)), LAST) == whole
    assert len(whole[f"{LAST}/extra"]["evidence"]["epochs"]) == 2
