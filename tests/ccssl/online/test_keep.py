"""Which joints of a batch are kept: the best share, together with the pictures of other ranks."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from lightning_fabric import Fabric

from zoopose.ccssl.online.config import Ramp
from zoopose.ccssl.online.keep import best_share, peaks_of_other_ranks


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
