"""Seals: every change of a sealed file is noticed, and other programs read it as before."""

import zipfile

import h5py
import numpy as np
import pytest
import torch

from zoopose.errors import WeightsError
from zoopose.pose import weights
from zoopose.pose.seal import USER_BLOCK, is_whole, seal_hdf5, seal_zip


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "a.pth.tar"
    weights.save(path, {"epoch": 3, "state_dict": {"a.weight": torch.arange(64.0), "b": torch.ones(3)}})
    return path


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=USER_BLOCK) as file:
        file["x"] = np.arange(100.0)
    seal_hdf5(path)
    return path


def test_sealed_checkpoints_are_read_by_torch_and_zipfile(checkpoint):
    assert is_whole(checkpoint) is True and weights.fault_of(checkpoint) == ""
    assert torch.load(checkpoint, weights_only=True)["state_dict"]["a.weight"][5] == 5
    assert torch.load(checkpoint, weights_only=True, mmap=True)["epoch"] == 3
    with zipfile.ZipFile(checkpoint) as archive:
        assert archive.testzip() is None


def test_sealed_tables_are_read_by_h5py(table):
    assert is_whole(table) is True
    with h5py.File(table) as file:
        assert file["x"][5] == 5


@pytest.mark.parametrize("kind", ["checkpoint", "table"])
def test_every_flipped_bit_is_noticed(kind, request):
    path = request.getfixturevalue(kind)
    whole = path.read_bytes()
    padding = range(93, USER_BLOCK) if kind == "table" else ()  # after the seal, says nothing
    for at in range(0, len(whole), 31):
        broken = bytearray(whole)
        broken[at] ^= 1 << at % 8
        path.write_bytes(broken)
        # of an archive only the mark says that there is a seal
        lost = kind == "checkpoint" and b"zoopose seal 1: blake2b-256 " not in broken
        assert at in padding or is_whole(path) is (None if lost else False), at


@pytest.mark.parametrize("kind", ["checkpoint", "table"])
def test_every_cut_is_noticed(kind, request):
    path = request.getfixturevalue(kind)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])
        assert is_whole(path) is not True


def test_a_seal_that_is_lost_leaves_the_checksums_of_the_archive(checkpoint):
    """As of an older version: torch.load alone reads other numbers."""
    whole = checkpoint.read_bytes().replace(b"zoopose seal", b"zoopose SEAL")
    at = whole.index(torch.arange(64.0).numpy().tobytes())
    checkpoint.write_bytes(whole)
    assert is_whole(checkpoint) is None and weights.read(checkpoint)["epoch"] == 3
    broken = bytearray(whole)
    broken[at + 6] ^= 4
    checkpoint.write_bytes(broken)
    assert torch.load(checkpoint, weights_only=True)["state_dict"]["a.weight"][1] != 1
    with pytest.raises(WeightsError, match="damaged"):
        weights.read(checkpoint)
    assert "not those that were written" in weights.fault_of(checkpoint)


def test_archives_without_checksums_are_read(tmp_path):
    """PyTorch can save so, and reads so."""
    torch.serialization.set_crc32_options(False)
    try:
        torch.save({"a": torch.ones(3)}, tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(True)
    assert weights.read(tmp_path / "a.pt")["state_dict"]["a"].tolist() == [1, 1, 1]


def test_damage_is_named(checkpoint):
    data = bytearray(checkpoint.read_bytes())
    data[len(data) // 2] ^= 1
    checkpoint.write_bytes(data)
    with pytest.raises(WeightsError) as error:
        weights.read(checkpoint)
    assert str(checkpoint) in error.value.found and "damaged" in error.value.found and error.value.remedy
    assert "changed" in weights.fault_of(checkpoint)
    assert weights.fault_of(checkpoint.with_name("none.pth.tar")).startswith("no file")


def test_only_what_can_carry_a_seal_is_sealed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"x" * 1000)
    with pytest.raises(ValueError, match="archive"):
        seal_zip(path)
    with pytest.raises(ValueError, match="user block"):
        seal_hdf5(path)


def test_a_seal_that_is_itself_damaged_is_no_missing_seal(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", userblock_size=USER_BLOCK) as file:
        file["x"] = np.arange(5)
    assert is_whole(path) is None, "not sealed yet"
    seal_hdf5(path)
    assert is_whole(path)
    data = bytearray(path.read_bytes())
    data[3] ^= 1
    path.write_bytes(data)
    assert is_whole(path) is False
