"""zoopose import: a published state dict becomes a checkpoint that every command takes."""

from __future__ import annotations

import pytest
import torch

from zoopose import cli
from zoopose.evaluation.published_results import read_results
from zoopose.pose import checkpoints, weights
from zoopose.pose.models import build_model, option_text
from zoopose.pose.models.mspn import MSPN
from zoopose.pose.models.multi_stage import MultiStageNetwork
from zoopose.pose.models.omnipose import OmniPose
from zoopose.pose.models.rsn import ResidualStepsBlock
from zoopose.train.recipes import load_recipe


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    torch.manual_seed(0)
    model = build_model("lpn50", 17).eval()
    path = tmp_path_factory.mktemp("published") / "lpn50.pth"
    torch.save({f"module.{k}": v for k, v in model.state_dict().items()}, path)
    return path, model


def test_a_published_file_keeps_its_maps_and_gets_its_form(tmp_path, published):
    path, model = published
    out = tmp_path / "lpn50.pth.tar"
    assert cli.main(["import", "--weights", str(path), "--recipe", "coco/lpn50_256x192", "--out", str(out)]) == 0
    loaded = checkpoints.load(out)
    assert loaded.spec.size_hw == (256, 192) and loaded.spec.bgr and loaded.spec.codec == "softargmax"
    assert loaded.skeleton.name == "coco17" and loaded.arch == "lpn50"
    images = torch.randn(1, 3, 64, 48, generator=torch.Generator().manual_seed(1)).repeat(1, 1, 2, 2)
    with torch.no_grad():
        assert torch.equal(loaded.model(images)[-1], model(images)[-1])


@pytest.mark.parametrize(
    "words, said",
    [
        (["--recipe", "coco/sb_pose_resnet50_256x192"], "tensors of this network"),
        (["--recipe", "coco/lpn5_256x192"], "coco/lpn50_256x192"),
        ([], "a published file and the recipe"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, published, capsys, words, said):
    out = tmp_path / "x.pth.tar"
    assert cli.main(["import", "--weights", str(published[0]), "--out", str(out), *words]) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("recipe", "options", "rename"),
    [
        (
            "mpii/hourglass52_384x384",
            {"channels": (8, 8), "blocks": (1, 1)},
            lambda k: ("keypoint_head." if k.startswith("multi_final") else "backbone.") + k,
        ),
        (
            "mpii/hg_princeton_s2_256x256",
            {"num_stacks": 1, "channels": 16, "depth": 2},
            lambda k: k.replace("feature_layers.", "features."),
        ),
    ],
)
def test_files_with_the_published_names_of_tensors_are_taken(tmp_path, recipe, options, rename):
    torch.manual_seed(0)
    arch = load_recipe(recipe).arch
    model = build_model(arch, 16, **options).eval()
    path, out = tmp_path / "published.pth", tmp_path / "ours.pth.tar"
    torch.save({"state_dict": {rename(k): v for k, v in model.state_dict().items()}}, path)
    words = [f"{k}={option_text(v)}" for k, v in options.items()]
    command = ["import", "--weights", str(path), "--recipe", recipe, "--out", str(out)]
    assert cli.main([*command, "--arch-options", ",".join(words)]) == 0
    loaded = checkpoints.load(out)
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(loaded.model(images), model(images), strict=True))
    carried = loaded.state["zoopose"]["run"]["results"]
    assert read_results(carried) == load_recipe(recipe).results != ()


@pytest.mark.parametrize("arch", ["mspn1", "rsn18", "omnipose_w48"])
def test_names_of_published_files_stand_for_ours(arch):
    small = {
        "omnipose_w48": lambda: OmniPose(5, width=4),
        "mspn1": lambda: MSPN(5, 1, blocks=(1, 1, 1, 1), unit_channels=4, width=4),
        "rsn18": lambda: MultiStageNetwork(5, block=ResidualStepsBlock, blocks=(1, 1, 1, 1), unit_channels=4, width=8),
    }
    model = small[arch]()
    state = model.state_dict()
    if arch == "omnipose_w48":  # its files may lack the fixed filters
        own = {n for n, _ in model.named_parameters()}
        given = {k: v for k, v in state.items() if k in own or "running" in k or "num_batches" in k}
        assert len(given) < len(state)
    else:
        given = {k.replace("top.conv.", "backbone.top.top.0."): v for k, v in state.items()}
        given["backbone.multi_stage_x.0.a"] = given["backbone.top.top.0.bn.bias"]
    assert weights.to_our_names(arch, given).keys() >= state.keys()
