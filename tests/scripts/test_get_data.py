import hashlib
import http.server
import io
import logging
import tarfile
import threading
import zipfile

import pytest

from zoopose import cli
from zoopose.datasets.catalogue import SOURCES
from zoopose.errors import DataError, OptionError
from zoopose.scripts import get_data as get
from zoopose.scripts.download import fetch, unpack


@pytest.fixture
def archive(tmp_path):
    """A zip file with a tree in it."""
    path = tmp_path / "served" / "part.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("annotations/a.json", "{}")
        file.writestr("val2017/1.jpg", "picture")
        file.writestr("../outside.txt", "x")
    return path


@pytest.fixture
def way(monkeypatch, archive):
    """A data set that is the archive, at a file: address, with or without a checksum."""

    def add(sha256="", by_hand=""):
        one = get.Archive(archive.as_uri(), "1 kB", ("annotations/a.json", "val2017"), sha256=sha256)
        other = get.Archive("file:///nowhere/train.zip", "18 GB", ("train2017",), "train")
        monkeypatch.setitem(
            get.DOWNLOAD_SOURCES, "tiny", get.DownloadSource("tiny", "https://tiny.example", (one, other), by_hand)
        )

    return add


def test_without_run_it_only_prints(way, tmp_path, caplog):
    way()
    with caplog.at_level(logging.INFO, "zoopose"):
        assert get.run(get.GetOptions("tiny", root=str(tmp_path / "new"))) == []
    for part in ("https://tiny.example", "curl -fLO file:///nowhere/train.zip", "no checksum is published", "--run"):
        assert part in caplog.text
    assert not (tmp_path / "new").exists()


def test_run_fetches_unpacks_and_knows_what_is_there(way, archive, tmp_path, caplog):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    way(sha256=digest)
    root = tmp_path / "new"
    options = get.GetOptions(f"tiny:{root}", split="valid", run=True)
    with caplog.at_level(logging.INFO, "zoopose"):
        assert get.run(options) == [root / "annotations/a.json", root / "val2017"]
    assert digest in caplog.text and "as published" in caplog.text
    assert sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()) == [
        "annotations/a.json", "outside.txt", "val2017/1.jpg",
    ]  # fmt: skip
    archive.unlink()
    assert get.run(options) == []  # nothing is fetched twice


def test_another_checksum_leaves_nothing(way, tmp_path):
    way(sha256="0" * 64)
    with pytest.raises(DataError, match="SHA-256 0000"):
        get.run(get.GetOptions("tiny", root=str(tmp_path / "new"), split="valid", run=True))
    assert list((tmp_path / "new").iterdir()) == []


def test_an_address_that_does_not_answer(way, tmp_path):
    way()
    with pytest.raises(DataError, match=r"(?s)an answer from file:///nowhere/train.zip.*moved"):
        get.run(get.GetOptions("tiny", root=str(tmp_path / "new"), split="train", run=True))


class _Short(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/short.zip" else 404)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"only this")

    def log_message(self, *_):
        pass


def test_a_server_that_stops_in_the_middle_or_has_no_such_file(tmp_path):
    with http.server.HTTPServer(("127.0.0.1", 0), _Short) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}"
        for name, text in (("short.zip", "cut short|IncompleteRead"), ("gone.zip", "404")):
            with pytest.raises(DataError, match=text):
                fetch(f"{address}/{name}", tmp_path / name)
        server.shutdown()
    assert list(tmp_path.iterdir()) == []


def test_tar_files_and_folders_that_are_there_already(tmp_path):
    path, folder = tmp_path / "images.tar.gz", tmp_path / "root"
    (folder / "images").mkdir(parents=True)
    (folder / "images/old.jpg").write_text("old")
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo("images/new.jpg")
        entry.size = 3
        file.addfile(entry, io.BytesIO(b"new"))
    assert unpack(path, folder) == 1
    assert sorted(p.name for p in (folder / "images").iterdir()) == ["new.jpg", "old.jpg"]


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "text"])
def test_a_broken_archive_leaves_nothing(tmp_path, archive, kind):
    path = tmp_path / f"broken.{kind}"
    whole = archive.read_bytes()
    if kind == "tar.gz":
        with tarfile.open(path, "w:gz") as file:
            file.add(archive)
        whole = path.read_bytes()
    path.write_bytes(b"no archive" if kind == "text" else whole[: len(whole) // 2])
    (tmp_path / "root").mkdir()
    with pytest.raises(DataError, match="that is whole"):
        unpack(path, tmp_path / "root")
    assert list((tmp_path / "root").iterdir()) == []


def test_sets_without_an_address_say_so(caplog, tmp_path):
    with caplog.at_level(logging.INFO, "zoopose"):
        for name in ("animal_pose", "real_animal", "synthetic_animal_sp", "mpii"):
            assert get.run(get.GetOptions(name, root=str(tmp_path))) == []
    for part in ("Google Drive", "calvin-vision.net", "reported dead", "gt_valid.mat", "mpii_human_pose_v1.tar.gz"):
        assert part in caplog.text
    with pytest.raises(OptionError, match="animal_pose has none"):
        get.run(get.GetOptions("animal_pose", root=str(tmp_path), run=True))
    with pytest.raises(OptionError, match="zoopose data get coco_person"):
        get.run(get.GetOptions("coco_persons"))


def test_every_named_set_has_a_way_and_the_command_runs(capsys):
    assert set(get.DOWNLOAD_SOURCES) == set(SOURCES) - {"coco", "images", "video"}
    assert cli.main(["data", "get", "nothing_like_it"]) == 2
    assert "a data set out of" in capsys.readouterr().err
