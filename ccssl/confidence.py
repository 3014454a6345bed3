"""Calibrated confidence: the probability that a pseudo-label is correct, fitted to labels of source pictures with known errors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import nn

from ..datasets.crops import CropCache
from ..pose.geometry import apply, resize_matrix
from ..pose.input_spec import InputSpec
from ..pose.random_draws import generator_for
from ..train.streams import Stream
from .consistency import Views, label_views
from .frame_sample import FrameSample

FRAMES = 128  # source frames that are labelled in a calibration
CORRECT = 0.05  # largest error of a correct label, in shares of the box's longer side; the threshold of PCK@0.05
BINS = 10  # of the reliability diagram
# Weights of `features` before any label is seen: intercept, log peak, log disagreement of the views, mean log peak of the frame.
PRIOR = np.array([0.0, 1.0, -0.5, 1.0])
PRIOR_LABELS = 20.0  # number of source labels that weigh as much as the prior; chosen by hand


def features(peak: np.ndarray, agreement: np.ndarray) -> np.ndarray:
    """(N, K, 4): 1, log of the peak, log of the views' disagreement, mean log peak of the frame.

    The mean over the frame is a feature because errors come in whole frames: where the network takes an animal for one that faces
    the other way, all joints are wrong.

    Args:
        peak: (N, K) heights of the averaged maps' peaks.
        agreement: (N, K) mean distance of the views' joints from the label, in shares of the crop's side; NaN counts as 1.
    """
    height = np.log(np.maximum(np.nan_to_num(np.asarray(peak, np.float64)), 0.02))
    distance = np.log(np.nan_to_num(np.asarray(agreement, np.float64), nan=1.0) + 0.003)
    frame = np.broadcast_to(height.mean(1, keepdims=True), height.shape)
    return np.stack([np.ones_like(height), height, distance, frame], -1)


@dataclass(frozen=True)
class Calibration:
    """Logistic model of the probability that a label is correct.

    Attributes:
        weights: (4,) of `features`.
        facts: plain data for file and report: reliability bins, Brier score, number of labels, the largest error of a correct
            label.
    """

    weights: np.ndarray
    facts: dict[str, Any]

    def probability(self, peak: np.ndarray, agreement: np.ndarray) -> np.ndarray:
        """(N, K) float32 in 0..1; 0 where there is no peak."""
        probability = expit(features(peak, agreement) @ self.weights)
        return np.where(np.nan_to_num(peak) > 0, probability, 0).astype(np.float32)


def calibrate(
    peak: np.ndarray, agreement: np.ndarray, correct: np.ndarray, known: np.ndarray, data: str = ""
) -> Calibration:
    """Fit the model to labels whose error is known.

    The reliability bins are out of sample: a model fitted to one half of the frames predicts the other half.

    Args:
        peak, agreement: (N, K), see `features`.
        correct: (N, K) bool.
        known: (N, K) bool; other labels are not used.
        data: name of the labelled data, for the report.
    """
    x, known = features(peak, agreement), np.asarray(known, bool)
    even = (np.arange(len(known)) % 2 == 0)[:, None] & known
    odd = known & ~even
    predicted = np.full(known.shape, np.nan)
    for learn, scored in ((even, odd), (odd, even)):
        predicted[scored] = expit(x[scored] @ _fit(x[learn], correct[learn]))
    p, truth = predicted[known], np.asarray(correct, np.float64)[known]
    edges = np.linspace(0, 1, BINS + 1)
    where = np.clip(np.digitize(p, edges) - 1, 0, BINS - 1)
    bins = [
        {
            "low": float(edges[b]),
            "high": float(edges[b + 1]),
            "predicted": float(p[where == b].mean()),
            "observed": float(truth[where == b].mean()),
            "count": int((where == b).sum()),
        }
        for b in range(BINS)
        if (where == b).any()
    ]
    weights = _fit(x[known], correct[known])
    brier = float(((p - truth) ** 2).mean()) if len(p) else None
    facts = {"bins": bins, "n": len(p), "brier": brier, "data": data, "weights": [float(w) for w in weights]}
    facts["limit"] = f"{CORRECT:g} of the box's longer side"
    return Calibration(weights, facts)


def _fit(x: np.ndarray, correct: np.ndarray) -> np.ndarray:
    """(4,) weights of a logistic regression with the prior `PRIOR`.

    The bounds make the probability rise with the peaks and fall with the disagreement.
    """
    y = np.asarray(correct, np.float64)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z, pull = x @ w, PRIOR_LABELS * (w - PRIOR) * [0.05, 1, 1, 1]  # the intercept is nearly free
        value = (np.logaddexp(0, z) - y * z).sum() + 0.5 * (pull * (w - PRIOR)).sum()
        return value, x.T @ (expit(z) - y) + pull

    bounds = [(None, None), (0, None), (None, 0), (0, None)]
    return np.asarray(minimize(loss, PRIOR, jac=True, method="L-BFGS-B", bounds=bounds).x)


class Calibrator:
    """Labels a few source pictures by the code that labels the target, and fits the calibration to their errors.

    Args:
        crops: of labelled pictures, padded like the target's; pictures that are not trained on give the honest calibration.
        spec: input of the network.
        views: of the labelling.
        seed: of the run.
        device: of the network.
        data: name of the labelled data, for the report.
    """

    def __init__(self, crops: CropCache, spec: InputSpec, views: Views, seed: int, device: torch.device, data: str):
        self.crops, self.spec, self.views, self.seed, self.device, self.data = crops, spec, views, seed, device, data
        self._sample: FrameSample | None = None

    def __call__(self, model: nn.Module, round_: int) -> Calibration | None:
        """The calibration of a network's labels; None where no picture can be read or no joint is visible.

        Args:
            model: put into eval mode and back.
            round_: number of the round; the draws depend on it.
        """
        if self._sample is None:
            self._sample = FrameSample.spread(self.crops, FRAMES)
        sample = self._sample
        if sample is None or not (sample.visible == 2).any():
            return None
        training, size = model.training, self.spec.size
        model.eval()
        parts = []
        for at in range(0, len(sample.rows), 32):
            crops, draws = (
                sample.crops[at : at + 32].to(self.device),
                generator_for(self.seed, Stream.CALIBRATION, round_, at),
            )
            flip_order = self.crops.dataset.skeleton.flip_order
            labels = label_views(model, crops, self.crops.margin, self.spec, self.views, flip_order, draws)
            parts.append([v.cpu() for v in (labels.xy_heatmap, labels.peak, labels.agreement)])
        model.train(training)
        xy, peak, agreement = (torch.cat(p) for p in zip(*parts))
        to_crop = resize_matrix(self.spec.heatmap_size, size, xy)
        pad = (self.crops.side - size) / 2
        error = (apply(to_crop, xy) + pad - sample.xy_crop).norm(dim=-1)
        correct = error < CORRECT * sample.box_px[:, None]
        return calibrate(
            peak.numpy(),
            agreement.numpy() * self.spec.stride / size,
            correct.numpy(),
            (sample.visible == 2).numpy(),
            self.data,
        )
