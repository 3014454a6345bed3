"""PPLO as a training step: labelled animals, and target pictures with the network's own selected predictions as labels.

Cao et al., Cross-Domain Adaptation for Animal Pose Estimation, ICCV 2019. A round labels the whole target, keeps the earlier
labels with a higher score, admits a larger share than the round before, and trains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from lightning_fabric import Fabric
from torch import nn

from ...datasets.pseudo_labels import PseudoLabels
from ...errors import DataError
from ...progress import log
from ...train.selftraining.config import SelfTrainingConfig, SelfTrainingFeeds
from ...train.selftraining.curriculum import weight_at
from ...train.selftraining.step import SelfTrainingStep
from ...train.step import TrainingEnded
from ...train.supervised import MapLoss
from .labeller import MirrorLabeller
from .rounds import round_at
from .selection import Rule, restore_previous, select_labels


class PploStep(SelfTrainingStep):
    """Rounds of labelling and training.

    Args, in addition to those of `SelfTrainingStep`:
        config: the weight of the target's loss reaches `gamma` after `warmup` epochs; `refresh` is not used.
        epochs: of the whole run; the rounds divide them.
        rule: which labels a round admits.
        warmup: epochs.
        remove_drift: take back the common movement of all labels since the first round.
        stop_below: the run ends when two rounds in a row change a smaller share of the admitted labels.
    """

    labeller: MirrorLabeller

    def __init__(
        self,
        feeds: SelfTrainingFeeds,
        labeller: MirrorLabeller,
        fabric: Fabric,
        loss: MapLoss,
        config: SelfTrainingConfig,
        *,
        epochs: int,
        rule: Rule,
        warmup: int = 0,
        remove_drift: bool = True,
        stop_below: float = 0.0,
    ):
        super().__init__(feeds, labeller, fabric, loss, config)
        self.weight, self.warmup, self.epochs, self.rule = config.gamma, warmup, epochs, rule
        self.remove_drift, self.stop_below = remove_drift, stop_below
        self.ranked_by = rule.select

    def round_of(self, epoch: int) -> int:
        """The round of an epoch; rounds have nearly the same length."""
        return round_at(epoch, self.rounds, self.epochs)

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        """Make or read the labels of the epoch's round, and set the weight of the target's loss; returns numbers for the log.

        Raises:
            TrainingEnded: two rounds in a row have changed few labels.
        """
        facts = super().before_epoch(epoch, model)
        self.gamma = weight_at(epoch, self.warmup, self.weight)
        return {**facts, "labels/weight": self.gamma}

    def before_labelling(self, round_: int) -> None:
        """Give the labeller the labels of the round before."""
        self.labeller.previous = self._previous(round_)

    def _previous(self, round_: int) -> PseudoLabels | None:
        """Labels of the round before; None in the first round."""
        if round_ == 0:
            return None
        # where labels of the running round are made again, any network may have made those of the round before
        network = self.labelled_by if self.labelled_round == round_ - 1 else None
        return self.earlier_labels(round_ - 1, "comparing new labels with theirs", network)

    def after_labelling(self, labels: PseudoLabels, round_: int, model: nn.Module) -> None:
        """Remove the common drift of new labels, and put back the earlier labels with a higher score."""
        if round_ == 0:
            return
        first = self.earlier_labels(0, "removing the common drift of the labels") if self.remove_drift else None
        if first:
            drift = labels.remove_drift(first)
            labels.facts["drift_px"] = [float(v) for v in drift]
        if self.labeller.previous is not None:
            restore_previous(labels, self.labeller.previous, self.labeller.previous_confidence)

    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """Admit the round's share of the labels."""
        select_labels(labels, self._previous(round_), self.rule, self.rule.share(round_, self.rounds))

    def nothing_admitted(self, labels: PseudoLabels) -> DataError | None:
        """The error where a round admits no label."""
        assert labels.peak is not None
        highest = float(labels.peak.max(initial=0))
        if highest <= 0:
            return super().nothing_admitted(labels)
        rule = self.rule
        limit = "" if math.isinf(rule.limit_px) else f", within {rule.limit_px:.1f} px of the joint in the mirror image"
        return DataError(
            f"labels with a peak of at least {rule.threshold:g}{limit}",
            f"none, with peaks up to {highest:.2f}",
            "a lower --threshold, a larger --check-limit, or a start network that was trained longer",
        )

    def begin_round(self, labels: PseudoLabels) -> None:
        """Log what the round trains on, or end the run.

        Raises:
            TrainingEnded: this round and the one before it have changed few labels.
        """
        facts, round_ = labels.facts, labels.facts["round"]
        log.info(
            "round %d: %d of %d labels admitted, %d new, %d replaced by better ones, %d dropped",
            round_,
            facts["admitted"],
            labels.admitted.size,
            facts["new"],
            facts["replaced"],
            facts["given_up"],
        )
        if facts.get("below_threshold") == 0:  # not written where the threshold alone decides, or is 0
            log.warning(
                "--threshold %g does nothing in round %d: all labels within the round's share have a higher peak",
                self.rule.threshold,
                round_,
            )
        if round_ < 2 or not facts["changed"] < self.stop_below:
            return
        earlier = self.earlier_labels(round_ - 1, "ending early")
        before = earlier.facts["changed"] if earlier else math.inf
        if before < self.stop_below:
            raise TrainingEnded(
                f"rounds {round_ - 1} and {round_} have changed {100 * before:.2f} and {100 * facts['changed']:.2f} % of "
                f"their labels, less than {100 * self.stop_below:g} % each"
            )

    def facts(self) -> dict[str, float]:
        """Shares of admitted, replaced and changed labels, for the log."""
        if self.labels is None:
            return {}
        facts = self.labels.facts
        return {
            "labels/admitted": float(self.labels.admitted.mean()),
            "labels/replaced": facts["replaced"] / max(facts["admitted"], 1),
            "labels/changed": facts["changed"],
        }
