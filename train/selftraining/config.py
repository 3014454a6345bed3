"""What a self-training is given: its feeds, what labels the target, how long it lasts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from torch import nn

from ...datasets.pseudo_labels import PseudoLabels
from ...evaluation.run_folder import RunFolder
from ..feeds.base import Batches
from ..feeds.crops import Labels


class TrainingFeed(Batches, Protocol):
    """A feed with a size of its batches."""

    @property
    def batch_size(self) -> int: ...

    @property
    def seed(self) -> int: ...


class TargetFeed(TrainingFeed, Protocol):
    """A feed of pictures whose labels, xy_px (N, K, 2) and weight (N, K), may be set between epochs."""

    @property
    def labels(self) -> Labels | None: ...

    @labels.setter
    def labels(self, labels: Labels | None) -> None: ...


class RoundLabeller(Protocol):
    """What labels the target, for `SelfTrainingStep`."""

    def label(self, model: nn.Module, round_: int, partial: Path | None = None) -> PseudoLabels:
        """All frames' labels, none admitted yet, on every rank; progress may be kept in `partial`, or beside it."""
        ...

    def cache_key(self, model: nn.Module, round_: int) -> str:
        """Checksum of all that the labels of a round depend on."""
        ...


@dataclass(frozen=True)
class SelfTrainingFeeds:
    """Where a self-training takes its batches from.

    Attributes:
        source: labelled pictures.
        target: target pictures; `SelfTrainingStep` gives it the labels of every round.
        labelled_target: labelled target pictures, trained on like the source's; None: there are none.
        target_labels: the record of these pictures for checkpoints, see `target_labels_state`.
    """

    source: TrainingFeed
    target: TargetFeed
    labelled_target: TrainingFeed | None = None
    target_labels: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SelfTrainingConfig:
    """How long a self-training lasts and what it weighs.

    Attributes:
        folder: the run folder, where labels are written, one file a round.
        rounds: of labelling.
        refresh: epochs between two of them.
        gamma: weight of the target's loss.
        steps: batches an epoch; 0 for a pass through the larger set.
    """

    folder: RunFolder
    rounds: int
    refresh: int
    gamma: float = 1.0
    steps: int = 0
