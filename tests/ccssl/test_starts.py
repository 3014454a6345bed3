"""Adaptation without a source model (--resume ''), and with a few labelled target pictures (--target-labels)."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.CCSSL import run
from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.original.step import OriginalStep
from zoopose.ccssl.protocol import fresh_network
from zoopose.ccssl.step import CcsslStep
from zoopose.commandline.parsing import parse
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.errors import DataError, OptionError
from zoopose.evaluation import options as test_options
from zoopose.evaluation import test as test_command
from zoopose.pose import checkpoints
from zoopose.train.selftraining.config import SelfTrainingConfig, SelfTrainingFeeds
from zoopose.train.selftraining.step import SelfTrainingStep
from zoopose.train.supervised import LOSSES

PROTOCOLS = ("zoopose", "published")


@pytest.fixture(scope="module")
def target_data(tmp_path_factory, tiny_coco):
    return tiny_coco(tmp_path_factory.mktemp("target"), n=8, seed=9, video=True)


@pytest.fixture(scope="module")
def few_data(target_data):
    """The first three animals of the target, with their labels."""
    data = json.loads(target_data.read_text())
    data["annotations"] = data["annotations"][:3]
    path = target_data.with_name("few.json")
    path.write_text(json.dumps(data))
    return path


@pytest.fixture
def command(source_data, target_data, tiny_options):
    def options(folder, **more):
        data = f"coco:{source_data}"
        more = {"target": f"coco:{target_data}", "num_epochs": 2, "refresh": 1, "views": 1, "steps": 2, **more}
        more = {"stacks": 1, "inp_res": 64 if more.get("protocol") == "published" else 32, **more}
        return CcsslOptions(**tiny_options(folder, source=data, valid=data, **more))

    return options


def log_of(folder) -> list[dict]:
    with open(folder / "log.csv", newline="") as file:
        return [{k: float(v) for k, v in row.items() if v} for row in csv.DictReader(file)]


def test_a_run_from_fresh_weights_begins_with_labelled_pictures_alone(tmp_path, command, messages):
    folder = run(command(tmp_path / "run", resume=""))
    first = log_of(folder)[0]
    assert first["train/target"] == 0 and first["train/source"] > 0 and first["labels/admitted"] == 0
    labels = PseudoLabels.read(folder / "labels_round_00.h5")
    assert not labels.admitted.any() and labels.facts["share"] == 0
    assert (folder / "labels_round_01.h5").is_file() and (folder / "report.html").is_file()
    kept = checkpoints.load(folder / LAST).state["zoopose"]["run"]["extra"]
    assert kept["from_scratch"] is True
    assert any("no pseudo-label is admitted, since the network is untrained" in m for m in messages)
    assert any("no source model" in m for m in messages)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_goes_on_while_no_label_has_any_confidence(tmp_path, command, monkeypatch, messages, protocol):
    def none(step, labels, round_):
        labels.admitted = np.zeros(labels.confidence.shape, bool)
        labels.reason = np.zeros(labels.confidence.shape, np.uint8)

    monkeypatch.setattr(OriginalStep if protocol == "published" else CcsslStep, "admit", none)
    folder = run(command(tmp_path / "run", resume="", protocol=protocol))
    rows = log_of(folder)
    assert len(rows) == 2 and all(row["train/target"] == 0 and row["train/source"] > 0 for row in rows)
    assert any("no label has any confidence; its epochs train on labelled pictures alone" in m for m in messages)
    assert checkpoints.load(folder / LAST).spec.kind == {"zoopose": "exact", "published": "published"}[protocol]


@pytest.mark.usefixtures("no_report")
def test_a_source_model_that_sees_nothing_is_still_an_error(tmp_path, command, monkeypatch, source_model):
    def none(step, labels, round_):
        labels.admitted = np.zeros(labels.confidence.shape, bool)

    monkeypatch.setattr(CcsslStep, "admit", none)
    with pytest.raises(DataError, match="sees no joint"):
        run(command(tmp_path / "run", resume=str(source_model)))


def test_a_source_model_must_be_given_or_declined(tmp_path, command):
    with pytest.raises(OptionError, match="(?s)no --resume.*--resume '' for fresh weights"):
        run(command(tmp_path / "run"))
    assert parse(CcsslOptions, [], "x", "").resume is None
    assert parse(CcsslOptions, ["--resume", ""], "x", "").resume == ""
    assert parse(CcsslOptions, ["--resume="], "x", "").resume == ""
    assert parse(CcsslOptions, ["--resume", "a.pth.tar"], "x", "").resume == "a.pth.tar"


def test_a_seed_means_the_same_fresh_weights_and_arch_options_count(tmp_path, command, source_data):
    weights = []
    for more in ({}, {}, {"seed": 1}, {"width": 6}):
        options = command(tmp_path / "run", resume="", **more)
        weights.append(fresh_network(options, CocoKeypoints(source_data)).model.state_dict())
    a, b, c, d = weights
    assert all(torch.equal(a[k], b[k]) for k in a) and not torch.equal(a["conv1.weight"], c["conv1.weight"])
    assert a["conv1.weight"].shape != d["conv1.weight"].shape


def test_framing_and_drift_are_measured_from_the_first_round_with_labels(monkeypatch):
    rounds = [SimpleNamespace(admitted=np.zeros((1, 1), bool), facts={"framing": {"zoom": 1.0, "shift": 0.0}})]
    rounds += [SimpleNamespace(admitted=np.ones((1, 1), bool), facts={"framing": {"zoom": 1.5, "shift": 0.15}})]
    step = SimpleNamespace(folder=Path(), labeller=SimpleNamespace(framing="that of an untrained network"))
    step.earlier_labels = lambda round_, without: rounds[round_]
    step.first_labels = lambda round_: CcsslStep.first_labels(step, round_)
    CcsslStep.before_labelling(step, 1)
    assert step.labeller.framing is None and step.first_labels(1) is None, "chosen anew by a network that has learnt"
    CcsslStep.before_labelling(step, 2)
    assert (step.labeller.framing.zoom, step.labeller.framing.shift) == (1.5, 0.15)
    assert step.first_labels(2) is rounds[1]


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_labelled_target_pictures_join_the_training(tmp_path, command, source_data, few_data, messages, protocol):
    more = {"resume": "", "protocol": protocol, "num_epochs": 1}
    plain = run(command(tmp_path / "plain", **more))
    folder = run(command(tmp_path / "few", target_labels=f"coco:{few_data}", **more))
    row = log_of(folder)[0]
    assert row["train/target_labels"] > 0
    assert row["train/total"] >= row["train/source"] + row["train/target_labels"] - 1e-5
    assert "train/target_labels" not in log_of(plain)[0]
    ours, theirs = (torch.load(f / LAST, weights_only=True) for f in (folder, plain))
    assert any(not torch.equal(ours["state_dict"][k], theirs["state_dict"][k]) for k in ours["state_dict"])
    kept = ours["zoopose"]["run"]["extra"]["target_labels"]
    assert kept["data"] == f"coco:{few_data}" and len(kept["marks"]) == 3
    data = json.loads((folder / "run.json").read_text())["data"]["target labels"]
    assert data["items"] == 3 and "does not estimate" in data["note"]
    assert any("target labels" in m and "few.json" in m for m in messages)
    assert any(f"the target labels of coco:{few_data} were trained on" in m for m in messages)
    assert not any(f"the target labels of coco:{source_data}" in m for m in messages)


@pytest.mark.usefixtures("no_report")
def test_a_score_on_pictures_that_were_trained_on_says_so(
    tmp_path, command, target_data, source_data, few_data, messages
):
    folder = run(command(tmp_path / "run", resume="", num_epochs=1, target_labels=f"coco:{few_data}"))
    messages.clear()
    for data, shared in ((target_data, "3 of 8 pictures were trained on"), (source_data, "")):
        out = tmp_path / "scores.json"
        test_command.run(
            test_options.TestOptions(
                dataset=f"coco:{data}", resume=str(folder / LAST), json=str(out), workers=0, accelerator="cpu"
            )
        )
        notes = json.loads(out.read_text())["protocol"]["notes"]
        assert any(shared in n for n in notes) if shared else not any("trained on" in n for n in notes)
        assert any("trained on with their labels" in m for m in messages) == bool(shared)
        messages.clear()


def test_target_labels_that_are_none(tmp_path, command, source_model, target_data, tiny_coco):
    with pytest.raises(DataError, match="labelled data to train on as --target-labels"):
        run(command(tmp_path / "a", resume=str(source_model), target_labels=f"images:{target_data.parent}"))
    data = json.loads(target_data.read_text())
    data["categories"][0]["keypoints"][0] = "snout"
    other = target_data.with_name("other.json")
    other.write_text(json.dumps(data))
    with pytest.raises(DataError, match="snout"):
        run(command(tmp_path / "b", resume=str(source_model), target_labels=f"coco:{other}"))


class OnesStep(SelfTrainingStep):
    def admit(self, labels, round_):
        labels.admitted[:] = True


def test_the_parts_of_a_batch_add_up():
    fabric = SimpleNamespace(world_size=1, device=torch.device("cpu"))
    feeds = SimpleNamespace(batch_size=2, steps=3), SimpleNamespace(batch_size=4, steps=3)
    feeds = SelfTrainingFeeds(*feeds, SimpleNamespace(batch_size=3))
    step = OnesStep(feeds, None, fabric, LOSSES["mean"], SelfTrainingConfig(None, 1, 1, 10.0))
    assert step.pictures == 9
    step.labels = SimpleNamespace(admitted=np.zeros((2, 2), bool))
    assert step.pictures == 5 and not step.has_labels

    def part(n, height):
        target = torch.full((n, 1, 4, 4), height)
        return {"images": torch.zeros(n, 3, 16, 16), "target": target, "weight": torch.ones(n, 1)}

    def model(images):
        return [torch.zeros(len(images), 1, 4, 4)]

    def parts(*batch):
        return {k: float(v) for k, v in step(model, batch).items() if k != "acc"}

    unit = parts(part(2, 1.0), None)["source"]
    assert unit > 0
    found = parts(part(2, 1.0), part(4, 2.0), part(3, 3.0))
    assert found == pytest.approx(
        {"source": unit, "target": 4 * unit, "target_labels": 9 * unit, "total": (1 + 40 + 9) * unit}
    )
    assert parts(part(2, 1.0), None, part(3, 3.0)) == pytest.approx(
        {"source": unit, "target": 0, "target_labels": 9 * unit, "total": 10 * unit}
    )
