"""Training batches of people as published: crops in the frames of SimpleBaseline, HRNet, DARK and UDP with their augmentation.

What a batch holds follows from (seed, stream, epoch, step) alone, and what a picture's crop shows from (seed, stream, epoch,
picture), whatever the number of workers and ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch

from ...datasets.crops import collate
from ...datasets.loader import Loader
from ...datasets.person_crops import PersonCrops
from ...datasets.pictures import FaultLog, SafeDataset
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...pose.geometry import apply
from ...pose.input_spec import InputSpec
from ...pose.person_augment import PersonAugmentation, joint_weights
from ...pose.person_frames import heatmap_matrix
from ...pose.target_weight import target_weight
from ..label_check import check_labels


class PersonFeed:
    """Augmented batches of one data set in a published frame; interface of `CropFeed`.

    Args:
        dataset: with labels.
        form: frame, sizes, normalisation, codec and sigma.
        encode: the codec's (xy_heatmap, visible, size_hw, sigma) -> target, see `pose.codecs`.
        augmentation: ranges of the draws.
        batch_size: crops a batch, on each rank.
        seed: of the run.
        stream: tells feeds of one run apart.
        hidden: also train on joints that are labelled but hidden.
        weighted: elbows and knees count 1.2, wrists and ankles 1.5 times, see `person_augment.joint_weights`.
        workers: processes that decode and cut.
        strict: stop at the first unreadable picture instead of counting it.
        rank, world: which share of every batch of world x batch_size this process makes.

    Raises:
        DataError: no picture, or no labels.
        OptionError: a form that is in none of the published frames.
    """

    def __init__(
        self,
        dataset: PoseDataset,
        spec: InputSpec,
        encode: Callable[..., torch.Tensor],
        augmentation: PersonAugmentation,
        batch_size: int,
        seed: int,
        stream: int = 0,
        hidden: bool = True,
        weighted: bool = False,
        workers: int = 0,
        strict: bool = False,
        rank: int = 0,
        world: int = 1,
    ):
        if len(dataset) == 0 or dataset.labels is None:
            raise DataError(
                "at least one labelled person or animal to train on",
                "an empty data set" if len(dataset) == 0 else "a data set without labels",
                "zoopose data check NAME:PATH",
            )
        self.dataset, self.spec, self.encode = dataset, spec, encode
        self.batch_size, self.seed, self.stream, self.workers = batch_size, seed, stream, workers
        self.rank, self.world, self.strict, self.faults = rank, world, strict, FaultLog()
        self.least_flag = 1 if hidden else 2
        check_labels(dataset, spec.size_hw, self.least_flag, "train on")
        self.crops = PersonCrops(dataset, spec, augmentation, seed, stream)
        self.joint_weight = torch.from_numpy(joint_weights(dataset.skeleton)) if weighted else None

    @property
    def steps(self) -> int:
        """Batches an epoch; a last, smaller one is left out unless it is the only one."""
        return max(1, len(self.dataset) // (self.batch_size * self.world))

    def order(self, epoch: int) -> np.ndarray:
        """(N,) the epoch's order of pictures, the same on every rank."""
        return np.random.default_rng([self.seed, self.stream, epoch]).permutation(len(self.dataset))

    def batches(self, epoch: int, start: int, device: torch.device) -> Iterator[dict[str, torch.Tensor] | None]:
        """Batches of an epoch from step `start` on, on the device; None for one without a readable picture.

        Yields:
            images (B, 3, H, W) normalised, target as the codec has it, weight (B, K) (with MSPN's and CPN's codec times the flags
            1 and 2), index (B,).
        """
        order, span = self.order(epoch), self.batch_size * self.world
        shares = [order[i * span : (i + 1) * span][self.rank :: self.world] for i in range(start, self.steps)]
        # a rank without a picture computes along with one that counts nothing
        shares = [share if len(share) else order[:1] for share in shares]
        empty = self.rank >= len(order)
        items = SafeDataset(self.crops.of_epoch(epoch), self.strict)
        for raw in Loader(items, shares, self.workers, collate):
            batch = self.faults.take(raw)
            if batch is None:  # nothing readable: the step is counted and left out
                yield None
                continue
            made = self._ready({key: value.to(device) for key, value in batch.items() if key != "index"})
            if empty:
                made["weight"].zero_()
                made["pictures"] = 0
            yield made | {"index": batch["index"]}

    def _ready(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        spec = self.spec
        images = batch["crop"].float() / 255
        images = (images * batch["gain"][..., None, None]).clamp_(0, 1)
        images = spec.normalise(images).contiguous(memory_format=torch.channels_last)
        xy = batch["xy_crop"]
        matrix = heatmap_matrix(spec.kind, spec.size_hw[::-1], spec.heatmap_hw[::-1])
        xy_heatmap = apply(torch.as_tensor(matrix, dtype=xy.dtype, device=xy.device), xy)
        flags = batch["visible"] * (batch["visible"] >= self.least_flag)
        weight = target_weight(spec.codec, xy_heatmap, flags, spec.heatmap_hw, spec.sigma)
        target = self.encode(xy_heatmap, weight > 0, spec.heatmap_hw, spec.sigma)
        if self.joint_weight is not None:  # see labelled_feed: not with codecs whose weights are flags
            weight = weight * self.joint_weight.to(weight.device)
        return {"images": images, "target": target, "weight": weight}
