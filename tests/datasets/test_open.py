import json
import sys
import types

import cv2
import numpy as np
import pytest

from zoopose.datasets.open import SOURCES, check_joints, class_names, has_splits, open_data
from zoopose.datasets.sample import UNKNOWN_JOINTS, PoseDataset, PoseSample
from zoopose.datasets.views import Subset, Unlabelled
from zoopose.errors import DataError, OptionError
from zoopose.evaluation.data import open_with_options
from zoopose.evaluation.options import DataOptions
from zoopose.pose.skeleton import TIGDOG18, Skeleton
from zoopose.train.options import AdaptOptions

PAWS = Skeleton("paws", ("nose", "left_paw", "right_paw"))


class Fake(PoseDataset):
    """Stands in for the data sets in trees."""

    skeleton, crop_factor = PAWS, 1.5

    def __init__(self, root=".", animal="horse", split="all"):
        self.opened = str(root), animal, split
        self.ids, self.shots = [f"i{n}" for n in range(5)], ["a", "a", "a", "b", "b"]
        self.labels = np.arange(30, dtype=np.float32).reshape(5, 3, 2), np.full((5, 3), 2, np.uint8)

    def __len__(self):
        return 5

    def __getitem__(self, i):
        image = np.full((8, 8, 3), i, np.uint8)
        return PoseSample(
            image, self.labels[0][i], self.labels[1][i], np.array([1, 1, 4, 4], np.float32), {"id": f"i{i}"}
        )

    def describe(self):
        return {"name": "fake", "items": 5, "labelled": True}


@pytest.fixture
def trees(monkeypatch):
    """Fakes in place of the modules of the data sets in trees, which the openers import when needed."""
    tigdog, synthetic = types.ModuleType("tigdog"), types.ModuleType("synthetic_animal")
    tigdog.RealAnimal, tigdog.RealAnimalCrop = Fake, type("Crop", (Fake,), {})
    synthetic.SyntheticAnimal = Fake
    monkeypatch.setitem(sys.modules, "zoopose.datasets.tigdog", tigdog)
    monkeypatch.setitem(sys.modules, "zoopose.datasets.synthetic_animal", synthetic)


@pytest.fixture
def coco(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((40, 60, 3), np.uint8))
    data = {
        "images": [{"id": 1, "file_name": "a.png", "width": 60, "height": 40}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "keypoints": [2, 2, 2, 3, 3, 2, 4, 4, 2]}
        ],
        "categories": [{"id": 1, "name": "cat", "keypoints": list(PAWS.joints)}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(data))
    return tmp_path / "labels.json"


def test_trees_take_their_root_from_the_path_or_the_image_path(trees):
    assert open_data("real_animal:/data", animal="tiger", split="train").opened == ("/data", "tiger", "train")
    assert open_data("synthetic_animal_sp", image_path="/pictures").opened == ("/pictures", "horse", "all")
    assert open_data("real_animal_sp").opened[0] == "animal_data"
    assert type(open_data("real_animal_crop:/data")).__name__ == "Crop"


def test_coco_with_and_without_labels(coco):
    data = open_data(f"coco:{coco}", partners=[("nose", "left_paw")])
    assert data.skeleton.partners == ((0, 1),) and data[0].visible.tolist() == [2, 2, 2]
    hidden = open_data(f"coco:{coco}", labelled=False)
    assert hidden.labels is None and not hidden[0].visible.any() and not hidden[0].xy_px.any()


def test_pictures_take_the_models_skeleton(coco):
    data = open_data(f"images:{coco.parent}", labelled=False, skeleton=TIGDOG18)
    assert len(data) == 1 and data[0].visible.shape == (18,)
    assert open_data(f"images:{coco.parent}", split="train").skeleton == UNKNOWN_JOINTS
    with pytest.raises(OptionError, match="labels to validate on"):
        open_data(f"images:{coco.parent}", split="valid")


def test_hidden_labels_of_any_set(trees):
    data = open_data("real_animal:/data", labelled=False)
    assert isinstance(data, Unlabelled) and data.labels is None and data.describe()["labelled"] is False
    sample = data[2]
    assert not sample.visible.any() and not sample.xy_px.any() and sample.xy_px.shape == (3, 2)
    assert sample.image[0, 0, 0] == 2 and sample.box_xywh.tolist() == [1, 1, 4, 4] and sample.meta == {"id": "i2"}
    assert data.crop_factor == 1.5 and data.shots[3] == "b" and len(data) == 5


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cocco:x.json", [*SOURCES, "coco:x.json"]),
        ("real_animals", ["real_animal_sp", "try:      real_animal"]),
        ("zebra:there", ["synthetic_animal"]),
        ("", ["NAME:PATH"]),
        ("coco", ["coco:PATH.json"]),
        ("images:", ["images:FOLDER"]),
    ],
)
def test_names_that_cannot_be_opened(text, parts):
    with pytest.raises(OptionError) as error:
        open_data(text)
    for part in parts:
        assert part in str(error.value)


def test_a_path_without_a_name_is_understood_but_not_guessed(coco):
    for path, guess in ((coco, "coco"), (coco.parent, "images")):
        with pytest.raises(OptionError, match=f"try:      {guess}:"):
            open_data(str(path))


def test_missing_paths(tmp_path):
    for text in ("coco:nowhere/x.json", "images:nowhere", "video:nowhere/x.mp4"):
        name, path = text.split(":")
        with pytest.raises(DataError, match="does not exist"):
            open_data(f"{name}:{tmp_path / path}")


def test_options_that_cannot_work(trees):
    with pytest.raises(OptionError, match="train, valid, all"):
        open_data("real_animal", split="test")
    with pytest.raises(OptionError, match="pairs"):
        open_data("real_animal", partners=[("nose", "left_paw")])


def test_keep_preserves_the_protocol():
    data = Subset(Fake(), [4, 0, 1])
    assert len(data) == 3 and data.ids == ["i4", "i0", "i1"] and data.shots == ["b", "a", "a"]
    assert data.skeleton is PAWS and data.crop_factor == 1.5
    assert np.array_equal(data.labels[0][0], data[0].xy_px) and data.labels[1].shape == (3, 3)
    assert data[1].meta["id"] == "i0" and data.describe() == {"name": "fake", "items": 3, "labelled": True, "out of": 5}
    assert Subset(Unlabelled(Fake()), [2]).labels is None and len(Subset(data, [])) == 0
    assert Subset(data, [2])[0].meta["id"] == "i1" and Subset(data, np.array([2])).ids == ["i1"]
    with pytest.raises(IndexError):
        Subset(data, [3])


def test_check_joints_lists_both():
    check_joints(Fake(), PAWS, "coco:x.json")
    check_joints(Fake(), Skeleton("other name", PAWS.joints), "coco:x.json")
    with pytest.raises(DataError) as error:
        check_joints(Fake(), Skeleton("more", ("nose", "left_paw", "tail")), "coco:x.json")
    for part in ("coco:x.json", "nose, left_paw, tail", "nose, left_paw, right_paw", "without tail and with right_paw"):
        assert part in str(error.value)
    with pytest.raises(DataError, match="another order"):
        check_joints(Fake(), Skeleton("turned", PAWS.joints[::-1]), "x")


def test_classes_of_a_command_with_several_sets(coco, tmp_path):
    """Meant for the set that has classes; refused where none of the command's sets has any."""
    options = DataOptions(classes="dog")
    with pytest.raises(OptionError, match="classes for a set that has it"):
        open_with_options(f"coco:{coco}", "all", options)
    options = AdaptOptions(classes="dog", source="animal_pose:nowhere")
    assert len(open_with_options(f"coco:{coco}", "all", options)) == 1
    assert class_names("dog, cat") == ["dog", "cat"] and class_names("") is None
    assert [has_splits(t) for t in ("coco:x", "images:x", "mpii:x", "real_animal", "?")] == [
        False,
        False,
        True,
        True,
        False,
    ]
