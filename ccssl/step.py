"""CC-SSL as a step of the one loop: labelled source pictures beside target pictures with pseudo-labels, renewed in rounds."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from ..datasets.pseudo_labels import CHECKS, REASONS, PseudoLabels
from ..errors import DataError
from ..pose.augment import generator_for, restyle
from ..progress import log
from ..train.curriculum import admit, share_at
from ..train.feed import CropFeed, stream
from ..train.ranks import loss_factors
from ..train.supervised import cell_accuracy, mean_over, stage_loss
from .confidence import Calibration
from .framing import Framing
from .labelling import Labeller
from .teacher import Teacher

STYLE_STREAM = 78  # keeps these draws apart from those of feeds and labellings
FRAME_POWER = 3.0  # of the geometric mean of a frame's peaks, by which its labels are ranked up or down
Pair = tuple[dict[str, torch.Tensor] | None, dict[str, torch.Tensor] | None]


def labels_path(folder: Path, round_: int) -> Path:
    """Where a round's labels are kept."""
    return folder / f"labels_round_{round_:02d}.h5"


class CcsslStep:
    """Source replay plus self-training on the target.

    Both domains go through the network as one batch, so that batch norm sees the mixture in training that it keeps for testing.

    Args:
        source: labelled batches.
        target: batches of target pictures; gets its labels here.
        labeller: makes the pseudo-labels.
        loss: of a stage's maps.
        gamma: weight of the target's loss.
        rounds: of labelling; refresh: epochs between them.
        share: (first, last) share of the labels admitted.
        per: see `curriculum.admit`.
        folder: where labels are kept.
        kept: the run's `extra`, in the checkpoint: which labels the running round trains on.
        steps: batches an epoch; 0 for a pass through the larger set.
        teacher: makes the labels in the network's place.
        calibrator: (network, views of the round) -> calibration of the labels' confidence; None: it is the peak.
        limit: of a check's disagreement, in shares of the crop's side; a label that misses by more is not admitted.
        style: share of the target's pictures that take the channel statistics of a source picture.
    """

    def __init__(
        self,
        source: CropFeed,
        target: CropFeed,
        labeller: Labeller,
        fabric: Fabric,
        loss: Callable,
        gamma: float,
        rounds: int,
        refresh: int,
        share: tuple[float, float],
        per: str,
        folder: Path,
        kept: dict[str, Any],
        steps: int = 0,
        teacher: Teacher | None = None,
        calibrator: Callable[[nn.Module, int], Calibration | None] | None = None,
        limit: float = math.inf,
        style: float = 0.0,
    ):
        self.source, self.target, self.labeller, self.fabric, self.loss = source, target, labeller, fabric, loss
        self.gamma, self.rounds, self.refresh, self.share, self.per = gamma, rounds, refresh, share, per
        self.folder, self.kept = folder, kept
        self.steps = steps or max(source.steps, target.steps)
        self.pictures = source.batch_size + target.batch_size
        self.labels: PseudoLabels | None = None
        self.scorer: Callable[[PseudoLabels], float] | None = None  # diagnosis of the labels, for the log alone
        self.scored: dict[str, float] = {}
        self.teacher, self.calibrator, self.limit, self.style = teacher, calibrator, limit, style
        if teacher:
            if "teacher" in kept:
                teacher.load_state_dict(kept["teacher"])
            kept["teacher"] = teacher.state_dict()

    def after_step(self, model: nn.Module) -> None:
        """The teacher follows.

        Args:
            model: the bare network.
        """
        if self.teacher:
            self.teacher.update(model)
            self.kept["teacher"] = self.teacher.state_dict()

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        """Labels of the epoch's round: made at its start, read again when a run goes on in its midst."""
        round_ = min(epoch // self.refresh, self.rounds - 1)
        if self.labels is not None and self.labels.facts["round"] == round_:
            return self._facts()
        path = labels_path(self.folder, round_)
        if self.kept.get("round") == round_:
            labels = self._read(path, self.kept["network"])
        else:
            self._make(path, round_, self.teacher.model if self.teacher else model)
            self.fabric.barrier()
            labels = PseudoLabels.read(path)
            self.kept.update(round=round_, network=labels.facts["network"])
        self.labels = labels
        self.target.labels = (labels.xy_px, labels.admitted.astype(np.float32))
        if self.scorer and self.fabric.is_global_zero:
            self.scored = {"labels/published_acc": self.scorer(labels)}
            log.info("Acc on target training set (pseudo-labels): %.4f", self.scored["labels/published_acc"])
        facts = self._facts()
        log.info("round %d: %.0f %% of %d labels admitted, %.0f %% carried by flow, median agreement of views %.1f px",
                 round_, 100 * facts["labels/admitted"], labels.admitted.size, 100 * facts["labels/carried"],
                 facts["labels/agreement_px"])  # fmt: skip
        return facts

    def _make(self, path: Path, round_: int, model: nn.Module) -> None:
        """On all ranks: they label together; the first one writes."""
        first = self.fabric.is_global_zero
        for kept in self.folder.glob("labels_round_*") if first else ():
            if kept.name > f"labels_round_{round_:02d}~":
                kept.unlink()  # of later rounds: an earlier run's, in a folder that is used again
        labels = self._made(path, self.labeller.mark(model, round_)) if first else None
        made = self.fabric.broadcast(labels is not None)
        if round_ > 0 and not made:
            self._frame_as_before()
        if not made:
            labels = self.labeller.label(model, round_, path.with_suffix(".partial.npz"))
        if not first:
            return
        if not made:
            self.settle(labels, round_, model)
            labels.facts["ranked_by"] = self.ranked_by
        self.admit(labels, round_)
        if not labels.admitted.any():
            raise DataError(
                "pseudo-labels with some confidence",
                "a network that sees no joint in any target picture",
                "look at the target with `zoopose data check`; start from a source model that has learnt something",
            )
        labels.write(path)
        for partial in self.folder.glob(f"{path.stem}.partial*"):
            partial.unlink()

    def _frame_as_before(self) -> None:
        """Frame the target's pictures as in the first round, also where this process did not see it."""
        found = PseudoLabels.read(labels_path(self.folder, 0)).facts.get("framing")
        if found:
            self.labeller.framing = Framing(found["zoom"], found["shift"])

    def settle(self, labels: PseudoLabels, round_: int, model: nn.Module) -> None:
        """What is done to labels just made, before some are admitted: they are held in place, and their confidence calibrated."""
        if round_ > 0:
            drift = labels.hold(PseudoLabels.read(labels_path(self.folder, 0)))
            labels.facts["drift_px"] = [float(v) for v in drift]
        found = self.calibrator(model, round_) if self.calibrator else None
        if found:
            # a label that flowed here brought its own peak along, a little lower
            side = self.labeller.form.size
            labels.confidence = found.probability(labels.confidence, labels.agreement_px / side)
            labels.facts["calibration"] = found.facts

    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """Mark the labels that the round trains on, and why the others are left out."""
        share, limit_px = share_at(round_, self.rounds, *self.share), self.limit * self.labeller.form.size
        reason = np.full(labels.confidence.shape, REASONS.index("share"), np.uint8)
        before = round_ > 0 and PseudoLabels.read(labels_path(self.folder, round_ - 1)).admitted
        reason[np.broadcast_to(before, reason.shape)] = REASONS.index("support")
        failed = np.zeros(reason.shape, bool)
        for name in CHECKS:
            if name in labels.checks:
                misses = (np.nan_to_num(labels.checks[name]) > limit_px) & ~labels.carried
                reason[misses & ~failed] = REASONS.index(name)
                failed |= misses
        some = labels.confidence > 0
        if some.any() and not (some & ~failed).any():
            log.warning(
                "no label passes its checks within %g of the crop's side (--check-limit): in round %d they do not count",
                self.limit,
                round_,
            )
            failed[:], reason[:] = False, REASONS.index("share")
        frames = np.exp(FRAME_POWER * np.log(np.maximum(labels.peak, 1e-3)).mean(1))
        labels.admitted = admit(np.where(failed, 0, labels.confidence), share, self.per, frames)
        reason[labels.admitted] = REASONS.index("admitted")
        reason[~np.isfinite(labels.xy_px).all(-1)] = REASONS.index("unreadable")
        labels.reason = reason
        labels.facts.update(share=share, per=self.per)

    @property
    def ranked_by(self) -> str:
        """What the labels' confidence is."""
        return f"calibration on {getattr(self.calibrator, 'data', '')}" if self.calibrator else "peak"

    def _made(self, path: Path, mark: str) -> PseudoLabels | None:
        """Labels made just before an interruption, by the same network, for the same frames, in the same way."""
        try:
            labels = PseudoLabels.read(path)
        except DataError:
            return None
        same = labels.facts.get("mark") == mark and labels.facts.get("ranked_by") == self.ranked_by
        return labels if same else None

    def _read(self, path: Path, network: str) -> PseudoLabels:
        labels = PseudoLabels.read(path)
        if labels.facts.get("network") != network:
            raise DataError(
                f"the labels this run was training on (made by network {network})",
                f"{path}, made by network {labels.facts.get('network')}",
                "go on in that run's own folder, where its labels are, or begin anew with --restart",
            )
        return labels

    def _facts(self) -> dict[str, float]:
        labels = self.labels
        return {
            "labels/admitted": float(labels.admitted.mean()),
            "labels/carried": float(labels.carried.mean()),
            "labels/agreement_px": float(np.nanmedian(labels.agreement_px)),
            **self.scored,
        }

    def batches(self, epoch: int, start: int) -> Iterator[Pair | None]:
        """Source and target batches in step; each feed runs on through its own epochs, whatever the other's length."""
        at = epoch * self.steps + start
        feeds = (stream(feed, at, self.steps - start, self.fabric.device) for feed in (self.source, self.target))
        for i, pair in enumerate(zip(*feeds), at):
            source, target = pair
            if self.style and source and target:
                draws = generator_for(self.source.seed, STYLE_STREAM, i, self.fabric.global_rank)
                target["images"] = restyle(target["images"], source["images"], self.style, draws)
            yield pair if source or target else None

    def __call__(self, model: nn.Module, batch: Pair) -> dict[str, torch.Tensor]:
        parts = [b for b in batch if b is not None]
        outputs = model(torch.cat([b["images"] for b in parts]))
        sizes = [len(b["images"]) for b in parts]
        zero = outputs[-1].new_zeros(())
        losses = {"source": zero, "target": zero, "acc": zero}
        factors = loss_factors(self.fabric, [mean_over(self.loss, own) for own in batch])
        for name, factor, own, found in zip(("source", "target"), factors, batch, _split(outputs, sizes, batch)):
            if own is not None:
                losses[name] = factor * stage_loss(found, own["target"], own["weight"], self.loss)
                if name == "source":
                    losses["acc"] = cell_accuracy(found, own["target"], own["weight"])
        return {"total": losses["source"] + self.gamma * losses["target"], **losses}


def _split(outputs: list[torch.Tensor], sizes: list[int], batch: Pair) -> list[list[torch.Tensor] | None]:
    """The stages' maps of each domain, None for a domain without a readable picture."""
    parts = iter(zip(*(o.split(sizes) for o in outputs)))
    return [list(next(parts)) if own is not None else None for own in batch]
