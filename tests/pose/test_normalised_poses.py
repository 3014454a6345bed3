"""Poses relative to their box, and the way they face."""

from __future__ import annotations

import numpy as np
import pytest

from zoopose.errors import DataError
from zoopose.pose.normalised_poses import faces_right, fit_facing_axis, mirrored, normalised_poses
from zoopose.pose.skeleton import Skeleton

JOINTS = Skeleton("animal", ("nose", "l_fore", "r_fore", "tail"))


def walking(seed: int, n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """(n, 4, 2) poses of which some face left, and which face right."""
    rng = np.random.default_rng(seed)
    pose = np.array([[0.4, -0.3], [0.3, 0.4], [0.1, 0.4], [-0.4, -0.2]]) + rng.normal(0, 0.05, (n, 4, 2))
    right = rng.uniform(size=n) < 0.7
    pose[~right] = mirrored(pose[~right], JOINTS.flip_order)
    return pose, right


def test_middle_and_side_of_a_box():
    """A box of 40 x 20 px from pixel 10, 20: its middle is at 29.5, 29.5."""
    found = normalised_poses(np.array([[[29.5, 29.5], [49.5, 19.5]]]), np.array([[10, 20, 40, 20]]))
    np.testing.assert_allclose(found, [[[0, 0], [0.5, -0.25]]])
    assert np.isnan(normalised_poses(np.zeros((1, 2, 2)), np.array([[0, 0, 5, 0]]))).all()


@pytest.mark.parametrize("names", [JOINTS.joints, ("a", "l_b", "r_b", "c")])
def test_the_axis_tells_the_two_sides_apart(names):
    pose, right = walking(0)
    axis = fit_facing_axis(pose, Skeleton("animal", names))
    assert np.linalg.norm(axis) == pytest.approx(1)
    assert axis[1] == axis[2], "partners weigh the same"
    side = faces_right(pose, axis) > 0
    assert (side == right).all() or (names != JOINTS.joints and (side != right).all())
    np.testing.assert_allclose(faces_right(mirrored(pose, JOINTS.flip_order), axis), -faces_right(pose, axis))


def test_unknown_joints_are_left_out():
    pose, right = walking(1)
    pose[np.random.default_rng(2).uniform(size=pose.shape[:2]) < 0.2] = np.nan
    axis = fit_facing_axis(pose, JOINTS)
    enough = np.isfinite(pose[:, [0, 3], 0]).all(1)
    np.testing.assert_array_equal(faces_right(pose[enough], axis) > 0, right[enough])
    assert faces_right(np.full((1, 4, 2), np.nan), axis) == 0
    with pytest.raises(DataError, match="two joints"):
        fit_facing_axis(np.full((3, 4, 2), np.nan), JOINTS)
