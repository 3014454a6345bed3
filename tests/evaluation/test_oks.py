import numpy as np
import pytest

from zoopose.errors import ZooposeError
from zoopose.evaluation.oks import object_oks, pose_oks

SIGMAS = [0.1, 0.05]


def test_of_a_detection_with_an_annotation():
    true = np.array([[[10.0, 10], [50, 50]]])
    pred = np.array([[[10.0, 10], [50, 50]], [[10, 30], [50, 50]], [[10, 30], [99, 99]]])
    # 20 px off at an area of 1000 px^2: exp(-400 / (2 x 1000 x 0.2^2))
    off = np.exp(-400 / 80)
    found = object_oks(pred, true, np.array([[2, 1]]), [1000.0], [[0, 0, 60, 60]], SIGMAS)
    np.testing.assert_allclose(found[:, 0], [1, (1 + off) / 2, (off + np.exp(-(2 * 49**2) / 20)) / 2], rtol=1e-9)
    # the second joint is not labelled: the mean is over the first alone
    found = object_oks(pred, true, np.array([[2, 0]]), [1000.0], [[0, 0, 60, 60]], SIGMAS)
    np.testing.assert_allclose(found[:, 0], [1, off, off], rtol=1e-9)


def test_without_a_labelled_joint_the_box_widened_three_times_counts():
    true, box = np.zeros((1, 2, 2)), [[100.0, 100, 40, 20]]
    # the widened box reaches from 60 to 180 and from 80 to 140
    pred = np.array([[[60.0, 80], [180, 140]], [[50, 80], [180, 150]]])
    found = object_oks(pred, true, np.zeros((1, 2)), [800.0], box, SIGMAS)
    outside = [np.exp(-100 / (2 * 800 * (2 * s) ** 2)) for s in SIGMAS]
    np.testing.assert_allclose(found[:, 0], [1, np.mean(outside)], rtol=1e-9)


def test_every_detection_with_every_annotation_as_one_by_one():
    rng = np.random.default_rng(0)
    pred, true = rng.uniform(0, 99, (5, 2, 2)), rng.uniform(0, 99, (4, 2, 2))
    visible, area, box = rng.integers(0, 3, (4, 2)), rng.uniform(100, 900, 4), rng.uniform(1, 50, (4, 4))
    visible[0] = 0
    together = object_oks(pred, true, visible, area, box, SIGMAS)
    for d, g in np.ndindex(5, 4):
        one = object_oks(pred[d : d + 1], true[g : g + 1], visible[g : g + 1], area[g : g + 1], box[g : g + 1], SIGMAS)
        assert together[d, g] == pytest.approx(one.item(), abs=1e-12)
    assert object_oks(pred[:0], true, visible, area, box, SIGMAS).shape == (0, 4)
    assert object_oks(pred, true[:0], visible[:0], area[:0], box[:0], SIGMAS).shape == (5, 0)


def test_between_poses_the_area_is_the_mean_and_only_the_others_scores_count():
    one, others = np.array([[0.0, 0], [9, 9]]), np.array([[[0.0, 0], [9, 9]], [[0, 6], [9, 9]]])
    off = np.exp(-36 / (2 * 200 * 0.2**2))
    np.testing.assert_allclose(pose_oks(one, 100.0, others, [100.0, 300.0], SIGMAS), [1, (1 + off) / 2])
    scores = np.array([[0.1, 0.1], [0.9, 0.1]])
    np.testing.assert_allclose(pose_oks(one, 100.0, others, [100.0, 300.0], SIGMAS, scores, above=0.2), [0, off])
    with pytest.raises(ZooposeError, match="scores of the joints"):
        pose_oks(one, 100.0, others, [100.0, 300.0], SIGMAS, above=0.2)


def test_clear_errors():
    joints, visible = np.zeros((1, 2, 2)), np.ones((1, 2))
    with pytest.raises(ZooposeError, match="positive OKS sigma"):
        object_oks(joints, joints, visible, [1.0], [[0, 0, 1, 1]], [0.1, 0])
    with pytest.raises(ZooposeError, match="joints"):
        object_oks(joints, joints, visible, [1.0], [[0, 0, 1, 1]], [0.1, 0.1, 0.1])
