"""Training batches made exactly as the published code makes them: its crops, its augmentation, its targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import default_collate

from ...datasets.open import original_augmentation
from ...datasets.original_items import OriginalItems
from ...datasets.pictures import Fault
from ...datasets.sample import PoseDataset
from ...evaluation.mirroring import mirrors
from ...pose.input_spec import InputSpec
from ..options import FitOptions, TrainOptions
from ..streams import Stream
from .base import Batch, Draw, Feed, FeedConfig


class OriginalFeed(Feed):
    """Batches of `OriginalItems`. The last, smaller batch of an epoch is one too, as published.

    Args:
        items: see `original_items`; its own stream counts, not that of `config`.
        std: (3,) what the network's pictures are divided by, after the mean; the published networks' 1.
        config: how to draw and read.
    """

    drops_last = False

    def __init__(self, items: OriginalItems, std: Sequence[float], config: FeedConfig):
        super().__init__(len(items), config)
        self.items, self.std = items, torch.tensor(std, dtype=torch.float32).view(3, 1, 1)

    def order(self, epoch: int) -> np.ndarray:
        """(N,) the order of an epoch's items."""
        stream = [self.items.stream] if self.items.stream else []
        return np.random.default_rng([self.config.seed, *stream, epoch]).permutation(self.count)

    def _items(self, epoch: int) -> tuple[Any, int, Callable[[Sequence[Any]], dict[str, Any]]]:
        self.items.set_epoch(epoch)
        return self.items, self.config.workers, _collate

    def _make(self, read: dict[str, Any], draw: Draw, device: torch.device) -> Batch:
        images = (read["images"] / self.std).to(device).contiguous(memory_format=torch.channels_last)
        target, weight = read["target"].to(device), read["weight"].to(device)
        return {"images": images, "target": target, "weight": weight, "index": read["index"]}


def original_items(
    dataset: PoseDataset,
    spec: InputSpec,
    options: FitOptions,
    augment: str,
    flip: bool = True,
    stream: int = Stream.SOURCE,
) -> OriginalItems:
    """Items of a data set for a network's input, with the command's targets and ranges of the standard recipe.

    Args:
        augment: none, standard or strong, see `OriginalItems`.
        flip: mirror half of them, unless left and right are in doubt, see `mirrors`.
        stream: of the data set; two sets of one run have different ones.
    """
    return OriginalItems(
        dataset, inp_res=spec.size, out_res=spec.heatmap_size, sigma=spec.sigma, scale_factor=options.scale_factor,
        rot_factor=options.rot_factor, label_type=options.label_type, augment=augment,
        flip=flip and mirrors(options, dataset.skeleton),
        mean=spec.mean, seed=options.seed, stream=stream,
    )  # fmt: skip


def training_items(dataset: PoseDataset, spec: InputSpec, options: TrainOptions) -> OriginalItems:
    """Items of `train --augment published`: recipe 7b (strong) for names that end in _sp, else 7a (ccssl section 6)."""
    strong = original_augmentation(options.dataset) == "strong"
    return original_items(dataset, spec, options, "strong" if strong else "standard")


def _collate(items: Sequence[Any]) -> dict[str, Any]:
    whole = [i for i in items if not isinstance(i, Fault)]
    faults = [i for i in items if isinstance(i, Fault)]
    if not whole:
        return {"index": torch.empty(0, dtype=torch.int64), "faults": faults}
    images, targets, metas = zip(*whole)
    weight = default_collate([np.asarray(m["target_weight"], np.float32).reshape(-1) for m in metas])
    index = torch.tensor([int(m["index"]) for m in metas])
    return {
        "images": default_collate(list(images)),
        "target": default_collate(list(targets)),
        "weight": weight,
        "index": index,
        "faults": faults,
    }
