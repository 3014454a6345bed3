"""The pose prior: limbs of a source, and how far other poses are from them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoopose.evaluation.pose_prior import PosePrior
from zoopose.pose.skeleton import Skeleton

BEAST = Skeleton("beast", ("nose", "left_hind_paw", "right_hind_paw", "tail"), ((0, 3), (3, 1), (3, 2)))
POSE = np.array([[90.0, 20], [20, 80], [30, 80], [10, 25]])
BOX = np.array([0.0, 0, 100, 100])


def herd(n: int = 60, seed: int = 0, noise: float = 3) -> tuple[np.ndarray, np.ndarray]:
    """Poses that face either way, and their boxes."""
    rng = np.random.default_rng(seed)
    xy = POSE + rng.normal(0, noise, (n, 4, 2))
    turned = rng.random(n) < 0.5
    xy[turned] = xy[turned][:, BEAST.flip_order] * [-1, 1] + [100, 0]
    return xy, np.tile(BOX, (n, 1))


def prior_of(xy: np.ndarray, box: np.ndarray) -> PosePrior:
    found = PosePrior.of(xy, np.ones(xy.shape[:2], bool), box, BEAST)
    assert found
    return found


def test_mean_and_deviation_are_those_of_poses_that_face_one_way():
    found = prior_of(*herd(4000))
    np.testing.assert_allclose(found.mean, [[-0.8, -0.05], [0.2, -0.55], [0.1, -0.55]], atol=0.01)
    np.testing.assert_allclose(found.deviation, 0.03 * np.sqrt(2), rtol=0.1)


def test_the_source_is_at_the_distance_of_a_gaussian():
    xy, box = herd(4000)
    assert prior_of(xy, box).distance(xy, box) == pytest.approx(np.sqrt(2 / np.pi), rel=0.1)


@given(st.floats(0.2, 5), st.floats(-500, 500))
def test_poses_and_boxes_may_be_moved_and_scaled_together(scale, shift):
    xy, box = herd()
    found = prior_of(xy, box)
    moved = scale * box + [shift, shift, 0, 0]
    assert found.distance(scale * xy + shift, moved) == pytest.approx(found.distance(xy, box))


def test_mirrored_poses_are_as_near():
    xy, box = herd()
    found = prior_of(xy, box)
    assert found.distance(xy[:, BEAST.flip_order] * [-1, 1], box) == pytest.approx(found.distance(xy, box))


def test_shrunken_exchanged_and_random_poses_are_further_away():
    xy, box = herd()
    found, middle = prior_of(xy, box), xy.mean(1, keepdims=True)
    own = found.distance(xy, box)
    assert found.distance(middle + 0.7 * (xy - middle), box) > 2 * own
    mixed = xy.copy()
    mixed[:, 0] = xy[:, 3] + 5  # the nose at the tail
    assert found.distance(mixed, box) > 2 * own
    assert found.distance(np.random.default_rng(1).uniform(0, 100, xy.shape), box) > 4 * own


def test_unknown_joints_leave_out_their_limbs():
    xy, box = herd()
    found = prior_of(xy, box)
    part = xy.copy()
    part[:, 1] = np.nan
    apart = found.apart(part, box)
    assert (np.isnan(apart).sum(1) == 1).all() and found.distance(part, box) < 2
    assert np.isnan(found.distance(xy * np.nan, box)) and np.isnan(found.distance(xy, box * 0))


def test_without_labels_there_is_none_and_without_limbs_joints_are_joined_in_order():
    xy, box = herd()
    assert PosePrior.of(xy, np.zeros(xy.shape[:2], bool), box, BEAST) is None
    chain = PosePrior.of(xy, np.ones(xy.shape[:2], bool), box, Skeleton("beast", BEAST.joints))
    assert chain is not None and chain.limbs.tolist() == [[0, 1], [1, 2], [2, 3]]


def test_it_comes_back_from_plain_data():
    xy, box = herd()
    found = prior_of(xy, box)
    assert PosePrior.from_dict(found.to_dict()).distance(xy, box) == found.distance(xy, box)
