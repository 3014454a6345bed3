"""WS-CDA as a training step: labelled humans and animals, unlabelled animals, and a discriminator that tells the domains apart."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ..errors import OptionError
from ..train.feeds.base import continued_batches
from ..train.feeds.crops import CropFeed
from ..train.ranks import loss_factors
from ..train.supervised import MapLoss, cell_accuracy, mean_over, stage_loss
from .discriminator import DiscriminatorTrainer
from .losses import balanced_accuracy, human_animal_loss, labelled_unlabelled_loss, ramp
from .network import Counts, Outputs

# (number of the step in the whole training, domain -> batch)
Batch = tuple[int, dict[str, dict[str, torch.Tensor]]]
# Keys of the state in checkpoints; "pursuit" is the optimiser of the discriminator's additional steps.
STATE, OPTIMIZER = "wscda", "pursuit"


@dataclass(frozen=True)
class WscdaLoss:
    """L = alpha L_DDL + beta L_pose (Cao et al., ICCV 2019, section 3).

    Attributes:
        maps: loss of one stage's maps, a mean over labelled joints.
        alpha: weight of the domain loss for all parts except the discriminator, at most 0; -1 in the paper.
        beta: weight of the pose loss; 500 in the paper.
        w1: weight of humans against animals within the domain loss.
        w2: weight of the animals' pose loss; None: n_human / n_animal of the batch.
        warmup: share of the training over which |alpha| grows from 0.

    Raises:
        OptionError: alpha and beta have the same sign.
    """

    maps: MapLoss
    alpha: float = -1.0
    beta: float = 500.0
    w1: float = 1.0
    w2: float | None = None
    warmup: float = 0.5

    def __post_init__(self) -> None:
        if self.alpha * self.beta > 0:
            found = f"--alpha {self.alpha:g} --beta {self.beta:g}"
            raise OptionError("alpha and beta of opposite signs", found, "--alpha -1")


class WscdaStep:
    """Minimises L for all domains in one backward pass.

    L_pose = 1/N sum_i [w2 y_i L_A(i) + (1 - y_i) L_H(i)]. L_A(i) is the picture's share of the mean over all labelled joints of the
    batch's animals, so that with animals alone L_pose is the loss of supervised training. A term is left out where the batch has no
    picture of its domains.

    Args:
        feeds: of the domains `human`, `animal`, `target` that the run has, in this order.
        fabric: device and ranks.
        loss: the weights of L.
        epochs: of the whole training.
        steps: batches of an epoch; 0: one pass through the largest data set.
        discriminator_trainer: makes additional steps of the discriminator; None: it makes the optimiser's steps only.
        parts: what a checkpoint holds in addition to the pose network: state of the other parts, joints of the human head, probe of
            the start.
    """

    def __init__(
        self,
        feeds: Mapping[str, CropFeed],
        fabric: Fabric,
        loss: WscdaLoss,
        *,
        epochs: int,
        steps: int = 0,
        discriminator_trainer: DiscriminatorTrainer | None = None,
        parts: Mapping[str, Any] | None = None,
    ):
        self.feeds, self.fabric, self.loss = feeds, fabric, loss
        self.steps = steps or max(feed.steps for feed in feeds.values())
        self.total_steps = epochs * self.steps
        self.pictures = sum(feed.batch_size for feed in feeds.values())
        self.discriminator_trainer, self.parts = discriminator_trainer, dict(parts or {})

    def state_dict(self) -> dict[str, Any]:
        """State of the parts outside the pose network, and of the discriminator's optimiser."""
        trainer = self.discriminator_trainer
        return {STATE: {**self.parts, **({OPTIMIZER: trainer.state_dict()} if trainer else {})}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the discriminator's optimiser. `setup.build_network` has loaded the parts."""
        if self.discriminator_trainer and OPTIMIZER in state.get(STATE, {}):
            self.discriminator_trainer.load_state_dict(state[STATE][OPTIMIZER])

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        """Nothing to prepare."""
        return {}

    def after_step(self, model: nn.Module) -> None:
        """Train the discriminator further on the batch's features."""
        if self.discriminator_trainer:
            self.discriminator_trainer.train()

    def batches(self, epoch: int, start: int) -> Iterator[Batch | None]:
        """Batches of an epoch from number `start` on; None where no picture of a domain's batch can be read."""
        at, count = epoch * self.steps + start, self.steps - start
        streams = [continued_batches(feed, at, count, self.fabric.device) for feed in self.feeds.values()]
        for number, batches in enumerate(zip(*streams), at):
            readable = {name: batch for name, batch in zip(self.feeds, batches) if batch is not None}
            yield (number, readable) if len(readable) == len(self.feeds) else None

    def strength(self, number: int) -> float:
        """|alpha| at step `number` of the training."""
        warmup = self.loss.warmup
        return abs(self.loss.alpha) * (ramp(number / (warmup * self.total_steps)) if warmup else 1.0)

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        """Losses by name, and accuracies for the log."""
        number, parts = batch
        counts = Counts(*(len(parts[name]["images"]) if name in parts else 0 for name in Counts._fields))
        strength = self.strength(number)
        outputs: Outputs = model(torch.cat([p["images"] for p in parts.values()]), counts, strength)
        zero = outputs.features.new_zeros(())
        all_counts = self._counts_of_all_ranks(counts)
        if self.discriminator_trainer:
            self.discriminator_trainer.set_batch(
                outputs.features,
                lambda logits: sum(self._domain_terms(logits, counts, all_counts).values(), start=zero),
            )
        pose = self._pose_terms(outputs, parts, all_counts)
        domain = self._domain_terms(outputs.logits, counts, all_counts)
        accuracy = discriminator_accuracy(outputs.logits, counts)
        labelled = parts["animal" if "animal" in parts else "human"]
        accuracy["acc"] = cell_accuracy(outputs.maps, labelled["target"], labelled["weight"])
        # weight 1: the reversal in front of the discriminator makes it alpha for the parts before it
        total = self.loss.beta * sum(pose.values(), start=zero) + sum(domain.values(), start=zero)
        return {"total": total, **pose, **domain, **accuracy, "alpha": total.new_tensor(-strength)}

    def _pose_terms(
        self, outputs: Outputs, parts: Mapping[str, dict[str, torch.Tensor]], all_counts: Counts
    ) -> dict[str, torch.Tensor]:
        """Terms of L_pose by name."""
        w2 = self.loss.w2
        if w2 is None:
            w2 = all_counts.human / all_counts.animal if all_counts.human and all_counts.animal else 1.0
        maps = {"animal" if "animal" in parts else "human": outputs.maps}
        if outputs.human_maps is not None:
            maps["human"] = [outputs.human_maps]
        labelled = [name for name in ("human", "animal") if name in parts]
        factors = loss_factors(self.fabric, [mean_over(self.loss.maps, parts[name]) for name in labelled])
        terms = {}
        for name, factor in zip(labelled, factors):
            share = (w2 if name == "animal" else 1.0) * getattr(all_counts, name) / sum(all_counts)
            loss = stage_loss(maps[name], parts[name]["target"], parts[name]["weight"], self.loss.maps)
            terms[f"pose_{name}"] = share * (factor * loss)
        return terms

    def _counts_of_all_ranks(self, counts: Counts) -> Counts:
        """Pictures of each domain on all ranks together."""
        if self.fabric.world_size == 1:
            return counts
        local = torch.tensor(counts, dtype=torch.float32, device=self.fabric.device)
        return Counts(*map(round, torch.as_tensor(self.fabric.all_reduce(local, reduce_op="sum")).tolist()))

    def _domain_terms(self, logits: torch.Tensor | None, counts: Counts, all_counts: Counts) -> dict[str, torch.Tensor]:
        """Terms of L_DDL by name."""
        terms: dict[str, torch.Tensor] = {}
        if logits is None:
            return terms
        # turns a mean over this rank's pictures into this rank's part of the mean over the pictures of all ranks
        part = len(logits) * self.fabric.world_size / sum(all_counts)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        animal, target = domain_masks(counts, logits.device)
        if counts.human and counts.animal + counts.target:
            terms["domain_human_animal"] = self.loss.w1 * part * human_animal_loss(logits, animal)
        if counts.animal and counts.target:
            terms["domain_labelled_unlabelled"] = part * labelled_unlabelled_loss(logits, animal, target)
        return terms


def domain_masks(counts: Counts, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Which pictures of a batch show animals, and which show unlabelled animals, both (N,) bool."""
    domain = torch.repeat_interleave(torch.arange(3, device=device), torch.tensor(counts, device=device))
    return domain > 0, domain == 2


def discriminator_accuracy(logits: torch.Tensor | None, counts: Counts) -> dict[str, torch.Tensor]:
    """Accuracies of the discriminator by name, for the log; logits (N, 2), None without a discriminator."""
    accuracy: dict[str, torch.Tensor] = {}
    if logits is None:
        return accuracy
    animal, target = domain_masks(counts, logits.device)
    if counts.human and counts.animal + counts.target:
        accuracy["acc_human_animal"] = balanced_accuracy(logits[:, 0], animal)
    if counts.animal and counts.target:
        accuracy["acc_labelled_unlabelled"] = balanced_accuracy(logits[animal, 1], target[animal])
    return accuracy
