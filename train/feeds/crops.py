"""Training batches of exact crops: cut and kept once, then turned, recoloured and given their target maps on the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...datasets.crops import CropCache, collate
from ...datasets.sample import IGNORED, PartLabels, PoseDataset
from ...pose import heatmap
from ...pose.augment import Augmentation, augment
from ...pose.codecs import CODECS
from ...pose.geometry import apply, warp
from ...pose.input_spec import InputSpec
from ...pose.random_draws import BatchPart, generator_for
from ..check_labels import check_labels
from ..option_parts import CacheOptions
from .base import Batch, Draw, Feed, FeedConfig

Labels = tuple[np.ndarray, np.ndarray]  # xy_px (N, K, 2) and weight (N, K)


def margin_px(size: int) -> int:
    """Pixels kept around a square crop of `size` on every side, at the crop's own scale: room for turning and shrinking."""
    return round(0.2 * size)


def padded_hw(size_hw: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a crop with such a margin, of the same shape."""
    unit = math.gcd(*size_hw)  # a square's side
    whole = unit + 2 * margin_px(unit)
    return size_hw[0] // unit * whole, size_hw[1] // unit * whole


@dataclass(frozen=True)
class CacheConfig:
    """Where a `CropFeed` keeps its crops.

    Attributes:
        limit_bytes: most memory for kept crops.
        folder: where crops go beyond that, in a file; None: they are decoded again.
        padded: keep crops with a margin even where the augmentation needs none, for another reader of `CropFeed.crops`.
    """

    limit_bytes: int = 2 << 30
    folder: Path | None = None
    padded: bool = False

    @classmethod
    def of(cls, options: CacheOptions, share: float = 1.0, padded: bool = False) -> CacheConfig:
        """That of a command, for a feed that may use a share of it."""
        limit = int(options.cache_gib * 2**30 * share)
        return cls(limit, Path(options.cache_folder or options.checkpoint) if limit else None, padded)


@dataclass(frozen=True)
class TargetConfig:
    """What a `CropFeed` trains towards.

    Attributes:
        sigma: width of the target peaks, cells.
        sigma_decay: factor of the width in every epoch; 0: constant.
        hidden: also train on joints that are labelled but hidden.
        encoding: kind of target map, see `pose.heatmap.encode`.
    """

    sigma: float = 1.0
    sigma_decay: float = 0.0
    hidden: bool = True
    encoding: str = "gaussian"

    @property
    def least_flag(self) -> int:
        """Smallest flag of a joint that is trained on."""
        return 1 if self.hidden else 2


class CropFeed(Feed):
    """Augmented batches of one data set.

    Args:
        dataset: with labels, or `labels` given.
        spec: size of views and maps, normalisation, codec.
        augmentation: ranges of the draws.
        config: how to draw and read.
        targets: what is trained on.
        cache: where crops are kept.
        labels: in place of the data set's own, for pseudo-labels; may be set again between epochs.
    """

    def __init__(
        self,
        dataset: PoseDataset,
        spec: InputSpec,
        augmentation: Augmentation,
        config: FeedConfig,
        *,
        targets: TargetConfig = TargetConfig(),
        cache: CacheConfig = CacheConfig(),
        labels: Labels | None = None,
    ):
        super().__init__(len(dataset), config)
        self.dataset, self.spec, self.augmentation, self.targets, self.labels = (
            dataset,
            spec,
            augmentation,
            targets,
            labels,
        )
        if labels is None and dataset.labels is not None:
            check_labels(dataset, spec.size_hw, targets.least_flag, "train on")
        kept = padded_hw(spec.size_hw) if cache.padded or augmentation != Augmentation() else spec.size_hw
        unit = math.gcd(*spec.size_hw)
        self.margin = 1.0 if kept == spec.size_hw else 1 + 2 * margin_px(unit) / unit
        self.crops = CropCache(dataset, kept[0] if spec.square else kept, self.margin, cache.limit_bytes, cache.folder)

    def order(self, epoch: int) -> np.ndarray:
        """(N,) the order of an epoch's pictures. Pictures with pseudo-labels are drawn as often as they have labels: many may have
        none."""
        if self.labels is None:
            return super().order(epoch)
        draws = np.random.default_rng([self.config.seed, self.config.stream, epoch])
        count = np.asarray(self.labels[1], np.float64).sum(1)
        return draws.choice(len(count), len(count), p=count / count.sum())

    def _items(self, epoch: int) -> tuple[Any, int, Callable[[Sequence[Any]], dict[str, Any]]]:
        all_kept = self.crops.filled() == self.count
        return self.crops, 0 if all_kept else self.config.workers, collate

    def _make(self, read: dict[str, Any], draw: Draw, device: torch.device) -> Batch:
        sigma = self.targets.sigma
        if self.targets.sigma_decay:
            sigma *= self.targets.sigma_decay**draw.epoch
        return self.views(read, self._generator(read, draw), sigma, device)

    def _generator(self, read: dict[str, Any], draw: Draw) -> torch.Generator | BatchPart:
        config = self.config
        generator = generator_for(config.seed, config.stream, draw.epoch, draw.step, 0)
        if config.world == 1:
            return generator
        # in order, since a picture may be drawn twice; those that cannot be read are missing
        places = iter(enumerate(draw.rows))
        at = [next(at for at, row in places if row == index) for index in read["index"].tolist()]
        rows = config.rank + config.world * torch.tensor(at)
        whole = min(config.batch_size * config.world, self.count)
        return BatchPart(generator, rows % whole, whole)

    def views(
        self, read: dict[str, Any], generator: torch.Generator | BatchPart, sigma: float, device: torch.device
    ) -> Batch:
        """One augmented view of every crop, with its target maps.

        Args:
            read: what `datasets.crops.collate` gives.
            sigma: width of the peaks, cells.
        """
        flags = read["visible"]
        # losses of several levels tell hidden joints from visible ones
        full = flags if CODECS[self.spec.codec].levels > 1 else torch.ones_like(flags)
        xy_crop, weight = read["xy_crop"], ((flags >= self.targets.least_flag) * full).float()
        if self.labels is not None:
            xy_px, own = (torch.as_tensor(a[read["index"].numpy()]) for a in self.labels)
            xy_crop = apply(read["crop_from_image"], torch.nan_to_num(xy_px.double())).float()
            weight = own.float()
        images, xy_view, weight, view_from_crop = augment(
            read["crop"].to(device),
            xy_crop.to(device),
            weight.to(device),
            self.augmentation,
            self.spec.size_hw,
            flip_order=self.dataset.skeleton.flip_order,
            generator=generator,
            margin=self.margin,
        )
        xy_heatmap = apply(self.spec.heatmap_from_crop(xy_view), xy_view)
        weight = weight * heatmap.in_frame(xy_heatmap, self.spec.heatmap_hw)
        target = target_maps(self.spec, xy_heatmap, weight, sigma, self.targets.encoding)
        images = self.spec.normalise_exact(images).contiguous(memory_format=torch.channels_last)
        batch = {"images": images, "target": target, "weight": weight, "index": read["index"]}
        if "parts" in read:
            parts = read["parts"].to(device)
            batch["parts"] = part_views(parts, view_from_crop, self.spec.size_hw, self._part_labels().mirrored)
        return batch

    def _part_labels(self) -> PartLabels:
        labels = getattr(self.dataset, "parts", None)  # of a data set whose samples have part maps
        assert isinstance(labels, PartLabels)
        return labels


def part_views(
    parts: torch.Tensor, view_from_crop: torch.Tensor, size_hw: tuple[int, int], mirrored: Sequence[int]
) -> torch.Tensor:
    """Part maps moved as their pictures were: nearest pixel, `IGNORED` where a view leaves its crop.

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


def target_maps(
    spec: InputSpec, xy_heatmap: torch.Tensor, weight: torch.Tensor, sigma: float, encoding: str = "gaussian"
) -> torch.Tensor:
    """Target maps of the codec of `spec`.

    Args:
        xy_heatmap: (B, K, 2) cells; weight: (B, K), 0 for an empty map.
        sigma: width of the peaks, cells.
        encoding: `cauchy` for peaks of that shape, with codecs of one Gaussian peak a joint.
    """
    if encoding == "cauchy":
        return heatmap.encode(xy_heatmap, weight > 0, spec.heatmap_hw, sigma, encoding)
    return CODECS[spec.codec].encode(xy_heatmap, weight > 0, spec.heatmap_hw, sigma)
