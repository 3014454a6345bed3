"""A training that was stopped, broken off or killed ends, after the same command, as if nothing had been."""

from __future__ import annotations

import os
import random
import signal

import pytest
import torch

from zoopose import progress as stopping
from zoopose.train import loop, training
from zoopose.train.options import TrainOptions
from zoopose.train.train import run
from zoopose.train.training import LAST

EPOCHS = 2
pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_coco, tiny_options):
    """folder, more -> the same command for any run folder: 12 pictures, 3 batches an epoch."""
    data = tiny_coco(tmp_path_factory.mktemp("data"))

    def options(folder, **more):
        more = {"epochs": EPOCHS, "solver": "adam", "snapshot": 2, **more}
        return TrainOptions(**tiny_options(folder, dataset=f"coco:{data}", valid=f"coco:{data}", **more))

    return options


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, command, run_state):
    folder = run(command(tmp_path_factory.mktemp("runs") / "whole"))
    return run_state(folder, LAST)


def at_batch(monkeypatch, number: int, act) -> None:
    """Call `act` after the `number`-th training batch from now."""
    count, optimise = 0, loop._optimise

    def counted(*args):
        nonlocal count
        optimise(*args)
        count += 1
        if count == number:
            act()

    monkeypatch.setattr(loop, "_optimise", counted)


def save_every_batch(monkeypatch) -> None:
    original = training.open_run

    def opened(*args, **kwargs):
        task = original(*args, **kwargs)
        task.save_seconds = 0
        return task

    monkeypatch.setattr(training, "open_run", opened)


def test_the_same_command_twice_gives_the_same_run(tmp_path, command, uninterrupted, run_state):
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted
    assert (tmp_path / "checkpoint_2.pth.tar").is_file() and not (tmp_path / "checkpoint_1.pth.tar").exists()
    names = (LAST, "last.pth.tar")
    assert len({(tmp_path / name).read_bytes() for name in names}) == 1


@pytest.mark.parametrize("number", [3, 5])
def test_stopped_after_a_batch_and_gone_on(tmp_path, monkeypatch, command, uninterrupted, run_state, number):
    with monkeypatch.context() as patch:
        at_batch(patch, number, lambda: os.kill(os.getpid(), signal.SIGINT))
        with pytest.raises(KeyboardInterrupt, match="the same command"):
            run(command(tmp_path))
    state = torch.load(tmp_path / LAST, weights_only=True)
    assert 3 * state["epoch"] + state["zoopose"]["run"]["step"] == number
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


def test_stopped_twice_over(tmp_path, monkeypatch, command, uninterrupted, run_state):
    for number in (1, 3):
        with monkeypatch.context() as patch:
            at_batch(patch, number, lambda: os.kill(os.getpid(), signal.SIGTERM))
            with pytest.raises(KeyboardInterrupt):
                run(command(tmp_path))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


def test_broken_off_by_a_fault_and_gone_on(tmp_path, monkeypatch, command, uninterrupted, run_state):
    def fault():
        raise RuntimeError("the GPU fell off the bus")

    with monkeypatch.context() as patch:
        at_batch(patch, 5, fault)
        with pytest.raises(RuntimeError, match="bus"):
            run(command(tmp_path))
    assert torch.load(tmp_path / LAST, weights_only=True)["epoch"] == 1
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


def test_the_same_signal_sent_twice_is_one(tmp_path, monkeypatch, command, uninterrupted, run_state):
    def twice():  # as `timeout` does, to a process and to its group
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        at_batch(patch, 2, twice)
        with pytest.raises(KeyboardInterrupt, match="saved .* the same command"):
            run(command(tmp_path))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


def test_a_second_signal_stops_at_once(tmp_path, monkeypatch, command):
    def twice():
        os.kill(os.getpid(), signal.SIGINT)
        monkeypatch.setattr(stopping, "SAME_S", 0.0)  # `timeout` sends one signal twice; this one is another
        os.kill(os.getpid(), signal.SIGINT)

    at_batch(monkeypatch, 2, twice)
    with pytest.raises(KeyboardInterrupt):
        run(command(tmp_path))
    assert not (tmp_path / LAST).exists()


# file 1 is run.json; an epoch puts log.csv, log.txt, and then up to four names of one checkpoint in place
@pytest.mark.parametrize(("at_file", "done"), [(1, False), (5, False), (6, True)])
def test_killed_while_writing_and_gone_on(
    tmp_path, command, uninterrupted, run_state, killed, read_everything, at_file, done
):
    options = command(tmp_path)
    assert killed(lambda: run(options), at_file, done) == -signal.SIGKILL
    read_everything(tmp_path)
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted


@pytest.mark.slow
@pytest.mark.parametrize("at_file", range(1, 30, 2))
def test_killed_at_any_file(tmp_path, monkeypatch, command, uninterrupted, run_state, killed, read_everything, at_file):
    save_every_batch(monkeypatch)
    options = command(tmp_path)
    killed(lambda: run(options), at_file, at_file % 4 == 1)
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


def test_workers_change_no_number(tmp_path, command, uninterrupted, run_state):
    assert run_state(run(command(tmp_path, workers=2)), LAST) == uninterrupted


def test_a_finished_run_is_scored_again_and_not_trained(tmp_path, monkeypatch, command, run_state):
    options = command(tmp_path, epochs=1)
    before = run_state(run(options), LAST)
    monkeypatch.setattr(loop, "_optimise", lambda *_: pytest.fail("trained"))
    assert run_state(run(options), LAST) == before


def test_more_epochs_go_on_where_fewer_ended(tmp_path, command, uninterrupted, run_state):
    run(command(tmp_path, epochs=1))
    assert run_state(run(command(tmp_path)), LAST) == uninterrupted
