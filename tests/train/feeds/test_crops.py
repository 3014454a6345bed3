"""Batches follow from seed, epoch and step alone, and hold what the data set says."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.views import Subset
from zoopose.errors import DataError
from zoopose.pose.augment import AUGMENTATIONS
from zoopose.pose.geometry import apply, compose, crop_matrix, invert, resize_matrix, square_box
from zoopose.pose.heatmap import decode
from zoopose.pose.input_spec import InputSpec
from zoopose.train.feeds.base import FeedConfig, continued_batches
from zoopose.train.feeds.crops import CropFeed, TargetConfig

CPU = torch.device("cpu")
FORM = InputSpec("exact", 64, 16, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_coco):
    return CocoKeypoints(tiny_coco(tmp_path_factory.mktemp("data"), n=11))


def feed(data, name="strong", **more) -> CropFeed:
    spec, labels = more.pop("form", FORM), more.pop("labels", None)
    targets = TargetConfig(**{key: more.pop(key) for key in ("sigma", "sigma_decay") if key in more})
    config = FeedConfig(**{"batch_size": 3, "seed": 1, **more})
    return CropFeed(data, spec, AUGMENTATIONS[name], config, targets=targets, labels=labels)


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_an_epoch_shows_every_picture_at_most_once_in_an_order_of_its_own(data):
    made = feed(data)
    assert made.steps == 3
    orders = [tuple(made.order(epoch)) for epoch in range(5)]
    assert all(sorted(order) == list(range(11)) for order in orders) and len(set(orders)) == 5
    rows = torch.cat([b["index"] for b in made.batches(0, 0, CPU)])
    assert rows.tolist() == list(orders[0][:9])


def test_a_feed_runs_on_through_its_own_epochs_from_any_batch(data):
    made = feed(data)
    one_by_one = [batch for epoch in range(3) for batch in made.batches(epoch, 0, CPU)]
    for at, count in ((0, 7), (2, 5), (4, 0)):
        found = list(continued_batches(made, at, count, CPU))
        assert len(found) == count and all(same(a, b) for a, b in zip(found, one_by_one[at:]))


@pytest.mark.parametrize("start", [1, 2, 3])
def test_batches_are_the_same_from_the_middle_of_an_epoch_and_with_workers(data, start):
    whole = list(feed(data).batches(2, 0, CPU))
    rest = list(feed(data, workers=2 if start == 1 else 0).batches(2, start, CPU))
    assert len(rest) == 3 - start
    assert all(same(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_no_epoch_step_seed_or_stream_repeats_anothers_draws(data):
    one = Subset(data, [0, 0, 0])
    batches = [b["images"] for e in range(3) for b in feed(one, batch_size=1).batches(e, 0, CPU)]
    others = ({"seed": 2}, {"stream": 1})
    batches += [next(feed(one, batch_size=1, **more).batches(0, 0, CPU))["images"] for more in others]
    assert len(batches) == 11
    assert all(not torch.equal(a, b) for i, a in enumerate(batches) for b in batches[:i])


def test_ranks_share_a_batch(data):
    parts = [list(feed(data, rank=r, world=2).batches(0, 0, CPU)) for r in (0, 1)]
    assert len(parts[0]) == len(parts[1]) == 1
    rows = torch.cat([p[0]["index"] for p in parts]).tolist()
    assert sorted(rows) == sorted(feed(data).order(0)[:6].tolist())
    assert not torch.equal(parts[0][0]["images"], parts[1][0]["images"])


def test_fewer_pictures_than_a_batch_make_one_batch(data):
    small = feed(Subset(data, [0, 1]), batch_size=6)
    assert small.steps == 1 and sorted(next(small.batches(0, 0, CPU))["index"].tolist()) == [0, 1]
    with pytest.raises(DataError, match="empty"):
        feed(Subset(data, []))


@pytest.mark.parametrize("name", ["none", "strong"])
def test_targets_lie_where_the_labels_say(data, name):
    made = feed(data, name, batch_size=11)
    batch = next(made.batches(0, 0, CPU))
    assert batch["images"].shape == (11, 3, 64, 64) and batch["target"].shape == (11, 6, 16, 16)
    assert batch["weight"].shape == (11, 6)
    xy, peak = decode(batch["target"], "dark")
    assert ((peak > 0.7) == (batch["weight"] > 0)).all()
    visible = data.labels[1][batch["index"].numpy()]
    if name == "none":
        np.testing.assert_array_equal(batch["weight"].numpy() > 0, visible > 0)
        inner = crop_matrix(square_box(data.boxes[batch["index"]], data.crop_factor), 64)
        expected = apply(compose(resize_matrix(64, 16), inner), data.labels[0][batch["index"].numpy()].astype(float))
        np.testing.assert_allclose(xy.numpy()[visible > 0], expected[visible > 0], atol=0.02)
    else:
        assert batch["weight"].sum() <= (visible > 0).sum()


def test_the_picture_moves_with_its_targets(tmp_path, tiny_coco):
    """A bright dot at every joint, geometry drawn, nothing else: the dot lies under the joint."""
    path = tiny_coco(tmp_path, n=6)
    data = CocoKeypoints(path)
    for i in range(6):
        picture = np.zeros((64, 64, 3), np.uint8)
        nose = data.labels[0][i, 0]
        cv2.circle(picture, tuple(int(round(v * 16)) for v in nose), 3 * 16, (255, 255, 255), -1, cv2.LINE_AA, 4)
        cv2.imwrite(str(tmp_path / f"p{i:02d}.png"), picture)
    moves = replace(AUGMENTATIONS["standard"], colour=0.0, flip=1.0)
    batch = next(CropFeed(data, FORM, moves, FeedConfig(6, 0)).batches(0, 0, CPU))
    grey = batch["images"].mean(1)
    cell = torch.arange(64.0)
    centre = torch.stack([grey.sum(1) @ cell, grey.sum(2) @ cell], -1) / grey.sum((1, 2))[:, None]
    xy, _ = decode(batch["target"], "dark")
    nose_px = (xy[:, 0] + 0.5) * 4 - 0.5
    inside = ((nose_px > 6) & (nose_px < 57)).all(-1) & (batch["weight"][:, 0] > 0)
    assert inside.sum() >= 3
    np.testing.assert_allclose(nose_px[inside], centre[inside], atol=0.3)


def test_given_labels_take_the_place_of_the_data_sets_own(data):
    xy, visible = (a.copy() for a in data.labels)
    admitted = np.zeros_like(visible, np.float32)
    admitted[:, 2] = 1.0
    xy[:, 2] = [20.0, 30.0]
    xy[:, 3] = np.nan
    batch = next(feed(data, "none", labels=(xy, admitted)).batches(0, 0, CPU))
    np.testing.assert_array_equal(batch["weight"], admitted[batch["index"]])
    inner = crop_matrix(square_box(data.boxes[0], data.crop_factor), 64)
    expected = apply(compose(resize_matrix(64, 16), inner), np.array([[20.0, 30.0]]))[0]
    np.testing.assert_allclose(decode(batch["target"], "dark")[0][:, 2], np.tile(expected, (3, 1)), atol=0.02)
    assert (batch["target"][:, [0, 1, 3, 4, 5]] == 0).all()


def test_pictures_are_drawn_as_often_as_they_have_labels_and_never_without(data):
    weight = np.zeros(data.labels[1].shape, np.float32)
    weight[2, 0] = 1.0
    weight[5, :3] = 1.0
    made = feed(data, labels=(data.labels[0], weight))
    rows = np.concatenate([made.order(epoch) for epoch in range(200)])
    assert set(rows.tolist()) == {2, 5} and len(rows) == 200 * 11
    assert (rows == 5).mean() == pytest.approx(0.75, abs=0.03)
    assert np.array_equal(made.order(7), feed(data, labels=(data.labels[0], weight)).order(7))
    assert not np.array_equal(made.order(7), made.order(8))


@pytest.mark.parametrize("broken", [(), (5,)])
def test_a_picture_drawn_twice_in_a_batch_has_two_views_on_ranks_too(data, monkeypatch, broken):
    original = CocoKeypoints.__getitem__

    def sometimes(self, index):
        if index in broken:
            raise PictureError(f"p{index}", "cut short")
        return original(self, index)

    monkeypatch.setattr(CocoKeypoints, "__getitem__", sometimes)
    weight = np.zeros(data.labels[1].shape, np.float32)
    weight[[2, 5]] = 1.0
    labels = (data.labels[0], weight)
    parts = [next(feed(data, labels=labels, batch_size=4, rank=r, world=2).batches(0, 0, CPU)) for r in (0, 1)]
    views, rows = (torch.cat([p[key] for p in parts if p is not None]) for key in ("images", "index"))
    assert len(rows) == (8 if not broken else (feed(data, labels=labels, batch_size=8).order(0)[:8] == 2).sum())
    assert all(not torch.equal(a, b) for i, a in enumerate(views) for b in views[:i])
    if not broken:
        whole = next(feed(data, labels=labels, batch_size=8).batches(0, 0, CPU))
        dealt = torch.cat([torch.arange(r, 8, 2) for r in (0, 1)])
        assert torch.equal(whole["index"][dealt], rows)
        np.testing.assert_allclose(views, whole["images"][dealt], atol=1e-4)


def test_joints_that_left_the_view_weigh_nothing(data):
    far = np.full_like(data.labels[0], 500.0)
    batch = next(feed(data, labels=(far, np.ones(far.shape[:2], np.float32))).batches(0, 0, CPU))
    assert (batch["weight"] == 0).all() and (batch["target"] == 0).all()


def test_peaks_narrow_with_the_epochs_where_asked(data):
    made = feed(data, "none", sigma=2.0, sigma_decay=0.5)
    sizes = [next(made.batches(epoch, 0, CPU))["target"].sum((2, 3)).max().item() for epoch in range(3)]
    assert sizes[0] > 3 * sizes[1] > 9 * sizes[2]
    steady = feed(data, "none", sigma=2.0)
    first, second = (next(steady.batches(epoch, 0, CPU))["target"].sum((2, 3)).max().item() for epoch in (0, 1))
    assert first == pytest.approx(second, rel=0.1)


def test_unreadable_pictures_are_left_out_and_a_batch_of_them_is_none(data, monkeypatch):
    original, broken = CocoKeypoints.__getitem__, set(feed(data).order(0)[:4].tolist())

    def sometimes(self, index):
        if index in broken:
            raise PictureError(f"p{index}", "cut short")
        return original(self, index)

    monkeypatch.setattr(CocoKeypoints, "__getitem__", sometimes)
    made = feed(data)
    batches = list(made.batches(0, 0, CPU))
    assert batches[0] is None and len(batches[1]["index"]) == 2 and len(batches[2]["index"]) == 3
    assert set(made.faults.faults) == broken
    with pytest.raises(PictureError):
        list(feed(data, strict=True).batches(0, 0, CPU))


def test_the_padding_round_the_crop_is_at_the_crops_own_scale(data):
    made = feed(data)
    item = made.crops[0]
    inner = crop_matrix(square_box(data.boxes[0], data.crop_factor), 64)
    shift = compose(inner, invert(item["crop_from_image"].numpy()))
    pad = (made.crops.size - 64) / 2
    np.testing.assert_allclose(shift, [[1, 0, -pad], [0, 1, -pad]], atol=1e-9)
    assert feed(data, "none").crops.size == 64
