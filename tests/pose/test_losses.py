"""Reductions of the joint losses, on numbers one can do in the head."""

from __future__ import annotations

import pytest
import torch

from zoopose.pose.losses import joints_mse, joints_mse_published


def test_published_reduction_counts_unlabelled_items_in_its_mean():
    output, target = torch.full((2, 2, 1, 1), 2.0), torch.zeros(2, 2, 1, 1)
    weight = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    # joint 0: 0.5 * mean(4, 4) = 2; joint 1: 0.5 * mean(0, 4) = 1; over 2 joints
    assert joints_mse_published(output, target, weight).item() == pytest.approx(1.5)
    assert joints_mse_published(output, target, weight, num_keypoints=3).item() == pytest.approx(1.0)


def test_mean_reduction_runs_over_labelled_joints_only():
    output, target = torch.tensor([[1.0, 5.0], [3.0, 2.0]])[..., None, None], torch.zeros(2, 2, 1, 1)
    weight = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    assert joints_mse(output, target, weight).item() == pytest.approx((1 + 9 + 4) / 3)
    assert joints_mse(output, target, weight[..., None] / 2).item() == pytest.approx((1 + 9 + 4) / 3)


def test_mean_reduction_ignores_what_stands_at_unlabelled_joints():
    output = torch.ones(1, 2, 3, 3, requires_grad=True)
    target = torch.zeros(1, 2, 3, 3)
    target[0, 1] = float("nan")
    loss = joints_mse(output, target, torch.tensor([[1.0, 0.0]]))
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert torch.isfinite(output.grad).all() and (output.grad[0, 1] == 0).all()


@pytest.mark.parametrize("loss", [joints_mse, joints_mse_published])
def test_nothing_labelled_is_zero_with_a_zero_gradient(loss):
    output = torch.randn(2, 3, 4, 4, requires_grad=True)
    value = loss(output, torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 1))
    value.backward()
    assert value.item() == 0
    assert (output.grad == 0).all()


def test_peaks_weigh_more_by_the_height_of_the_target():
    output, target = torch.zeros(1, 1, 1, 4), torch.tensor([[[[0.0, 0.5, 1.0, 0.0]]]])
    expected = ((1 + 10 * 0.5) * 0.25 + (1 + 10 * 1.0) * 1.0) / 4
    assert joints_mse(output, target, torch.ones(1, 1), peak_weight=10).item() == pytest.approx(expected)
    assert joints_mse(output, target, torch.ones(1, 1), peak_weight=0) == joints_mse(output, target, torch.ones(1, 1))


def test_weighted_peaks_ignore_what_stands_at_unlabelled_joints():
    output = torch.ones(1, 2, 3, 3, requires_grad=True)
    target = torch.zeros(1, 2, 3, 3)
    target[0, 1] = float("nan")
    loss = joints_mse(output, target, torch.tensor([[1.0, 0.0]]), peak_weight=10)
    loss.backward()
    assert loss.item() == pytest.approx(1.0)
    assert torch.isfinite(output.grad).all() and (output.grad[0, 1] == 0).all()
