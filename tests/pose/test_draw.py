import numpy as np
import pytest

from zoopose.pose.draw import CENTRE, LEFT, RIGHT, draw_pose, joint_colours, opacity_of, stretch_contrast
from zoopose.pose.skeleton import TIGDOG18, Skeleton

FACE = Skeleton("face", ("nose", "left_eye", "right_eye"), limbs=((0, 1), (0, 2), (1, 2)))
XY = np.array([[50.0, 70.0], [20.0, 20.0], [80.0, 20.0]])


def test_colours_follow_the_sides():
    assert joint_colours(FACE) == [CENTRE, LEFT, RIGHT] and len(joint_colours(TIGDOG18)) == 18
    out = draw_pose(np.zeros((100, 100, 3), np.uint8), XY, FACE, radius=4)
    for (x, y), colour in zip(XY.astype(int), (CENTRE, LEFT, RIGHT)):
        assert tuple(out[y, x]) == colour
    assert tuple(out[45, 35]) == LEFT and tuple(out[45, 65]) == RIGHT and tuple(out[20, 50]) == CENTRE


def test_the_picture_itself_is_not_touched():
    image = np.full((100, 100, 3), 7, np.uint8)
    image.flags.writeable = False
    out = draw_pose(image, XY, FACE)
    assert (image == 7).all() and (out != 7).any() and out.dtype == np.uint8 and out.shape == image.shape


@pytest.mark.parametrize("view", [lambda a: a[:, ::-1], lambda a: a.transpose(1, 0, 2)])
def test_views_are_drawn_on_too(view):
    image = view(np.zeros((100, 100, 3), np.uint8))
    assert np.array_equal(draw_pose(image, XY, FACE), draw_pose(np.zeros((100, 100, 3), np.uint8), XY, FACE))


def test_joints_not_shown_take_their_limbs_along():
    blank = np.zeros((100, 100, 3), np.uint8)
    assert not draw_pose(blank, XY, FACE, np.zeros(3, bool)).any()
    out = draw_pose(blank, XY, FACE, np.array([1, 1, 0], bool), radius=4)
    assert out[45, 35].any() and not out[45, 65].any() and not out[20, 80].any()


def test_positions_that_mean_nothing_are_left_out():
    xy = XY.copy()
    xy[1], xy[2] = np.nan, 1e30
    out = draw_pose(np.zeros((100, 100, 3), np.uint8), xy, FACE, radius=4)
    assert out[70, 50].any() and not out[:40].any()
    assert np.isfinite(draw_pose(np.zeros((9, 9, 3), np.uint8), XY * -50, FACE)).all()


def test_drawn_at_fractions_of_a_pixel():
    def centre(x):
        one = Skeleton("one", ("nose",))
        weight = (draw_pose(np.zeros((60, 60, 3), np.uint8), np.array([[x, 30.0]]), one, radius=5) == CENTRE[0]).sum(
            (0, 2)
        )
        return (weight * np.arange(60)).sum() / weight.sum()

    assert centre(30.5) - centre(30.0) == pytest.approx(0.5, abs=0.2)


def test_confidence_is_opacity():
    np.testing.assert_allclose(opacity_of(np.array([-1, 0, 0.5, 1, 7, np.nan])), [0.2, 0.2, 0.6, 1, 1, 0.2])
    image = np.full((100, 100, 3), 100, np.uint8)
    out = draw_pose(image, XY, FACE, radius=4, confidence=np.array([1.0, 0.5, 0.0]))
    for (x, y), colour, share in zip(XY.astype(int), (CENTRE, LEFT, RIGHT), (1, 0.6, 0.2)):
        np.testing.assert_allclose(out[y, x], 100 + share * (np.array(colour) - 100), atol=1)
    np.testing.assert_allclose(out[45, 35], 100 + 0.6 * (np.array(LEFT) - 100), atol=1)  # as faint as the fainter end
    assert (out[90:] == 100).all()
    np.testing.assert_array_equal(draw_pose(image, XY, FACE, confidence=np.ones(3)), draw_pose(image, XY, FACE))


def test_a_dark_picture_uses_the_whole_range():
    rng = np.random.default_rng(0)
    dark = rng.integers(20, 120, (40, 60, 3), dtype=np.uint8)
    dark[:5] = 0
    out = stretch_contrast(dark)
    assert not out[:5].any() and out[5:].min() == 0 and out[5:].max() == 255
    order = np.argsort(dark[5:].ravel(), kind="stable")
    assert (np.diff(out[5:].ravel()[order].astype(int)) >= 0).all(), "no two grey levels change places"
    assert np.ptp(stretch_contrast(rng.integers(100, 112, (40, 60, 3), dtype=np.uint8))) <= 3.5 * 12, "gain has a limit"


@pytest.mark.parametrize("grey", [0, 90, 255])
def test_a_plain_picture_stays_as_it_is(grey):
    image = np.full((8, 8, 3), grey, np.uint8)
    out = stretch_contrast(image)
    np.testing.assert_array_equal(out, image)
    assert out is not image
