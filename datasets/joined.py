"""Several data sets as one, with joints that are partly the same: NAME[:PATH]+NAME[:PATH]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import DataError
from ..pose.geometry import square_box
from ..pose.skeleton import Skeleton
from ..pose.transfer import joints_to_take
from ..progress import log
from .sample import PoseDataset, PoseSample


class Joined(PoseDataset):
    """The items of several data sets, one set after the other.

    The joints are those of the first set. Of the others the joints with a counterpart are taken; the rest of their labels is left
    out, and joints that a set does not have are not labelled there: nothing is learned from them. Where people placed the hidden
    joints of one set but not those of another, the other's hidden joints are not labelled.

    Ids and shots begin with the number of their set, counted from 1. Boxes of sets with another `crop_factor` than the first are
    scaled, so that their crops stay the same.

    Args:
        names: NAME[:PATH] of each set.
        datasets: the sets.
        placed: of each set, whether people placed its hidden joints.

    Raises:
        DataError: a set without labels beside others with labels, or without a joint of the first.
    """

    def __init__(self, names: Sequence[str], datasets: Sequence[PoseDataset], placed: Sequence[bool]):
        self.datasets, self.names = list(datasets), list(names)
        self.name = "+".join(names)
        self.skeleton, self.crop_factor = datasets[0].skeleton, datasets[0].crop_factor
        self._first = np.cumsum([0, *map(len, datasets)])
        self._leave_hidden = [any(placed) and not own for own in placed]
        self._taken = [self._joints_of(name, data.skeleton) for name, data in zip(names, datasets)]
        self.ids = [f"{n}/{i}" for n, data in enumerate(datasets, 1) for i in data.ids]
        self.shots = [f"{n}/{shot}" if shot else "" for n, data in enumerate(datasets, 1) for shot in data.shots]
        labels = [data.labels for data in datasets]
        if any(part is None for part in labels) and any(part is not None for part in labels):
            bare = next(name for name, part in zip(names, labels) if part is None)
            raise DataError("joined data sets that all have labels", f"{bare} without labels", "leave it out")
        if labels[0] is not None:
            mapped = [self._mapped(i, *part) for i, part in enumerate(labels) if part is not None]
            xy, visible = zip(*mapped)
            self.labels = np.concatenate(xy), np.concatenate(visible)

    def _joints_of(self, name: str, given: Skeleton) -> list[tuple[int, ...]]:
        taken = joints_to_take(self.skeleton, given)
        lacking = [joint for joint, places in zip(self.skeleton.joints, taken) if not places]
        if given.joints == self.skeleton.joints:
            return taken
        if given.joints and len(lacking) == len(taken):
            raise DataError(
                f"in {name} one of the {len(taken)} joints of {self.names[0]}: {', '.join(self.skeleton.joints)}",
                f"none of them among {', '.join(given.joints)}",
                "give the same joints the same names, or join other data",
            )
        pairs = [
            joint
            if given.joints[places[0]] == joint
            else f"{joint} from {' or '.join(given.joints[p] for p in places)}"
            for joint, places in zip(self.skeleton.joints, taken)
            if places
        ]
        left_out = len(given) - len({p for places in taken for p in places})
        log.info(
            "%s: %d of %d joints are taken: %s; not labelled there: %s; %d joints are left out",
            name,
            len(pairs),
            len(taken),
            ", ".join(pairs),
            ", ".join(lacking) or "none",
            left_out,
        )
        return taken

    def _mapped(self, part: int, xy_px: np.ndarray, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Labels (..., K', 2) and (..., K') of a set as those of the first (..., K, 2) and (..., K)."""
        taken = self._taken[part]
        xy = np.zeros((*xy_px.shape[:-2], len(taken), 2), np.float32)
        flags = np.zeros((*visible.shape[:-1], len(taken)), np.uint8)
        for k, places in enumerate(taken):
            if len(places) == 1:
                xy[..., k, :], flags[..., k] = xy_px[..., places[0], :], visible[..., places[0]]
            elif places:
                # the side of the camera is the one that is seen; where both are seen, or none, nobody can tell
                left, right = (visible[..., place] == 2 for place in places)
                xy[..., k, :] = np.where(left[..., None], xy_px[..., places[0], :], xy_px[..., places[1], :])
                flags[..., k] = np.where(left ^ right, 2, 0)
        if self._leave_hidden[part]:
            flags[flags == 1] = 0
        return xy, flags

    def _place(self, index: int) -> tuple[int, int]:
        """Number of the set (from 0) that an item comes from, and its index there."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        part = int(np.searchsorted(self._first, index, "right")) - 1
        return part, index - int(self._first[part])

    def __getitem__(self, index: int) -> PoseSample:
        """Reads one picture; raises as the set that it comes from does."""
        part, own = self._place(index)
        data = self.datasets[part]
        sample = data[own]
        xy, visible = self._mapped(part, sample.xy_px, sample.visible)
        box = sample.box_xywh
        if data.crop_factor != self.crop_factor:
            left, top, side = square_box(box, data.crop_factor / self.crop_factor)
            box = np.array([left, top, side, side], np.float32)
        return PoseSample(
            sample.image, xy, visible, box, {**sample.meta, "id": self.ids[index], "set": self.names[part]}
        )

    def meta_of(self, index: int) -> Mapping[str, Any]:
        """Facts of an item that its set knows without reading its picture."""
        part, own = self._place(index)
        return self.datasets[part].meta_of(own)

    def describe(self) -> Mapping[str, Any]:
        """Plain facts: name, counts, and for each set how many pictures and joints it gives."""
        sets = [
            f"{name}: {len(data)} pictures, {sum(map(bool, taken))} joints"
            for name, data, taken in zip(self.names, self.datasets, self._taken)
        ]
        return {"name": self.name, "items": len(self), "joints": len(self.skeleton), "sets": sets}
