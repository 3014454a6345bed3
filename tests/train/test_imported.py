"""zoopose import: a published state dict becomes a checkpoint that every command takes."""

from __future__ import annotations

import pytest
import torch

from zoopose import cli
from zoopose.pose import checkpoints
from zoopose.pose.models import build_model


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
    assert loaded.form.size_hw == (256, 192) and loaded.form.bgr and loaded.form.codec == "softargmax"
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
