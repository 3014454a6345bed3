"""Hard views: what is covered lies at joints, shows what it should, and follows from the draws."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from zoopose.ccssl.online.hard_views import (
    HARD_VIEWS,
    Cover,
    hard_names,
    hard_view,
    joint_cut_occlude,
    joint_cut_out,
    random_cut_mix,
    random_cut_out,
)
from zoopose.errors import OptionError
from zoopose.pose.random_draws import BatchPart, generator_for

SIDE = 32


def views(batch: int = 3) -> torch.Tensor:
    """Pictures of one colour each: 1, 2, 3, ..."""
    return torch.arange(1.0, batch + 1).view(-1, 1, 1, 1).expand(batch, 3, SIDE, SIDE).clone()


def joints(batch: int = 3, count: int = 4) -> torch.Tensor:
    return torch.rand(batch, count, 2, generator=generator_for(9)) * (SIDE - 9) + 4


def test_a_cut_out_is_a_square_about_a_joint():
    xy = torch.tensor([[[10.0, 20.0]]])
    found = joint_cut_out(views(1), xy, Cover(1, 5 / SIDE), generator_for(0))
    expected = views(1)
    expected[:, :, 18:23, 8:13] = 0
    assert torch.equal(found, expected)


def test_a_square_at_the_border_is_cut_off_and_one_outside_covers_nothing():
    at_border = joint_cut_out(views(1), torch.tensor([[[0.0, 31.0]]]), Cover(1, 5 / SIDE), generator_for(0))
    assert (at_border == 0).sum() == 3 * 3 * 3
    outside = torch.tensor([[[-40.0, 5.0], [torch.nan, 5.0], [5.0, torch.inf]]])
    assert torch.equal(joint_cut_out(views(1), outside, Cover(9, 0.2), generator_for(0)), views(1))


def test_a_patch_shows_another_picture_at_its_joint():
    pictures = torch.rand(2, 3, SIDE, SIDE, generator=generator_for(1))
    xy = torch.tensor([[[8.0, 8.0]], [[20.0, 22.0]]])
    found = joint_cut_occlude(pictures, xy, Cover(1, 5 / SIDE), generator_for(0))
    assert torch.equal(found[0, :, 6:11, 6:11], pictures[1, :, 20:25, 18:23])
    assert torch.equal(found[1, :, 20:25, 18:23], pictures[0, :, 6:11, 6:11])
    assert (found != pictures).any(1).sum() == 2 * 25


@pytest.mark.parametrize("batch", [2, 3, 7])
def test_a_patch_is_never_of_the_picture_itself(batch):
    for seed in range(20):
        found = joint_cut_occlude(views(batch), joints(batch), Cover(5, 0.2), generator_for(seed))
        for i, picture in enumerate(found):
            assert (picture != i + 1).any(), "each picture has other colours in it"


def test_a_single_picture_gives_patches_to_itself():
    assert torch.equal(joint_cut_occlude(views(1), joints(1), Cover(), generator_for(0)), views(1))


def test_random_changes_do_not_look_at_joints():
    nowhere = torch.full((3, 4, 2), torch.nan)
    for change in (random_cut_out, random_cut_mix):
        found = change(views(), nowhere, Cover(), generator_for(0))
        assert torch.equal(found, change(views(), joints(), Cover(), generator_for(0)))
        assert not torch.equal(found, views())
    assert (random_cut_out(views(), nowhere, Cover(), generator_for(0)) == 0).any()
    assert (random_cut_mix(views(), nowhere, Cover(), generator_for(0)) > 0).all(), "another picture, and no hole"


@given(st.sampled_from([n for n in HARD_VIEWS if n != "none"]), st.integers(0, 2**31), st.integers(2, 6))
def test_a_view_follows_from_its_draws_and_its_picture_stays(name, seed, batch):
    images, xy = views(batch), joints(batch)
    before = images.clone()
    first, again = (hard_view(name, images, xy, Cover(), generator_for(seed)) for _ in range(2))
    assert torch.equal(first, again) and torch.equal(images, before)
    assert first.shape == images.shape and (first == images).float().mean() > 0.2


def test_without_a_change_the_view_is_the_picture():
    images = views()
    assert hard_view("none", images, joints(), Cover(), generator_for(0)) is images


@pytest.mark.parametrize("name", ["jc", "joco"])
def test_squares_of_a_part_of_a_batch_are_those_of_the_whole(name):
    """Only squares that are cut out: patches come from the pictures of the own part."""
    images, xy = views(4), joints(4)
    whole = hard_view(name, images, xy, Cover(), generator_for(3))
    rows = torch.tensor([1, 3])
    part = hard_view(name, images[rows], xy[rows], Cover(), BatchPart(generator_for(3), rows, 4))
    assert torch.equal(part == 0, whole[rows] == 0)


def test_names_are_read_from_a_list():
    assert hard_names("jc, jo") == ("jc", "jo")
    for text in ("", "jc,", "jc,cutout"):
        with pytest.raises(OptionError, match="--hard"):
            hard_names(text)
