"""Several local maxima of heatmaps: against a slow search, and where the drawn peaks are."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import maximum_filter

from zoopose.pose.heatmap import decode, encode
from zoopose.pose.heatmap.maxima import local_maxima


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), h=st.integers(1, 9), w=st.integers(1, 9), count=st.integers(1, 7))
def test_the_highest_cells_among_their_neighbours(seed, h, w, count):
    maps = torch.rand(2, 3, h, w, generator=torch.Generator().manual_seed(seed))
    xy, value = local_maxima(maps, count)
    assert xy.shape == (2, 3, count, 2)
    assert value.shape == (2, 3, count)
    for b in range(2):
        for k in range(3):
            cells = maps[b, k].numpy()
            expected = sorted(cells[cells == maximum_filter(cells, 3, mode="constant", cval=-1)])[::-1][:count]
            np.testing.assert_array_equal(value[b, k, : len(expected)], expected)
            assert (value[b, k, len(expected) :] == 0).all()
            assert torch.isnan(xy[b, k, len(expected) :]).all()
            near = xy[b, k, : len(expected)].round().long()
            assert ((near >= 0) & (near < torch.tensor([w, h]))).all()


def test_places_are_those_that_were_drawn():
    """Three peaks far apart, of the heights 1, 0.6 and 0.3."""
    joints = torch.tensor([[[10.3, 8.8], [30.0, 20.5], [50.7, 35.2]]])
    maps = encode(joints, torch.ones(1, 3), size_hw=(48, 64), sigma=1.5)
    whole = (maps * torch.tensor([0.6, 1.0, 0.3])[:, None, None]).sum(1, keepdim=True)
    xy, value = local_maxima(whole, 3)
    np.testing.assert_allclose(xy[0, 0], joints[0, [1, 0, 2]], atol=0.02)
    assert value[0, 0, 0] > value[0, 0, 1] > value[0, 0, 2] > 0.25


@given(seed=st.integers(0, 10_000))
def test_the_first_is_the_joint_of_dark(seed):
    maps = torch.rand(1, 4, 12, 9, generator=torch.Generator().manual_seed(seed))
    xy, value = local_maxima(maps, 2)
    expected, score = decode(maps, "dark")
    assert torch.equal(xy[:, :, 0], expected)
    assert torch.equal(value[:, :, 0], score)


def test_equal_cells_are_one_maximum():
    maps = torch.zeros(1, 1, 5, 6)
    maps[0, 0, 2, 2:4] = 1
    xy, value = local_maxima(maps, 4)
    assert value[0, 0].tolist() == [1, 0, 0, 0]
    assert abs(float(xy[0, 0, 0, 0]) - 2.5) < 1e-3, "half a cell to the equal neighbour"


def test_maps_without_a_peak():
    """A flat map has its maximum in the first cell, as with `decode`; half precision and smoothing are taken."""
    xy, value = local_maxima(torch.full((1, 1, 4, 5), 0.25, dtype=torch.float16), 2)
    assert value[0, 0, 0] == 0.25
    assert xy[0, 0, 0].tolist() == [0, 0]
    noisy = encode(torch.tensor([[[9.0, 7.0]]]), torch.ones(1, 1), size_hw=(16, 20), sigma=2.0)
    noisy = noisy + 0.05 * torch.rand(noisy.shape, generator=torch.Generator().manual_seed(0))
    rough, smooth = local_maxima(noisy, 30)[1], local_maxima(noisy, 30, smooth_sigma=1.5)[1]
    assert (smooth > 0).sum() < (rough > 0).sum()
