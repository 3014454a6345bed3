import numpy as np
import pytest

from zoopose.errors import OptionError
from zoopose.evaluation import nms
from zoopose.evaluation.nms import box_nms, decayed, enlarged_area, oks_nms, ranked, rescored, soft_oks_nms

SIGMAS = [0.1, 0.1]


def pose(x, score=0.9):
    """Two joints, both x px to the right of (0, 0) and (10, 10)."""
    return [[x, 0.0, score], [x + 10.0, 10.0, score]]


def test_boxes_reach_to_their_last_pixel():
    # 4 x 4 and 4 x 4 pixels that share a row of 4: 4 / 28
    boxes, scores = np.array([[0.0, 0, 3, 3], [0, 3, 3, 6], [50, 50, 60, 60]]), np.array([0.5, 0.9, 0.7])
    assert box_nms(boxes, scores, 4 / 28).tolist() == [1, 2, 0]
    assert box_nms(boxes, scores, 4 / 28 - 1e-9).tolist() == [1, 2]
    assert box_nms(boxes[:0], scores[:0], 0.5).tolist() == []


def test_poses_that_are_one_person():
    poses, scores, areas = np.array([pose(0), pose(0.1), pose(40)]), np.array([0.5, 0.9, 0.7]), np.full(3, 400.0)
    assert oks_nms(poses, scores, areas, 0.9, SIGMAS).tolist() == [1, 2]
    assert oks_nms(poses, scores, areas, 1.0, SIGMAS).tolist() == [1, 2, 0]
    # the candidate's joints are all unsure: nothing is compared, and it stays
    poses[0, :, 2] = 0.1
    assert oks_nms(poses, scores, areas, 0.9, SIGMAS, joints_above=0.2).tolist() == [1, 2, 0]


def test_soft_nms_ranks_and_keeps_twenty():
    poses, scores, areas = np.array([pose(0), pose(0.1), pose(40)]), np.array([0.8, 0.9, 0.7]), np.full(3, 400.0)
    # the likeness of 0 to 1 sinks it below 2
    assert soft_oks_nms(poses, scores, areas, 0.9, SIGMAS).tolist() == [1, 2, 0]
    assert soft_oks_nms(poses, scores, areas, 0.9, SIGMAS, limit=2).tolist() == [1, 2]
    many = np.array([pose(100.0 * i) for i in range(30)])
    assert len(soft_oks_nms(many, np.linspace(0, 1, 30), np.full(30, 400.0), 0.9, SIGMAS)) == 20
    with pytest.raises(OptionError, match="gaussian or linear"):
        decayed(scores, scores, 0.5, "cubic")


def test_compared_at_once_or_one_by_one(monkeypatch):
    rng = np.random.default_rng(0)
    poses = np.concatenate([rng.uniform(0, 6, (40, 2, 2)), rng.random((40, 2, 1))], -1)
    scores, areas = rng.random(40), rng.uniform(50, 500, 40)

    def kept():
        above = [oks_nms(poses, scores, areas, 0.7, SIGMAS, a).tolist() for a in (None, 0.2)]
        return [*above, soft_oks_nms(poses, scores, areas, 0.7, SIGMAS).tolist()]

    at_once = kept()
    monkeypatch.setattr(nms, "_ALL_PAIRS", 0)
    assert kept() == at_once and 1 < len(at_once[0]) < 40


def test_the_score_of_a_pose():
    joints = np.array([[0.9, 0.5, 0.2], [0.1, 0.2, 0.0]], np.float32)
    # 0.2 is not above 0.2, also as float32; a pose without a sure joint is worth nothing
    np.testing.assert_allclose(rescored([0.5, 1.0], joints), [0.35, 0.0], rtol=1e-6)
    np.testing.assert_allclose(rescored([0.5, 1.0], joints, above=0.05), [0.5 * 1.6 / 3, 0.15], rtol=1e-6)


def test_pictures_are_thinned_out_one_by_one():
    poses = np.array([pose(0), pose(0), pose(0.1, 0.5), pose(0)])
    kept, scores = ranked(["b", "a", "b", "a"], poses, np.array([1.0, 0.5, 1.0, 0.8]), np.full(4, 400.0), SIGMAS)
    assert kept.tolist() == [0, 3]  # b appears first
    np.testing.assert_allclose(scores, [0.9, 0.45, 0.5, 0.72])
    kept, _ = ranked(["b", "a", "b", "a"], poses, np.ones(4), np.full(4, 400.0), SIGMAS, soft=True)
    assert sorted(kept[:2]) == [0, 2] and len(kept) == 4
    assert ranked([], np.zeros((0, 2, 3)), np.zeros(0), np.zeros(0), SIGMAS)[0].tolist() == []


def test_the_area_of_the_crop():
    boxes = np.array([[5.0, 5, 30, 80], [5, 5, 90, 80]])
    # 192 x 256 px: the box of 30 x 80 grows to 60 x 80, the one of 90 x 80 to 90 x 120
    np.testing.assert_allclose(enlarged_area(boxes, 1.25, 192 / 256), np.array([60 * 80, 90 * 120]) * 1.25**2)
    np.testing.assert_allclose(enlarged_area(boxes, 1.0), [80 * 80, 90 * 90])
