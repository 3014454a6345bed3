"""Supervised training as a step of the one loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from ..datasets.pictures import PictureError
from ..datasets.sample import PoseDataset
from ..errors import DataError, OptionError
from ..pose import losses
from ..pose.augment import AUGMENTATIONS, Augmentation
from ..pose.heatmap import decode
from ..pose.inputs import InputForm
from ..progress import log
from .feed import CropFeed, cache_for
from .options import RunOptions, TrainOptions
from .ranks import loss_factors

PEAK_WEIGHT = 10.0  # of the balanced loss


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


LOSSES: dict[str, MapLoss] = {
    "balanced": MapLoss(partial(losses.joints_mse, peak_weight=PEAK_WEIGHT)),
    "mean": MapLoss(losses.joints_mse),
    "published": MapLoss(losses.joints_mse_published, per_picture=True),
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
    return sum(loss.function(o, target, weight) for o in maps)


def mean_over(loss: MapLoss, batch: Mapping[str, torch.Tensor] | None) -> torch.Tensor | float:
    """What a loss of a batch is a mean over, pictures or labelled joints; 0 for no batch."""
    if batch is None:
        return 0.0
    return float(len(batch["weight"])) if loss.per_picture else batch["weight"].sum()


class SupervisedStep:
    """Labelled pictures in, heatmap regression out.

    Args:
        feed: labelled batches.
        fabric: device and ranks.
        loss: a key of `LOSSES`.
    """

    def __init__(self, feed: CropFeed, fabric: Fabric, loss: str = "balanced"):
        self.feed, self.fabric, self.device, self.loss = feed, fabric, fabric.device, LOSSES[loss]
        self.pictures, self.steps = feed.batch_size, feed.steps

    def batches(self, epoch: int, start: int) -> Iterator[dict[str, torch.Tensor]]:
        return self.feed.batches(epoch, start, self.device)

    def before_epoch(self, epoch: int, model: nn.Module) -> Mapping[str, float]:
        return {}

    def after_step(self, model: nn.Module) -> None:
        """Nothing follows."""

    def __call__(self, model: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        outputs = model(batch["images"])
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
    return ((distance < 0.05 * max(target.shape[-2:])) & known).sum() / known.sum().clamp_min(1)


def augmentation_for(options: RunOptions, name: str) -> Augmentation:
    """Ranges of a named augmentation, the standard one with the command's --scale-factor and --rot-factor."""
    found = AUGMENTATIONS[name]
    if name == "standard":
        found = replace(found, scale=1 + options.scale_factor, rotation_deg=options.rot_factor)
    return found


def loss_for(options: RunOptions, published: bool) -> str:
    """The loss that --loss names, or the one that belongs to the input form."""
    return options.loss if options.loss != "auto" else "published" if published else "balanced"


def step_for(options: TrainOptions, training: PoseDataset, form: InputForm, fabric: Fabric) -> SupervisedStep:
    """The supervised step that the options ask for."""
    name = options.augment
    if name == "auto":
        weak = options.dataset.partition(":")[0] in ("real_animal", "synthetic_animal")
        name = "standard" if weak else "strong"
    loss = loss_for(options, form.kind == "published")
    if name == "published":
        if form.kind != "published":
            raise OptionError(
                "a network of published crops for --augment published",
                f"one of {form.kind} crops",
                "another --augment, or begin anew without --resume and --init-weights",
            )
        ignored = [n for n in ("hidden", "sigma_decay") if getattr(options, n) != getattr(TrainOptions, n)]
        for flag in ignored:
            log.warning("--%s does nothing with --augment published", flag.replace("_", "-"))
        from .published_feed import PublishedFeed, training_items

        items = training_items(training, form, options)
        feed = PublishedFeed(items, form.std, options, fabric.global_rank, fabric.world_size)
        return SupervisedStep(feed, fabric, loss)
    feed = CropFeed(
        training, form, augmentation_for(options, name), options.train_batch, options.seed, sigma=options.sigma,
        encoding="cauchy" if options.label_type == "Cauchy" else "gaussian", workers=options.workers,
        **cache_for(options), strict=options.strict_data, rank=fabric.global_rank,
        world=fabric.world_size, sigma_decay=options.sigma_decay,
        hidden=trains_hidden(options, options.dataset),
    )  # fmt: skip
    return SupervisedStep(feed, fabric, loss)


def trains_hidden(options: RunOptions, source: str) -> bool:
    """Whether joints of a source that are labelled but hidden are trained on."""
    nobody_placed = source.partition(":")[0].startswith(("real_animal", "synthetic_animal"))
    return options.hidden == "train" or (options.hidden == "auto" and not nobody_placed)


def published_mean(training: PoseDataset) -> tuple[float, float, float]:
    """RGB mean that the published input form subtracts: the data set's own, or measured on up to 200 of its pictures."""
    mean = getattr(training, "mean", None)
    if mean is not None:
        return tuple(float(v) for v in mean)
    means = []
    for i in np.linspace(0, len(training) - 1, min(200, len(training))).astype(int):
        with suppress(PictureError):  # training itself names and counts them
            means.append(training[i].image.mean((0, 1)))
    if not means:
        raise DataError("pictures that can be read", "none of those tried can", "zoopose data check NAME:PATH")
    return tuple(float(v) for v in np.mean(means, 0) / 255)
