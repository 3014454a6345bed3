import pytest

from zoopose.datasets.tree import missing_tree, what_is_at
from zoopose.errors import DataError


def test_the_error_shows_the_tree_what_is_there_and_the_remedy(tmp_path):
    (tmp_path / "horse").mkdir()
    (tmp_path / "readme.txt").write_text("")
    entries = [("horse/", True), ("ranges/horse/ranges.mat", False), ("landmarks/horse/", None)]
    error = missing_tree("TigDog, horse", tmp_path, entries, "zoopose data get tigdog")
    assert isinstance(error, DataError)
    for part in (
        f"TigDog, horse below {tmp_path}",
        "✓ horse/",
        "✗ ranges/horse/ranges.mat",
        "· landmarks/horse/",
        "not checked",
        "holds horse/, readme.txt",
        "try:      zoopose data get tigdog",
    ):
        assert part in str(error)
    assert "not checked" not in str(missing_tree("x", tmp_path, entries[:2], ""))


def test_what_is_at_a_path(tmp_path):
    deep = tmp_path / "no" / "such" / "folder"
    assert what_is_at(deep) == f"{deep} does not exist; the nearest folder that does, {tmp_path}, holds nothing"
    for i in range(12):
        (tmp_path / f"{i:02d}.jpg").write_bytes(b"abc")
    assert what_is_at(tmp_path).endswith("06.jpg, 07.jpg and 4 more")
    assert what_is_at(tmp_path / "03.jpg") == f"{tmp_path / '03.jpg'} is a file of 3 bytes"
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert "is a link to" in what_is_at(tmp_path / "link")


def test_a_relative_path_shows_its_nearest_parent(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert f"{tmp_path}, holds nothing" in what_is_at("animal_data")


def test_raising_keeps_the_text(tmp_path):
    with pytest.raises(DataError, match="✗ a"):
        raise missing_tree("x", tmp_path, [("a", False)], "do this")
