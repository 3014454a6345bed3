import cv2
import numpy as np
import pytest

from zoopose.datasets.images import ImageFolder, natural_key
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
    assert data.skeleton is None and data[0].xy_px.shape == (0, 2)
    other = data.with_skeleton(ANIMAL_POSE20)
    assert other[0].visible.tolist() == [0] * 20 and data.skeleton is None


def test_empty_and_missing_folders(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="✗ \\*.jpg"):
        ImageFolder(tmp_path / "empty")
    with pytest.raises(DataError, match="does not exist"):
        ImageFolder(tmp_path / "nowhere")
