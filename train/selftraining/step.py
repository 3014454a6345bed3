"""Self-training as a step of the one loop: labelled pictures, and target pictures with pseudo-labels that are renewed in rounds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from ...datasets.pseudo_labels import PseudoLabels
from ...errors import DataError
from ...progress import log
from ..feeds.base import Batch, continued_batches
from ..ranks import loss_factors
from ..supervised import MapLoss, cell_accuracy, mean_over, stage_loss
from .config import RoundLabeller, SelfTrainingConfig, SelfTrainingFeeds, TrainingFeed
from .labeller import network_with_fingerprint

# batches of source and target, and of labelled target pictures where a run has any; None: nothing of it in this step
Pair = tuple[Batch | None, ...]
PARTS = ("source", "target", "target_labels")
TARGET_LABELS = "target_labels"  # key of a step's state, in a checkpoint: the labelled target pictures


class SelfTrainingStep(ABC):
    """Replay of the labelled source plus self-training on the target. A method gives the rule of `admit` and the other hooks.

    Both domains go through the network as one batch, so that batch norm sees the mixture in training that it has statistics of in
    testing. The labels of a round are in one file: a run that goes on reads them again, one that was killed before its checkpoint
    takes those that the same network has made.

    Args:
        feeds: where batches come from.
        labeller: makes the pseudo-labels.
        fabric: device and ranks.
        loss: of a stage's maps.
        config: length and weights.
    """

    ranked_by: str = "peak"  # what the labels' confidence is; labels of a killed run serve only the same

    def __init__(
        self,
        feeds: SelfTrainingFeeds,
        labeller: RoundLabeller,
        fabric: Fabric,
        loss: MapLoss,
        config: SelfTrainingConfig,
    ):
        self.source, self.target, self.labelled_target = feeds.source, feeds.target, feeds.labelled_target
        self.target_labels = feeds.target_labels
        self.labeller, self.fabric, self.loss = labeller, fabric, loss
        self.folder, self.rounds, self.refresh, self.gamma = config.folder, config.rounds, config.refresh, config.gamma
        self.steps = config.steps or max(self.source.steps, self.target.steps)
        self.labels: PseudoLabels | None = None
        # of the labels that the run trains on: their round, and the fingerprint of the network that made them
        self.labelled_round: int | None = None
        self.labelled_by = ""

    def state_dict(self) -> dict[str, Any]:
        """Which labels the running round trains on, and the labelled target pictures. Methods add keys of their own."""
        round_ = {} if self.labelled_round is None else {"round": self.labelled_round, "network": self.labelled_by}
        return {**round_, **({TARGET_LABELS: dict(self.target_labels)} if self.target_labels else {})}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.labelled_round, self.labelled_by = state.get("round"), state.get("network", "")

    @property
    def pictures(self) -> int:
        """Pictures of a batch; none of the target where the round has no label."""
        labelled = self.labelled_target.batch_size if self.labelled_target else 0
        return self.source.batch_size + (self.target.batch_size if self.has_labels else 0) + labelled

    @property
    def has_labels(self) -> bool:
        """Whether the round admits any pseudo-label."""
        return self.labels is None or bool(self.labels.admitted.any())

    def round_of(self, epoch: int) -> int:
        """The round that an epoch belongs to."""
        return min(epoch // self.refresh, self.rounds - 1)

    def labelling_network(self, model: nn.Module) -> nn.Module:
        """The network that makes the labels. Here: the network in training."""
        return model

    def before_labelling(self, round_: int) -> None:
        """Hook: called on every rank before labels are made."""

    def after_labelling(self, labels: PseudoLabels, round_: int, model: nn.Module) -> None:
        """Hook: called on the first rank with new labels, before some are admitted; it may change them."""

    @abstractmethod
    def admit(self, labels: PseudoLabels, round_: int) -> None:
        """Set `admitted` and `reason` of labels; called on the first rank, also with labels that were read from a file."""

    def begin_round(self, labels: PseudoLabels) -> None:
        """Hook: called on every rank with the labels of a round, new ones or read from a file. It may raise `TrainingEnded`."""

    def facts(self) -> dict[str, float]:
        """Numbers about the labels, for the log."""
        return {"labels/admitted": float(self.labels.admitted.mean())} if self.labels else {}

    def transform_batch(self, pair: Pair, at: int) -> Pair:
        """Hook: returns batch number `at` of the run, changed by a method."""
        return pair

    def after_forward(self, pair: Pair, outputs: Sequence[list[torch.Tensor] | None]) -> Pair:
        """Hook: returns a batch, changed by a method that has seen the network's outputs, for each part the maps of all stages."""
        return pair

    def after_step(self, model: nn.Module) -> None:
        """Hook: called after every step of the optimiser, with the network without wrappers."""

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        """Labels of the epoch's round: made at its start, read again when a run goes on in its midst."""
        round_ = self.round_of(epoch)
        if self.labels is not None and self.labels.facts["round"] == round_:
            return self.facts()
        path = self.folder.labels(round_)
        if self.labelled_round == round_ and self._can_be_read(path):
            labels = self._read(path, self.labelled_by)
        else:
            network = self.labelling_network(model)
            if self.labelled_round == round_:
                network = self._network_again(path, network)
            self._make(path, round_, network)
            self.fabric.barrier()
            labels = PseudoLabels.read(path)
            self.labelled_round, self.labelled_by = round_, labels.facts["network"]
        self.labels = labels
        self.target.labels = (labels.xy_px, labels.admitted.astype(np.float32))
        self.begin_round(labels)
        return self.facts()

    def _make(self, path: Path, round_: int, model: nn.Module) -> None:
        """On all ranks: they label together; the first one writes."""
        first = self.fabric.is_global_zero
        if first:
            self.folder.remove_labels_after(round_)
        found = self._made_before(path, self.labeller.cache_key(model, round_)) if first else None
        if self.fabric.broadcast(found is not None):
            labels = found
        else:
            self.before_labelling(round_)
            labels = self.labeller.label(model, round_, self.folder.unfinished_labels(round_))
            if first:
                self.after_labelling(labels, round_, model)
                labels.facts["ranked_by"] = self.ranked_by
        if not first or labels is None:
            return
        self.admit(labels, round_)
        fault = None if labels.admitted.any() else self.nothing_admitted(labels)
        if fault:
            raise fault
        labels.write(path)
        self.folder.remove_unfinished_labels(round_)

    def nothing_admitted(self, labels: PseudoLabels) -> DataError | None:
        """The error where a round admits no label; None where the run goes on with its labelled pictures alone."""
        return DataError(
            "pseudo-labels with some confidence",
            "a network that sees no joint in any target picture",
            "look at the target with `zoopose data check`; start from a source model that has learnt something",
        )

    def _made_before(self, path: Path, cache_key: str) -> PseudoLabels | None:
        """Labels that a run made just before it was interrupted: by the same network, of the same frames, with the same rules."""
        try:
            labels = PseudoLabels.read(path)
        except DataError:
            return None
        same = labels.facts.get("mark") == cache_key and labels.facts.get("ranked_by") == self.ranked_by
        return labels if same else None

    def _read(self, path: Path, network: str) -> PseudoLabels:
        labels = PseudoLabels.read(path)
        self._check_network(labels, path, network)
        return labels

    def _check_network(self, labels: PseudoLabels, path: Path, network: str) -> None:
        if labels.facts.get("network") != network:
            raise DataError(
                f"the labels this run was training on (made by network {network})",
                f"{path}, made by network {labels.facts.get('network')}",
                "continue the run in the folder where its labels are, or begin again with --restart",
            )

    def _can_be_read(self, path: Path) -> bool:
        """Whether the labels of the running round can be read. The first rank tries, and all ranks get its answer."""
        fault = ""
        if self.fabric.is_global_zero:
            try:
                PseudoLabels.read(path)
            except DataError as error:
                fault = error.found
                log.warning("the labels of the running round cannot be read: %s", fault)
        return not self.fabric.broadcast(fault)

    def _network_again(self, path: Path, model: nn.Module) -> nn.Module:
        """The network that makes the labels of the running round again: the one that made them before, if a checkpoint of the run
        has its weights.

        Args:
            model: the network that would make labels now.
        """
        same, where = network_with_fingerprint(self.labelled_by, model, self.folder)
        if same is not None:
            log.warning(
                "%s is made again by the network that made it (%s): the result stays the same", path.name, where
            )
            return same
        log.warning(
            "%s is made again by the network as it is now, since no checkpoint has the network that made it: "
            "the run goes on, and its result differs from that of a run without the damage",
            path.name,
        )
        return model

    def earlier_labels(self, round_: int, without: str, network: str | None = None) -> PseudoLabels | None:
        """Labels of an earlier round; None, with a warning, where their file is gone or damaged.

        Args:
            without: what the run goes on without, for the warning.
            network: fingerprint of the network that must have made them; None: any.

        Raises:
            DataError: another network made them.
        """
        path = self.folder.labels(round_)
        try:
            labels = PseudoLabels.read(path)
        except DataError as error:
            if self.fabric.is_global_zero:
                log.warning(
                    "labels of round %d cannot be read (%s): the run goes on without %s", round_, error.found, without
                )
            return None
        if network is not None:
            self._check_network(labels, path, network)
        return labels

    def batches(self, epoch: int, start: int) -> Iterator[Pair | None]:
        """A batch of every feed at a time; each feed has epochs of its own length.

        A round without any label takes none of the target's.
        """
        at, count = epoch * self.steps + start, self.steps - start
        feeds: list[TrainingFeed | None] = [self.source, self.target if self.has_labels else None]
        feeds += [self.labelled_target] if self.labelled_target else []
        none: Iterator[Batch | None] = repeat(None)
        streams = [continued_batches(feed, at, count, self.fabric.device) if feed else none for feed in feeds]
        for i, parts in enumerate(zip(*streams), at):
            pair = self.transform_batch(parts, i)
            yield pair if any(pair) else None

    def __call__(self, model: nn.Module, batch: Pair) -> dict[str, torch.Tensor]:
        parts = [b for b in batch if b is not None]
        outputs = model(torch.cat([b["images"] for b in parts]))
        maps = _split(outputs, [len(b["images"]) for b in parts], batch)
        batch = self.after_forward(batch, maps)
        zero = outputs[-1].new_zeros(())
        names = PARTS[: len(batch)]
        losses = {**dict.fromkeys(names, zero), "acc": zero}
        factors = loss_factors(self.fabric, [mean_over(self.loss, own) for own in batch])
        for name, factor, own, found in zip(names, factors, batch, maps):
            if own is not None and found is not None:
                losses[name] = factor * stage_loss(found, own["target"], own["weight"], self.loss)
                if name == "source":
                    losses["acc"] = cell_accuracy(found, own["target"], own["weight"])
        total = sum(losses[name] * (self.gamma if name == "target" else 1.0) for name in names)
        return {"total": total, **losses}


def _split(outputs: list[torch.Tensor], sizes: list[int], batch: Pair) -> list[list[torch.Tensor] | None]:
    """The stages' maps of each domain, None for a domain without a readable picture."""
    parts = iter(zip(*(torch.split(o, sizes) for o in outputs)))
    return [list(next(parts)) if own is not None else None for own in batch]
