import json

import cv2
import numpy as np
import pytest

from zoopose.datasets.coco.animals import CocoAnimals
from zoopose.datasets.coco.person import CocoPerson
from zoopose.datasets.open import has_splits, open_data
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import UNKNOWN_JOINTS
from zoopose.errors import DataError, OptionError
from zoopose.pose.skeleton import AP10K17, COCO17

JOINTS = [4.0, 6.0, 2] + [0, 0, 0] * 15 + [20.0, 30.0, 1]


def annotation(number, picture, **other):
    own = {"id": number, "image_id": picture, "category_id": 1, "bbox": [2, 4, 40, 30], "keypoints": JOINTS, "area": 900.0,
           "iscrowd": 0, "segmentation": [[1, 2, 3, 4]]}  # fmt: skip
    return own | other


@pytest.fixture
def tree(tmp_path):
    """Writes the published tree, two pictures of 60 x 50 px a part; gives its root."""

    def write(people=None, kind="person_keypoints", categories=None, folder=""):
        for part, first in (("train", 10), ("val", 20)):
            pictures = tmp_path / folder / f"{part}2017"
            pictures.mkdir(parents=True, exist_ok=True)
            for i in (first, first + 1):
                cv2.imwrite(str(pictures / f"{i:012d}.jpg"), np.full((50, 60, 3), 5 * i, np.uint8))
            images = [{"id": i, "file_name": f"{i:012d}.jpg", "width": 60, "height": 50} for i in (first, first + 1)]
            own = people(first) if people else [annotation(first, first), annotation(first + 1, first + 1)]
            default = [{"id": 1, "name": "person", "keypoints": list(COCO17.joints), "skeleton": []}]
            data = {"images": images, "annotations": own, "categories": categories or default}
            path = tmp_path / f"annotations/{kind}_{part}2017.json"
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(data))
        return tmp_path

    return write


@pytest.mark.parametrize("folder", ["", "images"])
def test_splits_and_samples_of_the_published_tree(tree, folder):
    root = tree(folder=folder)
    train, valid, both = (CocoPerson(root, split) for split in ("train", "valid", "all"))
    assert len(train) == 2 and train.ids + valid.ids == both.ids and len(set(both.ids)) == 4
    assert "train2017/000000000010.jpg#10" in train.ids[0] and has_splits(f"coco_person:{root}")
    sample = valid[0]
    assert sample.image.shape == (50, 60, 3) and abs(int(sample.image[0, 0, 0]) - 100) < 3
    assert sample.xy_px.shape == (17, 2) and sample.xy_px[16].tolist() == [20, 30] and sample.visible[16] == 1
    assert sample.box_xywh.tolist() == [2, 4, 40, 30] and both.crop_factor == 1.25 and both.skeleton is COCO17
    assert sample.meta["annotated_box_xywh"] == (2, 4, 40, 30)
    assert sample.meta["image_id"] == 20 and sample.meta["area"] == 900 and sample.meta["path"].endswith("020.jpg")
    (root / "annotations/person_keypoints_train2017.json").unlink()
    assert len(CocoPerson(root)) == 2
    with pytest.raises(DataError, match=r"(?s)person_keypoints_train2017.json.*zoopose data get coco_person"):
        CocoPerson(root, "train")


def test_who_is_left_out_is_counted_and_boxes_are_cut_to_the_picture(tree):
    def people(first):
        faults = [
            {"iscrowd": 1}, {"keypoints": [0] * 51}, {"bbox": [5, 5, 0, 9]}, {"bbox": [60, 4, 5, 5]}, {"bbox": None},
            {"keypoints": [float("nan"), 1, 2] + [0] * 48}, {"area": 0}, {"bbox": [59.5, 4, 5, 5]},
        ]  # fmt: skip
        return [annotation(first * 100 + i, first, **fault) for i, fault in enumerate(faults)] + [
            annotation(first * 100 + 99, first, bbox=[-5, 20, 30, 90])
        ]

    data = CocoPerson(tree(people), "valid")
    assert len(data) == 1 and data.boxes.tolist() == [[0, 20, 25, 30]]
    assert data.skipped == {
        "a crowd": [2000], "no labelled joint": [2001], "box of zero size": [2002],
        "box wholly outside the picture": [2003], "no box": [2004], "joint coordinates that are not finite": [2005],
        "area of zero": [2006], "box beyond the middle of the picture's last pixel": [2007],
    }  # fmt: skip
    facts = data.describe()
    assert facts["classes"] == {"person": 9} and facts["items"] == 1 and facts["skipped"]["a crowd"] == 1
    # without labels the joints are not looked at
    hidden = CocoPerson(data.root, "valid", labelled=False)
    assert len(hidden) == 3 and hidden.labels is None and not hidden[0].visible.any()


def test_errors_of_the_whole_file(tree):
    cases = [
        (lambda n: [annotation(n, n, keypoints=[1, 2, 2] * 16)], "3 x 17 = 51 numbers"),
        (lambda n: [annotation(n, n), annotation(n, n + 1)], "all different"),
        (lambda n: [annotation(n, n, category_id=3)], "category for every"),
        (lambda n: [annotation(n, n, iscrowd=1)], r"none usable \(2 a crowd\)"),
    ]
    for people, text in cases:
        with pytest.raises(DataError, match=text):
            CocoPerson(tree(people))
    with pytest.raises(DataError, match="COCO's 17 joints"):
        CocoPerson(tree(categories=[{"id": 1, "name": "person", "keypoints": list(AP10K17.joints)}]))
    root = tree()
    path = root / "annotations/person_keypoints_train2017.json"
    path.write_text(path.read_text()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match="ends in the middle"):
        CocoPerson(root)


def test_a_broken_picture_is_a_fault_and_missing_ones_are_an_error(tree):
    root = tree()
    whole = root / "train2017/000000000010.jpg"
    whole.write_bytes(whole.read_bytes()[:200])
    data = CocoPerson(root)
    with pytest.raises(PictureError, match="cut short"):
        data[0]
    for path in root.glob("*/*.jpg"):
        path.unlink()
    with pytest.raises(DataError, match=r"(?s)the pictures of.*zoopose data get coco_person"):
        open_data(f"coco_person:{root}")
    assert len(open_data(f"coco_person:{root}", need_pictures=False)) == 4


def test_boxes_of_a_detector(tree, tmp_path):
    root = tree()
    found = [
        {"image_id": 20, "category_id": 1, "bbox": [1, 2, 30, 20], "score": 0.9},
        {"image_id": 20, "category_id": 1, "bbox": [3, 2, 90, 20], "score": 0.25},
        {"image_id": 20, "category_id": 7, "bbox": [3, 2, 9, 20], "score": 0.8},
        {"image_id": 10, "category_id": 1, "bbox": [3, 2, 9, 20], "score": 0.8},
        {"image_id": 21, "category_id": 1, "bbox": [3, 2, 9, 0], "score": 0.8},
        {"image_id": 21, "category_id": 1, "bbox": [3, 2, 9, 5]},
        {"image_id": 21, "category_id": 1, "bbox": [3, 2, 9, 5], "score": float("nan")},
    ]
    path = tmp_path / "detections.json"
    path.write_text(json.dumps(found))
    data = open_data(f"coco_person:{root}", split="valid", boxes=str(path))
    assert len(data) == 2 and data.labels is None and data.scores.tolist() == [0.9, 0.25]
    assert (
        data[1].meta["score"] == 0.25 and data[1].box_xywh.tolist() == [3, 2, 57, 20] and data[0].xy_px.shape == (17, 2)
    )
    assert data[0].meta["image_id"] == 20 and len(set(data.ids)) == 2
    assert data.skipped == {
        "not a person": [2], "of a picture that is not in the split": [3], "box of zero size": [4],
        "without a score": [5], "score that is not finite": [6],
    }  # fmt: skip
    path.write_text(json.dumps({"images": []}))
    with pytest.raises(DataError, match="detection results"):
        CocoPerson(root, "valid", boxes=path)
    with pytest.raises(OptionError, match="boxes for a set that has it: coco_person"):
        open_data(f"images:{root}", boxes="x.json")


def animals(first):
    box = {1: [0, 0, 40, 40], 2: [0, 0, 40, 33], 3: [0, 0, 31, 40], 4: [5, 5, 40, 40]}
    own = [annotation(first * 10 + k, first, category_id=k, bbox=box[k]) for k in box]
    return [*own, annotation(first * 10 + 5, first, category_id=2, iscrowd=1)]


KINDS = [{"id": 1, "name": "person"}, {"id": 2, "name": "dog"}, {"id": 3, "name": "cat"}, {"id": 4, "name": "cow"}]


def test_animals_have_boxes_but_no_labels(tree):
    root = tree(animals, "instances", KINDS)
    data = open_data(f"coco_animals:{root}")
    assert len(data) == 4 and data.labels is None and data.skeleton == UNKNOWN_JOINTS and data[0].xy_px.shape == (0, 2)
    assert data.classes == {"dog": 4, "cat": 2, "cow": 2} and data[0].meta["category"] == "dog"
    assert {k: len(v) for k, v in data.skipped.items()} == {"shorter side of the box below 32 px": 2, "a crowd": 2}
    assert open_data(f"coco_animals:{root}", skeleton=AP10K17)[0].xy_px.shape == (17, 2)
    assert len(open_data(f"coco_animals:{root}", split="train", min_size=0)) == 3
    chosen = CocoAnimals(root, "valid", classes=["cow", "dog"], min_size=35)
    assert [chosen[i].meta["category"] for i in range(len(chosen))] == ["cow"]
    with pytest.raises(OptionError, match=r"(?s)bird, cat, dog.*person"):
        CocoAnimals(root, classes=["person"])
    with pytest.raises(DataError, match="none usable"):
        CocoAnimals(root, classes=["zebra"])
