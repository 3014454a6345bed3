"""Parameters and multiply-adds, against counts by hand."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from zoopose.pose.complexity import complexity


class Small(nn.Module):
    """One layer of every kind; the 1x1 convolution is used twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.depthwise = nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False)
        self.up = nn.ConvTranspose2d(8, 6, 4, stride=2, padding=1, groups=2)
        self.again = nn.Conv2d(6, 6, 1)
        self.gate = nn.Linear(6, 6)

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        x = self.again(self.again(self.up(self.depthwise(self.norm(self.conv(images))))))
        return [x * self.gate(x.mean((2, 3)))[:, :, None, None]]


def test_counts_are_those_by_hand_and_the_network_stays_as_it_is():
    model = Small()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    parameters, multiply_adds = complexity(model, (16, 24))
    assert parameters == (3 * 8 * 9 + 8) + 16 + 8 * 25 + (8 * 3 * 16 + 6) + (36 + 6) + (36 + 6)
    half, whole = 8 * 12, 16 * 24
    assert multiply_adds == half * (3 * 8 * 9 + 8 * 25 + 8 * 3 * 16) + 2 * whole * 36 + 36
    assert complexity(model, (32, 24))[1] == 2 * (multiply_adds - 36) + 36
    assert model.training and all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.device.type == "cpu" for p in model.parameters())
    assert not any(m._forward_hooks or "forward" in vars(m) for m in model.modules())


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(3, 4, 3),
        nn.Conv2d(3, 4, (3, 5), stride=(2, 3), padding=(1, 0), dilation=(2, 1)),
        nn.Conv2d(3, 4, 4, padding="same", dilation=2),
        nn.Conv2d(3, 6, 2, padding="valid", groups=3),
        nn.ConvTranspose2d(3, 4, 2, stride=2),
        nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1),
        nn.ConvTranspose2d(3, 3, (4, 5), stride=(3, 2), padding=(1, 2), dilation=(1, 2), groups=3),
    ],
    ids=str,
)
def test_convolutions_are_laid_out_in_their_own_size(layer):
    found = []
    after = nn.Identity()
    after.register_forward_hook(lambda layer, inputs, output: found.append(tuple(output.shape)))
    _, multiply_adds = complexity(nn.Sequential(layer, after), (20, 27))
    real = layer(torch.rand(1, 3, 20, 27))
    assert found == [tuple(real.shape)]
    places = 20 * 27 if layer.transposed else real[0, 0].numel()
    assert multiply_adds == layer.weight.numel() * places
