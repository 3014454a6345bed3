"""Which joints of a batch are kept: the best share, together with the pictures of other ranks."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric

from zoopose.ccssl.online.config import Keep, Ramp
from zoopose.ccssl.online.keep import (
    best_share,
    map_loss,
    peaks_of_other_ranks,
    small_losses,
    small_losses_of_picture,
)


def test_the_median_is_where_half_is_kept():
    peak = torch.tensor([[0.1, 0.2], [0.3, 0.4]])
    assert best_share(peak, 0.5, "global").tolist() == [[0, 0], [1, 1]]


def test_by_frame_a_joint_of_a_confident_frame_comes_first():
    peak = torch.tensor([[0.9, 0.5], [0.6, 0.1]])
    assert best_share(peak, 0.5, "global").tolist() == [[1, 0], [1, 0]]
    assert best_share(peak, 0.5, "frame").tolist() == [[1, 1], [0, 0]]


@given(st.integers(0, 2**31), st.integers(1, 8), st.floats(0.05, 1), st.sampled_from(["global", "frame", "joint"]))
def test_two_parts_of_a_batch_keep_what_the_whole_keeps(seed, batch, share, per):
    peak = torch.from_numpy(np.random.default_rng(seed).random((2 * batch, 5)).astype(np.float32))
    whole = best_share(peak, share, per)
    parts = peak[0::2], peak[1::2]
    for first, (own, other) in enumerate((parts, parts[::-1])):
        missing = torch.full((2, 5), torch.nan)
        assert torch.equal(best_share(own, share, per, torch.cat([other, missing])), whole[first::2])


def test_a_joint_without_a_peak_is_not_kept():
    assert best_share(torch.tensor([[0.0, torch.nan], [0.5, 0.2]]), 1.0, "global").tolist() == [[0, 0], [1, 1]]


def test_a_single_rank_has_no_others():
    assert peaks_of_other_ranks(Fabric(accelerator="cpu", devices=1), torch.ones(2, 3), 2, 3) is None


def test_the_weight_rises_along_its_curve_and_stays():
    ramp = Ramp("sigmoid", 10)
    assert ramp.weight(0) == np.exp(-5) and ramp.weight(5) == np.exp(-1.25) and ramp.weight(10) == ramp.weight(99) == 1
    assert Ramp().weight(0) == 1


def test_the_loss_of_a_joint_is_the_mean_over_its_cells():
    maps = torch.zeros(1, 2, 2, 2)
    maps[0, 1, 0, 0] = 2
    assert map_loss(maps, torch.zeros(1, 2, 2, 2)).tolist() == [[0, 1]]


def test_small_losses_are_those_of_the_batch_or_of_each_picture():
    loss = torch.tensor([[1.0, 2.0, 9.0], [5.0, 6.0, 7.0]])
    weight = torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0]])
    assert small_losses(loss, weight, 0.6).tolist() == [[True, True, False], [False, True, False]]
    assert small_losses_of_picture(loss, weight, 1).tolist() == [[True, False, False], [False, True, False]]
    assert small_losses_of_picture(loss, weight, 9).tolist() == weight.bool().tolist()
    assert not small_losses(loss, weight, 0.0).any() and not small_losses(loss, 0 * weight, 1.0).any()


def test_the_published_schedules_of_small_losses():
    scarcenet, uda = Keep("small-loss", 0.8, epochs=30), Keep("small-loss-picture", 0.5, epochs=80)
    assert scarcenet.share_at(0) == 1 and scarcenet.share_at(29) == 0.8
    assert [uda.count_at(e, 18) for e in (0, 2, 3, 11, 50)] == [18, 18, 17, 9, 9]
