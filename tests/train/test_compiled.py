"""Compiled is the training forward alone, for one shape; a missing compiler is named before anything begins."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoopose.errors import OptionError
from zoopose.pose.models import build_model
from zoopose.pose.models.blocks import PreActBottleneck
from zoopose.train import compiled


@pytest.fixture
def calls(monkeypatch):
    """Shapes that went through the compiled forward; nothing is really compiled."""
    shapes = []

    def fake(forward, **options):
        assert options == {"dynamic": False}

        def fast(block, x):
            shapes.append(tuple(x.shape))
            return forward(block, x)

        return fast

    monkeypatch.setattr(compiled.torch, "compile", fake)
    monkeypatch.setattr(compiled, "check_compiler", lambda: None)
    return shapes


def test_only_training_batches_of_one_shape(calls):
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.BatchNorm2d(2))
    model = compiled.Compiled(network)
    for size in (6, 6, 4, 3, 6):
        model.train()(torch.zeros(size, 3, 8, 8))
        model.eval()(torch.zeros(5, 3, 8, 8))
    with torch.no_grad():
        model.train()(torch.zeros(6, 3, 8, 8))
    assert [s[0] for s in calls] == [6, 6, 6]


def test_weights_are_the_networks(calls):
    network = build_model("hg", 3, num_stacks=1, width=4, depth=1)
    model = compiled.Compiled(network)
    assert {id(p) for p in model.parameters()} == {id(p) for p in network.parameters()}
    assert len(model.state_dict()) == len(network.state_dict())


def test_hourglass_block_by_block(calls):
    network = build_model("hg", 3, num_stacks=2, width=4, depth=1)
    images = torch.randn(2, 3, 32, 32)
    compiled.Compiled(network).train()(images)
    blocks = sum(isinstance(m, PreActBottleneck) for m in network.modules())
    assert len(calls) == blocks
    network.train()(images)  # the network by itself stays plain
    assert len(calls) == blocks


def test_missing_compiler(monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(OptionError, match="no-such-compiler"):
        compiled.Compiled(nn.Identity())


def test_missing_headers(monkeypatch, tmp_path):
    monkeypatch.setattr(compiled.shutil, "which", lambda name: name)
    monkeypatch.setattr(compiled.sysconfig, "get_path", lambda name: str(tmp_path))
    with pytest.raises(OptionError, match="python3-dev"):
        compiled.Compiled(nn.Identity())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_really_compiled_gives_the_same():
    try:
        compiled.check_compiler()
    except OptionError as error:
        pytest.skip(str(error))
    torch.manual_seed(0)
    network = build_model("hg", 3, num_stacks=1, width=4, depth=1).to(memory_format=torch.channels_last)
    images = torch.randn(2, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    state = {k: v.clone() for k, v in network.state_dict().items()}
    found = []
    for model in (network, compiled.Compiled(network)):
        network.load_state_dict(state)
        network.zero_grad()
        (maps,) = model.train()(images)
        maps.square().sum().backward()
        found.append((maps.detach(), network.score[0].weight.grad.clone()))
    for a, b in zip(*found):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)
