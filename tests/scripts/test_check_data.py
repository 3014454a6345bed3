import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoopose.datasets.check import check_source, shown
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.images import ImageFolder
from zoopose.datasets.options import CheckOptions
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.datasets.sample_sheet import TILE_PX, evenly_spaced, overlay_sheet
from zoopose.datasets.views import Subset
from zoopose.errors import DataError, OptionError
from zoopose.pose.draw import LEFT
from zoopose.pose.skeleton import Skeleton
from zoopose.scripts.check_data import run


class Animals(PoseDataset):
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
    facts = check_source(Subset(Animals(), [4]))
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
        overlay_sheet(Subset(Animals(), []), tmp_path / "x.png")


def test_evenly():
    assert evenly_spaced(5, None) == evenly_spaced(5, 9) == [0, 1, 2, 3, 4]
    assert (
        evenly_spaced(100, 3) == [0, 50, 99]
        and evenly_spaced(7, 1) == [0]
        and evenly_spaced(7, 0) == []
        and evenly_spaced(0, 3) == []
    )


DATA = os.environ.get("ZOOPOSE_DATA")


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="ZOOPOSE_DATA does not name the folder with the livestock pictures")
def test_livestock_is_whole(tmp_path):
    data = CocoKeypoints(Path(DATA) / "livestock/horse/test.json")
    facts = check_source(data)
    assert facts["faulty"] == [] and facts["never_labelled"] == [] and facts["without_partner"] == []
    assert overlay_sheet(data, tmp_path / "sheet.png").stat().st_size > 10**5


def missing_some(folder: Path, missing: int) -> Path:
    """A COCO file of three cats and a crowd, with pictures but for `missing` of them."""
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(3)]
    annotations = [
        {"id": i, "image_id": i % 3, "category_id": 1, "bbox": [1, 2, 30, 20], "keypoints": [2, 3, 2, 90, 9, 1], "iscrowd": i == 3}
        for i in range(4)
    ]  # fmt: skip
    data = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": 1, "name": "cat", "keypoints": ["nose", "tail"]}],
    }
    for i in range(missing, 3):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((40, 60, 3), 50, np.uint8))
    (folder / "cats.json").write_text(json.dumps(data))
    return folder / "cats.json"


def test_annotations_are_counted_without_their_pictures(tmp_path, caplog):
    path = missing_some(tmp_path, 3)
    with caplog.at_level("INFO", "zoopose"), pytest.raises(DataError, match="3 of 3 are missing, the first: .*0.png"):
        run(CheckOptions(data=f"coco:{path}", sheet=str(tmp_path / "sheet.png"), json=str(tmp_path / "facts.json")))
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["classes"] == {"cat": 4} and facts["skipped"] == {"a crowd": 1} and facts["items"] == 3
    assert facts["missing_pictures"] | {"first": 0} == {"count": 3, "of": 3, "first": 0}
    assert facts["read"] == 0 and facts["faulty"] == [] and facts["box_px"]["max"] == 30 and facts["picture_px"] is None
    assert facts["outside_box"]["joints"] == 3 and facts["joints"]["tail"] == {"labelled": 3, "hidden": 3}
    assert "no sheet" in caplog.text and not (tmp_path / "sheet.png").exists()
    with pytest.raises(DataError, match="the pictures of"):
        CocoKeypoints(path)


def test_pictures_that_are_there_are_read_and_drawn(tmp_path, caplog):
    path = missing_some(tmp_path, 1)
    with caplog.at_level("INFO", "zoopose"):
        facts = run(CheckOptions(data=f"coco:{path}", sheet=str(tmp_path / "sheet.png")))
    assert facts["missing_pictures"]["count"] == 1 and facts["missing_pictures"]["first"] == [str(tmp_path / "0.png")]
    assert "1 of 3 are missing" in caplog.text
    assert facts["read"] == 2 and facts["outside_picture"]["joints"] == 2 and facts["faulty"] == []
    assert cv2.imread(str(tmp_path / "sheet.png")).shape[1] == 2 * TILE_PX
    assert len(CocoKeypoints(path)) == 3


def test_options_for_sets_that_have_them_only(tmp_path):
    path = missing_some(tmp_path, 0)
    for option in ({"classes": "cat"}, {"min_size": 3.0}):
        with pytest.raises(OptionError, match="for a set that has it"):
            run(CheckOptions(data=f"coco:{path}", **option))


def test_long_lists_are_cut_and_say_so():
    lines = shown({"faulty": list(range(30)), "classes": {"dog": 3}, "source": {"skipped": {"a crowd": 2}}})
    assert lines[0].startswith("faulty") and "30, the first 10" in lines[0]
    assert lines[1:] == ["classes", "  dog                      3", "source", "  skipped                  a crowd 2"]
