"""Which labels are admitted: counts, order, ties, and never those without confidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from zoopose.errors import OptionError
from zoopose.train.selftraining.curriculum import admit, share_at

SHARES = st.floats(0, 1)
PER = st.sampled_from(["joint", "global"])
TABLES = arrays(
    np.float32, array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.one_of(st.floats(0, 1, width=32), st.sampled_from([0.0, 0.25, 0.5, float("nan")])),
)  # fmt: skip


def columns(table, flags, per):
    return zip(table.T, flags.T) if per == "joint" else [(table.ravel(), flags.ravel())]


@given(TABLES, SHARES, PER)
def test_the_most_confident_are_admitted_and_ties_all_alike(table, share, per):
    flags = admit(table, share, per)
    assert flags.shape == table.shape and flags.dtype == bool
    known = np.nan_to_num(table)
    for values, taken in columns(known, flags, per):
        if taken.any():
            assert (values[taken].min() > values[~taken]).all() or not (~taken).any()
        wanted = max(1, round(share * len(values))) if share > 0 else 0
        assert taken.sum() >= min(wanted, (values > 0).sum())
        if len(np.unique(values)) == len(values):
            assert taken.sum() == min(wanted, (values > 0).sum())


@given(TABLES, SHARES, PER)
def test_no_confidence_is_never_admitted(table, share, per):
    assert not admit(table, share, per)[~(np.nan_to_num(table) > 0)].any()


@given(TABLES, SHARES, SHARES, PER)
def test_a_larger_share_keeps_what_a_smaller_one_had(table, a, b, per):
    small, large = sorted((a, b))
    assert not (admit(table, small, per) & ~admit(table, large, per)).any()


def test_shares_are_of_every_joint_or_of_all_together():
    confidence = np.array([[0.9, 0.10], [0.8, 0.20], [0.7, 0.30], [0.6, 0.40]])
    joint = admit(confidence, 0.5, "joint")
    assert joint.tolist() == [[True, False], [True, False], [False, True], [False, True]]
    together = admit(confidence, 0.5, "global")
    assert together.tolist() == [[True, False]] * 4
    assert admit(confidence, 1.0).all() and not admit(confidence, 0.0).any()
    assert admit(np.full((4, 1), 0.5), 0.25).all(), "ties"
    assert admit(np.array([[0.2], [0.0], [np.nan], [-1.0]]), 1.0).ravel().tolist() == [True, False, False, False]


def test_an_empty_set_admits_nothing():
    assert admit(np.zeros((0, 3)), 0.5).shape == (0, 3)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_shares_outside_of_the_whole_are_refused(share):
    with pytest.raises(OptionError):
        admit(np.ones((2, 2)), share)


def test_another_way_of_admission_is_refused():
    with pytest.raises(OptionError, match="picture"):
        admit(np.ones((2, 2)), 0.5, "picture")


@given(st.integers(1, 30), st.floats(0, 1), st.floats(0, 1))
def test_shares_grow_in_a_line_from_the_first_round_to_the_last(rounds, first, last):
    shares = [share_at(r, rounds, first, last) for r in range(rounds)]
    assert shares[-1] == pytest.approx(last)
    if rounds > 1:
        assert shares[0] == first
        np.testing.assert_allclose(np.diff(shares), (last - first) / (rounds - 1), atol=1e-12)
    assert share_at(rounds + 5, rounds, first, last) == pytest.approx(last)


def test_labels_of_confident_frames_come_first():
    confidence = np.tile(np.linspace(0.1, 0.9, 9), (100, 1))
    frames = np.where(np.arange(100) < 80, 0.01, 1.0)
    found = admit(confidence, 0.1, "frame", frames)
    assert found[:80].sum() == 0 and (found[80:].sum(1) > 0).all()
    np.testing.assert_array_equal(found, admit(confidence * frames[:, None], 0.1, "global"))
    # by default frames are ranked by their labels' mean
    confidence[7] += 0.05
    assert admit(confidence, 1 / 900, "frame").nonzero()[0].tolist() == [7]
