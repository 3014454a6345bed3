"""The ten numbers of COCO on truths made by hand."""

import copy
import sys

import numpy as np
import pytest

from zoopose.datasets.coco.truth import coco_truth
from zoopose.datasets.open import open_data
from zoopose.errors import DataError, OptionError, ZooposeError
from zoopose.evaluation.coco_scores import NUMBERS, keypoint_numbers
from zoopose.evaluation.sigmas import sigmas_of
from zoopose.pose.skeleton import ANIMAL_POSE20, AP10K17, COCO17, MPII16, Skeleton

pytest.importorskip("faster_coco_eval")


@pytest.fixture
def truth(coco_tree):
    return coco_truth(open_data(f"coco_person:{coco_tree}", split="valid"))


def test_perfect_shifted_and_missing(truth, made_by_hand):
    score = keypoint_numbers(truth.to_coco(), made_by_hand(truth), COCO17.sigmas)
    assert list(score.numbers.values()) == [1.0] * 10
    assert (score.animals, score.results, score.pictures, score.categories) == (5, 5, 4, ("person",))
    # 0.72 is reached by the thresholds 0.5, 0.55, 0.6, 0.65 and 0.7 of ten
    score = keypoint_numbers(truth.to_coco(), made_by_hand(truth, COCO17.sigmas, oks=0.72), COCO17.sigmas)
    assert [score.numbers[n] for n in NUMBERS] == pytest.approx([0.5, 1, 0, 0.5, 0.5, 0.5, 1, 0, 0.5, 0.5])
    # three of five found, none wrongly: precision 1 at the recalls 0, 0.01, ... 0.6
    score = keypoint_numbers(truth.to_coco(), made_by_hand(truth, every=2), COCO17.sigmas)
    assert score.numbers["AR"] == pytest.approx(0.6) and score.numbers["AP"] == pytest.approx(61 / 101)
    # the large one is among those found
    assert score.numbers["AR large"] == 1 and score.numbers["AR medium"] == pytest.approx(0.5)
    assert keypoint_numbers(truth.to_coco(), [], COCO17.sigmas).numbers["AP"] == 0


def test_neither_crowds_nor_people_without_joints_make_a_detection_wrong(truth, made_by_hand):
    results = made_by_hand(truth)
    beside = [r | {"score": 0.9} for r in made_by_hand(truth) if r["image_id"] in (3, 4)]
    for result in beside:  # onto the boxes of the crowd and of the person without joints
        result["keypoints"] = [v + 70 * (k % 3 == 0) for k, v in enumerate(result["keypoints"])]
    assert keypoint_numbers(truth.to_coco(), results + beside, COCO17.sigmas).numbers["AP"] == 1
    for annotation in truth.annotations:
        annotation["bbox"] = [0, 0, 1, 1]
    assert keypoint_numbers(truth.to_coco(), results + beside, COCO17.sigmas).numbers["AP"] < 0.9


def test_what_files_lack_is_filled_in(truth, made_by_hand):
    results, plain = made_by_hand(truth, COCO17.sigmas, oks=0.72), truth.to_coco()
    score = keypoint_numbers(plain, results, COCO17.sigmas).numbers
    bare = copy.deepcopy(plain)
    for number, annotation in enumerate(bare["annotations"]):
        del annotation["num_keypoints"]
        annotation["id"] = number  # the first is 0, which pycocotools takes for none
        if not annotation["iscrowd"]:
            del annotation["iscrowd"]
    assert keypoint_numbers(bare, results, COCO17.sigmas).numbers == score
    # ids that are text, in another order
    named = copy.deepcopy(plain)
    for entry in named["images"]:
        entry["id"] = f"picture {entry['id']}"
    for entry in named["annotations"]:
        entry["image_id"] = f"picture {entry['image_id']}"
    texts = [r | {"image_id": f"picture {r['image_id']}"} for r in results]
    assert keypoint_numbers(named, texts, COCO17.sigmas).numbers == score
    # without areas those of the boxes, 3000 px^2, count: OKS is higher, and nobody is large any more
    for annotation in bare["annotations"]:
        annotation.pop("area", None)
    score = keypoint_numbers(bare, results, COCO17.sigmas).numbers
    assert score["AP"] > 0.5 and np.isnan(score["AP large"])


def test_several_categories_weigh_the_same():
    joints = [10.0, 10, 2, 50, 50, 2]
    images, categories = (
        [{"id": i} for i in (1, 2, 3)],
        [{"id": i, "name": n} for i, n in ((1, "cat"), (2, "dog"), (5, "cow"))],
    )
    own = {"keypoints": joints, "area": 3000.0, "bbox": [0, 0, 60, 60]}
    annotations = [own | {"id": i, "image_id": i, "category_id": c} for i, c in ((1, 1), (2, 2), (3, 2))]
    results = [{"image_id": 1, "category_id": 1, "keypoints": joints, "score": 1.0}]
    truth = {"images": images, "annotations": annotations, "categories": categories}
    score = keypoint_numbers(truth, results, [0.1, 0.1])
    # the cat is found, neither dog is, and nobody has a cow
    assert score.numbers["AP"] == score.numbers["AR"] == pytest.approx(0.5) and score.categories == ("cat", "dog")


def test_nothing_to_score():
    truth = {"images": [{"id": 1}], "annotations": [], "categories": [{"id": 1, "name": "cat"}]}
    assert all(np.isnan(v) for v in keypoint_numbers(truth, [], [0.1]).numbers.values())


def test_clear_errors(truth, made_by_hand, monkeypatch):
    results, plain = made_by_hand(truth), truth.to_coco()
    with pytest.raises(DataError, match="51"):
        keypoint_numbers(plain, results, AP10K17.sigmas[:16])
    with pytest.raises(DataError, match="picture 77"):
        keypoint_numbers(plain, [results[0] | {"image_id": 77}], COCO17.sigmas)
    with pytest.raises(DataError, match="finite"):
        keypoint_numbers(plain, [results[0] | {"keypoints": [np.nan] * 51}], COCO17.sigmas)
    with pytest.raises(ZooposeError, match="positive OKS sigma"):
        keypoint_numbers(plain, results, np.zeros(17))
    monkeypatch.setitem(sys.modules, "faster_coco_eval", None)
    with pytest.raises(ZooposeError, match=r"uv sync --extra coco"):
        keypoint_numbers(plain, results, COCO17.sigmas)


def test_sigmas_go_by_names():
    assert sigmas_of(COCO17)[1] == "coco17" and sigmas_of(MPII16) is None
    # mmpose's names and order of Animal-Pose
    mmpose = Skeleton("cat", tuple(
        "L_Eye R_Eye L_EarBase R_EarBase Nose Throat TailBase Withers L_F_Elbow R_F_Elbow L_B_Elbow R_B_Elbow L_F_Knee R_F_Knee "
        "L_B_Knee R_B_Knee L_F_Paw R_F_Paw L_B_Paw R_B_Paw".split()
    ))  # fmt: skip
    published = [.025, .025, .026, .035, .035, .10, .10, .10, *[.107] * 4, *[.087] * 4, *[.089] * 4]  # fmt: skip
    found, name = sigmas_of(mmpose)
    np.testing.assert_allclose(found, published)
    assert name == "animal_pose20" and len(ANIMAL_POSE20.sigmas) == 20
    backwards = Skeleton("ape", COCO17.joints[::-1])
    np.testing.assert_allclose(sigmas_of(backwards)[0], COCO17.sigmas[::-1])
    np.testing.assert_allclose(sigmas_of(backwards, "coco17")[0], COCO17.sigmas[::-1])
    own = Skeleton("file", ("a", "b"), sigmas=(0.3, 0.4))
    assert sigmas_of(own)[1] == "of the annotations"
    assert sigmas_of(own, "0.1")[0].tolist() == [0.1, 0.1] and sigmas_of(own, "0.1,0.2")[0].tolist() == [0.1, 0.2]
    other = Skeleton("other", tuple(f"j{i}" for i in range(17)))
    np.testing.assert_allclose(sigmas_of(other, "coco17")[0], COCO17.sigmas)
    for bad in ("coco17", "0.1,0.2,0.3", "-1", "some"):
        with pytest.raises(OptionError):
            sigmas_of(own, bad)
