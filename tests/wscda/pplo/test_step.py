"""PPLO's labelling and rounds: predictions as `zoopose predict` makes them, held labels, early end, weights."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.crops import CropCache
from zoopose.datasets.open import open_data
from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.errors import DataError
from zoopose.evaluation.inference import PredictConfig, predict
from zoopose.evaluation.report.labels import label_blocks
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose import heatmap
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import Skeleton
from zoopose.train.selftraining.config import SelfTrainingConfig, SelfTrainingFeeds
from zoopose.train.selftraining.labeller import Execution
from zoopose.train.step import TrainingEnded
from zoopose.train.supervised import LOSSES
from zoopose.wscda.pplo import labeller as mirror_labels
from zoopose.wscda.pplo.labeller import MirrorLabeller, MirrorRules
from zoopose.wscda.pplo.selection import Rule, confidence_of, similarity
from zoopose.wscda.pplo.step import PploStep

FORM = InputSpec("exact", 32, 8)
SKELETON = Skeleton("s", ("a", "b"))


@pytest.fixture(scope="module")
def target(domains):
    return open_data(f"coco:{domains['target']}", split="all", labelled=False)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(1)
    return build_model("hg", 6, num_stacks=1, width=4, depth=1).eval()


def labeller_of(target, pad: int = 0, **more) -> MirrorLabeller:
    crops = CropCache(target, 32 + 2 * pad, 1 + 2 * pad / 32, 1 << 24)
    return MirrorLabeller(crops, FORM, Execution(torch.device("cpu")), MirrorRules(**more))


def test_labels_are_what_is_predicted_with_the_mirrored_picture_averaged_in(target, network, monkeypatch):
    expected = predict(network, target, FORM, torch.device("cpu"), PredictConfig(flip=True))
    monkeypatch.setattr(mirror_labels, "CHUNK", 4)
    found = labeller_of(target).label(network, 2)
    np.testing.assert_allclose(found.xy_px, expected.xy_px, atol=1e-3)
    np.testing.assert_allclose(found.score, np.maximum(expected.score, 0), atol=1e-6)
    assert found.facts["round"] == 2 and not found.admitted.any() and found.ids == list(target.ids)
    # of wider crops the inner square, cut from the cache
    padded = labeller_of(target, pad=6)
    wide = padded.label(network, 0)
    assert np.median(np.abs(wide.peak - found.peak)) < 0.01
    assert padded.crops.filled() == len(target)


def test_kept_crops_are_not_read_again(target, network, monkeypatch):
    labeller = labeller_of(target)
    first = labeller.label(network, 0)
    monkeypatch.setattr(type(target), "__getitem__", lambda *_: pytest.fail("read again"))
    np.testing.assert_array_equal(labeller.label(network, 0).xy_px, first.xy_px)


def test_small_loss_asks_what_the_network_thinks_of_held_labels(target, network):
    labeller = labeller_of(target, select="small_loss")
    first = labeller.label(network, 0)
    assert labeller.previous_confidence is None
    first.admitted[::2] = True
    labeller.previous = first
    again = labeller.label(network, 1)
    held = labeller.previous_confidence
    # by the same network at the same place the same; none where nothing is held
    np.testing.assert_allclose(held[::2], again.confidence[::2], atol=1e-5)
    assert not held[1::2].any()
    first.xy_px += 9  # px of the picture, of 64 in which the box has 56 and its crop 70
    labeller.label(network, 1)
    crops = torch.stack([labeller.crops[i]["crop"] for i in range(len(target))])
    images = FORM.normalise(crops.float() / 255)
    with torch.no_grad():
        maps = (network(images)[-1] + heatmap.flip_back(network(images.flip(-1))[-1], target.skeleton.flip_order)) / 2
    moved = torch.from_numpy((first.xy_px - (32 - 35)) * 8 / 70 - 0.5 + 4 / 70)
    expected = confidence_of("small_loss", similarity(maps, moved, 1.0).numpy(), 64, 1.0)
    np.testing.assert_allclose(labeller.previous_confidence[::2], expected[::2], atol=2e-3)
    assert np.abs(expected - held)[::2].max() > 0.1


def made(scores, round_: int, at: float) -> PseudoLabels:
    scores = np.array(scores, np.float32)
    n = len(scores)
    return PseudoLabels(
        [str(i) for i in range(n)], np.full((n, 2, 2), at, np.float32), scores.copy(), np.zeros((n, 2), bool),
        np.ones((n, 2), np.float32), np.zeros((n, 2), bool), SKELETON, {"round": round_, "network": "n", "mark": f"m{round_}"},
        np.ones(n, np.float32), scores.copy(), {"equivariance": np.ones((n, 2), np.float32)}, score=scores,
        replaced=np.zeros((n, 2), bool),
    )  # fmt: skip


class Labeller:
    """Hands out the labels it was given, one set a round."""

    spec, previous_confidence = FORM, None

    def __init__(self, *found: PseudoLabels):
        self.found, self.previous, self.asked = found, None, []

    def cache_key(self, model, round_):
        return f"m{round_}"

    def label(self, model, round_, partial):
        self.asked.append(round_)
        return self.found[round_]


def step_of(folder, fabric, *found, **more) -> PploStep:
    feed = SimpleNamespace(steps=1, batch_size=1, labels=None, seed=0)
    state, rounds, weight = more.pop("state", {}), more.pop("rounds", len(found)), more.pop("weight", 1.0)
    given = {"epochs": len(found), "rule": Rule(first=1.0, last=1.0), **more}
    config = SelfTrainingConfig(RunFolder(folder), rounds, math.ceil(given["epochs"] / rounds), weight)
    step = PploStep(SelfTrainingFeeds(feed, feed), Labeller(*found), fabric, LOSSES["mean"], config, **given)
    step.load_state_dict(state)
    return step


MODEL = nn.Linear(1, 1)


def test_better_labels_are_kept_over_rounds_and_counted(tmp_path, fabric):
    rounds = (
        made([[0.5, 0.5], [0.5, 0.5]], 0, 1),
        made([[0.6, 0.4], [0.5, 0.4]], 1, 2),
        made([[0.55, 0.55], [0.1, 0.1]], 2, 3),
    )
    step = step_of(tmp_path, fabric, *rounds, remove_drift=False)
    facts = [step.before_epoch(epoch, MODEL) for epoch in range(3)]
    kept = [PseudoLabels.read(RunFolder(tmp_path).labels(r)) for r in range(3)]
    assert kept[1].xy_px[..., 0].tolist() == [[2, 1], [1, 1]] and kept[2].xy_px[..., 0].tolist() == [[2, 3], [1, 1]]
    assert [f["labels/replaced"] for f in facts] == [0, 0.25, 0.25] and [f["labels/changed"] for f in facts] == [
        1,
        0.25,
        0.25,
    ]
    np.testing.assert_array_equal(step.target.labels[0], kept[2].xy_px)
    np.testing.assert_allclose(kept[2].score, [[0.6, 0.55], [0.5, 0.5]])
    assert kept[1].facts["replaced"] == 1 and kept[1].facts["admitted"] == 4


def test_labels_are_held_where_they_were_unless_told_otherwise(tmp_path, fabric):
    for remove_drift, at in ((True, 1.0), (False, 4.0)):
        step = step_of(
            tmp_path / str(remove_drift),
            fabric,
            made([[0.5, 0.5]], 0, 1),
            made([[0.6, 0.6]], 1, 4),
            remove_drift=remove_drift,
        )
        for epoch in range(2):
            step.before_epoch(epoch, MODEL)
        found = PseudoLabels.read(step.folder.labels(1))
        np.testing.assert_allclose(found.xy_px, at)
        assert found.facts.get("drift_px") == ([3.0, 3.0] if remove_drift else None)


def test_two_quiet_rounds_end_the_run_and_one_does_not(tmp_path, fabric):
    still = [[0.5, 0.5]] * 4
    moved = [[0.5, 0.6]] * 4
    found = [made(s, i, i) for i, s in enumerate((still, still, moved, moved, moved))]
    step = step_of(tmp_path, fabric, *found, stop_below=0.01)
    for epoch in range(4):  # round 1 is quiet, 2 is not, 3 is
        step.before_epoch(epoch, MODEL)
    with pytest.raises(TrainingEnded, match="rounds 3 and 4 have changed 0.00 and 0.00 %"):
        step.before_epoch(4, MODEL)
    # a process that comes later says the same, from the labels that are there
    later = step_of(tmp_path, fabric, *found, stop_below=0.01, state={"round": 3, "network": "n"})
    with pytest.raises(TrainingEnded, match="rounds 3 and 4"):
        later.before_epoch(4, MODEL)
    assert later.labeller.asked == []
    never = step_of(tmp_path / "never", fabric, *found, stop_below=0.0)
    assert [never.before_epoch(epoch, MODEL)["labels/changed"] for epoch in range(5)] == [1, 0, 0.5, 0, 0]


def test_the_weight_of_the_target_rises_and_stays(tmp_path, fabric):
    step = step_of(tmp_path, fabric, made([[0.5, 0.5]], 0, 1), epochs=5, weight=3.0, warmup=2)
    assert [step.before_epoch(epoch, MODEL)["labels/weight"] for epoch in range(5)] == [1, 2, 3, 3, 3]
    step.before_epoch(0, MODEL)
    maps = [torch.full((2, 2, 4, 4), 0.5)]
    batch = {"images": torch.zeros(1, 3, 4, 4), "target": torch.zeros(1, 2, 4, 4), "weight": torch.ones(1, 2)}
    losses = step(lambda images: maps, (batch, batch))
    assert losses["target"] == 0.25 and losses["total"] == 0.25 + 1.0 * 0.25
    step.before_epoch(4, MODEL)
    assert step(lambda images: maps, (batch, batch))["total"] == 0.25 + 3.0 * 0.25


def test_nothing_to_admit_is_named(tmp_path, fabric):
    step = step_of(tmp_path, fabric, made([[0.3, 0.2]], 0, 1), rule=Rule("threshold", threshold=0.5))
    with pytest.raises(DataError, match=r"peaks up to 0\.30[\s\S]*--threshold"):
        step.before_epoch(0, MODEL)


def test_the_report_shows_rounds_with_what_was_replaced(tmp_path, fabric, domains, network, monkeypatch):
    target = CocoKeypoints(domains["target"])
    labeller, found = labeller_of(target), []
    for r in range(2):
        found.append(labeller.label(network, r))
        found[r].facts |= {"network": "n", "mark": f"m{r}"}
    found[1].score += 0.01
    step = step_of(tmp_path, fabric, *found, rule=Rule())
    for epoch in range(2):
        step.before_epoch(epoch, MODEL)
    table = label_blocks(RunFolder(tmp_path), target, target.skeleton)[0]
    assert table.columns[-1] == "replaced, %"
    admitted = PseudoLabels.read(RunFolder(tmp_path).labels(0)).admitted
    assert [row[-1] for row in table.rows] == ["0.0", f"{100 * admitted.mean():.1f}"]
