"""mmpose's hourglass: its published size, its key names, and what its layers compute."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from zoopose.errors import WeightsError
from zoopose.pose import weights
from zoopose.pose.complexity import complexity
from zoopose.pose.models import build_model, hourglass_mmpose
from zoopose.pose.weights import load_published

SMALL = {"channels": (8, 6, 4), "blocks": (2, 1, 3)}


@pytest.fixture(params=["hourglass52", "hourglass104"])
def small(request):
    torch.manual_seed(0)
    return request.param, build_model(request.param, 5, **SMALL)


def published(state: dict, head: str) -> dict:
    """Our names -> mmpose's: `head` is what its version calls the head."""
    return {(f"{head}." if k.startswith("multi_final") else "backbone.") + k: v for k, v in state.items()}


def test_the_published_size():
    with torch.device("meta"):
        model = build_model("hourglass52", 17)
    parameters, operations = complexity(model, (256, 256))
    # mmpose's table of model complexity: 94.85 M, 28.67 GFLOPs with the norms, which are not counted here
    assert parameters == 94_847_889 and f"{parameters / 1e6:.2f}" == "94.85"
    assert operations == pytest.approx(28.67e9, rel=3e-3) and model.input_multiple == 128
    assert complexity(model, (384, 384))[1] == pytest.approx(64.5e9, rel=3e-3)


def test_the_published_tensors_by_name():
    with torch.device("meta"):
        state = build_model("hourglass52", 16).state_dict()
    shapes = {
        "stem.0.conv.weight": (128, 3, 7, 7),
        "stem.1.0.downsample.0.weight": (256, 128, 1, 1),
        "hourglass_modules.0.up1.1.bn2.bias": (256,),
        "hourglass_modules.0.low2.low1.0.downsample.1.running_var": (384,),
        "hourglass_modules.0.low2.low3.1.downsample.0.weight": (256, 384, 1, 1),
        "hourglass_modules.0.low2.low2.low2.low2.low2.3.conv2.weight": (512, 512, 3, 3),
        "inters.0.conv1.weight": (256, 256, 3, 3),  # unused with one stack, and in the published files all the same
        "out_convs.0.conv.weight": (256, 256, 3, 3),
        "multi_final_layers.0.weight": (16, 256, 1, 1),
    }
    assert {k: tuple(state[k].shape) for k in shapes} == shapes and len(state) == 494
    assert not any(k.startswith(("conv1x1s", "remap_convs")) for k in state), "of the way to a second stack"


@pytest.mark.parametrize("head", ["keypoint_head", "head"])
def test_a_published_file_gives_the_same_maps(small, head):
    arch, model = small
    state = published(model.eval().state_dict(), head)
    again = load_published(f"{arch}_mpii_256x256", {f"module.{k}": v for k, v in state.items()}, 5)
    images = torch.rand(2, 3, 32, 48)
    with torch.no_grad():
        maps = model(images)
        assert len(maps) == (2 if arch == "hourglass104" else 1) and maps[0].shape == (2, 5, 8, 12)
        assert all(torch.equal(a, b) for a, b in zip(again(images), maps, strict=True))
    assert weights.to_our_names(arch, state).keys() == model.state_dict().keys()
    with pytest.raises(WeightsError, match="4 joints"):
        load_published(arch, state, 4)


def test_what_is_no_such_network_is_refused(small):
    arch, model = small
    state = model.state_dict()
    with pytest.raises(WeightsError, match="mmpose's hourglass"):
        load_published(arch, {k: v for k, v in state.items() if not k.startswith("multi_final")})
    with pytest.raises(WeightsError, match="missing: out_convs"):
        load_published(arch, {k: v for k, v in state.items() if not k.startswith("out_convs")})
    more = {k.replace("multi_final_layers.0", "multi_final_layers.2"): v for k, v in state.items()}
    with pytest.raises(WeightsError, match="3 stacks"):
        load_published(arch, state | more)


def test_the_layers_are_joined_as_published(small):
    arch, model = small
    model.eval()
    x = torch.rand(1, 3, 32, 32)
    with torch.no_grad():
        feature = model.stem(x)
        for i, hourglass in enumerate(model.hourglass_modules):
            inner = hourglass.low2
            low = inner.up1(hourglass.low1(feature))
            low = low + inner.low3(inner.low2(inner.low1(hourglass.low1(feature)))).repeat_interleave(
                2, 2
            ).repeat_interleave(2, 3)
            y = hourglass.up1(feature) + hourglass.low3(low).repeat_interleave(2, 2).repeat_interleave(2, 3)
            y = model.out_convs[i](y)
            torch.testing.assert_close(model(x)[i], model.multi_final_layers[i](y))
            if i == 0 and arch == "hourglass104":
                feature = model.inters[0](F.relu(model.conv1x1s[0](feature) + model.remap_convs[0](y)))
    assert [len(part) for part in (hourglass.up1, hourglass.low1, hourglass.low3, inner.up1, inner.low2)] == [
        2,
        2,
        2,
        1,
        3,
    ]


def test_every_layer_learns_but_the_one_that_leads_nowhere(small):
    arch, model = small
    outputs = model(torch.randn(3, 3, 32, 48))
    sum((o * torch.randn_like(o)).sum() for o in outputs).backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert without == []
    frozen = {n.split(".")[0] for n, p in model.named_parameters() if not p.requires_grad}
    assert frozen == ({"inters"} if arch == "hourglass52" else set())


def test_first_weights_are_small():
    torch.manual_seed(0)
    model = build_model("hourglass52", 5, channels=(32, 32), blocks=(1, 1))
    assert float(model.out_convs[0].conv.weight.detach().std()) == pytest.approx(1e-3, rel=0.1)
    assert not model.multi_final_layers[0].bias.any()
    with pytest.raises(ValueError, match="same two or more levels"):
        hourglass_mmpose.MmposeHourglass(5, 1, (8, 8), (1,))
