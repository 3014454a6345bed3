"""Reductions of the joint losses, on numbers one can do in the head."""

from __future__ import annotations

import pytest
import torch

from zoopose.pose import heatmap, losses
from zoopose.pose.losses import joints_mse, joints_mse_original


def test_published_reduction_counts_unlabelled_items_in_its_mean():
    output, target = torch.full((2, 2, 1, 1), 2.0), torch.zeros(2, 2, 1, 1)
    weight = torch.tensor([[1.0, 0.0], [1.0, 1.0]])
    # joint 0: 0.5 * mean(4, 4) = 2; joint 1: 0.5 * mean(0, 4) = 1; over 2 joints
    assert joints_mse_original(output, target, weight).item() == pytest.approx(1.5)
    assert joints_mse_original(output, target, weight, num_keypoints=3).item() == pytest.approx(1.0)


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


@pytest.mark.parametrize("loss", [joints_mse, joints_mse_original])
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


def test_hard_joints_are_those_with_the_largest_error_of_every_picture():
    output, target = torch.tensor([[3.0, 1.0, 2.0], [0.0, 4.0, 0.0]])[..., None, None], torch.zeros(2, 3, 1, 1)
    # halves of squares: 4.5, 0.5, 2 and 0, 8, 0
    assert losses.joints_ohkm(output, target, top_k=2).item() == pytest.approx(((4.5 + 2) / 2 + 8 / 2) / 2)
    weight = torch.tensor([[0.0, 1.0, 1.0], [1.0, 0.5, 1.0]])
    assert losses.joints_ohkm(output, target, weight, top_k=1).item() == pytest.approx((2 + 8 * 0.25) / 2)
    assert losses.joints_ohkm(output[:1], target[:1], top_k=8).item() == pytest.approx((4.5 + 0.5 + 2) / 3)


def test_labelled_hard_joints_leave_out_those_without_label():
    output, target = torch.tensor([[3.0, 1.0, 2.0]])[..., None, None], torch.zeros(1, 3, 1, 1)
    assert losses.labelled_ohkm(output, target, torch.tensor([[0.0, 1.0, 2.0]]), top_k=2).item() == pytest.approx(2.5)


def test_hidden_joints_are_pushed_to_an_empty_map():
    output, target = torch.ones(1, 3, 1, 1), torch.full((1, 3, 1, 1), 3.0)
    assert losses.visible_mse(output, target, torch.tensor([[0.0, 1.0, 2.0]])).item() == pytest.approx((1 + 1 + 4) / 3)


def offset_maps(seed: int, wrong: float = 0.3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    xy = torch.rand(2, 3, 2, generator=generator) * 8
    target = heatmap.encode_offsets(xy, torch.ones(2, 3), (9, 9), 2.0)
    return (target + wrong * torch.randn(target.shape, generator=generator)).requires_grad_(True), target


@pytest.mark.parametrize("settings", [{}, {"smooth_l1": True}, {"weighted_disc": True}])
def test_offsets_count_within_the_disc_only(settings):
    output, target = offset_maps(0)
    losses.udp_offset_loss(output, target, torch.ones(2, 3), **settings).backward()
    outside = (target[:, ::3] == 0)[:, :, None]
    ways = output.grad.unflatten(1, (3, 3))[:, :, 1:]
    assert (ways[outside.expand_as(ways)] == 0).all() and (ways != 0).any()
    assert losses.udp_offset_loss(target, target, torch.ones(2, 3), **settings) == 0


def test_only_the_weighted_disc_takes_unlabelled_offsets_out():
    for weighted in (False, True):
        output, target = offset_maps(1)
        losses.udp_offset_loss(
            output, target, torch.tensor([[1.0, 0, 1], [1, 1, 1]]), weighted_disc=weighted
        ).backward()
        unlabelled = output.grad.unflatten(1, (3, 3))[0, 1]
        assert (unlabelled[0] == 0).all()
        assert (unlabelled[1:] == 0).all() == weighted


def test_the_voting_loss_leaves_out_joints_without_label_and_cells_of_others():
    output, target = offset_maps(2)
    target[0, 3:6] = float("nan")
    ignore = torch.zeros(2, 3, 9, 9)
    ignore[1, 2, 4:] = 1
    losses.grmi_loss(output, target, torch.tensor([[1.0, 0, 1], [1, 1, 1]]), ignore).backward()
    gradient = output.grad.unflatten(1, (3, 3))
    assert (gradient[0, 1] == 0).all() and (gradient[1, 2, 0, 4:] == 0).all() and (gradient[1, 2, 0, :4] != 0).all()
    assert gradient.isfinite().all()


def test_the_voting_loss_has_a_gradient_where_it_is_zero():
    output, target = offset_maps(3, wrong=0.0)
    losses.grmi_loss(output, target, torch.ones(2, 3)).backward()
    assert output.grad.isfinite().all()
    assert losses.grmi_loss(output, target, torch.zeros(2, 3)).isfinite()


def test_stages_take_their_own_widths():
    """Each output equals one level of the targets: the loss says which one it is held against."""
    levels = torch.arange(5.0).view(1, 5, 1, 1, 1).expand(2, 5, 3, 4, 4)
    visibility = torch.full((2, 3), 2.0)
    outputs = [levels[:, i] for i in (0, 1, 2, 3)] + [levels[:, i] for i in (1, 2, 3, 4)]
    assert losses.megvii_loss(outputs, levels, visibility) == 0
    assert losses.megvii_loss(outputs[:4] * 2, levels[:, :4], visibility, coarse_to_fine=False) == 0
    assert losses.megvii_loss(outputs[:4], levels, visibility).item() == pytest.approx(3 / 4 + 1)
    assert losses.cpn_loss([*outputs[:4], levels[:, 3]], levels, visibility) == 0
    assert losses.cpn_loss([*outputs[:4], levels[:, 4]], levels, visibility).item() == pytest.approx(1)


def test_stages_and_widths_that_do_not_fit_are_refused():
    maps, visibility = [torch.zeros(1, 2, 4, 4)] * 5, torch.ones(1, 2)
    with pytest.raises(ValueError, match="whole stages of 4 scales"):
        losses.megvii_loss(maps, torch.zeros(1, 5, 2, 4, 4), visibility)
    with pytest.raises(ValueError, match="5 widths"):
        losses.megvii_loss(maps[:4], torch.zeros(1, 4, 2, 4, 4), visibility)
    with pytest.raises(ValueError, match="4 widths"):
        losses.cpn_loss(maps, torch.zeros(1, 3, 2, 4, 4), visibility)


def test_factors_of_joints_multiply_their_weights():
    found = losses.joint_factors(torch.tensor([[1.0, 0.0], [0.5, 1.0]]), torch.tensor([1.2, 1.5]))
    assert found.flatten().tolist() == pytest.approx([1.2, 0.0, 0.6, 1.5])
