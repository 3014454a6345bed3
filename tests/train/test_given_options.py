"""Options that are given beside a recipe, a network to start from or each other are taken, or refused; never dropped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from zoopose.commandline.parsing import parse
from zoopose.errors import OptionError
from zoopose.pose import checkpoints
from zoopose.pose.fresh_weights import FreshWeights
from zoopose.pose.models import build_model
from zoopose.train.network import input_spec, new_network
from zoopose.train.optim import parameter_groups
from zoopose.train.options import TrainOptions
from zoopose.train.recipes import load_recipe
from zoopose.train.train import run

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def command(tmp_path_factory, tiny_coco, tiny_options):
    data = tiny_coco(tmp_path_factory.mktemp("data"), n=8)

    def options(folder, **more):
        return TrainOptions(
            **tiny_options(folder, **{"dataset": f"coco:{data}", "valid": f"coco:{data}", "epochs": 1, **more})
        )

    return options


@pytest.mark.parametrize(
    "words, batch", [([], 128), (["--devices", "4"], 32), (["--devices=2", "--train-batch", "5"], 5)]
)
def test_the_published_batch_is_divided_among_the_devices(words, batch):
    assert parse(TrainOptions, ["--recipe", "coco/hrnet_w32_256x192", *words], "train", "").train_batch == batch


def test_an_option_of_hourglasses_replaces_the_recipes():
    words = ["--recipe", "mpii/hg_bearpaw_s2_256x256"]
    assert parse(TrainOptions, words, "train", "").stacks == 2
    options = parse(TrainOptions, [*words, "--stacks", "1", "--width", "8"], "train", "")
    network, numbers = new_network(options, load_skeleton(), input_spec(options), FreshWeights(0))
    assert (numbers["num_stacks"], numbers["width"], len(network.hg)) == (1, 8, 1)
    options = replace(options, arch_options="num_stacks=3")
    with pytest.raises(OptionError, match="--stacks 3"):
        new_network(options, load_skeleton(), input_spec(options), FreshWeights(0))


def load_skeleton():
    from zoopose.pose.skeleton import MPII16

    return MPII16


def test_the_width_of_peaks_goes_with_the_network(tmp_path, command):
    first = checkpoints.load(run(command(tmp_path / "a", sigma=2.0)) / "last.pth.tar")
    assert first.spec.sigma == 2.0
    start = str(tmp_path / "a/last.pth.tar")
    kept = checkpoints.load(run(command(tmp_path / "b", init_weights=start)) / "last.pth.tar")
    given = checkpoints.load(run(command(tmp_path / "c", init_weights=start, sigma=3.0)) / "last.pth.tar")
    assert (kept.spec.sigma, given.spec.sigma) == (2.0, 3.0)


@pytest.mark.parametrize(
    "more, said",
    [
        ({"augment": "published", "codec": "udp_offset"}, "one Gaussian peak a joint"),
        ({"augment": "published", "codec": "quarter"}, "one Gaussian peak a joint"),
        ({"label_type": "Cauchy", "codec": "quarter"}, "Cauchy"),
        ({"codec": "megvii", "loss": "megvii"}, "finest"),
        ({"codec": "cpn", "loss": "cpn"}, "finest"),
        ({"codec": "udp_offset", "loss": "balanced"}, "udp_offset"),
        ({"codec": "megvii", "joint_weights": True}, "weighs joints"),
        ({"codec": "drak"}, "--codec dark"),
        ({"iterations": 10, "stages": 2}, "--epochs N"),
        ({"decay": "cosine", "warmup": 3}, "--decay linear"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, command, more, said):
    with pytest.raises(OptionError, match=said):
        run(command(tmp_path, **more))


@pytest.mark.parametrize("more", [{"trunk": "nowhere.pth"}, {"arch_options": "num_parts=3"}])
def test_a_network_to_start_from_is_as_it_is(tmp_path, command, more):
    start = str(run(command(tmp_path / "a")) / "last.pth.tar")
    with pytest.raises(OptionError, match="a new network"):
        run(command(tmp_path / "b", init_weights=start, **more))


def test_norms_of_any_shape_are_spared():
    model = build_model("lpn50", 3)
    spared = parameter_groups(model, 1e-4, decay_norms=False)[1]
    assert spared["weight_decay"] == 0
    layer_norm = next(m for m in model.modules() if isinstance(m, torch.nn.LayerNorm))
    assert any(p is layer_norm.weight for p in spared["params"])


def test_a_recipes_maps_are_read_as_published():
    spec = load_recipe("coco/hrnet_w32_256x192").spec
    maps = torch.zeros(1, 1, 64, 48)
    maps[0, 0, 10, 1], maps[0, 0, 10, 2] = 1.0, 0.5  # the published code never refines the second column
    np.testing.assert_allclose(spec.decode(maps)[0].numpy(), [[[1.0, 10.0]]])
    small = load_recipe("coco/dark_hrnet_w32_128x96").spec
    assert (small.decoder, small.decoder_taps) == ("darkpose", 3) and "with 3 taps" in small.describe()
