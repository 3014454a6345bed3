import os

import numpy as np
import pytest

from zoopose.files import atomic_path, atomic_write_bytes, sweep


def test_written_whole_in_a_new_folder(tmp_path):
    atomic_write_bytes(tmp_path / "a" / "b.bin", b"whole")
    assert (tmp_path / "a" / "b.bin").read_bytes() == b"whole" and len(list((tmp_path / "a").iterdir())) == 1


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, error):
    (tmp_path / "b.bin").write_bytes(b"old")
    with pytest.raises(error), atomic_path(tmp_path / "b.bin") as temporary:
        temporary.write_bytes(b"half")
        raise error
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"] and (tmp_path / "b.bin").read_bytes() == b"old"


def test_the_suffix_stays_for_writers_that_choose_by_it(tmp_path):
    with atomic_path(tmp_path / "x.npy") as temporary:
        np.save(temporary, np.arange(3))
    assert np.load(tmp_path / "x.npy").tolist() == [0, 1, 2] and len(list(tmp_path.iterdir())) == 1


def test_nothing_written_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "x"):
        pass
    assert not list(tmp_path.iterdir())


def test_sweep_takes_what_the_dead_left_and_nothing_else(tmp_path):
    dead, alive = 2**22 + 1, os.getpid()  # above the largest process number
    left = tmp_path / f".last.pth.{dead}-0123abcd.tar"
    others = [tmp_path / f".last.pth.{alive}-0123abcd.tar", tmp_path / ".hidden", tmp_path / "last.pth.tar"]
    for path in (left, *others):
        path.write_bytes(b"x")
    assert sweep(tmp_path) == [left]
    assert not left.exists() and all(path.exists() for path in others)
