"""Properties of the published crop geometry."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoopose.errors import DataError
from zoopose.pose import person_frames as frames
from zoopose.pose.geometry import apply, compose, invert

boxes = st.tuples(st.floats(-50, 500), st.floats(-50, 500), st.floats(20, 600), st.floats(20, 600))
sizes = st.sampled_from([(192, 256), (288, 384), (96, 128), (256, 256)])
framed = st.sampled_from(frames.FRAMES)


@settings(deadline=None, max_examples=30)
@given(boxes, sizes, framed)
def test_the_box_and_its_padding_fill_the_crop(box, size, frame):
    centre, scale = frames.centre_scale(box, size[0] / size[1], 1.25, frame)
    assert scale[0] / scale[1] == pytest.approx(size[0] / size[1], rel=1e-5)
    w, h = scale * 200
    reach = max(box[2], box[3] * size[0] / size[1]) * 1.25
    assert w == pytest.approx(reach, rel=1e-5) and h == pytest.approx(reach * size[1] / size[0], rel=1e-5)
    crop_from_image = frames.crop_matrix(frame, centre, scale, 0.0, size)
    where = apply(crop_from_image, centre[None].astype(np.float64))[0]
    middle = (np.array(size) - (frame in ("dark", "udp"))) / 2
    np.testing.assert_allclose(where, middle, atol=2e-2)  # float32 corners of a small box far from the origin


@settings(deadline=None, max_examples=30)
@given(boxes, sizes, framed, st.floats(-90, 90))
def test_the_heatmap_is_a_smaller_crop(box, size, frame, angle):
    cells = size[0] // 4, size[1] // 4
    centre, scale = frames.centre_scale(box, size[0] / size[1], 1.25, frame)
    crop, heatmap = (frames.crop_matrix(frame, centre, scale, angle, s) for s in (size, cells))
    both = compose(heatmap, invert(crop))
    both[:, 2] -= 0.5 * (frame == "megvii")  # cells of four whole pixels
    np.testing.assert_allclose(both, frames.heatmap_matrix(frame, size, cells), atol=2e-2)


@settings(deadline=None, max_examples=30)
@given(boxes, sizes, framed, st.floats(-90, 90))
def test_a_mirrored_picture_gives_the_mirrored_crop(box, size, frame, angle):
    """With the centre mirrored and the angle turned round; in msra one pixel further, since its middle is size/2."""
    width = 640
    centre, scale = frames.centre_scale(box, size[0] / size[1], 1.25, frame)
    mirrored = np.array([width - 1 - centre[0], centre[1]])
    plain = frames.crop_matrix(frame, centre, scale, angle, size)
    other = compose(frames.crop_matrix(frame, mirrored, scale, -angle, size), frames.mirror_matrix(width))
    back = frames.mirror_matrix(size[0])
    expected = compose(back, plain)
    expected[0, 2] += frame in ("msra", "megvii")
    np.testing.assert_allclose(other, expected, atol=5e-2)


@pytest.mark.parametrize("frame, beside", [("msra", 0.75), ("dark", 0), ("udp", 0), ("megvii", -0.25)])
def test_how_far_beside_the_maps_of_a_mirrored_crop_lie(frame, beside):
    """Mirrored back, a joint's cell lies so far to the left; the published shift makes up for what is nearer to a whole cell."""
    heatmap_from_crop = frames.heatmap_matrix(frame, (192, 256), (48, 64))
    xy_crop = np.array([[70.0, 100.0]])
    mirrored = apply(heatmap_from_crop, [191, 0] + xy_crop * [-1, 1])
    back = [47, 0] + mirrored * [-1, 1]
    np.testing.assert_allclose(apply(heatmap_from_crop, xy_crop) - back, [[beside, 0]], atol=1e-9)
    assert frames.flip_shift(frame) == round(beside)


def test_cells_of_mspn_are_four_whole_pixels():
    centre, scale = frames.centre_scale([10, 20, 60, 80], 0.75, (1.09, 1.135), "megvii")
    crop = frames.crop_matrix("megvii", centre, scale, 0.0, (192, 256))
    np.testing.assert_array_equal(crop, frames.crop_matrix("msra", centre, scale, 0.0, (192, 256)))
    cells = np.array([[0.0, 0.0], [13.25, 40.0]])
    expected = apply(invert(crop), 4 * cells + 2)  # as published
    np.testing.assert_allclose(frames.transform_preds("megvii", cells, centre, scale, (48, 64)), expected, atol=1e-9)
    np.testing.assert_allclose(apply(frames.heatmap_matrix("megvii", (192, 256), (48, 64)), 4 * cells + 2), cells)


@pytest.mark.parametrize("frame", frames.FRAMES)
def test_persons_of_a_batch_are_those_of_one_at_a_time(frame):
    rng = np.random.default_rng(0)
    box = np.concatenate([rng.uniform(0, 300, (7, 2)), rng.uniform(20, 200, (7, 2))], 1)
    angle = rng.uniform(-60, 60, 7)
    centre, scale = frames.centre_scale(box, 0.75, (1.1, 1.3), frame)
    many = frames.crop_matrix(frame, centre, scale, angle, (192, 256))
    points = rng.uniform(0, 48, (7, 5, 2)).astype(np.float32)
    back = frames.transform_preds(frame, torch.from_numpy(points), centre, scale, (48, 64))
    assert many.shape == (7, 2, 3) and back.shape == (7, 5, 2) and back.dtype == torch.float64
    for i in range(7):
        one = frames.centre_scale(box[i], 0.75, (1.1, 1.3), frame)
        np.testing.assert_array_equal(one[0], centre[i])
        np.testing.assert_allclose(one[1], scale[i], rtol=1e-7)
        np.testing.assert_allclose(frames.crop_matrix(frame, *one, angle[i], (192, 256)), many[i], rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(frames.transform_preds(frame, points[i], *one, (48, 64)), back[i], atol=1e-9)


def test_the_shift_moves_the_window():
    still = frames.crop_matrix("msra", [100.0, 80.0], [1.0, 1.0], 0.0, (64, 64))
    moved = frames.crop_matrix("msra", [100.0, 80.0], [1.0, 1.0], 0.0, (64, 64), shift=(0.25, 0.0))
    # a quarter of 200 px is a quarter of the crop's 64
    np.testing.assert_allclose(moved - still, [[0, 0, -16], [0, 0, 0]], atol=1e-9)


def test_turns_run_the_ways_that_are_published():
    """A point right of the centre: msra turns the window clockwise, so the picture's right goes up; udp turns the picture."""
    right = np.array([[110.0, 80.0]])
    for frame, sign in (("msra", -1), ("megvii", -1), ("dark", -1), ("udp", 1)):
        matrix = frames.crop_matrix(frame, [100.0, 80.0], [1.0, 1.0], 90.0, (201, 201))
        middle = 100.0 if frame in ("dark", "udp") else 100.5
        x, y = apply(matrix, right)[0]
        assert x == pytest.approx(middle, abs=1e-3) and (y - middle) * sign > 9


def test_a_box_without_size_and_an_unknown_frame():
    centre, scale = frames.centre_scale([10, 10, 0, 0], 0.75)
    with pytest.raises(DataError, match="above zero size"):
        frames.crop_matrix("msra", centre, scale, 0.0, (192, 256))
    with pytest.raises(ValueError, match="msra, dark, udp, megvii"):
        frames.centre_scale([0, 0, 1, 1], 1.0, frame="mmpose")


def test_cpn_cuts_what_its_joint_matrix_says():
    image = np.zeros((60, 80, 3), np.uint8)
    cv2.circle(image, (40, 30), 5, (255, 255, 255), -1)
    rectangle = frames.cpn_rectangle([25, 10, 55, 50], image.shape[:2], (128, 96))
    crop = frames.cpn_crop(image, rectangle, (128, 96), (9.0, 9.0, 9.0))
    xy = apply(frames.cpn_joint_matrix(rectangle, (128, 96)), np.array([[40.5, 30.5]]))[0] - 0.5
    rows, columns = np.nonzero(crop[..., 0] > 128)
    np.testing.assert_allclose([columns.mean(), rows.mean()], xy, atol=0.1)


def test_cpn_paints_what_lies_beside_the_picture():
    image = np.full((20, 20, 3), 200, np.uint8)
    crop = frames.cpn_crop(image, [-20, 0, 0, 20], (16, 16), (10.0, 20.0, 30.0))
    np.testing.assert_array_equal(crop, np.broadcast_to([10, 20, 30], (16, 16, 3)))
    half = frames.cpn_crop(image, [-10, 0, 10, 20], (20, 20), (10.0, 20.0, 30.0))
    assert (half[:, :10] == [10, 20, 30]).all() and (half[:, 10:] == 200).all()
