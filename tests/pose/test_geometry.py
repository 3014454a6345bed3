"""Matrices against algebra, against OpenCV, and against drawn dots."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from zoopose.pose import geometry

FINITE = st.floats(-300, 300, width=32)


@st.composite
def matrices(draw):
    """Invertible 2x3 matrices: a turn, unequal scales, a shear, a shift."""
    angle, shear = draw(st.floats(-3.2, 3.2)), draw(st.floats(-0.5, 0.5))
    sx, sy = draw(st.floats(0.2, 5)), draw(st.floats(0.2, 5)) * draw(st.sampled_from([-1, 1]))
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    linear = turn @ np.array([[sx, shear], [0, sy]])
    return np.concatenate([linear, draw(arrays(np.float64, (2, 1), elements=st.floats(-300, 300)))], 1)


POINTS = arrays(np.float64, (5, 2), elements=st.floats(-300, 300))


def centroid(picture: torch.Tensor) -> np.ndarray:
    """(2,) x, y of an (H, W) picture's intensity."""
    h, w = picture.shape
    total = picture.sum()
    x, y = torch.arange(w).to(picture), torch.arange(h).to(picture)
    return np.array([picture.sum(0) @ x / total, picture.sum(1) @ y / total], float)


def blob(size: int, x: float, y: float, sigma: float = 2.5) -> torch.Tensor:
    """(size, size) float64 Gaussian dot."""
    cell = torch.arange(size, dtype=torch.float64)
    return torch.exp(-((cell - y) ** 2) / (2 * sigma**2))[:, None] * torch.exp(-((cell - x) ** 2) / (2 * sigma**2))


@given(matrices(), POINTS)
def test_inverse_brings_points_back(matrix, xy):
    back = geometry.apply(geometry.invert(matrix), geometry.apply(matrix, xy))
    np.testing.assert_allclose(back, xy, atol=1e-8)


@given(matrices(), matrices(), matrices(), POINTS)
def test_composition_is_one_map_after_the_other_in_any_grouping(c, b, a, xy):
    left = geometry.compose(geometry.compose(c, b), a)
    right = geometry.compose(c, geometry.compose(b, a))
    np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-6)
    step_by_step = geometry.apply(c, geometry.apply(b, geometry.apply(a, xy)))
    np.testing.assert_allclose(geometry.apply(left, xy), step_by_step, rtol=1e-9, atol=1e-6)


@given(matrices(), matrices(), POINTS)
def test_tensors_and_arrays_give_the_same(b, a, xy):
    tb, ta, txy = map(torch.from_numpy, (b, a, xy))
    np.testing.assert_allclose(geometry.apply(ta, txy).numpy(), geometry.apply(a, xy), atol=1e-9)
    np.testing.assert_allclose(geometry.invert(ta).numpy(), geometry.invert(a), atol=1e-9)
    np.testing.assert_allclose(geometry.compose(tb, ta).numpy(), geometry.compose(b, a), atol=1e-9)


def test_matrices_are_batched_over_leading_axes():
    rng = np.random.default_rng(0)
    many = rng.normal(size=(3, 4, 2, 3))
    xy = rng.normal(size=(3, 4, 6, 2))
    for i in range(3):
        for j in range(4):
            np.testing.assert_allclose(geometry.apply(many, xy)[i, j], geometry.apply(many[i, j], xy[i, j]))
            np.testing.assert_allclose(geometry.invert(many)[i, j], geometry.invert(many[i, j]))
            one = geometry.compose(many[i, j], many[0, 0])
            np.testing.assert_allclose(geometry.compose(many, many[0, 0])[i, j], one)


@pytest.mark.parametrize("kind", [np.array, torch.tensor])
def test_a_flat_matrix_has_no_inverse(kind):
    with pytest.raises(ValueError, match="singular"):
        geometry.invert(kind([[1.0, 2.0, 0.0], [2.0, 4.0, 5.0]]))
    with pytest.raises(ValueError, match="singular"):
        geometry.invert(kind([[float("nan"), 2.0, 0.0], [2.0, 4.0, 5.0]]))


@given(
    st.floats(-50, 300), st.floats(-50, 300), st.floats(1, 400), st.floats(1, 400), st.floats(1, 2), st.integers(8, 512)
)
def test_crop_puts_the_edges_of_the_square_on_the_edges_of_the_crop(x, y, w, h, factor, size):
    left, top, side = geometry.square_box(np.array([x, y, w, h]), factor)
    assert side == pytest.approx(factor * max(w, h))
    assert left + side / 2 == pytest.approx(x + w / 2, abs=1e-9)
    assert top + side / 2 == pytest.approx(y + h / 2, abs=1e-9)
    matrix = geometry.crop_matrix(np.array([left, top, side]), size)
    # an edge at e lies half a pixel before the centre of pixel e
    corners = np.array([[left - 0.5, top - 0.5], [left + side - 0.5, top + side - 0.5]])
    np.testing.assert_allclose(geometry.apply(matrix, corners), [[-0.5, -0.5], [size - 0.5, size - 0.5]], atol=1e-6)


def test_crop_of_the_whole_picture_at_its_own_size_is_the_identity():
    np.testing.assert_array_equal(geometry.crop_matrix(np.array([0.0, 0.0, 32.0]), 32), np.eye(3)[:2])


@given(st.sampled_from([8, 16, 64, 256]), st.sampled_from([8, 16, 64, 256]))
def test_resizing_there_and_back_is_the_identity(a, b):
    there, back = geometry.resize_matrix(a, b), geometry.resize_matrix(b, a)
    np.testing.assert_allclose(geometry.compose(back, there), np.eye(3)[:2], atol=1e-12)
    like = torch.zeros(1, dtype=torch.float32)
    assert geometry.resize_matrix(a, b, like).dtype == torch.float32


@given(st.floats(0.5, 2), st.floats(-180, 180), st.booleans(), st.floats(-0.2, 0.2), st.floats(-0.2, 0.2))
def test_a_view_is_the_turn_the_mirror_and_the_move_it_says(scale, angle_deg, flip, dx, dy):
    size = 64
    centre = (size - 1) / 2
    matrix = geometry.view_matrix(
        size, torch.tensor([scale]), torch.tensor([angle_deg]), torch.tensor([flip]), torch.tensor([[dx, dy]])
    )[0].double()
    right_of_centre = torch.tensor([[centre, centre], [centre + 10, centre]], dtype=torch.float64)
    middle, end = geometry.apply(matrix, right_of_centre).numpy()
    np.testing.assert_allclose(middle, [centre + dx * size, centre + dy * size], atol=1e-3)
    # counter-clockwise on the screen, where y points down: a point on the right goes up
    turned = 10 * scale * np.array([np.cos(np.deg2rad(angle_deg)), -np.sin(np.deg2rad(angle_deg))])
    np.testing.assert_allclose(end - middle, turned * [-1 if flip else 1, 1], atol=1e-3)


def test_a_view_mirrored_twice_is_the_view():
    mirror = geometry.view_matrix(32, torch.ones(1), torch.zeros(1), torch.tensor([True]))
    plain = geometry.view_matrix(32, torch.ones(1), torch.zeros(1), torch.tensor([False]))
    assert torch.equal(plain[0], torch.eye(2, 3))
    assert torch.equal(geometry.compose(mirror, mirror), plain)
    assert torch.equal(geometry.apply(mirror, torch.tensor([[[0.0, 5.0]]])), torch.tensor([[[31.0, 5.0]]]))


@given(st.sampled_from([32, 48]), st.integers(1, 12))
def test_a_padded_crop_is_cut_to_its_inner_square(size, pad):
    margin, whole = 1 + 2 * pad / size, size + 2 * pad
    matrix = geometry.view_matrix(
        size, torch.ones(1), torch.zeros(1), torch.tensor([False]), from_size=whole, margin=margin
    )
    expected = torch.tensor([[[1.0, 0.0, -pad], [0.0, 1.0, -pad]]])
    np.testing.assert_allclose(matrix, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("seed", range(4))
def test_warp_agrees_with_opencv_away_from_the_border(seed):
    rng = np.random.default_rng(seed)
    # smooth, since OpenCV rounds the places it reads to 1/32 px
    picture = cv2.GaussianBlur(rng.random((60, 70)).astype(np.float32), (0, 0), 3)
    matrix = geometry.view_matrix(
        50, torch.tensor([rng.uniform(0.8, 1.2)]), torch.tensor([rng.uniform(-40, 40)]), torch.tensor([seed % 2 == 0]),
        torch.tensor(rng.uniform(-0.1, 0.1, (1, 2)).astype(np.float32)), from_size=60,
    )  # fmt: skip
    ours = geometry.warp(torch.from_numpy(picture)[None, None], matrix, (50, 40))[0, 0].numpy()
    theirs = cv2.warpAffine(picture, matrix[0].double().numpy(), (40, 50), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.ones_like(picture), matrix[0].double().numpy(), (40, 50), flags=cv2.INTER_LINEAR) == 1
    inside = cv2.erode(inside.astype(np.uint8), np.ones((5, 5))) > 0
    assert inside.mean() > 0.5
    np.testing.assert_allclose(ours[inside], theirs[inside], atol=2e-3)


@given(
    st.floats(25, 38),
    st.floats(25, 38),
    st.floats(0.8, 1.25),
    st.floats(-180, 180),
    st.booleans(),
    st.floats(-0.1, 0.1),
)
def test_warp_moves_a_dot_to_where_apply_moves_its_coordinates(x, y, scale, angle_deg, flip, shift):
    picture = blob(64, x, y)[None, None]
    parameters = (torch.tensor([v], dtype=torch.float64) for v in (scale, angle_deg))
    matrix = geometry.view_matrix(
        64, *parameters, torch.tensor([flip]), torch.tensor([[shift, -shift]], dtype=torch.float64)
    )
    found = centroid(geometry.warp(picture, matrix, (64, 64))[0, 0])
    expected = geometry.apply(matrix, torch.tensor([[[x, y]]], dtype=torch.float64))[0, 0].numpy()
    np.testing.assert_allclose(found, expected, atol=0.03)


def test_warp_moves_every_picture_by_its_own_matrix_and_shows_zero_outside():
    pictures = torch.rand(2, 3, 16, 16) + 1
    shift = torch.eye(2, 3).repeat(2, 1, 1)
    shift[1, 0, 2] = 3.0
    moved = geometry.warp(pictures, shift, (16, 16))
    np.testing.assert_allclose(moved[0], pictures[0], atol=1e-6)
    np.testing.assert_allclose(moved[1, :, :, 3:], pictures[1, :, :, :-3], atol=1e-5, rtol=0)
    assert (moved[1, :, :, :3] == 0).all()
    assert moved.shape == (2, 3, 16, 16)
    assert geometry.warp(pictures, shift, (8, 10)).shape == (2, 3, 8, 10)
