"""Several data sets as one: which joints are taken, what is not labelled, and a training on both."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import numpy as np
import pytest

from zoopose.datasets.joined import Joined
from zoopose.datasets.open import has_splits, name_of, open_data, original_augmentation, parts_of, takes
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.errors import DataError, OptionError
from zoopose.pose.skeleton import ANIMAL_POSE20, TIGDOG18, Skeleton
from zoopose.pose.transfer import joints_to_take
from zoopose.train.options import TrainOptions
from zoopose.train.train import run

LIVESTOCK = Skeleton("cattle", ("mouth", "eye", "ear", "tail", "l_fore_foot", "r_fore_foot"))


class Made(PoseDataset):
    """Three pictures with joints at known places."""

    def __init__(self, skeleton: Skeleton, flags: np.ndarray, crop_factor: float = 1.25, labelled: bool = True):
        n, k = flags.shape
        self.skeleton, self.crop_factor = skeleton, crop_factor
        self.ids, self.shots = [f"p{i}" for i in range(n)], ["", *["clip"] * (n - 1)]
        xy = np.arange(n * k * 2, dtype=np.float32).reshape(n, k, 2)
        self.given = xy, flags.astype(np.uint8)
        self.labels = self.given if labelled else None

    def __getitem__(self, index: int) -> PoseSample:
        xy, flags = self.given
        image = np.full((8, 8, 3), index, np.uint8)
        return PoseSample(image, xy[index], flags[index], np.array([0, 0, 20, 10], np.float32), {"id": self.ids[index]})

    def describe(self) -> dict:
        return {"name": "made", "items": len(self)}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("coco:a.json", ["coco:a.json"]),
        ("coco:a+b.json+coco:c.json", ["coco:a+b.json", "coco:c.json"]),
        ("synthetic_animal+real_animal:x", ["synthetic_animal", "real_animal:x"]),
        ("coco:cows+cocoa.json", ["coco:cows+cocoa.json"]),
    ],
)
def test_a_plus_joins_only_before_a_name(text, parts):
    assert parts_of(text) == parts
    assert name_of(text) == parts[0].partition(":")[0]


def test_facts_of_joined_names():
    both = "coco:a.json+real_animal"
    assert has_splits(both)
    assert not has_splits("coco:a.json+coco:b.json")
    assert takes("category", both)
    assert original_augmentation(both) == ""


def test_drawn_animals_give_twelve_joints_of_livestock(caplog):
    """The eye is the one that is seen; where both are seen, or neither, nobody can tell. An ear has no counterpart."""
    at = {name: i for i, name in enumerate(TIGDOG18.joints)}
    flags = np.full((3, 18), 2)
    flags[0, at["left_eye"]] = 1
    flags[1, [at["left_eye"], at["right_eye"]]] = 1
    real, drawn = Made(LIVESTOCK, np.full((2, 6), 2)), Made(TIGDOG18, flags)
    with caplog.at_level(logging.INFO):
        both = Joined(["coco:real", "coco:drawn"], [real, drawn], [True, True])
    assert "coco:drawn: 5 of 6 joints are taken: mouth from chin, eye from left_eye or right_eye" in caplog.text
    assert "not labelled there: ear; 12 joints are left out" in caplog.text
    assert len(both) == 5
    assert both.skeleton is LIVESTOCK
    xy, visible = both.labels
    np.testing.assert_array_equal(xy[:2], real.given[0])
    assert visible[2:].tolist() == [[2, 2, 0, 2, 2, 2], [2, 0, 0, 2, 2, 2], [2, 0, 0, 2, 2, 2]]
    np.testing.assert_array_equal(xy[2, 1], drawn.given[0][0, at["right_eye"]])
    np.testing.assert_array_equal(xy[2:, 4], drawn.given[0][:, at["left_front_hoof"]])
    sample = both[3]
    np.testing.assert_array_equal(sample.xy_px[sample.visible > 0], xy[3][visible[3] > 0])
    np.testing.assert_array_equal(sample.visible, visible[3])
    assert sample.image[0, 0, 0] == 1
    assert sample.meta["id"] == both.ids[3] == "2/p1"
    assert both.shots == ["", "1/clip", "", "2/clip", "2/clip"]
    assert both.describe()["sets"][1] == "coco:drawn: 3 pictures, 5 joints"
    with pytest.raises(IndexError):
        both[5]


def test_the_table_reads_both_ways():
    taken = joints_to_take(TIGDOG18, LIVESTOCK)
    found = {TIGDOG18.joints[i]: LIVESTOCK.joints[p[0]] for i, p in enumerate(taken) if p}
    assert found == {
        "chin": "mouth", "tail_start": "tail", "left_front_hoof": "l_fore_foot", "right_front_hoof": "r_fore_foot"
    }  # fmt: skip
    named_otherwise = Skeleton("dog", ANIMAL_POSE20.joints)
    assert sum(map(bool, joints_to_take(named_otherwise, TIGDOG18))) == 14


def test_hidden_joints_that_nobody_placed_are_not_labelled():
    flags = np.array([[1, 2, 1, 2, 2, 2]])
    made = [Made(LIVESTOCK, flags), Made(LIVESTOCK, flags)]
    assert Joined(["a", "b"], made, [True, False]).labels[1].tolist() == [[1, 2, 1, 2, 2, 2], [0, 2, 0, 2, 2, 2]]
    assert Joined(["a", "b"], made, [False, False]).labels[1].tolist() == [[1, 2, 1, 2, 2, 2]] * 2


def test_crops_stay_the_same():
    """A box of another crop factor is scaled about its middle: 20 px x 1.0 = 16 px x 1.25."""
    both = Joined(
        ["a", "b"], [Made(LIVESTOCK, np.full((1, 6), 2)), Made(LIVESTOCK, np.full((1, 6), 2), 1.0)], [True] * 2
    )
    np.testing.assert_allclose(both[1].box_xywh, [2, -3, 16, 16])
    np.testing.assert_allclose(both[0].box_xywh, [0, 0, 20, 10])


def test_what_cannot_be_joined():
    other = Made(Skeleton("other", ("hand", "foot")), np.full((1, 2), 2))
    with pytest.raises(DataError, match=r"(?s)in b one of the 6 joints of a.*hand, foot"):
        Joined(["a", "b"], [Made(LIVESTOCK, np.full((1, 6), 2)), other], [True] * 2)
    bare = Made(LIVESTOCK, np.full((1, 6), 2), labelled=False)
    with pytest.raises(DataError, match="b without labels"):
        Joined(["a", "b"], [Made(LIVESTOCK, np.full((1, 6), 2)), bare], [True] * 2)
    with pytest.raises(OptionError, match="cocoa"):
        open_data("cocoa:x+coco:y")


def _fewer_joints(path: Path) -> Path:
    """The same pictures with the joints tail and nose alone, in this order."""
    data = json.loads(path.read_text())
    data["categories"][0].update(keypoints=["tail", "nose"], skeleton=[])
    for ann in data["annotations"]:
        joints = np.reshape(ann["keypoints"], (-1, 3))
        ann["keypoints"] = joints[[5, 0]].ravel().tolist()
    other = path.with_name("few.json")
    other.write_text(json.dumps(data))
    return other


def test_a_training_on_both(tiny_coco, tiny_options, tmp_path):
    whole, few = tiny_coco(tmp_path / "a"), _fewer_joints(tiny_coco(tmp_path / "b", seed=1))
    text = f"coco:{whole}+coco:{few}"
    data = open_data(text)
    assert len(data) == 24
    assert (data.labels[1][12:, 1:5] == 0).all()
    assert open_data(text, labelled=False).labels is None
    options = tiny_options(tmp_path / "run", dataset=text, valid=f"coco:{whole}", epochs=1)
    run(TrainOptions(**options))
    facts = json.loads((tmp_path / "run" / "run.json").read_text())
    assert text in json.dumps(facts)
    # without --valid each of the sets gives its own part
    run(TrainOptions(**{**options, "valid": "", "checkpoint": str(tmp_path / "other")}))
