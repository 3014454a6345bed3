"""When labels are made, and that they follow from network and pictures alone, not from what the training does with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.original.labels import share_left_out
from zoopose.ccssl.protocol import refresh_of, with_defaults
from zoopose.ccssl.setup import step_for
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.views import Unlabelled
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose import checkpoints
from zoopose.pose.input_spec import InputSpec
from zoopose.train.adaptation import AdaptationStart


class Task:
    """What a step asks of a run."""

    patience = 0

    def __init__(self, folder, network):
        self.folder, self.plain, self.restored = RunFolder(folder), network.model, {}
        self.fabric = Fabric(accelerator="cpu", devices=1)


@pytest.fixture(scope="module")
def made(tmp_path_factory, tiny_coco, tiny_options, source_data, source_model):
    """(options) -> the step of an adaptation to 9 frames, and its network."""
    frames = tiny_coco(tmp_path_factory.mktemp("target"), n=9, seed=9, video=True, size=100)

    def make(**more):
        folder = tmp_path_factory.mktemp("run")
        options = with_defaults(CcsslOptions(**tiny_options(folder, **{"views": 2, "source_augment": "none", **more})))
        network = checkpoints.load(source_model)
        source, target = CocoKeypoints(source_data), CocoKeypoints(frames)
        if options.protocol == "published":
            network.spec = InputSpec("published", 32, 8, network.spec.mean, network.spec.std)
        fabric = Fabric(accelerator="cpu", devices=1)
        inputs = AdaptationStart(source, source, Unlabelled(target, network.skeleton), network, None)
        step = step_for(options, inputs, fabric, Task(folder, network))
        return step, network

    return make


@pytest.mark.parametrize("protocol", ["zoopose", "published"])
def test_labels_do_not_depend_on_the_augmentation_they_are_trained_with(made, protocol):
    found = []
    for augment in ("none", "standard", "strong"):
        if (protocol, augment) == ("published", "strong"):
            continue  # needs imgaug
        step, network = made(protocol=protocol, target_augment=augment)
        found.append((step.labeller.label(network.model, 0), step.labeller.cache_key(network.model, 0)))
    labels, mark = found[0]
    assert np.isfinite(labels.xy_px).all() and len(np.unique(labels.peak)) > 9
    for other, other_mark in found[1:]:
        assert other_mark == mark
        for name in ("xy_px", "confidence", "peak", "agreement_px", "carried"):
            np.testing.assert_array_equal(getattr(other, name), getattr(labels, name), err_msg=name)


def test_target_pictures_that_are_not_augmented_are_the_crops_without_their_margin(made):
    step, _ = made(target_augment="none")
    feed = step.target
    n, k = len(feed.dataset), len(feed.dataset.skeleton)
    feed.labels = np.zeros((n, k, 2), np.float32), np.ones((n, k), np.float32)
    batch = next(feed.batches(0, 0, torch.device("cpu")))
    pad = (feed.crops.size - feed.spec.size) // 2
    assert pad > 0
    for image, row in zip(batch["images"], batch["index"].tolist()):
        inner = feed.crops[row]["crop"][None, :, pad:-pad, pad:-pad].float() / 255
        np.testing.assert_allclose(image, feed.spec.normalise_exact(inner)[0], atol=1e-4)


@pytest.mark.parametrize(("epochs", "rounds"), [(5, 1), (12, 2), (60, 6), (100, 10)])
def test_the_published_protocol_labels_every_ten_epochs(made, epochs, rounds):
    step, _ = made(protocol="published", target_augment="none", num_epochs=epochs)
    assert (step.refresh, step.rounds) == (10, rounds)
    begins = [e for e in range(epochs) if e == 0 or step.round_of(e) != step.round_of(e - 1)]
    assert begins == list(range(0, epochs, 10))
    # the share that a round leaves out is that of the epoch it begins at
    assert [share_left_out(10 * step.round_of(e)) for e in begins] == [share_left_out(e) for e in begins]
    assert refresh_of(with_defaults(CcsslOptions(protocol="published", num_epochs=epochs, refresh=3))) == 3


def test_without_a_protocol_there_are_six_rounds():
    assert [refresh_of(with_defaults(CcsslOptions(num_epochs=n))) for n in (6, 12, 60)] == [1, 2, 10]
