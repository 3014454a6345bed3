"""Beginning a run, going on with it, and refusing to overwrite another."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from zoopose.ccssl.options import CcsslOptions
from zoopose.commandline.limits import check_limits
from zoopose.errors import OptionError, WeightsError
from zoopose.train import loop, training
from zoopose.train import optim as rates
from zoopose.train.devices import open_fabric
from zoopose.train.feeds.labelled import trains_hidden
from zoopose.train.loop import Meter
from zoopose.train.network import input_spec
from zoopose.train.options import FitOptions, TrainOptions
from zoopose.train.resuming import earlier_run
from zoopose.train.run_state import Run
from zoopose.train.train import run
from zoopose.train.training import LAST


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_coco):
    return f"coco:{tiny_coco(tmp_path_factory.mktemp('data'), n=8)}"


@pytest.fixture(scope="module")
def command(data, tiny_options):
    def options(folder, **more):
        return TrainOptions(
            **tiny_options(folder, dataset=data, valid=data, **{"epochs": 1, "augment": "none", **more})
        )

    return options


@pytest.fixture(scope="module")
def finished(tmp_path_factory, command):
    return run(command(tmp_path_factory.mktemp("run")))


def state(folder, name=LAST):
    return torch.load(folder / name, weights_only=True)


def rows(folder) -> list[int]:
    return [int(line.split(",")[0]) for line in (folder / "log.csv").read_text().splitlines()[1:]]


def test_a_folder_with_another_run_is_not_overwritten(finished, command):
    before = (finished / LAST).read_bytes()
    with pytest.raises(OptionError, match=r"(?s)--lr 0\.00025 \(now 0\.001\).*--restart"):
        run(command(finished, lr=1e-3))
    assert (finished / LAST).read_bytes() == before


def test_options_that_shape_nothing_may_change(finished, command):
    for more in ({"workers": 1}, {"epochs": 5}, {"test_batch": 2}, {"snapshot": 3}, {"year": 1}):
        assert earlier_run(command(finished, **more), "train", LAST) is not None
    assert earlier_run(command(finished, restart=True, lr=1.0), "train", LAST) is None
    with pytest.raises(OptionError, match="holds a train run"):
        earlier_run(command(finished), "ccssl", LAST)


def test_a_restart_begins_anew(tmp_path, command):
    run(command(tmp_path, epochs=2))
    run(command(tmp_path, epochs=1, lr=1e-3, restart=True))
    assert state(tmp_path)["epoch"] == 1 and rows(tmp_path) == [1]


def test_going_on_in_another_folder_makes_a_best_of_its_own(tmp_path, finished, command, monkeypatch):
    """However good the model was that it began with: a folder without model_best.pth.tar could not be scored."""
    other = dict(state(finished))
    other["best_acc"] = 2.0
    torch.save(other, tmp_path / "good.pth.tar")
    folder = run(command(tmp_path / "run", epochs=2, resume=str(tmp_path / "good.pth.tar")))
    assert state(folder)["epoch"] == 2 and state(folder, "model_best.pth.tar")["epoch"] == 2
    assert state(folder)["best_acc"] <= 1 and rows(folder) == [2]


def test_going_on_in_another_folder_with_nothing_left_says_so(tmp_path, finished, command):
    with pytest.raises(OptionError, match=r"(?s)1 epochs in all, 1 of them.*--epochs 11"):
        run(command(tmp_path, resume=str(finished / LAST)))


def test_the_first_epoch_can_be_set_and_an_interrupted_run_still_goes_on(tmp_path, finished, command, monkeypatch):
    options = command(tmp_path, epochs=5, start_epoch=3, resume=str(finished / LAST))
    count, optimise = 0, loop._optimise

    def stop_after_three(*args):
        nonlocal count
        optimise(*args)
        count += 1
        if count == 3:
            raise RuntimeError("stop")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "_optimise", stop_after_three)
        with pytest.raises(RuntimeError):
            run(options)
    assert state(tmp_path)["epoch"] == 4
    run(options)
    assert state(tmp_path)["epoch"] == 5 and rows(tmp_path) == [4, 5]


def test_only_weights_are_taken_where_only_weights_are_asked_for(tmp_path, finished, command, monkeypatch):
    monkeypatch.setattr(loop, "_optimise", lambda *_: None)
    run(command(tmp_path, init_weights=str(finished / LAST)))
    found, given = state(tmp_path), state(finished)
    assert found["epoch"] == 1 and not found["optimizer"]["state"]
    assert all(torch.equal(found["state_dict"][k], v) for k, v in given["state_dict"].items())


def test_an_optimiser_of_another_kind_is_named(tmp_path, finished, command):
    with pytest.raises(WeightsError, match="(?s)adam.*--init-weights"):
        run(command(tmp_path, solver="adam", momentum=0.5, resume=str(_with_optimizer(tmp_path, finished))))


def _with_optimizer(folder, finished):
    other = dict(state(finished))
    groups = [{**g, "params": g["params"][:3]} for g in other["optimizer"]["param_groups"]]
    other["optimizer"] = {**other["optimizer"], "param_groups": groups}
    torch.save(other, folder / "odd.pth.tar")
    return folder / "odd.pth.tar"


def test_rates_fall_as_the_schedule_says():
    rate = rates.learning_rate(FitOptions(lr=1.0, schedule=(2, 4), gamma=0.1), 6)
    np.testing.assert_allclose([rate(e * 3 + 2, 3) for e in range(6)], [1, 1, 0.1, 0.1, 0.01, 0.01])
    rate = rates.learning_rate(FitOptions(lr=2.0, decay="cosine"), 10)
    values = [rate(e * 3, 3) for e in range(11)]
    assert values[0] == 2 and values[5] == pytest.approx(1) and values[10] == pytest.approx(0.04)
    assert all(a >= b for a, b in zip(values, values[1:]))


def test_sides_that_no_network_has_are_refused(tmp_path, command, data):
    with pytest.raises(OptionError, match="--out-res 16"):
        input_spec(FitOptions(inp_res=128, out_res=16))
    with pytest.raises(OptionError, match="--depth"):
        run(command(tmp_path, inp_res=48, depth=3))
    with pytest.raises(OptionError, match="multiple"):
        run(command(tmp_path, inp_res=36, depth=0))
    assert input_spec(FitOptions(inp_res=128)).heatmap_size == 32


def test_a_missing_device_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(OptionError, match="--accelerator cpu"):
        open_fabric(FitOptions(accelerator="cuda"))


def test_means_of_an_epoch_are_over_its_batches():
    meter = Meter()
    for value in (1.0, 2.0, 6.0):
        meter.add({"total": torch.tensor(value, requires_grad=True)})
    assert meter.means() == {"total": 3.0} and Meter().means() == {}


def test_scores_that_are_no_numbers_choose_nothing_and_break_nothing(tmp_path, command, monkeypatch):
    """The best checkpoint exists whatever the scores were."""
    from zoopose.train import validation

    original = validation.Validation.__call__

    def scores(self, model, batches):
        return {**original(self, model, batches), "val/pck": math.nan}

    monkeypatch.setattr(validation.Validation, "__call__", scores)
    run(command(tmp_path))
    assert (tmp_path / "model_best.pth.tar").is_file()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("ema", 1.5, "--ema between 0 and 1"), ("ema", -0.1, "--ema between 0 and 1"), ("ema", math.nan, "--ema"),
        ("target_style", 1.1, "--target-style between"), ("target_occlusion", -1.0, "--target-occlusion between"),
        ("target_occlusion", 2.0, "--target-occlusion between"), ("check_limit", -0.1, "--check-limit"),
        ("patience", -1, "--patience"), ("share_last", 1.2, "--share-last"), ("gamma_", -1.0, "--gamma between"),
    ],
)  # fmt: skip
def test_numbers_of_an_adaptation_that_cannot_work_are_refused(name, value, told):
    with pytest.raises(OptionError, match=told):
        check_limits(CcsslOptions(**{name: value}))


def test_numbers_at_their_ends_are_taken():
    ends = {"ema": 1.0, "target_style": 1.0, "target_occlusion": 0.0, "check_limit": math.inf, "patience": 0}
    check_limits(CcsslOptions(**ends))
    check_limits(CcsslOptions())


@pytest.mark.parametrize(
    ("best_epoch", "epoch", "patience", "out_of_patience"),
    [(-1, 0, 1, False), (-1, 9, 3, False), (1, 3, 3, False), (1, 4, 3, True), (4, 4, 1, False), (1, 99, 0, False)],
)
def test_a_run_is_tired_when_nothing_was_better_for_its_patience(best_epoch, epoch, patience, out_of_patience):
    task = Run(
        None, None, None, None, None, lr_at=None, pack=None, epoch=epoch, best_epoch=best_epoch, patience=patience
    )
    assert task.out_of_patience() is out_of_patience


def test_patience_ends_a_run_and_its_restart_does_not_go_on(tmp_path, command, monkeypatch):
    """Scores rise for two epochs; after two more without a better one the run ends, and stays ended."""
    from zoopose.train import validation

    original, scores = validation.Validation.__call__, iter([0.1, 0.2, 0.2, 0.1, 0.9, 0.9])

    def scored(self, model, batches):
        found = original(self, model, batches)
        return found if batches is not None else {**found, "val/pck": next(scores)}

    opened = training.open_run

    def patient(*args, **kwargs):
        task = opened(*args, **kwargs)
        task.patience = 2
        return task

    monkeypatch.setattr(validation.Validation, "__call__", scored)
    monkeypatch.setattr(training, "open_run", patient)
    monkeypatch.setattr(validation, "training_report", lambda folder, *_: folder / "report.html")
    run(command(tmp_path, epochs=6))
    assert rows(tmp_path) == [1, 2, 3, 4] and state(tmp_path)["epoch"] == 4
    assert state(tmp_path, "model_best.pth.tar")["epoch"] == 2 and (tmp_path / "metrics.json").is_file()
    (tmp_path / "metrics.json").unlink()
    run(command(tmp_path, epochs=6))
    assert rows(tmp_path) == [1, 2, 3, 4] and (tmp_path / "metrics.json").is_file()


def test_a_run_is_gone_on_with_or_begun_with_weights_not_both(tmp_path, command):
    with pytest.raises(OptionError, match="(?s)--resume.*one of them"):
        run(command(tmp_path, resume="a.pth.tar", init_weights="b.pth.tar"))


def test_hidden_joints_are_trained_on_where_a_person_has_placed_them():
    names = (
        "coco:a.json",
        "coco_person:R",
        "animal_pose:R",
        "mpii",
        "real_animal",
        "real_animal_sp:R",
        "synthetic_animal_sp",
    )
    assert [trains_hidden(TrainOptions(), name) for name in names] == [True] * 4 + [False] * 3
    assert trains_hidden(TrainOptions(hidden="train"), "real_animal")
    assert not trains_hidden(TrainOptions(hidden="ignore"), "coco:a.json")


@pytest.mark.parametrize(
    ("more", "works"), [({"depth": 3}, False), ({"depth": 2}, True), ({"depth": 3, "train_batch": 2}, True)]
)
def test_a_batch_of_one_works_or_is_refused_before_training(tmp_path, tiny_coco, tiny_options, more, works):
    # 32 px are 8 cells, halved three times one cell: batch norm has one value there
    data = tiny_coco(tmp_path / "data", n=3)
    options = TrainOptions(
        **tiny_options(
            tmp_path / "run",
            **{"dataset": f"coco:{data}", "valid": f"coco:{data}", "epochs": 1, "train_batch": 1, **more},
        )
    )
    if works:
        assert (run(options) / "last.pth.tar").is_file()
        return
    with pytest.raises(OptionError, match="--train-batch 2 or more"):
        run(options)
    assert not (tmp_path / "run/log.csv").exists()


def test_a_batch_that_faults_leave_with_one_picture_is_named(tmp_path, tiny_coco, tiny_options):
    data = tiny_coco(tmp_path / "data", n=2)
    (tmp_path / "data/p00.png").write_bytes(b"no picture")
    source = f"coco:{data}"
    options = TrainOptions(
        **tiny_options(tmp_path / "run", dataset=source, valid=source, epochs=1, train_batch=2, depth=3)
    )
    with pytest.raises(OptionError, match="two pictures or more in every batch"):
        run(options)
