"""The teacher's joints and maps in the frame of the hard view: warped with their picture, left and right exchanged in mirrors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from zoopose.ccssl.online.teaching import in_hard_view, teacher_maps, without_drift
from zoopose.pose.augment import Augmentation, draw_views
from zoopose.pose.geometry import apply
from zoopose.pose.heatmap import encode
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.random_draws import generator_for

SPEC = InputSpec("exact", 64, 32)
FLIP = np.array([0, 2, 1])
XY = torch.tensor([[[10.0, 12.0], [20.0, 9.0], [14.0, 22.0]]]).expand(8, 3, 2)


def taught(augmentation, encoding="", kept=None):
    matrix, _ = draw_views(augmentation, 8, 64, generator_for(1))
    maps = encode(XY, torch.ones(8, 3, dtype=torch.bool), (32, 32), 1.5)
    kept = torch.ones(8, 3) if kept is None else kept
    found = in_hard_view(SPEC, maps, XY, kept, matrix, flip_order=FLIP, encoding=encoding)
    return found, matrix, maps


def test_in_the_same_view_nothing_changes():
    found, _, maps = taught(Augmentation())
    torch.testing.assert_close(found.target, maps)
    assert found.weight.eq(1).all()
    torch.testing.assert_close(found.xy_view, SPEC.crop_from_heatmap(XY))


@pytest.mark.parametrize("encoding", ["", "gaussian"])
def test_maps_move_with_their_picture(encoding):
    found, matrix, _ = taught(Augmentation(scale=1.2, rotation_deg=20, shift=0.05, flip=0.5), encoding)
    mirrored = torch.linalg.det(matrix[:, :, :2]) < 0
    assert mirrored.any() and not mirrored.all()
    moved = apply(matrix, SPEC.crop_from_heatmap(XY))
    expected = torch.where(mirrored[:, None, None], moved[:, FLIP], moved)
    torch.testing.assert_close(found.xy_view, expected)
    peak, _ = SPEC.decode(found.target)
    torch.testing.assert_close(SPEC.crop_from_heatmap(peak), expected, atol=0.6, rtol=0)


def test_what_is_kept_changes_sides_with_its_joint():
    kept = torch.tensor([[1.0, 1.0, 0.0]]).expand(8, 3)
    found, *_ = taught(Augmentation(flip=1.0), kept=kept)
    assert found.weight.tolist() == [[1.0, 0.0, 1.0]] * 8


def test_a_joint_outside_the_hard_view_is_not_learned():
    found, *_ = taught(Augmentation(scale=4.0))
    outside = ((found.xy_view < -0.5) | (found.xy_view > 63.5)).any(-1)
    assert outside.any() and torch.equal(found.weight == 0, outside)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x):
        return [self.norm(x)]


@pytest.mark.parametrize(("batch_norm", "mean"), [("running", 5.0), ("batch", 0.0)])
def test_a_teacher_leaves_its_mode_and_its_statistics_alone(batch_norm, mean):
    spec, model = InputSpec("exact", 8, 8), Norm().train()
    maps = teacher_maps(model, 5 + torch.randn(64, 3, 8, 8), spec, 3, batch_norm)
    assert float(maps.mean()) == pytest.approx(mean, abs=0.1) and not maps.requires_grad
    assert model.training and model.norm.training and model.norm.momentum == 0.1
    assert model.norm.running_mean.eq(0).all()


def test_the_drift_of_a_teacher_is_taken_off_what_it_says():
    """A joint that the teacher sees 2 px too low is taught where it was."""
    moved = torch.tensor([[[-1.0, 0.0, 63.0], [0.0, 1.0, 5.0]]])
    there = apply(without_drift(moved, (1.0, 2.0)), torch.tensor([[[11.0, 22.0]]]))
    torch.testing.assert_close(there, apply(moved, torch.tensor([[[10.0, 20.0]]])))
    assert without_drift(moved, (0.0, 0.0)) is moved
