"""Options of how maps are read and how many pictures go at once: each changes what it says, and nothing by default."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from zoopose.errors import DataError, OptionError
from zoopose.evaluation import options as options_module
from zoopose.evaluation.keypoint_tables import check_options
from zoopose.evaluation.network import read_as, warn_of_reading
from zoopose.evaluation.options import NetworkUseOptions
from zoopose.evaluation.prediction_scores import chosen_detections
from zoopose.pose import heatmap
from zoopose.pose.checkpoints import Loaded
from zoopose.pose.heatmap.smoothing import opencv_kernel
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.skeleton import COCO17
from zoopose.train.optim import optimizer_of
from zoopose.train.options import FitOptions, TrainOptions


def network(**spec) -> Loaded:
    return Loaded(torch.nn.Identity(), "hg", {}, COCO17, InputSpec(**spec), {})


def test_nothing_changes_by_default():
    loaded = network()
    assert read_as(loaded, NetworkUseOptions()).spec == loaded.spec
    maps = torch.rand(2, 3, 16, 16)
    for kind in heatmap.DECODERS:
        assert heatmap.tap_settings(kind, 0) == {}
    assert all(torch.equal(a, b) for a, b in zip(loaded.spec.decode(maps), heatmap.decode(maps, "dark", 1.0)))


@pytest.mark.parametrize(
    ("spec", "kind", "settings"),
    [
        ({}, "dark", {"kernel": 7}),
        ({"codec": "udp"}, "udp_gaussian", {"kernel": 7}),
        ({"codec": "udp_offset"}, "udp_offset", {"kernels": (15, 7), "radius": heatmap.offsets.RADIUS_SHARE * 16}),
        ({"codec": "megvii"}, "megvii", {"kernel": 7}),
        ({"codec": "cpn"}, "cpn", {"kernel": 7}),
        ({"decoder": "darkpose"}, "darkpose", {"kernel": 7}),
        ({"decoder": "udp_mmpose"}, "udp_mmpose", {"kernel": 7}),
    ],
)
def test_taps_of_the_smoothing(spec, kind, settings):
    spec = read_as(network(**spec), NetworkUseOptions(blur_kernel=7)).spec
    maps = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    expected = heatmap.decode(maps, kind, **settings)
    assert all(torch.equal(a, b) for a, b in zip(spec.decode(maps), expected, strict=True))
    assert "7 taps" in spec.describe() and InputSpec.from_dict(spec.to_dict()) == spec


def test_more_taps_move_a_joint():
    """Two peaks: a wide smoothing draws the joint towards the second, by what the smoothed map says."""
    maps = torch.zeros(1, 1, 16, 16)
    maps[0, 0, 8, 8], maps[0, 0, 8, 10] = 1.0, 0.9
    places = [float(heatmap.decode(maps, "dark", kernel=k)[0][0, 0, 0]) for k in (3, 9)]
    assert places[0] < places[1] <= 8.5
    smooth = heatmap.blur(maps.double(), opencv_kernel(9))[0, 0, 8]
    left, middle, right = (smooth[7:10] / smooth[8]).log()
    step = float((left - right) / 2 / (left + right - 2 * middle))
    assert places[1] == pytest.approx(8 + min(step, 0.5), abs=1e-4)


@pytest.mark.parametrize(
    ("codec", "taps"), [("dark", 4), ("argmax", 5), ("quarter", 3), ("softargmax", 3), ("grmi", 3)]
)
def test_taps_that_are_none(codec, taps):
    with pytest.raises(OptionError, match="--blur-kernel"):
        read_as(network(codec=codec), NetworkUseOptions(blur_kernel=taps))


def test_maps_of_mirrored_pictures_are_moved(messages):
    maps = torch.arange(16.0).view(1, 1, 2, 8)
    plain, moved = network(), read_as(network(), NetworkUseOptions(shift_heatmap=2, flip=True))
    back = plain.spec.flip_back(maps, [0])
    assert torch.equal(back, maps.flip(-1))
    assert torch.equal(moved.spec.flip_back(maps, [0])[..., 2:], back[..., :-2])
    msra = network(kind="msra", codec="quarter")
    assert torch.equal(msra.spec.flip_back(maps, [0])[..., 1:], back[..., :-1]), "as its crops need it"
    still = read_as(msra, NetworkUseOptions(shift_heatmap=0))
    assert torch.equal(still.spec.flip_back(maps, [0]), back)
    warn_of_reading(NetworkUseOptions(shift_heatmap=0, flip=True))
    assert messages == []
    warn_of_reading(NetworkUseOptions(shift_heatmap=0))
    assert "--shift-heatmap does nothing without --flip" in messages[0]


def test_a_bias_is_taken_off_joints_in_the_picture():
    crop_from_image = torch.tensor([[[2.0, 0, -10], [0, 2.0, 6]]], dtype=torch.float64)
    plain, biased = network(), read_as(network(), NetworkUseOptions(joint_bias=1.5))
    difference = biased.spec.image_from_heatmap(crop_from_image) - plain.spec.image_from_heatmap(crop_from_image)
    torch.testing.assert_close(difference, torch.tensor([[[0, 0, -1.5], [0, 0, -1.5]]], dtype=torch.float64))
    assert "1.5 px taken off" in biased.spec.describe()


class Detected:
    """Four detections in two pictures: two alike in the first, one weak one in the second."""

    scores = np.array([0.9, 0.8, 0.5, 0.05])
    boxes = np.array([[0, 0, 10, 10], [1, 0, 10, 10], [40, 0, 10, 10], [0, 0, 10, 10]], np.float32)

    def __len__(self):
        return 4

    def meta_of(self, i):
        return {"image_id": 7 if i < 3 else 8}

    def only(self, rows, left_out):
        return rows.tolist(), {why: own.tolist() for why, own in left_out.items()}


@pytest.mark.parametrize(
    ("least", "overlap", "rows", "left"),
    [
        (0.0, 1.0, [0, 1, 2, 3], []),
        (0.5, 1.0, [0, 1, 2], [[3]]),
        (0.0, 0.7, [0, 2, 3], [[1]]),
        (0.6, 0.7, [0], [[2, 3], [1]]),
    ],
)
def test_weak_and_overlapping_detections_are_left_out(least, overlap, rows, left):
    kept, left_out = chosen_detections(Detected(), least, overlap)
    assert kept == rows and list(left_out.values()) == left


def test_thresholds_of_detections_that_there_are_not():
    with pytest.raises(DataError, match="--image-thr"):
        chosen_detections(Detected(), 0.95, 1.0)
    for more in ({"image_thr": 0.5}, {"box_thr": 0.5, "boxes": "gt"}):
        with pytest.raises(OptionError, match="--boxes FILE"):
            check_options(options_module.TestOptions(**more))
    check_options(options_module.TestOptions(image_thr=0.5, boxes="detections.json"))
    with pytest.raises(OptionError, match="--blur-kernel"):
        check_options(options_module.TestOptions(predictions="x.json", blur_kernel=3))


def test_rmsprop_takes_its_numbers_and_adam_says_that_it_has_none(messages):
    layer = torch.nn.Linear(1, 1, bias=False)
    layer.weight.data.fill_(1.0)
    optimizer = optimizer_of(layer, TrainOptions(rms_alpha=0.5, rms_eps=0.25, lr=0.1))
    layer.weight.grad = torch.full_like(layer.weight, 2.0)
    optimizer.step()
    assert float(layer.weight.detach()) == pytest.approx(1 - 0.1 * 2 / ((0.5 * 4) ** 0.5 + 0.25))
    group = optimizer_of(layer, TrainOptions()).param_groups[0]
    assert (group["alpha"], group["eps"]) == (0.99, 1e-8) and messages == []
    optimizer_of(layer, TrainOptions(solver="adam", rms_alpha=0.5))
    assert "--rms-alpha does nothing with --solver adam" in messages[0]


@pytest.mark.parametrize(("every", "expected"), [(0, 0), (1, 6), (2, 2)])
def test_a_line_every_so_many_batches(tmp_path, tiny_coco, tiny_options, messages, monkeypatch, every, expected):
    from zoopose.train import train

    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
    data = f"coco:{tiny_coco(tmp_path / 'data', n=12)}"
    options = tiny_options(tmp_path / "run", dataset=data, valid=data, epochs=2, print_freq=every, train_batch=4)
    train.run(TrainOptions(**options))
    lines = [m for m in messages if "batch " in m and m.startswith("epoch")]
    assert len(lines) == expected and all("lr 2.50e-04" in m and "/3" in m for m in lines)


def test_pictures_at_once(tmp_path, tiny_coco):
    from zoopose.datasets.coco.keypoints import CocoKeypoints
    from zoopose.evaluation.score import predict_with

    sizes = []

    class Flat(torch.nn.Module):
        def forward(self, images):
            sizes.append(len(images))
            return [torch.zeros(len(images), 6, 8, 8)]

    data = CocoKeypoints(tiny_coco(tmp_path, n=7))
    loaded = replace(network(size_hw=32, heatmap_hw=8), model=Flat(), skeleton=data.skeleton)
    for count, expected in ((16, [7]), (3, [3, 3, 1])):
        predict_with(loaded, data, torch.device("cpu"), NetworkUseOptions(predict_batch=count, workers=0))
        assert sizes == expected
        sizes.clear()
    assert "predict_batch" in FitOptions.FREE and "print_freq" in FitOptions.FREE
