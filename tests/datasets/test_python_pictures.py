"""Pictures that a program holds or names: names, pages of TIFF files, boxes."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from zoopose.datasets.pictures import PictureError
from zoopose.datasets.python_pictures import GivenPictures
from zoopose.pose.skeleton import Skeleton

SKELETON = Skeleton("stick", ("nose", "tail"))


def picture(value: int) -> np.ndarray:
    return np.full((20, 30, 3), value, np.uint8)


def test_pages_of_a_tiff_file_are_pictures(tmp_path):
    cv2.imwritemulti(str(tmp_path / "stack.tif"), [picture(10 * n) for n in range(3)])
    data = GivenPictures([tmp_path / "stack.tif", picture(99)], skeleton=SKELETON)
    assert list(data.ids) == ["stack.tif#000000", "stack.tif#000001", "stack.tif#000002", "000003"]
    assert [int(data[i].image.mean()) for i in range(4)] == [0, 10, 20, 99]
    assert data.meta_of(2) == {"picture": 2, "file_name": "stack.tif#000002"}
    assert data[0].box_xywh.tolist() == [0, 0, 30, 20] and data.crop_factor == 1.0


def test_boxes_are_items_of_their_picture():
    data = GivenPictures(
        [picture(1), picture(2)], [np.array([[1, 2, 3, 4], [5, 6, 7, 8]]), np.array([0, 0, 9, 9])], SKELETON
    )
    assert list(data.ids) == ["000000/0", "000000/1", "000001/0"] and data.picture_of.tolist() == [0, 0, 1]
    assert data[1].box_xywh.tolist() == [5, 6, 7, 8] and data[2].image.max() == 2
    assert data[0].xy_px.shape == (2, 2) and data.labels is None and data.describe()["pictures"] == 2


def test_a_box_beside_the_picture_is_a_fault_of_this_item():
    data = GivenPictures([picture(1)], [np.array([[40, 0, 5, 5], [-3, -3, 5, 5]])], SKELETON)
    with pytest.raises(PictureError, match="wholly outside its 30 x 20 px"):
        data[0]
    assert data[1].box_xywh.tolist() == [-3, -3, 5, 5]
