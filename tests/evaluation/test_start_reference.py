"""The joints that the start network was sure of: their places and their distances from each other."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoopose.evaluation.start_reference import StartReference, near, trust_in_joints

BOX = np.array([[0.0, 0, 100, 60]] * 10)


def poses(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(10, 60, (10, 5, 2)).astype(np.float32)


def reference(xy: np.ndarray, mirrored: np.ndarray | None = None) -> StartReference:
    return StartReference.of(xy, np.ones(xy.shape[:2]), BOX, mirrored)


@given(st.floats(0.2, 3), st.floats(-50, 50))
def test_poses_that_shrink_by_a_factor_keep_that_share_of_their_distances(factor, shift):
    xy = poses()
    middle = xy.mean(1, keepdims=True)
    assert reference(xy).kept_size(middle + factor * (xy - middle) + shift) == pytest.approx(factor, rel=1e-4)


def test_the_start_network_keeps_everything():
    xy = poses()
    assert reference(xy).kept_size(xy) == 1 and reference(xy).kept_place(xy, BOX) == 1


def test_a_shifted_pose_keeps_its_size_and_not_its_place():
    xy = poses()
    assert reference(xy).kept_size(xy + 6) == pytest.approx(1, rel=1e-4) and reference(xy).kept_place(xy + 6, BOX) == 0
    assert reference(xy).kept_place(xy + 3, BOX) == 1  # 4.2 px of a box of 100 px


def test_exchanged_joints_keep_the_size_of_a_pose_that_has_only_these():
    xy = poses()[:, :2]
    assert reference(xy).kept_size(xy[:, ::-1]) == 1
    assert reference(xy).kept_place(xy[:, ::-1], BOX) < 0.4


def test_random_poses_are_far_from_the_reference():
    assert reference(poses(0)).kept_place(poses(1), BOX) < 0.2


def test_sure_joints_have_the_highest_peaks_and_agree_with_the_mirrored_frame():
    xy, score = poses(), np.tile(np.arange(10.0)[:, None], (1, 5))
    mirrored = xy.copy()
    mirrored[9, 0] += 50
    sure = StartReference.of(xy, score, BOX, mirrored).sure
    assert sure[7:, 1:].all() and sure[7:9, 0].all() and sure.sum() == 14


def test_only_sure_joints_count():
    xy, score = poses(), np.tile(np.arange(10.0)[:, None], (1, 5))
    moved = xy.copy()
    moved[:7] *= 0.1
    found = StartReference.of(xy, score, BOX, None)
    assert found.kept_size(moved) == 1 and found.kept_place(moved, BOX) == 1


def test_frames_that_could_not_be_read_do_not_count():
    xy = poses()
    xy[3] = np.nan
    found = reference(xy)
    assert not found.sure[3].any() and found.kept_size(xy) == 1
    nothing = reference(np.full_like(xy, np.nan))
    assert np.isnan(nothing.kept_size(xy)) and np.isnan(nothing.kept_place(xy, BOX))


def test_trust_is_the_share_of_frames_that_agree_with_start_and_mirror():
    xy = poses()
    start, mirrored = xy.copy(), xy.copy()
    start[:3, 0] += 50
    mirrored[2:5, 0] += 50
    np.testing.assert_allclose(trust_in_joints(xy, BOX, start, mirrored), [0.5, 1, 1, 1, 1])
    np.testing.assert_allclose(trust_in_joints(xy, BOX, start, None), [0.7, 1, 1, 1, 1])


def test_near_is_a_share_of_the_longer_side():
    xy = np.zeros((1, 1, 2))
    assert near(xy, xy + [4.9, 0], BOX[:1]).all() and not near(xy, xy + [5.1, 0], BOX[:1]).any()
    assert not near(xy, xy * np.nan, BOX[:1]).any()


def test_drift_is_the_common_movement_and_no_movement_of_single_joints():
    xy = poses(0)
    found = reference(xy)
    assert found.drift(xy, BOX) == 0
    assert found.drift(xy + np.array([0.0, 3.0]), BOX) == pytest.approx(3 / 100, rel=1e-4)
    apart = xy.copy()
    apart[:, 0] += 40
    assert found.drift(apart, BOX) == 0
    nobody = StartReference(xy.astype(np.float32), np.zeros(xy.shape[:2], bool))
    assert np.isnan(nobody.drift(xy, BOX))
