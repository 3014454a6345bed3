"""LivestockKeypoints from a local copy that is built here in the layout of the published repository."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import threading
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoopose import cli
from zoopose.datasets import livestock
from zoopose.datasets.open import open_data
from zoopose.errors import DataError
from zoopose.scripts import get_livestock as module
from zoopose.scripts.download import fetch

WH = (192, 108)  # of a picture; published: 1280 x 720
HORSES = {
    "train": ["color_4_png.rf.aa.jpg", "dao-1-10-_png.rf.bb.jpg", "dao-10-1-_png.rf.cc.jpg"],
    "val": ["dao-1-2-_png.rf.dd.jpg", "zu-12-2-_png.rf.ee.jpg"],
    "test": ["zu-3-1-_png.rf.ff.jpg", "dao-3-3-_png.rf.gg.jpg"],
}
CATTLE = {"A": ["right_1_png.rf.aa.jpg", "left_10_png.rf.bb.jpg"], "B": ["1023749544_png.rf.cc.jpg"]}
CATTLE_NAMES = [*livestock.JOINTS[:4], *(f"j{i}" for i in range(14))]  # the repository has other names for cattle


def _annotate(folder: Path, file: str, names: list[str], joints, species: str) -> None:
    """Pictures with a bright square about each animal, and their file as Roboflow writes it."""
    images, rows = [], []
    for i, name in enumerate(names):
        picture = np.full((WH[1], WH[0], 3), 40, np.uint8)
        picture[30:80, 60:160] = 200
        folder.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / name), picture)
        images.append({"id": i, "license": 1, "file_name": name, "height": WH[1], "width": WH[0]})
        keypoints = [float(v) for k in range(18) for v in (60 + 5.5 * k, 30 + 2.5 * k, 2 if k else 1)]
        rows.append(
            {"id": i, "image_id": i, "category_id": 1, "bbox": [60, 30, 100, 50], "area": 5000, "iscrowd": 0,
             "segmentation": [], "keypoints": keypoints}
        )  # fmt: skip
    whole = {"id": 0, "name": "animals", "supercategory": "none"}
    category = {"id": 1, "name": species, "supercategory": "animals", "keypoints": list(joints), "skeleton": []}
    data = {"images": images, "annotations": rows, "categories": [whole, category]}
    path = folder.parents[len(folder.parts) - folder.parts.index("images") - 1] / "annotations" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data))


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the repository."""
    root = tmp_path / "Livestock-keypoint-detection"
    data = root / "data_process"
    for split, names in HORSES.items():
        _annotate(data / "horse/images" / split, f"{split}_annotations.coco.json", names, livestock.JOINTS, "horse")
    for farm, names in CATTLE.items():
        _annotate(data / f"cattle/{farm}/images", "_annotations.coco.json", names, CATTLE_NAMES, "cattle")
    (root / "README.md").write_text("words")
    return root


@pytest.fixture
def archive(copy, tmp_path) -> Path:
    """The copy as GitHub archives it: one folder named after the commit, the commit in the comment."""
    path = tmp_path / "served" / "archive.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as file:
        for entry in sorted(copy.rglob("*")):
            file.write(entry, Path(f"{copy.name}-{livestock.COMMIT}") / entry.relative_to(copy))
        file.comment = livestock.COMMIT.encode()
    return path


def test_crops_of_a_copy(copy, tmp_path, messages):
    out = tmp_path / "livestock"
    assert cli.main(["data", "get", "livestock", "--root", str(out), "--from", str(copy)]) == 0
    assert "horse/train.json has 4 animals, not 508" in "\n".join(messages)  # this copy is not the published one
    groups = {
        name: [image["group"] for image in json.loads((out / name).read_text())["images"]] for name in livestock.PARTS
    }
    assert groups == {
        "horse/train.json": ["color", "dao-1", "dao-1", "zu-3"],
        "horse/test.json": ["dao-10", "dao-3", "zu-12"],
        "cattle_a/all.json": ["left", "right"],
        "cattle_b/all.json": ["1023749544_png.rf.cc.jpg"],
    }
    notice = (out / "LICENSE.txt").read_text()
    for part in ("Yiwei Wang", "creativecommons.org/licenses/by/4.0", "7606e75", "Changes:"):
        assert part in notice
    dataset = open_data(f"coco:{out / 'cattle_a/all.json'}")
    assert dataset.skeleton.joints == livestock.JOINTS and len(dataset.skeleton.partners) == 4 and len(dataset) == 2
    assert {"train", "test"} == {Path(p).stem.split("_")[0] for p in out.glob("horse/images/*.jpg")}


def test_a_crop_is_a_square_about_the_box(copy, tmp_path):
    livestock.make_livestock(copy, tmp_path / "out")
    data = json.loads((tmp_path / "out/cattle_b/all.json").read_text())
    # box 100 x 50 at (60, 30): a square of 150 about (110, 55), from (35, -20), onto 320 px
    scale = 320 / 150
    row = data["annotations"][0]
    np.testing.assert_allclose(row["bbox"], np.array([25, 50, 100, 50]) * scale, atol=0.005)
    joints = np.array(row["keypoints"]).reshape(18, 3)
    k = np.arange(18)
    np.testing.assert_allclose(joints[:, 0], (25 + 5.5 * k) * scale, atol=0.0051)
    np.testing.assert_allclose(joints[:, 1], (50 + 2.5 * k) * scale, atol=0.0051)
    assert joints[:, 2].tolist() == [1, *[2] * 17] and row["num_keypoints"] == 18
    assert row["area"] == pytest.approx(5000 * scale**2, abs=0.01)
    picture = cv2.imread(str(tmp_path / "out/cattle_b" / data["images"][0]["file_name"]))
    assert picture.shape == (320, 320, 3)
    assert picture[:40].max() < 12, "black above the picture"
    assert abs(int(picture[160, 160, 0]) - 200) < 4 and abs(int(picture[160, 20, 0]) - 40) < 4


def test_what_is_not_known_of_a_file_name_is_its_own_recording():
    assert [livestock.group_of(n) for n in ("dao-10-3-_png.rf.x.jpg", "color_0_png.rf.x.jpg", "left_7_png.rf.x.jpg")] == [
        "dao-10", "color", "left",
    ]  # fmt: skip
    assert livestock.group_of("1724317984857cow1_color_png.rf.x.jpg") == "1724317984857cow1_color_png.rf.x.jpg"


@pytest.mark.parametrize("kind", ["data_process", "archive", "unpacked", "parent"])
def test_every_form_of_a_copy(copy, archive, tmp_path, kind):
    source = {"data_process": copy / "data_process", "archive": archive, "unpacked": tmp_path / "unpacked",
              "parent": tmp_path}[kind]  # fmt: skip
    if kind == "unpacked":
        with zipfile.ZipFile(archive) as file:
            file.extractall(source)
    made = livestock.make_livestock(source, tmp_path / "out")
    assert all(path.is_file() for path in made) and livestock.made(tmp_path / "out")


def test_a_copy_without_the_pictures(copy, tmp_path):
    (copy / "data_process/horse/images/val/dao-1-2-_png.rf.dd.jpg").unlink()
    with pytest.raises(DataError, match=r"dao-1-2-_png.rf.dd.jpg"):
        livestock.make_livestock(copy, tmp_path / "out")
    assert not (tmp_path / "out/horse/train.json").exists()
    shutil.rmtree(copy / "data_process/cattle/B")
    with pytest.raises(DataError, match=r"(?s)no cattle/B/annotations/_annotations.coco.json\ntry.*git clone"):
        livestock.make_livestock(copy, tmp_path / "out")
    with pytest.raises(DataError, match="no .*nowhere"):
        livestock.make_livestock(tmp_path / "nowhere", tmp_path / "out")


def test_fetched_checked_and_cropped(archive, tmp_path, monkeypatch, messages):
    out = tmp_path / "out"
    monkeypatch.setattr(module, "URL", archive.as_uri())
    monkeypatch.setattr(livestock, "differences", lambda folder: [])
    words = ["data", "get", "livestock", "--root", str(out)]
    assert cli.main(words) == 0 and not out.exists()
    said = "\n".join(messages)
    assert "git clone" in said and f"--root {out}" in said
    assert cli.main([*words, "--run"]) == 0
    assert "no checksum is published" in "\n".join(messages)
    assert livestock.made(out) and not list(out.glob("*.zip*"))
    archive.unlink()
    assert cli.main([*words, "--run"]) == 0, "what is there is not fetched again"


def test_another_commit_or_other_pictures_are_refused(archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "URL", archive.as_uri())
    words = ["data", "get", "livestock", "--root", str(tmp_path / "out"), "--run"]
    assert cli.main(words) == 2
    assert "cattle_a/all.json has 2 animals, not 206" in capsys.readouterr().err
    with zipfile.ZipFile(archive, "a") as file:
        file.comment = b"0" * 40
    shutil.rmtree(tmp_path / "out")
    assert cli.main(words) == 2
    assert f"is of {'0' * 40}" in capsys.readouterr().err


def test_without_a_connection_one_error_says_what_to_type(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "URL", "http://127.0.0.1:9/archive.zip")
    assert cli.main(["data", "get", "livestock", "--root", str(tmp_path / "out"), "--run"]) == 2
    said = capsys.readouterr().err
    assert said.count("expected") == 1 and "--from FOLDER" in said and "goes on where it stopped" in said


class _Ranges(http.server.BaseHTTPRequestHandler):
    """A server that cuts the first answer short; sends parts of the file unless its path says no."""

    data, asked = bytes(range(256)) * 40, []

    def do_GET(self):
        wanted = self.headers.get("Range", "")
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").rstrip("-") or 0) if "parts" in self.path else 0
        if start >= len(self.data):
            self.send_error(416)
            return
        self.send_response(206 if wanted and start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(self.data) - 1}/{len(self.data)}")
        self.send_header("Content-Length", str(len(self.data) - start))
        self.end_headers()
        self.wfile.write(self.data[start : start + 1000] if len(self.asked) == 1 else self.data[start:])

    def log_message(self, *_):
        pass


@pytest.mark.parametrize("path", ["parts", "whole"])
def test_a_transfer_that_was_cut_short_goes_on(tmp_path, path):
    _Ranges.asked = []
    with http.server.HTTPServer(("127.0.0.1", 0), _Ranges) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url, file = f"http://127.0.0.1:{server.server_address[1]}/{path}", tmp_path / "a.zip"
        with pytest.raises(DataError):
            fetch(url, file, resume=True)
        assert (tmp_path / "a.zip.part").read_bytes() == _Ranges.data[:1000] and not file.exists()
        whole = fetch(url, file, resume=True)
        assert _Ranges.asked == ["", "bytes=1000-"] and file.read_bytes() == _Ranges.data
        assert whole.size == len(_Ranges.data) and not (tmp_path / "a.zip.part").exists()
        assert whole.sha256 == fetch(url, tmp_path / "b.zip").sha256
        file.rename(tmp_path / "a.zip.part")  # stopped after the last byte
        assert fetch(url, file, resume=True).sha256 == whole.sha256
        server.shutdown()


@pytest.mark.data
def test_the_crops_of_the_benchmark_are_those_of_the_commit():
    root = Path(os.environ.get("ZOOPOSE_DATA", "")) / "livestock"
    if not livestock.made(root):
        pytest.skip("set ZOOPOSE_DATA to the folder that holds livestock/")
    assert livestock.differences(root) == []
