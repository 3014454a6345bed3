"""Training on nothing is refused before it begins; where left and right are in doubt nothing is mirrored."""

import json
import logging

import numpy as np
import pytest

from zoopose.datasets.open import open_data
from zoopose.datasets.sample import PoseDataset
from zoopose.errors import DataError
from zoopose.evaluation.mirroring import flips, mirrors, say_pairs
from zoopose.pose.skeleton import Skeleton
from zoopose.train.check_labels import check_labels
from zoopose.train.feeds.labelled import augmentation_for, person_augmentation
from zoopose.train.options import TrainOptions
from zoopose.train.train import run


@pytest.fixture
def changed(tiny_coco, tmp_path):
    """(change of an annotation) -> the path of a COCO file of twelve pictures."""

    def make(change, name="changed.json", joints=None):
        path = tiny_coco(tmp_path / "data")
        data = json.loads(path.read_text())
        for ann in data["annotations"]:
            change(ann)
        if joints:
            data["categories"][0]["keypoints"] = joints
        (tmp_path / "data" / name).write_text(json.dumps(data))
        return f"coco:{tmp_path / 'data' / name}"

    return make


def hide(ann):
    ann["keypoints"][2::3] = [min(v, 1) for v in ann["keypoints"][2::3]]


def hide_most(ann):
    """All but the first animal's."""
    if ann["id"]:
        hide(ann)


def move_box(ann):
    ann["bbox"] = [0, 0, 3, 3] if ann["keypoints"][0] > 20 else [60, 60, 3, 3]


def same(ann):
    pass


def test_all_joints_hidden_and_ignored(changed, tiny_options, tmp_path):
    hidden, plain = changed(hide_most), changed(same, "plain.json")
    data = open_data(hidden)
    data.labels[1][0] = 1
    check_labels(data, (32, 32), 1, "train on")
    with pytest.raises(DataError, match="hidden .flag 1.(?s:.*)--hidden train"):
        check_labels(data, (32, 32), 2, "train on")
    options = tiny_options(tmp_path / "run", dataset=plain, valid=hidden, epochs=1)
    valid = json.loads((tmp_path / "data" / "changed.json").read_text())
    valid["annotations"] = valid["annotations"][1:] + [
        {"id": 99, "image_id": 0, "category_id": 1, "bbox": [0, 0, 2, 2], "keypoints": [60, 60, 2] + [0] * 15}
    ]
    (tmp_path / "data" / "changed.json").write_text(json.dumps(valid))
    with pytest.raises(DataError, match="joints that are labelled and seen to score on"):
        run(TrainOptions(**options))
    assert not (tmp_path / "run" / "log.csv").exists()


def test_all_joints_outside_the_crops(changed, tiny_options, tmp_path, caplog):
    outside, plain = changed(move_box), changed(same, "plain.json")
    with pytest.raises(DataError, match="outside their animal's crop"):
        run(TrainOptions(**tiny_options(tmp_path / "run", dataset=outside, valid=plain, epochs=1, as_is=True)))
    data = open_data(outside, as_is=True)
    data.boxes[:2] = [0, 0, 64, 64]
    with caplog.at_level(logging.WARNING):
        check_labels(data, (32, 32), 1, "train on")
    assert "Are the boxes those of the animals?" in caplog.text


def test_a_joint_counts_just_where_the_crop_shows_it():
    class Data(PoseDataset):
        boxes = np.array([[10, 10, 20, 20]], np.float32)
        crop_factor = 1.25

        def describe(self):
            return {"name": "one"}

    data = Data()
    for x, inside in ((8, True), (32, True), (5.9, False), (33.6, False)):
        data.labels = np.array([[[x, 20]]], np.float32), np.array([[2]], np.uint8)
        if inside:
            check_labels(data, (64, 64), 2, "train on")
        else:
            with pytest.raises(DataError):
                check_labels(data, (64, 64), 2, "train on")
    data.labels = np.array([[[33.6, 20]]], np.float32), np.array([[2]], np.uint8)
    check_labels(data, (64, 128), 2, "train on")  # a crop twice as wide as high


DOUBTFUL = Skeleton("s", ("nose", "left_ear", "right_eye"))
PAIRED = Skeleton("s", ("nose", "left_ear", "right_ear"))


@pytest.mark.parametrize(
    ("skeleton", "given", "expected"),
    [
        (PAIRED, {}, True), (DOUBTFUL, {}, False), (DOUBTFUL, {"mirror": "always"}, True), (PAIRED, {"mirror": "never"}, False),
        (DOUBTFUL, {"partners": "left_ear:right_eye"}, True), (Skeleton("s", ("a", "b")), {}, True),
    ],
)  # fmt: skip
def test_pictures_are_mirrored_only_where_pairs_are_known(skeleton, given, expected):
    options = TrainOptions(flip=True, **given)
    assert mirrors(options, skeleton) == flips(options, skeleton) == expected
    assert augmentation_for(options, "strong", skeleton).flip == (0.5 if expected else 0)
    assert person_augmentation(options, skeleton).flip == (0.5 if expected else 0)


def test_training_says_which_joints_have_no_partner(changed, tiny_options, tmp_path, caplog):
    names = ["nose", "Ohr_links", "Auge_rechts", "l_hip", "r_hip", "tail"]
    source = changed(same, joints=names)
    with caplog.at_level(logging.INFO):
        run(TrainOptions(**tiny_options(tmp_path / "run", dataset=source, valid=source, epochs=1, flip=True)))
    assert "pairs      l_hip/r_hip" in caplog.text
    assert "no partner: Ohr_links, Auge_rechts; so no picture is mirrored" in caplog.text
    assert "--partners l_hip:r_hip,Ohr_links:Auge_rechts" in caplog.text
    scores = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert "mirrored picture averaged in" not in json.dumps(scores)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        say_pairs(TrainOptions(mirror="never"), DOUBTFUL)
        say_pairs(TrainOptions(), Skeleton("s", ("a", "b")))
    assert "no partner" not in caplog.text and "none: no joint is named left or right" in caplog.text
