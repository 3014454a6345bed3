"""CC-SSL as a training step: labelled source pictures, and target pictures with pseudo-labels, which every round makes again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from lightning_fabric import Fabric
from torch import nn

from ..datasets.pseudo_labels import CHECKS, REASONS, PseudoLabels
from ..pose.augment import restyle
from ..pose.random_draws import generator_for
from ..progress import log
from ..train.selftraining.config import SelfTrainingConfig, SelfTrainingFeeds
from ..train.selftraining.curriculum import admit, frame_confidence, share_at
from ..train.selftraining.step import Pair
from ..train.streams import Stream
from ..train.supervised import MapLoss
from .base_step import Admission, BaseStep
from .confidence import Calibration
from .framing import Framing
from .labelling import Labeller
from .teacher import Teacher

# (network, round) -> calibration of the confidence of the network's labels; None: it is not known
Calibrate = Callable[[nn.Module, int], Calibration | None]


class CcsslStep(BaseStep):
    """Self-training with consistent labels: labels are checked and calibrated, and their common drift is removed.

    Args, in addition to those of `BaseStep`:
        teacher: the network that makes the labels; None: the network in training makes them.
        calibrate: calibrates the labels' confidence; None: the confidence is the peak.
        calibrated_on: name of the data of the calibration.
        style: share of the target's pictures that take the channel statistics of a source picture.
        use_framing: is given the framing of the labels that a round trains on, since the adapted network is to be used with it;
            None: it is used with whole crops.
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
        admission: Admission,
        teacher: Teacher | None = None,
        calibrate: Calibrate | None = None,
        calibrated_on: str = "",
        scorer: Callable[[PseudoLabels], float] | None = None,
        style: float = 0.0,
        from_scratch: bool = False,
        use_framing: Callable[[Framing], None] | None = None,
    ):
        super().__init__(
            feeds, labeller, fabric, loss, config, admission=admission, scorer=scorer, from_scratch=from_scratch
        )
        self.teacher, self.calibrate, self.style, self.use_framing = teacher, calibrate, style, use_framing
        self.ranked_by = f"calibration on {calibrated_on}" if calibrate else "peak"

    def after_step(self, model: nn.Module) -> None:
        """Update the teacher.

        Args:
            model: the network without wrappers.
        """
        if self.teacher:
            self.teacher.update(model)

    def labelling_network(self, model: nn.Module) -> nn.Module:
        """The teacher; the network in training where there is none."""
        return self.teacher.model if self.teacher else model

    def begin_round(self, labels: PseudoLabels) -> None:
        """Hand the framing of the labels on."""
        super().begin_round(labels)
        if self.use_framing:
            self.use_framing(framing_of(labels))

    def before_labelling(self, round_: int) -> None:
        """Set the framing to that of the first round that admitted labels, also where another process chose it."""
        if round_ == 0:
            return
        first = self.first_labels(round_)
        framing = first.facts.get("framing") if first else None
        self.labeller.framing = Framing(framing["zoom"], framing["shift"]) if framing else None

    def first_labels(self, round_: int) -> PseudoLabels | None:
        """Labels of the first round before this one that admitted any; None where no round did."""
        for earlier in range(round_):
            labels = self.earlier_labels(
                earlier, "the framing and the places of its labels, for which a later round stands in"
            )
            if labels is not None and labels.admitted.any():
                return labels
        return None

    def after_labelling(self, labels: PseudoLabels, round_: int, model: nn.Module) -> None:
        """Remove the common drift of new labels since the first round, and calibrate their confidence."""
        first = self.first_labels(round_)
        if first:
            drift = labels.remove_drift(first)
            labels.facts["drift_px"] = [float(v) for v in drift]
        calibration = self.calibrate(model, round_) if self.calibrate else None
        if calibration:
            # a carried label has the peak and the agreement of the label it comes from, decayed
            side = self.labeller.spec.size
            labels.confidence = calibration.probability(labels.confidence, labels.agreement_px / side)
            labels.facts["calibration"] = calibration.facts

    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """Set which labels the round trains on, and why the others are left out."""
        share = self.share_of(round_)
        reason = np.full(labels.confidence.shape, REASONS.index("share"), np.uint8)
        earlier = self.earlier_labels(round_ - 1, "saying which labels have lost support") if round_ > 0 else None
        if earlier:
            reason[earlier.admitted] = REASONS.index("support")
        failed = self._failed_checks(labels, reason)
        some = labels.confidence > 0
        if share and some.any() and not (some & ~failed).any():
            log.warning(
                "no label passes its checks within %g of the crop's side (--check-limit): round %d does not use the checks",
                self.admission.check_limit,
                round_,
            )
            failed[:], reason[:] = False, REASONS.index("share")
        confidence = np.where(failed, 0, labels.confidence)
        assert labels.peak is not None
        labels.admitted = admit(confidence, share, self.admission.per, frame_confidence(labels.peak))
        reason[labels.admitted] = REASONS.index("admitted")
        reason[~np.isfinite(labels.xy_px).all(-1)] = REASONS.index("unreadable")
        labels.reason = reason
        labels.facts.update(share=share, per=self.admission.per)

    def _failed_checks(self, labels: PseudoLabels, reason: np.ndarray) -> np.ndarray:
        """(N, K) bool: whether a label fails a check; `reason` is set to the first check that a label fails."""
        limit_px = self.admission.check_limit * self.labeller.spec.size
        failed = np.zeros(reason.shape, bool)
        for name in CHECKS:
            if name not in labels.checks:
                continue
            fails = np.nan_to_num(labels.checks[name]) > limit_px
            if name == "temporal":
                # a carried label agrees with the flow; the disagreement is that of the label it replaced
                fails &= ~labels.carried
            reason[fails & ~failed] = REASONS.index(name)
            failed |= fails
        return failed

    def share_of(self, round_: int) -> float:
        """Share of the labels that a round admits; 0 in the first round of a run from fresh weights."""
        if self.from_scratch and round_ == 0:
            return 0.0
        return share_at(round_, self.rounds, self.admission.first, self.admission.last)

    def transform_batch(self, pair: Pair, at: int) -> Pair:
        """Give a share of the target's pictures the style of source pictures."""
        source, target = pair[:2]
        if self.style and source and target:
            draws = generator_for(self.target.seed, Stream.STYLE, at, self.fabric.global_rank)
            target["images"] = restyle(target["images"], source["images"], self.style, draws)
        return pair


def framing_of(labels: PseudoLabels) -> Framing:
    """The framing with which labels were made."""
    framing = labels.facts.get("framing") or {"zoom": 1.0, "shift": 0.0}
    return Framing(float(framing["zoom"]), float(framing["shift"]))
