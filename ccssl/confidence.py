"""How far a label can be believed: the probability that it is right, fitted to labels of the labelled source made the same way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.optimize import minimize
from scipy.special import expit
from torch import nn

from ..datasets.crops import CropCache
from ..pose.augment import generator_for
from ..pose.geometry import apply, resize_matrix
from ..pose.input_spec import InputSpec
from .consistency import Views, label_views
from .sample import Sample

FRAMES = 128  # labelled frames that are labelled anew to be calibrated on
STREAM = 79  # keeps these draws apart from those of feeds and labellings
RIGHT = 0.05  # of the longer side of the box
BINS = 10
# where nothing is known: peak, agreement and the frame's other joints count alike
PRIOR = np.array([0.0, 1.0, -0.5, 1.0])
PRIOR_LABELS = 20.0  # how many labels of the source that is worth


def features(peak: np.ndarray, agreement: np.ndarray) -> np.ndarray:
    """(N, K, 4): 1, log of the peak, log of the views' disagreement, mean log peak of the frame.

    The last one is there because errors come by frames: an animal taken for one that faces the other way has all its joints wrong.

    Args:
        peak: (N, K) heights of the averaged maps' peaks.
        agreement: (N, K) mean distance of the views' joints, in shares of the crop's side; NaN counts as far.
    """
    height = np.log(np.maximum(np.nan_to_num(np.asarray(peak, np.float64)), 0.02))
    apart = np.log(np.nan_to_num(np.asarray(agreement, np.float64), nan=1.0) + 0.003)
    frame = np.broadcast_to(height.mean(1, keepdims=True), height.shape)
    return np.stack([np.ones_like(height), height, apart, frame], -1)


@dataclass(frozen=True)
class Calibration:
    """Logistic model of a label being right.

    Attributes:
        weights: (4,) of `features`.
        facts: plain data for file and report: reliability bins, Brier score, number of labels, what counted as right.
    """

    weights: np.ndarray
    facts: dict[str, Any]

    def probability(self, peak: np.ndarray, agreement: np.ndarray) -> np.ndarray:
        """(N, K) float32 in 0..1; 0 where there is no peak."""
        found = expit(features(peak, agreement) @ self.weights)
        return np.where(np.nan_to_num(peak) > 0, found, 0).astype(np.float32)


def calibrate(
    peak: np.ndarray, agreement: np.ndarray, right: np.ndarray, known: np.ndarray, data: str = ""
) -> Calibration:
    """Fit to labels that are known to be right or wrong.

    The reliability shown is out of sample: every half of the frames judged by the fit of the other.

    Args:
        peak, agreement: (N, K), see `features`.
        right, known: (N, K) bool; only known ones count.
        data: name of the labels, for the report.
    """
    x, known = features(peak, agreement), np.asarray(known, bool)
    even = (np.arange(len(known)) % 2 == 0)[:, None] & known
    odd = known & ~even
    predicted = np.full(known.shape, np.nan)
    for learn, scored in ((even, odd), (odd, even)):
        predicted[scored] = expit(x[scored] @ _fit(x[learn], right[learn]))
    p, truth = predicted[known], np.asarray(right, np.float64)[known]
    edges = np.linspace(0, 1, BINS + 1)
    where = np.clip(np.digitize(p, edges) - 1, 0, BINS - 1)
    bins = [
        {"low": float(edges[b]), "high": float(edges[b + 1]), "predicted": float(p[where == b].mean()),
         "observed": float(truth[where == b].mean()), "count": int((where == b).sum())}
        for b in range(BINS) if (where == b).any()
    ]  # fmt: skip
    weights = _fit(x[known], right[known])
    brier = float(((p - truth) ** 2).mean()) if len(p) else None
    facts = {"bins": bins, "n": len(p), "brier": brier, "data": data, "weights": [float(w) for w in weights]}
    facts["limit"] = f"{RIGHT:g} of the box's longer side"
    return Calibration(weights, facts)


def _fit(x: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Logistic regression, drawn towards `PRIOR` as by `PRIOR_LABELS` labels; higher and closer is never less sure."""
    y = np.asarray(right, np.float64)

    def loss(w: np.ndarray) -> tuple[float, np.ndarray]:
        z, pull = x @ w, PRIOR_LABELS * (w - PRIOR) * [0.05, 1, 1, 1]
        value = (np.logaddexp(0, z) - y * z).sum() + 0.5 * (pull * (w - PRIOR)).sum()
        return value, x.T @ (expit(z) - y) + pull

    bounds = [(None, None), (0, None), (None, 0), (0, None)]
    return minimize(loss, PRIOR, jac=True, method="L-BFGS-B", bounds=bounds).x


class Calibrator:
    """Labels a few labelled pictures as the target's are labelled, and sees how right that is.

    Args:
        crops: of labelled pictures, padded like the target's; best those that are not trained on.
        form: input form of the network.
        views: of the labelling.
        seed: of the run.
        device: where the network is.
        data: their name, for the report.
    """

    def __init__(self, crops: CropCache, spec: InputSpec, views: Views, seed: int, device: torch.device, data: str):
        self.crops, self.spec, self.views, self.seed, self.device, self.data = crops, spec, views, seed, device, data
        self._sample: Sample | None = None

    def __call__(self, model: nn.Module, round_: int) -> Calibration | None:
        """The calibration of a network's labels; None where there is nothing labelled to see.

        Args:
            model: put into eval mode and back.
            round_: for the draws.
        """
        if self._sample is None:
            self._sample = Sample.of(self.crops, FRAMES)
        sample = self._sample
        if sample is None or not (sample.visible == 2).any():
            return None
        training, size = model.training, self.spec.size
        model.eval()
        parts = []
        for at in range(0, len(sample.rows), 32):
            found = label_views(
                model, sample.crops[at : at + 32].to(self.device), self.crops.margin, self.spec, self.views,
                self.crops.dataset.skeleton.flip_order, generator_for(self.seed, STREAM, round_, at),
            )  # fmt: skip
            parts.append([v.cpu() for v in (found.xy_heatmap, found.peak, found.agreement)])
        model.train(training)
        xy, peak, agreement = (torch.cat(p) for p in zip(*parts))
        to_crop = resize_matrix(self.spec.heatmap_size, size, xy)
        pad = (self.crops.size - size) / 2
        miss = (apply(to_crop, xy) + pad - sample.xy_crop).norm(dim=-1)
        right = miss < RIGHT * sample.box_px[:, None]
        return calibrate(
            peak.numpy(),
            agreement.numpy() * self.spec.stride / size,
            right.numpy(),
            (sample.visible == 2).numpy(),
            self.data,
        )
