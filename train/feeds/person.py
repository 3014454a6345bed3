"""Training batches of people as published: crops in the frames of SimpleBaseline, HRNet, DARK and UDP with their augmentation.

What a picture's crop shows follows from (seed, stream, epoch, picture), whatever the number of workers and ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from ...datasets.crops import collate
from ...datasets.person_crops import PersonCrops
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...pose.codecs import CODECS
from ...pose.geometry import apply
from ...pose.input_spec import InputSpec
from ...pose.person_augment import PersonAugmentation, joint_weights
from ...pose.person_frames import heatmap_matrix
from ...pose.target_weight import target_weight
from ..check_labels import check_labels
from .base import Batch, Draw, Feed, FeedConfig


class PersonFeed(Feed):
    """Augmented batches of one data set in a published frame. With MSPN's and CPN's codec `weight` is times the flags 1 and 2.

    Args:
        dataset: with labels.
        spec: frame, sizes, normalisation, codec and sigma.
        augmentation: ranges of the draws.
        config: how to draw and read.
        encode: (xy_heatmap, visible, size_hw, sigma) -> target, see `pose.codecs`; default: that of the codec of `spec`.
        hidden: also train on joints that are labelled but hidden.
        weighted: elbows and knees count 1.2, wrists and ankles 1.5 times, see `person_augment.joint_weights`; not with codecs
            whose weights are flags.

    Raises:
        DataError: no picture, or no labels.
        OptionError: a spec that is in none of the published frames.
    """

    def __init__(
        self,
        dataset: PoseDataset,
        spec: InputSpec,
        augmentation: PersonAugmentation,
        config: FeedConfig,
        *,
        encode: Callable[..., torch.Tensor] | None = None,
        hidden: bool = True,
        weighted: bool = False,
    ):
        super().__init__(len(dataset), config)
        if dataset.labels is None:
            raise DataError(
                "labelled persons or animals to train on", "a data set without labels", "zoopose data check NAME:PATH"
            )
        self.dataset, self.spec, self.encode = dataset, spec, encode or CODECS[spec.codec].encode
        self.least_flag = 1 if hidden else 2
        check_labels(dataset, spec.size_hw, self.least_flag, "train on")
        self.crops = PersonCrops(dataset, spec, augmentation, config.seed, config.stream)
        self.joint_weight = torch.from_numpy(joint_weights(dataset.skeleton)) if weighted else None

    def _items(self, epoch: int) -> tuple[Any, int, Callable[[Sequence[Any]], dict[str, Any]]]:
        return self.crops.of_epoch(epoch), self.config.workers, collate

    def _make(self, read: dict[str, Any], draw: Draw, device: torch.device) -> Batch:
        spec = self.spec
        on_device = {key: value.to(device) for key, value in read.items() if key != "index"}
        images = on_device["crop"].float() / 255
        images = (images * on_device["gain"][..., None, None]).clamp_(0, 1)
        images = spec.normalise(images).contiguous(memory_format=torch.channels_last)
        xy = on_device["xy_crop"]
        matrix = heatmap_matrix(spec.kind, spec.size_hw[::-1], spec.heatmap_hw[::-1])
        xy_heatmap = apply(torch.as_tensor(matrix, dtype=xy.dtype, device=xy.device), xy)
        flags = on_device["visible"] * (on_device["visible"] >= self.least_flag)
        weight = target_weight(spec.codec, xy_heatmap, flags, spec.heatmap_hw, spec.sigma)
        target = self.encode(xy_heatmap, weight > 0, spec.heatmap_hw, spec.sigma)
        if self.joint_weight is not None:
            weight = weight * self.joint_weight.to(weight.device)
        return {"images": images, "target": target, "weight": weight, "index": read["index"]}
