"""The 3 x 3 convolution with its own weight gradient is torch's."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoopose.pose.models import blocks, build_model


@pytest.mark.parametrize("shape", [(2, 4, 8, 8), (3, 6, 5, 9), (1, 2, 1, 1)])
@pytest.mark.parametrize("trained", ["all", "weights only"])
def test_equals_torch(monkeypatch, shape, trained):
    monkeypatch.setattr(blocks, "_ONLY_AVX2", True)
    torch.manual_seed(0)
    ours, theirs = blocks.Conv3x3(shape[1], 7), nn.Conv2d(shape[1], 7, 3, padding=1)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(shape, dtype=torch.float64).contiguous(memory_format=torch.channels_last)
    found = []
    for conv in (ours.double(), theirs.double()):
        conv.to(memory_format=torch.channels_last)
        x = images.clone(memory_format=torch.preserve_format).requires_grad_(trained == "all")
        y = conv(x)
        (y * torch.arange(y.numel(), dtype=y.dtype).view_as(y)).sum().backward()
        found.append([y, conv.weight.grad, conv.bias.grad, *([x.grad] if x.requires_grad else [])])
    assert "Conv3x3" in type(found[0][0].grad_fn).__name__
    for a, b in zip(*found):
        torch.testing.assert_close(a, b)


def test_takes_torchs_gradient_elsewhere(monkeypatch):
    monkeypatch.setattr(blocks, "_ONLY_AVX2", True)
    conv = blocks.Conv3x3(4, 4)
    images = torch.randn(2, 4, 8, 8)
    assert "Conv3x3" not in type(conv(images).grad_fn).__name__  # plain memory format
    monkeypatch.setattr(blocks, "_ONLY_AVX2", False)
    assert "Conv3x3" not in type(conv(images.contiguous(memory_format=torch.channels_last)).grad_fn).__name__


def test_hourglass_does_not_depend_on_the_memory_format(monkeypatch):
    monkeypatch.setattr(blocks, "_ONLY_AVX2", True)
    torch.manual_seed(0)
    network = build_model("hg", 3, num_stacks=2, width=8, depth=2).double()
    images = torch.randn(2, 3, 64, 64, dtype=torch.float64)
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        network.to(memory_format=layout).zero_grad()
        outputs = network(images.contiguous(memory_format=layout))
        sum(o.square().mean() for o in outputs).backward()
        found.append([*outputs, *(p.grad.clone() for p in network.parameters())])
    for a, b in zip(*found):
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-10)
