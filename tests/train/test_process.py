"""The command as a process of its own: Ctrl-C as a terminal sends it, to the workers too, and the kill that nothing can catch."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_coco):
    data = tiny_coco(tmp_path_factory.mktemp("data"), n=60)

    def line(folder) -> list[str]:
        options = (
            f"--dataset coco:{data} --valid coco:{data} --checkpoint {folder} --stacks 1 --width 4 --depth 1 --inp-res 32 "
            "--train-batch 2 --epochs 3 --workers 2 --cache-gib 0 --accelerator cpu"
        )
        return [sys.executable, "-m", "zoopose.cli", "train", *options.split()]

    return line


def start(line) -> subprocess.Popen:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, start_new_session=True
    )


def until(process: subprocess.Popen, words: str) -> str:
    text = ""
    for read in process.stdout:
        text += read
        if words in read:
            return text
    raise AssertionError(text)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, command, run_state):
    folder = tmp_path_factory.mktemp("runs") / "whole"
    process = start(command(folder))
    text, _ = process.communicate()
    assert process.returncode == 0, text
    return run_state(folder, "checkpoint.pth.tar")


@pytest.mark.parametrize("delay", [0.0, 0.3])
def test_ctrl_c_saves_and_the_same_command_goes_on(tmp_path, command, uninterrupted, run_state, delay):
    process = start(command(tmp_path))
    until(process, "epoch 1/3")
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGINT)
    text, _ = process.communicate()
    assert process.returncode == 130, text
    assert "the same command" in text and "Traceback" not in text
    assert text.count("stopping after this batch") == 1
    process = start(command(tmp_path))
    assert "resuming" in until(process, "run folder")
    process.communicate()
    assert process.returncode == 0
    assert run_state(tmp_path, "checkpoint.pth.tar") == uninterrupted


def group_stopped(folder, command, run_state, number: int, delay: float) -> tuple[int, str, dict]:
    """Code and words of a run whose process group gets a signal after some seconds, and what the same command then ends with."""
    process = start(command(folder))
    time.sleep(delay)
    # as `timeout`, SLURM and a terminal do it: the main process, and the group with its workers
    os.kill(process.pid, number)
    os.killpg(process.pid, number)
    text, _ = process.communicate()
    again = start(command(folder))
    rest, _ = again.communicate()
    assert again.returncode == 0, rest
    return process.returncode, text, run_state(folder, "checkpoint.pth.tar")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_group_saves_and_the_same_command_goes_on(tmp_path, command, uninterrupted, run_state, number):
    process = start(command(tmp_path))
    until(process, "epoch 1/3")
    os.kill(process.pid, number)
    os.killpg(process.pid, number)
    text, _ = process.communicate()
    assert process.returncode == 128 + number, text
    assert "saved" in text and "the same command" in text and "Traceback" not in text
    process = start(command(tmp_path))
    assert "resuming" in until(process, "run folder")
    process.communicate()
    assert process.returncode == 0 and run_state(tmp_path, "checkpoint.pth.tar") == uninterrupted


@pytest.mark.parametrize("seed", range(31))
def test_a_signal_to_the_group_at_any_moment(tmp_path, command, uninterrupted, run_state, seed):
    draws = random.Random(seed)
    number, delay = draws.choice([signal.SIGTERM, signal.SIGTERM, signal.SIGHUP]), draws.uniform(0.2, 14)
    code, text, state = group_stopped(tmp_path, command, run_state, number, delay)
    # before Python has begun to listen, the system ends the process; a run that was through has ended well
    assert code in (128 + number, -number, 0), text
    assert "Traceback" not in text and "DataLoader worker" not in text, text
    assert state == uninterrupted


@pytest.mark.parametrize("delay", [0.05, 0.6, 1.2])
def test_a_killed_process_leaves_whole_files_and_the_same_command_finishes(
    tmp_path, command, uninterrupted, run_state, read_everything, delay
):
    process = start(command(tmp_path))
    until(process, "run folder")
    time.sleep(delay)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    read_everything(tmp_path)
    process = start(command(tmp_path))
    text, _ = process.communicate()
    assert process.returncode == 0, text
    assert run_state(tmp_path, "checkpoint.pth.tar") == uninterrupted
