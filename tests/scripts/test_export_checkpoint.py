"""Networks for the published CC-SSL code: what it loads strictly, and that it computes the same with it."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from zoopose.cli import main
from zoopose.errors import OptionError
from zoopose.evaluation.network import load_network
from zoopose.evaluation.options import ExportOptions, LoadingOptions
from zoopose.pose import checkpoints, weights
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.original.export import first_layer
from zoopose.pose.skeleton import COCO17, TIGDOG18, TIGER_TO_MODEL
from zoopose.scripts.export_checkpoint import run

SIDE = 64  # the smallest that four halvings take
OPTIONS = LoadingOptions(animal="tiger", image_path="nowhere")


@pytest.fixture(scope="module")
def network() -> checkpoints.Loaded:
    """One stack with the published form, after a step of RMSprop."""
    torch.manual_seed(0)
    model = build_model("hg", 18, num_stacks=1)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-4)
    model(torch.randn(2, 3, SIDE, SIDE))[0].square().mean().backward()
    optimizer.step()
    spec = InputSpec("published", SIDE, SIDE // 4, (0.40381086, 0.39560506, 0.39249438), (1.0, 1.0, 1.0))
    state = {"epoch": 7, "best_acc": 0.9, "optimizer": optimizer.state_dict()}
    numbers = {"num_stacks": 1, "num_blocks": 1, "width": 128, "depth": 4}
    return checkpoints.Loaded(model.eval(), "hg", numbers, TIGDOG18, spec, state)


def written(network: checkpoints.Loaded, folder, **options) -> dict:
    """The published file of a network, as any PyTorch reads it."""
    own = checkpoints.pack(
        network.model, network.arch, network.numbers, network.skeleton, network.spec, 7, 0.9, network.state["optimizer"], {}
    )  # fmt: skip
    weights.save(folder / "ours.pth.tar", own)
    out = folder / "theirs.pth.tar"
    run(ExportOptions(resume=str(folder / "ours.pth.tar"), published=str(out), **options))
    assert not zipfile.is_zipfile(out)  # PyTorch before 1.6 reads no archives
    return torch.load(out, weights_only=True)


@torch.no_grad()
def maps(state_dict: dict, pictures: torch.Tensor) -> torch.Tensor:
    model = build_model("hg", 18, num_stacks=1)
    model.load_state_dict({key.removeprefix("module."): value for key, value in state_dict.items()}, strict=True)
    return model.eval()(pictures)[-1]


def test_the_fields_and_the_optimiser_are_those_of_the_published_code(network, tmp_path):
    found = written(network, tmp_path)
    assert list(found) == ["epoch", "arch", "state_dict", "best_acc", "optimizer"]
    assert (found["epoch"], found["arch"], found["best_acc"]) == (7, "hg", 0.0)
    assert list(found["state_dict"]) == [f"module.{key}" for key in network.model.state_dict()]
    for key, value in network.model.state_dict().items():
        torch.testing.assert_close(found["state_dict"][f"module.{key}"], value, rtol=0, atol=0)
    again = torch.optim.RMSprop(build_model("hg", 18, num_stacks=1).parameters(), lr=1.0)
    again.load_state_dict(found["optimizer"])
    kept = network.state["optimizer"]["state"]
    torch.testing.assert_close(again.state_dict()["state"][0]["square_avg"], kept[0]["square_avg"])


def test_another_solver_begins_afresh_there(network, tmp_path):
    adam = torch.optim.Adam(network.model.parameters())
    found = written(replace(network, state={"optimizer": adam.state_dict()}), tmp_path)
    (group,) = found["optimizer"]["param_groups"]
    assert "alpha" in group and not found["optimizer"]["state"]
    assert len(group["params"]) == len(list(network.model.parameters()))


def test_tigers_of_real_animal_have_the_order_of_their_files(network, tmp_path):
    pictures = torch.rand(1, 3, SIDE, SIDE) - 0.4
    real = replace(network, spec=replace(network.spec, mean=(0.42484415, 0.38660139, 0.25931051)))
    found = written(real, tmp_path, trained_on="real_animal", animal="tiger", image_path="nowhere")
    own = maps(real.model.state_dict(), pictures)
    torch.testing.assert_close(maps(found["state_dict"], pictures), own[:, TIGER_TO_MODEL])
    back = load_network(str(tmp_path / "theirs.pth.tar"), "real_animal", OPTIONS)
    torch.testing.assert_close(maps(back.model.state_dict(), pictures), own)


@pytest.mark.parametrize("bgr", [False, True])
def test_another_mean_and_a_deviation_go_into_the_first_layer(network, bgr):
    spec = InputSpec("exact", SIDE, SIDE // 4, bgr=bgr)
    mean, pictures = np.array([0.3, 0.5, 0.6], np.float32), torch.rand(2, 3, SIDE, SIDE)
    changed = first_layer(network.model.state_dict(), replace(network, spec=spec), mean)
    own = network.model.conv1(spec.normalise(pictures))
    fed = pictures - torch.from_numpy(mean)[:, None, None]
    got = torch.nn.functional.conv2d(fed, changed["conv1.weight"], changed["conv1.bias"], stride=2, padding=3)
    torch.testing.assert_close(got[..., 2:-2, 2:-2], own[..., 2:-2, 2:-2], rtol=1e-4, atol=1e-5)
    # with the form's own mean they agree to the rim
    own_mean = spec.mean[::-1] if bgr else spec.mean
    changed = first_layer(network.model.state_dict(), replace(network, spec=spec), own_mean)
    fed = pictures - torch.tensor(own_mean)[:, None, None]
    got = torch.nn.functional.conv2d(fed, changed["conv1.weight"], changed["conv1.bias"], stride=2, padding=3)
    torch.testing.assert_close(got, own, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("arch", "numbers", "skeleton", "spec", "words"),
    [
        ("hg", {"num_stacks": 1, "width": 64}, TIGDOG18, {}, "--width 64"),
        ("hg", {"num_stacks": 1, "depth": 3}, TIGDOG18, {}, "--depth 3"),
        ("hg", {"num_stacks": 1}, COCO17, {}, "17 joints"),
        ("hg", {"num_stacks": 1, "maps_per_joint": 3}, TIGDOG18, {"codec": "udp_offset"}, "udp_offset"),
        ("sb_pose_resnet18", {}, TIGDOG18, {}, "--arch sb_pose_resnet18"),
    ],
)
def test_networks_that_the_published_code_has_not_are_refused(arch, numbers, skeleton, spec, words, tmp_path):
    model = build_model(arch, len(skeleton), **numbers)
    state = checkpoints.pack(model, arch, numbers, skeleton, InputSpec(**spec), 1, 0.0, None, {})
    weights.save(tmp_path / "a.pth.tar", state)
    out = tmp_path / "b.pth.tar"
    with pytest.raises(OptionError, match=words):
        run(ExportOptions(resume=str(tmp_path / "a.pth.tar"), published=str(out)))
    assert not out.exists()


def test_what_is_missing_ends_the_command_with_one_message(network, tmp_path, capsys):
    assert main(["export", "--published", str(tmp_path / "x")]) == 2
    assert "--resume (none)" in capsys.readouterr().err
    written(network, tmp_path)
    ours = str(tmp_path / "ours.pth.tar")
    assert main(["export", "--resume", ours]) == 2
    assert main(["export", "--resume", ours, "--published", ours]) == 2
    assert main(["export", "--resume", ours, "--published", str(tmp_path / "y.pth.tar"), "--animal", "horse"]) == 0
