"""COCO files with two skeletons, with yes/no flags, with areas and counts that are wrong, with ids in other spellings."""

import copy
import json

import cv2
import numpy as np
import pytest

from zoopose.cli import main
from zoopose.datasets.coco.truth import coco_truth
from zoopose.datasets.open import open_data
from zoopose.errors import DataError, OptionError
from zoopose.evaluation.coco_scores import keypoint_numbers
from zoopose.evaluation.data import open_target, open_with_options
from zoopose.evaluation.options import TestOptions as Options
from zoopose.wscda.options import PploOptions

JOINTS = ["nose", "left_ear", "right_ear"]


def animals(n=6):
    images = [{"id": i, "file_name": f"{i}.png", "width": 60, "height": 40} for i in range(1, n + 1)]
    annotations = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [8, 5, 34, 30], "area": 1020, "iscrowd": 0, "num_keypoints": 3}
        | {"keypoints": [12 + i, 8, 2, 30, 20 + i, 2, 38, 30, 2]}
        for i in range(1, n + 1)
    ]  # fmt: skip
    category = {"id": 1, "name": "mouse", "keypoints": JOINTS}
    return {"images": images, "annotations": annotations, "categories": [category]}


@pytest.fixture
def write(tmp_path):
    for i in range(1, 7):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((40, 60, 3), 40 * i, np.uint8))

    def writer(data, name="labels.json"):
        (tmp_path / name).write_text(json.dumps(data))
        return f"coco:{tmp_path / name}"

    return writer


def two_skeletons():
    data = animals()
    data["categories"].append({"id": 2, "name": "cat, grey", "keypoints": ["nose", "tail"]})
    for ann in data["annotations"][4:]:
        ann |= {"category_id": 2, "keypoints": ann["keypoints"][:6]}
    return data


def test_a_category_is_chosen_by_name_or_id(write):
    source = write(two_skeletons())
    for category, count, joints in (("mouse", 4, 3), ("1", 4, 3), ("cat, grey", 2, 2), ("2", 2, 2)):
        data = open_with_options(source, "all", Options(category=category))
        assert len(data) == count and len(data.skeleton) == joints and len(coco_truth(data).annotations) == count
    with pytest.raises(DataError, match="--category NAME or ID(?s:.*)mouse .id 1., cat, grey .id 2."):
        open_with_options(source, "all", Options())
    with pytest.raises(DataError, match="category 'dog'"):
        open_with_options(source, "all", Options(category="dog"))
    with pytest.raises(DataError, match="different joints"):
        open_with_options(source, "all", Options(category="1,2"))
    with pytest.raises(OptionError, match="--category NAME"):
        open_with_options(source, "all", Options(classes="mouse"))


def test_a_target_has_a_category_of_its_own_or_that_of_the_source_where_it_has_it(write):
    source, target = write(two_skeletons()), write(animals(), "target.json")
    skeleton = open_with_options(source, "all", Options(category="mouse")).skeleton
    assert len(open_target(PploOptions(target=source, category="mouse"), skeleton)) == 4
    assert len(open_target(PploOptions(target=source, category="mouse", target_category="2"), skeleton)) == 2
    assert len(open_target(PploOptions(target=target, category="cat, grey"), skeleton)) == 6
    with pytest.raises(DataError, match="category 'dog'"):
        open_target(PploOptions(target=target, target_category="dog"), skeleton)
    with pytest.raises(OptionError, match="leave --target-category out"):
        open_target(PploOptions(target="images:photos", target_category="dog"), skeleton)


def test_data_check_takes_a_category(write, tmp_path, capfd):
    source = write(two_skeletons())
    assert main(["data", "check", source, "--sheet", f"{tmp_path}/s.png"]) == 2
    assert "--category" in capfd.readouterr().err
    words = [
        "data",
        "check",
        source,
        "--category",
        "mouse",
        "--sheet",
        f"{tmp_path}/s.png",
        "--json",
        f"{tmp_path}/f.json",
    ]
    assert main(words) == 0
    assert json.loads((tmp_path / "f.json").read_text())["items"] == 4


def test_flags_of_yes_and_no_say_labelled_and_seen(write):
    data = animals()
    for ann in data["annotations"]:
        ann["keypoints"][2::3] = [1, 1, 0]
    found = open_data(write(data))
    assert found.labels[1].tolist() == [[2, 2, 0]] * 6
    assert list(found.describe()["mended"].values()) == [6]
    data["annotations"][5]["keypoints"][2] = 2  # a file with 2 means 1 as COCO does, in all its parts
    assert open_data(write(data)).labels[1][0].tolist() == [1, 1, 0]
    assert [open_data(write(data), split=part).labels[1].max() for part in ("train", "valid")] != [2, 2]


def scores(source):
    data = open_data(source)
    truth = coco_truth(data)
    results = [
        {"image_id": a["image_id"], "category_id": a["category_id"], "score": 0.9, "keypoints": [v + 1 for v in a["keypoints"]]}
        for a in truth.annotations
    ]  # fmt: skip
    return keypoint_numbers(truth.to_coco(), results, [0.1] * 3).numbers, truth.notes


@pytest.mark.parametrize("area", [0, -5, None, "1020", float("nan"), [1], True, 1e-9, 0.25, 1e300])
def test_an_area_that_is_none_counts_as_missing(write, area):
    data = animals()
    for ann in data["annotations"]:
        ann["area"] = area
    missing = copy.deepcopy(data)
    for ann in missing["annotations"]:
        del ann["area"]
    (numbers, notes), (expected, _) = scores(write(data)), scores(write(missing))
    assert numbers == pytest.approx(expected, nan_ok=True) and numbers["AP"] > 0.9
    assert notes == ("6 annotations without an area, or with one that does not fit their box, count with their box's",)


@pytest.mark.parametrize("count", [0, 1, 17, -1, "3", None])
def test_a_wrong_num_keypoints_is_counted_anew(write, count):
    right, data = animals(), animals()
    for ann in data["annotations"]:
        ann["num_keypoints"] = count
    (numbers, notes), (expected, none) = scores(write(data)), scores(write(right))
    assert numbers == pytest.approx(expected, nan_ok=True) and numbers["AP"] > 0.9 and none == ()
    assert len(notes) == (0 if count is None else 1)


@pytest.mark.parametrize("image", [float, str, lambda i: f"{i}.0", int])
@pytest.mark.parametrize("reference", [float, str, lambda i: f" {i}", int])
def test_ids_are_the_same_in_any_spelling(write, image, reference):
    data = animals()
    for each in data["images"]:
        each["id"] = image(each["id"])
    for ann in data["annotations"]:
        ann["image_id"], ann["category_id"] = reference(ann["image_id"]), reference(1)
    found = open_data(write(data))
    assert len(found) == 6 and [found.path_of(i).name for i in range(6)] == [f"{i}.png" for i in range(1, 7)]


@pytest.mark.parametrize(
    ("part", "key", "value", "text"),
    [
        ("images", "id", None, "has null"), ("images", "id", [1], "has a list of 1"), ("images", "id", True, "has true"),
        ("annotations", "image_id", "x", "its image_id is the text 'x'"), ("annotations", "category_id", {}, "an object of 0"),
        ("annotations", "id", 10**30, "more than 18 digits"), ("images", "file_name", "a\0b", "file_name"),
        ("images", "file_name", "\ud800.png", "file_name"), ("images", "file_name", 7, "the number 7"),
        ("categories", "keypoints", float("nan"), "joint names"), ("categories", "keypoints", "A" * 100_000, "joint names"),
        ("categories", "keypoints", ["a", None], "joint names"), ("categories", "keypoints", ["a", "b\ud800"], "joint names"),
        ("categories", "keypoints", [str(i) for i in range(2000)], "at most 1000 joints"), ("categories", "name", [], "name"),
        ("categories", "sigmas", ["x"], "sigmas"),
    ],
)  # fmt: skip
def test_values_of_other_types_are_named(write, part, key, value, text):
    data = animals()
    data[part][0][key] = value
    with pytest.raises(DataError, match=text) as error:
        open_data(write(data))
    assert len(str(error.value)) < 1500


@pytest.mark.parametrize("value", [float("inf"), 10**400, -3, "60", None, [1]])
def test_sizes_that_are_none_are_not_known(write, value):
    data = animals()
    for image in data["images"]:
        image["width"] = value
    assert len(open_data(write(data))) == 6


def test_two_spellings_of_an_id_in_one_file_are_two_ids(write):
    data = animals(2)
    data["images"][1]["id"], data["annotations"][1]["image_id"] = "1", "1"
    found = open_data(write(data))
    assert [found.path_of(i).name for i in range(2)] == ["1.png", "2.png"]


@pytest.mark.parametrize(
    ("flag", "crowd"), [("0", False), ("false", False), ("", False), ("1", True), (True, True), (0.0, False)]
)
def test_crowds_in_words(write, flag, crowd):
    data = animals()
    data["annotations"][0]["iscrowd"] = flag
    found = open_data(write(data))
    assert len(found) == (5 if crowd else 6) and coco_truth(found).annotations[0]["iscrowd"] == int(crowd)


def test_a_result_on_an_annotation_that_cannot_be_read_is_not_counted_wrong(write, caplog):
    data = animals()
    results = [
        {"image_id": a["image_id"], "category_id": 1, "score": 0.9, "keypoints": [v + 1 for v in a["keypoints"]]}
        for a in data["annotations"]
    ]
    data["annotations"][0]["keypoints"] = [*data["annotations"][0]["keypoints"][:-1], 3]
    truth = coco_truth(open_with_options(write(data), "all", Options()))
    assert keypoint_numbers(truth.to_coco(), results, [0.1] * 3).numbers["AP"] > 0.99
    assert "1 annotations left out: 1 visibility flags other than 0, 1 and 2; the first is 1" in caplog.text


@pytest.mark.parametrize("place", [0, -1])
def test_joints_without_a_place_are_not_labelled(write, caplog, place):
    data = animals()
    data["annotations"][0]["keypoints"][:3] = [place, place, 2]
    data["annotations"][1]["keypoints"][:3] = [place, place, 2]
    data["annotations"][1]["bbox"] = [0, 0, 45, 35]  # which reaches there
    found = open_with_options(write(data), "all", Options())
    assert found.labels[1][:2, 0].tolist() == [0, 2] and "1 joints at exactly 0, 0" in caplog.text
    assert coco_truth(found).annotations[0]["num_keypoints"] == 2
