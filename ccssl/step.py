"""CC-SSL as a step of the one loop: labelled source pictures beside target pictures with pseudo-labels, renewed in rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from lightning_fabric import Fabric
from torch import nn

from ..datasets.pseudo_labels import CHECKS, REASONS, PseudoLabels
from ..errors import DataError
from ..pose.augment import generator_for, restyle
from ..progress import log
from ..train.adaptation import FROM_SCRATCH
from ..train.selftraining.curriculum import admit, frame_confidence, share_at
from ..train.selftraining.step import Pair, SelfTrainingConfig, SelfTrainingFeeds, SelfTrainingStep
from ..train.streams import Stream
from ..train.supervised import MapLoss
from .confidence import Calibration
from .framing import Framing
from .labelling import Labeller
from .teacher import Teacher


class CcsslStep(SelfTrainingStep):
    """Self-training with labels that are consistent: checked, calibrated, held in place.

    Args, beside those of `SelfTrainingStep`:
        share: (first, last) share of the labels admitted.
        per: see `curriculum.admit`.
        teacher: makes the labels in the network's place.
        calibrator: (network, views of the round) -> calibration of the labels' confidence; None: it is the peak.
        scorer: (labels) -> share of them that is right, for the log alone; None: nobody asks.
        limit: of a check's disagreement, in shares of the crop's side; a label that misses by more is not admitted.
        style: share of the target's pictures that take the channel statistics of a source picture.
        from_scratch: the run began with fresh weights.
        target_labels: which labelled target pictures are trained on, kept in the checkpoint so that a test on them can say so.
    """

    labeller: Labeller

    def __init__(
        self,
        feeds: SelfTrainingFeeds,
        labeller: Labeller,
        fabric: Fabric,
        loss: MapLoss,
        config: SelfTrainingConfig,
        *,
        share: tuple[float, float],
        per: str,
        teacher: Teacher | None = None,
        calibrator: Callable[[nn.Module, int], Calibration | None] | None = None,
        scorer: Callable[[PseudoLabels], float] | None = None,
        limit: float = math.inf,
        style: float = 0.0,
        from_scratch: bool = False,
        target_labels: Mapping[str, Any] | None = None,
    ):
        super().__init__(feeds, labeller, fabric, loss, config)
        self.share, self.per, self.limit, self.style = share, per, limit, style
        self.teacher, self.calibrator, self.scorer = teacher, calibrator, scorer
        self.from_scratch, self.target_labels = from_scratch, target_labels
        self.scored: dict[str, float] = {}

    def state_dict(self) -> dict[str, Any]:
        """The running round, the teacher, and how the run began."""
        return {
            **super().state_dict(),
            **({"teacher": self.teacher.state_dict()} if self.teacher else {}),
            **({FROM_SCRATCH: True} if self.from_scratch else {}),
            **({"target_labels": dict(self.target_labels)} if self.target_labels else {}),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        super().load_state_dict(state)
        if self.teacher and "teacher" in state:
            self.teacher.load_state_dict(state["teacher"])
        self.from_scratch |= bool(state.get(FROM_SCRATCH))

    def after_step(self, model: nn.Module) -> None:
        """The teacher follows.

        Args:
            model: the bare network.
        """
        if self.teacher:
            self.teacher.update(model)

    def labels_with(self, model: nn.Module) -> nn.Module:
        """The teacher, where there is one."""
        return self.teacher.model if self.teacher else model

    def prepare(self, round_: int) -> None:
        """Frame the target's pictures as in the first round that admitted labels, also where this process did not see it."""
        if round_ == 0:
            return
        first = self.first_labels(round_)
        found = first.facts.get("framing") if first else None
        self.labeller.framing = Framing(found["zoom"], found["shift"]) if found else None

    def first_labels(self, round_: int) -> PseudoLabels | None:
        """Labels of the first round before this one that admitted any; None where no round did."""
        for earlier in range(round_):
            labels = self.earlier(
                earlier, "the framing and the places of its labels, for which a later round stands in"
            )
            if labels is not None and labels.admitted.any():
                return labels
        return None

    def refine(self, labels: PseudoLabels, round_: int, model: nn.Module) -> None:
        """What is done to labels just made, before some are admitted: they are held in place, and their confidence calibrated."""
        first = self.first_labels(round_)
        if first:
            drift = labels.remove_drift(first)
            labels.facts["drift_px"] = [float(v) for v in drift]
        found = self.calibrator(model, round_) if self.calibrator else None
        if found:
            # a label that flowed here brought its peak and agreement along, a little weaker
            side = self.labeller.spec.size
            labels.confidence = found.probability(labels.confidence, labels.agreement_px / side)
            labels.facts["calibration"] = found.facts

    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """Mark the labels that the round trains on, and why the others are left out."""
        share, limit_px = self.share_of(round_), self.limit * self.labeller.spec.size
        reason = np.full(labels.confidence.shape, REASONS.index("share"), np.uint8)
        earlier = self.earlier(round_ - 1, "saying which labels have lost support") if round_ > 0 else None
        before = earlier.admitted if earlier else False
        reason[np.broadcast_to(before, reason.shape)] = REASONS.index("support")
        failed = np.zeros(reason.shape, bool)
        for name in CHECKS:
            if name in labels.checks:
                misses = np.nan_to_num(labels.checks[name]) > limit_px
                if name == "temporal":
                    misses &= (
                        ~labels.carried
                    )  # a carried label lies where the flow leads: the label that it replaced missed
                reason[misses & ~failed] = REASONS.index(name)
                failed |= misses
        some = labels.confidence > 0
        if share and some.any() and not (some & ~failed).any():
            log.warning(
                "no label passes its checks within %g of the crop's side (--check-limit): in round %d they do not count",
                self.limit,
                round_,
            )
            failed[:], reason[:] = False, REASONS.index("share")
        confidence = np.where(failed, 0, labels.confidence)
        labels.admitted = admit(confidence, share, self.per, frame_confidence(labels.peak))
        reason[labels.admitted] = REASONS.index("admitted")
        reason[~np.isfinite(labels.xy_px).all(-1)] = REASONS.index("unreadable")
        labels.reason = reason
        labels.facts.update(share=share, per=self.per)

    def share_of(self, round_: int) -> float:
        """Share of the labels that a round admits; none in the first round of a run from fresh weights, which know nothing."""
        if self.from_scratch and round_ == 0:
            return 0.0
        return share_at(round_, self.rounds, *self.share)

    def nothing_admitted(self, labels: PseudoLabels) -> DataError | None:
        """No error in a run from fresh weights: it goes on with its labelled pictures until the network sees something."""
        return None if self.from_scratch else super().nothing_admitted(labels)

    @property
    def ranked_by(self) -> str:
        """What the labels' confidence is."""
        return f"calibration on {getattr(self.calibrator, 'data', '')}" if self.calibrator else "peak"

    def renewed(self, labels: PseudoLabels) -> None:
        """Say what the round trains on, and how right it is where that was asked for."""
        if self.scorer and self.fabric.is_global_zero:
            self.scored = {"labels/published_acc": self.scorer(labels)}
            log.info("Acc on target training set (pseudo-labels): %.4f", self.scored["labels/published_acc"])
        facts = self.facts()
        if not self.has_labels:
            why = "the network is untrained" if labels.facts["round"] == 0 else "none has any confidence"
            log.warning("round %d: no pseudo-label is admitted, since %s; its epochs train on labelled pictures alone",
                        labels.facts["round"], why)  # fmt: skip
            return
        log.info("round %d: %.0f %% of %d labels admitted, %.0f %% carried by flow, median agreement of views %.1f px",
                 labels.facts["round"], 100 * facts["labels/admitted"], labels.admitted.size, 100 * facts["labels/carried"],
                 facts["labels/agreement_px"])  # fmt: skip

    def facts(self) -> dict[str, float]:
        """Shares admitted and carried, agreement of the views, and the diagnosis."""
        labels = self.labels
        return {
            "labels/admitted": float(labels.admitted.mean()),
            "labels/carried": float(labels.carried.mean()),
            "labels/agreement_px": _median(labels.agreement_px),
            **self.scored,
        }

    def paired(self, pair: Pair, at: int) -> Pair:
        """A share of the target's pictures in the style of the source's."""
        source, target = pair[:2]
        if self.style and source and target:
            draws = generator_for(self.source.seed, Stream.STYLE, at, self.fabric.global_rank)
            target["images"] = restyle(target["images"], source["images"], self.style, draws)
        return pair


def _median(values: np.ndarray) -> float:
    """Median of the numbers among the values; NaN where there is none."""
    return float(np.nanmedian(values)) if np.isfinite(values).any() else math.nan
