"""Views of a frame, with networks made up of arithmetic: what they see is known, so what comes back can be checked."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from zoopose.ccssl.consistency import Views, label_views
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.crops import CropCache, collate
from zoopose.evaluation.inference import predict
from zoopose.pose import checkpoints
from zoopose.pose.augment import Augmentation
from zoopose.pose.geometry import apply, crop_matrix, square_box
from zoopose.pose.heatmap import encode
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.random_draws import generator_for

SIZE, CELLS, PAD = 64, 16, 13
MARGIN = 1 + 2 * PAD / SIZE
PLAIN = InputSpec("exact", SIZE, CELLS, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
STILL = Augmentation()


class ColourDetector(nn.Module):
    """Joint k is the dot in channel k: the map is the channel at a quarter of its size."""

    def forward(self, images):
        return [F.avg_pool2d(images, 4)]


class SideDetector(nn.Module):
    """Joint 0 is the dot in the left half of what is seen, joint 1 the one in the right half; joint 2 is the blue dot."""

    def forward(self, images):
        maps = F.avg_pool2d(images, 4)
        left = (torch.arange(maps.shape[-1]) < maps.shape[-1] // 2).float()
        return [torch.stack([maps[:, 0] * left, maps[:, 0] * (1 - left), maps[:, 2]], 1)]


def dots(xy: torch.Tensor, channels: tuple[int, ...], size: int, sigma: float = 5.0) -> torch.Tensor:
    """(F, 3, S, S) uint8 with a dot for every joint of (F, K, 2), in its channel."""
    cell = torch.arange(size)
    gx, gy = (torch.exp(-((cell - xy[..., axis, None]) ** 2) / (2 * sigma**2)) for axis in (0, 1))
    each = gy[..., :, None] * gx[..., None, :]
    image = torch.zeros(len(xy), 3, size, size)
    for joint, channel in enumerate(channels):
        image[:, channel] = torch.maximum(image[:, channel], each[:, joint])
    return (image * 255).round().byte()


def cells(xy_padded: torch.Tensor) -> torch.Tensor:
    """Padded crop's px -> cells of the inner square."""
    return (xy_padded - PAD + 0.5) * CELLS / SIZE - 0.5


def padded(*points) -> torch.Tensor:
    """Points of the inner square's px, in the padded crop."""
    return torch.tensor([points]) + PAD


@pytest.mark.parametrize(
    "equivariance",
    [
        Augmentation(rotation_deg=60),
        Augmentation(scale=1.4),
        Augmentation(flip=1.0),
        Augmentation(shift=0.1),
        Augmentation(scale=1.3, rotation_deg=30, flip=0.5, shift=0.05),
    ],
    ids=["turn", "scale", "mirror", "shift", "all"],
)
def test_views_come_back_upright_to_a_part_of_a_cell(equivariance):
    xy = torch.cat([padded((24.0, 26.3), (37.7, 30.0), (31.2, 40.4)), padded((28.8, 35.0), (34.0, 24.4), (40.0, 33.3))])
    crops = dots(xy, (0, 1, 2), SIZE + 2 * PAD)
    views = Views(6, equivariance, STILL)
    found = label_views(ColourDetector(), crops, MARGIN, PLAIN, views, np.arange(3), generator_for(1))
    assert found.maps.shape == (2, 3, CELLS, CELLS)
    np.testing.assert_allclose(found.xy_heatmap, cells(xy), atol=0.12)
    assert found.agreement.max() < 0.15
    assert found.peak.min() > 0.7 and found.peak.max() <= 1


def test_mirrored_views_swap_left_and_right_joints_back():
    """Sides are what the picture shows: only with the skeleton's flip order do the views agree."""
    xy = padded((18.0, 30.0), (46.0, 34.0), (32.0, 45.0))
    crops = dots(xy, (0, 0, 2), SIZE + 2 * PAD)
    views = Views(5, Augmentation(flip=1.0), STILL)
    found = label_views(SideDetector(), crops, MARGIN, PLAIN, views, np.array([1, 0, 2]), generator_for(0))
    np.testing.assert_allclose(found.xy_heatmap, cells(xy), atol=0.05)
    assert found.agreement.max() < 0.05
    wrong = label_views(SideDetector(), crops, MARGIN, PLAIN, views, np.arange(3), generator_for(0))
    assert wrong.agreement[0, :2].min() > 1


def test_views_that_disagree_say_so():
    class Stubborn(nn.Module):
        """Sees the joint in the same place of whatever it is shown."""

        def forward(self, images):
            maps = torch.zeros(len(images), 1, CELLS, CELLS)
            maps[:, :, 3, 12] = 1.0
            return [maps]

    crops = torch.zeros(1, 3, SIZE + 2 * PAD, SIZE + 2 * PAD, dtype=torch.uint8)
    views = Views(6, Augmentation(rotation_deg=40, flip=0.5), STILL)
    found = label_views(Stubborn(), crops, MARGIN, PLAIN, views, np.arange(1), generator_for(0))
    assert found.agreement.min() > 1 and found.peak.max() < 0.8


def test_a_cell_counts_for_the_views_that_saw_it():
    """A network that says 1 everywhere gives 1 everywhere, the corners included."""

    class Sure(nn.Module):
        def forward(self, images):
            return [torch.ones(len(images), 1, CELLS, CELLS)]

    crops = torch.zeros(2, 3, SIZE + 2 * PAD, SIZE + 2 * PAD, dtype=torch.uint8)
    views = Views(4, Augmentation(scale=1.4, rotation_deg=40, shift=0.1), STILL)
    found = label_views(Sure(), crops, MARGIN, PLAIN, views, np.arange(1), generator_for(0))
    np.testing.assert_allclose(found.maps, 1, atol=1e-5)


def test_draws_follow_from_the_generator_and_parts_of_a_batch_change_nothing():
    xy = torch.rand(3, 3, 2, generator=torch.Generator().manual_seed(0)) * 20 + PAD + 22
    crops = dots(xy, (0, 1, 2), SIZE + 2 * PAD)

    def label(seed: int, at_once: int = 64):
        return label_views(
            ColourDetector(), crops, MARGIN, PLAIN, Views(), np.arange(3), generator_for(seed), at_once
        ).maps

    assert torch.equal(label(0), label(0))
    assert torch.equal(label(0), label(0, at_once=4))
    assert not torch.equal(label(0), label(1))


def test_invariance_changes_the_drawn_views_only():
    class Mean(nn.Module):
        def forward(self, images):
            self.seen = images
            return [F.avg_pool2d(images, 4)]

    crops = torch.randint(0, 256, (2, 3, SIZE + 2 * PAD, SIZE + 2 * PAD), dtype=torch.uint8)
    model = Mean()
    label_views(model, crops, MARGIN, PLAIN, Views(3, STILL), np.arange(3), generator_for(0))
    frame, *drawn = model.seen.view(2, 4, 3, SIZE, SIZE).unbind(1)
    np.testing.assert_allclose(frame, crops[:, :, PAD:-PAD, PAD:-PAD].float() / 255, atol=2e-5)
    assert all((view - frame).abs().mean() > 0.005 for view in drawn)


@pytest.mark.parametrize("views", [0, 2], ids=["frame only", "views that change nothing"])
def test_the_frame_itself_is_what_prediction_sees(tmp_path, tiny_coco, source_model, views):
    path = tiny_coco(tmp_path, n=5, size=96)
    data = json.loads(path.read_text())
    for annotation in data["annotations"]:
        annotation["bbox"] = [32, 30, 32, 30]  # a square of 40 px: crop and picture have the same scale
    path.write_text(json.dumps(data))
    dataset = CocoKeypoints(path)
    model, spec = checkpoints.load(source_model).model, InputSpec("exact", 40, 10)
    expected = predict(model, dataset, spec, torch.device("cpu"))

    pad = 8
    crops = CropCache(dataset, 40 + 2 * pad, 1 + 2 * pad / 40, 1 << 24)
    batch = collate([crops[i] for i in range(len(dataset))])
    found = label_views(
        model,
        batch["crop"],
        crops.margin,
        spec,
        Views(views, STILL, STILL),
        dataset.skeleton.flip_order,
        generator_for(0),
    )
    inner = torch.from_numpy(crop_matrix(square_box(dataset.boxes, dataset.crop_factor), 40))
    xy_px = apply(spec.image_from_heatmap(inner), found.xy_heatmap.double())
    np.testing.assert_allclose(xy_px, expected.xy_px, atol=0.02)
    np.testing.assert_allclose(found.peak, np.maximum(expected.score, 0), atol=1e-4)
    assert found.agreement.max() < 1e-2


@pytest.mark.parametrize(
    ("views", "recoloured"),
    [
        (Views(), 1),
        (Views(0), 0),
        (Views(1), 0),
        (Views(2), 1),
        (Views(8, still=3), 3),
        (Views(3, STILL), 3),
        (Views(4, invariance=STILL), 0),
    ],
)
def test_how_many_views_are_recoloured_only(views, recoloured):
    assert views.recoloured == recoloured
    model, crops = Seeing(), torch.randint(0, 256, (2, 3, SIZE + 2 * PAD, SIZE + 2 * PAD), dtype=torch.uint8)
    found = label_views(model, crops, MARGIN, PLAIN, views, np.arange(3), generator_for(0))
    assert len(model.seen) == 2 * (1 + views.count)
    assert found.invariance.isnan().all() == (recoloured == 0)
    assert found.equivariance.isnan().all() == (recoloured == views.count)


class Seeing(nn.Module):
    """Keeps what it is shown; joint k is the dot in channel k."""

    def forward(self, images):
        self.seen = images
        return [F.avg_pool2d(images, 4)]


class Reddish(nn.Module):
    """Joint 0 stays where it is; joint 1 lies one cell further right for every fifth that the picture is redder than the first
    one of its frame."""

    def __init__(self, views: int):
        super().__init__()
        self.views = views

    def forward(self, images):
        means = images[:, 0].mean((1, 2)).view(-1, self.views)
        shift = (5 * (means - means[:, :1])).flatten()
        xy = torch.full((len(images), 2, 2), 7.5)
        xy[:, 1, 0] += shift
        return [encode(xy, torch.ones(len(images), 2), (CELLS, CELLS), 1.0)]


def test_each_check_sees_its_own_fault():
    """A joint that follows colour fails invariance; one that does not turn with the animal fails equivariance only."""
    crops = torch.full((3, 3, SIZE + 2 * PAD, SIZE + 2 * PAD), 120, dtype=torch.uint8)
    views = Views(6, Augmentation(), Augmentation(colour=0.5))
    found = label_views(Reddish(7), crops, MARGIN, PLAIN, views, np.arange(2), generator_for(0))
    assert found.invariance[:, 0].max() < 1e-3 and found.invariance[:, 1].min() > 0.1

    class Stubborn(nn.Module):
        def forward(self, images):
            xy = torch.tensor([[[3.0, 12.0], [7.5, 7.5]]]).expand(len(images), 2, 2)
            return [encode(xy, torch.ones(len(images), 2), (CELLS, CELLS), 1.0)]

    found = label_views(
        Stubborn(), crops, MARGIN, PLAIN, Views(4, Augmentation(rotation_deg=40)), np.arange(2), generator_for(0)
    )
    assert found.invariance.max() < 1e-3
    assert found.equivariance[:, 0].min() > 0.5 and found.equivariance[:, 1].max() < 1e-3  # the centre of a turn stays


@given(st.integers(0, 10_000), st.integers(0, 6), st.integers(0, 3))
def test_views_of_a_network_that_sees_right_agree_whatever_is_drawn(seed, count, still):
    xy = torch.rand(2, 3, 2, generator=torch.Generator().manual_seed(seed)) * 20 + PAD + 22
    views = Views(count, Augmentation(scale=1.3, rotation_deg=25, flip=0.5), Augmentation(noise=1e-3), still)
    found = label_views(
        ColourDetector(), dots(xy, (0, 1, 2), SIZE + 2 * PAD), MARGIN, PLAIN, views, np.arange(3), generator_for(seed)
    )
    for disagreement in (found.invariance, found.equivariance, found.agreement):
        assert disagreement.isnan().all() or disagreement.max() < 0.2
    np.testing.assert_allclose(found.xy_heatmap, cells(xy), atol=0.15)
