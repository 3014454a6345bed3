"""PPLO as a step of the one loop: labelled animals beside target pictures that carry the network's own selected predictions.

Cao et al., Cross-Domain Adaptation for Animal Pose Estimation, ICCV 2019. A round labels the whole target, keeps what it has of
better labels, admits a larger share than the round before, and trains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from lightning_fabric import Fabric
from torch import nn

from ...datasets.pseudo_labels import PseudoLabels
from ...datasets.sample import PoseDataset
from ...errors import DataError, OptionError
from ...evaluation.mirroring import mirrors
from ...pose.checkpoints import Loaded
from ...progress import log
from ...train.feeds.base import FeedConfig
from ...train.feeds.crops import CacheConfig, CropFeed
from ...train.feeds.labelled import augmentation_for, target_config
from ...train.run_state import Run
from ...train.selftraining.curriculum import weight_at
from ...train.selftraining.labeller import Execution
from ...train.selftraining.step import SelfTrainingConfig, SelfTrainingFeeds, SelfTrainingStep
from ...train.step import TrainingEnded
from ...train.streams import Stream
from ...train.supervised import LOSSES, MapLoss, loss_for
from ..options import PploOptions
from .labeller import MirrorLabeller, MirrorRules
from .rounds import batch_sizes, round_at
from .selection import Rule, keep_better, select_labels


class PploStep(SelfTrainingStep):
    """Rounds of labelling and learning.

    Args:
        labeller: predicts the target.
        config: its `gamma` is reached after `warmup` epochs.
        epochs: of the run in all, which the rounds divide.
        rule: what a round admits.
        hold: take back what all labels have moved together since the first round.
        stop_below: a run ends when two rounds in a row change a smaller share of the admitted labels.
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
        """Rounds of about the same length."""
        return round_at(epoch, self.rounds, self.epochs)

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        """See `SelfTrainingStep`; sets the weight of the target, too.

        Raises:
            TrainingEnded: when the labels hardly change any more.
        """
        facts = super().before_epoch(epoch, model)
        self.gamma = weight_at(epoch, self.warmup, self.weight)
        return {**facts, "labels/weight": self.gamma}

    def prepare(self, round_: int) -> None:
        """What was admitted in the round before is held against the new labels."""
        self.labeller.previous = self._before(round_)

    def _before(self, round_: int) -> PseudoLabels | None:
        """Labels of the round before, None in the first."""
        if round_ == 0:
            return None
        # labels of a round that is made anew, amid that round, may follow from any network of the round before
        network = self.labelled_by if self.labelled_round == round_ - 1 else None
        return self.earlier(round_ - 1, "comparing new labels with theirs", network)

    def refine(self, labels: PseudoLabels, round_: int, model: nn.Module) -> None:
        """Labels just made stay where they are, and give way to better ones of the round before."""
        if round_ == 0:
            return
        first = self.earlier(0, "holding labels in their place") if self.remove_drift else None
        if first:
            drift = labels.remove_drift(first)
            labels.facts["drift_px"] = [float(v) for v in drift]
        if self.labeller.previous is not None:
            keep_better(labels, self.labeller.previous, self.labeller.previous_confidence)

    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """The round's share of the labels."""
        select_labels(labels, self._before(round_), self.rule, self.rule.share(round_, self.rounds))

    def nothing_admitted(self, labels: PseudoLabels) -> DataError:
        """The error where no label is fit for training."""
        highest = float(labels.peak.max(initial=0))
        if highest <= 0:
            return super().nothing_admitted(labels)
        rule = self.rule
        limit = "" if math.isinf(rule.limit_px) else f", seen within {rule.limit_px:.1f} px in the mirror image"
        return DataError(
            f"labels with a peak of at least {rule.threshold:g}{limit}",
            f"none, with peaks up to {highest:.2f}",
            "a lower --threshold, a larger --check-limit, or a start model that has learnt more",
        )

    def renewed(self, labels: PseudoLabels) -> None:
        """Say what the round trains on, or end the run."""
        facts, round_ = labels.facts, labels.facts["round"]
        log.info("round %d: %d of %d labels admitted, %d new, %d replaced by better ones, %d given up", round_,
                 facts["admitted"], labels.admitted.size, facts["new"], facts["replaced"], facts["given_up"])  # fmt: skip
        if facts.get("below_threshold") == 0:  # not written where the threshold alone decides, or is 0
            log.warning("--threshold %g does nothing in round %d: all labels within the round's share have a higher peak",
                        self.rule.threshold, round_)  # fmt: skip
        if round_ < 2 or not facts["changed"] < self.stop_below:
            return
        earlier = self.earlier(round_ - 1, "ending early")
        before = earlier.facts["changed"] if earlier else math.inf
        if before < self.stop_below:
            raise TrainingEnded(
                f"rounds {round_ - 1} and {round_} have changed {100 * before:.2f} and {100 * facts['changed']:.2f} % of "
                f"their labels, less than {100 * self.stop_below:g} % each"
            )

    def facts(self) -> dict[str, float]:
        """Shares of all labels admitted, and of these replaced and changed."""
        facts, n = self.labels.facts, max(self.labels.facts["admitted"], 1)
        return {
            "labels/admitted": float(self.labels.admitted.mean()),
            "labels/replaced": facts["replaced"] / n,
            "labels/changed": facts["changed"],
        }


def step_for(
    options: PploOptions, animals: PoseDataset, target: PoseDataset, network: Loaded, fabric: Fabric, run: Run
) -> PploStep:
    """The step of a run.

    Args:
        options: settled, see `rounds.with_defaults`.
        animals: labelled; target: without labels.
        network: describes joints and form.
    """
    spec, mirror = network.spec, mirrors(options, network.skeleton)
    if not mirror and (options.select == "self_consistency" or options.check_limit):
        flag = "--check-limit" if options.check_limit else f"--select {options.select}"
        remedy = f"--partners {network.skeleton.suggested_partners() or 'LEFT:RIGHT,...'}, or leave {flag} out"
        raise OptionError(f"known left/right pairs for {flag}, which compares mirror images", "none known", remedy)
    sizes = batch_sizes(options.train_batch, options.source_ratio)
    cache, targets = CacheConfig.of(options, 1 / 2), target_config(options, spec, options.source)

    def feed(data: PoseDataset, augment: str, batch_size: int, stream: Stream, padded: bool = False) -> CropFeed:
        config = FeedConfig.of(options, fabric, batch_size=batch_size, seed=options.seed, stream=stream)
        augmentation = augmentation_for(options, augment, network.skeleton)
        return CropFeed(data, spec, augmentation, config, targets=targets, cache=replace(cache, padded=padded))

    # labels are made on the target's crops too, and must not depend on what the training does to them
    feeds = SelfTrainingFeeds(
        feed(animals, options.source_augment, sizes[0], Stream.SOURCE),
        feed(target, options.target_augment, sizes[1], Stream.TARGET, padded=True),
    )
    execution = Execution(fabric.device, options.workers, options.strict_data, fabric)
    rules = MirrorRules(options.select, spec.sigma, targets.encoding, mirror)
    labeller = MirrorLabeller(feeds.target.crops, spec, execution, rules)
    rule = Rule(
        options.select, options.share_first, options.share_last, options.grow, options.per, options.threshold,
        options.check_limit * spec.size if options.check_limit else math.inf,
    )  # fmt: skip
    refresh = math.ceil(options.num_epochs / options.rounds)
    config = SelfTrainingConfig(run.folder, options.rounds, refresh, options.target_weight, options.steps)
    return PploStep(
        feeds,
        labeller,
        fabric,
        LOSSES[loss_for(options, network)],
        config,
        epochs=options.num_epochs,
        rule=rule,
        warmup=options.warmup_epochs,
        remove_drift=not options.no_hold,
        stop_below=options.stop_below,
    )
