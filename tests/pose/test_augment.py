"""Joints move with their picture; draws follow from their generator and from nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoopose.pose.augment import AUGMENTATIONS, Augmentation, augment, draw_views, photometric, restyle
from zoopose.pose.random_draws import generator_for, uniform
from zoopose.pose.skeleton import AP10K17, SKELETONS

GEOMETRY = Augmentation(scale=1.3, rotation_deg=30, shift=0.08, flip=0.5)
ORDER = np.array([1, 0, 2])


def dots(xy: torch.Tensor, size: int, sigma: float = 2.0) -> torch.Tensor:
    """(B, 3, S, S) in 0..255: joint k of (B, 3, 2) is a dot in channel k."""
    cell = torch.arange(size)
    gx, gy = (torch.exp(-((cell - xy[..., axis, None]) ** 2) / (2 * sigma**2)) for axis in (0, 1))
    return 255 * gy[..., :, None] * gx[..., None, :]


def centroids(images: torch.Tensor) -> torch.Tensor:
    """(B, 3, 2) of the channels' intensities."""
    cell = torch.arange(images.shape[-1]).float()
    total = images.sum((2, 3))
    return torch.stack([images.sum(2) @ cell / total, images.sum(3) @ cell / total], -1)


@pytest.mark.parametrize("seed", range(3))
def test_joints_move_with_the_picture_and_swap_sides_with_the_mirror(seed):
    size, pad = 64, 13
    margin, batch = 1 + 2 * pad / size, 16
    xy = torch.rand(batch, 3, 2, generator=torch.Generator().manual_seed(seed)) * 24 + pad + 20
    visible = torch.tensor([[2, 1, 0]]).repeat(batch, 1)
    images, moved, shown, matrix = augment(
        dots(xy, size + 2 * pad),
        xy,
        visible,
        GEOMETRY,
        size,
        flip_order=ORDER,
        generator=generator_for(seed),
        margin=margin,
    )
    flipped = torch.linalg.det(matrix[:, :, :2]) < 0
    assert flipped.any() and not flipped.all()
    assert (shown == torch.where(flipped[:, None], torch.tensor([1, 2, 0]), torch.tensor([2, 1, 0]))).all()
    # the dot of joint k stands where the joint stands that it has become
    became = torch.where(flipped[:, None, None], moved[:, ORDER], moved)
    inside = ((became > 8) & (became < size - 9)).all(-1)
    assert inside.float().mean() > 0.6
    np.testing.assert_allclose(centroids(images)[inside], became[inside], atol=0.05, rtol=0)


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_the_same_generator_gives_the_same_and_another_step_another_view(name):
    crops = torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8)
    xy, visible = torch.rand(4, 3, 2) * 40, torch.ones(4, 3)

    def views(*numbers: int):
        return augment(
            crops,
            xy,
            visible,
            AUGMENTATIONS[name],
            32,
            flip_order=ORDER,
            generator=generator_for(*numbers),
            margin=40 / 32,
        )

    first, again = views(5, 0, 3), views(5, 0, 3)
    assert all(torch.equal(a, b) for a, b in zip(first, again))
    for other in ((5, 0, 4), (5, 1, 3), (6, 0, 3)):
        assert torch.equal(first[0], views(*other)[0]) == (name == "none")


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("level", [0, 255, None])
def test_values_stay_in_range(name, level):
    crops = torch.randint(0, 256, (8, 3, 24, 24), dtype=torch.uint8)
    if level is not None:
        crops = torch.full_like(crops, level)
    images, xy, _, _ = augment(
        crops,
        torch.full((8, 3, 2), 9.0),
        torch.ones(8, 3),
        AUGMENTATIONS[name],
        24,
        flip_order=ORDER,
        generator=generator_for(1),
    )
    assert images.shape == (8, 3, 24, 24) and images.isfinite().all() and xy.isfinite().all()
    assert images.min() >= 0 and images.max() <= 1


@pytest.mark.parametrize("size", [24, 31, 32, 96])
def test_no_augmentation_is_the_identity_bit_for_bit(size):
    crops = torch.randint(0, 256, (3, 3, size, size), dtype=torch.uint8)
    xy, visible = torch.rand(3, 3, 2) * size, torch.tensor([[2, 1, 0]] * 3)
    images, moved, shown, matrix = augment(
        crops, xy, visible, AUGMENTATIONS["none"], size, flip_order=ORDER, generator=generator_for(0)
    )
    assert torch.equal(images, crops.float() / 255)
    assert torch.equal(moved, xy) and torch.equal(shown, visible)
    assert torch.equal(matrix, torch.eye(2, 3).expand(3, 2, 3))


def test_photometric_changes_leave_geometry_and_labels_alone():
    still = replace(AUGMENTATIONS["strong"], scale=1.0, rotation_deg=0.0, shift=0.0, flip=0.0)
    xy, visible = torch.rand(4, 3, 2) * 32, torch.ones(4, 3)
    crops = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    images, moved, shown, matrix = augment(crops, xy, visible, still, 32, flip_order=ORDER, generator=generator_for(2))
    assert torch.equal(moved, xy) and torch.equal(shown, visible) and torch.equal(matrix[0], torch.eye(2, 3))
    assert not torch.equal(images, crops.float() / 255)


def test_occlusion_covers_a_part_and_hidden_joints_lie_under_their_patch():
    crops = torch.zeros(64, 3, 32, 32)
    xy = torch.full((64, 1, 2), 16.0)
    only = Augmentation(hide_joints=1.0)
    images, moved, shown, _ = augment(
        crops, xy, torch.ones(64, 1), only, 32, flip_order=np.array([0]), generator=generator_for(3)
    )
    assert torch.equal(moved, xy) and (shown == 1).all()
    assert (images[:, :, 16, 16].amax(1) > 0).all(), "the joint's own pixel is covered"
    assert (images[:, :, 0, 0] == 0).all()
    covered = (
        augment(
            crops,
            xy,
            torch.ones(64, 1),
            Augmentation(occlusion=1.0),
            32,
            flip_order=np.array([0]),
            generator=generator_for(4),
        )[0]
        > 0
    )
    share = covered.any(1).float().mean((1, 2))
    assert (share > 0).all() and (share < 0.5).all()


def test_unknown_joints_may_be_nan():
    xy = torch.full((4, 3, 2), float("nan"))
    images, _, _, _ = augment(
        torch.zeros(4, 3, 32, 32),
        xy,
        torch.zeros(4, 3),
        AUGMENTATIONS["strong"],
        32,
        flip_order=ORDER,
        generator=generator_for(5),
    )
    assert images.isfinite().all()


def test_no_pictures_are_no_fault():
    empty = torch.zeros(0, 3, 8, 8)
    assert photometric(empty, AUGMENTATIONS["strong"], generator_for(0)).shape == (0, 3, 8, 8)


def test_blur_keeps_the_mean_and_spreads_by_its_sigma():
    picture = torch.zeros(1, 3, 41, 41)
    picture[..., 20, 20] = 1.0
    blurred = photometric(picture.repeat(32, 1, 1, 1), Augmentation(blur=2.0), generator_for(1))
    np.testing.assert_allclose(blurred.sum((2, 3)), torch.ones(32, 3), atol=1e-4, rtol=0)
    cell = torch.arange(41).float() - 20
    variance = blurred[:, 0].sum(1) @ cell**2
    assert variance.max() <= 2.0**2 + 0.1 and variance.max() > 1 and (variance == 0).any()


def test_draws_keep_to_their_ranges():
    matrix, flip = draw_views(GEOMETRY, 2000, 100, generator_for(0))
    scale = torch.linalg.det(matrix[:, :, :2]).abs().sqrt()
    assert scale.min() >= 1 / 1.3 - 1e-4 and scale.max() <= 1.3 + 1e-4
    assert scale.log().mean().abs() < 0.02, "growing and shrinking alike"
    assert torch.equal(torch.linalg.det(matrix[:, :, :2]) < 0, flip) and 0.45 < flip.float().mean() < 0.55
    upright = matrix * torch.where(flip, -1.0, 1.0)[:, None, None] * torch.tensor([[[1.0], [0.0]]])
    angle = torch.rad2deg(torch.atan2(upright[:, 0, 1], upright[:, 0, 0]))
    assert angle.abs().max() <= 60 + 1e-3 and 20 < angle.std() < 30
    centre = matrix[:, :, :2] @ torch.full((2, 1), 49.5) + matrix[:, :, 2:] - 49.5
    assert centre.abs().max() <= 8 + 1e-3


def test_a_share_of_turned_samples_leaves_the_others_upright():
    matrix, _ = draw_views(Augmentation(rotation_deg=20, rotation_share=0.3), 1000, 32, generator_for(0))
    still = (matrix == torch.eye(2, 3)).all((1, 2))
    assert 0.65 < still.float().mean() < 0.75


def test_generators_of_many_tuples_do_not_meet():
    tuples = [(s, a, e, t) for s in range(3) for a in (0, 1, 77) for e in range(12) for t in range(60)]
    tuples += [
        (s, a, e, t, r) for s in range(2) for a in range(2) for e in range(8) for t in range(30) for r in range(4)
    ]
    tuples += [(s,) for s in range(50)] + [(s, t) for s in range(50) for t in range(50)]
    assert len({generator_for(*numbers).initial_seed() for numbers in tuples}) == len(tuples)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5))
def test_a_generator_follows_from_its_numbers(numbers):
    a, b = uniform(generator_for(*numbers), (8,)), uniform(generator_for(*numbers), (8,))
    assert torch.equal(a, b) and a.min() >= 0 and a.max() < 1


def test_skeletons_swap_partners_in_mirrored_views():
    k = len(AP10K17)
    xy, visible = torch.rand(1, k, 2) * 32, torch.arange(k)[None]
    always = Augmentation(flip=1.0)
    _, moved, shown, _ = augment(
        torch.zeros(1, 3, 32, 32),
        xy,
        visible,
        always,
        32,
        flip_order=SKELETONS["ap10k17"].flip_order,
        generator=generator_for(0),
    )
    for left, right in AP10K17.partners:
        assert shown[0, left] == right and shown[0, right] == left
        assert moved[0, left, 0].item() == pytest.approx(31 - xy[0, right, 0].item(), abs=1e-4)
        assert moved[0, left, 1].item() == pytest.approx(xy[0, right, 1].item(), abs=1e-4)


def test_a_restyled_picture_has_its_donors_moments_and_its_own_shape():
    images, donors = torch.rand(6, 3, 12, 12), 2 + 3 * torch.rand(4, 3, 20, 16)
    before = images.clone()
    styled = restyle(images, donors, 1.0, generator_for(0))
    assert torch.equal(images, before)
    apart = (styled.mean((2, 3))[:, None] - donors.mean((2, 3))).abs().amax(-1)
    apart += (styled.std((2, 3))[:, None] - donors.std((2, 3))).abs().amax(-1)
    assert (apart.amin(1) < 1e-4).all(), "all three channels of one donor"
    assert len(set(apart.argmin(1).tolist())) > 1
    centred = (i - i.mean((2, 3), True) for i in (images, styled))
    own, new = (i / i.std((2, 3), keepdim=True) for i in centred)
    np.testing.assert_allclose(own, new, atol=1e-4)
    assert torch.equal(restyle(images, donors, 1.0, generator_for(0)), styled)


def test_a_share_of_the_pictures_is_restyled():
    images, donors = torch.rand(400, 3, 4, 4), 5 + torch.rand(3, 3, 4, 4)
    assert torch.equal(restyle(images, donors, 0.0, generator_for(1)), images)
    changed = (restyle(images, donors, 0.3, generator_for(1)) != images).flatten(1)
    assert (changed.all(1) | ~changed.any(1)).all(), "a picture is changed as a whole or not at all"
    assert 0.2 < changed.any(1).float().mean() < 0.4


def test_restyling_a_picture_of_one_colour_gives_the_donors_mean():
    flat, donors = torch.full((1, 3, 5, 5), 0.25), torch.rand(1, 3, 5, 5)
    styled = restyle(flat, donors, 1.0, generator_for(0))
    np.testing.assert_allclose(styled, donors.mean((2, 3), True).expand_as(styled), atol=1e-5)


def test_plain_samples_are_left_as_they_are_and_the_others_are_not():
    crops = torch.randint(0, 256, (64, 3, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    xy = torch.rand(64, 2, 2, generator=torch.Generator().manual_seed(4)) * 40
    mixed = replace(AUGMENTATIONS["strong"], plain=0.5)
    order = np.array([1, 0])
    images, xy_view, _, matrix = augment(
        crops, xy, torch.ones(64, 2), mixed, 32, flip_order=order, generator=generator_for(0), margin=1.5
    )
    inner = crops[:, :, 8:40, 8:40].float() / 255
    same = (images - inner).abs().amax((1, 2, 3)) < 1e-5
    assert 0.3 < same.float().mean() < 0.7
    torch.testing.assert_close(xy_view[same], xy[same] - 8, atol=1e-4, rtol=0)
    assert not (matrix[~same] == torch.tensor([[1.0, 0, -8], [0, 1, -8]])).all((1, 2)).any()
    whole = augment(
        crops,
        xy,
        torch.ones(64, 2),
        replace(mixed, plain=0.0),
        32,
        flip_order=order,
        generator=generator_for(0),
        margin=1.5,
    )
    plain = augment(
        crops,
        xy,
        torch.ones(64, 2),
        AUGMENTATIONS["strong"],
        32,
        flip_order=order,
        generator=generator_for(0),
        margin=1.5,
    )
    assert all(torch.equal(a, b) for a, b in zip(whole, plain)), "a share of 0 draws nothing"
