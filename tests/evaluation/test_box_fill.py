"""Box fill: the six numbers in closed form, what must not change the distance, and what must."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoopose.evaluation.box_fill import (
    LEAST_DEVIATION,
    BoxFill,
    fill_of,
    limit_of,
    outcome_of,
    share_of_whole_pictures,
    tightened,
    zoom_of,
)

K = 8


def poses(seed: int, n: int = 40, reach: float = 0.9, k: int = K) -> tuple[np.ndarray, np.ndarray]:
    """(n, k, 2) joints drawn inside the middle `reach` of boxes of all shapes, and the boxes (n, 4)."""
    rng = np.random.default_rng(seed)
    box = np.concatenate([rng.uniform(0, 90, (n, 2)), rng.uniform(20, 200, (n, 2))], 1)
    place = 0.5 + reach * (rng.uniform(0, 1, (n, k, 2)) - 0.5)
    return box[:, None, :2] - 0.5 + place * box[:, None, 2:], box


def shrunk(xy: np.ndarray, box: np.ndarray, factor: float) -> np.ndarray:
    middle = (box[:, :2] - 0.5 + box[:, 2:] / 2)[:, None]
    return middle + factor * (xy - middle)


def every(xy: np.ndarray) -> np.ndarray:
    return np.ones(xy.shape[:2], bool)


def test_the_six_numbers_of_a_pose():
    """A box of 40 x 20 px whose pixels are 10..49 and 20..39, so its edges lie at 9.5, 49.5, 19.5 and 39.5."""
    xy = np.array([[[13.5, 20.5], [41.5, 34.5], [17.5, 27.5]]])
    found = fill_of(xy, np.array([[10, 20, 40, 20]]))
    np.testing.assert_allclose(found[0, :4], [4 / 40, 8 / 40, 1 / 20, 5 / 20])
    np.testing.assert_allclose(found[0, 4:], [np.std([13.5, 41.5, 17.5]) / 40, np.std([20.5, 34.5, 27.5]) / 40])


def test_the_distance_is_that_of_its_definition():
    """By hand, for a source that holds every pose and its mirror image: the issue's own formula."""
    xy, box = poses(0)
    mirrored = xy.copy()
    mirrored[..., 0] = (2 * box[:, 0] - 1 + box[:, 2])[:, None] - xy[..., 0]
    source = np.concatenate([xy, mirrored]), np.concatenate([box, box])
    target, boxes = poses(1, 31, 0.5)
    numbers, seen = fill_of(*source), fill_of(target, boxes)
    apart = np.abs(seen - numbers.mean(0)) / numbers.std(0)
    by_hand = [np.median(apart[:, :2].mean(1))] * 2 + [np.median(apart[:, i]) for i in range(2, 6)]
    for labelled in (source, (xy, box)):
        fill = BoxFill.of(labelled[0], every(labelled[0]), labelled[1])
        assert fill.distance(target, boxes) == pytest.approx(np.mean(by_hand))


@given(st.integers(0, 1000), st.floats(0.2, 5), st.floats(-300, 300), st.floats(-300, 300))
def test_neither_size_nor_place_nor_the_side_that_animals_face_changes_it(seed, size, dx, dy):
    xy, box = poses(2)
    fill = BoxFill.of(xy, every(xy), box)
    target, boxes = poses(seed, 20, 0.6)
    before = fill.distance(target, boxes)
    move = np.array([dx, dy])
    # as pixel edges scale: x -> size (x + 0.5) - 0.5
    moved = size * (target + 0.5) - 0.5 + move
    moved_box = np.concatenate([size * boxes[:, :2] + move, size * boxes[:, 2:]], 1)
    assert fill.distance(moved, moved_box) == pytest.approx(before, rel=1e-6)
    some = np.random.default_rng(seed).random(len(target)) < 0.5
    mirrored = target.copy()
    mirrored[some, :, 0] = (2 * boxes[some, 0] - 1 + boxes[some, 2])[:, None] - target[some, :, 0]
    assert fill.distance(mirrored, boxes) == pytest.approx(before, rel=1e-9)
    assert fill.spread(mirrored, boxes) == pytest.approx(fill.spread(target, boxes), rel=1e-9)


def test_it_is_small_where_poses_fill_boxes_as_the_sources_and_grows_as_they_shrink():
    xy, box = poses(3, 400)
    fill = BoxFill.of(xy, every(xy), box)
    other, boxes = poses(4, 400)
    distances = [fill.distance(shrunk(other, boxes, factor), boxes) for factor in (1, 0.6, 0.4, 0.2, 0)]
    assert distances[0] == pytest.approx(fill.source_distance, rel=0.1) and fill.source_distance < 1
    assert (np.diff(distances) > 0).all()
    assert distances[1] > 1.6 * distances[0]
    # poses that agree perfectly, all joints in the middle of every box, are the furthest from it
    assert distances[-1] == max(distances) > 3
    assert fill.spread(shrunk(other, boxes, 0.5), boxes) == pytest.approx(fill.spread(other, boxes) / 2)


def test_only_joints_that_the_source_shows_in_half_of_its_frames_count():
    xy, box = poses(5)
    known = every(xy)
    known[:, 0] = np.arange(len(xy)) % 3 == 0
    known[:, 1] = np.arange(len(xy)) % 2 == 0
    xy[~known] = np.nan
    fill = BoxFill.of(np.where(known[..., None], xy, 1e9), known, box)
    assert fill.joints.tolist() == [False] + [True] * (K - 1)
    target, boxes = poses(6)
    before = fill.distance(target, boxes)
    target[:, 0] += 1e6
    assert fill.distance(target, boxes) == before
    assert BoxFill.from_dict(json.loads(json.dumps(fill.to_dict()))).distance(target, boxes) == before


def test_poses_of_too_few_joints_and_boxes_without_an_area_are_left_out():
    xy, box = poses(7)
    fill = BoxFill.of(xy, every(xy), box)
    whole = fill.distance(xy, box)
    assert whole == fill.source_distance and fill.frames == len(xy)
    more, boxes = np.concatenate([xy, xy[:3]]), np.concatenate([box, box[:3]])
    more[-1, K // 2 - 1 :] = np.nan  # fewer than half
    boxes[-2, 2], boxes[-3, 3] = 0, np.nan
    assert fill.distance(more, boxes) == whole
    assert np.isnan(fill_of(more, boxes)[-3:]).all() and np.isfinite(fill_of(more, boxes)[:-3]).all()
    assert np.isnan(fill.distance(more[-3:], boxes[-3:])) and np.isnan(fill.spread(more[-3:], boxes[-3:]))


def test_a_source_that_says_nothing_gives_nothing():
    xy, box = poses(8)
    assert BoxFill.of(xy, np.zeros(xy.shape[:2], bool), box) is None
    assert BoxFill.of(xy[:, :2], every(xy[:, :2]), box) is None  # two joints have no fill
    assert BoxFill.of(xy[:0], every(xy[:0]), box[:0]) is None


def test_a_single_labelled_pose_does_not_make_every_other_one_infinitely_far():
    xy, box = poses(9, 1)
    fill = BoxFill.of(xy, every(xy), box)
    assert (fill.deviation >= LEAST_DEVIATION).all()
    assert np.isfinite(fill.distance(*poses(10)))


def test_a_box_that_is_the_whole_picture_is_known():
    size = np.array([[100, 200]] * 4)
    box = np.array([[0, 0, 200, 100], [1, 1, 198, 98], [20, 0, 180, 100], [0, 0, 100, 100]])
    assert share_of_whole_pictures(box, size) == 0.5
    assert share_of_whole_pictures(box[:0], size[:0]) == 0


def test_tighter_boxes_about_the_same_middle():
    box = np.array([[10.0, 20, 40, 20], [0, 0, 10, 10]])
    np.testing.assert_allclose(tightened(box, 2), [[20, 25, 20, 10], [2.5, 2.5, 5, 5]])
    np.testing.assert_allclose(tightened(tightened(box, 3), 1 / 3), box, atol=1e-9)
    np.testing.assert_array_equal(tightened(box, 1), box)
    # a pose at half its size in its box fills the tighter one as it did the whole
    xy, boxes = poses(11)
    np.testing.assert_allclose(fill_of(shrunk(xy, boxes, 0.5), tightened(boxes, 2)), fill_of(xy, boxes), atol=1e-9)


def test_a_zoom_is_taken_where_poses_fill_better_and_the_network_is_surer():
    assert zoom_of({1.0: (5.2, 0.32), 1.5: (7.3, 0.41), 2.0: (6.2, 0.54), 3.0: (1.9, 0.60)}) == 3
    assert zoom_of({1.0: (2.7, 0.65), 1.5: (3.1, 0.65), 2.0: (5.7, 0.58)}) == 1
    assert zoom_of({1.0: (4.0, 0.5), 2.0: (1.0, 0.5)}) == 1  # closer, but no surer
    assert zoom_of({1.0: (4.0, 0.5), 2.0: (3.0, 0.9)}) == 1  # surer, but hardly closer
    assert zoom_of({1.0: (np.nan, 0.5), 2.0: (np.nan, 0.9)}) == 1


@pytest.mark.parametrize(
    ("start", "limit"),
    [
        (2.0, 3.2), (2.5, 4.0),  # 60 % above
        (0.3, 1.12), (0.1, 1.12),  # closer than the source's own labels, which are at 0.7
        (3.5, 4.5), (4.0, 4.5),  # little room
        (6.0, 6.54),  # next to none
    ],
)  # fmt: skip
def test_the_limit_leaves_a_far_start_less_room(start, limit):
    assert limit_of(start, 0.7, 0.6) == pytest.approx(limit)
    assert limit_of(start, 0.7, 0.0) == max(start, 0.7)
    assert limit_of(start, 0.7, np.inf) == np.inf


@given(st.floats(0, 20), st.floats(0, 20), st.floats(0, 3), st.floats(0, 3))
def test_the_limit_rises_with_the_start_and_with_the_growth(start, other, growth, more):
    low, high = sorted((start, other))
    assert limit_of(low, 0.7, 0.6) <= limit_of(high, 0.7, 0.6) + 1e-9
    assert low <= limit_of(low, 0.7, growth) <= limit_of(low, 0.7, growth + more)


def test_a_checkpoint_says_what_came_of_its_run():
    assert outcome_of({}) == outcome_of({"zoopose": {"run": {"extra": {"guard": {"off": "why"}}}}}) == ""
    assert outcome_of({"zoopose": {"run": {"extra": {"guard": {"outcome": "harm"}}}}}) == "harm"
