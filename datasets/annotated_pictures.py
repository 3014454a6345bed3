"""What the data sets of boxes in pictures have in common: items from annotations, what was left out, the reading of pictures."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OptionError
from ..files import plain, shown_name
from ..pose.skeleton import Skeleton
from .picture_paths import PicturePaths, is_file
from .pictures import PictureError, read_rgb
from .sample import PoseSample
from .tree import missing_tree

_PICTURES_LOOKED_FOR = 20
LARGEST_BOX = (
    4  # longer sides of its picture: animals that leave the picture are not so much larger than what is seen of them
)


class UnusableAnnotation(Exception):
    """An annotation that cannot become an item; its text is the reason."""


@dataclass
class Animal:
    """One annotation that became an item.

    Attributes:
        id: unique within the data set, stable between runs.
        file_name: the picture, below the data set's folder.
        box_xywh: in px of the picture; None for the whole picture.
        xy_px, visible: (K, 2) float32 and (K,) uint8; None where labels are not read.
        size_wh: the picture's size where the annotations give it.
        shot: "" for a still; see `PoseDataset.shots`.
        meta: what the set knows beside.
    """

    id: str
    file_name: str
    box_xywh: Sequence[float] | None
    xy_px: np.ndarray | None = None
    visible: np.ndarray | None = None
    size_wh: tuple[int, int] | None = None
    shot: str = ""
    meta: dict[str, Any] = field(default_factory=dict)


class AnnotatedPictures:
    """Animals with boxes in pictures, with or without labelled joints. Data sets fill it by `_take` and `_finish`.

    Attributes:
        skipped: reason -> ids of the annotations left out.
        mended: what was wrong, and what is taken instead -> ids of the annotations that are items all the same.
        doubts: what looks wrong about joints and boxes, and may be right; one clause each.
        classes: class -> annotations of it that were looked at, those left out among them.
        boxes: (N, 4) float32 x, y, w, h in px; w = h = 0 stands for a whole picture of unknown size.
        split_rule: where the split comes from; "" where the set's own files are the split.
    """

    crop_factor = 1.25
    skeleton: Skeleton | None = None
    split_rule = ""

    def __init__(self, name: str, split: str, annotations: str | Path):
        self.name, self.split = name, split
        self.skipped: dict[str, list] = {}
        self.mended: dict[str, list] = {}
        self.doubts: list[str] = []
        self.classes: Counter[str] = Counter()
        self._looked_at: set[str] = set()
        self._annotations = Path(annotations)
        self._animals: list[Animal] = []

    # ---- from annotations to items

    def _note_skipped(self, reason: str, annotation_id: Any) -> None:
        self.skipped.setdefault(reason, []).append(annotation_id)

    def _note_mended(self, what: str, annotation_id: Any) -> None:
        self.mended.setdefault(what, []).append(annotation_id)

    def _note_annotation(self, kind: str, file_name: str) -> None:
        """Notes an annotation that is looked at, whether it becomes an item or not."""
        self.classes[kind] += 1
        self._looked_at.add(file_name)

    def _add(self, annotation_id: Any, kind: str, file_name: str, make: Callable[[], Animal]) -> None:
        """Adds what `make` returns, or counts why it cannot be used."""
        self._note_annotation(kind, file_name)
        try:
            self._animals.append(make())
        except UnusableAnnotation as reason:
            self._note_skipped(str(reason), annotation_id)

    def _finish(self, folder: Path, labelled: bool, found: str) -> None:
        """Turns the animals taken into the data set.

        Args:
            folder: what file names start from.
            found: what was read, for the error when nothing of it is usable.

        Raises:
            DataError: no item.
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
        self._places = PicturePaths(folder)
        self.ids, self.shots = [shown_name(a.id) for a in animals], [shown_name(a.shot) for a in animals]
        self.boxes = np.array([a.box_xywh or (0, 0, *(a.size_wh or (0, 0))) for a in animals], np.float32)
        self._entries = [(a.file_name, a.size_wh, a.meta) for a in animals]
        self.labels = None
        if labelled:
            self.labels = np.stack([a.xy_px for a in animals]), np.stack([a.visible for a in animals])

    def _require_pictures(self, remedy: str) -> None:
        """Raises the error that shows the tree where none of some pictures, evenly spread, is there."""
        step = max(1, len(self) // _PICTURES_LOOKED_FOR)
        names = [self._entries[i][0] for i in range(0, len(self), step)]
        if not any(is_file(self._places.path_of(name)) for name in names):
            entries = [(plain(name), False) for name in names[:3]] + [("...", None)]
            raise missing_tree(f"the pictures of {self._annotations}", self._places.folder, entries, remedy)

    # ---- the protocol

    def with_skeleton(self, skeleton: Skeleton) -> AnnotatedPictures:
        """A view without labels that has this skeleton: for sets that name no joints."""
        other = copy.copy(self)
        other.skeleton, other.labels = skeleton, None
        return other

    def __len__(self) -> int:
        return len(self.ids)

    def path_of(self, index: int) -> Path:
        """The picture of an item, whether it is there or not."""
        return self._places.path_of(self._entries[index][0])

    def meta_of(self, index: int) -> dict[str, Any]:
        """What the set knows of an item beside its box and joints, without reading the picture."""
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
        """Raises PictureError when the picture cannot be read, is not of the size annotated, or lies beside the box."""
        name, size_wh, meta = self._entries[index]
        path = self._places.path_of(name)
        image = read_as_annotated(path, size_wh, self._annotations)
        box = self.boxes[index].copy()
        h, w = image.shape[:2]
        if box[2] == 0:
            box[2:] = w, h
        if max(box[2:]) > LARGEST_BOX * max(
            w, h
        ):  # annotations that do not give the picture's size could not be checked before
            raise PictureError(
                path, f"the box of {self.ids[index]} is {box[2]:.0f} x {box[3]:.0f} px, the picture {w} x {h} px"
            )
        if box[0] >= w or box[1] >= h:
            raise PictureError(path, f"the box of {self.ids[index]} lies wholly outside its {w} x {h} px")
        if self.labels is None:
            k = len(self.skeleton) if self.skeleton is not None else 0
            xy, visible = np.zeros((k, 2), np.float32), np.zeros(k, np.uint8)
        else:
            xy, visible = self.labels[0][index].copy(), self.labels[1][index].copy()
        return PoseSample(image, xy, visible, box, {"id": self.ids[index], "path": str(path)} | meta)

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, split, counts, whether labelled, and what was left out."""
        facts = {
            "name": self.name,
            "split": self.split,
            "items": len(self),
            "pictures": len({name for name, *_ in self._entries}),
            "annotated": {"animals": self.classes.total(), "pictures": len(self._looked_at)},
            "classes": dict(self.classes),
            "labelled": self.labels is not None,
            "joints": None if self.skeleton is None else len(self.skeleton),
            "skipped": {reason: len(ids) for reason, ids in self.skipped.items()},
        }
        if self.mended:
            facts["mended"] = {what: len(ids) for what, ids in self.mended.items()}
        if self.doubts:
            facts["doubts"] = self.doubts
        return facts | ({"split_rule": self.split_rule} if self.split_rule else {})


def read_as_annotated(path: Path, size_wh: tuple[int, int] | None, annotations: Path) -> np.ndarray:
    """A picture as (H, W, 3) uint8 RGB in the frame its annotations were made in.

    Raises:
        PictureError: it cannot be read, or has another size than the annotations say.
    """
    image = read_rgb(path)
    if size_wh is None or image.shape[1::-1] == size_wh:
        return image
    # labels made by a tool that does not heed EXIF orientation
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
