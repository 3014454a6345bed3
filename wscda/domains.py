"""The data sets of a WS-CDA run by domain: humans, labelled animals, unlabelled animals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..datasets.open import check_joints, has_splits
from ..datasets.sample import PoseDataset
from ..evaluation.data import open_target, use_pairs_of
from ..evaluation.options import PairOptions
from ..pose.skeleton import Skeleton
from ..train.data import labelled_data, training_and_validation
from .options import WscdaOptions


@dataclass(frozen=True)
class Domains:
    """The data sets of a run.

    Attributes:
        human, animal: labelled; at least one of them is there.
        target: without labels.
        valid: labelled, with the joints of the pose network.
    """

    human: PoseDataset | None
    animal: PoseDataset | None
    target: PoseDataset | None
    valid: PoseDataset

    def with_pairs_of(self, skeleton: Skeleton, options: PairOptions) -> Domains:
        """The same data with the left/right pairs of a network, in data sets that have its joints; see `use_pairs_of`."""
        main, valid = (use_pairs_of(data, skeleton, options) for data in (self.main, self.valid))
        target = None if self.target is None else use_pairs_of(self.target, skeleton, options)
        return Domains(main, None, target, valid) if self.animal is None else Domains(self.human, main, target, valid)

    @property
    def main(self) -> PoseDataset:
        """The labelled data whose joints the pose network has: the animals; the humans where no animal is labelled."""
        main = self.human if self.animal is None else self.animal
        assert main is not None  # `open_domains` opens one of them
        return main

    def by_name(self) -> dict[str, PoseDataset]:
        """The domains that the run has, in their order in a batch."""
        domains = {"human": self.human, "animal": self.animal, "target": self.target}
        return {name: data for name, data in domains.items() if data is not None}

    def skeletons(self) -> list[Skeleton]:
        """Joints of the labelled domains."""
        return [data.skeleton for data in (self.human, self.animal) if data is not None]

    def human_skeleton(self) -> dict[str, Any] | None:
        """Joints of the human head as plain data; None without a human head."""
        return self.human.skeleton.to_dict() if self.human is not None and self.animal is not None else None

    def describe(self) -> dict[str, Mapping[str, Any]]:
        """Facts of each data set, for banner and report."""
        return {name: data.describe() for name, data in {**self.by_name(), "validation": self.valid}.items()}


def open_domains(options: WscdaOptions) -> Domains:
    """Open the data sets that the options name.

    Raises:
        DataError: a data set is missing or broken, or has no labels where labels are needed.
    """
    main, valid = training_and_validation(options.labelled, options.valid, options)
    human = None
    if options.source and options.human:
        split = "train" if has_splits(options.human) else "all"
        # the pairs of --partners are the animals'
        human = labelled_data(options.human, split, replace(options, partners=""), "train on", must_have=False)
    target = open_target(options, main.skeleton) if options.target else None
    check_joints(valid, main.skeleton, options.valid or options.labelled)
    return Domains(human, main, target, valid) if options.source else Domains(main, None, target, valid)
