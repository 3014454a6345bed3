"""The published score on maps one can read: what counts, what is right, and that batches matter."""

from __future__ import annotations

import numpy as np
import pytest

from zoopose.errors import DataError
from zoopose.evaluation.original_pck import original_pck
from zoopose.pose.skeleton import TIGDOG18, TIGER_TO_MODEL


def maps(cells: np.ndarray, size: int = 64) -> np.ndarray:
    """(N, K, 2) 0-based x, y to maps with one cell set; negative cells leave the map empty."""
    out = np.zeros((*cells.shape[:2], size, size), np.float32)
    for n, k in np.ndindex(cells.shape[:2]):
        x, y = cells[n, k]
        if x >= 0:
            out[n, k, y, x] = 1
    return out


def score(pred, target, **options):
    names = [f"joint{k}" for k in range(np.shape(pred)[1])]
    return original_pck(maps(np.array(pred)), maps(np.array(target)), names=names, **options)


def test_right_is_nearer_than_a_twentieth_of_the_crop():
    got = score([[[13, 11], [13, 12], [10, 14], [30, 30]]], [[[10, 10], [10, 10], [10, 10], [30, 30]]])
    np.testing.assert_array_equal(got.pck, [1, 0, 0, 1])
    assert got.mean == pytest.approx(0.5)


def test_targets_in_the_first_row_or_column_do_not_count_and_missing_predictions_do():
    got = score([[[0, 5], [5, 0], [-1, -1]]], [[[0, 5], [5, 0], [20, 20]]])
    np.testing.assert_array_equal(got.n, [0, 0, 1])
    assert np.isnan(got.pck[:2]).all() and got.pck[2] == 0
    assert got.to_dict()["joints"]["joint0"] == {"pck": None, "n": 0}


def test_the_mean_depends_on_the_batch_size():
    target = [[[20, 20]]] * 3
    pred = [[[20, 20]], [[40, 40]], [[20, 20]]]
    assert score(pred, target, batch_size=3).pck[0] == pytest.approx(2 / 3)
    assert score(pred, target, batch_size=2).pck[0] == pytest.approx((0.5 + 1) / 2)
    assert score(pred, target, batch_size=2).mean == pytest.approx((0.5 * 2 + 1) / 3)


def test_targets_in_tiger_file_order_are_scored_under_the_model_names():
    cells = np.arange(18)[None, :, None] * [3, 3] + 4
    target = maps(cells)
    in_file_order = target[:, TIGER_TO_MODEL]
    assert original_pck(target, in_file_order).mean < 1
    got = original_pck(target, in_file_order, target_order=TIGER_TO_MODEL)
    assert got.mean == 1 and got.names == TIGDOG18.joints


def test_numbers_that_do_not_fit_are_refused():
    with pytest.raises(DataError, match="predictions"):
        score(np.full((2, 1, 2), 4), np.full((3, 1, 2), 4))
    with pytest.raises(DataError, match="joint names"):
        original_pck(maps(np.full((1, 2, 2), 4)), maps(np.full((1, 2, 2), 4)))
