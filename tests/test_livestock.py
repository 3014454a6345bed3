"""The three lines of the README on real pictures: horses labelled, cattle not. Small numbers: that they run, not how well."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from zoopose import cli

pytestmark = [pytest.mark.data, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def livestock() -> Path:
    root = os.environ.get("ZOOPOSE_DATA")
    if not root or not (Path(root) / "livestock").is_dir():
        pytest.skip("set ZOOPOSE_DATA to the folder that holds livestock/")
    return Path(root) / "livestock"


def test_train_adapt_test(livestock, tmp_path):
    horse, cattle = f"coco:{livestock}/horse/train.json", f"coco:{livestock}/cattle_a/all.json"
    small = "--inp-res 64 --stacks 1 --width 16 --train-batch 16 --solver adam --lr 2e-3 --workers 0 --accelerator cpu".split()
    source, adapted = tmp_path / "horse", tmp_path / "horse_to_cattle"
    valid = f"coco:{livestock}/horse/test.json"
    assert (
        cli.main(["train", "--dataset", horse, "--valid", valid, "--epochs", "2", "--checkpoint", str(source), *small])
        == 0
    )
    words = [
        "--source",
        horse,
        "--valid",
        valid,
        "--target",
        cattle,
        "--num-epochs",
        "2",
        "--refresh",
        "1",
        "--steps",
        "6",
    ]
    resume = ["--resume", str(source / "model_best.pth.tar")]
    assert cli.main(["ccssl", *words, *resume, "--checkpoint", str(adapted), *small]) == 0
    result = tmp_path / "result.json"
    words = [
        "--dataset",
        cattle,
        "--resume",
        str(adapted / "last.pth.tar"),
        "--json",
        str(result),
        "--accelerator",
        "cpu",
    ]
    assert cli.main(["test", *words]) == 0
    score = json.loads(result.read_text())
    assert score["protocol"]["frames"] == 206
    assert sum(joint["n"] for joint in score["joints"].values()) == score["protocol"]["n"] > 3000
