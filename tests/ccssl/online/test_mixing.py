"""Mixup: pictures, maps and weights are mixed by one share, of which the own picture has the larger part."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.ccssl.online.mixing import Mixup, mixed


def batch(first: float, count: int = 3):
    value = first + torch.arange(float(count))
    maps = value.view(-1, 1, 1, 1).expand(-1, 2, 4, 4).clone()
    return {
        "images": value.view(-1, 1, 1, 1).expand(-1, 3, 8, 8).clone(),
        "target": maps,
        "weight": torch.ones(count, 2),
    }


@pytest.mark.parametrize("source", [0.0, 1.0])
def test_maps_are_mixed_as_their_pictures(source):
    for seed in range(9):
        found = mixed(batch(1), batch(1e6, 2), Mixup(0.75, source), np.random.default_rng(seed))
        torch.testing.assert_close(found["target"][:, 0], found["images"][:, 0, :4, :4])
        torch.testing.assert_close(found["weight"], torch.ones(3, 2))
        value = found["images"][:, 0, 0, 0]
        assert bool((value > 3).any()) == (source == 1), "source pictures are a million high"
        assert not torch.equal(value, batch(1)["images"][:, 0, 0, 0])


def test_the_map_of_a_joint_that_is_not_learned_is_empty():
    target = batch(1)
    target["weight"][1, 0] = 0
    found = mixed(target, None, Mixup(0.75), np.random.default_rng(0))
    share = np.random.default_rng(0).beta(0.75, 0.75)
    share = max(share, 1 - share)
    assert float(found["weight"][1, 0]) == pytest.approx(1 - share)
    assert float(found["target"][1, 0].max()) <= (1 - share) * 3 + 1e-6


def test_a_single_picture_is_mixed_with_itself():
    found = mixed(batch(1, 1), None, Mixup(0.75), np.random.default_rng(0))
    torch.testing.assert_close(found["images"], batch(1, 1)["images"])
