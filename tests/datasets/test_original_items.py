"""Published items of any data set: shapes, draws of their own, mirrored joints, views of data sets."""

from __future__ import annotations

import multiprocessing
import pickle
import sys

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from zoopose.datasets.original_items import OriginalItems
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.datasets.views import Subset, Unlabelled
from zoopose.errors import OptionError, ZooposeError
from zoopose.pose.original.augment import StandardDraw, draw_standard, draw_strong, strong
from zoopose.pose.skeleton import MPII16

SMALL = {"inp_res": 32, "out_res": 16, "mean": (0.4, 0.4, 0.4)}


class Plain(PoseDataset):
    """A data set without a published loader: 16 joints, one of them hidden, one without a label."""

    skeleton = MPII16
    crop_factor = 1.25

    def __init__(self, count: int = 5):
        rng = np.random.default_rng(0)
        coarse = rng.integers(0, 255, (count, 8, 12, 3), dtype=np.uint8)
        self.images = np.stack([cv2.resize(image, (120, 80), interpolation=cv2.INTER_CUBIC) for image in coarse])
        self.xy = rng.uniform(30, 70, (count, 16, 2)).astype(np.float32)
        self.visible = np.full((count, 16), 2, np.uint8)
        self.visible[:, 3], self.visible[:, 4] = 1, 0
        self.ids, self.shots = [str(i) for i in range(count)], [""] * count
        self.labels = (self.xy, self.visible)

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        box = np.array([25, 25, 50, 50], np.float32)
        return PoseSample(self.images[i], self.xy[i], self.visible[i], box, {"id": self.ids[i]})

    def describe(self):
        return {"items": len(self)}


@pytest.mark.parametrize("augment", ["none", "standard", "strong"])
def test_any_data_set_gives_items_that_collate(augment):
    items = OriginalItems(Plain(), augment=augment, **SMALL)
    inp, target, meta = next(iter(DataLoader(items, batch_size=3)))
    assert inp.shape == (3, 3, 32, 32) and inp.dtype == torch.float32
    assert target.shape == (3, 16, 16, 16) and target.max() <= 1
    assert meta["tpts"].shape == (3, 16, 3) and meta["target_weight"].shape == (3, 16, 1)
    assert meta["index"].tolist() == [0, 1, 2]
    assert meta["center"].dtype == torch.float32


def test_labels_of_other_sets_hidden_ones_train_unlabelled_ones_do_not():
    _, target, meta = OriginalItems(Plain(), **SMALL)[0]
    weight = meta["target_weight"][:, 0]
    assert weight[3] == 1 and weight[4] == 0
    assert target[4].max() == 0 and (target[weight > 0].amax((1, 2)) > 0).all()
    # box of 50 px x 1.25 in 16 cells
    expected = (Plain().xy[0, 0] - 50) / 62.5 * 16 + 8
    assert np.abs(meta["tpts"][0, :2].numpy() - 1 - expected).max() <= 1


def test_epochs_and_items_draw_for_themselves():
    items = OriginalItems(Plain(), augment="standard", **SMALL)
    first = torch.stack([items[i][0] for i in range(5)])
    torch.testing.assert_close(first, torch.stack([items[i][0] for i in range(5)]), rtol=0, atol=0)
    items.set_epoch(1)
    second = torch.stack([items[i][0] for i in range(5)])
    other = OriginalItems(Plain(), augment="standard", seed=1, **SMALL)
    third = torch.stack([other[i][0] for i in range(5)])
    for a, b in ((first, second), (first, third), (second, third)):
        assert ((a - b).abs().amax((1, 2, 3)) > 0.01).all()
    draws = [draw_standard(np.random.default_rng([0, 0, i])) for i in range(5)]
    assert len({draw.z_scale for draw in draws}) == 5


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
def test_living_workers_see_the_next_epoch():
    items = OriginalItems(Plain(4), augment="standard", **SMALL)
    loader = DataLoader(items, batch_size=2, num_workers=1, persistent_workers=True, multiprocessing_context="fork")
    epochs = []
    for epoch in range(2):
        items.set_epoch(epoch)
        epochs.append(torch.cat([meta["scale"] for _, _, meta in loader]))
        alone = [items[i][2]["scale"] for i in range(4)]
        torch.testing.assert_close(epochs[-1], torch.tensor(alone, dtype=torch.float64))
    assert (epochs[0] != epochs[1]).any()


def test_items_pickle():
    items = OriginalItems(Plain(), augment="strong", **SMALL)
    twin = pickle.loads(pickle.dumps(items))
    torch.testing.assert_close(items[2][0], twin[2][0])


def test_mirror_swaps_partners():
    draw = StandardDraw(0.0, 1.0, 0.0, 0.2, (1.0, 1.0, 1.0))
    items = OriginalItems(Plain(), **SMALL)
    plain, mirrored = items.item(0), items.item(0, draw)
    order = MPII16.flip_order
    np.testing.assert_allclose(mirrored[2]["pts"][:, 0], 120 - plain[2]["pts"][order, 0])
    np.testing.assert_allclose(mirrored[2]["pts"][:, 1], plain[2]["pts"][order, 1])
    off = np.abs(mirrored[0].numpy() - plain[0].numpy()[:, :, ::-1])
    assert off.mean() < 0.1 < (mirrored[0] - plain[0]).abs().mean()  # the published mirror is a pixel off
    assert OriginalItems(Plain(), flip=False, **SMALL).item(0, draw)[2]["center"][0] == 50


def test_views_of_data_sets():
    options = {"inp_res": 32, "out_res": 16, "mean": (0.4, 0.4, 0.4)}
    whole, part = OriginalItems(Plain(), **options), OriginalItems(Subset(Plain(), [3, 1]), **options)
    torch.testing.assert_close(part[0][0], whole[3][0])
    torch.testing.assert_close(part[0][1], whole[3][1])
    hidden = OriginalItems(Unlabelled(Plain()), **options)[0]
    assert hidden[1].max() == 0 and hidden[2]["target_weight"].max() == 0
    torch.testing.assert_close(hidden[0], whole[0][0])


def test_strong_recipe_moves_joints_with_the_picture():
    # one white square on black: wherever the affine block puts it, its joint goes too
    image = np.zeros((120, 160, 3), np.uint8)
    cv2.rectangle(image, (70, 50), (80, 60), (255, 255, 255), -1)
    seen = 0
    for seed in range(20):
        draw = draw_strong(np.random.default_rng(seed))
        draw = type(draw)(**{**vars(draw), "order": ("affine",), "fill_rgb": np.zeros(3)})
        moved, pts = strong(image, np.array([[75.0, 55.0, 1.0]]), draw)
        if moved.any():
            y, x = np.nonzero(moved[..., 0] > 127)
            assert abs(x.mean() - pts[0, 0]) < 1.5 and abs(y.mean() - pts[0, 1]) < 1.5
            seen += 1
    assert seen > 10


def test_draws_differ_and_are_in_range():
    rng = np.random.default_rng(0)
    draws = [draw_strong(rng) for _ in range(200)]
    assert 1.5 < np.mean([len(d.order) for d in draws]) < 2.5
    assert len({d.order for d in draws}) > 20
    gains = np.array([draw_standard(rng).gain for _ in range(100)])
    assert gains.min() >= 0.8 and gains.max() <= 1.2


def test_without_imgaug_one_clear_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "imgaug", None)
    monkeypatch.setitem(sys.modules, "imgaug.augmenters", None)
    items = OriginalItems(Plain(), augment="strong", **SMALL)
    with pytest.raises(ZooposeError, match="uv sync --extra imgaug"):
        items[0]


def test_options():
    with pytest.raises(OptionError, match="mean"):
        OriginalItems(Plain())
    with pytest.raises(OptionError, match="strong"):
        OriginalItems(Plain(), augment="extreme", mean=(0, 0, 0))
    with pytest.raises(OptionError, match="Cauchy"):
        OriginalItems(Plain(), label_type="Laplace", mean=(0, 0, 0))
