"""Joints that are the same place of a body, and networks that change their joints."""

from __future__ import annotations

import itertools

import pytest
import torch

from zoopose.pose.checkpoints import Loaded
from zoopose.pose.fresh_weights import FreshWeights
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import ANIMAL_POSE20, COCO17, MPII16, SKELETONS, TIGDOG18, Skeleton
from zoopose.pose.transfer import corresponding_joints, transfer_to_joints

NUMBERS = {"num_stacks": 2, "num_blocks": 1, "width": 4, "depth": 2}


def loaded(skeleton, **more):
    torch.manual_seed(3)
    model = build_model("hg", len(skeleton), **NUMBERS, **more).eval()
    return Loaded(model, "hg", {**NUMBERS, **more}, skeleton, InputSpec("exact", 32, 8), {})


def names(a, b):
    return {a.joints[i]: b.joints[j] for i, j in corresponding_joints(a, b)}


def test_all_joints_of_a_person_but_the_animals_own_three_have_a_partner():
    found = names(COCO17, ANIMAL_POSE20)
    assert set(found) == set(COCO17.joints)
    assert set(ANIMAL_POSE20.joints) - set(found.values()) == {"throat", "withers", "tail_base"}
    assert found["left_shoulder"] == "left_front_elbow" and found["right_ankle"] == "right_back_paw"
    assert found["left_elbow"] == "left_front_knee" and found["right_hip"] == "right_back_elbow"


def test_fourteen_joints_of_animal_pose_are_in_tigdog():
    found = names(ANIMAL_POSE20, TIGDOG18)
    assert len(found) == 14 and found["left_front_paw"] == "left_front_hoof"
    assert len(names(MPII16, ANIMAL_POSE20)) == 12


@pytest.mark.parametrize(("a", "b"), [*itertools.combinations(SKELETONS.values(), 2)], ids=lambda s: s.name)
def test_correspondence_is_the_same_both_ways_and_keeps_sides(a, b):
    there, back = corresponding_joints(a, b), corresponding_joints(b, a)
    assert sorted(there) == sorted((i, j) for j, i in back)
    assert len({i for i, _ in there}) == len({j for _, j in there}) == len(there) > 0
    for i, j in there:
        assert (int(a.flip_order[i]), int(b.flip_order[j])) in there


def test_skeletons_of_ones_own_correspond_by_name():
    own = Skeleton("own", ("tail", "left_eye", "horn"))
    assert corresponding_joints(own, TIGDOG18) == [(1, 0)]


def test_a_network_for_other_joints_keeps_what_corresponds():
    old = loaded(COCO17)
    new, count = transfer_to_joints(old, ANIMAL_POSE20, 2, FreshWeights(0))
    assert count == 17 and new.numbers["adapter"] == 2 and new.skeleton is ANIMAL_POSE20
    images = torch.rand(2, 3, 32, 32)
    pairs = corresponding_joints(COCO17, ANIMAL_POSE20)
    with torch.no_grad():
        # the first stage's maps follow from kept tensors alone; the second's also from maps of joints a person has not
        before, after = old.model(images)[0], new.model(images)[0]
    for i, j in pairs:
        torch.testing.assert_close(before[:, i], after[:, j])


def test_a_network_of_the_same_joints_is_kept_whole():
    old = loaded(TIGDOG18)
    assert transfer_to_joints(old, TIGDOG18, 0, FreshWeights(0))[0] is old
    new, count = transfer_to_joints(old, TIGDOG18, 2, FreshWeights(0))
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(old.model(images), new.model(images), strict=True))
    assert count == 18
    adapted = loaded(TIGDOG18, adapter=1)
    assert transfer_to_joints(adapted, TIGDOG18, 2, FreshWeights(0))[0] is adapted, "an adapter that is there is kept"
