"""Base class of the data sets with annotated boxes: turns annotations into items, counts those left out, and reads pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OptionError
from ..files import plain, shown_name
from .picture_paths import PicturePaths, is_file
from .pictures import PictureError, read_rgb
from .sample import PoseDataset, PoseSample
from .tree import missing_tree

_SAMPLED_PICTURES = 20  # pictures whose files are looked for before a set counts as one without pictures
# longest side of a box, in longer sides of its picture. An animal that leaves the picture is not much larger than its visible part.
# Chosen with a wide margin, not measured
LARGEST_BOX = 4


class UnusableAnnotation(Exception):
    """An annotation that cannot become an item; its text is the reason."""


@dataclass
class Animal:
    """One annotation that became an item.

    Attributes:
        id: unique within the data set, the same in every run.
        file_name: the picture, below the data set's folder.
        box_xywh: in px of the picture; None for the whole picture.
        joints: positions (K, 2) float32 and flags (K,) uint8; None where labels are not read.
        size_wh: the picture's size, where the annotations give it.
        shot: "" for a still; see `PoseDataset.shots`.
        meta: further facts of the data set.
    """

    id: str
    file_name: str
    box_xywh: Sequence[float] | None
    joints: tuple[np.ndarray, np.ndarray] | None = None
    size_wh: tuple[int, int] | None = None
    shot: str = ""
    meta: dict[str, Any] = field(default_factory=dict)


class AnnotatedPictures(PoseDataset):
    """Animals with boxes in pictures, with or without labelled joints. `__init__` of a data set calls `_add` and `_finish`.

    Attributes:
        skipped: reason -> ids of the annotations left out.
        mended: what was wrong, and what is used instead -> ids of the annotations that are items all the same.
        doubts: what looks wrong about joints and boxes, and may be right; one clause each.
        classes: class -> annotations of it, those left out included.
        boxes: (N, 4) float32 x, y, w, h in px; w = h = 0 means a whole picture of unknown size.
        split_rule: where the split comes from; "" where the set's files are the split.
    """

    crop_factor = 1.25
    split_rule = ""

    def __init__(self, name: str, split: str, annotations: str | Path):
        self.name, self.split = name, split
        self.skipped: dict[str, list[Any]] = {}
        self.mended: dict[str, list[Any]] = {}
        self.doubts: list[str] = []
        self.classes: Counter[str] = Counter()
        self._annotated: set[str] = set()
        self._annotations = Path(annotations)
        self._animals: list[Animal] = []

    # ---- from annotations to items

    def _note_skipped(self, reason: str, annotation_id: Any) -> None:
        self.skipped.setdefault(reason, []).append(annotation_id)

    def _note_mended(self, what: str, annotation_id: Any) -> None:
        self.mended.setdefault(what, []).append(annotation_id)

    def _note_annotation(self, category: str, file_name: str) -> None:
        """Counts an annotation, whether it becomes an item or not."""
        self.classes[category] += 1
        self._annotated.add(file_name)

    def _add(self, annotation_id: Any, category: str, file_name: str, make: Callable[[], Animal]) -> None:
        """Adds the animal that `make` returns, or counts why its annotation cannot be used."""
        self._note_annotation(category, file_name)
        try:
            self._animals.append(make())
        except UnusableAnnotation as reason:
            self._note_skipped(str(reason), annotation_id)

    def _finish(self, folder: Path, labelled: bool, found: str) -> None:
        """Makes the data set out of the animals added.

        Args:
            folder: that file names start from.
            labelled: the animals have joints.
            found: what was read, for the error when nothing of it is usable.

        Raises:
            DataError: there is no item.
        """
        animals, self._animals = self._animals, []
        if not animals:
            why = ", ".join(f"{len(ids)} {reason}" for reason, ids in self.skipped.items())
            raise DataError(
                f"at least one animal with a {'labelled joint' if labelled else 'box'} in split {self.split!r}",
                f"{found}, none usable" + (f" ({why})" if why else ""),
                "correct these annotations in the file, or take another split"
                if labelled
                else "for pictures without annotations name their folder: images:FOLDER",
            )
        self._paths = PicturePaths(folder)
        self.ids, self.shots = [shown_name(a.id) for a in animals], [shown_name(a.shot) for a in animals]
        self.boxes = np.array([a.box_xywh or (0, 0, *(a.size_wh or (0, 0))) for a in animals], np.float32)
        self._entries = [(a.file_name, a.size_wh, a.meta) for a in animals]
        if labelled:
            joints = [a.joints for a in animals if a.joints is not None]
            self.labels = np.stack([xy for xy, _ in joints]), np.stack([visible for _, visible in joints])

    def _require_pictures(self, remedy: str) -> None:
        """Raises the error that shows the tree where none of some pictures, evenly spread, is there."""
        step = max(1, len(self) // _SAMPLED_PICTURES)
        names = [self._entries[i][0] for i in range(0, len(self), step)]
        if not any(is_file(self._paths.path_of(name)) for name in names):
            entries: list[tuple[str, bool | None]] = [(plain(name), False) for name in names[:3]]
            raise missing_tree(
                f"the pictures of {self._annotations}", self._paths.folder, [*entries, ("...", None)], remedy
            )

    # ---- the data set

    def path_of(self, index: int) -> Path:
        """The picture of an item, whether it is there or not."""
        return self._paths.path_of(self._entries[index][0])

    def meta_of(self, index: int) -> dict[str, Any]:
        """Facts of an item besides its box and joints, without reading the picture."""
        name, _, meta = self._entries[index]
        return {**meta, "file_name": shown_name(name)}

    def size_of(self, index: int) -> tuple[int, int] | None:
        """Width and height of an item's picture, px, where the annotations give them."""
        return self._entries[index][1]

    @property
    def file_names(self) -> list[str]:
        """N pictures, below the data set's folder."""
        return [name for name, *_ in self._entries]

    def __getitem__(self, index: int) -> PoseSample:
        """Reads one picture.

        Raises:
            PictureError: the picture cannot be read, has another size than annotated, or does not contain the box.
        """
        name, size_wh, meta = self._entries[index]
        path = self._paths.path_of(name)
        image = read_as_annotated(path, size_wh, self._annotations)
        box = self.boxes[index].copy()
        h, w = image.shape[:2]
        if box[2] == 0:
            box[2:] = w, h
        # annotations that do not give the picture's size could not be checked before
        if max(box[2:]) > LARGEST_BOX * max(w, h):
            size = f"{box[2]:.0f} x {box[3]:.0f} px"
            raise PictureError(path, f"the box of {self.ids[index]} is {size}, the picture {w} x {h} px")
        if box[0] >= w or box[1] >= h:
            raise PictureError(path, f"the box of {self.ids[index]} lies wholly outside its {w} x {h} px")
        if self.labels is None:
            k = len(self.skeleton)
            xy, visible = np.zeros((k, 2), np.float32), np.zeros(k, np.uint8)
        else:
            xy, visible = self.labels[0][index].copy(), self.labels[1][index].copy()
        return PoseSample(image, xy, visible, box, {"id": self.ids[index], "path": str(path)} | meta)

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, split, counts, whether labelled, and what was left out."""
        facts: dict[str, Any] = {
            "name": self.name,
            "split": self.split,
            "items": len(self),
            "pictures": len({name for name, *_ in self._entries}),
            "annotated": {"animals": self.classes.total(), "pictures": len(self._annotated)},
            "classes": dict(self.classes),
            "labelled": self.labels is not None,
            "joints": len(self.skeleton) or None,
            "skipped": {reason: len(ids) for reason, ids in self.skipped.items()},
        }
        if self.mended:
            facts["mended"] = {what: len(ids) for what, ids in self.mended.items()}
        if self.doubts:
            facts["doubts"] = self.doubts
        return facts | ({"split_rule": self.split_rule} if self.split_rule else {})


def read_as_annotated(path: Path, size_wh: tuple[int, int] | None, annotations: Path) -> np.ndarray:
    """A picture as (H, W, 3) uint8 RGB, turned as it was when its annotations were made.

    Raises:
        PictureError: it cannot be read, or has another size than the annotations say.
    """
    image = read_rgb(path)
    if size_wh is None or image.shape[1::-1] == size_wh:
        return image
    # labels of a tool that ignores EXIF orientation
    unturned = read_rgb(path, turn=False)
    if unturned.shape[1::-1] == size_wh:
        return unturned
    h, w = image.shape[:2]
    raise PictureError(path, f"is {w} x {h} px, but {annotations.name} says {size_wh[0]} x {size_wh[1]}")


def choose_classes(wanted: Iterable[str] | None, known: Sequence[str], where: str) -> tuple[str, ...]:
    """The classes to take, in the set's order; all for None.

    Raises:
        OptionError: a class the set has not.
    """
    if wanted is None:
        return tuple(known)
    wanted = list(wanted)
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise OptionError(f"classes of {where}: {', '.join(known)}", ", ".join(unknown) or "none named")
    return tuple(name for name in known if name in wanted)
