"""The networks: their size, what they give back, and that all of them learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from zoopose.errors import OptionError
from zoopose.pose.input_spec import depth_for
from zoopose.pose.models import build_model

TINY = {"num_stacks": 2, "width": 4, "depth": 2}
HOURGLASSES = ("hg", "hg_multitask", "hg_dark")


@pytest.mark.parametrize(("stacks", "count"), [(1, 3_587_474), (2, 6_732_452), (4, 13_022_408), (8, 25_602_320)])
def test_hourglass_has_the_published_number_of_parameters(stacks, count):
    with torch.device("meta"):
        model = build_model("hg", 18, num_stacks=stacks)
    assert sum(p.numel() for p in model.parameters()) == count


def test_multitask_hourglass_has_the_published_number_of_parameters():
    with torch.device("meta"):
        model = build_model("hg_multitask", 18, num_stacks=4)
    assert sum(p.numel() for p in model.parameters()) == 13_041_136


@pytest.mark.parametrize("name", HOURGLASSES)
def test_every_parameter_that_trains_gets_a_gradient_from_the_last_outputs(name):
    torch.manual_seed(0)
    model = build_model(name, 5, **TINY)
    outputs = model(torch.rand(2, 3, 32, 32))
    sum((o * torch.rand_like(o)).sum() for o in outputs).backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    # a convolution's bias in front of a batch norm moves nothing
    assert [n for n in without if not n.endswith("bias")] == []
    still = [n for n, p in model.named_parameters() if not p.requires_grad]
    assert all(n.startswith("score_seg_") for n in still) and bool(still) == (name == "hg_multitask")


def test_every_stage_is_supervised_and_feeds_the_next():
    torch.manual_seed(0)
    model = build_model("hg", 5, **TINY)
    model(torch.rand(2, 3, 32, 32))[-1].sum().backward()
    assert model.score[0].weight.grad.abs().sum() > 0, "through score_"
    assert model.fc_[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize(("h", "w"), [(32, 32), (48, 64)])
def test_outputs_are_one_map_a_joint_and_stage(h, w):
    with torch.no_grad():
        maps = build_model("hg", 5, num_stacks=3, width=4, depth=2)(torch.rand(2, 3, h, w))
        assert [tuple(m.shape) for m in maps] == [(2, 5, h // 4, w // 4)] * 3
        both = build_model("hg_multitask", 5, num_parts=7, **TINY)(torch.rand(2, 3, h, w))
    assert [tuple(m.shape) for m in both] == [(2, 5, h // 4, w // 4)] * 2 + [(2, 7, h, w)] * 2


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_depth_sets_the_halvings_and_the_input_multiple(depth):
    model = build_model("hg", 5, num_stacks=1, width=4, depth=depth)
    assert model.input_multiple == 4 * 2**depth and len(model.hg[0].hg) == depth
    side = model.input_multiple
    assert model(torch.rand(2, 3, side, side))[0].shape == (2, 5, side // 4, side // 4)


def test_depth_for_takes_the_deepest_that_fits():
    assert [depth_for(n) for n in (64, 32, 16, 8, 24, 12, 2, 80)] == [4, 4, 4, 3, 3, 2, 1, 4]
    with pytest.raises(OptionError, match="multiple"):
        depth_for(15)


@pytest.mark.parametrize("name", HOURGLASSES)
def test_channels_last_gives_the_same_numbers(name):
    torch.manual_seed(0)
    model, images = build_model(name, 5, **TINY).eval(), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        plain = model(images)
        last = model.to(memory_format=torch.channels_last)(images.contiguous(memory_format=torch.channels_last))
    for a, b in zip(plain, last, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_multitask_maps_are_those_of_the_plain_network():
    torch.manual_seed(0)
    both = build_model("hg_multitask", 5, **TINY).eval()
    plain = build_model("hg", 5, **TINY).eval()
    plain.load_state_dict({k: v for k, v in both.state_dict().items() if "seg" not in k})
    with torch.no_grad():
        images = torch.rand(1, 3, 32, 32)
        assert all(torch.equal(a, b) for a, b in zip(plain(images), both(images)))


def test_what_cannot_be_built_is_named_with_what_can():
    with pytest.raises(OptionError, match=r"(?s)'hgg'.*--arch hg"):
        build_model("hgg", 5)
    with pytest.raises(OptionError, match=r"(?s)num_blocks.*planes"):
        build_model("hg", 5, planes=3)
    with pytest.raises(OptionError, match="width"):
        build_model("hg", 5, width=3)


def test_a_network_cut_at_its_last_feature_map_gives_the_same_maps():
    torch.manual_seed(0)
    model, images = build_model("hg", 5, num_stacks=3, width=4, depth=2).eval(), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        earlier, last = model.features(images)
        assert last.shape == (2, model.feature_channels, 8, 8) and len(earlier) == 2
        for a, b in zip([*earlier, model.head(last)], model(images), strict=True):
            assert torch.equal(a, b)


def test_an_adaptation_network_begins_as_the_identity_and_learns():
    torch.manual_seed(0)
    plain = build_model("hg", 5, **TINY)
    model = build_model("hg", 5, adapter=2, **TINY)
    missing = model.load_state_dict(plain.state_dict(), strict=False)
    assert missing.unexpected_keys == [] and all(k.startswith("adapter.") for k in missing.missing_keys)
    images = torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        for a, b in zip(plain.eval()(images), model.eval()(images), strict=True):
            assert torch.equal(a, b)
    optimizer = torch.optim.SGD(model.train().parameters(), lr=0.1)
    for _ in range(2):  # the last layers first: they are zero at the start
        optimizer.zero_grad()
        model(images)[-1].square().mean().backward()
        optimizer.step()
    assert all(p.grad.any() for n, p in model.named_parameters() if n.startswith("adapter.") and "weight" in n)


def test_part_maps_have_no_place_for_an_adaptation_network():
    with pytest.raises(OptionError, match="MultitaskHourglass"):
        build_model("hg_multitask", 5, adapter=1, **TINY)
