"""A damaged checkpoint: the run goes on from the newest whole one, says so, and ends as if nothing had been."""

from __future__ import annotations

import math

import pytest
import torch

from zoopose.errors import WeightsError
from zoopose.train.options import TrainOptions
from zoopose.train.train import run
from zoopose.train.training import LAST

pytestmark = pytest.mark.usefixtures("no_report")
NAMES = (LAST, "last.pth.tar", "model_best.pth.tar", "checkpoint_2.pth.tar")


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_coco, tiny_options):
    data = tiny_coco(tmp_path_factory.mktemp("data"))

    def options(folder, **more):
        more = {"epochs": 3, "solver": "adam", "snapshot": 2, **more}
        return TrainOptions(**tiny_options(folder, dataset=f"coco:{data}", valid=f"coco:{data}", **more))

    return options


@pytest.fixture(scope="module")
def whole(tmp_path_factory, command):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
        return run(command(tmp_path_factory.mktemp("runs") / "whole"))


@pytest.fixture
def folder(tmp_path, whole):
    copy = tmp_path / "run"
    copy.mkdir()
    for path in whole.glob("*.*"):
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    return copy


def cut(path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def flip(path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def test_every_name_is_a_file_of_its_own(whole):
    inodes = {(whole / name).stat().st_ino for name in NAMES}
    assert len(inodes) == len(NAMES) and all((whole / name).stat().st_nlink == 1 for name in NAMES)
    assert (whole / LAST).read_bytes() == (whole / "last.pth.tar").read_bytes()


@pytest.mark.parametrize("damage", [cut, flip])
@pytest.mark.parametrize(
    ("damaged", "taken"), [((LAST,), "last.pth.tar"), ((LAST, "last.pth.tar"), "checkpoint_2.pth.tar")]
)
def test_the_newest_whole_one_is_taken(folder, whole, command, run_state, messages, damage, damaged, taken):
    best = torch.load(folder / "model_best.pth.tar", weights_only=True)["epoch"]
    for name in damaged:
        damage(folder / name)
    if best == 3:
        (folder / "model_best.pth.tar").write_bytes((folder / "checkpoint_2.pth.tar").read_bytes())
    run(command(folder))
    said = [m for m in messages if "going on from" in m]
    assert len(said) == 1 and LAST in said[0] and str(folder / taken) in said[0] and "damaged" in said[0]
    for name in (*damaged, "model_best.pth.tar"):
        assert torch.load(folder / name, weights_only=True)["epoch"] >= 1
    if best != 3 or taken == "checkpoint_2.pth.tar":
        assert run_state(folder, LAST) == run_state(whole, LAST)


def test_nothing_whole_is_one_error_with_a_remedy_that_works(folder, command):
    for name in NAMES:
        cut(folder / name)
    with pytest.raises(WeightsError, match="--restart") as error:
        run(command(folder))
    assert LAST in str(error.value)
    run(command(folder, restart=True, epochs=1))


def test_a_damaged_best_one_of_a_run_that_is_through_is_replaced_by_the_last(folder, command, messages):
    flip(folder / "model_best.pth.tar")
    run(command(folder))
    assert any("model_best.pth.tar is damaged" in m and "last network" in m for m in messages)
    best, last = (torch.load(folder / name, weights_only=True) for name in ("model_best.pth.tar", LAST))
    assert best["epoch"] == 3 and all(torch.equal(best["state_dict"][k], v) for k, v in last["state_dict"].items())


def test_a_damaged_best_one_is_chosen_anew_of_the_epochs_that_are_left(folder, command, messages):
    flip(folder / "model_best.pth.tar")
    run(command(folder, epochs=5))
    assert any("model_best.pth.tar is damaged" in m and "from now on" in m for m in messages)
    best = torch.load(folder / "model_best.pth.tar", weights_only=True)
    assert best["epoch"] > 3 and math.isfinite(best["best_acc"])
