"""Pose PCA: what the axes express has no distance, what they do not has all of it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from zoopose.errors import DataError
from zoopose.pose.pose_pca import QUANTILE, PosePca
from zoopose.pose.skeleton import Skeleton

ANIMAL = Skeleton("animal", ("nose", "neck", "tail", "l_fore", "r_fore"))
POSE = np.array([[0.45, -0.2], [0.25, -0.1], [-0.4, -0.1], [0.22, 0.4], [0.12, 0.38]])


def drawn(seed: int, n: int = 300, noise: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, K, 2) px poses of one freedom, a nose that goes up and down; half are mirrored. Boxes, and which face right."""
    rng = np.random.default_rng(seed)
    pose = np.repeat(POSE[None], n, 0)
    pose[:, 0, 1] += rng.uniform(-0.2, 0.2, n)
    pose += rng.normal(0, noise, pose.shape) if noise else 0
    right = rng.uniform(size=n) < 0.5
    pose[~right] = pose[~right][:, ANIMAL.flip_order] * (-1, 1)
    box = np.concatenate([rng.uniform(0, 50, (n, 2)), rng.uniform(40, 90, (n, 1)), rng.uniform(20, 40, (n, 1))], 1)
    middle = box[:, :2] - 0.5 + box[:, 2:] / 2
    return middle[:, None] + pose * box[:, None, 2:3], box, right


def test_one_freedom_is_one_axis():
    xy, box, _ = drawn(0)
    pca = PosePca.fit(xy, np.ones(xy.shape[:2]), box, ANIMAL)
    assert pca.axes.shape == (1, 10)
    np.testing.assert_allclose(np.abs(pca.axes[0]), np.eye(10)[1], atol=1e-9)
    other, boxes, _ = drawn(1, 20)
    np.testing.assert_allclose(pca.distance(other, boxes), 0, atol=1e-9)


def test_what_the_axes_do_not_express_is_the_distance():
    """A tail moved by a tenth of the box; of mirrored animals the moved foot is found under its own name."""
    xy, box, right = drawn(0)
    pca = PosePca.fit(xy, np.ones(xy.shape[:2]), box, ANIMAL)
    moved = xy.copy()
    moved[:, 2, 1] += 0.1 * box[:, 2]
    moved[:, 3, 1] += 0.05 * box[:, 2]
    found = pca.distance(moved, box)
    expected = np.zeros(found.shape)
    expected[:, 2], expected[:, 3] = 0.1, 0.05
    np.testing.assert_allclose(found, expected, atol=1e-9)
    assert 0 < right.mean() < 1
    np.testing.assert_allclose(pca.excess(moved, box), expected, atol=1e-6)


def test_one_of_a_hundred_labels_is_beyond_what_is_allowed():
    xy, box, _ = drawn(2, 2000, noise=0.01)
    pca = PosePca.fit(xy, np.ones(xy.shape[:2]), box, ANIMAL)
    beyond = (pca.excess(xy, box) > 0).mean(0)
    assert (beyond <= 1 - QUANTILE + 0.005).all()
    assert beyond.max() > 0.005


def test_joints_that_are_seldom_labelled_do_not_count():
    xy, box, _ = drawn(3)
    known = np.ones(xy.shape[:2], bool)
    known[:200, 3] = False
    pca = PosePca.fit(xy, known, box, ANIMAL)
    assert pca.joints.tolist() == [0, 1, 2], "a foot and its partner"
    xy[0, 1] = np.nan
    found = pca.distance(xy, box)
    assert np.isnan(found[:, 3:]).all()
    assert np.isnan(found[0]).all()
    assert np.isfinite(found[1:, :3]).all()


def test_plain_data_and_too_few_poses():
    xy, box, _ = drawn(4, 30, noise=0.01)
    pca = PosePca.fit(xy, np.ones(xy.shape[:2]), box, ANIMAL)
    again = PosePca.from_dict(json.loads(json.dumps(pca.to_dict())))
    np.testing.assert_array_equal(again.distance(xy, box), pca.distance(xy, box))
    with pytest.raises(DataError, match="10 poses or more"):
        PosePca.fit(xy[:9], np.ones((9, 5)), box[:9], ANIMAL)
    with pytest.raises(DataError, match="pose PCA"):
        PosePca.fit(xy, np.zeros((30, 5)), box, ANIMAL)
