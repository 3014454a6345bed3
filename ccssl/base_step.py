"""What the training steps of both protocols of CC-SSL share: their state, and what they log about a round's labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from lightning_fabric import Fabric

from ..datasets.pseudo_labels import PseudoLabels
from ..errors import DataError
from ..progress import log
from ..train.adaptation import FROM_SCRATCH
from ..train.selftraining.config import RoundLabeller, SelfTrainingConfig, SelfTrainingFeeds
from ..train.selftraining.step import SelfTrainingStep
from ..train.supervised import MapLoss
from .teacher import Teacher


@dataclass(frozen=True)
class Admission:
    """Which labels a round admits.

    Attributes:
        first, last: shares of the labels in the first and in the last round.
        per: see `curriculum.admit`.
        check_limit: largest disagreement of a check, in shares of the crop's side; a label with a larger one is not admitted.
    """

    first: float
    last: float
    per: str = "frame"
    check_limit: float = math.inf


class BaseStep(SelfTrainingStep):
    """Self-training on the labels of a labeller; a protocol adds its rule of admission.

    Args, in addition to those of `SelfTrainingStep`:
        admission: which labels a round admits.
        scorer: (labels) -> share of correct labels, for the log only; None: not logged.
        from_scratch: the run began with fresh weights.
    """

    teacher: Teacher | None = None

    def __init__(
        self,
        feeds: SelfTrainingFeeds,
        labeller: RoundLabeller,
        fabric: Fabric,
        loss: MapLoss,
        config: SelfTrainingConfig,
        *,
        admission: Admission,
        scorer: Callable[[PseudoLabels], float] | None = None,
        from_scratch: bool = False,
    ):
        super().__init__(feeds, labeller, fabric, loss, config)
        self.admission, self.scorer, self.from_scratch = admission, scorer, from_scratch
        self.label_scores: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """The running round, the labelled target pictures, the teacher, and how the run began."""
        return {
            **super().state_dict(),
            **({"teacher": self.teacher.state_dict()} if self.teacher else {}),
            **({FROM_SCRATCH: True} if self.from_scratch else {}),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        super().load_state_dict(state)
        if self.teacher and "teacher" in state:
            self.teacher.load_state_dict(state["teacher"])
        self.from_scratch |= bool(state.get(FROM_SCRATCH))

    def nothing_admitted(self, labels: PseudoLabels) -> DataError | None:
        """No error in a run from fresh weights: it trains on labelled pictures alone until the network predicts a joint."""
        return None if self.from_scratch else super().nothing_admitted(labels)

    def begin_round(self, labels: PseudoLabels) -> None:
        """Log what the round trains on, and the share of correct labels if there is a scorer."""
        if self.scorer and self.fabric.is_global_zero:
            self.label_scores = {"labels/published_acc": self.scorer(labels)}
            log.info("Acc on target training set (pseudo-labels): %.4f", self.label_scores["labels/published_acc"])
        facts, round_ = self.facts(), labels.facts["round"]
        if not self.has_labels:
            why = "the network is untrained" if round_ == 0 else "no label has any confidence"
            log.warning(
                "round %d: no pseudo-label is admitted, since %s; its epochs train on labelled pictures alone",
                round_,
                why,
            )
            return
        log.info(
            "round %d: %.0f %% of %d labels admitted, %.0f %% carried by flow, median agreement of views %.1f px",
            round_,
            100 * facts["labels/admitted"],
            labels.admitted.size,
            100 * facts["labels/carried"],
            facts["labels/agreement_px"],
        )

    def facts(self) -> dict[str, float]:
        """Shares of admitted and carried labels, agreement of the views, and the share of correct labels; for the log."""
        labels = self.labels
        if labels is None:
            return {}
        return {
            "labels/admitted": float(labels.admitted.mean()),
            "labels/carried": float(labels.carried.mean()),
            "labels/agreement_px": _median(labels.agreement_px),
            **self.label_scores,
        }


def _median(values: np.ndarray) -> float:
    """Median of the numbers among the values; NaN where there is none."""
    return float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan
