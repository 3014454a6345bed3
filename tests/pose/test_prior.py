"""The prior of poses: its tree and Gaussians in closed form, and decoding against a search over all combinations."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from zoopose.errors import DataError
from zoopose.pose.prior import FACINGS, FARTHEST, FLOOR, LEAST_DEVIATION, PosePrior
from zoopose.pose.skeleton import Skeleton

# an animal that faces right, in shares of a box of side 1 about its middle
ANIMAL = Skeleton("animal", ("nose", "neck", "tail", "l_fore", "r_fore", "l_hind", "r_hind"))
POSE = np.array([[0.45, -0.2], [0.25, -0.1], [-0.4, -0.1], [0.22, 0.4], [0.18, 0.38], [-0.3, 0.4], [-0.36, 0.38]])
HEAD = 0.08  # deviation of the nose, the joint that moves most


def drawn(seed: int, n: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(n, K, 2) px poses, half of them mirrored, the boxes (n, 4), and which of them face right."""
    rng = np.random.default_rng(seed)
    pose = np.repeat(POSE[None], n, 0)
    pose[:, [1, 2, 5, 6]] += rng.normal(0, 0.03, (n, 4, 2))
    pose[:, 0] = pose[:, 1] + POSE[0] - POSE[1] + rng.normal(0, HEAD, (n, 2))
    pose[:, 3:5] += rng.normal(0, 0.05, (n, 1, 2))
    pose += rng.normal(0, 0.005, pose.shape)
    right = rng.uniform(size=n) < 0.5
    pose[~right] = pose[~right][:, ANIMAL.flip_order] * (-1, 1)
    box = np.concatenate([rng.uniform(0, 50, (n, 2)), rng.uniform(40, 90, (n, 1)), rng.uniform(20, 40, (n, 1))], 1)
    middle = box[:, :2] - 0.5 + box[:, 2:] / 2
    return middle[:, None] + pose * box[:, None, 2:3], box, right


@pytest.fixture(scope="module")
def prior() -> PosePrior:
    xy, box, _ = drawn(0, 2000)
    return PosePrior.fit(xy, np.ones(xy.shape[:2]), box, ANIMAL)


def test_the_tree_joins_what_moves_together(prior):
    edges = {frozenset((int(p), i)) for i, p in enumerate(prior.parents) if p >= 0}
    assert len(edges) == len(ANIMAL) - 1
    assert frozenset((3, 4)) in edges, "the fore feet move together"
    assert frozenset((0, 1)) in edges, "the nose hangs on the neck"
    seen: set[int] = set()
    for joint in prior.order.tolist():
        assert prior.parents[joint] < 0 or int(prior.parents[joint]) in seen
        seen.add(joint)


def test_the_gaussians_are_those_of_the_offsets(prior):
    """Of the nose: where it was drawn, and how far it spreads."""
    nose = 0 if prior.parents[0] >= 0 else int(np.flatnonzero(prior.parents == 0)[0])
    np.testing.assert_allclose(prior.mean[nose] * (1 if nose == 0 else -1), POSE[0] - POSE[1], atol=0.02)
    np.testing.assert_allclose(
        np.linalg.inv(prior.precision[nose]), np.eye(2) * (HEAD**2 + LEAST_DEVIATION**2), atol=0.0008
    )
    root = prior.parents < 0
    assert root.sum() == 1
    assert (prior.constant[root] == 0).all()


def test_labels_and_their_mirror_images_give_one_prior():
    xy, box, _ = drawn(1)
    known = np.random.default_rng(2).uniform(size=xy.shape[:2]) < 0.8
    there = PosePrior.fit(xy, known, box, ANIMAL)
    mirror = xy[:, ANIMAL.flip_order] * (-1, 1) + (300, 0)
    box_mirror = box.copy()
    box_mirror[:, 0] = 301 - box[:, 0] - box[:, 2]  # pixels from 300 - (left + width - 1)
    again = PosePrior.fit(mirror, known[:, ANIMAL.flip_order], box_mirror, ANIMAL)
    np.testing.assert_array_equal(again.parents, there.parents)
    np.testing.assert_allclose(again.mean, there.mean, atol=1e-9)


def by_search(prior: PosePrior, xy: np.ndarray, value: np.ndarray, weight: float) -> tuple[float, list]:
    """Best sum for an animal that faces right and its choice, over all combinations of peaks of one picture of side 1."""
    best, found = -np.inf, []
    for choice in itertools.product(range(value.shape[1]), repeat=len(value)):
        total = sum(np.log(max(value[k, c], FLOOR)) for k, c in enumerate(choice))
        for k, parent in enumerate(prior.parents):
            if parent >= 0:
                apart = xy[k, choice[k]] - xy[parent, choice[parent]] - prior.mean[k]
                total += weight * (prior.constant[k] - 0.5 * min(apart @ prior.precision[k] @ apart, FARTHEST))
        if total > best:
            best, found = total, list(choice)
    return best, found


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 10_000), weight=st.sampled_from([0.5, 2.0]))
def test_decoding_is_the_best_of_all_combinations(prior, seed, weight):
    rng = np.random.default_rng(seed)
    xy, value = rng.uniform(0, 60, (2, len(ANIMAL), 2, 2)), rng.uniform(0, 1, (2, len(ANIMAL), 2))
    side = np.array([50.0, 70.0])
    found = prior.decode(torch.tensor(xy), torch.tensor(value), torch.tensor(side), weight)
    for b in range(2):
        right, as_it_is = by_search(prior, xy[b] / side[b], value[b], weight)
        flip = ANIMAL.flip_order
        left, in_mirror = by_search(prior, xy[b][flip] / side[b] * (-1, 1), value[b][flip], weight)
        choice = as_it_is if right > left else [in_mirror[i] for i in flip]
        assert found.chosen[b].tolist() == choice
        assert float(found.evidence[b]) == pytest.approx(right - left, abs=1e-8)
        np.testing.assert_array_equal(found.xy[b], xy[b, np.arange(len(ANIMAL)), choice])


def test_a_mixed_pose_becomes_one_animal(prior):
    """Peaks of both readings, the higher ones mixed: the pose is one of the two, and the facing that of more joints."""
    xy, box, right = drawn(5, 60)
    side = box[:, 2]
    middle = (box[:, :2] - 0.5 + box[:, 2:] / 2)[:, None]
    other = (xy - middle)[:, ANIMAL.flip_order] * (-1, 1) + middle
    peaks = np.stack([xy, other], 2)
    value = np.tile([0.6, 0.4], (60, len(ANIMAL), 1))
    value[:, [0, 5]] = 0.4, 0.6  # nose and a hind foot at the wrong end
    found = prior.decode(*map(torch.tensor, (peaks, value, side)))
    np.testing.assert_array_equal(found.facing, right.astype(int))
    assert (found.chosen == 0).all()
    assert FACINGS[int(found.facing[0])] == ("right" if right[0] else "left")
    alone = prior.decode(*map(torch.tensor, (peaks, value, side)), weight=0.0)
    np.testing.assert_array_equal(alone.chosen, value.argmax(-1))


def test_shift_and_scale_change_nothing_and_mirroring_only_the_side(prior):
    rng = np.random.default_rng(7)
    xy, value = torch.tensor(rng.uniform(0, 60, (4, 7, 5, 2))), torch.tensor(rng.uniform(0, 1, (4, 7, 5)))
    side = torch.tensor(rng.uniform(40, 60, 4))
    found, moved = prior.decode(xy, value, side), prior.decode(3 * xy + 11, value, 3 * side)
    assert torch.equal(found.chosen, moved.chosen)
    flip = ANIMAL.flip_order
    mirror = prior.decode(xy[:, flip] * torch.tensor([-1.0, 1.0]), value[:, flip], side)
    assert torch.equal(mirror.facing, 1 - found.facing)
    np.testing.assert_allclose(mirror.evidence, -found.evidence)
    assert torch.equal(mirror.chosen[:, flip], found.chosen)


def test_joints_without_peaks(prior):
    """A joint without a peak stays without a place; the others are found. A picture without peaks is no error."""
    xy, box, right = drawn(8, 3)
    peaks, value = torch.tensor(xy)[:, :, None].repeat(1, 1, 2, 1), torch.full((3, 7, 2), 0.5, dtype=torch.float64)
    peaks[:, :, 1] = torch.tensor(np.random.default_rng(0).uniform(-99, 99, (3, 7, 2)))
    peaks[0, 2], value[0, 2] = torch.nan, 0
    peaks[2], value[2] = torch.nan, 0
    found = prior.decode(peaks, value, torch.tensor(box[:, 2]))
    assert torch.isnan(found.xy[0, 2]).all()
    assert found.value[0, 2] == 0
    assert (found.chosen[:2] == 0).all()
    assert found.facing[:2].tolist() == right[:2].astype(int).tolist()
    assert torch.isnan(found.xy[2]).all()
    assert torch.isfinite(found.evidence).all()


def test_distance_of_an_edge(prior):
    xy, box, _ = drawn(9, 400)
    distance = prior.edge_distance(xy, box)
    child = prior.parents >= 0
    assert np.isnan(distance[:, ~child]).all()
    # a Gaussian of two dimensions: 86.5 % within two deviations; the smallest deviation makes it more
    assert 0.84 < (distance[:, child] < 2).mean() <= 1
    xy[0, 3] = np.nan
    assert np.isnan(prior.edge_distance(xy, box)[0, 3])
    assert np.isfinite(
        prior.edge_distance(xy, box)[0, [i for i in np.flatnonzero(child) if 3 not in (i, prior.parents[i])]]
    ).all()


def test_plain_data(prior):
    again = PosePrior.from_dict(json.loads(json.dumps(prior.to_dict())))
    for name in ("parents", "order", "flip_order", "mean", "precision", "constant"):
        np.testing.assert_array_equal(getattr(again, name), getattr(prior, name))


def test_joints_that_are_never_labelled_together():
    """Two groups of joints make two trees. Fewer than eight poses: an error."""
    xy, box, _ = drawn(3)
    known = np.ones(xy.shape[:2], bool)
    known[::2, :3], known[1::2, 3:] = False, False
    prior = PosePrior.fit(xy, known, box, ANIMAL)
    assert (prior.parents < 0).sum() == 2
    found = prior.decode(torch.tensor(xy)[:, :, None], torch.ones(len(xy), 7, 1).double(), torch.tensor(box[:, 2]))
    np.testing.assert_array_equal(found.xy, xy)
    with pytest.raises(DataError, match="8 poses"):
        PosePrior.fit(xy[:7], np.ones((7, 7)), box[:7], ANIMAL)
