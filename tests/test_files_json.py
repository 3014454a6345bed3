import json
import os

import pytest

from zoopose import files as json_file
from zoopose.datasets.json_values import Ids, as_id, is_file_name, is_name, is_number, kind_of
from zoopose.errors import DataError
from zoopose.files import plain, read_json

DATA = {"a": [1, 2.5, "Pfote_übér 左"], "b": {"c": None}}
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32")


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding_of_json(tmp_path, encoding):
    path = tmp_path / "a.json"
    path.write_bytes(json.dumps(DATA, ensure_ascii=False).encode(encoding))
    assert read_json(path, "a file", "") == DATA


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "5000 digits|4300"),
        (b'{"a\\ud800": 1, "a\\ud800": 2}', "twice in one object"),
        (b'{"a": 1', "ends in the middle"),
        (b"\xff\xfe{", "no text .byte 2 is not UTF-16"),
        (b"name,x,y\n1,2,3\n", "valid JSON|ends in the middle"),
    ],
)
def test_what_is_no_json_is_one_clear_error(tmp_path, data, text):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=text) as error:
        read_json(path, "a file", "another file")
    str(error.value).encode()


def test_what_cannot_be_read_does_not_block(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(DataError, match="no ordinary file"):
        read_json(tmp_path / "pipe.json", "a file", "another file")
    (tmp_path / "a.json").write_text("[1, 2, 3]")
    monkeypatch.setattr(json_file, "MAX_BYTES", 8)
    with pytest.raises(DataError, match="above the limit"):
        read_json(tmp_path / "a.json", "a file", "another file")
    with pytest.raises(DataError, match="null"):
        read_json(tmp_path / "a\0.json", "a file", "another file")


def test_texts_of_files_are_printable_in_messages():
    assert plain("a\0b\ud800\nc") == r"a\x00b\ud800\nc" and plain("Ohr_übér") == "Ohr_übér"
    assert plain("x" * 100) == "x" * 80 + "... (100 characters)"


def test_kinds_of_values():
    numbers = [1, 2.5, -3]
    none = [True, None, "1", float("nan"), float("inf"), 10**400, [1], {}]
    assert all(map(is_number, numbers)) and not any(map(is_number, none))
    assert is_name("Pfote 左") and not any(map(is_name, ["", "a\0", "\ud800", "x" * 5000, 1, None]))
    assert is_file_name("caf\udce9.png") and not any(map(is_file_name, ["", "a\0.png", "\ud800.png", 7]))
    shown = [kind_of(v) for v in (None, True, "a", [1], {}, 10**400, 2.5)]
    assert shown[:3] == ["null", "true", "the text 'a'"] and shown[5] == "a whole number of more than 18 digits"


def test_an_id_is_the_same_however_it_is_written():
    assert [as_id(v) for v in (1, 1.0, "1", "p", 1.5, True, None, float("inf"), 10**20)] == [
        1,
        1,
        "1",
        "p",
        *[None] * 5,
    ]
    numbers, texts = Ids({1: "a", 2: "b"}), Ids({"1": "a", "02": "b", "x": "c"})
    assert [numbers.find(v) for v in (1, 1.0, "1", " 2 ", "1.0", "3", [1])] == [1, 1, 1, 2, 1, None, None]
    assert [texts.find(v) for v in ("1", 1, 2.0, "x")] == ["1", "1", "02", "x"]
    both = Ids({1: "a", "1": "b"})
    assert [both.find(v) for v in (1, "1", "1.0")] == [1, "1", None]
