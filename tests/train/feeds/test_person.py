"""Batches of people: the same whatever makes them, and with targets where the joints are."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.views import Subset
from zoopose.errors import DataError, OptionError
from zoopose.pose import heatmap
from zoopose.pose.codecs import CODECS
from zoopose.pose.geometry import apply
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.person_augment import PersonAugmentation
from zoopose.pose.person_frames import heatmap_matrix
from zoopose.pose.target_weight import target_weight
from zoopose.train.feeds.base import FeedConfig
from zoopose.train.feeds.person import PersonFeed

CPU = torch.device("cpu")
HRNET = PersonAugmentation(scale=(0.65, 1.35), rotation_deg=45, flip=0.5, half_body=0.3)


def spec(frame="dark", codec="dark", **more) -> InputSpec:
    plain = {"mean": (0.0, 0.0, 0.0), "std": (1.0, 1.0, 1.0), "sigma": 1.0}
    h, w = more.pop("size", (64, 48))
    return InputSpec(frame, (h, w), (h // 4, w // 4), codec=codec, **{**plain, **more})


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_coco):
    return CocoKeypoints(tiny_coco(tmp_path_factory.mktemp("data"), n=11))


def feed(data, augmentation=HRNET, **more) -> PersonFeed:
    own = more.pop("spec", spec())
    choices = {key: more.pop(key) for key in ("hidden", "weighted") if key in more}
    config = FeedConfig(**{"batch_size": 3, "seed": 1, **more})
    return PersonFeed(data, own, augmentation, config, encode=heatmap.encode, **choices)


def same(a, b) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_an_epoch_shows_every_picture_at_most_once_in_an_order_of_its_own(data):
    made = feed(data)
    orders = [tuple(made.order(epoch)) for epoch in range(4)]
    assert made.steps == 3 and len(set(orders)) == 4 and all(sorted(o) == list(range(11)) for o in orders)
    batches = list(made.batches(0, 0, CPU))
    assert torch.cat([b["index"] for b in batches]).tolist() == list(orders[0][:9])
    one = batches[0]
    assert one["images"].shape == (3, 3, 64, 48) and one["target"].shape == (3, 6, 16, 12)
    assert one["weight"].shape == (3, 6)
    assert one["images"].is_contiguous(memory_format=torch.channels_last) and len(made.faults) == 0


@pytest.mark.parametrize("start", [1, 2, 3])
def test_batches_are_the_same_from_the_middle_of_an_epoch_and_with_workers(data, start):
    whole = list(feed(data).batches(2, 0, CPU))
    rest = list(feed(data, workers=2 if start == 1 else 0).batches(2, start, CPU))
    assert len(rest) == 3 - start
    assert all(same(a, b) for a, b in zip(whole[start:], rest, strict=True))


def test_epochs_seeds_and_streams_draw_apart_even_at_the_same_time(data):
    one = Subset(data, [0, 0, 0])
    streams = [feed(one, batch_size=1).batches(epoch, 0, CPU) for epoch in (0, 1)]
    images = [next(s)["images"] for _ in range(2) for s in streams]
    images += [next(feed(one, batch_size=1, **m).batches(0, 0, CPU))["images"] for m in ({"seed": 2}, {"stream": 1})]
    assert all(not torch.equal(a, b) for i, a in enumerate(images) for b in images[:i])


def test_ranks_make_the_crops_that_one_process_would(data):
    parts = [next(feed(data, batch_size=2, rank=r, world=2).batches(1, 0, CPU)) for r in (0, 1)]
    whole = next(feed(data, batch_size=4).batches(1, 0, CPU))
    for key in ("images", "target", "weight", "index"):
        assert torch.equal(torch.stack([p[key] for p in parts], 1).flatten(0, 1), whole[key]), key


def test_a_rank_without_a_picture_computes_along_and_counts_nothing(data):
    small = Subset(data, [3])
    parts = [list(feed(small, rank=r, world=2).batches(0, 0, CPU)) for r in (0, 1)]
    assert [len(p) for p in parts] == [1, 1]
    assert parts[0][0]["weight"].any() and not parts[1][0]["weight"].any()


@pytest.mark.parametrize("frame", ["msra", "dark", "udp", "megvii"])
def test_targets_lie_where_the_joints_are(data, frame):
    made = feed(data, spec=spec(frame, sigma=1.0), batch_size=11)
    batch = next(made.batches(0, 0, CPU))
    xy, peak = heatmap.decode(batch["target"], "dark")
    seen = (batch["weight"] > 0) & (peak > 0.5)
    assert seen.sum() > 20
    crops = made.crops.of_epoch(0)
    for row, index in enumerate(batch["index"].tolist()):
        item = crops[index]
        expected = apply(torch.from_numpy(heatmap_matrix(frame, (48, 64), (12, 16))).float(), item["xy_crop"])
        inner = seen[row] & (expected > 1).all(-1) & (expected < torch.tensor([10, 14])).all(-1)
        np.testing.assert_allclose(xy[row][inner], expected[inner], atol=0.03)
        assert (batch["weight"][row] <= (item["visible"] > 0)).all()


def test_hidden_joints_and_joint_weights(data):
    flags = torch.from_numpy(data.labels[1])
    still = PersonAugmentation()
    wide = spec(padding=(2.0, 2.0))
    for hidden, least in ((True, 1), (False, 2)):
        batch = next(feed(data, still, hidden=hidden, spec=wide, batch_size=11).batches(0, 0, CPU))
        assert torch.equal(batch["weight"] > 0, flags[batch["index"]] >= least)
        assert torch.equal(batch["target"].flatten(2).amax(-1) > 0, batch["weight"] > 0)
    plain = next(feed(data, still, spec=wide, batch_size=11).batches(0, 0, CPU))["weight"]
    made = feed(data, still, spec=wide, batch_size=11, weighted=True)
    made.joint_weight[3] = 1.5
    weighted = next(made.batches(0, 0, CPU))["weight"]
    assert torch.equal(weighted, plain * torch.tensor([1, 1, 1, 1.5, 1, 1]))


def test_flags_travel_with_the_codec_that_reads_them(data):
    wide = spec("megvii", "megvii", padding=(2.0, 2.0))
    batch = next(feed(data, PersonAugmentation(), spec=wide, batch_size=11).batches(0, 0, CPU))
    assert torch.equal(batch["weight"], torch.from_numpy(data.labels[1]).float()[batch["index"]])


def test_pictures_are_fed_as_the_form_says(data):
    still = PersonAugmentation()
    rgb = next(feed(data, still).batches(0, 0, CPU))["images"]
    assert rgb.min() >= 0 and 0.5 < rgb.max() <= 1
    own = spec(bgr=True, mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 0.125))
    bgr = next(feed(data, still, spec=own).batches(0, 0, CPU))["images"]
    scale = torch.tensor([0.5, 0.25, 0.125]).view(3, 1, 1)
    np.testing.assert_allclose(bgr * scale + torch.tensor([0.1, 0.2, 0.3]).view(3, 1, 1), rgb.flip(1), atol=1e-6)
    gained = next(feed(data, PersonAugmentation(gain=0.2)).batches(0, 0, CPU))["images"]
    ratio = gained.mean((2, 3)) / rgb.mean((2, 3))
    assert (ratio > 0.79).all() and (ratio < 1.21).all() and ratio.std() > 0.02


def test_rules_at_the_border():
    xy = torch.tensor([[[-3.4, 5.0], [-5.0, 5.0], [4.0, 5.0], [11.4, 5.0], [12.1, 5.0], [30.0, 5.0]]])
    flags = torch.tensor([[2, 2, 0, 1, 2, 2]])
    weight = {codec: target_weight(codec, xy, flags, (16, 12), 1.0)[0].tolist() for codec in CODECS}
    # sigma 1: the window about cell -4 (5.0 is cut towards 0) ends before cell 0, which still counts
    assert weight["quarter"] == weight["udp"] == [1, 1, 0, 1, 1, 0]
    assert weight["dark"] == [1, 0, 0, 1, 1, 0]  # -5 + 4 lies before it
    assert weight["udp_offset"] == weight["udp_offset4"] == weight["grmi"] == [1, 1, 0, 1, 1, 1]
    assert weight["megvii"] == weight["cpn"] == [0, 0, 0, 1, 0, 0]


def test_unreadable_pictures_are_counted_or_stop_the_run(tmp_path, tiny_coco):
    path = tiny_coco(tmp_path / "data", n=6)
    (path.parent / "p02.png").write_bytes(b"no picture")
    data = CocoKeypoints(path)
    made = feed(data, batch_size=2)
    batches = list(made.batches(0, 0, CPU))
    assert sum(len(b["index"]) for b in batches) == 5 and len(made.faults) == 1
    alone = list(feed(Subset(data, [2]), batch_size=1).batches(0, 0, CPU))
    assert alone == [None]
    with pytest.raises(PictureError):
        list(feed(data, batch_size=2, strict=True).batches(0, 0, CPU))


def test_data_and_forms_that_cannot_be_trained_on(data):
    with pytest.raises(OptionError, match="msra, dark, udp, megvii"):
        feed(data, spec=spec("exact"))
    with pytest.raises(DataError, match="empty data set"):
        feed(Subset(data, np.array([], int)))
    unlabelled = Subset(data, [0, 1])
    unlabelled.labels = None
    with pytest.raises(DataError, match="without labels"):
        feed(unlabelled)


@pytest.mark.parametrize("codec", CODECS)
def test_every_codec_makes_its_targets(data, codec):
    """What a batch holds decodes to where its joints are, to the codec's own bound."""
    known, wide = CODECS[codec], spec("megvii", codec, padding=(2.0, 2.0), sigma=1.0, size=(256, 192))
    made = PersonFeed(data, wide, PersonAugmentation(), FeedConfig(11, 1))
    batch = next(made.batches(0, 0, CPU))
    target = batch["target"][:, -1] if known.levels > 1 else batch["target"]
    assert target.shape == (11, 6 * known.maps_per_joint, 64, 48)
    xy, _ = known.decode(target, 1.0)
    matrix = torch.from_numpy(heatmap_matrix("megvii", (192, 256), (48, 64))).float()
    for row, index in enumerate(batch["index"].tolist()):
        expected = apply(matrix, made.crops.item(index)["xy_crop"])
        inner = (batch["weight"][row] > 0) & (expected > 8).all(-1) & (expected < torch.tensor([39, 55])).all(-1)
        assert inner.any()
        np.testing.assert_allclose(xy[row][inner], expected[inner], atol=known.bound + 1e-4)


def test_levels_and_sigma_reach_the_codec(data):
    def stacked(xy, visible, size_hw, sigma, levels):
        assert size_hw == (16, 12) and sigma == 1.5 and visible.dtype == torch.bool
        return torch.stack([heatmap.encode(xy, visible, size_hw, sigma * (i + 1)) for i in range(levels)], 1)

    own = spec(sigma=1.5)
    made = PersonFeed(data, own, HRNET, FeedConfig(3, 1), encode=partial(stacked, levels=4))
    assert next(made.batches(0, 0, CPU))["target"].shape == (3, 4, 6, 16, 12)
