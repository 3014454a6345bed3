import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoopose.errors import ZooposeError
from zoopose.evaluation import metrics

finite = st.floats(-1000, 1000, width=32)


@st.composite
def poses(draw, known=False):
    """xy_pred, xy_true, valid, normaliser; some predictions are missing unless `known`."""
    n, k = draw(st.integers(1, 6)), draw(st.integers(1, 5))
    true = draw(arrays(np.float64, (n, k, 2), elements=finite))
    pred = true + draw(arrays(np.float64, (n, k, 2), elements=st.floats(-20, 20, width=32)))
    if not known:
        pred[draw(arrays(bool, (n, k)))] = np.nan
    valid = draw(arrays(bool, (n, k)))
    return pred, true, valid, draw(arrays(np.float64, n, elements=st.floats(1, 500, width=32)))


def line(*errors):
    """One animal, a joint for each error, all truths at 0."""
    pred = np.array([[(e, 0.0) for e in errors]])
    return pred, np.zeros_like(pred), np.ones(pred.shape[:2], bool)


def test_pck_by_hand():
    pred = np.array([[(0, 0), (3, 4), (9, 9)], [(0, 0), (3, 4), (np.nan, 5)]], float)
    valid = np.array([[1, 1, 0], [1, 1, 1]], bool)
    score = metrics.pck(pred, np.zeros_like(pred), valid, np.array([120.0, 90.0]), 0.05)
    assert score.n.tolist() == [2, 2, 1]
    assert score.pck.tolist() == [1, 0.5, 0]  # 5 px is below 6 but not below 4.5; the missing one is wrong
    assert score.mean == 3 / 5
    assert score.joint_mean == pytest.approx(0.5)


def test_pck_is_strict():
    # the published rule: distance / (64 / 10) < 0.5, so exactly 3.2 cells is wrong
    score = metrics.pck(*line(3.2, np.nextafter(3.2, 0)), np.array([64.0]), 0.05)
    assert score.pck.tolist() == [0, 1]


def test_pck_without_an_instance():
    pred, true, valid = line(1.0, 1.0)
    valid[:, 1] = False
    score = metrics.pck(pred, true, valid, np.array([100.0]))
    assert np.isnan(score.pck[1]) and score.joint_mean == score.mean == 1
    none = metrics.pck(pred, true, np.zeros_like(valid), np.array([0.0]))
    assert np.isnan([none.mean, none.joint_mean]).all()


def test_truth_of_joints_that_do_not_count_is_not_read():
    pred, true, valid = line(1.0, 1.0)
    true[0, 1], valid[0, 1] = np.nan, False
    assert metrics.pck(pred, true, valid, np.array([100.0])).mean == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda a: a.update(xy_true=a["xy_true"][:, :1]),
        lambda a: a.update(xy_pred=a["xy_pred"][..., 0]),
        lambda a: a.update(valid=a["valid"].astype(np.uint8)),
        lambda a: a.update(valid=a["valid"][0]),
        lambda a: a.update(normaliser=np.array([0.0])),
        lambda a: a.update(normaliser=np.array([-1.0])),
        lambda a: a.update(normaliser=np.array([np.nan])),
        lambda a: a.update(normaliser=np.array([1.0, 1.0])),
        lambda a: a.update(threshold=0.0),
        lambda a: a.update(threshold=np.nan),
        lambda a: a.update(xy_true=np.full_like(a["xy_true"], np.nan)),
    ],
)
def test_pck_refuses(change):
    pred, true, valid = line(1.0, 2.0)
    arguments = {"xy_pred": pred, "xy_true": true, "valid": valid, "normaliser": np.array([100.0]), "threshold": 0.05}
    metrics.pck(**arguments)
    change(arguments)
    with pytest.raises(ZooposeError):
        metrics.pck(**arguments)


@settings(max_examples=40, deadline=None)
@given(poses(), st.integers(-8, 8))
def test_pck_does_not_depend_on_the_unit(pose, power):
    pred, true, valid, normaliser = pose
    scale = 2.0**power  # exact in floating point, so that nothing crosses the threshold by rounding
    a = metrics.pck(pred, true, valid, normaliser)
    b = metrics.pck(pred * scale, true * scale, valid, normaliser * scale)
    np.testing.assert_array_equal(a.right, b.right)


@settings(max_examples=40, deadline=None)
@given(poses())
def test_perfect_prediction(pose):
    _, true, valid, normaliser = pose
    score = metrics.pck(true, true, valid, normaliser, 1e-6)
    np.testing.assert_array_equal(score.right, score.n)
    assert not valid.any() or score.mean == score.joint_mean == 1


@settings(max_examples=40, deadline=None)
@given(poses())
def test_pooled_mean_is_the_mean_weighted_by_instances(pose):
    score = metrics.pck(*pose)
    if score.n.any():
        assert score.mean == pytest.approx(np.average(np.nan_to_num(score.pck), weights=score.n))


@settings(max_examples=40, deadline=None)
@given(poses(), st.lists(st.floats(1e-3, 2), min_size=1, max_size=8))
def test_curve_agrees_with_pck_and_rises(pose, thresholds):
    curve = metrics.pck_curve(*pose, sorted(thresholds))
    for t, threshold in enumerate(sorted(thresholds)):
        score = metrics.pck(*pose, threshold)
        np.testing.assert_array_equal(curve.pck[t], score.pck)
        np.testing.assert_equal(curve.mean[t], score.mean)
    assert (np.diff(np.nan_to_num(curve.mean)) >= 0).all()


def test_curve_with_no_animal_or_threshold():
    empty = np.zeros((0, 3, 2)), np.zeros((0, 3, 2)), np.zeros((0, 3), bool), np.zeros(0)
    assert np.isnan(metrics.pck_curve(*empty, [0.05, 0.1]).pck).all()
    assert metrics.pck_curve(*line(1.0), np.array([1.0]), []).mean.shape == (0,)
    with pytest.raises(ZooposeError):
        metrics.pck_curve(*line(1.0), np.array([1.0]), [-0.1])


@settings(max_examples=40, deadline=None)
@given(poses())
def test_groups_are_pooled(pose):
    score = metrics.pck(*pose)
    k = len(score.n)
    groups = metrics.group_pck(score, {"all": tuple(range(k)), "first": (0,), "nothing": ()})
    np.testing.assert_equal(groups["all"], (score.mean, score.n.sum()))
    np.testing.assert_equal(groups["first"], (score.pck[0], score.n[0]))
    assert groups["nothing"].n == 0 and np.isnan(groups["nothing"].pck)


def test_error_px():
    pred = np.array([[(3, 4), (0, 0)], [(0, 9), (np.nan, 0)]], float)
    error = metrics.error_px(pred, np.zeros_like(pred), np.array([[1, 0], [1, 1]], bool))
    assert (error.mean_px, error.median_px, error.n, error.missing) == (7, 7, 2, 1)
    assert error.joint_mean_px[0] == 7 and np.isnan(error.joint_median_px[1])


def test_normalised_errors_tell_missing_from_unlabelled():
    pred, true, valid = line(5.0, np.nan, 7.0)
    valid[0, 2] = False
    np.testing.assert_array_equal(
        metrics.normalised_errors(pred, true, valid, np.array([50.0])), [[0.1, np.inf, np.nan]]
    )


def test_normalisers():
    box = np.array([[10, 20, 40, 30], [0, 0, 8, 90]])
    assert metrics.box_longer_side(box).tolist() == [40, 90]
    assert metrics.crop_side(box, 1.5).tolist() == [60, 135]
    assert metrics.image_diagonal(np.array([[30, 40]])).tolist() == [50]
