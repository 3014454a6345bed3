"""Views of a data set: some of its items (`Subset`), or its pictures without their labels (`Unlabelled`)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np

from ..pose.skeleton import Skeleton
from .original_annotation import OriginalAnnotation
from .sample import PoseDataset, PoseSample


class _View(PoseDataset):
    """A data set seen through another: what the view does not change is read from the other one."""

    def __init__(self, dataset: PoseDataset):
        self.dataset = dataset
        self.skeleton, self.crop_factor = dataset.skeleton, dataset.crop_factor
        self.ids, self.shots, self.labels = dataset.ids, dataset.shots, dataset.labels
        self.reads_in_order, self.parts = dataset.reads_in_order, dataset.parts
        self.has_original_annotations = dataset.has_original_annotations

    def meta_of(self, index: int) -> Mapping[str, Any]:
        """Facts of an item of the other data set."""
        return self.dataset.meta_of(index)

    def original_annotation(self, index: int) -> OriginalAnnotation | None:
        """What a published loader knows of an item of the other data set."""
        return self.dataset.original_annotation(index)

    def with_skeleton(self, skeleton: Skeleton) -> Self:
        """The same view of the other data set with this skeleton."""
        other = copy.copy(self)
        other.dataset, other.skeleton = self.dataset.with_skeleton(skeleton), skeleton
        return other


class Unlabelled(_View):
    """A data set whose labels cannot be seen: `labels` is None, `visible` and `xy_px` are zero.

    The boxes stay; those of TigDog are computed from the labelled joints.

    Args:
        dataset: with labels or without.
        skeleton: joints that the view has in place of those of the data set.
    """

    def __init__(self, dataset: PoseDataset, skeleton: Skeleton | None = None):
        super().__init__(dataset)
        self.labels, self.skeleton, self.parts = None, skeleton or self.skeleton, None

    def __getitem__(self, index: int) -> PoseSample:
        """Reads one picture; raises as the other data set does."""
        sample = self.dataset[index]
        k = len(self.skeleton)
        return PoseSample(
            sample.image, np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), sample.box_xywh, sample.meta
        )

    def original_annotation(self, index: int) -> OriginalAnnotation | None:
        """What a published loader knows of an item, its joints set to 0."""
        annotation = self.dataset.original_annotation(index)
        return None if annotation is None else replace(annotation, pts=np.zeros_like(annotation.pts))

    def describe(self) -> Mapping[str, Any]:
        """Facts of the other data set, with labelled False."""
        return {**self.dataset.describe(), "labelled": False}


class Subset(_View):
    """The items `indices` of a data set (whole numbers from 0), in that order, as a data set.

    Raises:
        IndexError: the data set has no such item.
    """

    def __init__(self, dataset: PoseDataset, indices: Sequence[int] | np.ndarray):
        super().__init__(dataset)
        self.indices = np.asarray(indices, np.int64).reshape(-1)
        outside = self.indices[(self.indices < 0) | (self.indices >= len(dataset))]
        if len(outside):
            raise IndexError(f"item {outside[0]} of a data set with {len(dataset)}")
        self.ids = [dataset.ids[int(i)] for i in self.indices]
        self.shots = [dataset.shots[int(i)] for i in self.indices]
        if dataset.labels is not None:
            xy_px, visible = dataset.labels
            self.labels = xy_px[self.indices], visible[self.indices]

    def __getitem__(self, index: int) -> PoseSample:
        """Reads one picture; raises as the other data set does."""
        return self.dataset[int(self.indices[index])]

    def meta_of(self, index: int) -> Mapping[str, Any]:
        """Facts of an item of the other data set."""
        return super().meta_of(int(self.indices[index]))

    def original_annotation(self, index: int) -> OriginalAnnotation | None:
        """What a published loader knows of an item of the other data set."""
        return super().original_annotation(int(self.indices[index]))

    def describe(self) -> Mapping[str, Any]:
        """Facts of the other data set, with the number of items here and there."""
        facts = self.dataset.describe()
        return {**facts, "items": len(self), "out of": facts.get("items", len(self.dataset))}
