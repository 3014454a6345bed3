"""WS-CDA as a step of the one loop: labelled humans and animals beside unlabelled animals, and a discriminator between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
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
from .losses import balanced_accuracy, human_animal, labelled_unlabelled, ramp
from .network import Counts, Outputs, WscdaNetwork

Batch = tuple[int, dict[str, dict[str, torch.Tensor]]]


class WscdaStep:
    """L = alpha L_DDL + beta L_pose, both domains' halves in one backward pass (Cao et al., ICCV 2019, section 3).

    L_pose = 1/N sum_i [w2 y_i L_A(i) + (1 - y_i) L_H(i)]; L_A(i) is the picture's share of the mean over all labelled joints of the
    batch's animals, so that with animals alone L_pose is the loss of supervised training. A term whose domains are not in the batch
    vanishes.

    Args:
        feeds: `human`, `animal`, `target`, those that there are, in this order.
        loss: of a stage's maps, a mean over labelled joints.
        alpha: weight of the domain loss for all but the discriminator, at most 0; beta: of the pose loss.
        w1: of humans against animals within the domain loss; w2: of the animals' pose loss; None: n_human / n_animal of the batch.
        warmup: share of the training over which alpha grows from 0.
        epochs: of the whole training.
        steps: batches an epoch; 0 for a pass through the largest set.
        discriminator_trainer: further steps of the discriminator alone; None: it takes the optimiser's only.
        parts: what a checkpoint holds of WS-CDA in addition to the main network: the state of the parts, joints of the human head,
            a probe of the start.
    """

    def __init__(
        self,
        feeds: Mapping[str, CropFeed],
        fabric: Fabric,
        loss: MapLoss,
        alpha: float,
        beta: float,
        w1: float,
        w2: float | None,
        warmup: float,
        epochs: int,
        steps: int = 0,
        discriminator_trainer: DiscriminatorTrainer | None = None,
        parts: Mapping[str, Any] | None = None,
    ):
        if alpha * beta > 0:
            raise OptionError("alpha and beta of opposite signs", f"--alpha {alpha:g} --beta {beta:g}", "--alpha -1")
        self.feeds, self.fabric, self.loss = feeds, fabric, loss
        self.alpha, self.beta, self.w1, self.w2, self.warmup = alpha, beta, w1, w2, warmup
        self.steps = steps or max(feed.steps for feed in feeds.values())
        self.total_steps = epochs * self.steps
        self.pictures = sum(feed.batch_size for feed in feeds.values())
        self.discriminator_trainer, self.parts = discriminator_trainer, dict(parts or {})

    def state_dict(self) -> dict[str, Any]:
        trainer = self.discriminator_trainer
        return {"wscda": {**self.parts, **({"pursuit": trainer.state_dict()} if trainer else {})}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Averages of the discriminator's optimiser; the parts are in the network already, see `setup.build_network`."""
        if self.discriminator_trainer and "pursuit" in state.get("wscda", {}):
            self.discriminator_trainer.load_state_dict(state["wscda"]["pursuit"])

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        return {}

    def after_step(self, model: nn.Module) -> None:
        if self.discriminator_trainer:
            self.discriminator_trainer.follow()

    def batches(self, epoch: int, start: int) -> Iterator[Batch | None]:
        """(number of the step in the whole training, batch of every domain); None where a domain's pictures cannot be read."""
        at, count = epoch * self.steps + start, self.steps - start
        streams = [continued_batches(feed, at, count, self.fabric.device) for feed in self.feeds.values()]
        for number, parts in enumerate(zip(*streams), at):
            yield None if any(p is None for p in parts) else (number, dict(zip(self.feeds, parts)))

    def strength(self, number: int) -> float:
        """|alpha| at a step of the training."""
        grown = ramp(number / (self.warmup * self.total_steps)) if self.warmup else 1.0
        return abs(self.alpha) * grown

    def __call__(self, model: nn.Module, batch: Batch) -> dict[str, torch.Tensor]:
        number, parts = batch
        counts = Counts(*(len(parts[name]["images"]) if name in parts else 0 for name in Counts._fields))
        strength = self.strength(number)
        found = model(torch.cat([p["images"] for p in parts.values()]), counts, strength)
        everywhere = self._everywhere(counts)
        if self.discriminator_trainer:
            self.discriminator_trainer.see(
                found.features, lambda logits: sum(self._domain(logits, counts, everywhere).values())
            )
        pose, main = self._pose(found, parts, everywhere)
        domain, told = self._domain(found.logits, counts, everywhere), right(found.logits, counts)
        told["acc"] = cell_accuracy(found.maps, parts[main]["target"], parts[main]["weight"])
        # the reversal in front of the discriminator makes of +1 here alpha for all that comes before it
        total = self.beta * sum(pose.values()) + sum(domain.values())
        return {"total": total, **pose, **domain, **told, "alpha": total.new_tensor(-strength)}

    def _pose(self, found: Outputs, parts: Mapping, everywhere: Counts) -> tuple[dict[str, torch.Tensor], str]:
        """Terms of L_pose by name, and the domain whose joints the main network has."""
        whole, terms = sum(everywhere), {}
        w2 = self.w2
        if w2 is None:
            w2 = everywhere.human / everywhere.animal if everywhere.human and everywhere.animal else 1.0
        main = "animal" if "animal" in parts else "human"
        maps = {main: found.maps, **({"human": [found.human]} if found.human is not None else {})}
        labelled = [name for name in ("human", "animal") if name in parts]
        factors = loss_factors(self.fabric, [mean_over(self.loss, parts[name]) for name in labelled])
        for name, factor in zip(labelled, factors):
            share = (w2 if name == "animal" else 1.0) * getattr(everywhere, name) / whole
            own = parts[name]
            terms[f"pose_{name}"] = share * (factor * stage_loss(maps[name], own["target"], own["weight"], self.loss))
        return terms, main

    def _everywhere(self, counts: Counts) -> Counts:
        """Pictures of each domain on all ranks together."""
        if self.fabric.world_size == 1:
            return counts
        own = torch.tensor(counts, dtype=torch.float32, device=self.fabric.device)
        return Counts(*map(round, self.fabric.all_reduce(own, reduce_op="sum").tolist()))

    def _domain(self, logits: torch.Tensor | None, counts: Counts, everywhere: Counts) -> dict[str, torch.Tensor]:
        """Terms of L_DDL by name."""
        terms: dict[str, torch.Tensor] = {}
        if logits is None:
            return terms
        # a mean over this rank's pictures becomes this rank's part of the mean over all ranks'
        part = len(logits) * self.fabric.world_size / sum(everywhere)
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        animal, target = kinds(logits, counts)
        if counts.human and counts.animal + counts.target:
            terms["domain_human_animal"] = self.w1 * part * human_animal(logits, animal)
        if counts.animal and counts.target:
            terms["domain_labelled_unlabelled"] = part * labelled_unlabelled(logits, animal, target)
        return terms


def kinds(logits: torch.Tensor, counts: Counts) -> tuple[torch.Tensor, torch.Tensor]:
    """Which rows of logits (N, 2) are of animals, and which of unlabelled ones, both (N,) bool."""
    kind = torch.repeat_interleave(torch.arange(3, device=logits.device), torch.tensor(counts, device=logits.device))
    return kind > 0, kind == 2


def right(logits: torch.Tensor | None, counts: Counts) -> dict[str, torch.Tensor]:
    """How often the discriminator is right, for the log."""
    told: dict[str, torch.Tensor] = {}
    if logits is None:
        return told
    animal, target = kinds(logits, counts)
    if counts.human and counts.animal + counts.target:
        told["acc_human_animal"] = balanced_accuracy(logits[:, 0], animal)
    if counts.animal and counts.target:
        told["acc_labelled_unlabelled"] = balanced_accuracy(logits[animal, 1], target[animal])
    return told


def sizes_of(network: WscdaNetwork) -> dict[str, int]:
    """Number of weights of each of the four parts, for the banner."""
    main = network.main
    inside = {id(p) for p in chain(main.adapter.parameters(), main.last_layer.parameters())}
    parts = {
        "extractor": [p for p in main.parameters() if id(p) not in inside],
        "adaptation network": [*main.adapter.parameters()],
        "discriminator": [*network.discriminator.parameters()] if network.discriminator else [],
    }
    return {name: sum(p.numel() for p in own) for name, own in parts.items() if own}
