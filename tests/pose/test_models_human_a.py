"""SimpleBaseline, HRNet, LPN, OmniPose: sizes, gradients, weights of other files. Numbers of theirs: tests/parity."""

from __future__ import annotations

import functools

import pytest
import torch
import torchvision
from torch import nn

from zoopose.errors import OptionError, WeightsError
from zoopose.pose.complexity import complexity
from zoopose.pose.models import build_model, hrnet, lpn, omnipose, simple_baseline
from zoopose.pose.models.hrnet import HRNet
from zoopose.pose.models.lpn import LPN
from zoopose.pose.models.omnipose import GaussianFilter, OmniPose
from zoopose.pose.models.resnet import Bottleneck, ResNet
from zoopose.pose.models.simple_baseline import PoseResNet
from zoopose.pose.weights import load_published

SMALL = {
    "sb": functools.partial(PoseResNet, depth=18, deconv_filters=(8, 6, 4), deconv_kernels=(2, 3, 4), deconv_bias=True),
    "hrnet": functools.partial(HRNet, width=4),
    "udp_hrnet": functools.partial(HRNet, width=4, udp=True),
    "lpn_gc": functools.partial(LPN, attention="gc", deconv_filters=(32, 16)),
    "lpn_se": functools.partial(LPN, attention="se", deconv_filters=(32, 16)),
    "omnipose": functools.partial(OmniPose, width=4),
    "omnipose_v1": functools.partial(OmniPose, width=4, wasp="v1"),
    "omnipose_separable": functools.partial(OmniPose, width=4, separable=True),
}
# parameters with 17 joints (three maps a joint for UDP), multiply-adds at 256x192, of the papers or measured on their code
PUBLISHED = {
    "sb_pose_resnet50": (33_999_697, 5.43e9),
    "sb_pose_resnet152": (68_635_473, None),
    "hrnet_w32": (28_536_113, 7.645e9),
    "udp_hrnet_w48": (63_711_603, None),
    "lpn50": (2_911_153, 1.07e9),
    "lpn152": (7_377_459, None),
    "omnipose_w48": (68_119_757, None),
}


@functools.cache
def made(name: str) -> nn.Module:
    torch.manual_seed(0)
    return SMALL[name](5).eval()


@functools.cache
def on_meta(name: str, num_joints: int = 17, **options) -> nn.Module:
    with torch.device("meta"):
        return build_model(name, num_joints, **options)


@pytest.mark.parametrize("name", SMALL)
def test_maps_are_a_quarter_of_any_input_in_any_memory_format(name):
    model = made(name)
    h, w = 2 * model.input_multiple, 3 * model.input_multiple
    images = torch.rand(2, 3, h, w)
    with torch.no_grad():
        earlier, last = model.features(images)
        maps = model.head(last)
        (found,) = model.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))
    assert earlier == [] and last.shape == (2, model.feature_channels, h // 4, w // 4)
    assert maps.shape == (2, 5, h // 4, w // 4)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, maps, rtol=1e-4, atol=1e-4 * float(maps.abs().max()))


@pytest.mark.parametrize("name", SMALL)
def test_every_parameter_that_trains_gets_a_gradient(name):
    torch.manual_seed(0)
    model = made(name).train()
    (maps,) = model(torch.randn(2, 3, 64, 96))
    (maps * torch.randn_like(maps)).sum().backward()
    model.eval()
    without = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    # a bias in front of a norm or a softmax moves nothing
    assert [n for n in without if not n.endswith("bias")] == []
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    still = {n[: len("stage4.2.fuse_layers.1.")] for n, p in model.named_parameters() if not p.requires_grad}
    dead = {f"stage4.2.fuse_layers.{row}." for row in (1, 2, 3)} if name.startswith("omnipose") else set()
    assert still == dead


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_number_of_parameters(name):
    model = on_meta(name, 51 if name.startswith("udp") else 17)
    assert sum(p.numel() for p in model.parameters()) == PUBLISHED[name][0]


@pytest.mark.parametrize("name", [n for n, (_, count) in PUBLISHED.items() if count])
def test_the_published_number_of_multiply_adds(name):
    parameters, multiply_adds = complexity(on_meta(name), (256, 192))
    assert parameters == PUBLISHED[name][0]
    assert multiply_adds == pytest.approx(PUBLISHED[name][1], rel=5e-3)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("sb_pose_resnet18", {"deconv_filters": (8, 16, 8), "deconv_kernels": (2, 3, 4), "deconv_bias": True}),
        ("sb_pose_resnet34", {"final_kernel": 3}),
        ("sb_pose_resnet50", {}),
        ("udp_hrnet_w48", {}),
        ("lpn50", {"attention": "none", "deconv_filters": (256, 128)}),
        ("lpn101", {"attention": "se"}),
        ("omnipose_w48", {"wasp": "v1", "separable": True}),
    ],
)
def test_a_network_is_rebuilt_from_its_tensors(name, options):
    state = on_meta(name, **options).state_dict()
    file = next(f for f in (simple_baseline, hrnet, lpn, omnipose) if name in vars(f))
    arch, numbers = file.identify(state)
    assert arch == name and numbers.items() >= {"num_joints": 17, **options}.items()
    with torch.device("meta"):
        again = load_published(f"{name}_256x192", {f"module.{k}": v for k, v in state.items()}, 17)
    assert {k: v.shape for k, v in again.state_dict().items()} == {k: v.shape for k, v in state.items()}
    with pytest.raises(WeightsError, match="18 joints"):
        load_published(name, state, 18)


@pytest.mark.parametrize(
    ("family", "file"),
    [("sb_pose_resnet50", "lpn50"), ("lpn50", "sb_pose_resnet50"), ("hrnet_w32", "lpn50"), ("omnipose_w48", "lpn50")]
    + [("sb_pose_resnet18", "hrnet_w32"), ("hrnet_w48", "omnipose_w48"), ("omnipose_waspv2", "lpn50")],
)
def test_a_file_of_another_family_is_refused(family, file):
    with pytest.raises(WeightsError, match="(?s)expected:.*found:"):
        load_published(family, on_meta(file).state_dict())


def test_only_the_fixed_filters_of_omnipose_may_be_missing():
    model = made("omnipose")
    filters = {f"{n}.weight" for n, m in model.named_modules() if isinstance(m, GaussianFilter)}
    assert len(filters) == 31 and not filters & {n for n, _ in model.named_parameters()}
    state = model.state_dict()
    filled = omnipose.with_filters({k: v for k, v in state.items() if k not in filters})
    assert filled.keys() == state.keys() and all(torch.equal(filled[k], state[k]) for k in filters)
    other = {k: v + 1 if k in filters else v for k, v in state.items()}
    assert all(torch.equal(omnipose.with_filters(other)[k], other[k]) for k in filters), "those in the file are taken"
    lacking = {k: v for k, v in on_meta("omnipose_w48").state_dict().items() if k not in filters}
    del lacking["stage2.0.fuse_layers.0.1.2.weight"]
    with (
        torch.device("meta"),
        pytest.raises(WeightsError, match=r"1 missing: stage2\.0\.fuse_layers\.0\.1\.2\.weight\n"),
    ):
        load_published("omnipose_w48", lacking)


def test_the_caffe_style_strides_elsewhere():
    torch.manual_seed(0)
    plain, caffe = (ResNet(Bottleneck, (1, 1, 1, 1), caffe=style) for style in (False, True))
    caffe.load_state_dict(plain.state_dict())
    images = torch.rand(2, 3, 64, 32)
    with torch.no_grad():
        a, b = plain.eval().stages(images), caffe.eval().stages(images)
    assert torch.equal(a[0], b[0]) and [x.shape for x in a] == [x.shape for x in b]
    assert not torch.allclose(a[1], b[1], rtol=0.01)
    state = on_meta("sb_pose_resnet50").state_dict()
    with torch.device("meta"):
        for name, style in (("sb_pose_resnet50_caffe", True), ("sb_pose_resnet50", False)):
            block = load_published(name, state).layer2[0]
            assert (block.conv1.stride, block.conv2.stride) == (((2, 2), (1, 1)) if style else ((1, 1), (2, 2)))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("sb_pose_resnet50", {"deconv_filters": (8, 8)}, "three transposed"),
        ("sb_pose_resnet50", {"deconv_kernels": (4, 4, 5)}, "kernels 4, 3 or 2"),
        ("sb_pose_resnet50", {"final_kernel": 2}, "final_kernel"),
        ("sb_pose_resnet18", {"caffe": True}, "options of sb_pose_resnet18"),
        ("lpn50", {"attention": "sq"}, "attention"),
        ("lpn50", {"deconv_filters": (8,)}, "two transposed"),
        ("omnipose_w48", {"wasp": "v3"}, "wasp"),
    ],
)
def test_what_cannot_be_built_is_named(name, options, said):
    with pytest.raises(OptionError, match=said):
        on_meta(name, **options)


def test_a_torchvision_trunk_is_taken_whole_or_not_at_all():
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18().eval()
    model = made("sb")
    before = {k: v.clone() for k, v in model.state_dict().items()}
    wrong = {k: v for k, v in theirs.state_dict().items() if k != "layer3.1.conv2.weight"}
    wrong["layer1.0.conv1.weight"] = wrong["layer1.0.conv1.weight"][:3]
    with pytest.raises(WeightsError, match=r"(?s)1 missing: layer3\.1.*1 of another shape: layer1\.0.*\(3, 64, 3, 3\)"):
        model.load_trunk(wrong)
    for other in ("resnet34", "resnet50", "vgg11"):
        with torch.device("meta"), pytest.raises(WeightsError, match="torchvision ResNet"):
            model.load_trunk(getattr(torchvision.models, other)().state_dict())
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert model.load_trunk(theirs.state_dict()).startswith(f"120 of {len(before)} tensors")
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        x = theirs.maxpool(theirs.relu(theirs.bn1(theirs.conv1(images))))
        x = theirs.layer4(theirs.layer3(theirs.layer2(theirs.layer1(x))))
        torch.testing.assert_close(model.stages(images)[-1], x)
    after = model.state_dict()
    assert all(torch.equal(after[k], before[k]) for k in after if k.startswith(("deconv", "final")))


def test_an_imagenet_hrnet_is_a_trunk_for_all_that_are_built_on_it():
    torch.manual_seed(1)
    given = HRNet(1000, 4).state_dict()
    given |= {f"stage4.2.fuse_layers.{row}.0.0.0.weight": torch.ones(1) for row in (1, 2, 3)}
    given |= {"incre_modules.0.0.conv1.weight": torch.ones(1), "classifier.weight": torch.ones(1)}
    for name, stays in (
        ("hrnet", ("final_layer.",)),
        ("udp_hrnet", ("final_layer.", "stage4.2.fuse_layers.")),
        ("omnipose", ("waspv2.", "stage4.2.fuse_layers.1", "stage4.2.fuse_layers.2", "stage4.2.fuse_layers.3")),
    ):
        model = made(name)
        before = {k: v.clone() for k, v in model.state_dict().items()}
        said = model.load_trunk(given)
        after = model.state_dict()
        taken = [k for k in after if k in given and not k.startswith(stays)]
        assert taken and all(torch.equal(after[k], given[k]) for k in taken)
        assert said.startswith(f"{len(taken)} of {len(after)} tensors")
        assert all(torch.equal(after[k], before[k]) for k in after if k not in taken)
        with pytest.raises(WeightsError, match="missing: conv2.weight"):
            model.load_trunk({k: v for k, v in given.items() if k != "conv2.weight"})
    with pytest.raises(WeightsError, match="of another shape: "):
        HRNet(5, 5).load_trunk(given)
    with pytest.raises(WeightsError, match="missing"):
        made("omnipose_separable").load_trunk(given)


def test_initial_weights_are_the_published_ones():
    torch.manual_seed(0)
    for name in ("hrnet", "lpn_gc"):
        model = made(name)
        drawn = torch.cat([m.weight.flatten() for m in model.modules() if isinstance(m, nn.Conv2d)])
        assert float(drawn.detach().std()) == pytest.approx(0.001, rel=0.02)
    assert not made("hrnet").final_layer.bias.any()
    model = SMALL["sb"](64)
    ends = [m for m in (*model.deconv_layers, model.final_layer) if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    assert len(ends) == 4 and not any(m.bias.any() for m in ends)
    assert all(float(m.weight.detach().std()) == pytest.approx(0.001, rel=0.2) for m in ends)


def test_one_picture_does_not_train_omnipose():
    model = made("omnipose")
    with pytest.raises(OptionError, match="at least 2 pictures"):
        model.train()(torch.rand(1, 3, 64, 64))
    assert model.eval()(torch.rand(1, 3, 64, 64))[0].shape == (1, 5, 16, 16)


def test_joints_of_udp_are_maps_or_thirds_of_them():
    state = on_meta("sb_pose_resnet18", 51).state_dict()
    with torch.device("meta"):
        for joints in (51, 17, None):
            assert load_published("udp_pose_resnet18_offset", state, joints).num_joints == 51
    for name, joints in (("udp_pose_resnet18_offset", 16), ("sb_pose_resnet18", 17)):
        with pytest.raises(WeightsError, match=f"{joints} joints"):
            load_published(name, state, joints)


@pytest.mark.parametrize("name", ["udp_hrnet", "lpn_gc"])
def test_three_maps_a_joint_and_an_adaptation_network(name):
    torch.manual_seed(0)
    model = SMALL[name](15).eval()
    images = torch.rand(1, 3, 64, 32)
    with torch.no_grad():
        (maps,) = model(images)
        model.add_adapter(1)
        (same,) = model.eval()(images)
    assert maps.shape == (1, 15, 16, 8) and torch.equal(same, maps)
    model.adapter[0].conv3.bias.data.fill_(1.0)
    assert not torch.equal(model(images)[0], maps), "the maps are made of what the adaptation network gives"
