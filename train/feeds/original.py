"""Training batches made exactly as the published code makes them: its crops, its augmentation, its targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.utils.data import default_collate

from ...datasets.loader import Loader
from ...datasets.open import original_augmentation
from ...datasets.original_items import OriginalItems
from ...datasets.pictures import Fault, FaultLog, SafeDataset
from ...datasets.sample import PoseDataset
from ...evaluation.mirroring import mirrors
from ...pose.input_spec import InputSpec
from ..options import FitOptions, TrainOptions


class OriginalFeed:
    """Batches of `OriginalItems`, in the order and with the draws that (seed, stream, epoch) give; interface of `CropFeed`.

    Args:
        items: see `original_items`.
        std: (3,) what the network's pictures are divided by, after the mean; the published networks' 1.
        options: batch size, seed, workers.
        rank, world: which share of every batch of world x batch_size this process makes.
    """

    def __init__(self, items: OriginalItems, std: Sequence[float], options: FitOptions, rank: int = 0, world: int = 1):
        self.items, self.std = items, torch.tensor(std, dtype=torch.float32).view(3, 1, 1)
        self.batch_size, self.seed, self.workers = options.train_batch, options.seed, options.workers
        self.rank, self.world, self.faults = rank, world, FaultLog()
        self._safe = SafeDataset(self.items, options.strict_data)

    @property
    def steps(self) -> int:
        """Batches an epoch, a last, smaller one among them, as published."""
        return -(-len(self.items) // (self.batch_size * self.world))

    def batches(self, epoch: int, start: int, device: torch.device) -> Iterator[dict[str, torch.Tensor] | None]:
        """See `CropFeed.batches`."""
        self.items.set_epoch(epoch)
        stream = [self.items.stream] if self.items.stream else []
        order = np.random.default_rng([self.seed, *stream, epoch]).permutation(len(self.items))
        span = self.batch_size * self.world
        shares = [order[i * span : (i + 1) * span][self.rank :: self.world] for i in range(start, self.steps)]
        # a rank without a picture computes along with one that counts nothing
        empty = [not len(share) for share in shares]
        shares = [share if len(share) else order[:1] for share in shares]
        for without, raw in zip(empty, Loader(self._safe, shares, self.workers, _collate)):
            batch = self.faults.take(raw)
            if batch is None:
                yield None
                continue
            images = (batch["images"] / self.std).to(device).contiguous(memory_format=torch.channels_last)
            yield {
                "images": images,
                "target": batch["target"].to(device),
                "weight": batch["weight"].to(device) * (not without),
                "index": batch["index"],
                "pictures": 0 if without else len(batch["index"]),
            }


def original_items(
    dataset: PoseDataset, spec: InputSpec, options: FitOptions, augment: str, flip: bool = True, stream: int = 0
) -> OriginalItems:
    """Items of a data set in a network's form, with the command's targets and ranges of the standard recipe.

    Args:
        augment: none, standard or strong, see `OriginalItems`.
        flip: mirror half of them, unless left and right are in doubt, see `mirrors`.
        stream: tells the data sets of one run apart.
    """
    return OriginalItems(
        dataset, inp_res=spec.size, out_res=spec.heatmap_size, sigma=spec.sigma, scale_factor=options.scale_factor,
        rot_factor=options.rot_factor, label_type=options.label_type, augment=augment,
        flip=flip and mirrors(options, dataset.skeleton),
        mean=np.array(spec.mean, np.float32), seed=options.seed, stream=stream,
    )  # fmt: skip


def training_items(dataset: PoseDataset, spec: InputSpec, options: TrainOptions) -> OriginalItems:
    """Items of `train --augment published`: recipe 7b (strong) for names that end in _sp, else 7a (ccssl section 6)."""
    strong = original_augmentation(options.dataset) == "strong"
    return original_items(dataset, spec, options, "strong" if strong else "standard")


def _collate(items: list) -> dict:
    whole = [i for i in items if not isinstance(i, Fault)]
    faults = [i for i in items if isinstance(i, Fault)]
    if not whole:
        return {"index": torch.empty(0, dtype=torch.int64), "faults": faults}
    images, targets, metas = zip(*whole)
    weight = default_collate([np.asarray(m["target_weight"], np.float32).reshape(-1) for m in metas])
    index = torch.tensor([int(m["index"]) for m in metas])
    return {
        "images": default_collate(images),
        "target": default_collate(targets),
        "weight": weight,
        "index": index,
        "faults": faults,
    }
