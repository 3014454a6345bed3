"""Faults of the machine: one error that names disk, file or limit, and flags that the command has."""

from __future__ import annotations

import errno
import os
import pickle
import resource
import shutil
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
import torch

from zoopose import errors as faults
from zoopose.commandline.parsing import command
from zoopose.datasets.pictures import PictureError, read_rgb
from zoopose.errors import OptionError, ResourceError, StorageError, WeightsError, explained
from zoopose.evaluation.options import PredictOptions
from zoopose.evaluation.options import TestOptions as ScoreOptions
from zoopose.files import atomic_json, atomic_path, atomic_picture
from zoopose.pose import weights
from zoopose.synthetic.options import MakeOptions
from zoopose.train.options import TrainOptions


def write_h5(path: Path) -> None:
    with atomic_path(path) as temporary, h5py.File(temporary, "w") as file:
        file.create_dataset("x", data=np.zeros(100_000))


def write_npz(path: Path) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, x=np.zeros(100_000))


def write_npy(path: Path) -> None:
    with atomic_path(path) as temporary:
        np.save(temporary, np.zeros(100_000))


WRITERS = {
    "a.pth.tar": lambda path: weights.save(path, {"state_dict": {n: torch.zeros(100_000) for n in "ab"}}),
    "a.h5": write_h5,
    "a.npz": write_npz,
    "a.npy": write_npy,
    "a.png": lambda path: atomic_picture(path, np.random.default_rng(0).integers(0, 255, (400, 400, 3), np.uint8)),
    "a.json": lambda path: atomic_json(path, list(range(100_000))),
}


@contextmanager
def limited(kind: int, soft: int):
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@pytest.mark.parametrize("name", WRITERS)
def test_a_limit_on_the_size_of_files_is_named_and_the_old_file_stays(tmp_path, name):
    (tmp_path / name).write_bytes(b"old")
    with limited(resource.RLIMIT_FSIZE, 100_000), pytest.raises(StorageError, match="ulimit -f") as error:
        WRITERS[name](tmp_path / name)
    assert str(tmp_path / name) in error.value.expected and "97.7 KiB" in error.value.found
    assert [p.name for p in tmp_path.iterdir()] == [name] and (tmp_path / name).read_bytes() == b"old"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ESTALE])
@pytest.mark.parametrize("at", ["write", "fsync", "replace"])
def test_a_disk_that_refuses_is_named(tmp_path, monkeypatch, number, at):
    path = tmp_path / "a.txt"
    path.write_text("old")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    if at != "write":
        monkeypatch.setattr(os, at, refuse)
    with pytest.raises(StorageError) as error, atomic_path(path, 3 << 20) as temporary:
        temporary.write_text("new")
        if at == "write":
            refuse()
    text = str(error.value)
    assert f"{path} (3.0 MiB)" in text and "mounted at /" in text and "the same command goes on" in text
    assert ("free" in error.value.found) == (number in (errno.ENOSPC, errno.EDQUOT))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"] and path.read_text() == "old"


def test_what_was_written_of_the_file_counts_as_free(tmp_path, monkeypatch):
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=0))
    with pytest.raises(StorageError, match=r"4\.0 KiB free"), atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(bytes(4096))
        raise OSError(errno.ENOSPC, "full")


def test_a_folder_that_vanishes_in_the_midst_is_named(tmp_path):
    folder = tmp_path / "run" / "overlays"
    with (
        pytest.raises(StorageError, match=f"{tmp_path / 'run'} has vanished"),
        atomic_path(folder / "a.txt") as temporary,
    ):
        shutil.rmtree(tmp_path / "run")
        temporary.write_text("x")


def test_a_file_that_is_read_meanwhile_is_no_fault_of_the_disk(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.txt"):
        (tmp_path / "elsewhere" / "b.txt").read_text()
    with pytest.raises(PermissionError), atomic_path(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "no", str(tmp_path / "elsewhere" / "b.txt"))


def allocation_of_numpy():
    np.empty(1 << 60, np.uint8)


def allocation_of_torch():
    torch.empty(1 << 60, dtype=torch.uint8)


def allocation_of_opencv():
    cv2.resize(np.zeros((4, 4), np.uint8), (1 << 30, 1 << 30))


def allocation_of_the_system():
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


def allocation_on_a_gpu():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 8 GiB")


def allocation_in_a_worker():
    raise MemoryError("Caught MemoryError in DataLoader worker process 0.\nOriginal Traceback ...")


ALLOCATIONS = [
    allocation_of_numpy,
    allocation_of_torch,
    allocation_of_the_system,
    allocation_on_a_gpu,
    allocation_in_a_worker,
]


@pytest.mark.parametrize("allocate", ALLOCATIONS)
@pytest.mark.parametrize("options", [TrainOptions, PredictOptions, ScoreOptions, MakeOptions])
def test_short_memory_is_one_message_with_flags_that_the_command_has(capsys, allocate, options):
    assert command(lambda _: allocate(), options, "zoopose x", "", []) == 2
    text = capsys.readouterr().err
    assert "enough memory" in text and "Traceback" not in text and len(text.splitlines()) == 4
    remedy = text.splitlines()[-1]
    fields = set(options.__dataclass_fields__) - set(getattr(options, "DEAD_FLAGS", ()))
    named = [word.strip(",").removeprefix("--").replace("-", "_") for word in remedy.split() if word.startswith("--")]
    assert set(named) <= fields and remedy.strip() != "try:"
    assert ("on the GPU" in text) == (allocate is allocation_on_a_gpu)
    if options is TrainOptions:
        assert "train_batch" in named and ("workers" in named) == (allocate is not allocation_on_a_gpu)


def test_opencv_without_memory_is_seen():
    error = cv2.error("OpenCV(4.12) alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 1234567 bytes")
    assert isinstance(explained(error, TrainOptions), ResourceError)


def test_the_amount_that_was_asked_for_is_said():
    try:
        allocation_of_torch()
    except RuntimeError as error:
        assert "1073741824.0 GiB" in explained(error, TrainOptions).found
    try:
        allocation_of_numpy()
    except MemoryError as error:
        assert "1.00 EiB" in explained(error, TrainOptions).found


@dataclass
class NoWorkers:
    out: str = ""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (RuntimeError("received 0 items of ancdata"), "ulimit -n"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Bus error. It is possible that ..."), "/dev/shm"),
        (RuntimeError("unable to open shared memory object </torch_1_2_3> in read-write mode"), "/dev/shm"),
        (RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."), "signal Killed"),
        (RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly"), "has ended"),
        (BrokenProcessPool("A process in the process pool was terminated abruptly"), "memory was short"),
        (RuntimeError("can't start new thread"), "ulimit -u"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), "ulimit -u"),
    ],
)
def test_other_shortages_say_what_to_set(error, words):
    with_workers, without = str(explained(error, TrainOptions)), str(explained(error, NoWorkers))
    assert words in with_workers and "--workers 0" in with_workers
    assert words in without and "--workers" not in without


def test_an_error_with_a_shortage_behind_it_is_explained():
    try:
        try:
            raise OSError(errno.EMFILE, "Too many open files")
        except OSError as error:
            raise RuntimeError("Caught OSError in DataLoader worker process 0.") from error
    except RuntimeError as error:
        assert "ulimit -n" in str(explained(error, TrainOptions))


def test_other_faults_are_not_explained_away():
    for error in (
        ValueError("a"),
        RuntimeError("shape '[2]' is invalid"),
        KeyError("memory"),
        OSError(errno.ENOENT, "no"),
    ):
        assert explained(error, TrainOptions) is None
    mistake = OptionError("a", "b")
    assert explained(mistake) is mistake


def test_short_memory_or_handles_do_not_make_a_file_a_bad_one(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), np.zeros((8, 8, 3), np.uint8))

    def refuse(*_, **__):
        raise OSError(errno.EMFILE, "Too many open files")

    def no_memory(*_, **__):
        raise cv2.error("(-4:Insufficient memory) Failed to allocate 1 bytes")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(OSError, match="Too many"):
        read_rgb(path)
    monkeypatch.undo()
    monkeypatch.setattr(cv2, "imdecode", no_memory)
    with pytest.raises(cv2.error):
        read_rgb(path)
    monkeypatch.undo()
    path.write_bytes(b"no picture")
    with pytest.raises(PictureError):
        read_rgb(path)
    weights.save(tmp_path / "a.pth.tar", {"state_dict": {"a": torch.zeros(2)}})
    monkeypatch.setattr(torch, "load", lambda *_, **__: allocation_of_torch())
    with pytest.raises(RuntimeError, match="allocate"):
        weights.read(tmp_path / "a.pth.tar")
    monkeypatch.setattr(torch, "load", lambda *_, **__: 1 / 0)
    with pytest.raises(WeightsError):
        weights.read(tmp_path / "a.pth.tar")


def test_the_error_comes_through_a_pool_of_processes():
    error = pickle.loads(pickle.dumps(StorageError("room", "none", "free some")))
    assert (error.expected, error.found, error.remedy) == ("room", "none", "free some")


def test_amounts_for_people():
    assert [faults.amount(n) for n in (12, 2048, 3.5 * 2**20, 2**31)] == ["12 bytes", "2.0 KiB", "3.5 MiB", "2.0 GiB"]
