"""Codecs: the round trip within its stated bound, mirrored pictures, batches, devices and precisions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st

from zoopose.pose import heatmap
from zoopose.pose.codecs import CODECS
from zoopose.pose.heatmap.peaks import peaks
from zoopose.pose.heatmap.smooth_peaks import smooth_peaks
from zoopose.pose.heatmap.smoothing import BORDERS, blur, blur_matrix, blur_near, fast_blur

SIZE = (64, 48)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu), pytest.param("meta", marks=pytest.mark.slow)]
ORDER = [1, 0, 2]
SHARE = st.floats(0, 1)


def maps_like(codec, target: torch.Tensor) -> torch.Tensor:
    """What a perfect network gives: the finest target; logits of the disc where the codec wants those."""
    if codec.levels > 1:
        return target[:, -1]
    if codec.name != "grmi":
        return target
    maps = target.clone()
    maps[:, ::3] = maps[:, ::3] * 40 - 20
    return maps


def draws(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def noisy_maps(
    codec, seed: int, persons: int = 2, joints: int = 3, size_hw: tuple[int, int] = (16, 12)
) -> torch.Tensor:
    xy = draws(seed, persons, joints, 2).sigmoid() * torch.tensor([size_hw[1] - 1.0, size_hw[0] - 1.0])
    maps = maps_like(codec, codec.encode(xy, torch.ones(persons, joints), size_hw, 1.5))
    return maps + 0.05 * draws(seed + 1, *maps.shape)


@pytest.mark.parametrize("name", CODECS)
@given(across=SHARE, down=SHARE, sigma=st.floats(1, 3))
def test_round_trip_stays_within_the_stated_bound(name, across, down, sigma):
    codec = CODECS[name]
    h, w = SIZE
    margin = codec.margin * (sigma if name == "dark" else 1)
    xy = torch.tensor([[[margin + across * (w - 1 - 2 * margin), margin + down * (h - 1 - 2 * margin)]]])
    target = codec.encode(xy, torch.ones(1, 1), SIZE, sigma)
    assert target.shape == ((1, codec.levels, 1, *SIZE) if codec.levels > 1 else (1, codec.maps_per_joint, *SIZE))
    found, score = codec.decode(maps_like(codec, target), sigma)
    assert found.shape == (1, 1, 2) and score.shape == (1, 1)
    np.testing.assert_allclose(found, xy, atol=codec.bound + 1e-4, rtol=0)


@pytest.mark.parametrize("name", CODECS)
@given(seed=st.integers(0, 10_000))
def test_maps_of_a_mirrored_picture_come_upright(name, seed):
    codec, (h, w) = CODECS[name], (16, 12)
    xy = draws(seed, 2, 3, 2).sigmoid() * torch.tensor([w - 1.0, h - 1.0])
    assume(((xy + 0.5) % 1 > 1e-3).all())  # halves go to the cell on the right, whichever way the picture is held
    mirrored = xy[:, ORDER].clone()
    mirrored[..., 0] = w - 1 - mirrored[..., 0]
    shown = torch.ones(2, 3)
    own, other = (codec.encode(points, shown, (h, w), 1.5) for points in (xy, mirrored))
    if codec.levels > 1:
        own, other = own[:, -1], other[:, -1]
    np.testing.assert_allclose(codec.flip_back(other, ORDER), own, atol=1e-5 * own.abs().max().item())


@pytest.mark.parametrize("name", CODECS)
@given(seed=st.integers(0, 10_000))
def test_a_batch_is_decoded_as_its_pictures_one_by_one(name, seed):
    maps = noisy_maps(CODECS[name], seed)
    whole = CODECS[name].decode(maps, 1.5)
    for i in range(len(maps)):
        for together, alone in zip(whole, CODECS[name].decode(maps[i : i + 1], 1.5)):
            np.testing.assert_allclose(together[i : i + 1], alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", CODECS)
def test_precision_and_memory_layout_change_nothing(name):
    codec = CODECS[name]
    maps = noisy_maps(codec, 5)
    xy, score = codec.decode(maps, 1.5)
    assert xy.dtype == score.dtype == torch.float32
    double = codec.decode(maps.double(), 1.5)
    assert double[0].dtype == double[1].dtype == torch.float64
    np.testing.assert_allclose(double[0], xy, atol=1e-4)
    np.testing.assert_allclose(double[1], score, atol=1e-4)
    last = codec.decode(maps.to(memory_format=torch.channels_last), 1.5)
    assert torch.equal(last[0], xy) and torch.equal(last[1], score)
    half = codec.decode(maps.bfloat16(), 1.5)
    assert half[0].dtype == torch.float32  # cells need more digits than half precision has
    nobody = codec.decode(maps[:0], 1.5)
    assert nobody[0].shape == (0, 3, 2) and nobody[1].shape == (0, 3)


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize("device", DEVICES)
def test_codecs_run_where_their_tensors_are(name, device):
    codec = CODECS[name]
    xy, shown = torch.rand(2, 3, 2, device=device) * 8, torch.ones(2, 3, device=device)
    target = codec.encode(xy, shown, (8, 9), 1.0)
    assert target.device.type == device and target.dtype == torch.float32
    maps = target[:, -1] if codec.levels > 1 else target
    assert codec.flip_back(maps, ORDER).device.type == device
    for found in codec.decode(maps, 1.0):
        assert found.device.type == device


@pytest.mark.parametrize("name", CODECS)
def test_joints_that_are_not_there_have_empty_targets(name):
    nan, inf = float("nan"), float("inf")
    xy = torch.tensor([[[4.0, 4.0], [4.0, 4.0], [nan, 3.0], [inf, 3.0]]])
    target = CODECS[name].encode(xy, torch.tensor([[1, 0, 2, 1]]), (8, 9), 1.0)
    assert target.isfinite().all()
    joints = target.unflatten(-3, (4, -1))
    assert joints[..., 0, :, :, :].amax() > 0
    assert (joints[..., 1:, :, :, :] == 0).all()


@pytest.mark.parametrize("kind", [k for k in heatmap.DECODERS if k not in heatmap.DECODINGS])
def test_flat_and_negative_maps_decode_to_finite_places(kind):
    for level in (0.0, -1.0, 1.0):
        xy, score = heatmap.decode(torch.full((2, 6, 12, 10), level), kind)
        assert xy.isfinite().all() and score.isfinite().all()


def test_a_narrow_map_is_smoothed_with_its_mirror_images():
    """OpenCV mirrors as often as it takes."""
    import cv2

    rng = np.random.default_rng(0)
    for h, w in ((1, 5), (2, 3), (5, 4), (9, 3)):
        one = rng.normal(size=(h, w)).astype(np.float32)
        for taps in (3, 7, 15):
            found = blur(torch.from_numpy(one), heatmap.opencv_kernel(taps), "reflect")
            np.testing.assert_allclose(found, cv2.GaussianBlur(one, (taps, taps), 0), atol=1e-6)


@given(
    st.integers(0, 10_000), st.integers(1, 20), st.integers(1, 20), st.sampled_from([1, 3, 7, 11]), st.sampled_from(BORDERS)
)  # fmt: skip
def test_a_few_smoothed_cells_are_those_of_the_whole_smoothed_map(seed, h, w, taps, border):
    maps, kernel = draws(seed, 2, 3, h, w), heatmap.opencv_kernel(taps)
    whole = blur(maps, kernel, border)
    np.testing.assert_allclose(fast_blur(maps, kernel, border), whole, atol=1e-5)
    down, across = (blur_matrix(n, kernel, border) for n in (h, w))
    np.testing.assert_allclose(down @ maps.double().numpy() @ across.T, whole, atol=1e-5)
    chooser = torch.Generator().manual_seed(seed)
    x, y = (torch.randint(0, n, (2, 3), generator=chooser) for n in (w, h))
    near = blur_near(maps, x, y, kernel, border, 2)
    padded = np.pad(whole, ((0, 0), (0, 0), (2, 2), (2, 2)), mode="edge")
    for i, j in np.ndindex(2, 3):
        top, left = int(y[i, j]), int(x[i, j])
        np.testing.assert_allclose(near[i, j], padded[i, j, top : top + 5, left : left + 5], atol=1e-5)


@given(
    st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 20),
    st.sampled_from(["noise", "disc", "two discs", "ties", "constant", "ramp", "negative"]),
)  # fmt: skip
def test_the_peak_of_a_smoothed_map_is_found_without_smoothing_it(seed, h, w, content):
    maps = draws(seed, 2, 3, h, w)
    if "disc" in content:
        places = draws(seed + 1, 2, 3, 2).sigmoid() * torch.tensor([w, h])
        disc = heatmap.encode_offsets(places, torch.ones(2, 3), (h, w), 3.5)[:, ::3]
        maps = 0.02 * maps + (disc if content == "disc" else torch.maximum(disc, disc.flip(2)))
    elif content == "ties":
        maps = maps.round()
    elif content == "constant":
        maps = torch.full_like(maps, float(maps[0, 0, 0, 0]))
    elif content == "ramp":
        maps = (torch.arange(h) / 7.0)[:, None].expand_as(maps).contiguous()
    elif content == "negative":
        maps = -maps.abs()
    kernel = heatmap.opencv_kernel(15)
    smooth = blur(maps, kernel, "reflect")
    x, y, score = smooth_peaks(maps, kernel)
    _, _, highest = peaks(smooth)
    np.testing.assert_allclose(score, highest, atol=1e-5)
    there = smooth.flatten(2).gather(2, (y * w + x)[..., None])[..., 0]
    np.testing.assert_allclose(there, highest, atol=1e-5)
    if content in ("constant", "ramp"):  # equal cells: the first one, though sums are rounded
        assert (x == 0).all()


@given(st.integers(0, 10_000))
def test_ours_and_the_published_udp_agree_where_the_background_is_low(seed):
    xy = draws(seed, 2, 3, 2).sigmoid() * torch.tensor([35.0, 50.0]) + 6
    maps = heatmap.encode(xy, torch.ones(2, 3), SIZE, 2.0, "udp_gaussian") + 1e-3 * draws(seed + 1, 2, 3, *SIZE)
    own, published, mmpose = (heatmap.decode(maps, kind)[0] for kind in ("udp_gaussian", "udp_pose", "udp_mmpose"))
    np.testing.assert_allclose(own, published, atol=0.02)
    np.testing.assert_allclose(own, mmpose, atol=0.02)


def test_maps_without_a_positive_value_are_where_the_published_codes_put_them():
    maps = torch.full((1, 2, 9, 8), -1.0)
    maps[0, 1, 4, 5] = 1.0
    for kind in ("msra", "darkpose"):
        assert heatmap.decode(maps, kind)[0][0, 0].tolist() == [0, 0]
        assert heatmap.decode(maps, kind, absent=-1.0)[0][0, 0].tolist() == [-1, -1]
    assert heatmap.decode(maps, "megvii_mmpose")[0][0, 0].tolist() == [-1, -1]


def test_combined_maps_of_many_pictures_decode_as_those_of_one():
    """The published mmpose form fails at the second picture."""
    maps = noisy_maps(CODECS["udp_offset"], 3)
    maps[1, 3] = -1.0  # a joint that is absent reads the joint before it, never another picture
    settings = {"kernels": (23, 11), "absent": -1.0}
    together, _ = heatmap.decode(maps, "udp_offset", **settings)
    for i in range(2):
        np.testing.assert_allclose(
            together[i : i + 1], heatmap.decode(maps[i : i + 1], "udp_offset", **settings)[0], atol=1e-5
        )


def test_the_soft_place_can_be_trained_through():
    maps = noisy_maps(CODECS["softargmax"], 9).requires_grad_(True)
    heatmap.decode(maps, "soft_argmax", beta=10.0)[0].sum().backward()
    assert maps.grad.isfinite().all() and (maps.grad != 0).any()


def test_what_cannot_be_is_refused():
    maps = torch.zeros(1, 4, 8, 8)
    with pytest.raises(ValueError, match="three maps a joint"):
        heatmap.decode(maps, "udp_offset")
    with pytest.raises(ValueError, match="belongs to dark"):
        heatmap.decode(maps, "udp_gaussian", modulate_sigma=1.0)
    with pytest.raises(ValueError, match="odd number"):
        heatmap.decode(maps, "darkpose", kernel=4)
    with pytest.raises(ValueError, match="border"):
        blur(maps, heatmap.opencv_kernel(3), "wrap")
    with pytest.raises(ValueError, match="msra, udp_gaussian or gaussian"):
        heatmap.window_weight(torch.zeros(1, 1, 2), torch.ones(1, 1), (8, 8), 1.0, "cauchy")


def test_a_window_beside_the_map_weighs_nothing():
    xy = torch.tensor([[[3.0, 3.0], [-4.0, 3.0], [-6.0, 3.0], [3.0, 11.0], [float("nan"), 3.0]]])
    weight = heatmap.window_weight(xy, torch.tensor([[2.0, 1.0, 1.0, 1.0, 1.0]]), (8, 9), 1.0)
    assert weight.tolist() == [[2.0, 1.0, 0.0, 0.0, 0.0]]
