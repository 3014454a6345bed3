"""The precision that published points are moved with: it shows where they are cut to whole cells."""

from __future__ import annotations

import numpy as np
import pytest

from zoopose.pose.original.geometry import original_matrix, original_transform


@pytest.fixture(scope="module")
def boxes():
    """900 boxes with whole and half centres, as boxes about whole-pixel joints have, and 8 whole-pixel joints in each."""
    rng = np.random.default_rng(4)
    center = rng.integers(200, 900, (900, 2)) / 2
    scale = rng.integers(60, 400, 900) / 200 * 1.5
    joints = np.round(center[:, None] + rng.uniform(-0.45, 0.45, (900, 8, 2)) * (200 * scale)[:, None, None])
    return center, scale, joints


def by_hand(xy: float, center: float, scale: float, cells: int) -> int:
    """One coordinate as the published code moves it: 1-based, in Python's numbers, cut toward zero."""
    side = 200 * scale
    return int(cells / side * (xy - 1) + cells * (-center / side + 0.5)) + 1


def test_a_float32_centre_is_widened_where_the_scale_is_not_float32(boxes):
    center, scale, joints = boxes
    narrow = center.astype(np.float32)
    np.testing.assert_array_equal(original_matrix(narrow, scale, (64, 64)), original_matrix(center, scale, (64, 64)))
    got = original_transform(joints + 1, narrow[:, None], scale[:, None], (64, 64))
    for n in range(0, 900, 9):
        expected = [
            [by_hand(float(v) + 1, float(c), float(scale[n]), 64) for v, c in zip(xy, center[n])] for xy in joints[n]
        ]
        np.testing.assert_array_equal(got[n], expected)


def test_a_float32_scale_is_computed_with_in_float32(boxes):
    center, scale, joints = boxes
    wide = original_transform(joints + 1, center[:, None], scale[:, None], (64, 64))
    narrow = original_transform(joints + 1, center[:, None], scale.astype(np.float32)[:, None], (64, 64))
    assert 0 < (wide != narrow).any(-1).sum() < joints[..., 0].size / 10  # it shows, at the edges of cells only
