"""Part segmentation of multi-task networks: intersection over union of every body part.

Source: J. Mu et al., "Learning from Synthetic Animals", CVPR 2020, train_multitask: IoU from histograms over all pixels of a set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from ..datasets.sample import IGNORED, PartLabels, PoseDataset
from ..errors import DataError
from ..pose.checkpoints import Loaded
from .score_table import ScoreTable

NAME, COLUMN, MEAN = "parts", "IoU", "mean"


def part_iou(confusion: np.ndarray) -> np.ndarray:
    """(P,) intersection over union of P parts; nan for a part that is neither there nor predicted.

    Args:
        confusion: (P, P) pixels; row: the true part, column: the predicted one.
    """
    both = np.diag(confusion).astype(float)
    union = confusion.sum(0) + confusion.sum(1) - both
    return np.divide(both, union, out=np.full(len(both), np.nan), where=union > 0)


class PartCounter:
    """Counts the pixels of predicted against true parts, batch by batch.

    Args:
        labels: of the data set.
        num_parts: channels of the network's part maps.

    Raises:
        DataError: a network of another number of parts.
    """

    def __init__(self, labels: PartLabels, num_parts: int):
        check_parts(labels, num_parts)
        self.labels = labels
        self.confusion = np.zeros((num_parts, num_parts), np.int64)

    def add(self, maps: torch.Tensor, parts: torch.Tensor) -> None:
        """Count a batch.

        Args:
            maps: (B, P, H, W) scores of the parts.
            parts: (B, H, W) true parts; `IGNORED` pixels do not count.
        """
        found, true = maps.argmax(1).cpu().flatten().long(), parts.cpu().flatten().long()
        known = true != IGNORED
        count = len(self.confusion)
        cells = true[known] * count + found[known]
        self.confusion += torch.bincount(cells, minlength=count**2).view(count, count).numpy()

    def observe(self, _: torch.Tensor, batch: Mapping[str, Any]) -> None:
        """Count a batch of `predict`, as its `observe`."""
        self.add(batch["part_maps"], batch["parts"])

    @property
    def mean(self) -> float:
        """Mean IoU over the parts that are there or predicted, the background among them; nan before the first pixel."""
        found = part_iou(self.confusion)
        return float(np.nanmean(found)) if np.isfinite(found).any() else float("nan")

    def table(self, protocol: Mapping[str, Any]) -> ScoreTable:
        """IoU of every part and their mean, for the console, metrics.json and the report.

        Args:
            protocol: what was scored, name -> plain value.
        """
        rows = {name: float(v) for name, v in zip(self.labels.names, part_iou(self.confusion))}
        pixels = dict(zip(self.labels.names, self.confusion.sum(1).tolist()))
        facts = {
            "mean over": "parts that are labelled or predicted, background included",
            "pixels": f"all of the network's input, without those of unknown part ({IGNORED})",
            **protocol,
        }
        return ScoreTable(
            NAME,
            "Part segmentation, intersection over union",
            {COLUMN: {**rows, MEAN: self.mean}},
            (COLUMN, MEAN),
            facts,
            {**pixels, MEAN: int(self.confusion.sum())},
        )


def counter_for(dataset: PoseDataset, network: Loaded) -> PartCounter | None:
    """A counter where both the data and the network have parts; None otherwise.

    Raises:
        DataError: a network of another number of parts than the data.
    """
    labels, count = dataset.parts, getattr(network.model, "num_parts", 0)
    return PartCounter(labels, count) if labels and count else None


def check_parts(labels: PartLabels, num_parts: int) -> None:
    """Checks that a network has as many parts as a data set.

    Raises:
        DataError: it has more or fewer.
    """
    if len(labels.names) != num_parts:
        raise DataError(
            f"a network of {len(labels.names)} parts: {', '.join(labels.names)}",
            f"one of {num_parts}",
            f"--arch-options num_parts={len(labels.names)}",
        )
