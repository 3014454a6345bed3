"""Files of other programs are read in a process of their own: one that dies or never ends is named, and the next is read."""

from __future__ import annotations

import sys
import time

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from zoopose.datasets import isolated_reader
from zoopose.datasets.hdf5_file import read_hdf5, sealed_hdf5
from zoopose.datasets.isolated_reader import IsolatedReader, UnreadableFileError, read_isolated, real_numbers
from zoopose.datasets.npy_file import map_npy
from zoopose.datasets.original_index import cached_mean, cached_split
from zoopose.errors import DataError

CHILD = """
import sys, time, os, json
for line in sys.stdin:
    kind, path = json.loads(line)
    os.write(1, b"loaded\\n\\n")
    if path.endswith("dies"):
        os.kill(os.getpid(), 11)
    time.sleep(100)
"""


def test_mat_and_hdf5_files_are_read(tmp_path):
    savemat(tmp_path / "a.mat", {"x": np.arange(3.0), "c": np.array(["a", "b"], object)})
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["g/x"] = np.arange(3)
        file.attrs["format"] = "f"
    with IsolatedReader() as reader:
        found = reader.read("mat", tmp_path / "a.mat")
        assert real_numbers(found, "x").ravel().tolist() == [0, 1, 2] and set(found) == {"x", "c"}
        for name, said in (("c", "no real numbers"), ("y", "without y")):
            with pytest.raises(UnreadableFileError, match=said):
                real_numbers(found, name)
        table = reader.read("hdf5", tmp_path / "a.h5")
        assert table["attrs"] == {"format": "f"} and table["data"]["g/x"].tolist() == [0, 1, 2]
        (tmp_path / "b.mat").write_bytes(b"no MATLAB file")
        with pytest.raises(UnreadableFileError):
            reader.read("mat", tmp_path / "b.mat")
        assert reader.read("mat", tmp_path / "a.mat")["x"].size == 3  # the same process goes on
    with pytest.raises(UnreadableFileError, match="No such file"):
        read_isolated("mat", tmp_path / "none.mat")


def test_the_process_waits_for_the_next_reader_of_this_process_alone(tmp_path, monkeypatch):
    savemat(tmp_path / "a.mat", {"x": np.arange(3.0)})
    started, start = [], IsolatedReader._start
    monkeypatch.setattr(IsolatedReader, "_start", lambda self: started.append(start(self)) or started[-1])
    assert all(read_isolated("mat", tmp_path / "a.mat")["x"].size == 3 for _ in range(3))
    assert len({child.pid for child in started}) == 1
    monkeypatch.setattr(isolated_reader.os, "getpid", lambda: -1)  # as in a forked process
    read_isolated("mat", tmp_path / "a.mat")
    assert len({child.pid for child in started}) == 2


def test_a_process_that_dies_or_hangs_is_named(tmp_path, monkeypatch):
    child = tmp_path / "child.py"
    child.write_text(CHILD)
    monkeypatch.setattr(isolated_reader, "_CHILD", child)
    start = time.monotonic()
    with IsolatedReader(seconds=0.5) as reader:
        with pytest.raises(UnreadableFileError, match="SIGSEGV"):
            reader.read("mat", tmp_path / "dies")
        with pytest.raises(UnreadableFileError, match=r"0\.5 s"):
            reader.read("mat", tmp_path / "hangs")
    assert time.monotonic() - start < 60 and sys.executable


def test_a_sealed_file_with_a_changed_byte_is_never_opened(tmp_path, monkeypatch):
    path = tmp_path / "a.h5"
    with sealed_hdf5(path) as file:
        file["x"] = np.arange(100)
    assert read_hdf5(path)[1]["x"].sum() == 4950
    data = bytearray(path.read_bytes())
    data[-3] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(h5py, "File", None)
    monkeypatch.setattr("zoopose.datasets.hdf5_file.read_isolated", None)
    with pytest.raises(UnreadableFileError, match="changed"):
        read_hdf5(path)


@pytest.mark.parametrize("data", [b"", b"text", b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'shape': (9" + b" " * 90])
def test_arrays_with_damaged_heads_are_errors(tmp_path, data):
    (tmp_path / "a.npy").write_bytes(data)
    with pytest.raises(ValueError, match="array"):
        map_npy(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.array(["text"]))
    with pytest.raises(ValueError, match="real numbers"):
        map_npy(tmp_path / "b.npy")


def test_damaged_caches_of_the_published_code_are_named(tmp_path):
    folder = tmp_path / "data" / "real_animal" / "horse"
    folder.mkdir(parents=True)
    names = ("train.npy", "valid.npy")
    np.save(folder / "train.npy", np.array([0, 1, 2]))
    for wrong in (np.array([0.5]), np.array([-1]), np.array([np.nan]), np.array(["a"])):
        np.save(folder / "valid.npy", wrong)
        with pytest.raises(DataError, match=r"valid\.npy"):
            cached_split(tmp_path, "real_animal/horse", names, np.arange(4))
    (folder / "mean.pth.tar").write_bytes(b"<html>")
    with pytest.raises(DataError, match="web page"):
        cached_mean(tmp_path, "real_animal/horse/mean.pth.tar", (0, 0, 0))
