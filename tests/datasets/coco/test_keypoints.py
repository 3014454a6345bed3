import copy
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import UNKNOWN_JOINTS
from zoopose.errors import DataError
from zoopose.pose.skeleton import ANIMAL_POSE20

JOINTS = ["nose", "l_paw", "r_paw"]


def coco_json(n=4, **image_extra):
    """n pictures of 60 x 40 px with one animal each."""
    images = [
        {"id": i, "file_name": f"pictures/{i}.png", "width": 60, "height": 40}
        | {key: value[i] for key, value in image_extra.items()}
        for i in range(n)
    ]
    annotations = [
        {
            "id": 100 + i,
            "image_id": i,
            "category_id": 7,
            "bbox": [10 + i, 5, 30, 20],
            "keypoints": [12 + i, 8, 2, 30, 20, 1, 0, 0, 0],
            "iscrowd": 0,
        }
        for i in range(n)
    ]
    category = {"id": 7, "name": "horse", "keypoints": JOINTS, "skeleton": [[1, 2], [1, 3]]}
    return {"images": images, "annotations": annotations, "categories": [category]}


@pytest.fixture
def write(tmp_path):
    """Writes the JSON and grey pictures for it; gives the JSON's path."""

    def writer(data, text=None, folder="pictures"):
        (tmp_path / folder).mkdir(exist_ok=True)
        for i in range(6):
            cv2.imwrite(str(tmp_path / folder / f"{i}.png"), np.full((40, 60, 3), 40 * i, np.uint8))
        path = tmp_path / "labels.json"
        path.write_text(json.dumps(data) if text is None else text)
        return path

    return writer


def test_items_and_labels(write):
    data = CocoKeypoints(write(coco_json()))
    assert len(data) == 4 and data.ids[1] == "pictures/1.png#101" and len(set(data.ids)) == 4
    assert data.skeleton.joints == tuple(JOINTS) and data.skeleton.partners == ((1, 2),)
    assert data.skeleton.limbs == ((0, 1), (0, 2)) and data.crop_factor == 1.25
    sample = data[1]
    assert sample.image.shape == (40, 60, 3) and sample.image[0, 0].tolist() == [40] * 3
    assert sample.xy_px.tolist() == [[13, 8], [30, 20], [0, 0]] and sample.xy_px.dtype == np.float32
    assert sample.visible.tolist() == [2, 1, 0] and sample.visible.dtype == np.uint8
    assert sample.box_xywh.tolist() == [11, 5, 30, 20] and sample.box_xywh.dtype == np.float32
    assert sample.meta["id"] == data.ids[1] and sample.meta["path"].endswith("pictures/1.png")
    xy, visible = data.labels
    assert xy.shape == (4, 3, 2) and visible.shape == (4, 3) and np.array_equal(xy[1], sample.xy_px)
    assert data.describe()["items"] == 4 and data.describe()["skipped"] == {} and data.shots == [""] * 4


def test_without_labels_keypoints_are_never_read(write):
    plain = coco_json()
    plain["annotations"][3]["keypoints"] = [0] * 9
    others = [copy.deepcopy(plain) for _ in range(4)]
    for other, value in zip(others, ([float("nan")] * 9, "no list at all", None, [1, 2])):
        for ann in other["annotations"]:
            ann["keypoints"] = value
    gone = copy.deepcopy(plain)
    for ann in gone["annotations"]:
        del ann["keypoints"]
    reference = CocoKeypoints(write(plain), labelled=False)
    assert len(reference) == 4 and reference.labels is None
    for other in [*others, gone]:
        data = CocoKeypoints(write(other), labelled=False)
        assert data.ids == reference.ids and data.skeleton.joints == reference.skeleton.joints
        assert np.array_equal(data.boxes, reference.boxes) and data.describe() == reference.describe()
        for a, b in zip((data[i] for i in range(4)), (reference[i] for i in range(4))):
            assert np.array_equal(a.image, b.image) and a.meta == b.meta
            assert a.visible.tolist() == [0] * 3 and a.xy_px.shape == (3, 2) and not a.xy_px.any()


def test_the_split_is_the_same_with_and_without_labels(write):
    path = write(coco_json(6, group=list("aabbcc")))
    for split in ("train", "valid"):
        assert CocoKeypoints(path, split).ids == CocoKeypoints(path, split, labelled=False).ids


def test_split_keeps_groups_together_and_covers_everything(write):
    path = write(coco_json(6, group=list("aabbcc")))
    train, valid = CocoKeypoints(path, "train", split_fraction=0.3), CocoKeypoints(path, "valid", split_fraction=0.3)
    assert len(train) == 4 and len(valid) == 2 and sorted(train.ids + valid.ids) == CocoKeypoints(path).ids
    groups = [{data[i].meta["group"] for i in range(len(data))} for data in (train, valid)]
    assert not groups[0] & groups[1]
    assert CocoKeypoints(path, "valid", split_fraction=0.3).ids == valid.ids
    draws = {tuple(CocoKeypoints(path, "valid", split_fraction=0.3, split_seed=seed).ids) for seed in range(8)}
    assert len(draws) == 3


def test_split_by_picture_without_groups_and_as_the_file_says(write):
    path = write(coco_json(6))
    assert len(CocoKeypoints(path, "valid", split_fraction=0.5)) == 3
    path = write(coco_json(6, split=["train", "valid", "train", "train", "valid", "train"]))
    assert CocoKeypoints(path, "valid").ids == ["pictures/1.png#101", "pictures/4.png#104"]
    with pytest.raises(DataError, match="train, valid or all"):
        CocoKeypoints(path, "test")


def test_frames_of_a_video_become_neighbours_in_order(write):
    data = CocoKeypoints(write(coco_json(5, video_id=[1, 2, 1, 2, 2], frame_id=[30, 8, 10, "7", 9])))
    assert data.shots == ["1", "1", "2", "2", "2"]
    assert [data[i].meta["frame"] for i in range(5)] == [10, 30, 7, 8, 9]
    assert data.labels[0][0, 0, 0] == 14


def test_groups_without_frame_numbers_are_no_videos(write):
    data = CocoKeypoints(write(coco_json(4, group=list("aabb"))))
    assert data.shots == [""] * 4 and data[0].meta["group"] == "a"


def test_two_animals_in_a_frame_need_tracks(write):
    twins = coco_json(4, frame=[0, 1, 2, 3], group=["x"] * 4)
    assert CocoKeypoints(write(twins)).shots == ["x"] * 4
    for ann in twins["annotations"]:
        ann["image_id"] //= 2
    assert CocoKeypoints(write(twins)).shots == [""] * 4
    for i, ann in enumerate(twins["annotations"]):
        ann["track_id"] = i % 2
    data = CocoKeypoints(write(twins))
    assert data.shots == ["x/0", "x/0", "x/1", "x/1"]
    assert [i.split("#")[1] for i in data.ids] == ["100", "102", "101", "103"]


def test_boxes_from_joints_or_the_whole_picture(write):
    data = coco_json(3)
    for ann in data["annotations"]:
        del ann["bbox"]
    data["annotations"][1]["keypoints"] = [30, 20, 2, 0, 0, 0, 0, 0, 0]
    data["annotations"][2]["keypoints"] = [30, 20, 2, 0, 0, 0, 0, 0, 0]
    del data["images"][2]["width"]
    boxes = [CocoKeypoints(write(data))[i].box_xywh.tolist() for i in range(3)]
    assert boxes == [[12, 8, 19, 13], [0, 0, 60, 40], [0, 0, 60, 40]]
    unlabelled = CocoKeypoints(write(data), labelled=False)
    assert [unlabelled[i].box_xywh.tolist() for i in range(3)] == [[0, 0, 60, 40]] * 3


def test_without_labels_a_boxless_animal_beside_others_is_left_out(write):
    data = coco_json(2)
    data["annotations"][1]["image_id"] = 0
    del data["annotations"][1]["bbox"]
    unlabelled = CocoKeypoints(write(data), labelled=False)
    assert len(unlabelled) == 1 and unlabelled.skipped == {"no box, beside others with one": [101]}


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("bbox", [5, 5, -3, 4], "box of negative size"),
        ("bbox", [0, 0, 1e7, 1e7], "box more than 4 times as large as its picture"),
        ("bbox", {"x": 1}, "box that is not four numbers"),
        ("bbox", "1234", "box that is not four numbers"),
        ("bbox", [10**400, 5, 10, 10], "box that is not four numbers"),
        ("keypoints", [10**400, 8, 2, 30, 20, 1, 0, 0, 0], "keypoints that are not numbers"),
        ("keypoints", [1e30, 8, 2, 30, 20, 1, 0, 0, 0], "joint coordinates beyond 1,000,000 px"),
        ("bbox", [60, 5, 10, 10], "box wholly outside the picture"),
        ("bbox", [-20, 5, 20, 10], "box wholly outside the picture"),
        ("bbox", [float("nan"), 5, 10, 10], "box that is not finite"),
        ("bbox", [5, 5, float("inf"), 10], "box that is not finite"),
        ("bbox", ["a", 5, 10], "box that is not four numbers"),
        ("keypoints", [float("nan"), 8, 2, 30, 20, 1, 0, 0, 0], "joint coordinates that are not finite"),
        ("keypoints", [12, float("-inf"), 2, 30, 20, 1, 0, 0, 0], "joint coordinates that are not finite"),
        ("keypoints", [12, 8, 7, 30, 20, 1, 0, 0, 0], "visibility flags other than 0, 1 and 2"),
        ("keypoints", [12, 8, float("nan"), 30, 20, 1, 0, 0, 0], "visibility flags other than 0, 1 and 2"),
        ("keypoints", [12, None, "x", 30, 20, 1, 0, 0, 0], "keypoints that are not numbers"),
        ("keypoints", [0] * 9, "no labelled joint"),
        ("iscrowd", 1, "a crowd"),
    ],
)
def test_faults_of_one_item_are_counted_and_named(write, key, value, reason):
    data = coco_json()
    data["annotations"][2][key] = value
    found = CocoKeypoints(write(data))
    assert len(found) == 3 and found.skipped == {reason: [102]}
    assert found.describe()["skipped"] == {reason: 1}


def test_nan_at_a_joint_that_is_not_labelled_is_harmless(write):
    data = coco_json()
    data["annotations"][0]["keypoints"][6:] = [float("nan"), float("nan"), 0]
    assert np.isfinite(CocoKeypoints(write(data)).labels[0]).all()


def broken(name):
    data = coco_json()
    if name == "twice":
        data["annotations"][3]["id"] = 101
    elif name == "image":
        data["annotations"][1]["image_id"] = 77
    elif name == "category":
        data["annotations"][1]["category_id"] = 9
    elif name == "length":
        for i in (1, 2):
            data["annotations"][i]["keypoints"] = [1, 2, 2, 4, 5]
    elif name == "no id":
        del data["images"][2]["id"]
    elif name == "no name":
        del data["images"][2]["file_name"]
    elif name == "no joints":
        del data["categories"][0]["keypoints"]
    elif name == "empty":
        data["annotations"] = []
    elif name == "other json":
        data = {"version": 1, "shapes": []}
    elif name == "list":
        data = [1, 2]
    return data


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("twice", ["1 annotation, the first: annotation 101"]),
        ("image", ["an image for every", "annotation 101"]),
        ("category", ["a category for every", "annotation 101"]),
        ("length", ["3 x 3 = 9 numbers", "2 annotations, the first: annotation 101 (5 numbers)"]),
        ("no id", ["an id for every image", "number 2"]),
        ("no name", ["file_name", "image 2"]),
        ("no joints", ["joint names", "horse"]),
        ("empty", ["4 images and 0 annotations"]),
        ("other json", ["COCO keypoints file", "'version', 'shapes'"]),
        ("list", ["COCO keypoints file", "a list"]),
    ],
)
def test_a_file_that_makes_no_sense_is_one_clear_error(write, name, texts):
    with pytest.raises(DataError) as error:
        CocoKeypoints(write(broken(name)))
    for text in ["horse"] if name == "no joints" else ["labels.json", *texts]:
        assert text in str(error.value)


def test_a_file_cut_short_missing_or_no_json(write, tmp_path):
    text = json.dumps(coco_json(), indent=1)
    for cut in (text[: len(text) // 2], text[:-3], text[: text.index("pictures/2") + 4], ""):
        with pytest.raises(DataError, match="ends in the middle"):
            CocoKeypoints(write(None, cut))
    with pytest.raises(DataError, match="not valid JSON"):
        CocoKeypoints(write(None, text.replace(":", ";", 1)))
    with pytest.raises(DataError, match="does not exist; the nearest folder"):
        CocoKeypoints(tmp_path / "nowhere" / "labels.json")
    with pytest.raises(DataError, match="path of the JSON file"):
        CocoKeypoints(tmp_path)
    (tmp_path / "labels.json").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(DataError, match="not UTF-8"):
        CocoKeypoints(tmp_path / "labels.json")


def test_pictures_that_are_not_there(write, tmp_path):
    path = write(coco_json(), folder="elsewhere")
    with pytest.raises(DataError, match="✗ pictures/0.png"):
        CocoKeypoints(path)
    (tmp_path / "elsewhere" / "pictures").mkdir()
    path = write(coco_json(), folder="pictures")
    (tmp_path / "pictures" / "2.png").unlink()
    data = CocoKeypoints(path)
    with pytest.raises(PictureError, match="2.png"):
        data[2]


def test_pictures_beside_the_annotations_folder(write, tmp_path):
    data = coco_json()
    for image in data["images"]:
        image["file_name"] = Path(image["file_name"]).name
    path = write(data, folder="data")
    (tmp_path / "annotations").mkdir()
    moved = path.rename(tmp_path / "annotations" / "train.json")
    assert CocoKeypoints(moved)[0].image.shape == (40, 60, 3)


def test_a_picture_of_another_size_is_a_fault(write, tmp_path):
    path = write(coco_json())
    cv2.imwrite(str(tmp_path / "pictures" / "1.png"), np.zeros((80, 120, 3), np.uint8))
    with pytest.raises(PictureError, match="120 x 80 px, but labels.json says 60 x 40"):
        CocoKeypoints(path)[1]


def test_partners_joints_and_categories(write):
    data = coco_json()
    path = write(data)
    assert CocoKeypoints(path, partners=[("nose", "l_paw")]).skeleton.partners == ((0, 1),)
    some = CocoKeypoints(path, joints=["r_paw", "nose"])
    assert some.skeleton.joints == ("r_paw", "nose") and some.skeleton.limbs == ((1, 0),)
    assert some[0].visible.tolist() == [0, 2] and some[0].xy_px[1].tolist() == [12, 8]
    with pytest.raises(DataError, match="tail"):
        CocoKeypoints(path, joints=["tail"])
    data["categories"].append({"id": 8, "name": "cow", "keypoints": ["nose"]})
    data["annotations"][0] |= {"category_id": 8, "keypoints": [1, 2, 2]}
    path = write(data)
    with pytest.raises(DataError, match=r"horse: 3, cow: 1|cow: 1, horse: 3"):
        CocoKeypoints(path)
    assert len(CocoKeypoints(path, category="cow")) == len(CocoKeypoints(path, category=8)) == 1
    assert len(CocoKeypoints(path, category="horse")) == 3
    with pytest.raises(DataError, match="horse .id 7., cow"):
        CocoKeypoints(path, category="pig")


def test_categories_with_the_same_joints_are_one_set(write):
    data = coco_json()
    data["categories"].append(data["categories"][0] | {"id": 8, "name": "cow"})
    data["categories"].append({"id": 9, "name": "fence"})
    data["annotations"][0]["category_id"] = 8
    data["annotations"][1] = {"id": 1, "image_id": 1, "category_id": 9, "bbox": [1, 1, 5, 5]}
    found = CocoKeypoints(write(data))
    assert len(found) == 3 and found[0].meta["category"] == "cow" and found.skeleton.name == "labels"


def test_a_file_with_boxes_only_takes_the_models_skeleton(write):
    data = coco_json()
    del data["categories"][0]["keypoints"]
    found = CocoKeypoints(write(data), labelled=False)
    assert found.skeleton == UNKNOWN_JOINTS and found[0].xy_px.shape == (0, 2)
    assert found.with_skeleton(ANIMAL_POSE20)[0].visible.tolist() == [0] * 20
    named = CocoKeypoints(write(data), joints=JOINTS)
    assert named.skeleton.joints == tuple(JOINTS) and len(named) == 4


def test_limbs_only_serve_to_draw(write):
    data = coco_json()
    data["categories"][0]["skeleton"] = [[0, 1], [0, 2]]
    assert CocoKeypoints(write(data)).skeleton.limbs == ((0, 1), (0, 2))
    data["categories"][0]["skeleton"] = [[1, 2], [1, 17]]
    assert CocoKeypoints(write(data)).skeleton.limbs == ()


DATA = os.environ.get("ZOOPOSE_DATA")


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="ZOOPOSE_DATA does not name the folder with the livestock pictures")
@pytest.mark.parametrize(("name", "count"), [("horse/train", 508), ("horse/test", 174), ("cattle_a/all", 206)])
def test_livestock(name, count):
    path = Path(DATA) / "livestock" / f"{name}.json"
    data = CocoKeypoints(path)
    assert len(data) == count and data.skipped == {} and len(data.skeleton) == 18
    assert [data.skeleton.joints[a] for a, _ in data.skeleton.partners] == [
        "l_fore_wrist",
        "l_fore_foot",
        "l_hind_hock",
        "l_hind_foot",
    ]
    parts = [CocoKeypoints(path, split) for split in ("train", "valid")]
    assert sum(map(len, parts)) == count
    assert data[0].image.shape == (320, 320, 3) and (data.labels[1] > 0).mean() > 0.9
    assert CocoKeypoints(path, labelled=False).ids == data.ids
