"""One run in a folder at a time: refused with the name of the other, let go however that one ends."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoopose.commandline import folder_lock
from zoopose.commandline.folder_lock import NAME, alone_in, locked
from zoopose.errors import OptionError, StorageError

HOLDER = """
import sys, time, pathlib
from zoopose.commandline.folder_lock import locked
with locked(pathlib.Path(sys.argv[1]), shared=sys.argv[2] == "shared"):
    print("held", flush=True)
    time.sleep(1000)
"""


@pytest.fixture
def other(tmp_path):
    """(shared or not) -> another process that holds the folder `run`."""
    started = []

    def start(kind: str = "alone") -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, str(tmp_path / "run"), kind], stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path, other):
    first = other()
    for shared in (False, True):
        with (
            pytest.raises(OptionError, match=f"process {first.pid} on .*, since 2") as error,
            locked(tmp_path / "run", shared),
        ):
            pass
        assert str(tmp_path / "run") in error.value.expected
    first.kill()
    first.wait()
    with locked(tmp_path / "run"):  # the file of a killed process holds nothing
        assert json.loads((tmp_path / "run" / NAME).read_text())["pid"] == os.getpid()
    assert not (tmp_path / "run" / NAME).exists()


def test_those_who_share_keep_out_only_those_who_do_not(tmp_path, other):
    other("shared")
    with locked(tmp_path / "run", shared=True):
        pass
    with pytest.raises(OptionError, match="another process"), locked(tmp_path / "run"):
        pass


def test_calls_of_one_process_are_nested_and_the_last_lets_go(tmp_path):
    with locked(tmp_path):
        with locked(tmp_path):
            pass
        assert (tmp_path / NAME).exists()
        with open(tmp_path / NAME) as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_which_nothing_was_written_is_not_left_behind(tmp_path):
    with pytest.raises(ZeroDivisionError), locked(tmp_path / "new"):
        raise ZeroDivisionError
    assert not (tmp_path / "new").exists()
    with locked(tmp_path / "new"):
        (tmp_path / "new" / "a").write_text("a")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a"]


@pytest.mark.parametrize("again", [False, True])
def test_a_folder_that_is_taken_away_is_noticed(tmp_path, again):
    folder = tmp_path / "run"
    with pytest.raises(StorageError, match="removed or replaced"), locked(folder):
        folder_lock.check(folder)
        shutil.rmtree(folder)
        if again:
            folder.mkdir()
        with pytest.raises(StorageError):
            folder_lock.check(folder)
    assert folder.exists() == again


def test_a_disk_without_locks_is_said(tmp_path, monkeypatch, messages):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with locked(tmp_path):
        pass
    assert "no locks" in messages[0] and "second run" in messages[0]


@pytest.mark.parametrize(("name", "value"), [("RANK", "1"), ("SLURM_PROCID", "3"), ("LOCAL_RANK", "1")])
def test_other_ranks_hold_nothing(tmp_path, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with locked(tmp_path / "run"):
        assert not (tmp_path / "run").exists()
    monkeypatch.setenv("RANK", "0")
    with locked(tmp_path / "run"):
        assert (tmp_path / "run" / NAME).exists()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "a").write_text("")
    for path in (tmp_path / "a", tmp_path / "a" / "b"):
        with pytest.raises(OptionError, match="a file"), locked(path):
            pass


@dataclass
class Options:
    """Of a command that writes to a folder."""

    out: Path


def test_commands_hold_the_folder_of_their_option(tmp_path):
    @alone_in("out")
    def run(options):
        return (options.out / NAME).exists()

    assert run(Options(tmp_path)) and not (tmp_path / NAME).exists()


def test_a_training_is_refused_where_another_is_at_work(tmp_path, other):
    from zoopose.train.options import TrainOptions
    from zoopose.train.train import run

    other()
    with pytest.raises(OptionError, match="at work"):
        run(TrainOptions(dataset="coco:none.json", checkpoint=str(tmp_path / "run")))
    assert [p.name for p in (tmp_path / "run").iterdir()] == [NAME]
