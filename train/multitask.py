"""Multi-task training as a step of the one loop: joints, and the body part of every pixel, from one network.

Source: J. Mu et al., "Learning from Synthetic Animals", CVPR 2020, train_multitask: the loss of the joints plus 0.01 / (epoch + 1)
times the cross-entropy of the parts, both summed over the stacks; pixels of unknown part are left out.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from lightning_fabric import Fabric
from torch import nn

from ..datasets.sample import IGNORED, PoseDataset
from ..errors import OptionError
from ..evaluation.part_iou import check_parts
from ..pose.checkpoints import Loaded
from ..pose.models.hourglass import part_maps
from ..progress import log
from .feeds.base import Feed
from .options import TrainOptions
from .ranks import loss_factors
from .supervised import SupervisedStep

PART_WEIGHT = 0.01  # of the part loss in the first epoch, as published


def part_loss(outputs: list[torch.Tensor], parts: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the parts, the mean over pixels of known part, summed over the stacks; 0 where no pixel is known.

    Args:
        outputs: of the network; its part maps are (B, P, R, Q).
        parts: (B, R, Q) int64, `IGNORED` where the part is not known.
    """
    known = (parts != IGNORED).sum().clamp_min(1)
    rows, columns = parts.shape[1:]
    maps = part_maps(outputs, (rows, columns))
    return sum(F.cross_entropy(o.float(), parts, ignore_index=IGNORED, reduction="sum") for o in maps) / known


class MultitaskStep(SupervisedStep):
    """Labelled pictures with part maps in; joints and parts out. The log has the part loss as `parts`.

    Args:
        feed: labelled batches with `parts`.
        fabric: device and ranks.
        loss: of the joints, a key of `LOSSES`.
    """

    def __init__(self, feed: Feed, fabric: Fabric, loss: str = "balanced"):
        super().__init__(feed, fabric, loss)
        self.epoch = 0

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        self.epoch = epoch  # the weight of the part loss follows from it
        return super().before_epoch(epoch, model)

    def losses(self, outputs: list[torch.Tensor], batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = super().losses(outputs, batch)
        (factor,) = loss_factors(self.fabric, [(batch["parts"] != IGNORED).sum()])
        parts = factor * part_loss(outputs, batch["parts"])
        return {**found, "total": found["total"] + PART_WEIGHT / (self.epoch + 1) * parts, "parts": parts}


def step_class(options: TrainOptions, training: PoseDataset, network: Loaded) -> type[SupervisedStep]:
    """The step that trains parts too, where the network has part maps and the data have part labels.

    A network of parts on data without part labels trains its joints alone, and says so. Data with part labels are of use to any
    network; one without part maps trains on the joints.

    Raises:
        OptionError: an augmentation that moves no part maps.
        DataError: a network with another number of parts than the data.
    """
    labels, count = training.parts, getattr(network.model, "num_parts", 0)
    if not count:
        return SupervisedStep
    if labels is None:
        log.warning(
            "%s has no part labels: %s trains on joints alone here, its part maps stay as they are",
            options.dataset,
            network.arch,
        )
        return SupervisedStep
    check_parts(labels, count)
    if options.augment in ("published", "recipe"):
        raise OptionError(
            "--augment strong, standard or none for part maps, which move with their pictures",
            f"--augment {options.augment}",
            "leave --augment out, or train on joints alone: --arch hg",
        )
    return MultitaskStep
