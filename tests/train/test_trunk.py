"""Networks with a trunk in training: weights by default, their report, which network is taken, and what does not change."""

from __future__ import annotations

import json

import pytest
import torch

from zoopose.errors import OptionError, WeightsError
from zoopose.pose import checkpoints
from zoopose.pose.models import build_model
from zoopose.train import loop
from zoopose.train.default_network import with_network, with_optimiser
from zoopose.train.options import TrainOptions
from zoopose.train.train import run
from zoopose.train.training import LAST
from zoopose.train.trunk import FrozenLayers

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_coco):
    """folder, more -> options of a training on 8 pictures, two batches an epoch, without a name of a network."""
    data = tiny_coco(tmp_path_factory.mktemp("data"), n=8)

    def options(folder, **more):
        tiny = {"epochs": 1, "inp_res": 32, "train_batch": 4, "workers": 0, "accelerator": "cpu", "solver": "adam"}
        return TrainOptions(
            **{"dataset": f"coco:{data}", "valid": f"coco:{data}", **tiny, "checkpoint": str(folder), **more}
        )

    return options


def test_ones_own_data_get_the_small_network_with_weights_that_travel_on(tmp_path, command, monkeypatch):
    folder = run(command(tmp_path / "run"))
    facts = json.loads((folder / "run.json").read_text())["network"]
    assert facts["arch"] == "fpn_lite0" and "default for data of your own" in facts["why"]
    assert facts["trunk"]["loaded"].startswith("288 of 288") and "Apache-2.0" in facts["trunk"]["licence"]

    def refuse(*_):
        raise WeightsError("no weights", "a checkpoint that asks for them")

    monkeypatch.setattr("zoopose.pose.models.trunk_network.pretrained_weights", refuse)
    loaded = checkpoints.load(folder / LAST)
    assert loaded.arch == "fpn_lite0" and loaded.trunk == facts["trunk"]
    assert loaded.spec.mean == pytest.approx((127 / 255,) * 3) and loaded.spec.std == pytest.approx((128 / 255,) * 3)


@pytest.mark.parametrize(
    ("given", "arch", "side", "trunk"),
    [
        ({}, "fpn_lite0", 128, ""),
        ({"inp_res": 256}, "fpn_lite0", 256, ""),
        ({"out_res": 16}, "fpn_lite0", (64, 64), ""),
        ({"inp_res": 240}, "hg", 240, ""),
        ({"stacks": 2}, "hg", 0, ""),
        ({"trunk": "none"}, "fpn_lite0", 128, "none"),
        ({"trunk": "weights.pth"}, "hg", 0, "weights.pth"),
        ({"trunk": "timm:resnet18"}, "fpn_timm:resnet18", 0, ""),
        ({"arch": "deconv", "trunk": "lite2"}, "deconv_lite2", 0, ""),
        ({"arch": "fpn"}, "fpn_lite0", 0, ""),
        ({"arch": "hrnet_w32"}, "hrnet_w32", 0, ""),
    ],
)
def test_which_network_is_taken(given, arch, side, trunk):
    options = with_network(TrainOptions(**given), "coco:own.json")
    assert (options.arch, options.inp_res, options.trunk) == (arch, side, trunk)


def test_the_default_network_comes_with_the_optimiser_it_was_measured_with(tmp_path):
    folder = {"dataset": "coco:own.json", "checkpoint": str(tmp_path)}
    found = with_optimiser(TrainOptions(**folder))
    assert (found.solver, found.lr, found.decay, found.train_batch) == ("adam", 1e-3, "cosine", 16)
    found = with_optimiser(TrainOptions(lr=1e-2, **folder))
    assert (found.solver, found.lr, found.decay, found.train_batch) == ("rms", 1e-2, "step", 16)
    for other in ({"arch": "fpn_lite0"}, {"stacks": 2}, {"resume": "x"}, {"init_weights": "x"}, {"inp_res": 240}):
        options = TrainOptions(**folder, **other)
        assert with_optimiser(options) == options


@pytest.mark.parametrize("data", ["real_animal", "synthetic_animal_sp", "mpii:ROOT", "coco_person:ROOT"])
def test_published_data_and_crops_keep_the_hourglass(data):
    assert with_network(TrainOptions(), data).arch == "hg"
    assert with_network(TrainOptions(), "coco:own.json", exact=False).arch == "hg"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"arch": "fpn_lite0", "trunk": "lite2"}, "--arch fpn_lite2"),
        ({"arch": "hg", "trunk": "lite0"}, "leave --trunk out"),
        ({"arch": "hg", "trunk_lr": 0.1, "stacks": 1, "width": 4}, "a network with a trunk"),
        ({"arch": "fpn_nothing"}, "a network out of"),
    ],
)
def test_a_trunk_that_a_network_does_not_have_is_refused(tmp_path, command, given, said):
    with pytest.raises(OptionError, match=said):
        run(command(tmp_path / "run", **given))


def test_a_state_dict_fills_the_trunk_and_half_of_one_is_refused(tmp_path, command):
    tensors = build_model("fpn_lite0", 3).trunk.state_dict()
    torch.save(tensors, tmp_path / "whole.pth")
    torch.save(dict(list(tensors.items())[:100]), tmp_path / "half.pth")
    folder = run(command(tmp_path / "run", arch="fpn_lite0", trunk=str(tmp_path / "whole.pth"), lr=0.0))
    loaded = checkpoints.load(folder / LAST)
    assert torch.equal(loaded.model.trunk.conv_stem.weight, tensors["conv_stem.weight"])
    assert loaded.trunk["source"].endswith("whole.pth")
    with pytest.raises(WeightsError, match="half a trunk is not loaded"):
        run(command(tmp_path / "half", arch="fpn_lite0", trunk=str(tmp_path / "half.pth")))


def numbers_of(folder):
    """Weights and averages of the optimiser."""
    state = torch.load(folder / LAST, weights_only=True)
    averages = (torch.as_tensor(v) for one in state["optimizer"]["state"].values() for v in one.values())
    return [*state["state_dict"].values(), *averages]


def weights_of(folder):
    return checkpoints.load(folder / LAST).model.state_dict()


def test_a_frozen_trunk_does_not_change_and_then_it_does(tmp_path, command, monkeypatch):
    seen = []
    optimise = loop._optimise

    def watched(run_, step, batch):
        optimise(run_, step, batch)
        trunk = run_.plain.trunk
        seen.append((trunk.conv_stem.weight.detach().clone(), trunk.bn1.running_mean.clone()))

    monkeypatch.setattr(loop, "_optimise", watched)
    run(command(tmp_path / "run", epochs=2, freeze_trunk=1))
    same = [[torch.equal(a, b) for a, b in zip(one, other)] for one, other in zip(seen, seen[1:])]
    assert same == [[True, True], [False, False], [False, False]]


def test_frozen_norms_keep_their_statistics(tmp_path, command):
    start = build_model("fpn_lite0", 6)
    start.load_pretrained()
    folder = run(command(tmp_path / "run", freeze_norm="trunk"))
    tensors = weights_of(folder)
    before = start.state_dict()
    assert torch.equal(tensors["trunk.bn1.running_mean"], before["trunk.bn1.running_mean"])
    assert not torch.equal(tensors["trunk.bn1.weight"], before["trunk.bn1.weight"])
    assert not torch.equal(tensors["neck.lateral.0.1.running_mean"], torch.zeros(64))
    assert len(FrozenLayers.of(start, start.trunk_layers, command("", freeze_norm="all"), 1).norms) == sum(
        isinstance(m, torch.nn.BatchNorm2d) for m in start.modules()
    )


def test_the_rate_of_the_trunk_is_a_factor_and_resumes_bit_for_bit(tmp_path, command, monkeypatch):
    more = {"epochs": 2, "trunk_lr": 0.1, "freeze_trunk": 1, "freeze_norm": "trunk"}
    rates = []
    optimise = loop._optimise

    def watched(run_, *args):
        rates.append([group["lr"] for group in run_.optimizer.param_groups])
        optimise(run_, *args)
        if len(rates) == 7:  # the third batch of the second run
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_optimise", watched)
    whole = numbers_of(run(command(tmp_path / "whole", **more)))
    assert all(slow == pytest.approx(0.1 * fast) for fast, slow in rates)
    with pytest.raises(KeyboardInterrupt):
        run(command(tmp_path / "broken", **more))
    resumed = numbers_of(run(command(tmp_path / "broken", **more)))
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))
