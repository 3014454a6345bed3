"""Signals: heard once, saved, said; ignored where they are ignored; left alone by workers, which end with their parent."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
import torch

from zoopose import progress as stopping
from zoopose.commandline.parsing import command
from zoopose.datasets.loader import Loader, need_handles
from zoopose.errors import ResourceError
from zoopose.progress import Progress, Stopped, asked, deferring, listening
from zoopose.train.options import TrainOptions


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_command_ends_where_it_is_with_the_code_of_the_signal(messages, number, code):
    reached = []

    def work(options):
        send(number)
        reached.append("after")

    before = [signal.getsignal(n) for n in stopping.SIGNALS]
    assert command(work, TrainOptions, "zoopose x", "", []) == code
    assert not reached and signal.Signals(number).name in messages[-1] and "same command" in messages[-1]
    assert [signal.getsignal(n) for n in stopping.SIGNALS] == before and not asked()


def test_work_that_defers_is_asked_between_its_pieces(messages):
    def work(options):
        with deferring():
            send(signal.SIGTERM)
            assert asked()
            raise Stopped("saved; the same command goes on")

    assert command(work, TrainOptions, "zoopose x", "", []) == 143
    assert "stopping after this batch" in messages[0] and "saved" in messages[1]


def test_a_deferred_signal_is_not_forgotten():
    reached = []
    with pytest.raises(Stopped), listening():
        with deferring():
            send(signal.SIGHUP)
            with pytest.raises(Stopped), deferring(False):
                reached.append("inside")
            reached.append("goes on")
        reached.append("after")
    assert reached == ["goes on"]


def test_a_stop_that_something_swallowed_comes_again_with_the_next_piece_of_work():
    with listening():
        with contextlib.suppress(KeyboardInterrupt):
            send(signal.SIGTERM)
        with pytest.raises(Stopped), Progress("x", 2) as progress:
            progress.add()


def test_nohup_is_respected():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with listening():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            send(signal.SIGHUP)
            assert not asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_other_threads_hear_nothing():
    seen = []

    def work():
        with listening():
            seen.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.getsignal(signal.SIGTERM)]


class Numbers:
    """Items that are their own number, and say who made them."""

    def __init__(self, n: int, stuck: bool = False):
        self.n, self.stuck = n, stuck

    def __len__(self):
        return self.n

    def __getitem__(self, index):
        while self.stuck:
            time.sleep(0.1)
        return index, os.getpid()


CHUNKS = [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_workers_ignore_signals_and_give_every_batch():
    seen, pids = [], set()
    for batch in Loader(Numbers(8), CHUNKS, 2, list):
        seen += [index for index, _ in batch]
        pids |= {pid for _, pid in batch}
        for pid in pids:
            for number in stopping.SIGNALS:
                os.kill(pid, number)
    assert seen == list(range(8)) and len(pids) == 2 and os.getpid() not in pids
    assert [i for batch in Loader(Numbers(8), CHUNKS, 0, list) for i, _ in batch] == seen
    assert list(Loader(Numbers(8), [], 2, list)) == []


def test_workers_are_gone_when_a_loop_is_left():
    batches = iter(Loader(Numbers(8), CHUNKS, 2, list))
    pid = next(batches)[0][1]
    batches.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def run_program(text: str, *, wait: str) -> tuple[subprocess.Popen, str]:
    """A Python process, once it has printed `wait` and what follows on that line."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", text],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    for line in process.stdout:
        if line.startswith(wait):
            return process, line.removeprefix(wait).strip()
    raise AssertionError(process.wait())


STUCK = """
import os, time
from zoopose.datasets.loader import Loader
class Stuck:
    def __len__(self): return 4
    def __getitem__(self, index):
        if index == 0:
            return os.getpid()
        time.sleep(1000)
batches = iter(Loader(Stuck(), [[0], [1], [2], [3]], 1, list))
print("worker", next(batches)[0])
"""


def test_a_worker_dies_with_a_parent_that_is_killed():
    process, pid = run_program(STUCK + "time.sleep(1000)", wait="worker")
    process.kill()
    process.wait()
    end = time.monotonic() + 20
    while os.path.exists(f"/proc/{pid}/fd") and time.monotonic() < end:
        time.sleep(0.05)
    assert not os.path.exists(f"/proc/{pid}/fd")


@pytest.mark.slow  # torch waits five seconds for it
def test_a_stuck_worker_does_not_keep_the_program_from_ending():
    process, pid = run_program(STUCK, wait="worker")
    assert process.wait(60) == 0
    assert not os.path.exists(f"/proc/{pid}")


def test_open_files_are_allowed_or_refused_before_workers_start():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (100, before[1]))
        need_handles(2)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 150
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    text = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))\n" + STUCK
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.returncode == 1 and "ResourceError" in done.stderr and "ulimit -n 1024" in done.stderr
    assert len(done.stderr) < 5000
    with pytest.raises(ResourceError, match="--workers 0"):
        raise_handles()


def raise_handles():
    need_handles(10**8)


def test_tensors_of_workers_come_through():
    made = list(Loader(torch.arange(8), CHUNKS, 1, torch.stack))
    assert np.array_equal(torch.cat(made), np.arange(8))
