"""Supervised training as a step of the one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import nn

from ..datasets.sample import PoseDataset
from ..errors import OptionError
from ..pose import losses
from ..pose.checkpoints import Loaded
from ..pose.codecs import CODECS
from ..pose.heatmap import decode
from ..pose.models import PoseNetwork
from .feeds.base import Batch, Feed
from .feeds.labelled import feed_for
from .option_parts import TargetMapOptions
from .options import TrainOptions
from .ranks import loss_factors

# of --loss balanced: additional weight of a cell at the peak of a target, an empty cell counting 1; see `losses.joints_mse`
PEAK_WEIGHT = 10.0


@dataclass(frozen=True)
class MapLoss:
    """A loss of a network's maps.

    Attributes:
        function: (maps (B, C, h, w), target, weight (B, K)) -> scalar, taken of every stage and summed; with `whole` set of the
            list of all stages' maps at once.
        whole: see there.
        per_picture: its mean runs over pictures; otherwise over labelled joints.
        targets: kind of targets it compares with: `maps` one a joint, `offsets` three a joint, `levels` a stack of them.
    """

    function: Callable[..., torch.Tensor]
    whole: bool = False
    per_picture: bool = False
    targets: str = "maps"


def total_of(terms: Sequence[torch.Tensor]) -> torch.Tensor:
    """The sum of at least one term."""
    first, *more = terms
    return sum(more, start=first)


def finest(maps: list[torch.Tensor], target: torch.Tensor, flags: torch.Tensor) -> torch.Tensor:
    """Of targets of several widths the narrowest, for networks whose outputs are no pyramid: the hard joints of every stage."""
    return total_of([losses.labelled_ohkm(o, target[:, -1], flags) for o in maps])


def pyramids(maps: list[torch.Tensor], target: torch.Tensor, flags: torch.Tensor) -> torch.Tensor:
    """MSPN's and RSN's loss, coarse to fine where the targets have a width more than a stage has scales."""
    return losses.megvii_loss(maps, target, flags, coarse_to_fine=target.shape[1] > 4)


LOSSES: dict[str, MapLoss] = {
    "balanced": MapLoss(partial(losses.joints_mse, peak_weight=PEAK_WEIGHT)),
    "mean": MapLoss(losses.joints_mse),
    "published": MapLoss(losses.joints_mse_original, per_picture=True),
    "ohkm": MapLoss(losses.joints_ohkm, per_picture=True),
    "udp_offset": MapLoss(losses.udp_offset_loss, per_picture=True, targets="offsets"),
    "udp_offset_l1": MapLoss(partial(losses.udp_offset_loss, smooth_l1=True), per_picture=True, targets="offsets"),
    "udp_offset_mmpose": MapLoss(
        partial(losses.udp_offset_loss, weighted_disc=True), per_picture=True, targets="offsets"
    ),
    "grmi": MapLoss(losses.grmi_loss, targets="offsets"),
    "megvii": MapLoss(pyramids, whole=True, per_picture=True, targets="levels"),
    "cpn": MapLoss(losses.cpn_loss, whole=True, per_picture=True, targets="levels"),
    "finest": MapLoss(finest, whole=True, per_picture=True, targets="levels"),
}


def stage_loss(outputs: list[torch.Tensor], target: torch.Tensor, weight: torch.Tensor, loss: MapLoss) -> torch.Tensor:
    """Sum over the stages of the loss between each stage's maps and the target; part maps behind them are not joints.

    Args:
        target: (B, C, h, w), or (B, levels, C, h, w) of a codec with several.
    """
    shape = (len(target), *target.shape[-3:])
    # half precision does not hold squared errors; what is finer than single stays so
    maps = [o.to(torch.promote_types(o.dtype, torch.float32)) for o in outputs if tuple(o.shape) == shape]
    if loss.whole:
        return loss.function(maps, target, weight)
    return total_of([loss.function(o, target, weight) for o in maps])


def mean_over(loss: MapLoss, batch: Mapping[str, torch.Tensor] | None) -> torch.Tensor | float:
    """What a loss of a batch is a mean over, pictures or labelled joints; 0 for no batch.

    `pictures` of a batch says how many count, where some only fill it up.
    """
    if batch is None:
        return 0.0
    return float(batch.get("pictures", len(batch["weight"]))) if loss.per_picture else batch["weight"].sum()


class SupervisedStep:
    """Labelled pictures in, heatmap regression out.

    Args:
        feed: labelled batches.
        fabric: device and ranks.
        loss: a key of `LOSSES`.
    """

    def __init__(self, feed: Feed, fabric: Fabric, loss: str = "balanced"):
        self.feed, self.fabric, self.device, self.loss = feed, fabric, fabric.device, LOSSES[loss]
        self.pictures, self.steps = feed.batch_size, feed.steps

    def batches(self, epoch: int, start: int) -> Iterator[Batch | None]:
        return self.feed.batches(epoch, start, self.device)

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        return {}

    def after_step(self, model: nn.Module) -> None:
        """Nothing to do."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Nothing is kept."""

    def __call__(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return self.losses(model(batch["images"]), batch)

    def losses(self, outputs: list[torch.Tensor], batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Losses of a batch by name, from the network's outputs."""
        (factor,) = loss_factors(self.fabric, [mean_over(self.loss, batch)])
        total = factor * stage_loss(outputs, batch["target"], batch["weight"], self.loss)
        return {"total": total, "acc": cell_accuracy(outputs, batch["target"], batch["weight"])}


@torch.no_grad()
def cell_accuracy(outputs: list[torch.Tensor], target: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Share of the labelled joints of a batch whose highest cell is nearer than 0.05 of the map's side to the target's."""
    target = target if target.ndim == 4 else target[:, -1]  # the finest level
    maps = [o for o in outputs if o.shape == target.shape][-1]
    each = slice(None, None, target.shape[1] // weight.shape[1])  # the first map of a joint says where it is
    distance = (decode(maps[:, each].float(), "argmax")[0] - decode(target[:, each], "argmax")[0]).norm(dim=-1)
    known = weight > 0
    near: torch.Tensor = (distance < 0.05 * max(target.shape[-2:])) & known
    return near.sum() / known.sum().clamp_min(1)


def loss_for(options: TargetMapOptions, network: Loaded) -> str:
    """The loss that --loss names, or the default of the network's codec and input.

    Raises:
        OptionError: no such loss, or one for other targets.
    """
    codec = CODECS[network.spec.codec]
    targets = "levels" if codec.levels > 1 else "offsets" if codec.maps_per_joint > 1 else "maps"
    fitting = [name for name, loss in LOSSES.items() if loss.targets == targets]
    if targets == "levels":  # `cpn` and `megvii` fit the outputs of their own networks only
        fitting = sorted({"finest", _level_loss(network)})
    if options.loss != "auto":
        if options.loss not in fitting:
            raise OptionError(
                f"a loss for --codec {codec.name}: {', '.join(fitting)}", f"--loss {options.loss}", "leave --loss out"
            )
        return options.loss
    if targets == "levels":
        return _level_loss(network)
    return "published" if network.spec.kind == "published" and targets == "maps" else codec.loss


def _level_loss(network: Loaded) -> str:
    assert isinstance(network.model, PoseNetwork)  # every network of the table is one
    return network.model.level_loss


def step_for(
    options: TrainOptions,
    training: PoseDataset,
    network: Loaded,
    fabric: Fabric,
    kind: type[SupervisedStep] = SupervisedStep,
) -> SupervisedStep:
    """The supervised step that the options ask for; `kind` is its class."""
    return kind(feed_for(options, training, network.spec, fabric), fabric, loss_for(options, network))
