"""Admission: every label has one reason, checks before support before share; what follows the network follows every step."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from zoopose.ccssl.base_step import Admission
from zoopose.ccssl.confidence import PRIOR, Calibration
from zoopose.ccssl.step import CcsslStep
from zoopose.ccssl.teacher import Teacher
from zoopose.datasets.pseudo_labels import CHECKS, REASONS, PseudoLabels
from zoopose.errors import DataError
from zoopose.evaluation.run_folder import RunFolder
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.skeleton import Skeleton
from zoopose.train import loop
from zoopose.train.run_state import Run
from zoopose.train.selftraining.config import SelfTrainingConfig, SelfTrainingFeeds

SKELETON = Skeleton("s", ("a", "b"))
LIMIT = 0.25  # of 32 px


def labels(confidence, round_: int = 0, unread=(), **checks) -> PseudoLabels:
    """Labels of this confidence (N, 2), with what the named checks miss by, px."""
    confidence = np.asarray(confidence, np.float32)
    n = len(confidence)
    xy = np.tile(np.arange(n, dtype=np.float32)[:, None, None], (1, 2, 2))
    xy[list(unread)] = np.nan
    return PseudoLabels(
        [str(i) for i in range(n)], xy, confidence, np.zeros((n, 2), bool), np.full((n, 2), 1.6, np.float32),
        np.zeros((n, 2), bool), SKELETON, {"round": round_, "network": "n", "mark": f"m{round_}"}, np.ones(n, np.float32), None,
        {name: np.broadcast_to(np.asarray(missed, np.float32), (n, 2)).copy() for name, missed in checks.items()},
    )  # fmt: skip


class Labeller:
    """Hands out the labels it was given, one set a round."""

    spec = InputSpec("exact", 32, 8)

    def __init__(self, *made: PseudoLabels):
        self.made, self.asked = made, []

    def cache_key(self, model, round_):
        return f"m{round_}"

    def label(self, model, round_, partial):
        self.asked.append(model)
        return self.made[round_]


def step_of(folder, *made, **more) -> CcsslStep:
    feed = SimpleNamespace(steps=1, batch_size=1, labels=None, seed=0)
    given = {"gamma": 1.0, "rounds": 2, "refresh": 1, "share": (0.5, 0.5), "per": "global", "limit": LIMIT, **more}
    state = given.pop("state", {})
    fabric = Fabric(accelerator="cpu", devices=1)
    config = SelfTrainingConfig(RunFolder(folder), given.pop("rounds"), given.pop("refresh"), given.pop("gamma"))
    admission = Admission(*given.pop("share"), given.pop("per"), given.pop("limit"))
    given["calibrate"] = given.pop("calibrator", None)
    feeds = SelfTrainingFeeds(feed, feed)
    step = CcsslStep(feeds, Labeller(*made), fabric, None, config, admission=admission, **given)
    step.load_state_dict(state)
    return step


def names(found: PseudoLabels) -> list[list[str]]:
    return [[REASONS[r] for r in row] for row in found.reason]


def test_the_most_confident_are_admitted_and_the_rest_wait_for_their_share(tmp_path):
    step = step_of(tmp_path, labels([[0.9, 0.1], [0.8, 0.2]]))
    step.before_epoch(0, nn.Linear(1, 1))
    found = PseudoLabels.read(RunFolder(tmp_path).labels(0))
    assert names(found) == [["admitted", "share"]] * 2 and found.admitted.tolist() == [[True, False]] * 2
    assert found.facts["share"] == 0.5 and found.facts["per"] == "global"
    np.testing.assert_array_equal(step.target.labels[1], found.admitted)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_that_misses_by_more_than_its_limit_is_the_reason(tmp_path, name):
    side = 32 * LIMIT
    made = labels([[0.9, 0.8], [0.7, 0.6], [0.5, 0.4]], **{name: [[side + 0.1, side], [np.nan, 0], [0, 2 * side]]})
    step = step_of(tmp_path, made, share=(0.5, 0.5))
    step.admit(made, 0)
    assert names(made) == [[name, "admitted"], ["admitted", "admitted"], ["share", name]]


def test_the_first_check_in_their_order_is_named(tmp_path):
    far, none = np.full((5, 2), 30.0), np.zeros((5, 2))
    invariance, equivariance = none.copy(), none.copy()
    invariance[0], equivariance[:2], far[4] = 30, 30, 0
    made = labels(np.full((5, 2), 0.5), temporal=far, equivariance=equivariance, invariance=invariance)
    step_of(tmp_path).admit(made, 0)
    assert [row[0] for row in names(made)] == ["invariance", "equivariance", "temporal", "temporal", "admitted"]
    assert not made.admitted[:4].any()


def test_a_carried_label_is_not_asked_for_what_its_own_was(tmp_path):
    made = labels([[0.9, 0.8]], temporal=[[30.0, 30.0]])
    made.carried[0, 0] = True
    step_of(tmp_path).admit(made, 0)
    assert names(made) == [["admitted", "temporal"]]


@pytest.mark.parametrize("name", ["invariance", "equivariance"])
def test_a_carried_label_that_brings_a_missed_check_along_is_left_out(tmp_path, name):
    made = labels([[0.9, 0.8]], **{name: [[30.0, 0.0]]})
    made.carried[:] = True
    step_of(tmp_path).admit(made, 0)
    assert names(made) == [[name, "admitted"]]


def test_without_a_limit_no_check_matters(tmp_path):
    made = labels([[0.9, 0.8]], invariance=[[1e6, np.inf]])
    step_of(tmp_path, share=(1.0, 1.0), limit=math.inf).admit(made, 0)
    assert made.admitted.all()


def test_a_frame_that_cannot_be_read_says_so_whatever_its_checks(tmp_path):
    made = labels([[0.0, 0.0], [0.5, 0.6]], unread=[0], invariance=[[30.0, np.nan], [0, 0]])
    step_of(tmp_path, share=(1.0, 1.0)).admit(made, 0)
    assert names(made) == [["unreadable"] * 2, ["admitted"] * 2]


def test_a_label_that_lost_its_support_is_told_from_one_that_never_had_it(tmp_path):
    first = labels([[0.9, 0.8], [0.2, 0.1], [0.7, 0.05]])
    second = labels([[0.3, 0.8], [0.9, 0.1], [0.95, 0.05]], 1, invariance=[[0, 0], [0, 0], [30.0, 0]])
    step = step_of(tmp_path, first, second)
    for epoch in range(2):
        step.before_epoch(epoch, nn.Linear(1, 1))
    before, after = (PseudoLabels.read(RunFolder(tmp_path).labels(r)) for r in range(2))
    assert before.admitted.tolist() == [[True, True], [False, False], [True, False]]
    # half of six labels; one of round 0 fails its check now, which says more than that it was admitted
    assert names(after) == [["admitted", "admitted"], ["admitted", "share"], ["invariance", "share"]]
    third = labels([[0.3, 0.8], [0.9, 0.1], [0.95, 0.05]], 1)
    step.admit(third, 1)
    assert names(third) == [["support", "admitted"], ["admitted", "share"], ["admitted", "share"]]


def test_the_share_grows_with_the_rounds(tmp_path):
    step = step_of(
        tmp_path, *(labels(np.linspace(0.1, 1, 20).reshape(10, 2), r) for r in range(3)), rounds=3, share=(0.2, 0.6)
    )
    seen = [step.before_epoch(epoch, nn.Linear(1, 1))["labels/admitted"] for epoch in range(3)]
    np.testing.assert_allclose(seen, [0.2, 0.4, 0.6])


def test_a_limit_that_nothing_keeps_is_waived_and_a_blind_network_named(tmp_path, caplog):
    strict = step_of(tmp_path, labels([[0.9, 0.8]], invariance=[[30.0, 30.0]]))
    strict.before_epoch(0, nn.Linear(1, 1))
    assert names(PseudoLabels.read(RunFolder(tmp_path).labels(0))) == [["admitted", "share"]]
    assert "--check-limit" in caplog.text
    blind = step_of(tmp_path / "blind", labels([[0.0, 0.0]]))
    with pytest.raises(DataError, match="sees no joint"):
        blind.before_epoch(0, nn.Linear(1, 1))


def test_confidence_is_calibrated_from_peak_and_agreement(tmp_path):
    made = labels([[0.9, 0.0], [0.8, 0.2]])
    calibration = Calibration(PRIOR, {"bins": [], "n": 7, "brier": 0.1, "data": "source"})
    asked = []
    step = step_of(tmp_path, made, calibrator=lambda model, round_: asked.append(round_) or calibration)
    step.before_epoch(0, nn.Linear(1, 1))
    found = PseudoLabels.read(RunFolder(tmp_path).labels(0))
    # 1.6 of 32 px
    expected = calibration.probability(found.peak, np.full((2, 2), 0.05))
    np.testing.assert_allclose(found.confidence, expected, rtol=1e-6)
    assert found.confidence[0, 1] == 0 and found.peak[0, 0] == np.float32(0.9)
    assert asked == [0] and found.facts["calibration"] == calibration.facts


def test_without_anything_to_calibrate_on_confidence_is_the_peak(tmp_path):
    step = step_of(tmp_path, labels([[0.9, 0.3]]), calibrator=lambda model, round_: None)
    step.before_epoch(0, nn.Linear(1, 1))
    found = PseudoLabels.read(RunFolder(tmp_path).labels(0))
    np.testing.assert_array_equal(found.confidence, found.peak)
    assert "calibration" not in found.facts


def test_what_all_labels_moved_together_is_taken_back(tmp_path):
    first, second = labels([[0.9, 0.8], [0.7, 0.6]]), labels([[0.9, 0.8], [0.7, 0.6]], 1)
    second.xy_px += np.array([3.0, -1.0], np.float32)
    step = step_of(tmp_path, first, second, share=(1.0, 1.0))
    for epoch in range(2):
        step.before_epoch(epoch, nn.Linear(1, 1))
    found = PseudoLabels.read(RunFolder(tmp_path).labels(1))
    np.testing.assert_allclose(found.xy_px, first.xy_px, atol=1e-5)
    np.testing.assert_allclose(found.facts["drift_px"], [3.0, -1.0], atol=1e-5)


def test_labels_of_an_interrupted_run_serve_only_the_same_confidence(tmp_path):
    for calibrator, asked in ((None, 1), (None, 0), (lambda model, round_: Calibration(PRIOR, {}), 1)):
        step = step_of(tmp_path, labels([[0.9, 0.3]]), calibrator=calibrator)
        step.before_epoch(0, nn.Linear(1, 1))
        assert len(step.labeller.asked) == asked
    assert PseudoLabels.read(RunFolder(tmp_path).labels(0)).confidence[0, 0] != np.float32(0.9)


def test_the_teacher_labels_in_the_networks_place_and_is_kept(tmp_path):
    model = nn.Linear(1, 1)
    step = step_of(tmp_path, labels([[0.9, 0.3]]), teacher=Teacher(model, 0.9))
    step.before_epoch(0, model)
    assert step.labeller.asked == [step.teacher.model]
    with torch.no_grad():
        model.weight.add_(1.0)
    step.after_step(model)
    kept = step.state_dict()
    assert kept["teacher"]["steps"] == 1
    np.testing.assert_allclose(kept["teacher"]["weights"]["weight"], (model.weight - 0.5).detach(), rtol=1e-6)
    # another process goes on with it
    again = step_of(tmp_path, teacher=Teacher(model, 0.9), state={"teacher": kept["teacher"]})
    assert again.teacher.steps == 1 and torch.equal(again.teacher.model.weight, step.teacher.model.weight)


def test_without_a_teacher_the_network_labels_and_nothing_follows(tmp_path):
    model = nn.Linear(1, 1)
    step = step_of(tmp_path, labels([[0.9, 0.3]]))
    step.before_epoch(0, model)
    step.after_step(model)
    assert step.labeller.asked == [model] and "teacher" not in step.state_dict()


def test_the_loop_lets_the_teacher_follow_every_step():
    """The bare network, after the optimiser has moved it."""
    plain, seen = nn.Linear(1, 1, bias=False), []
    wrapped = nn.Sequential(plain)
    optimizer = torch.optim.SGD(plain.parameters(), lr=0.1)
    fabric = Fabric(accelerator="cpu", devices=1)
    run = Run(None, fabric, wrapped, plain, optimizer, lr_at=lambda epoch: 0.1, pack=dict)

    class Step:
        def __call__(self, model, batch):
            return {"total": model(batch).sum()}

        def after_step(self, model):
            seen.append((model, model.weight.item()))

    with torch.no_grad():
        plain.weight.fill_(1.0)
    for _ in range(2):
        loop._optimise(run, Step(), torch.ones(1, 1))
    assert [model for model, _ in seen] == [plain, plain]
    np.testing.assert_allclose([weight for _, weight in seen], [0.9, 0.8], rtol=1e-6)


@pytest.mark.parametrize("style", [0.0, 1.0])
def test_target_pictures_take_the_sources_style_and_the_same_again(tmp_path, style):
    draws = torch.Generator().manual_seed(0)
    pictures = [torch.rand(3, 3, 8, 8, generator=draws), 5 + 2 * torch.rand(3, 3, 8, 8, generator=draws)]

    def feed(images):
        return SimpleNamespace(
            steps=2, batch_size=3, labels=None, seed=4,
            batches=lambda part, begin, device: iter([{"images": images.clone()} for _ in range(begin, 2)]),
        )  # fmt: skip

    step = step_of(tmp_path, style=style)
    step.source, step.target, step.steps = feed(pictures[0]), feed(pictures[1]), 2
    whole = [pair[1]["images"] for pair in step.batches(1, 0)]
    assert len(whole) == 2
    for made in whole:
        donors, spreads = pictures[0].mean((2, 3)), pictures[0].std((2, 3))
        if style:
            apart = (made.mean((2, 3))[:, None] - donors).abs().amax(-1) + (
                made.std((2, 3))[:, None] - spreads
            ).abs().amax(-1)
            assert (apart.amin(1) < 1e-4).all()
        else:
            assert torch.equal(made, pictures[1])
    rest = [pair[1]["images"] for pair in step.batches(1, 1)]
    assert torch.equal(rest[0], whole[1]), "from the middle of an epoch the same"
