"""Which joints tell front from back, and how sure a network is of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoopose.pose.facing import FrontAndBack, certainty, front_and_back, neighbours_agree, same_way, share_that_agrees
from zoopose.pose.skeleton import SKELETONS, Skeleton

ENDS = FrontAndBack((0, 1), (2, 3))
COW = np.array(
    [[90.0, 40], [80, 30], [10, 35], [15, 90]]
)  # two joints of the head, tail and a hind foot: it faces right


def named(*joints: str):
    found = front_and_back(Skeleton("beast", joints))
    return None if found is None else ({joints[i] for i in found.front}, {joints[i] for i in found.back})


@pytest.mark.parametrize(
    ("joints", "front", "back"),
    [
        (("mouth", "eye", "ear", "neck", "hip", "tail", "elbow"), {"mouth", "eye", "ear"}, {"tail", "hip"}),
        (("Nose", "leftEye", "back", "tail_base", "tail_tip"), {"Nose", "leftEye"}, {"tail_base"}),
        (("muzzle", "l_hind_hock", "l_fore_hoof", "rear-paw-R"), {"muzzle"}, {"l_hind_hock", "rear-paw-R"}),
    ],
)
def test_head_and_hind_joints_are_found_by_name(joints, front, back):
    assert named(*joints) == (front, back)


@pytest.mark.parametrize(
    "joints", [("a", "b", "c"), ("nose", "left_hip", "left_knee"), ("tail", "hip"), ("back", "eye"), ()]
)
def test_names_that_do_not_say_it_give_no_answer(joints):
    assert named(*joints) is None


def test_every_animal_of_the_table_has_ends_and_no_person_has():
    assert {name for name, skeleton in SKELETONS.items() if front_and_back(skeleton)} == {
        "tigdog18", "animal_pose20", "ap10k17",
    }  # fmt: skip


def test_the_heading_goes_from_tail_to_head_and_skips_unknown_joints():
    pose = COW.copy()
    pose[1] = np.nan
    np.testing.assert_allclose(ENDS.heading(np.stack([COW, pose])), [[72.5, -27.5], [77.5, -22.5]])
    pose[0] = np.nan
    assert np.isnan(ENDS.heading(pose)).all() and not same_way(ENDS.heading(pose)[None], ENDS.heading(COW)[None])[0]


def test_exchanged_ends_face_the_other_way():
    turned = COW[[2, 3, 0, 1]]
    headings = [ENDS.heading(pose[None]) for pose in (COW, turned)]
    assert not same_way(*headings)[0] and share_that_agrees(headings[0], headings[0]) == 1


def test_certainty_is_one_where_all_joints_agree_and_falls_where_views_do_not():
    turned = COW[[2, 3, 0, 1]]
    assert certainty(ENDS, [COW[None], COW[None]]) == 1
    assert certainty(ENDS, [COW[None], turned[None]]) == 0
    mixed = COW[[0, 2, 1, 3]]  # one joint of the head and the tail have changed places
    assert certainty(ENDS, [mixed[None]]) == 0


@given(st.integers(0, 2**32 - 1))
def test_random_poses_are_not_certain(seed):
    poses = np.random.default_rng(seed).normal(size=(400, 4, 2))
    assert 0.3 < certainty(ENDS, [poses]) < 0.7 and certainty(ENDS, [poses, poses[::-1]]) < certainty(ENDS, [poses])


@given(st.floats(0.1, 10), st.floats(-100, 100), st.integers(0, 2**32 - 1))
def test_size_and_place_do_not_matter_and_a_mirror_turns_it(scale, shift, seed):
    poses = np.random.default_rng(seed).uniform(0, 100, (20, 4, 2))
    assert certainty(ENDS, [poses]) == pytest.approx(certainty(ENDS, [scale * poses + shift]))
    assert certainty(ENDS, [poses]) == pytest.approx(certainty(ENDS, [poses * [-1, 1]]))
    np.testing.assert_allclose(ENDS.heading(poses * [-1, 1]), ENDS.heading(poses) * [-1, 1])


def test_neighbours_are_frames_of_one_recording():
    heading = np.array([[1.0, 0], [1, 0], [-1, 0], [-1, 0], [1, 0]])
    assert neighbours_agree(heading, ["a", "a", "a", "b", ""]) == 0.5
    assert neighbours_agree(heading, ["", "", "a", "b", "c"]) is None and neighbours_agree(heading[:1], ["a"]) is None
