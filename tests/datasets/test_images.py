import os

import cv2
import numpy as np
import pytest
from PIL import Image

from zoopose.datasets.images import ImageFolder, natural_key
from zoopose.datasets.sample import UNKNOWN_JOINTS
from zoopose.errors import DataError
from zoopose.pose.skeleton import ANIMAL_POSE20


@pytest.fixture
def folder(tmp_path):
    for name in ("b/frame10.png", "b/frame2.png", "a.JPG", ".hidden/x.png", "notes.txt", "c.webp", "d.tif", "e.bmp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if path.suffix == ".txt":
            path.write_text("no picture")
        else:
            cv2.imwrite(str(path), np.full((30, 50, 3), 90, np.uint8))
    return tmp_path


def test_pictures_in_natural_order(folder):
    data = ImageFolder(folder)
    assert data.ids == ["a.JPG", "b/frame2.png", "b/frame10.png", "c.webp", "d.tif", "e.bmp"]
    sample = data[2]
    assert sample.image.shape == (30, 50, 3) and sample.box_xywh.tolist() == [0, 0, 50, 30]
    assert sample.meta == {"id": "b/frame10.png", "path": str(folder / "b/frame10.png")}
    assert data.labels is None and data.crop_factor == 1.0 and set(data.shots) == {""}
    assert data.describe()["items"] == 6


def test_natural_order_of_odd_names():
    names = ["a", "a/b", "a.jpg/x", "A.jpg", "01", "1/z", "10", "2", "x1y"]
    assert sorted(names, key=natural_key) == ["01", "1/z", "2", "10", "a", "a/b", "A.jpg", "a.jpg/x", "x1y"]


def test_skeleton_given_later(folder):
    data = ImageFolder(folder)
    assert data.skeleton == UNKNOWN_JOINTS and data[0].xy_px.shape == (0, 2)
    other = data.with_skeleton(ANIMAL_POSE20)
    assert other[0].visible.tolist() == [0] * 20 and data.skeleton == UNKNOWN_JOINTS


def test_empty_and_missing_folders(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="✗ \\*.jpg"):
        ImageFolder(tmp_path / "empty")
    with pytest.raises(DataError, match="does not exist"):
        ImageFolder(tmp_path / "nowhere")


def test_what_is_named_like_a_picture_and_is_none_is_left_out_with_a_word(folder, caplog):
    (folder / "folder.png").mkdir()
    cv2.imwrite(str(folder / "folder.png/in.png"), np.zeros((4, 4, 3), np.uint8))
    (folder / "dead.png").symlink_to(folder / "nothing.png")
    os.mkfifo(folder / "pipe.png")
    ids = ImageFolder(folder).ids
    assert "folder.png/in.png" in ids and not {"folder.png", "dead.png", "pipe.png"} & set(ids)
    assert "dead.png: it is a link that leads nowhere" in caplog.text and "pipe.png: it is no file" in caplog.text


def test_pages_of_a_tiff_are_the_frames_of_a_recording(folder):
    pages = [Image.fromarray(np.full((10, 12), 40 * n, np.uint8)) for n in range(3)]
    pages[0].save(folder / "b/stack.tif", save_all=True, append_images=pages[1:])
    data = ImageFolder(folder)
    at = data.ids.index("b/stack.tif#000001")
    assert data[at].image[0, 0].tolist() == [40, 40, 40] and data[at].meta["frame"] == 1
    assert [s for s in data.shots if s] == ["b/stack.tif"] * 3


def test_names_that_are_no_utf8(folder):
    path = os.fsdecode(os.fsencode(folder) + b"/stall_\xe4.png")
    cv2.imencode(".png", np.full((30, 50, 3), 90, np.uint8))[1].tofile(path)
    data = ImageFolder(folder)
    assert "stall_\\xe4.png" in data.ids
    assert data[data.ids.index("stall_\\xe4.png")].image.shape == (30, 50, 3)
