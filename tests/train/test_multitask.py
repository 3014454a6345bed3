"""Multi-task training: part maps move with their pictures, the loss and the IoU are right, and the commands run."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from zoopose import cli
from zoopose.datasets.crops import CropCache, collate, crop_parts
from zoopose.datasets.open import open_data
from zoopose.datasets.sample import IGNORED, PartLabels
from zoopose.datasets.synthetic_animal import PARTS
from zoopose.errors import DataError
from zoopose.evaluation.part_iou import PartCounter, part_iou
from zoopose.pose.geometry import view_matrix
from zoopose.pose.models.hourglass import part_maps
from zoopose.synthetic.make_animals import make
from zoopose.synthetic.options import MakeOptions
from zoopose.train.feeds.crops import part_views
from zoopose.train.multitask import PART_WEIGHT, MultitaskStep, part_loss
from zoopose.train.supervised import SupervisedStep

NAME = "synthetic_animal_sp_multitask"
SMALL = "--inp-res 32 --stacks 1 --width 4 --train-batch 4 --workers 0 --accelerator cpu".split()


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A tree of ten rendered horses."""
    folder = tmp_path_factory.mktemp("animal_data")
    make(
        MakeOptions(
            out=folder,
            animal=("horse",),
            pictures=10,
            shots=1,
            frames=4,
            size=(72, 96),
            target_size=(72, 96),
            views="side",
            zoom=1.3,
        )
    )
    return folder


def view(flip: bool = False, angle: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    return view_matrix(8, torch.tensor([scale]), torch.tensor([angle]), torch.tensor([flip]))


def test_left_and_right_change_places_in_a_mirrored_view_alone():
    parts = torch.tensor([[5, 6, 9, 0, 1, 7, 8, IGNORED]], dtype=torch.uint8).expand(8, -1)[None]
    upright = part_views(parts, view(), (8, 8), PARTS.mirrored)
    assert torch.equal(upright, parts.long())
    mirrored = part_views(parts, view(flip=True), (8, 8), PARTS.mirrored)
    assert mirrored[0, 0].tolist() == [IGNORED, 7, 8, 1, 0, 9, 5, 6]
    assert torch.equal(part_views(mirrored.to(torch.uint8), view(flip=True), (8, 8), PARTS.mirrored), upright)


def test_a_quarter_turn_moves_parts_as_it_moves_pixels():
    parts = torch.arange(64, dtype=torch.uint8).view(1, 8, 8) % 10
    turned = part_views(parts, view(angle=90.0), (8, 8), tuple(range(10)))
    assert torch.equal(turned[0], torch.rot90(parts[0].long()))


def test_what_leaves_the_crop_is_ignored_not_background():
    shrunk = part_views(torch.full((1, 8, 8), 4, dtype=torch.uint8), view(scale=0.5), (8, 8), PARTS.mirrored)
    assert set(shrunk.unique().tolist()) == {4, IGNORED} and (shrunk == 4).sum() == 16
    moved = crop_parts(np.full((4, 4), 3, np.uint8), np.array([[1.0, 0, 2], [0, 1, 0]]), 4)
    assert (moved == [[IGNORED, IGNORED, 3, 3]] * 4).all()


def test_samples_and_kept_crops_hold_the_part_of_every_pixel(root):
    dataset = open_data(f"{NAME}:{root}", split="all")
    sample = dataset[0]
    assert dataset.parts is PARTS and sample.parts.shape == sample.image.shape[:2]
    assert {0, 4} < set(np.unique(sample.parts)) <= set(range(10))
    cache = CropCache(dataset, 24, 1.2, 1 << 20)
    fresh, kept = cache[2], cache[2]
    assert cache.filled() == 1 and torch.equal(fresh["parts"], kept["parts"])
    assert collate([fresh, cache[3]])["parts"].shape == (2, 24, 24)
    assert open_data(f"synthetic_animal_sp:{root}", split="all")[0].parts is None
    assert open_data(f"{NAME}:{root}", labelled=False)[0].parts is None


def test_a_tree_without_part_maps_is_refused_by_name(root, tmp_path):
    copy = tmp_path / "synthetic_animal"
    copy.mkdir()
    (copy / "horse_combineds5r5_texture").mkdir()
    for path in (root / "synthetic_animal" / "horse_combineds5r5_texture").iterdir():
        if not path.name.startswith("3_") or "partseg" not in path.name:
            (copy / path.parent.name / path.name).symlink_to(path)
    with pytest.raises(DataError, match="1 of 10 missing"):
        open_data(f"{NAME}:{tmp_path}")


def test_part_loss_is_the_mean_over_known_pixels_summed_over_stacks():
    draws = torch.Generator().manual_seed(0)
    maps = [torch.randn(2, 3, 8, 8, generator=draws, requires_grad=True) for _ in range(2)]
    parts = torch.randint(0, 3, (2, 8, 8), generator=draws)
    parts[0, :4] = IGNORED
    known = [(b, r, c) for b in range(2) for r in range(8) for c in range(8) if parts[b, r, c] != IGNORED]
    by_hand = sum(-o.log_softmax(1)[b, parts[b, r, c], r, c] for o in maps for b, r, c in known) / len(known)
    loss = part_loss([torch.zeros(2, 5, 2, 2), *maps], parts)
    assert float(loss.detach()) == pytest.approx(float(by_hand.detach()), rel=1e-5)
    loss.backward()
    assert maps[0].grad[0, :, :4].abs().max() == 0 < maps[0].grad[1].abs().max()
    assert part_loss(maps, torch.full((2, 8, 8), IGNORED)) == 0
    assert part_maps([torch.zeros(2, 5, 2, 2)], (8, 8)) == []


def test_iou_by_hand():
    labels = PartLabels(("background", "head", "tail"), (0, 1, 2))
    counter = PartCounter(labels, 3)
    assert np.isnan(counter.mean)
    found = torch.nn.functional.one_hot(torch.tensor([[[0, 0, 1, 1]]]), 3).permute(0, 3, 1, 2).float()
    counter.add(found, torch.tensor([[[0, 1, 1, IGNORED]]]))
    np.testing.assert_allclose(part_iou(counter.confusion), [0.5, 0.5, np.nan])
    table = counter.table({"data": "x"})
    assert table.mean == 0.5 and table.n == {"background": 1, "head": 2, "tail": 0, "mean": 3}
    with pytest.raises(DataError, match="num_parts=3"):
        PartCounter(labels, 10)


@pytest.mark.parametrize("epoch", [0, 3])
def test_the_weight_of_the_part_loss_falls_as_published(epoch):
    class Feed:
        batch_size, steps = 2, 1

    fabric, draws = Fabric(accelerator="cpu", devices=1), torch.Generator().manual_seed(1)
    outputs = [torch.rand(2, 5, 4, 4, generator=draws), torch.rand(2, 3, 16, 16, generator=draws)]
    batch = {"target": torch.rand(2, 5, 4, 4, generator=draws), "weight": torch.ones(2, 5),
             "parts": torch.randint(0, 3, (2, 16, 16), generator=draws)}  # fmt: skip
    plain, both = SupervisedStep(Feed(), fabric), MultitaskStep(Feed(), fabric)
    both.before_epoch(epoch, None)
    joints, found = plain.losses(outputs, batch), both.losses(outputs, batch)
    extra = PART_WEIGHT / (epoch + 1) * float(part_loss(outputs, batch["parts"]))
    assert float(found["total"]) == pytest.approx(float(joints["total"]) + extra)
    assert found["acc"] == joints["acc"] and PART_WEIGHT == 0.01


@pytest.fixture(scope="module")
def trained(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    line = ["train", "--arch", "hg_multitask", "--dataset", NAME, "--image-path", str(root), "--epochs", "2", *SMALL]
    assert cli.main([*line, "--checkpoint", str(folder)]) == 0
    return folder


def test_training_logs_parts_and_scores_their_iou(trained):
    with open(trained / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2 and all(float(r["train/parts"]) > 0 and 0 <= float(r["val/iou"]) <= 1 for r in rows)
    scores = json.loads((trained / "metrics.json").read_text())
    parts = scores["protocols"]["parts"]
    assert list(parts["numbers"]["IoU"]) == [*PARTS.names, "mean"] and parts["headline"] == ["IoU", "mean"]
    assert "Part segmentation" in (trained / "report.html").read_text()


def test_the_test_command_scores_parts_too_and_only_where_there_are_some(trained, root, tmp_path):
    line = ["test", "--resume", str(trained / "model_best.pth.tar"), "--image-path", str(root), "-j", "0"]
    assert cli.main([*line, "--dataset", NAME, "--checkpoint", str(tmp_path / "parts")]) == 0
    found = json.loads((tmp_path / "parts" / "metrics.json").read_text())["protocols"]["parts"]
    training = json.loads((trained / "metrics.json").read_text())["protocols"]["parts"]
    assert found["numbers"] == training["numbers"]
    assert cli.main([*line, "--dataset", "synthetic_animal_sp", "--checkpoint", str(tmp_path / "joints")]) == 0
    assert "parts" not in json.loads((tmp_path / "joints" / "metrics.json").read_text())["protocols"]


def test_joints_alone_where_the_data_have_no_parts_is_said(root, tmp_path, caplog):
    line = ["train", "--arch", "hg_multitask", "--image-path", str(root), "--epochs", "1", *SMALL]
    with caplog.at_level("WARNING"):
        assert cli.main([*line, "--dataset", "synthetic_animal_sp", "--checkpoint", str(tmp_path)]) == 0
    assert "no part labels" in caplog.text
    published = [*line, "--dataset", NAME, "--checkpoint", str(tmp_path / "p"), "--augment", "published"]
    assert cli.main(published) == 2
