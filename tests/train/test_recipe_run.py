"""A training by a recipe, from the command line: its numbers unless others are given, its crops, its schedule, its form."""

from __future__ import annotations

import json
import shutil
from types import SimpleNamespace

import pytest
import torch

from zoopose import cli
from zoopose.commandline.parsing import parse
from zoopose.evaluation.network import compute_device
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose import checkpoints
from zoopose.pose.skeleton import COCO17
from zoopose.train import optim as rates
from zoopose.train.options import TrainOptions
from zoopose.train.recipes import load_recipe
from zoopose.train.schedules import Schedule
from zoopose.train.stages import StagedStep

RECIPE = """
data = "coco_person"
arch = "hg"
trunk = ""
frame = "{frame}"
codec = "{codec}"
sigma = 2.0
inp_res = [64, 48]
bgr = true
mean = [0.4, 0.5, 0.6]
std = [0.2, 0.2, 0.2]
padding = [1.25, 1.25]
solver = "adam"
lr = 0.001
weight_decay = 1e-4
decay_norms = false
milestones = [1]
epochs = 2
stages = 2
warmup = 1
batch = 2
gpus = 2
loss = "auto"
flip_test = true
[options]
num_stacks = 1
width = 4
depth = 2
[augmentation]
scale = [0.7, 1.3]
rotation_deg = 40.0
flip = 0.5
half_body = 0.3
[[results]]
measure = "AP"
published = 12.5
protocol = "made-up people"
source = "nowhere"
"""


@pytest.fixture(scope="module")
def people(tmp_path_factory, tiny_coco):
    """A coco_person tree of 8 people to train on and to score."""
    root = tmp_path_factory.mktemp("coco")
    (root / "annotations").mkdir()
    for part in ("train2017", "val2017"):
        made = tiny_coco(tmp_path_factory.mktemp(part), n=8)
        data = json.loads(made.read_text())
        (root / part).mkdir()
        for image in data["images"]:
            name = f"{image['id']:012d}.png"
            shutil.copy(made.parent / image["file_name"], root / part / name)
            image["file_name"] = name
        data["categories"] = [{"id": 1, "name": "person", "keypoints": list(COCO17.joints), "skeleton": []}]
        for a in data["annotations"]:
            a["keypoints"] = (a["keypoints"] * 4)[: 3 * len(COCO17)]
            a |= {"iscrowd": 0, "area": 2000.0, "num_keypoints": sum(v > 0 for v in a["keypoints"][2::3])}
        (root / f"annotations/person_keypoints_{part}.json").write_text(json.dumps(data))
    return root


def recipe(folder, frame="msra", codec="quarter"):
    path = folder / "tiny.toml"
    path.write_text(RECIPE.format(frame=frame, codec=codec))
    return path


def test_the_recipe_fills_in_what_is_not_given(tmp_path):
    words = ["--recipe", str(recipe(tmp_path)), "--lr", "0.02", "--dataset", "coco_person:x"]
    options = parse(TrainOptions, words, "train", "")
    assert (options.lr, options.arch, options.inp_res, options.codec) == (0.02, "hg", (64, 48), "quarter")
    assert (options.train_batch, options.stages, options.flip, options.dataset) == (4, 2, True, "coco_person:x")
    assert TrainOptions.with_recipe("coco/hrnet_w32_256x192", devices=4).train_batch == 32
    assert TrainOptions.with_recipe("mpii/hg_bearpaw_s1_256x256").augment == "published"


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize(
    "frame, codec",
    [
        ("msra", "quarter"),
        ("udp", "udp_offset"),
        pytest.param("dark", "dark", marks=pytest.mark.slow),
        pytest.param("megvii", "megvii", marks=pytest.mark.slow),
    ],
)
def test_a_recipe_trains_in_stages_and_its_network_scores(tmp_path, people, messages, frame, codec):
    run = tmp_path / "run"
    words = f"--recipe {recipe(tmp_path, frame, codec)} --dataset coco_person:{people} --checkpoint {run} -j 0 --accelerator cpu"
    assert cli.main(["train", *words.split()]) == 0
    loaded = checkpoints.load(run / "model_best.pth.tar")
    assert (loaded.spec.kind, loaded.spec.size_hw, loaded.spec.bgr, loaded.spec.sigma) == (frame, (64, 48), True, 2.0)
    log = (run / "log.csv").read_text().splitlines()
    assert len(log) == 1 + 4  # two stages of two epochs
    rates = [float(line.split(",")[log[0].split(",").index("lr")]) for line in log[1:]]
    assert rates == pytest.approx([1e-3, 1e-4, 1e-3, 1e-4])
    out = tmp_path / "scores.json"
    words = f"--dataset coco_person:{people} --resume {run / 'last.pth.tar'} --json {out} -j 0 --accelerator cpu --flip"
    said = [m for m in messages if "published  12.50   ours not run" in m]
    assert len(said) == 1 and "measured now" not in said[0] and any("another than the PCK" in m for m in messages)
    messages.clear()
    assert cli.main(["test", *words.split()]) == 0
    scores = json.loads(out.read_text())
    assert 0 <= scores["mean"] <= 1
    if "oks" in scores["protocols"]:  # where the package that counts is there
        ap = 100 * scores["protocols"]["oks"]["numbers"]["OKS"]["AP"]
        assert [f"measured now {ap:.2f}" in m for m in messages if "published  12.50" in m] == [True]


def test_a_stage_begins_with_the_best_weights_and_a_fresh_optimiser(tmp_path):
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.Adam(model.parameters(), 0.1)
    best = {k: torch.full_like(v, 7.0) for k, v in model.state_dict().items()}
    torch.save({"state_dict": best, "epoch": 1}, tmp_path / "model_best.pth.tar")
    run = SimpleNamespace(folder=RunFolder(tmp_path), plain=model, optimizer=optimizer, step=0)
    step = SimpleNamespace(steps=3, before_epoch=lambda epoch, model: {"asked": epoch})
    staged = StagedStep(step, run, Schedule(0.1, epochs=2, stages=2))

    def train():
        model(torch.ones(4, 2)).square().mean().backward()
        optimizer.step()

    for epoch in range(4):
        before = {k: v.clone() for k, v in model.state_dict().items()}
        assert staged.before_epoch(epoch, model) == {"asked": epoch}
        begins = epoch == 2
        assert all(torch.equal(v, (best if begins else before)[k]) for k, v in model.state_dict().items())
        assert bool(optimizer.state) == (epoch in (1, 3))
        train()
    run.step = 1  # in the midst of the epoch, after a stop: nothing is set back
    assert staged.before_epoch(2, model) and optimizer.state


def test_norms_and_biases_are_spared_the_penalty(tmp_path):
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    options = TrainOptions.with_recipe(str(recipe(tmp_path)))
    groups = rates.optimizer_of(model, options).param_groups
    assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 1e-4), (3, 0.0)]
    assert load_recipe(str(recipe(tmp_path))).schedule == rates.schedule_for(options, options.epochs)
    assert compute_device("cpu").type == "cpu"
