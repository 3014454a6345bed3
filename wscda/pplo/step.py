"""PPLO as a step of the one loop: labelled animals beside target pictures that carry the network's own selected predictions.

Cao et al., Cross-Domain Adaptation for Animal Pose Estimation, ICCV 2019. A round labels the whole target, keeps what it has of
better labels, admits a larger share than the round before, and trains.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from lightning_fabric import Fabric
from torch import nn

from ...datasets.pseudo_labels import PseudoLabels
from ...datasets.sample import PoseDataset
from ...errors import DataError, OptionError
from ...evaluation.mirroring import mirrors
from ...pose.checkpoints import Loaded
from ...progress import log
from ...train.feeds.crops import CropFeed, cache_for
from ...train.feeds.labelled import augmentation_for, encoding_of, trains_hidden
from ...train.run_state import Run
from ...train.selftraining.curriculum import weight_at
from ...train.selftraining.labeller import Execution
from ...train.selftraining.step import SelfTrainingStep
from ...train.step import TrainingEnded
from ...train.supervised import LOSSES, loss_for
from ..options import PploOptions
from .labeller import MirrorLabeller, MirrorRules
from .rounds import batch_sizes, round_at
from .selection import Rule, keep_better, select_labels


class PploStep(SelfTrainingStep):
    """Rounds of labelling and learning.

    Args:
        feeds: labelled batches, and those of the target.
        labeller: predicts the target.
        run: its folder is used.
        loss: a key of `LOSSES`.
        weight: of the target's loss, reached after `warmup` epochs.
        rounds: of labelling in `epochs` epochs.
        steps: batches an epoch; 0 for a pass through the larger set.
        rule: what a round admits.
        hold: take back what all labels have moved together since the first round.
        stop_below: a run ends when two rounds in a row change a smaller share of the admitted labels.
    """

    labeller: MirrorLabeller

    def __init__(
        self,
        feeds: tuple[CropFeed, CropFeed],
        labeller: MirrorLabeller,
        fabric: Fabric,
        run: Run,
        loss: str,
        rounds: int,
        epochs: int,
        rule: Rule,
        weight: float = 1.0,
        warmup: int = 0,
        steps: int = 0,
        remove_drift: bool = True,
        stop_below: float = 0.0,
    ):
        refresh = math.ceil(epochs / rounds)
        super().__init__(*feeds, labeller, fabric, LOSSES[loss], weight, rounds, refresh, run.folder, steps)
        self.weight, self.warmup, self.epochs, self.rule = weight, warmup, epochs, rule
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
    common = {
        "seed": options.seed,
        "sigma": spec.sigma,
        "encoding": encoding_of(options),
        "workers": options.workers,
        **cache_for(options, 1 / 2),
        "strict": options.strict_data,
        "hidden": trains_hidden(options, options.source),
        "rank": fabric.global_rank,
        "world": fabric.world_size,
    }
    # labels are made on the target's crops too, and must not depend on what the training does to them
    feeds = tuple(
        CropFeed(
            data,
            spec,
            augmentation_for(options, name, network.skeleton),
            batch_size=size,
            stream=stream,
            padded=stream == 1,
            **common,
        )
        for stream, (data, name, size) in enumerate(
            zip((animals, target), (options.source_augment, options.target_augment), sizes)
        )
    )
    execution = Execution(fabric.device, options.workers, options.strict_data, fabric)
    rules = MirrorRules(options.select, spec.sigma, common["encoding"], mirror)
    labeller = MirrorLabeller(feeds[1].crops, spec, execution, rules)
    rule = Rule(
        options.select, options.share_first, options.share_last, options.grow, options.per, options.threshold,
        options.check_limit * spec.size if options.check_limit else math.inf,
    )  # fmt: skip
    return PploStep(
        feeds, labeller, fabric, run, loss_for(options, network), options.rounds, options.num_epochs, rule,
        options.target_weight, options.warmup_epochs, options.steps, not options.no_hold, options.stop_below,
    )  # fmt: skip
