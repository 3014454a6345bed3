"""CPN, MSPN, RSN and the hourglasses of other code: shapes, gradients, trunks, and the cut at the last feature map."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from zoopose.errors import OptionError, WeightsError
from zoopose.pose.models import build_model, cpn, hourglass_princeton, rsn
from zoopose.pose.models.mspn import MSPN
from zoopose.pose.models.multi_stage import MultiStageNetwork
from zoopose.pose.models.multi_stage_keys import mmpose_key, trunk_key
from zoopose.pose.transfer import _copy_joints, _joint_axes
from zoopose.pose.weights import load_published

STEPS = rsn.ResidualStepsBlock
# name -> (small network of K joints, number of its outputs)
SMALL = {
    "cpn": (lambda k: cpn.CPN(k, (1, 1, 1, 1), 16), 5),
    "mspn": (lambda k: MSPN(k, 2, blocks=(1, 2, 1, 1), unit_channels=8, width=8), 8),
    "rsn": (lambda k: MultiStageNetwork(k, 3, block=STEPS, blocks=(2, 1, 1, 1), unit_channels=8, width=16), 12),
    "rsn_prm": (
        lambda k: MultiStageNetwork(
            k,
            block=STEPS,
            blocks=(1, 1, 1, 1),
            unit_channels=8,
            width=16,
            conv_bias=False,
            refine=rsn.PoseRefineMachine,
        ),
        4,
    ),
    "rsn_res18": (lambda k: MultiStageNetwork(k, block=rsn.Narrow, blocks=(2, 2, 2, 2), unit_channels=8, width=8), 4),
    "hg_princeton": (lambda k: hourglass_princeton.hg_princeton(k, 2, 16, 2), 2),
    "hg_dark": (lambda k: build_model("hg_dark", k, num_stacks=2, width=4, depth=2), 2),
}


@pytest.fixture(params=SMALL)
def name(request):
    torch.manual_seed(0)
    return request.param


def test_outputs_are_all_of_a_quarter_of_the_input(name):
    build, outputs = SMALL[name]
    with torch.no_grad():
        maps = build(3 * 5)(torch.rand(2, 3, 64, 96))
    assert [tuple(m.shape) for m in maps] == [(2, 3 * 5, 16, 24)] * outputs, "three maps a joint"


def test_every_parameter_that_trains_gets_a_gradient(name):
    model = SMALL[name][0](5)
    outputs = model(torch.rand(3, 3, 64, 96))
    sum((o * torch.rand_like(o)).sum() for o in outputs).backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    still = [n for n, p in model.named_parameters() if p.requires_grad and not p.grad.any()]
    assert [n for n in still if not n.endswith("bias")] == [], (
        "a convolution's bias in front of a batch norm moves nothing"
    )
    frozen = {n.rsplit(".", 3)[-3] for n, p in model.named_parameters() if not p.requires_grad}
    assert frozen == ({"skip_layer"} if name == "hg_princeton" else set())


def test_a_stage_learns_from_the_stage_behind_it():
    model = SMALL["rsn"][0](5)
    model(torch.rand(2, 3, 64, 64))[-1].square().sum().backward()
    first = model.stages[0]
    for n in range(1, 5):
        assert (
            first.upsample[f"up{n}"].skip1.conv.weight.grad.any()
            and first.upsample[f"up{n}"].skip2.bn.weight.grad.any()
        )
    assert first.upsample["up4"].cross_conv.conv.weight.grad.any()
    assert first.upsample["up4"].res_conv2.conv.weight.grad is None, "its maps go nowhere but to their loss"


def test_last_layer_is_all_that_the_head_does_and_can_be_made_anew(name):
    model = SMALL[name][0](5).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_()
        earlier, last = model.features(torch.rand(2, 3, 64, 96))
        assert last.shape == (2, model.feature_channels, 16, 24) and len(earlier) == SMALL[name][1] - 1
        assert torch.equal(model.head(last), model.last_layer(last))
        fresh = model.new_last_layer(7)
        assert fresh.eval()(last).shape == (2, 7, 16, 24)
    assert list(fresh.state_dict()) == list(model.last_layer.state_dict())


@pytest.mark.parametrize("arch", ["cpn50", "mspn1"])
def test_networks_of_the_table_take_an_adaptation_network_and_another_last_layer(arch):
    with torch.device("meta"):  # shapes only: no memory, no time
        model = build_model(arch, 5, adapter=1).eval()
        side = max(64, model.input_multiple)
        outputs = model(torch.zeros(1, 3, side, side))
        fresh = model.new_last_layer(7)
        assert fresh.eval()(torch.zeros(1, model.feature_channels, 4, 4)).shape[1] == 7
    assert outputs[-1].shape == (1, 5, side // 4, side // 4)
    assert list(fresh.state_dict()) == list(model.last_layer.state_dict())


def test_an_adaptation_network_begins_as_the_identity(name):
    model = SMALL[name][0](5).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        plain = model(images)
        model.add_adapter(1)
        adapted = model.eval()(images)
    assert all(torch.equal(a, b) for a, b in zip(plain, adapted, strict=True))


@pytest.fixture(scope="module")
def resnet():
    torch.manual_seed(1)
    model = torchvision.models.ResNet(torchvision.models.resnet.Bottleneck, [1, 1, 1, 1], num_classes=3).eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return model


def levels_of(resnet, images):
    x = resnet.maxpool(resnet.relu(resnet.bn1(resnet.conv1(images))))
    return [x := layer(x) for layer in (resnet.layer1, resnet.layer2, resnet.layer3, resnet.layer4)][::-1]


def test_a_trunk_of_torchvision_gives_its_feature_maps(resnet):
    images = torch.rand(1, 3, 64, 32)
    state = {k: v for k, v in resnet.state_dict().items() if "num_batches" not in k}  # as in torchvision's older files
    pyramid = cpn.CPN(5, (1, 1, 1, 1), 8).eval()
    multi = MSPN(5, 2, blocks=(1, 1, 1, 1), unit_channels=8).eval()
    with torch.no_grad():
        wanted = levels_of(resnet, images)
        pyramid.load_trunk(state)
        assert "2 stages" in multi.load_trunk(state)
        top = multi.top(images)
        for found in (pyramid.resnet(images), *(stage.downsample(top, None) for stage in multi.stages)):
            for a, b in zip(found, wanted, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


def test_the_published_trunk_fits_mspn_tensor_by_tensor():
    with torch.device("meta"):
        theirs = torchvision.models.resnet50().state_dict()
        ours = build_model("mspn2", 17).state_dict()
    for key, tensor in theirs.items():
        if not key.startswith("fc."):
            assert ours[trunk_key(key)].shape == tensor.shape, key


@pytest.mark.parametrize("family", ["cpn", "mspn"])
def test_a_trunk_that_does_not_fit_is_named_and_changes_nothing(resnet, family):
    small = {"cpn": lambda: cpn.CPN(5, (1, 1, 2, 1), 8), "mspn": lambda: SMALL["mspn"][0](5)}[family]()
    before = {k: v.clone() for k, v in small.state_dict().items()}
    for state in (resnet.state_dict(), {}, {"conv1.weight": torch.zeros(64, 3, 7, 7)}):
        with pytest.raises(WeightsError, match="ResNet"):
            small.load_trunk(state)
    assert all(torch.equal(v, before[k]) for k, v in small.state_dict().items())


def test_a_halving_of_odd_sizes_comes_back_to_its_size():
    torch.manual_seed(0)
    uneven = build_model("hg_dark", 5, num_stacks=2, width=4, depth=4).eval()
    even = build_model("hg", 5, num_stacks=2, width=4, depth=4).eval()
    even.load_state_dict(uneven.state_dict())
    assert (uneven.input_multiple, even.input_multiple) == (4, 64)
    with torch.no_grad():
        for h, w in ((128, 96), (100, 68)):
            assert [m.shape[-2:] for m in uneven(torch.rand(1, 3, h, w))] == [(h // 4, w // 4)] * 2
        images = torch.rand(1, 3, 64, 128)
        assert all(torch.equal(a, b) for a, b in zip(uneven(images), even(images), strict=True))
        with pytest.raises(OptionError, match="at least 64 px"):
            uneven(torch.rand(1, 3, 64, 60))


@pytest.mark.parametrize("family", ["cpn50", "mspn1", "rsn18", "hg_princeton_s2", "dark_hourglass4"])
def test_tensors_of_another_network_are_named(family):
    with pytest.raises(WeightsError):
        load_published(family, {"conv1.weight": torch.zeros(3, 3)})
    with torch.device("meta"):
        arch, number = {"cpn50": ("cpn50", {}), "mspn1": ("mspn1", {"unit_channels": 8}), "rsn18": ("rsn18", {})}.get(
            family, ("hg_dark" if family.startswith("dark") else "hg_princeton", {"num_stacks": 1})
        )
        state = build_model(arch, 5, **number).state_dict()
    if family.startswith("hg_p"):
        state = {k.replace("feature_layers.", "features."): v for k, v in state.items()}
    with pytest.raises(WeightsError, match="17 joints"):
        load_published(family, state, 17)


def test_mmpose_names_stand_for_the_same_tensors():
    key = mmpose_key
    assert key("backbone.top.top.0.bn.weight") == "top.conv.bn.weight"
    stage = "backbone.multi_stage_mspn.1."
    assert key(stage + "downsample.layer2.0.conv2.weight") == "stage1.downsample.layer2.0.conv_bn_relu2.conv.weight"
    assert key(stage + "downsample.layer2.0.bn3.bias") == "stage1.downsample.layer2.0.conv_bn_relu3.bn.bias"
    assert key(stage + "upsample.up3.out_skip2.conv.weight") == "stage1.upsample.up3.skip2.conv.weight"
    assert key("keypoint_head.predict_layers.7.conv_layers.1.bn.bias") == "stage1.upsample.up4.res_conv2.bn.bias"


def test_tensors_with_two_axes_of_joints_are_carried_over_along_both():
    axes = _joint_axes("rsn18", {"unit_channels": 4, "prm": True})
    unit = "stage0.upsample.up4."
    assert axes[unit + "prm.middle_path.0.weight"] == {0: 1, 1: 1} and axes[unit + "res_conv2.conv.weight"] == {0: 1}
    assert axes[unit + "prm.bottom_path.1.pointwise_conv.conv.weight"] == {1: 1}
    assert unit + "res_conv1.conv.weight" not in axes
    torch.manual_seed(0)
    old, new = torch.tensor([0, 3, 2]), torch.tensor([1, 0, 4])
    for each in (1, 3):  # three: maps of one joint beside each other
        theirs, ours = torch.rand(4, each, 2, 4, each), torch.zeros(5, each, 2, 5, each)
        _copy_joints(ours.view(5 * each, 2, 5 * each), new, theirs.view(4 * each, 2, 4 * each), old, {0: each, 2: each})
        for a, b in zip(old, new):
            for c, d in zip(old, new):
                assert torch.equal(ours[b, :, :, d], theirs[a, :, :, c])
        assert (ours != 0).sum() == 9 * 2 * each**2
