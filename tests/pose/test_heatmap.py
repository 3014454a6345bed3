"""Codecs: the bounds their module states, the published kinds bit by bit, and what has no joint."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoopose.pose import heatmap
from zoopose.pose.original import heatmap as published_heatmap
from zoopose.pose.skeleton import SKELETONS

SIZE = 16
INNER = st.floats(1, SIZE - 2, width=32)
BOUNDS = {"argmax": 0.5, "quarter": 0.25, "dark": 0.02}
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu), pytest.param("meta", marks=pytest.mark.slow)]


def round_trip(x, y, sigma, encoding, decoding, h=SIZE, w=SIZE):
    xy = torch.tensor([[[x, y]]])
    maps = heatmap.encode(xy, torch.ones(1, 1), (h, w), sigma, encoding)
    found, score = heatmap.decode(maps, decoding)
    return (found - xy).abs().max().item(), score.item()


@pytest.mark.parametrize("decoding", BOUNDS)
@given(x=INNER, y=INNER, sigma=st.floats(0.8, 3))
def test_round_trip_of_gaussian_maps_stays_within_the_stated_bound(decoding, x, y, sigma):
    miss, score = round_trip(x, y, sigma, "gaussian", decoding)
    assert miss <= BOUNDS[decoding] + 1e-5
    assert np.exp(-0.25 / sigma**2) - 1e-5 <= score <= 1


@pytest.mark.parametrize("decoding", ["argmax", "quarter"])
@given(x=INNER, y=INNER, sigma=st.floats(0.8, 3))
def test_round_trip_of_cauchy_maps_stays_within_the_stated_bound(decoding, x, y, sigma):
    miss, _ = round_trip(x, y, sigma, "cauchy", decoding)
    assert miss <= BOUNDS[decoding] + 1e-5


@given(x=st.integers(0, SIZE - 1), y=st.integers(0, 9), encoding=st.sampled_from(["gaussian", "cauchy"]))
def test_a_joint_on_a_cell_has_a_peak_of_one_there(x, y, encoding):
    maps = heatmap.encode(torch.tensor([[[float(x), float(y)]]]), torch.ones(1, 1), (10, SIZE), 1.0, encoding)
    assert maps[0, 0, y, x] == 1 and maps.max() == 1
    for kind in ("argmax", "dark"):
        xy, score = heatmap.decode(maps, kind)
        assert xy.tolist() == [[[x, y]]] and score == 1


def test_maps_are_the_formulas_of_the_docstring():
    x, y, sigma = 3.3, 5.8, 1.7
    maps = {
        kind: heatmap.encode(torch.tensor([[[x, y]]]), torch.ones(1, 1), (9, 7), sigma, kind)[0, 0].numpy()
        for kind in ("gaussian", "cauchy")
    }
    columns, rows = np.meshgrid(np.arange(7), np.arange(9))
    squared = ((columns - x) ** 2 + (rows - y) ** 2) / sigma**2
    np.testing.assert_allclose(maps["gaussian"], np.exp(-squared / 2), atol=1e-6)
    np.testing.assert_allclose(maps["cauchy"], (1 + squared) ** -1.5, atol=1e-6)


@given(INNER, INNER, st.floats(0.05, 0.4), st.floats(0.05, 0.4), st.floats(-0.8, 0.8))
def test_the_sub_pixel_step_meets_the_peak_of_any_gaussian(x, y, a, c, tilt):
    """The logarithm is a parabola, however long, and however turned."""
    b = tilt * (a * c) ** 0.5
    columns, rows = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="xy")
    dx, dy = columns.double() - x, rows.double() - y
    maps = torch.exp(-(a * dx**2 + 2 * b * dx * dy + c * dy**2))[None, None]
    peak, _ = heatmap.decode(maps, "argmax")
    off = torch.tensor([x, y]) - peak[0, 0]
    found, _ = heatmap.decode(maps, "dark")
    # the step never leaves the highest cell, which need not be the nearest one to a slanted peak
    np.testing.assert_allclose(found[0, 0] - peak[0, 0], off.clamp(-0.5, 0.5), atol=1e-3)


def test_smoothing_before_the_step_leaves_a_clean_joint_where_it_is():
    xy = torch.tensor([[[7.3, 8.4], [5.0, 9.9]]])
    maps = heatmap.encode(xy, torch.ones(1, 2), (SIZE, SIZE), 1.0)
    found, _ = heatmap.decode(maps, "dark", modulate_sigma=1.0)
    np.testing.assert_allclose(found, xy, atol=0.02, rtol=0)


@given(st.integers(0, 10_000), st.sampled_from(heatmap.DECODINGS))
def test_decoding_noise_stays_within_a_cell_of_the_highest_one(seed, kind):
    maps = torch.randn(2, 3, 7, 9, generator=torch.Generator().manual_seed(seed))
    peak, score = heatmap.decode(maps, "argmax")
    assert torch.equal(score, maps.flatten(2).amax(-1))
    found, same = heatmap.decode(maps, kind)
    assert torch.equal(score, same) and found.isfinite().all()
    offset = 1.0 if kind.startswith("published") else 0.0
    assert ((found - peak - offset).abs() <= 0.75).all()


@pytest.mark.parametrize("kind", heatmap.DECODINGS)
def test_flat_maps_decode_to_finite_places(kind):
    for level in (0.0, -1.0, 1.0):
        xy, score = heatmap.decode(torch.full((1, 2, 5, 6), level), kind)
        assert xy.isfinite().all() and (score == level).all()


@pytest.mark.parametrize("name", SKELETONS)
def test_flipping_back_twice_changes_nothing(name):
    order = SKELETONS[name].flip_order
    maps = torch.rand(2, len(order), 4, 6)
    assert torch.equal(heatmap.flip_back(heatmap.flip_back(maps, order), order), maps)


@given(x=INNER, y=INNER)
def test_flipping_back_brings_the_joints_of_a_mirrored_picture_upright(x, y):
    order = [1, 0, 2]
    xy = torch.tensor([[[x, y], [4.0, 9.0], [2.0, 3.0]]])
    mirrored = xy[:, order].clone()
    mirrored[..., 0] = SIZE - 1 - mirrored[..., 0]
    maps = heatmap.encode(mirrored, torch.ones(1, 3), (SIZE, SIZE), 1.5)
    found, _ = heatmap.decode(heatmap.flip_back(maps, order), "dark")
    np.testing.assert_allclose(found, xy, atol=0.02, rtol=0)


COORDINATE = st.one_of(
    st.floats(-8, 24, width=32),
    st.integers(-8, 24).map(float),
    st.integers(-80, 240).map(lambda v: float(np.float32(v / 10))),
    st.floats(-(2**-10), 2**-10, width=32),
)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(COORDINATE, COORDINATE), min_size=3, max_size=3), st.sampled_from([1, 2, 3]),
    st.sampled_from(["Gaussian", "Cauchy"]), st.sampled_from([np.float32, np.float64]), st.booleans(),
)  # fmt: skip
def test_published_maps_are_those_of_the_published_code_bit_for_bit(points, sigma, kind, dtype, some_hidden):
    xy = np.array(points, dtype)
    active = np.array([True, not some_hidden, True])
    expected, _ = published_heatmap.draw_labelmaps(xy, (12, SIZE), sigma, kind, active)
    found = heatmap.encode(
        torch.from_numpy(xy)[None], torch.from_numpy(active)[None], (12, SIZE), sigma, f"published_{kind.lower()}"
    )
    np.testing.assert_array_equal(found[0].numpy(), expected)


@given(st.integers(0, 10_000), st.sampled_from(["noise", "negative", "ties", "peaks"]))
def test_published_points_are_those_of_the_published_code_bit_for_bit(seed, content):
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(2, 5, 8, 8)).astype(np.float32)
    if content == "negative":
        maps = -np.abs(maps)
    elif content == "ties":
        maps = np.round(maps)
    elif content == "peaks":
        xy = torch.from_numpy(rng.uniform(-2, 9, (2, 5, 2)).astype(np.float32))
        maps = heatmap.encode(xy, torch.ones(2, 5), (8, 8), 1.0, "published_gaussian").numpy()
    points, score = heatmap.decode(torch.from_numpy(maps), "published_argmax")
    np.testing.assert_array_equal(points.numpy(), published_heatmap.peaks(maps))
    np.testing.assert_array_equal(score.numpy(), maps.max((2, 3)))


@given(st.integers(0, 10_000), st.booleans())
def test_published_quarter_shift_is_that_of_final_preds(seed, rounded):
    rng = np.random.default_rng(seed)
    maps = rng.normal(size=(2, 5, 8, 8)).astype(np.float32)
    maps = np.round(maps) if rounded else maps
    points, _ = heatmap.decode(torch.from_numpy(maps), "published_quarter")
    # the published final step maps and cuts; on a frame of whole cells times eight it loses nothing of a quarter cell
    size = 8
    center, scale = np.full((2, 2), 8 * size / 2, np.float32), np.full(2, 8 * size / 200)
    expected = published_heatmap.final_preds(maps, center, scale)
    from zoopose.pose.original.geometry import original_transform

    found = original_transform(points.numpy(), center[:, None], scale[:, None], (size, size), inverse=True)
    np.testing.assert_array_equal(found.astype(np.float32), expected)


@pytest.mark.parametrize("kind", heatmap.ENCODINGS)
def test_joints_that_are_not_there_have_empty_maps(kind):
    nan = float("nan")
    xy = torch.tensor([[[4.0, 4.0], [4.0, 4.0], [nan, nan], [4.0, nan], [float("inf"), 3.0]]])
    visible = torch.tensor([[1, 0, 2, 1, 1]], dtype=torch.uint8)
    maps = heatmap.encode(xy, visible, (8, 8), 1.0, kind)
    assert maps.dtype == torch.float32 and maps.isfinite().all()
    assert maps[0, 0].max() == 1
    assert (maps[0, 1:] == 0).all()
    assert torch.equal(maps, heatmap.encode(xy, visible > 0, (8, 8), 1.0, kind))


@pytest.mark.parametrize("device", DEVICES)
def test_every_kind_runs_where_its_tensors_are(device):
    xy, visible = torch.rand(2, 3, 2, device=device) * 8, torch.ones(2, 3, device=device)
    for kind in heatmap.ENCODINGS:
        maps = heatmap.encode(xy, visible, (8, 9), 1.0, kind)
        assert maps.device.type == device and maps.shape == (2, 3, 8, 9)
    for kind in heatmap.DECODINGS:
        for found in heatmap.decode(maps, kind):
            assert found.device.type == device
    assert heatmap.flip_back(maps, [1, 0, 2]).device.type == device
    assert heatmap.in_frame(xy, (8, 9)).device.type == device


def test_frames_end_half_a_cell_beyond_their_outer_centres():
    xy = torch.tensor([[[-0.5, 0.0], [-0.51, 0.0], [8.49, 7.49], [8.5, 0.0], [0.0, 7.5], [float("nan"), 1.0]]])
    assert heatmap.in_frame(xy, (8, 9)).tolist() == [[True, False, True, False, False, False]]


def test_unknown_kinds_are_refused_with_the_known_ones():
    with pytest.raises(ValueError, match="published_cauchy"):
        heatmap.encode(torch.zeros(1, 1, 2), torch.ones(1, 1), (4, 4), 1.0, "laplace")
    with pytest.raises(ValueError, match="dark"):
        heatmap.decode(torch.zeros(1, 1, 4, 4), "udp")
