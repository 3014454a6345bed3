"""PPLO's rules by hand: schedules, scores of labels by their formulas, better labels are kept, and what is admitted why."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from zoopose.datasets.pseudo_labels import REASONS, PseudoLabels
from zoopose.errors import OptionError
from zoopose.pose.skeleton import Skeleton
from zoopose.train.selftraining.curriculum import weight_at
from zoopose.wscda.options import PploOptions
from zoopose.wscda.pplo.rounds import batch_sizes, round_at, with_defaults
from zoopose.wscda.pplo.selection import SELECTIONS, Rule, confidence_of, restore_previous, score, select_labels

SKELETON = Skeleton("s", ("a", "b"))


def labels(scores, admitted=None, at: float = 0.0, miss=0.0) -> PseudoLabels:
    """Labels with these scores (N, 2) as peaks, all at (at, at)."""
    scores = np.array(scores, np.float32)
    shape = scores.shape
    return PseudoLabels(
        [str(i) for i in range(len(scores))], np.full((*shape, 2), at, np.float32), np.nan_to_num(scores),
        np.zeros(shape, bool) if admitted is None else np.array(admitted, bool), np.full(shape, at, np.float32),
        np.zeros(shape, bool), SKELETON, {"round": 0}, np.ones(len(scores), np.float32), np.nan_to_num(scores),
        {"equivariance": np.broadcast_to(np.float32(miss), shape).copy()}, score=scores, replaced=np.zeros(shape, bool),
    )  # fmt: skip


def test_shares_and_weights_grow_as_said():
    np.testing.assert_allclose([Rule().share(r, 6) for r in range(6)], [0.2, 0.32, 0.44, 0.56, 0.68, 0.8])
    cosine = [Rule(grow="cosine", first=0.1, last=0.9).share(r, 5) for r in range(5)]
    np.testing.assert_allclose(cosine, [0.1, 0.5 - 0.4 * math.sqrt(0.5), 0.5, 0.5 + 0.4 * math.sqrt(0.5), 0.9])
    assert Rule().share(0, 1) == Rule(grow="cosine").share(0, 1) == 0.8
    assert [Rule("threshold").share(r, 3) for r in range(3)] == [1, 1, 1]
    assert [weight_at(e, 3, 2.0) for e in range(6)] == [0.5, 1.0, 1.5, 2, 2, 2] and weight_at(0, 0, 2.0) == 2


def test_epochs_are_shared_out_among_the_rounds():
    assert [round_at(e, 3, 9) for e in range(9)] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    uneven = [round_at(e, 6, 8) for e in range(8)]
    assert sorted(set(uneven)) == list(range(6)) and uneven == sorted(uneven) and max(np.bincount(uneven)) == 2
    assert with_defaults(PploOptions()).num_epochs == 30
    assert with_defaults(PploOptions(rounds=40)).num_epochs == 40
    assert with_defaults(PploOptions(rounds=4, refresh=2)).num_epochs == 8
    assert with_defaults(PploOptions(rounds=4, refresh=2, num_epochs=8)).num_epochs == 8
    assert (
        with_defaults(PploOptions()).threshold == 0 and with_defaults(PploOptions(select="threshold")).threshold == 0.5
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"num_epochs": 5}, "epochs for 6 rounds"),
        ({"num_epochs": 8, "refresh": 2}, "times --refresh"),
        ({"share_first": 0.9}, "at least --share-first"),
        ({"source_ratio": 0.0}, "--source-ratio"),
        ({"source_ratio": 1.0}, "--source-ratio"),
        ({"select": "threshold", "share_last": 0.9}, "--share-last"),
        ({"select": "threshold", "grow": "cosine"}, "--grow"),
        ({"select": "threshold", "per": "frame"}, "--per"),
    ],
)
def test_options_that_do_not_go_together_are_refused(given, told):
    with pytest.raises(OptionError, match=told):
        with_defaults(PploOptions(**given))


def test_a_batch_holds_both_domains_in_their_ratio():
    assert batch_sizes(6, 0.5) == (6, 6) and batch_sizes(8, 0.25) == (4, 12) and batch_sizes(1, 0.5) == (1, 1)
    with pytest.raises(OptionError, match="--train-batch"):
        batch_sizes(2, 0.1)


@pytest.fixture(scope="module")
def maps():
    draws = np.random.default_rng(3)
    upright, mirrored = (draws.normal(0.1, 0.2, (5, 2, 6, 6)) for _ in range(2))
    return upright, mirrored, draws.uniform(0, 5, (5, 2, 2))


def by_formula(select: str, upright, mirrored, xy) -> np.ndarray:
    """The scores with loops and numpy alone."""
    found = np.zeros((5, 2))
    for b in range(5):
        for k in range(2):
            mean = (upright[b, k] + mirrored[b, k]) / 2
            if select == "self_consistency":
                found[b, k] = -np.mean((upright[b, k] - mirrored[b, k]) ** 2)
            elif select == "small_loss":
                peak = [
                    [math.exp(-((c - xy[b, k, 0]) ** 2 + (r - xy[b, k, 1]) ** 2) / 2 / 1.5**2) for c in range(6)]
                    for r in range(6)
                ]
                found[b, k] = -np.mean((mean - np.array(peak)) ** 2)
            else:
                found[b, k] = max(mean.max(), 0)
    return found


@pytest.mark.parametrize("select", SELECTIONS)
def test_labels_rank_by_the_formula_of_their_selection(maps, select):
    found = score(select, *(torch.from_numpy(m) for m in maps), sigma=1.5).numpy()
    expected = by_formula(select, *maps)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    confidence = confidence_of(select, found, 36, 1.5)
    assert confidence.dtype == np.float32 and (confidence > 0).all()
    np.testing.assert_array_equal(confidence.argsort(None), expected.argsort(None))
    if select in ("self_consistency", "small_loss"):
        np.testing.assert_allclose(confidence, np.exp(expected * 36 / (math.pi * 1.5**2)), rtol=1e-5)


def test_the_four_selections_rank_differently(maps):
    orders = [
        tuple(score(s, *(torch.from_numpy(m) for m in maps), sigma=1.5).flatten().argsort().tolist())
        for s in SELECTIONS
    ]
    assert orders[0] == orders[1] and len(set(orders)) == 3


def test_without_a_label_there_is_no_score():
    found = score(
        "small_loss", torch.zeros(1, 2, 4, 4), torch.zeros(1, 2, 4, 4), torch.tensor([[[1.0, 1], [math.nan, 1]]]), 1.0
    )
    assert found[0, 0] < 0 and found[0, 1].isnan()
    np.testing.assert_array_equal(confidence_of("small_loss", found.numpy() * [0, 1], 16, 1.0), [[1, 0]])


def test_an_admitted_label_gives_way_only_to_a_better_one():
    before = labels([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5]], [[1, 1], [1, 0], [0, 1]], at=1.0)
    now = labels([[0.6, 0.4], [0.5, 0.4], [0.4, np.nan]], at=2.0)
    restore_previous(now, before)
    # better; worse; no better; worse but not held; likewise; not to be seen any more
    assert now.xy_px[..., 0].tolist() == [[2, 1], [1, 2], [2, 1]]
    assert now.replaced.tolist() == [[True, False], [False, False], [False, False]]
    for found in (now.score, now.confidence, now.peak):
        np.testing.assert_allclose(found, [[0.6, 0.5], [0.5, 0.4], [0.4, 0.5]])
    np.testing.assert_array_equal(now.agreement_px, now.xy_px[..., 0])


def test_a_kept_label_may_be_ranked_by_what_the_network_thinks_of_it_now():
    before, now = labels([[-0.1, -0.2]], [[1, 1]]), labels([[-0.3, -0.1]])
    restore_previous(now, before, np.array([[0.7, 0.9]], np.float32))
    np.testing.assert_allclose(now.score, [[-0.1, -0.1]])
    assert now.confidence[0, 0] == np.float32(0.7) and now.confidence[0, 1] != np.float32(0.9)


def names(found: PseudoLabels) -> list[list[str]]:
    return [[REASONS[r] for r in row] for row in found.reason]


def test_the_share_is_of_every_joint_types_labels_or_of_all():
    made = [[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4]]
    found = labels(made)
    select_labels(found, None, Rule(), 0.25)
    assert found.admitted.tolist() == [[True, False], [False] * 2, [False] * 2, [False, True]]
    assert found.facts["share"] == 0.25 and found.facts["select"] == "quantile"
    select_labels(found, None, Rule(per="global"), 0.25)
    assert found.admitted.tolist() == [[True, False], [True, False], [False] * 2, [False] * 2]


def test_reasons_and_counts_tell_what_became_of_every_label():
    found = labels([[0.9, 0.2], [0.1, 0.3], [0.95, 0.4], [np.nan, 0.1]], miss=[[0, 0], [0, 9], [0, 0], [0, 0]])
    before = labels([[0.9, 0.2], [0.8, 0.3], [0, 0], [0, 0]], [[1, 1], [1, 0], [0, 0], [0, 0]])
    found.replaced[0, 0] = True
    found.xy_px[3, 0] = np.nan
    select_labels(found, before, Rule(limit_px=8.0), 0.5)
    assert names(found) == [
        ["admitted", "admitted"],
        ["support", "equivariance"],
        ["admitted", "admitted"],
        ["unreadable", "share"],
    ]
    told = {k: found.facts[k] for k in ("admitted", "new", "replaced", "given_up", "changed")}
    assert told == {"admitted": 4, "new": 2, "replaced": 1, "given_up": 1, "changed": 1.0}


def test_by_threshold_every_label_high_enough_is_admitted_and_it_bounds_the_others_too():
    made = [[0.9, 0.5], [0.49, 0.0], [0.6, 0.7]]
    found = labels(made)
    select_labels(found, None, Rule("threshold", threshold=0.5), 1.0)
    assert found.admitted.tolist() == [[True, True], [False, False], [True, True]]
    select_labels(found, None, Rule(threshold=0.65), 1.0)
    assert found.admitted.tolist() == [[True, False], [False, False], [False, True]]


def test_a_map_without_a_peak_is_never_admitted_however_easy():
    found = labels([[0.9, 0.9]])
    found.peak[0, 0] = 0
    select_labels(found, None, Rule("self_consistency"), 1.0)
    assert found.admitted.tolist() == [[False, True]]


def test_a_threshold_that_leaves_out_nothing_of_the_share_is_counted_as_such():
    scores = [[0.9, 0.8], [0.7, 0.6], [0.3, 0.2], [0.25, 0.15]]
    counted = {}
    for threshold in (0.0, 0.4, 0.65):  # half of each joint's labels: 0.9, 0.7 and 0.8, 0.6
        found = labels(scores)
        select_labels(found, None, Rule(threshold=threshold), 0.5)
        counted[threshold] = found.facts.get("below_threshold")
    assert counted == {0.0: None, 0.4: 0, 0.65: 1}
