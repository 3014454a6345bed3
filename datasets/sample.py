"""What every data set gives: one animal in one picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from ..pose.skeleton import Skeleton

IGNORED = 255  # pixel of a part map whose part is not known


@dataclass
class PoseSample:
    """One animal in one picture. Coordinates are pixels of the picture, pixel centres at integers.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        xy_px: (K, 2) float32 joint positions; what stands where `visible` is 0 means nothing.
        visible: (K,) uint8, COCO's flags: 0 not labelled, 1 labelled but hidden, 2 labelled and seen.
        box_xywh: (4,) float32, the animal's box.
        meta: `id` (text, unique within the data set and stable between runs), `path`, and what the set knows beside.
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


class PoseDataset(Protocol):
    """What training, labelling and scoring ask of a data set; no inheritance needed.

    Attributes:
        skeleton: the joints, in the order in which `xy_px` has them.
        crop_factor: side of the square crop = factor x the longer side of the box.
        ids: N texts, `meta["id"]` of every item, known without reading pictures.
        shots: N texts: items with the same non-empty text are neighbouring frames of one video, in order.
        labels: None, or (xy_px (N,K,2) float32, visible (N,K) uint8) for a set without labels / with labels;
            known without reading pictures.

    A set whose samples have part maps also has `parts`, a `PartLabels`.
    """

    skeleton: Skeleton
    crop_factor: float
    ids: Sequence[str]
    shots: Sequence[str]
    labels: tuple[np.ndarray, np.ndarray] | None

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> PoseSample: ...

    def describe(self) -> Mapping[str, Any]:
        """Plain facts for the banner and the report: name, split, counts."""
        ...


def reading_processes(dataset: PoseDataset, workers: int) -> int:
    """How many processes are to read a data set from its beginning to its end: at most one where each would decode all of it."""
    return min(workers, 1) if getattr(dataset, "reads_in_order", False) else workers
