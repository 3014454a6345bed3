"""The domain probe: how well a fresh linear classifier tells labelled from unlabelled animals by a frozen feature map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import Dataset

from ..datasets.loader import Loader
from ..datasets.pictures import Fault, FaultLog, SafeDataset
from ..datasets.sample import PoseDataset
from ..errors import DataError
from ..evaluation.inference import network_input
from ..pose.input_spec import InputSpec
from ..pose.models import PoseNetwork
from ..progress import Progress
from ..train.streams import Stream

PICTURES = 400  # largest number of pictures of each domain
FOLDS = 5
PENALTY = 1e-2  # factor of the squared weights, added to the mean cross entropy; chosen by hand


@dataclass(frozen=True)
class Probe:
    """Accuracy of the classifier on pictures that it was not trained on; 0.5: the last feature map is alike in both domains.

    Attributes:
        accuracy: mean of the accuracies on both domains, over all folds.
        pictures: number of labelled and of unlabelled pictures.
    """

    accuracy: float
    pictures: tuple[int, int]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"accuracy": self.accuracy, "pictures": list(self.pictures)}


class _NetworkInputs(Dataset[tuple[np.ndarray, str]]):
    """Pictures of some rows as network input, and the recording of each."""

    def __init__(self, dataset: PoseDataset, spec: InputSpec, rows: np.ndarray):
        self.dataset, self.spec, self.rows = dataset, spec, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, at: int) -> tuple[np.ndarray, str]:
        row = int(self.rows[at])
        sample = self.dataset[row]
        # pictures of one recording are alike, so all of them belong to the same fold
        group = str(sample.meta.get("group") or self.dataset.shots[row] or sample.meta["id"])
        return network_input(self.dataset, row, sample, self.spec)[0], group


def domain_probe(
    network: PoseNetwork,
    labelled: PoseDataset,
    unlabelled: PoseDataset,
    spec: InputSpec,
    device: torch.device,
    seed: int = 0,
    workers: int = 0,
) -> Probe:
    """Train and test linear classifiers on the mean of the last feature map, in folds of whole recordings.

    Args:
        network: its weights do not change.
        labelled, unlabelled: the two domains; up to `PICTURES` evenly spaced pictures of each are used, and no label is read.
        spec: input of the network.
        device: of the network.
        seed: of the folds.
        workers: processes that read pictures.

    Raises:
        DataError: a domain has fewer readable pictures than there are folds.
    """
    domains = [_features(network, data, spec, device, workers) for data in (labelled, unlabelled)]
    for (features, _), name in zip(domains, ("labelled", "unlabelled")):
        if len(features) < FOLDS:
            raise DataError(f"at least {FOLDS} readable {name} pictures for a domain probe", f"{len(features)}")
    draws = np.random.default_rng([seed, Stream.DOMAIN_PROBE])
    folds = [_folds(groups, draws) for _, groups in domains]
    x = torch.cat([features for features, _ in domains]).double()
    y = torch.cat(
        [torch.full((len(features),), float(i), dtype=torch.float64) for i, (features, _) in enumerate(domains)]
    )
    fold = torch.from_numpy(np.concatenate(folds))
    correct = torch.zeros(len(y), dtype=torch.bool)
    for tested in range(FOLDS):
        train, test = fold != tested, fold == tested
        correct[test] = (_fit(x[train], y[train])(x[test]) > 0) == (y[test] > 0)
    accuracy = (correct[y == 0].double().mean() + correct[y == 1].double().mean()) / 2
    return Probe(float(accuracy), (len(domains[0][0]), len(domains[1][0])))


@torch.no_grad()
def _features(
    network: PoseNetwork, dataset: PoseDataset, spec: InputSpec, device: torch.device, workers: int
) -> tuple[torch.Tensor, list[str]]:
    """(n, C) means of the last feature map, and the recording of every readable picture."""
    rows = np.unique(np.linspace(0, len(dataset) - 1, min(PICTURES, len(dataset))).round().astype(int))
    faults = FaultLog()
    chunks = [range(i, min(i + 16, len(rows))) for i in range(0, len(rows), 16)]
    loader = Loader(SafeDataset(_NetworkInputs(dataset, spec, rows)), chunks, workers, list)
    training = network.training
    means: list[torch.Tensor] = []
    groups: list[str] = []
    network.eval()
    with Progress("domain probe", len(rows)) as progress:
        for items in loader:
            readable = [item for item in items if not isinstance(item, Fault)]
            faults.take({"index": torch.arange(len(readable)), "faults": [i for i in items if isinstance(i, Fault)]})
            if readable:
                images = spec.normalise(torch.from_numpy(np.stack([image for image, _ in readable])).to(device))
                means.append(network.features(images)[1].float().mean((2, 3)).cpu())
                groups += [group for _, group in readable]
            progress.add(len(items))
    network.train(training)
    faults.check()
    return (torch.cat(means) if means else torch.zeros(0, network.feature_channels)), groups


def _folds(groups: list[str], draws: np.random.Generator) -> np.ndarray:
    """(n,) fold of every picture. Recordings are shuffled and divided into folds of nearly equal numbers of pictures."""
    names = sorted(set(groups))
    if len(names) < FOLDS:  # fewer recordings than folds: a recording is divided among several folds
        return draws.permutation(np.arange(len(groups)) % FOLDS)
    order = draws.permutation(len(names))
    count = np.array([groups.count(names[i]) for i in order])
    middle = (count.cumsum() - count / 2) / count.sum()
    fold_of = {names[i]: int(m * FOLDS) for i, m in zip(order, middle)}
    return np.array([fold_of[g] for g in groups])


def _fit(x: torch.Tensor, y: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    """Logistic regression on standardised features (n, C) with classes (n,) of equal weight; returns (m, C) -> (m,) logits."""
    mean, std = x.mean(0), x.std(0).clamp_min(1e-8)
    weight = torch.where(y > 0, 0.5 / y.mean(), 0.5 / (1 - y).mean())
    scaled = (x - mean) / std
    w = torch.zeros(x.shape[1], dtype=x.dtype, requires_grad=True)
    b = torch.zeros((), dtype=x.dtype, requires_grad=True)
    solver = torch.optim.LBFGS([w, b], max_iter=200, line_search_fn="strong_wolfe", tolerance_grad=1e-9)

    def loss() -> torch.Tensor:
        solver.zero_grad()
        entropy = nn.functional.binary_cross_entropy_with_logits(scaled @ w + b, y, weight)
        total = entropy + PENALTY * w.square().sum()
        total.backward()
        return total

    with torch.enable_grad():
        solver.step(loss)
    return lambda new: ((new - mean) / std) @ w.detach() + b.detach()
