"""The teacher is the stated average of the network's weights, its statistics included, and goes on after a stop."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from zoopose.ccssl.teacher import Teacher


class Number(nn.Module):
    def __init__(self, value: float):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([value], dtype=torch.float64))


def followed(values, decay: float) -> list[float]:
    """The teacher's weight after each of these values of the network's."""
    model, found = Number(values[0]), []
    teacher = Teacher(model, decay)
    for value in values[1:]:
        with torch.no_grad():
            model.weight.fill_(value)
        teacher.update(model)
        found.append(teacher.model.weight.item())
    return found


@pytest.mark.parametrize("decay", [0.9, 0.97])
def test_the_average_is_that_of_its_closed_form(decay):
    values = np.random.default_rng(0).normal(size=80)
    found = followed(values, decay)
    expected, own = [], values[0]
    for t, value in enumerate(values[1:], 1):
        keep = min(decay, 1 - 1 / (t + 1))
        own = keep * own + (1 - keep) * value
        expected.append(own)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    # once the ramp is over a step of the network is forgotten by `decay` a step
    last = round(1 / (1 - decay)) - 1
    weights = (1 - decay) * decay ** np.arange(80 - 1 - last)[::-1]
    tail = decay ** len(weights) * found[last - 1] + weights @ values[last + 1 :]
    np.testing.assert_allclose(found[-1], tail, rtol=1e-9)


def test_at_first_it_is_the_plain_mean_of_all_so_far():
    values = np.arange(10.0)
    np.testing.assert_allclose(followed(values, 0.999), [values[: t + 1].mean() for t in range(1, 10)], rtol=1e-12)


def test_a_teacher_that_keeps_nothing_is_the_network():
    assert followed([1.0, 5.0, -2.0], 0.0) == [5.0, -2.0]


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def step(network: nn.Module, seed: int) -> None:
    """One forward in training mode and a change of all weights."""
    draws = torch.Generator().manual_seed(seed)
    network.train()(torch.rand(2, 3, 6, 6, generator=draws))
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.rand(weight.shape, generator=draws))


def test_statistics_of_batch_norm_are_averaged_and_counts_copied(network):
    before = network[1].running_mean.clone()
    teacher = Teacher(network, 0.9)
    step(network, 0)
    teacher.update(network)
    np.testing.assert_allclose(teacher.model[1].running_mean, (before + network[1].running_mean) / 2, rtol=1e-6)
    assert teacher.model[1].num_batches_tracked == network[1].num_batches_tracked == 1


def test_it_is_a_copy_that_neither_trains_nor_shares_anything(network):
    network.train()
    teacher = Teacher(network, 0.5)
    assert network.training and not teacher.model.training and all(w.requires_grad for w in network.parameters())
    assert not any(w.requires_grad for w in teacher.model.parameters())
    own = copy.deepcopy(teacher.model.state_dict())
    step(network, 0)
    assert all(torch.equal(own[k], v) for k, v in teacher.model.state_dict().items())


def test_gone_on_from_a_checkpoint_it_is_the_teacher_that_never_stopped(network, tmp_path):
    whole, first = Teacher(network, 0.8), Teacher(network, 0.8)
    for seed in range(3):
        step(network, seed)
        whole.update(network)
        first.update(network)
    torch.save(first.state_dict(), tmp_path / "teacher.pt")
    second = Teacher(network, 0.8)
    second.load_state_dict(torch.load(tmp_path / "teacher.pt", weights_only=True))
    for seed in range(3, 6):
        step(network, seed)
        whole.update(network)
        second.update(network)
    assert second.steps == whole.steps == 6
    assert all(torch.equal(v, second.model.state_dict()[k]) for k, v in whole.model.state_dict().items())
