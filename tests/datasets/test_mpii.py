import json

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from zoopose.datasets.mpii import Mpii, mpii_box
from zoopose.datasets.open import open_data
from zoopose.errors import DataError
from zoopose.pose.geometry import apply, crop_matrix, square_box


def person(image="000000001.jpg", **other):
    joints = [[float(10 + i), float(20 + i)] for i in range(16)]
    own = {"image": image, "center": [30.0, 24.0], "scale": 0.2, "joints": joints, "joints_vis": [1] * 15 + [0]}
    return own | other


@pytest.fixture
def tree(tmp_path):
    def write(valid, train=()):
        (tmp_path / "annot").mkdir(exist_ok=True)
        (tmp_path / "images").mkdir(exist_ok=True)
        for i in (1, 2):
            cv2.imwrite(str(tmp_path / f"images/{i:09d}.jpg"), np.zeros((50, 60, 3), np.uint8))
        for name, people in (("valid", valid), ("train", train)):
            (tmp_path / f"annot/{name}.json").write_text(json.dumps(list(people)))
        return tmp_path

    return write


def test_joints_count_from_zero_and_the_crop_is_the_published_one(tree):
    data = open_data(f"mpii:{tree([person()])}", split="valid")
    sample = data[0]
    assert sample.xy_px[0].tolist() == [9, 19] and sample.visible.tolist() == [2] * 15 + [0]
    assert sample.meta["center_px"] == [29, 23] and sample.meta["scale"] == 0.2 and "head_box_xyxy" not in sample.meta
    # published: centre y + 15 x scale, scale x 1.25, then from 1 to 0
    middle, side = np.array([29.0, 24 + 15 * 0.2 - 1]), 200 * 0.2 * 1.25
    square = square_box(sample.box_xywh, data.crop_factor)
    assert square[2] == pytest.approx(side)
    matrix = crop_matrix(square, 256)
    assert apply(matrix, middle[None])[0] == pytest.approx([127.5, 127.5])
    assert apply(matrix, middle[None] + [side / 4, 0])[0] == pytest.approx([127.5 + 64, 127.5])


def test_splits_are_the_files(tree):
    root = tree([person()], [person("000000002.jpg"), person()])
    ids = {split: Mpii(root, split).ids for split in ("train", "valid", "all")}
    assert len(ids["train"]) == 2 and ids["train"] + ids["valid"] == ids["all"] and len(set(ids["all"])) == 3
    assert Mpii(root, "valid", labelled=False).labels is None
    (root / "annot/valid.json").unlink()
    with pytest.raises(DataError, match=r"(?s)annot/valid.json.*zoopose data get mpii"):
        Mpii(root, "valid")


def test_one_file_is_split_by_its_pictures_names(tree):
    root = tree([person(f"{i:09d}.jpg") for i in range(1, 60)])
    parts = [Mpii(root / "annot/valid.json", split, need_pictures=False) for split in ("train", "valid", "all")]
    assert len(parts[0]) + len(parts[1]) == len(parts[2]) == 59 and 4 <= len(parts[1]) <= 20
    assert not set(parts[0].ids) & set(parts[1].ids) and set(parts[0].ids + parts[1].ids) == set(parts[2].ids)


def test_head_boxes(tree):
    root = tree([person(), person("000000002.jpg")])
    boxes = np.array([[[11, 12], [21, 24]], [[31, 32], [45, 46]]], float)  # person, corner, x and y
    savemat(root / "annot/gt_valid.mat", {"headboxes_src": np.moveaxis(boxes, 0, -1)})
    assert [s.meta["head_box_xyxy"] for s in map(Mpii(root, "valid").__getitem__, (0, 1))] == [
        [10, 11, 20, 23],
        [30, 31, 44, 45],
    ]
    savemat(root / "annot/gt_valid.mat", {"headboxes_src": np.zeros((2, 2, 3))})
    with pytest.raises(DataError, match=r"headboxes_src \(2, 2, 2\)"):
        Mpii(root, "valid")


def test_faults_of_one_person_are_counted_and_named(tree):
    nowhere = float("nan")
    faults = [
        person(center=[-1, -1]), person(scale=0.0), person(center=[nowhere, 2]), person(center="x"), person(joints_vis=[0] * 16),
        person(joints=[[nowhere, 1]] * 16), person(joints_vis=[3] * 16), person(center=[-500, 20]), person(head_box=[1, 2]),
    ]  # fmt: skip
    data = Mpii(tree([*faults, person()]), "valid")
    assert len(data) == 1 and data.classes == {"person": 10}
    assert {k: len(v) for k, v in data.skipped.items()} == {
        "no centre": 1, "box of zero size": 1, "centre or scale that is not finite": 1, "centre or scale that is not a number": 1,
        "no labelled joint": 1, "joint coordinates that are not finite": 1, "visibility flags other than 0, 1 and 2": 1,
        "box wholly outside the picture": 1, "head box that is not four numbers": 1,
    }  # fmt: skip


def test_a_box_beside_the_picture_shows_when_it_is_read(tree):
    data = Mpii(tree([person(center=[500.0, 20.0])]), "valid")
    with pytest.raises(DataError, match="wholly outside its 60 x 50 px"):
        data[0]


def test_errors_of_the_whole_file(tree):
    for people, text in (
        ([person(joints=[[1, 2]] * 15)], "16 joints"),
        ([person(image=None)], "an image for every person"),
        ([1], "JSON list of objects"),
        ([person(center=[-1, -1])], "1 no centre"),
    ):
        with pytest.raises(DataError, match=text):
            Mpii(tree(people), "valid")
    path = tree([person()]) / "annot/valid.json"
    path.write_text(path.read_text()[:150])
    with pytest.raises(DataError, match="ends in the middle"):
        Mpii(path)


def test_square_of_a_child_of_one_pixel():
    assert mpii_box([1, 1], 1 / 200) == pytest.approx((0, 15 / 200, 1, 1))
