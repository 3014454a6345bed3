"""Few frames, single joints, no known label: the score without target labels, and the calibration of labels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from zoopose.ccssl.confidence import CORRECT, calibrate
from zoopose.ccssl.selfcheck import SelfCheck
from zoopose.datasets.crops import CropCache
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.skeleton import Skeleton

FORM = InputSpec("exact", 32, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Means(nn.Module):
    """Means over the strides of the picture in place of a network: `k` maps of one channel each, all alike."""

    def __init__(self, k: int):
        super().__init__()
        self.k, self.gain = k, nn.Parameter(torch.ones(()))

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        maps = nn.functional.avg_pool2d(images.mean(1, True), 4) * self.gain
        return [maps.expand(-1, self.k, -1, -1)]


def check(frames, n: int, k: int, flow: str = "none") -> SelfCheck:
    skeleton = Skeleton("beast", tuple(f"joint{i}" for i in range(k)))
    data = frames(n, skeleton, 60)
    teacher = Means(k)
    return SelfCheck(CropCache(data, 44, 44 / 32, 0), data.shots, FORM, flow, lambda: teacher)


@pytest.mark.parametrize(("n", "k", "flow"), [(1, 1, "lk"), (3, 2, "lk"), (5, 1, "none")])
def test_few_frames_and_single_joints_have_a_score(frames, n, k, flow):
    found = check(frames, n, k, flow)(Means(k), 0.5)
    # a mean of the picture is mirrored with it
    assert found["selfcheck/views"] == found["selfcheck/teacher"] == 1
    assert 0 < found["selfcheck/score"] <= 1


def test_a_source_that_shows_no_joint_is_left_out_of_the_score(frames):
    found = check(frames, 5, 2)(Means(2), math.nan)
    assert "selfcheck/source" not in found and found["selfcheck/score"] == pytest.approx(1)


@pytest.mark.parametrize("n", [0, 1, 60])
def test_a_calibration_says_what_it_takes_for_right(n):
    rng = np.random.default_rng(0)
    peak, agreement = rng.uniform(0.1, 1, (n, 3)), rng.uniform(0, 0.3, (n, 3))
    found = calibrate(peak, agreement, peak > 0.5, np.ones((n, 3), bool), "horses")
    assert found.facts["n"] == 3 * n and found.facts["data"] == "horses"
    assert found.facts["limit"] == f"{CORRECT:g} of the box's longer side"
    sure, unsure, none = found.probability(np.array([[0.9], [0.2], [0.0]]), np.full((3, 1), 0.02))[:, 0]
    assert sure > unsure > none == 0
