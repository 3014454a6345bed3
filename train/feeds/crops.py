"""Training batches: the order of the pictures, their crops, and views with target maps made on the device.

What a batch holds follows from (seed, stream, epoch, step) alone, so an interrupted run goes on with the batch it would have
had, whatever the number of workers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...datasets.crops import CropCache, collate
from ...datasets.loader import Loader
from ...datasets.pictures import FaultLog, SafeDataset
from ...datasets.sample import IGNORED, PoseDataset
from ...errors import DataError
from ...pose import heatmap
from ...pose.augment import Augmentation, BatchPart, augment, generator_for
from ...pose.codecs import CODECS
from ...pose.geometry import apply, warp
from ...pose.input_spec import InputSpec
from ..label_check import check_labels
from ..options import FitOptions


def margin_px(size: int) -> int:
    """Pixels kept around a square crop of `size` on every side, at the crop's own scale: room for turning and shrinking."""
    return round(0.2 * size)


def padded_hw(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a crop with such a margin, of the same shape."""
    unit = math.gcd(*size_hw)  # a square's side
    whole = unit + 2 * margin_px(unit)
    return size_hw[0] // unit * whole, size_hw[1] // unit * whole


def cache_for(options: FitOptions, share: float = 1.0) -> dict[str, Any]:
    """Where a `CropFeed` that may use a share of the run's cache keeps its crops."""
    limit = int(options.cache_gib * 2**30 * share)
    return {"cache_bytes": limit, "cache_folder": Path(options.cache_folder or options.checkpoint) if limit else None}


class CropFeed:
    """Augmented batches of one data set.

    Args:
        dataset: with labels, or `labels` given.
        form: size of views and maps, normalisation.
        augmentation: ranges of the draws.
        batch_size: views a batch, on each rank.
        seed: of the run.
        stream: tells feeds of one run apart.
        sigma: width of the target peaks, cells; multiplied by `sigma_decay` every epoch where that is not 0.
        hidden: also train on joints that are labelled but hidden.
        encoding: kind of target map, see `pose.heatmap.encode`.
        workers: processes that decode while the crops are not all kept yet.
        cache_bytes: most memory for kept crops; beyond it they go to a file in `cache_folder`, where one is given.
        strict: stop at the first unreadable picture instead of counting it.
        labels: (xy_px (N, K, 2), weight (N, K)) in place of the data set's own, for pseudo-labels.
        rank, world: which share of every batch of world x batch_size this process makes; what is drawn for a picture is the same
            as if one process made the whole batch.
        padded: keep crops with a margin even where the augmentation needs none, for another reader of `crops`.
    """

    def __init__(
        self,
        dataset: PoseDataset,
        spec: InputSpec,
        augmentation: Augmentation,
        batch_size: int,
        seed: int,
        stream: int = 0,
        sigma: float = 1.0,
        sigma_decay: float = 0.0,
        hidden: bool = True,
        encoding: str = "gaussian",
        workers: int = 0,
        cache_bytes: int = 2 << 30,
        cache_folder: Path | None = None,
        strict: bool = False,
        labels: tuple[np.ndarray, np.ndarray] | None = None,
        rank: int = 0,
        world: int = 1,
        padded: bool = False,
    ):
        if len(dataset) == 0:
            raise DataError(
                "at least one labelled animal to train on", "an empty data set", "zoopose data check NAME:PATH"
            )
        self.dataset, self.spec, self.augmentation, self.sigma, self.encoding = (
            dataset,
            spec,
            augmentation,
            sigma,
            encoding,
        )
        self.batch_size, self.seed, self.stream, self.workers = batch_size, seed, stream, workers
        self.rank, self.world, self.labels, self.faults = rank, world, labels, FaultLog()
        self.sigma_decay, self.least_flag = sigma_decay, 1 if hidden else 2
        if labels is None and dataset.labels is not None:
            check_labels(dataset, spec.size_hw, self.least_flag, "train on")
        kept = padded_hw(spec.size_hw) if padded or augmentation != Augmentation() else spec.size_hw
        unit = math.gcd(*spec.size_hw)
        self.margin = 1.0 if kept == spec.size_hw else 1 + 2 * margin_px(unit) / unit
        self.crops = CropCache(dataset, kept[0] if spec.square else kept, self.margin, cache_bytes, cache_folder)
        self._safe = SafeDataset(self.crops, strict)

    @property
    def steps(self) -> int:
        """Batches an epoch; a last, smaller one is left out unless it is the only one."""
        return max(1, len(self.dataset) // (self.batch_size * self.world))

    def order(self, epoch: int) -> np.ndarray:
        """(N,) the epoch's order of pictures, the same on every rank.

        Pictures with labels of their own making are drawn as often as they have labels: many may have none.
        """
        draws = np.random.default_rng([self.seed, self.stream, epoch])
        if self.labels is None:
            return draws.permutation(len(self.dataset))
        count = np.asarray(self.labels[1], np.float64).sum(1)
        return draws.choice(len(count), len(count), p=count / count.sum())

    def batches(self, epoch: int, start: int, device: torch.device) -> Iterator[dict[str, torch.Tensor] | None]:
        """Batches of an epoch from step `start` on, on the device.

        Yields:
            images (B, 3, R, Q) normalised, target as the form's codec has it ((B, K, h, w) for one map a joint), weight (B, K),
            index (B,); of a set with part maps also parts (B, R, Q) int64.
        """
        order, span = self.order(epoch), self.batch_size * self.world
        self._sigma_now = self.sigma * self.sigma_decay**epoch if self.sigma_decay else self.sigma
        shares = []
        for step in range(start, self.steps):
            share = order[step * span : (step + 1) * span][self.rank :: self.world]
            # a rank without a picture computes along with one that counts nothing
            shares.append(share if len(share) else order[:1])
        empty = self.rank >= len(order)
        kept = self.crops.filled() == len(self.dataset)
        workers = 0 if kept else self.workers
        loader = Loader(self._safe, shares, workers, collate)
        for step, raw in enumerate(loader, start):
            batch = self.faults.take(raw)
            if batch is None:  # nothing readable: the step is counted and left out
                yield None
                continue
            generator = generator_for(self.seed, self.stream, epoch, step, 0)
            if self.world > 1:
                # in order, since a picture may be drawn twice; those that cannot be read are missing
                places = iter(enumerate(shares[step - start]))
                rows = [next(at for at, row in places if row == index) for index in batch["index"].tolist()]
                rows = self.rank + self.world * torch.tensor(rows)
                whole = min(span, len(order))
                generator = BatchPart(generator, rows % whole, whole)
            made = self._views(batch, generator, device)
            if empty:
                made["weight"].zero_()
                made["pictures"] = 0
            yield made

    def _views(self, batch: dict, generator: torch.Generator, device: torch.device) -> dict[str, torch.Tensor]:
        flags = batch["visible"]
        # losses of several levels tell hidden joints from visible ones
        full = flags if CODECS[self.spec.codec].levels > 1 else torch.ones_like(flags)
        xy_crop, weight = batch["xy_crop"], ((flags >= self.least_flag) * full).float()
        if self.labels is not None:
            xy_px, own = (torch.as_tensor(a[batch["index"].numpy()]) for a in self.labels)
            xy_crop = apply(batch["crop_from_image"], torch.nan_to_num(xy_px.double())).float()
            weight = own.float()
        images, xy_view, weight, view_from_crop = augment(
            batch["crop"].to(device),
            xy_crop.to(device),
            weight.to(device),
            self.augmentation,
            self.spec.size_hw,
            self.dataset.skeleton.flip_order,
            generator,
            self.margin,
        )
        target, weight = self._targets(xy_view, weight)
        images = self.spec.normalise_exact(images).contiguous(memory_format=torch.channels_last)
        made = {"images": images, "target": target, "weight": weight, "index": batch["index"]}
        if "parts" in batch:
            made["parts"] = part_views(
                batch["parts"].to(device), view_from_crop, self.spec.size_hw, self.dataset.parts.mirrored
            )
        return made

    def _targets(self, xy_view: torch.Tensor, weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        xy_heatmap = apply(self.spec.heatmap_from_crop(xy_view), xy_view)
        weight = weight * heatmap.in_frame(xy_heatmap, self.spec.heatmap_hw)
        return targets(self.spec, xy_heatmap, weight, self._sigma_now, self.encoding), weight


def part_views(
    parts: torch.Tensor, view_from_crop: torch.Tensor, size_hw: tuple[int, int], mirrored: Sequence[int]
) -> torch.Tensor:
    """BatchPart maps moved as their pictures were: nearest pixel, `IGNORED` where a view leaves its crop.

    Args:
        parts: (B, S, T) uint8.
        view_from_crop: (B, 2, 3), as `augment` gives them; where one mirrors, left and right parts change places.
        size_hw: rows and columns R, Q of the views.
        mirrored: the set's `PartLabels.mirrored`.

    Returns:
        (B, R, Q) int64.
    """
    # `warp` fills with 0, so values are moved up by one, and what was filled becomes IGNORED
    moved = warp(parts[:, None].float() + 1, view_from_crop, size_hw, "nearest")[:, 0].round().long() - 1
    moved = torch.where(moved < 0, IGNORED, moved)
    swapped = torch.arange(IGNORED + 1, device=parts.device)
    swapped[: len(mirrored)] = torch.tensor(mirrored, device=parts.device)
    flipped = torch.linalg.det(view_from_crop[:, :, :2]) < 0
    return torch.where(flipped[:, None, None].to(moved.device), swapped[moved], moved)


def targets(
    spec: InputSpec, xy_heatmap: torch.Tensor, weight: torch.Tensor, sigma: float, encoding: str = "gaussian"
) -> torch.Tensor:
    """Target maps of the form's codec.

    Args:
        xy_heatmap: (B, K, 2) cells; weight: (B, K), 0 for an empty map.
        sigma: width of the peaks, cells.
        encoding: `cauchy` for peaks of that shape, with codecs of one Gaussian peak a joint.
    """
    if encoding == "cauchy":
        return heatmap.encode(xy_heatmap, weight > 0, spec.heatmap_hw, sigma, encoding)
    return CODECS[spec.codec].encode(xy_heatmap, weight > 0, spec.heatmap_hw, sigma)


def stream(feed: Any, at: int, count: int, device: torch.device) -> Iterator[dict[str, torch.Tensor] | None]:
    """Batches `at` to `at + count` of a feed that runs on through its own epochs, whatever the length of the run's.

    Args:
        feed: `CropFeed`, or another with its `steps` and `batches`.
        at: batches before, counted from the beginning of the run.

    Yields:
        count times what `batches` yields.
    """
    while count > 0:
        part, begin = divmod(at, feed.steps)
        take = min(count, feed.steps - begin)
        for _, batch in zip(range(take), feed.batches(part, begin, device)):
            yield batch
        at, count = at + take, count - take
