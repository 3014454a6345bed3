"""Calibration: a known law is found again, its reliability is judged out of sample, and more evidence never means less belief."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from torch import nn

from zoopose.ccssl import confidence
from zoopose.ccssl.confidence import CORRECT, PRIOR, Calibration, Calibrator, calibrate, features
from zoopose.ccssl.consistency import Views
from zoopose.datasets.crops import CropCache
from zoopose.datasets.pictures import PictureError
from zoopose.datasets.sample import PoseDataset, PoseSample
from zoopose.pose.augment import Augmentation
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.skeleton import Skeleton

SIZE, CELLS, PAD = 64, 16, 13
FORM = InputSpec("exact", SIZE, CELLS, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
LAW = np.array([1.5, 1.2, -0.8, 0.6])


def made_up(n: int, seed: int = 0, k: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Peaks, disagreements and whether labels are right, by LAW."""
    rng = np.random.default_rng(seed)
    frame = rng.uniform(0.3, 1, (n, 1))
    peak, agreement = frame * rng.uniform(0.1, 1, (n, k)), rng.gamma(1, 0.05, (n, k))
    return peak, agreement, rng.random((n, k)) < expit(features(peak, agreement) @ LAW)


def test_a_known_law_is_found_again():
    peak, agreement, right = made_up(4000)
    found = calibrate(peak, agreement, right, np.ones(right.shape, bool), "made up")
    np.testing.assert_allclose(found.weights, LAW, atol=0.15)
    new = made_up(500, seed=1)
    truth = expit(features(*new[:2]) @ LAW)
    np.testing.assert_allclose(found.probability(*new[:2]), truth, atol=0.03)
    assert found.facts["n"] == right.size and found.facts["data"] == "made up"
    # a calibrated share is the observed one within its chance
    for b in found.facts["bins"]:
        spread = 4 * np.sqrt(b["predicted"] * (1 - b["predicted"]) / b["count"])
        assert b["low"] <= b["predicted"] <= b["high"] and abs(b["predicted"] - b["observed"]) < spread + 0.01
    assert sum(b["count"] for b in found.facts["bins"]) == right.size
    # Brier's score of the law itself is the mean of p (1 - p)
    p = expit(features(peak, agreement) @ LAW)
    assert found.facts["brier"] == pytest.approx((p * (1 - p)).mean(), abs=0.005)


def test_reliability_is_judged_by_the_fit_of_the_other_half():
    """Even frames say that high peaks are right, odd ones that they are wrong: each half is told the other's tale."""
    peak = np.tile(np.linspace(0.1, 1, 10), (200, 1))
    agreement = np.full_like(peak, 0.02)
    even = np.arange(200)[:, None] % 2 == 0
    right = np.where(even, peak > 0.5, peak <= 0.5)
    known = np.ones(right.shape, bool)
    facts = calibrate(peak, agreement, right, known).facts
    halves = [calibrate(peak[rows], agreement[rows], right[rows], known[rows]) for rows in (even[:, 0], ~even[:, 0])]
    predicted = np.where(even, *(h.probability(peak, agreement) for h in halves[::-1]))
    assert facts["brier"] == pytest.approx(((predicted - right) ** 2).mean(), abs=1e-4)
    assert facts["brier"] > 0.25, "worse than one who always says half"


def test_only_known_labels_count():
    peak, agreement, right = made_up(300)
    known = np.random.default_rng(2).random(right.shape) < 0.5
    found = calibrate(peak, agreement, right, known)
    other = calibrate(peak, agreement, np.where(known, right, ~right), known)
    np.testing.assert_array_equal(found.weights, other.weights)
    assert found.facts == other.facts and found.facts["n"] == known.sum()


def test_without_labels_the_prior_stands_and_few_do_not_move_it_far():
    peak, agreement, right = made_up(2)
    none = calibrate(peak, agreement, right, np.zeros(right.shape, bool))
    np.testing.assert_allclose(none.weights, PRIOR, atol=1e-6)
    assert none.facts["n"] == 0 and none.facts["bins"] == [] and none.facts["brier"] is None
    few = calibrate(peak, agreement, np.zeros_like(right), np.ones(right.shape, bool))
    many = calibrate(*(np.tile(a, (100, 1)) for a in (peak, agreement, np.zeros_like(right))), np.ones((200, 6), bool))
    assert np.abs(few.weights - PRIOR)[1:].max() < 0.6
    believed = [c.probability(peak, agreement) for c in (many, few, none)]
    assert (believed[0] < 0.05).all() and (believed[0] < believed[1]).all() and (believed[1] < believed[2]).all()


WEIGHTS = st.integers(0, 2**31)


@given(WEIGHTS, st.booleans())
def test_higher_and_closer_is_never_believed_less(seed, against):
    """Even where the labels say otherwise."""
    rng = np.random.default_rng(seed)
    peak, agreement, right = made_up(40, seed)
    found = calibrate(peak, agreement, ~right if against else right, rng.random(right.shape) < 0.7)
    assert found.weights[1] >= 0 >= found.weights[2] and found.weights[3] >= 0
    p = found.probability(peak, agreement)
    assert (found.probability(np.minimum(1.3 * peak, 1), agreement) >= p - 1e-6).all()
    assert (found.probability(peak, agreement + 0.05) <= p + 1e-6).all()
    raised = peak.copy()
    raised[:, 0] = 1.0
    assert (found.probability(raised, agreement) >= p - 1e-6).all(), "the frame's other joints gain with it"


def test_no_agreement_counts_as_far_and_no_peak_as_nothing():
    found = Calibration(PRIOR, {})
    peak = np.array([[0.5, 0.5, 0.0, np.nan, 0.5]])
    agreement = np.array([[0.01, np.nan, 0.01, 0.01, 1.0]])
    p = found.probability(peak, agreement)
    assert p.dtype == np.float32 and np.isfinite(p).all()
    assert p[0, 2] == p[0, 3] == 0 < p[0, 1] < p[0, 0] < 1
    assert p[0, 1] == pytest.approx(p[0, 4], rel=1e-6)
    assert np.isfinite(features(peak, agreement)).all()


def test_a_frame_with_weak_joints_is_believed_less():
    p = Calibration(PRIOR, {}).probability(np.array([[0.5, 0.9], [0.5, 0.1]]), np.full((2, 2), 0.02))
    assert p[0, 0] > p[1, 0]


class Dots(PoseDataset):
    """Labelled pictures with three dots; in every fourth one joint c is labelled `miss` px beside its dot."""

    crop_factor = 1.0
    skeleton = Skeleton("s", ("a", "b", "c"))

    def __init__(self, n: int = 12, miss: float = 0.0, visible: int = 2, broken=()):
        self.xy = 60 + np.random.default_rng(0).uniform(-15, 15, (n, 3, 2))
        self.miss, self.flag, self.broken = miss, visible, broken

    def __len__(self):
        return len(self.xy)

    def __getitem__(self, i):
        if i in self.broken:
            raise PictureError(str(i), "cut short")
        cell = np.arange(120)
        gx, gy = (np.exp(-((cell - self.xy[i][:, axis, None]) ** 2) / 50) for axis in (0, 1))
        picture = (255 * gy[:, :, None] * gx[:, None, :]).round().astype(np.uint8).transpose(1, 2, 0)
        xy = self.xy[i].astype(np.float32)
        xy[2, 0] += self.miss * (i % 4 == 0)
        visible = np.array([2, 1, 2]) if self.flag == 2 else np.full(3, self.flag)
        return PoseSample(picture, xy, visible.astype(np.uint8), np.array([20, 20, 80, 60], np.float32), {"id": str(i)})


class ColourDetector(nn.Module):
    def forward(self, images):
        assert not self.training
        return [F.avg_pool2d(images, 4)]


def calibrator(data: Dots, monkeypatch) -> tuple[Calibrator, list]:
    seen = []

    def keep(peak, agreement, right, known, name=""):
        seen.append((peak, agreement, right, known))
        return calibrate(peak, agreement, right, known, name)

    monkeypatch.setattr(confidence, "calibrate", keep)
    views = Views(2, Augmentation(rotation_deg=10, flip=0.5), Augmentation())
    crops = CropCache(data, SIZE + 2 * PAD, 1 + 2 * PAD / SIZE, 0)
    return Calibrator(crops, FORM, views, 3, torch.device("cpu"), "dots"), seen


@pytest.mark.parametrize(("beside", "wrong"), [(0.7, False), (1.4, True)])
def test_labels_of_the_source_are_right_within_a_share_of_the_box(monkeypatch, beside, wrong):
    """80 px of box: 4 px of the picture; only labelled and visible joints are known."""
    made, seen = calibrator(Dots(miss=beside * CORRECT * 80), monkeypatch)
    model = ColourDetector().train()
    found = made(model, 0)
    assert model.training and found.facts["data"] == "dots" and found.facts["n"] == 24
    peak, agreement, right, known = seen[0]
    assert peak.shape == agreement.shape == right.shape == (12, 3)
    assert known.tolist() == [[True, False, True]] * 12
    assert right[:, :2].all() and (right[:, 2] == (np.arange(12) % 4 != 0 if wrong else True)).all()
    assert peak.min() > 0.4 and (agreement >= 0).all() and agreement.max() < 0.02, "in shares of the crop's side"


def test_unreadable_pictures_are_left_out_and_without_labels_there_is_no_calibration(monkeypatch):
    made, seen = calibrator(Dots(broken=(2, 5)), monkeypatch)
    assert made(ColourDetector(), 0).facts["n"] == 20 and len(seen[0][0]) == 10
    for data in (Dots(visible=0), Dots(visible=1), Dots(broken=range(12))):
        assert calibrator(data, monkeypatch)[0](ColourDetector(), 0) is None


def test_draws_follow_from_seed_and_round(monkeypatch):
    made, seen = calibrator(Dots(), monkeypatch)
    for round_ in (0, 0, 1):
        made(ColourDetector(), round_)
    assert np.array_equal(seen[0][1], seen[1][1]) and not np.array_equal(seen[0][1], seen[2][1])
