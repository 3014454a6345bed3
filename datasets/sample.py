"""Base class of all data sets, and what they give: one animal in one picture."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from ..errors import DataError
from ..pose.skeleton import Skeleton
from .original_annotation import OriginalAnnotation

IGNORED = 255  # pixel of a part map whose part is not known
UNKNOWN_JOINTS = Skeleton("unknown joints", ())  # of data sets that name no joints, until `with_skeleton`

# positions (N, K, 2) float32 in px of the pictures, and COCO's flags (N, K) uint8, as of `PoseSample`
Labels = tuple[np.ndarray, np.ndarray]


@dataclass
class PoseSample:
    """One animal in one picture. Coordinates are pixels of the picture, pixel centres at integers.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        xy_px: (K, 2) float32 joint positions; undefined where `visible` is 0.
        visible: (K,) uint8, COCO's flags: 0 not labelled, 1 labelled but hidden, 2 labelled and visible.
        box_xywh: (4,) float32, the animal's box in pixel edges.
        meta: `id` (text, unique within the data set and the same in every run), `path`, and further facts of the data set.
        parts: None, or (H, W) uint8, the body part of every pixel: 0 background, `IGNORED` where it is not known.
    """

    image: np.ndarray
    xy_px: np.ndarray
    visible: np.ndarray
    box_xywh: np.ndarray
    meta: dict[str, Any] = field(default_factory=dict)
    parts: np.ndarray | None = None


@dataclass(frozen=True)
class PartLabels:
    """What the values of a set's part maps mean.

    Attributes:
        names: P names; value i of a map is names[i].
        mirrored: (P,) the value that value i becomes in a mirrored picture: left and right change places.
    """

    names: tuple[str, ...]
    mirrored: tuple[int, ...]


class PoseDataset:
    """N animals in pictures, in a fixed order. Training, labelling and scoring use nothing else of a data set.

    A data set checks its files and reads its index once, in `__init__`; `__getitem__` reads one picture. It makes no heatmaps,
    augments nothing and prints nothing.

    Attributes:
        skeleton: the joints, in the order of `xy_px`; `UNKNOWN_JOINTS` until `with_skeleton` where the data name none.
        crop_factor: side of the square crop = factor x the longer side of the box.
        ids: N texts, `meta["id"]` of every item, known without reading pictures.
        shots: N texts: items with the same non-empty text are neighbouring frames of one video, in order.
        labels: positions and flags of all joints, known without reading pictures; None for a set without labels.
        parts: meaning of the part maps; None for a set whose samples have none.
        mean: (3,) RGB mean in 0..1 that the published code subtracts from these pictures; None for sets that it does not know.
        reads_in_order: a process that reads items in order decodes the file once; each of several would decode most of it.
        has_original_annotations: `original_annotation` returns what the published loaders know of an item.
    """

    skeleton: Skeleton = UNKNOWN_JOINTS
    crop_factor: float = 1.25
    ids: Sequence[str]
    shots: Sequence[str]
    labels: Labels | None = None
    parts: PartLabels | None = None
    mean: np.ndarray | None = None
    reads_in_order: bool = False
    has_original_annotations: bool = False

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PoseSample:
        """Reads one picture.

        Raises:
            PictureError: the picture cannot be read, or does not fit its annotation.
        """
        raise NotImplementedError

    def describe(self) -> Mapping[str, Any]:
        """Plain facts for the log and the report: name, split, counts."""
        raise NotImplementedError

    def meta_of(self, index: int) -> Mapping[str, Any]:
        """Facts of an item that are known without reading its picture; empty where there are none."""
        return {}

    def original_annotation(self, index: int) -> OriginalAnnotation | None:
        """What a published loader knows of an item; None for data sets that the published code does not know."""
        return None

    def with_skeleton(self, skeleton: Skeleton) -> Self:
        """The same data set with another skeleton: for sets without labels, or to set other left/right pairs.

        Raises:
            DataError: the data set has labels of other joints.
        """
        if skeleton.joints != self.skeleton.joints and self.labels is not None:
            expected = f"the labelled joints: {', '.join(self.skeleton.joints)}"
            raise DataError(expected, ", ".join(skeleton.joints), "read the data set without labels")
        other = copy.copy(self)
        other.skeleton = skeleton
        return other


def reading_processes(dataset: PoseDataset, workers: int) -> int:
    """Number of processes that read a data set from its beginning to its end: at most one for `reads_in_order`."""
    return min(workers, 1) if dataset.reads_in_order else workers
