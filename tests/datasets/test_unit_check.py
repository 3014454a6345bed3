"""Files whose numbers are no pixels are refused; files of pixels, however small their pictures or animals, are not."""

import json
import os

import cv2
import numpy as np
import pytest

from zoopose.cli import main
from zoopose.datasets.open import open_data
from zoopose.datasets.unit_check import Coordinates, check_results
from zoopose.errors import DataError

JOINTS = ["nose", "left_ear", "right_ear", "left_paw", "right_paw", "tail"]


def animals(n=12, wide=320, high=240, size=0.3, seed=0):
    """n pictures, each with an animal of `size` of the picture somewhere in it: boxes (n, 4) and joints (n, 6, 2)."""
    rng = np.random.default_rng(seed)
    wh = np.array([wide, high])
    sides = wh * size * rng.uniform(0.7, 1.3, (n, 2))
    corner = rng.uniform(0, 1, (n, 2)) * (wh - sides)
    xy = corner[:, None] + rng.uniform(0.05, 0.95, (n, len(JOINTS), 2)) * sides[:, None]
    return np.concatenate([corner, sides], 1), xy


@pytest.fixture
def written(tmp_path):
    """(boxes, joints, width, height, with sizes) -> the path of a COCO file with its pictures."""

    def write(boxes, xy, wide=320, high=240, sized=True, labels=True):
        images, annotations = [], []
        for i, (box, joints) in enumerate(zip(boxes, xy)):
            (tmp_path / f"{i}.png").unlink(missing_ok=True)
            if i == 0:
                cv2.imwrite(str(tmp_path / "0.png"), np.full((high, wide, 3), 90, np.uint8))
            else:
                os.link(tmp_path / "0.png", tmp_path / f"{i}.png")
            images.append({"id": i + 1, "file_name": f"{i}.png"} | ({"width": wide, "height": high} if sized else {}))
            flat = [float(v) for x, y in joints for v in (x, y, 2)]
            own = {"keypoints": flat} if labels else {}
            annotations.append({"id": i + 1, "image_id": i + 1, "category_id": 1, "bbox": list(map(float, box)), **own})
        category = {"id": 1, "name": "mouse", "keypoints": JOINTS}
        path = tmp_path / "labels.json"
        path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": [category]}))
        return path

    return write


WH = np.array([320, 240])
TWICE = np.array([320, 240, 320, 240])


def shares(boxes, xy):
    return boxes / TWICE, xy / WH


def joints_in_shares(boxes, xy):
    return boxes, xy / WH


def boxes_in_shares(boxes, xy):
    return boxes / TWICE, xy


def percent(boxes, xy):
    return boxes / TWICE * 100, xy / WH * 100


def joints_in_percent(boxes, xy):
    return boxes, xy / WH * 100


def boxes_in_percent(boxes, xy):
    return boxes / TWICE * 100, xy


def two_corners(boxes, xy):
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1), xy


def centres(boxes, xy):
    return np.concatenate([boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:]], 1), xy


def rows_first(boxes, xy):
    return boxes, xy[..., ::-1]


KINDS = [
    (shares, "0..1"),
    (joints_in_shares, "0..1"),
    (boxes_in_shares, "0..1"),
    (percent, "percent"),
    (joints_in_percent, "percent"),
    (boxes_in_percent, "percent"),
    (two_corners, "two corners"),
    (centres, "middle of the box"),
    (rows_first, "y, x"),
]


@pytest.mark.parametrize(("change", "text"), KINDS, ids=[change.__name__ for change, _ in KINDS])
@pytest.mark.parametrize("sized", [True, False], ids=["sizes", "no sizes"])
def test_numbers_that_are_no_pixels_are_refused(written, change, text, sized):
    path = written(*change(*animals()), sized=sized)
    with pytest.raises(DataError, match=text) as error:
        open_data(f"coco:{path}")
    assert "--as-is" in str(error.value)
    assert len(open_data(f"coco:{path}", as_is=True)) > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [(shares, "0..1"), (percent, "percent"), (two_corners, "two corners")],
    ids=["shares", "percent", "corners"],
)
def test_boxes_without_labels_too(written, change, text):
    path = written(*change(*animals(seed=1)), labels=False)
    with pytest.raises(DataError, match=text):
        open_data(f"coco:{path}", labelled=False)


@pytest.mark.parametrize(("wide", "high"), [(8, 6), (32, 32), (96, 72), (320, 240), (1200, 900)])
@pytest.mark.parametrize("size", [0.15, 0.5, 0.95])
@pytest.mark.parametrize("n", [1, 4, 40])
def test_pixels_are_pixels(written, wide, high, size, n):
    for labels in (True, False):
        path = written(*animals(n, wide, high, size, seed=n), wide, high, labels=labels)
        assert len(open_data(f"coco:{path}", labelled=labels)) == n


def test_animals_that_leave_the_picture_or_lie_in_a_corner_are_pixels(written):
    boxes, xy = animals(20, size=0.9)
    beyond = boxes * [1, 1, 1.4, 1.4]
    assert len(open_data(f"coco:{written(beyond, xy)}")) == 20
    boxes, xy = animals(6, 90, 90)  # all in the top left of pictures of 320 px
    assert len(open_data(f"coco:{written(boxes, xy)}")) == 6


def test_boxes_of_no_size_count_as_none(written):
    boxes, xy = animals()
    whole = open_data(f"coco:{written(np.zeros_like(boxes), xy)}")
    tiny = open_data(f"coco:{written(boxes * [1, 1, 0, 0] + [0, 0, 0.001, 0.001], xy)}")
    assert np.array_equal(whole.boxes, tiny.boxes) and (whole.boxes[:, 2:] > 10).all()
    low = whole.labels[0].min(1)
    assert np.allclose(whole.boxes[:, :2], low)
    assert whole.describe()["mended"] == {"box of zero size: taken for none": 12}
    assert tiny.describe()["mended"] == {"box of less than a pixel: taken for none": 12}


def test_commands_say_it_before_any_work(written, tmp_path, capfd):
    path = written(*shares(*animals()))
    for words in (
        ["data", "check", f"coco:{path}", "--sheet", f"{tmp_path}/s.png"],
        ["train", "--dataset", f"coco:{path}", "-c", f"{tmp_path}/run", "--accelerator", "cpu"],
        ["test", "--dataset", f"coco:{path}", "--predictions", f"{path}"],
    ):
        assert main(words) == 2
        assert "lie in 0..1" in capfd.readouterr().err
    assert not (tmp_path / "run").exists() and not (tmp_path / "s.png").exists()


def test_predicted_joints_in_other_units_are_refused(tmp_path):
    boxes, xy = animals()
    sizes = np.tile(WH, (len(xy), 1)).astype(float)
    check_results(Coordinates(boxes, xy + 3, sizes), tmp_path)
    check_results(Coordinates(boxes, np.zeros_like(xy), sizes), tmp_path)
    for wrong, word in ((xy / WH, "0..1"), (xy / WH * 100, "percent"), (xy[..., ::-1], "y, x")):
        with pytest.raises(DataError, match=word):
            check_results(Coordinates(boxes, wrong, sizes), tmp_path)


def test_what_may_be_wrong_is_said(written):
    boxes, xy = animals()
    assert open_data(f"coco:{written(boxes, xy)}").doubts == []
    shifted = open_data(f"coco:{written(boxes, xy - WH / 2)}").doubts
    assert "outside their box" in shifted[0] and "outside their picture" in shifted[1]
    boxes[:3, 2:] *= 3
    assert "reach far beyond" in open_data(f"coco:{written(boxes, xy)}").doubts[0]
