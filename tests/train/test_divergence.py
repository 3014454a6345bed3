"""Losses, weights and maps that are no numbers: training stops at the first, and nothing is written or read of them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from zoopose.errors import DivergenceError, WeightsError
from zoopose.evaluation import predict as prediction
from zoopose.evaluation.options import PredictOptions
from zoopose.files import atomic_json, json_text
from zoopose.pose import checkpoints, weights
from zoopose.pose.input_spec import InputSpec
from zoopose.train import loop
from zoopose.train.divergence import non_finite_losses, non_finite_weights
from zoopose.train.options import TrainOptions
from zoopose.train.train import run
from zoopose.train.training import LAST

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_coco):
    return f"coco:{tiny_coco(tmp_path_factory.mktemp('data'))}"


@pytest.fixture
def options(data, tiny_options):
    return lambda folder, **more: TrainOptions(**tiny_options(folder, dataset=data, valid=data, epochs=3, **more))


def in_batch(patch, number: int, change) -> None:
    """Do something to the run before batch `number`, counted from 1."""
    real, count = loop._optimise, 0

    def optimise(task, step, batch):
        nonlocal count
        count += 1
        real(task, change(task, step) if count == number else step, batch)

    patch.setattr(loop, "_optimise", optimise)


class Broken:
    """A step whose losses, in part, are no numbers."""

    def __init__(self, step, factor: float):
        self.step, self.factor = step, factor

    def __getattr__(self, name):
        return getattr(self.step, name)

    def __call__(self, model, batch):
        losses = self.step(model, batch)
        return {**losses, "total": losses["total"] * self.factor, "part": losses["total"] * self.factor}


@pytest.mark.parametrize("precision", ["32", "bf16-mixed"])
@pytest.mark.parametrize("factor", [math.nan, math.inf])
def test_the_first_loss_that_is_no_number_ends_the_run(tmp_path, options, monkeypatch, factor, precision):
    in_batch(monkeypatch, 5, lambda task, step: Broken(step, factor))  # 3 batches an epoch
    with pytest.raises(DivergenceError) as error:
        run(options(tmp_path, precision=precision))
    text = str(error.value)
    assert f"loss {factor}" in text and f"part {factor}" in text
    assert "epoch 2, batch 2 of 3, learning rate 0.00025" in text and "--lr (2.5e-05)" in text
    assert str(tmp_path / LAST) in text and error.value.exit_code != 0
    state = torch.load(tmp_path / LAST, weights_only=True)
    assert state["epoch"] == 1 and all(t.isfinite().all() for t in state["state_dict"].values())


def test_the_same_command_goes_on_from_the_last_good_checkpoint(tmp_path, options, monkeypatch):
    with monkeypatch.context() as patch:
        in_batch(patch, 5, lambda task, step: Broken(step, math.nan))
        with pytest.raises(DivergenceError):
            run(options(tmp_path))
    assert torch.load(run(options(tmp_path)) / LAST, weights_only=True)["epoch"] == 3


def test_weights_that_are_no_numbers_are_never_saved(tmp_path, options, monkeypatch):
    def poison(task, step):
        class Poisoned(Broken):
            def after_step(self, model):  # the loss of this batch was a number, what follows is not
                next(model.parameters()).data[0, 0, 0, 0] = math.nan

        return Poisoned(step, 1.0)

    for batch, where in ((3, "epoch 1, batch 3 of 3"), (4, "epoch 2, batch 2 of 3")):
        folder = tmp_path / str(batch)
        with monkeypatch.context() as patch:
            in_batch(patch, batch, poison)
            with pytest.raises(DivergenceError, match=where):
                run(options(folder))
        if batch == 3:
            assert not (folder / LAST).exists()
        else:
            assert torch.load(folder / LAST, weights_only=True)["epoch"] == 1


def test_a_stop_does_not_save_them_either(tmp_path, options, monkeypatch):
    def poison(task, step):
        next(task.plain.parameters()).data[0, 0, 0, 0] = math.nan
        monkeypatch.setattr(loop, "asked", lambda: True)
        monkeypatch.setattr(loop, "non_finite_losses", lambda losses: "")
        return step

    in_batch(monkeypatch, 2, poison)
    with pytest.raises(DivergenceError, match="epoch 1, batch 2 of 3.*no checkpoint"):
        run(options(tmp_path))
    assert not (tmp_path / LAST).exists()


def test_what_is_bad_is_named():
    assert non_finite_losses({"total": 1.0, "acc": math.nan}) == ""
    assert non_finite_losses({"total": math.nan, "source": 1.0, "target": -math.inf}) == "loss nan (target -inf)"
    model = torch.nn.BatchNorm2d(2)
    assert non_finite_weights(model) == "" and non_finite_weights(torch.nn.ReLU()) == ""
    model.running_var[1] = math.inf
    assert "1 of 4 tensors" in non_finite_weights(model) and "running_var" in non_finite_weights(model)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data, tiny_options):
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoopose.train.validation.finish", lambda *_, **__: {})
        run(TrainOptions(**tiny_options(folder, dataset=data, valid=data, epochs=1)))
    return folder / LAST


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_checkpoint_with_weights_that_are_no_numbers_is_refused(tmp_path, trained, data, value):
    state = weights.read(trained)
    name = next(iter(state["state_dict"]))
    state["state_dict"][name][0, 0, 0, 0] = value
    path = tmp_path / "bad.pth.tar"
    weights.save(path, state)
    with pytest.raises(WeightsError, match=f"1 of .* tensors: {name}") as error:
        checkpoints.load(path)
    assert str(path) in str(error.value)
    with pytest.raises(WeightsError):
        prediction.run(
            PredictOptions(data=data, resume=str(path), checkpoint=str(tmp_path / "p"), workers=0, accelerator="cpu")
        )
    assert not (tmp_path / "p").exists()


def test_finite_weights_that_give_no_finite_maps_are_refused(tmp_path, trained, data):
    state = weights.read(trained)
    for tensor in state["state_dict"].values():
        if tensor.is_floating_point():
            tensor.fill_(3e38)
    weights.save(tmp_path / "huge.pth.tar", state)
    options = PredictOptions(
        data=data, resume=str(tmp_path / "huge.pth.tar"), checkpoint=str(tmp_path / "p"), workers=0, accelerator="cpu"
    )
    with pytest.raises(DivergenceError, match="NaN or infinite numbers in the heatmaps of 12 of 12 pictures"):
        prediction.run(options)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_maps_are_checked_wherever_joints_are_read(value):
    spec = InputSpec("exact", (32, 32), (8, 8))
    maps = torch.zeros(3, 5, 8, 8)
    assert spec.joint_maps([maps], 5).shape == maps.shape
    maps[1, 2, 3, 4] = value
    with pytest.raises(DivergenceError, match="1 of 3 pictures"):
        spec.joint_maps([maps], 5)


def test_json_has_null_for_what_is_no_number(tmp_path):
    values = {
        "a": [math.nan, 1.5],
        "b": np.array([np.inf, 2]),
        "c": np.float32("nan"),
        "d": {"e": (math.nan,)},
        "f": tmp_path,
        "g": True,
    }
    assert json.loads(json_text(values)) == {
        "a": [None, 1.5], "b": [None, 2.0], "c": None, "d": {"e": [None]}, "f": str(tmp_path), "g": True
    }  # fmt: skip
    atomic_json(tmp_path / "x.json", values)
    json.loads((tmp_path / "x.json").read_text(), parse_constant=lambda name: pytest.fail(name))
