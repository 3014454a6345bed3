import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoopose.datasets.check import check_source
from zoopose.datasets.coco import CocoKeypoints
from zoopose.datasets.images import ImageFolder
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import PoseSample
from zoopose.datasets.sheet import TILE_PX, evenly, overlay_sheet
from zoopose.datasets.sources import keep
from zoopose.errors import DataError
from zoopose.pose.draw import LEFT
from zoopose.pose.skeleton import Skeleton


class Animals:
    """Six animals; the picture of number 4 is broken."""

    skeleton = Skeleton("s", ("nose", "left_eye", "right_eye", "l_paw", "tail"))
    crop_factor = 1.0
    ids, shots = [f"animal {i}" for i in range(6)], [""] * 6

    def __init__(self):
        xy = np.zeros((6, 5, 2), np.float32) + np.array([20.0, 10.0], np.float32)
        visible = np.full((6, 5), 2, np.uint8)
        visible[:, 4], visible[0, 1:3], visible[1, 0] = 0, 0, 1
        xy[2, 0], xy[3, 1], xy[5, 1] = (-4, 10), (39, 24), (30, 20)
        self.labels = xy, visible

    def __len__(self):
        return 6

    def __getitem__(self, i):
        if i == 4:
            raise PictureError("/data/4.jpg", "cut short")
        image = np.full((30, 40 + i, 3), 80, np.uint8)
        box = np.array([5, 5, 30 + i, 20], np.float32)
        return PoseSample(image, self.labels[0][i], self.labels[1][i], box, {"id": self.ids[i]})

    def describe(self):
        return {"name": "animals"}


def test_facts_of_a_labelled_set():
    facts = check_source(Animals())
    assert facts["source"] == {"name": "animals"} and facts["items"] == 6 and facts["read"] == 6
    assert facts["faulty"] == [{"path": "/data/4.jpg", "reason": "cut short"}]
    assert facts["joints"]["nose"] == {"labelled": 6, "hidden": 1} and facts["joints"]["left_eye"]["labelled"] == 5
    assert facts["never_labelled"] == ["tail"] and facts["joints_per_item"] == {"min": 2, "median": 4, "max": 4}
    assert facts["partners"] == [["left_eye", "right_eye"]] and facts["without_partner"] == ["l_paw"]
    assert facts["box_px"] == {"min": 30, "median": 32, "max": 35} and facts["picture_px"]["max"] == 45
    assert facts["outside_picture"] == {"joints": 1, "ids": ["animal 2"]}
    assert facts["outside_box"] == {"joints": 2, "ids": ["animal 2", "animal 3"]}
    json.dumps(facts)


def test_reading_some_and_showing_progress():
    seen = []
    facts = check_source(Animals(), read=2, progress=lambda items: (seen.append(i) or i for i in items))
    assert seen == [0, 5] and facts["read"] == 2 and facts["faulty"] == []


def test_facts_of_an_unlabelled_set(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((20, 30, 3), np.uint8))
    (tmp_path / "b.png").write_bytes(b"nothing")
    facts = check_source(ImageFolder(tmp_path))
    assert facts["items"] == 2 and len(facts["faulty"]) == 1 and facts["picture_px"]["min"] == 30
    assert "joints" not in facts and "outside_box" not in facts and "partners" not in facts
    assert overlay_sheet(ImageFolder(tmp_path), tmp_path / "sheet.png").is_file()


def test_nothing_readable_gives_no_sizes():
    facts = check_source(keep(Animals(), [4]))
    assert facts["box_px"] is None and len(facts["faulty"]) == 1


def test_the_sheet_shows_joints_where_they_are(tmp_path):
    path = overlay_sheet(Animals(), tmp_path / "new" / "sheet.png", n=6, columns=4)
    sheet = cv2.imread(str(path))[..., ::-1]
    assert sheet.shape[1] == 4 * TILE_PX and sheet.shape[0] > 2 * TILE_PX
    # animal 5 is the second of the second row; the square around its box has left, top, side 5, -2.5, 35
    x, y = ((np.array([30, 20]) + 0.5 - [5, -2.5]) * TILE_PX / 35 - 0.5).round().astype(int)
    assert tuple(sheet[y + sheet.shape[0] // 2, x + TILE_PX]) == LEFT
    assert [p.name for p in path.parent.iterdir()] == ["sheet.png"]


def test_a_sheet_of_nothing(tmp_path):
    with pytest.raises(DataError, match="0 items"):
        overlay_sheet(keep(Animals(), []), tmp_path / "x.png")


def test_evenly():
    assert evenly(5, None) == evenly(5, 9) == [0, 1, 2, 3, 4]
    assert evenly(100, 3) == [0, 50, 99] and evenly(7, 1) == [0] and evenly(7, 0) == [] and evenly(0, 3) == []


DATA = os.environ.get("ZOOPOSE_DATA")


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="ZOOPOSE_DATA does not name the folder with the livestock pictures")
def test_livestock_is_whole(tmp_path):
    data = CocoKeypoints(Path(DATA) / "livestock/horse/test.json")
    facts = check_source(data)
    assert facts["faulty"] == [] and facts["never_labelled"] == [] and facts["without_partner"] == []
    assert overlay_sheet(data, tmp_path / "sheet.png").stat().st_size > 10**5
