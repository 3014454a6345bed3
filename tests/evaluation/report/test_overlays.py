import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoopose.errors import ZooposeError
from zoopose.evaluation.report import overlays as pictures
from zoopose.pose.draw import LEFT, RIGHT
from zoopose.pose.skeleton import Skeleton

SKELETON = Skeleton("stick", ("left_end", "right_end", "middle"), limbs=((0, 2), (1, 2)))
CROP = np.full((64, 64, 3), 90, np.uint8)
XY = np.array([(8, 8), (56, 8), (31.5, 48)], float)
ALL = np.ones(3, bool)


def colour_at(picture, xy_crop, side=64):
    x, y = np.rint((np.asarray(xy_crop) + 0.5) * picture.shape[0] / side - 0.5).astype(int)
    return tuple(picture[y, x].tolist())


def test_overlay_marks_right_and_wrong():
    pred = XY.copy()
    pred[1] += (-10, 4)
    shown = pictures.overlay(CROP, pred, XY, ALL, SKELETON)
    assert shown.shape == (384, 384, 3) and shown.dtype == np.uint8
    assert colour_at(shown, pred[0]) == pictures.RIGHT
    assert colour_at(shown, pred[1]) == pictures.WRONG
    line = colour_at(shown, (pred[1] + XY[1]) / 2)  # to where it should be; smoothed edges, so about that red
    np.testing.assert_allclose(line, pictures.WRONG, atol=60)
    # given errors decide, not the distance
    shown = pictures.overlay(CROP, pred, XY, ALL, SKELETON, errors=np.array([0.2, 0.01, 0.01]))
    assert colour_at(shown, pred[0]) == pictures.WRONG and colour_at(shown, pred[1]) == pictures.RIGHT


def test_overlay_leaves_its_arguments_alone_and_takes_both_layouts():
    crop = CROP.copy()
    a = pictures.overlay(crop, XY, XY, ALL, SKELETON, side_px=64)
    b = pictures.overlay(crop.transpose(2, 0, 1), XY, XY, ALL, SKELETON, side_px=64)
    np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(crop, CROP)


def test_overlay_without_prediction_or_truth():
    nothing = np.full((3, 2), np.nan)
    np.testing.assert_array_equal(pictures.overlay(CROP, nothing, XY, ~ALL, SKELETON, side_px=64), CROP)
    only_truth = pictures.overlay(CROP, nothing, XY, ALL, SKELETON)
    assert (only_truth == pictures.TRUTH).all(-1).any() and not (only_truth == pictures.WRONG).all(-1).any()
    unlabelled = pictures.overlay(CROP, XY, nothing, ~ALL, SKELETON)
    assert colour_at(unlabelled, XY[0]) == pictures.REJECTED
    pictures.overlay(CROP, XY * 1e9, XY, ALL, SKELETON)  # far outside, even of 32 bits


@pytest.mark.parametrize("crop", [CROP[..., 0], CROP.astype(np.float32), np.zeros((0, 0, 3), np.uint8)])
def test_not_a_picture(crop):
    with pytest.raises(ZooposeError, match="picture"):
        pictures.overlay(crop, XY, XY, ALL, SKELETON)


def test_best_and_worst_by_hand():
    errors = np.array([[0.01, 0.2], [0.01, 0.01], [0.02, 0.01], [0.01, np.inf], [np.nan, np.nan]])
    found = pictures.best_and_worst(errors, ~np.isnan(errors), 2)
    assert found.best.tolist() == [1, 2] and found.worst.tolist() == [3, 0]
    few = pictures.best_and_worst(errors[:3], ~np.isnan(errors[:3]), 12)
    assert few.best.tolist() == [1, 2] and few.worst.tolist() == [0]
    nothing = pictures.best_and_worst(errors[4:], ~np.isnan(errors[4:]), 12)
    assert len(nothing.best) == len(nothing.worst) == 0
    with pytest.raises(ZooposeError):
        pictures.best_and_worst(errors, ~np.isnan(errors[:3]), 2)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float64, (9, 3), elements=st.floats(0, 0.2)), arrays(bool, (9, 3)), st.integers(0, 6))
def test_best_are_no_worse_than_worst(errors, valid, n):
    best, worst = pictures.best_and_worst(errors, valid, n)
    assert not set(best) & set(worst)
    share = [(errors[i][valid[i]] < 0.05).mean() for i in [*best, *worst[::-1]]]
    assert share == sorted(share, reverse=True)


def test_sides_have_two_colours_and_confidence_is_opacity():
    xy = np.array([(8, 8), (56, 8), (31.5, 48)], float)
    opaque = pictures.overlay(CROP, xy, xy, ALL, SKELETON)
    assert colour_at(opaque, (xy[0] + xy[2]) / 2) == LEFT and colour_at(opaque, (xy[1] + xy[2]) / 2) == RIGHT
    faint = pictures.overlay(CROP, xy, xy, ALL, SKELETON, confidence=np.array([1.0, 0.0, 1.0]))
    assert colour_at(faint, (xy[0] + xy[2]) / 2) == LEFT
    np.testing.assert_allclose(colour_at(faint, (xy[1] + xy[2]) / 2), 90 + 0.2 * (np.array(RIGHT) - 90), atol=1)
    assert colour_at(faint, xy[1]) == pictures.RIGHT  # whether a joint is right stays readable


def test_contrast_is_stretched_for_display():
    crop = np.random.default_rng(0).integers(20, 120, (64, 64, 3), dtype=np.uint8)
    nothing = np.full((3, 2), np.nan)
    shown = pictures.overlay(crop, nothing, XY, ~ALL, SKELETON, side_px=64)
    assert shown.min() < 20 and shown.max() > 235 and crop.min() >= 20 and crop.max() < 120
