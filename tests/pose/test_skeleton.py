"""Flip orders, and left/right partners read off names as they are found in the wild."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoopose.errors import DataError
from zoopose.pose.skeleton import SKELETONS, TIGDOG18, TIGER_TO_MODEL, Skeleton, from_coco_category, partners_from_names


def named(pairs, names):
    return {frozenset((names[a], names[b])) for a, b in pairs}


@pytest.mark.parametrize("name", SKELETONS)
def test_flip_order_is_an_involution_that_moves_the_sided_joints_only(name):
    skeleton = SKELETONS[name]
    order = skeleton.flip_order
    np.testing.assert_array_equal(order[order], np.arange(len(skeleton)))
    for joint, mirrored in zip(skeleton.joints, order):
        partner = skeleton.joints[mirrored]
        if "left" in joint or "right" in joint:
            swapped = joint.replace("left", "~").replace("right", "left").replace("~", "right")
            assert partner == swapped
        else:
            assert partner == joint


@pytest.mark.parametrize("name", SKELETONS)
def test_pairs_are_given_left_first_and_limbs_join_joints(name):
    skeleton = SKELETONS[name]
    assert all("left" in skeleton.joints[a] and "right" in skeleton.joints[b] for a, b in skeleton.partners)
    assert all(a != b for a, b in skeleton.limbs)
    grouped = [i for members in skeleton.groups.values() for i in members]
    assert len(set(grouped)) == len(grouped)
    assert not grouped or set(grouped) <= set(range(len(skeleton)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("l_hip", "r_hip"), ("L_hip", "R_hip"), ("left_hip", "right_hip"), ("leftEye", "rightEye"), ("LeftEye", "RightEye"),
        ("eye_left", "eye_right"), ("eye_l", "eye_r"), ("eyeL", "eyeR"), ("Eye.L", "Eye.R"), ("L_F_elbow", "R_F_elbow"),
        ("F_L_paw", "F_R_paw"), ("front left paw", "front right paw"), ("hind-leg-left", "hind-leg-right"), ("lhip", "rhip"),
        ("LHip", "RHip"), ("lEye", "rEye"), ("leftear", "rightear"), ("earleft", "earright"), ("LF_paw", "RF_paw"),
        ("fl_paw", "fr_paw"), ("HL", "HR"), ("left", "right"), ("L1", "R1"), ("left_ear_2", "right_ear_2"),
    ],
)  # fmt: skip
def test_partners_are_found_in_any_style_and_order(left, right):
    assert partners_from_names([left, right]) == [(0, 1)]
    assert partners_from_names(["nose", right, "tail_root", left]) == [(3, 1)]


@pytest.mark.parametrize(
    "names",
    [
        ["nose", "tail", "withers", "throat"],
        ["left_eye", "right_ear"],
        ["left_eye", "nose"],
        ["rear", "left_ear"],
        ["lhip", "right_hip"],
        ["l_front_paw", "r_back_paw"],
        ["left_ear_1", "right_ear_2"],
        ["root_of_tail", "leg"],
        ["lower_jaw", "upper_jaw"],
        ["L_F_elbow", "R_B_elbow"],
        ["lip", "rump"],
    ],
)
def test_no_partner_is_made_up(names):
    assert partners_from_names(names) == []


def test_a_lookalike_takes_no_joint_from_its_partner():
    names = ["rear", "left_ear", "right_ear", "rib", "l_hip", "r_hip"]
    assert named(partners_from_names(names), names) == {
        frozenset(("left_ear", "right_ear")),
        frozenset(("l_hip", "r_hip")),
    }


def test_a_joint_without_partner_is_its_own_mirror():
    skeleton = Skeleton("one-eyed", ("left_eye", "left_ear", "right_ear", "nose"))
    assert skeleton.flip_order.tolist() == [0, 2, 1, 3]
    assert skeleton.flip_order.dtype == np.int64


def test_limping_names_can_be_paired_by_hand():
    skeleton = Skeleton("s", ("port", "starboard", "bow"))
    assert skeleton.flip_order.tolist() == [0, 1, 2]
    assert skeleton.with_partners([("port", "starboard")]).flip_order.tolist() == [1, 0, 2]
    with pytest.raises(DataError, match="stern"):
        skeleton.with_partners([("port", "stern")])


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"joints": ("a", "b", "a")}, "twice: a"),
        ({"partners": ((0, 1), (1, 2))}, "one pair at most"),
        ({"partners": ((0, 0),)}, "one pair at most"),
        ({"partners": ((0, 3),)}, "0 to 2"),
        ({"limbs": ((0, 3),)}, "limbs"),
        ({"sigmas": (0.1, 0.1)}, "3 OKS sigmas"),
    ],
)
def test_contradictory_skeletons_are_refused(change, word):
    with pytest.raises(DataError, match=word):
        Skeleton(**{"name": "s", "joints": ("a", "b", "c"), **change})


def test_coco_category_becomes_a_skeleton():
    category = {"id": 3, "name": "cow", "keypoints": ["nose", "l_ear", "r_ear"], "skeleton": [[1, 2], [1, 3]],
                "sigmas": [0.1, 0.2, 0.2]}  # fmt: skip
    skeleton = from_coco_category(category)
    assert skeleton.name == "cow" and skeleton.joints == ("nose", "l_ear", "r_ear")
    assert skeleton.limbs == ((0, 1), (0, 2)) and skeleton.partners == ((1, 2),) and skeleton.sigmas == (0.1, 0.2, 0.2)
    other = from_coco_category({**category, "keypoints": ["a", "b", "c"]}, [("b", "c")])
    assert other.flip_order.tolist() == [0, 2, 1]


@pytest.mark.parametrize(
    ("category", "word"),
    [
        ({"id": 1, "name": "box only"}, "box only"),
        ({"id": 7, "keypoints": []}, "7"),
        ({"name": "x", "keypoints": ["a", "a"]}, "twice"),
        ({"name": "x", "keypoints": ["a", "b"], "skeleton": [[1, 3]]}, "limbs"),
        ({"name": "x", "keypoints": ["a", "b"], "sigmas": [0.1]}, "sigmas"),
    ],
)
def test_faulty_categories_are_named(category, word):
    with pytest.raises(DataError, match=word):
        from_coco_category(category)


def test_pairs_of_joints_a_category_has_not_are_named():
    with pytest.raises(DataError, match="ear_r"):
        from_coco_category({"name": "x", "keypoints": ["a", "b"]}, [("a", "ear_r")])


def test_tiger_order_is_its_own_inverse_and_keeps_pairs():
    np.testing.assert_array_equal(TIGER_TO_MODEL[TIGER_TO_MODEL], np.arange(18))
    mapped = {frozenset((int(TIGER_TO_MODEL[a]), int(TIGER_TO_MODEL[b]))) for a, b in TIGDOG18.partners}
    assert mapped == {frozenset(pair) for pair in TIGDOG18.partners}
    # knees and elbows change places, nothing else moves
    moved = {TIGDOG18.joints[i].split("_")[-1] for i in np.flatnonzero(np.arange(18) != TIGER_TO_MODEL)}
    assert moved == {"knee", "elbow"}


@pytest.mark.parametrize("name", SKELETONS)
def test_plain_data_and_back(name):
    skeleton = SKELETONS[name]
    data = json.loads(json.dumps(skeleton.to_dict()))
    back = Skeleton.from_dict(data)
    assert back.to_dict() == skeleton.to_dict() and back.joints == skeleton.joints
    assert back.limbs == skeleton.limbs and back.partners == skeleton.partners and back.sigmas == skeleton.sigmas
    np.testing.assert_array_equal(back.flip_order, skeleton.flip_order)


def test_pairs_given_by_hand_survive_the_round_trip():
    skeleton = Skeleton("s", ("left_x", "right_x", "y", "z")).with_partners([("y", "z")])
    assert Skeleton.from_dict(skeleton.to_dict()).flip_order.tolist() == [0, 1, 3, 2]
