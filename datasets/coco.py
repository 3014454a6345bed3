"""Any COCO keypoints file: any skeleton, one item per animal."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..pose.skeleton import Skeleton
from . import coco_file, recordings
from .coco_file import CocoFile, Unusable
from .pictures import PictureError, read_rgb
from .sample import PoseSample
from .tree import missing_tree

_NO_PICTURES_LOOKED = 3


class CocoKeypoints:
    """Animals of a COCO keypoints file.

    Source: the user's own, or any set in this format (AP-10K, Horse-10, zebra, macaque, LivestockKeypoints, ...).
    Tree::

        FILE.json          images: id, file_name, width, height
                           annotations: id, image_id, category_id, bbox [x, y, w, h], keypoints [x, y, v] * K, iscrowd
                           categories: id, name, keypoints (K names), skeleton (1-based limbs)
        <file_name> ...    below FILE.json's folder; else below images/ in it, or in, images/ or data/ of, its parent

    Beyond COCO, an image may have `group` (the recording; the splits keep it together), `split` ("train" or "valid"), and
    `frame_id` (or `frame`) with `video_id` (or `vid_id`): numbered frames of a video make its items neighbours (`shots`),
    in the order of the numbers. Several animals in a frame need a `track_id` per annotation for that.

    An item is an annotation that is no crowd and has a labelled joint; without labels, one that has a box. Its box is
    `bbox`; else the box around the labelled joints; else the whole picture. Annotations left out are named in `skipped`
    and counted in `describe()`; a file that does not make sense as a whole is a DataError.

    Args:
        path: the JSON file.
        split: "train", "valid" or "all". By `split` of the images where all have it, else a seeded draw of
            `split_fraction` by group (recording, video), else by picture. The same draw with and without labels.
        labelled: False keeps the keypoints out of sight: nothing of `keypoints` is read. Then `labels` is None, and
            `skeleton` too where the categories name no joints, until `with_skeleton`.
        partners: left/right pairs by joint name, instead of those read off the names.
        category: name or id of the category to take; needed when the file's categories have different joints.
        joints: names of the joints to keep, in this order; the names themselves where the category has none.
        split_fraction, split_seed: share of the pictures in "valid", and the seed of the draw.

    Attributes:
        skipped: reason -> ids of the annotations left out.
        boxes: (N, 4) float32 x, y, w, h in px; w = h = 0 stands for a whole picture whose size the file does not give.

    Raises:
        DataError: file missing, cut short, not COCO keypoints, contradictory, or without a usable item or picture.
    """

    crop_factor = 1.25

    def __init__(
        self,
        path: str | Path,
        split: str = "all",
        labelled: bool = True,
        partners: Sequence[tuple[str, str]] | None = None,
        category: str | int | None = None,
        joints: Sequence[str] | None = None,
        split_fraction: float = 0.2,
        split_seed: int = 0,
    ):
        self.path, self.split = Path(path), split
        file = coco_file.read_coco(self.path)
        categories = coco_file.choose_categories(file, category)
        base = coco_file.category_skeleton(file, categories, joints)
        if base is None and labelled:
            first = next(iter(file.categories.values()), {})
            coco_file.from_coco_category(first)  # raises: a category without joint names
        in_split = recordings.images_of_split(file.images, split, split_fraction, split_seed)
        self.skipped: dict[str, list] = {}
        if labelled:
            coco_file.check_keypoint_lengths(file, categories, len(base))
            rows = self._labelled_rows(file, categories, in_split, len(base))
        else:
            rows = self._unlabelled_rows(file, categories, in_split)
        if not rows:
            self._raise_empty(file, in_split, labelled)
        self._keep(rows, file, categories)
        columns = None
        self.skeleton = base
        if joints and base is not None:
            columns, self.skeleton = coco_file.select_joints(base, joints)
        if partners and self.skeleton is not None:
            self.skeleton = self.skeleton.with_partners(partners)
        self.labels = self._labels(rows, columns) if labelled else None
        self._folder = _find_pictures(self.path, [e["file_name"] for e in self._entries[:_NO_PICTURES_LOOKED]])

    # ---- from annotations to items

    def _candidates(self, file: CocoFile, categories: Mapping, in_split: set):
        for i, ann in file.annotations.items():
            if ann["image_id"] in in_split and ann["category_id"] in categories:
                if ann.get("iscrowd"):
                    self._skip("a crowd", i)
                else:
                    yield i, ann, file.images[ann["image_id"]]

    def _skip(self, reason: str, annotation_id: Any) -> None:
        self.skipped.setdefault(reason, []).append(annotation_id)

    def _labelled_rows(self, file: CocoFile, categories: Mapping, in_split: set, count: int) -> list[tuple]:
        rows = []
        for i, ann, image in self._candidates(file, categories, in_split):
            try:
                xy, visible = coco_file.read_joints(ann, count)
                box = coco_file.read_box(ann, coco_file.size_of(image)) or coco_file.box_of_joints(xy, visible)
                rows.append((ann, image, box, xy, visible))
            except Unusable as reason:
                self._skip(str(reason), i)
        return rows

    def _unlabelled_rows(self, file: CocoFile, categories: Mapping, in_split: set) -> list[tuple]:
        rows, boxed, boxless = [], set(), []
        for i, ann, image in self._candidates(file, categories, in_split):
            try:
                box = coco_file.read_box(ann, coco_file.size_of(image))
            except Unusable as reason:
                self._skip(str(reason), i)
                continue
            if box is None:
                boxless.append((i, len(rows)))
            else:
                boxed.add(image["id"])
            rows.append((ann, image, box))
        # without a box an animal cannot be told from its neighbours: a picture stands for one animal at most
        drop = set()
        for i, number in boxless:
            image_id = rows[number][1]["id"]
            if image_id in boxed:
                self._skip("no box, beside others with one", i)
                drop.add(number)
            boxed.add(image_id)
        return [row for number, row in enumerate(rows) if number not in drop]

    def _raise_empty(self, file: CocoFile, in_split: set, labelled: bool) -> None:
        why = ", ".join(f"{len(ids)} {reason}" for reason, ids in self.skipped.items())
        raise DataError(
            f"at least one animal with a {'labelled joint' if labelled else 'box'} in split {self.split!r}",
            f"{file.path}: {len(in_split)} images and {len(file.annotations)} annotations, none usable"
            + (f" ({why})" if why else ""),
            "" if labelled else "for pictures without annotations name their folder: images:FOLDER",
        )

    def _keep(self, rows: list[tuple], file: CocoFile, categories: Mapping) -> None:
        """Items in their final order: a video's frames brought together by frame number."""
        shots, order = recordings.order_shots([(ann, image) for ann, image, *_ in rows], file.path.stem)
        rows[:] = [rows[i] for i in order]
        self.shots = [shots[i] for i in order]
        self.ids = [f"{image['file_name']}#{ann['id']}" for ann, image, *_ in rows]
        boxes = [box or (0, 0, *(coco_file.size_of(image) or (0, 0))) for _, image, box, *_ in rows]
        self.boxes = np.array(boxes, np.float32)
        self._entries = [
            {
                "file_name": image["file_name"],
                "size_wh": coco_file.size_of(image),
                "group": recordings.text(image.get("group")),
                "category": recordings.text(categories[ann["category_id"]].get("name")),
                "frame": recordings.frame_of(image),
                "image_id": image["id"],
                "annotation_id": ann["id"],
            }
            for ann, image, *_ in rows
        ]

    def _labels(self, rows: list[tuple], columns: list[int] | None) -> tuple[np.ndarray, np.ndarray]:
        xy, visible = np.stack([row[3] for row in rows]), np.stack([row[4] for row in rows])
        return (xy, visible) if columns is None else (xy[:, columns], visible[:, columns])

    # ---- the protocol

    def with_skeleton(self, skeleton: Skeleton) -> CocoKeypoints:
        """A view without labels that has this skeleton: for files whose categories name no joints."""
        other = copy.copy(self)
        other.skeleton, other.labels = skeleton, None
        return other

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PoseSample:
        """Raises PictureError when the picture cannot be read or is not of the size the file says."""
        entry = self._entries[index]
        path = self._folder / entry["file_name"]
        image = _read_as_annotated(path, entry["size_wh"], self.path)
        box = self.boxes[index].copy()
        if box[2] == 0:
            box[2:] = image.shape[1], image.shape[0]
        k = len(self.skeleton) if self.skeleton is not None else 0
        if self.labels is None:
            xy, visible = np.zeros((k, 2), np.float32), np.zeros(k, np.uint8)
        else:
            xy, visible = self.labels[0][index].copy(), self.labels[1][index].copy()
        meta = {"id": self.ids[index], "path": str(path)}
        meta |= {key: value for key, value in entry.items() if key not in ("file_name", "size_wh")}
        return PoseSample(image, xy, visible, box, meta)

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, file, split, counts, whether labelled, and what was left out."""
        return {
            "name": f"coco:{self.path}",
            "split": self.split,
            "items": len(self),
            "pictures": len({entry["file_name"] for entry in self._entries}),
            "groups": len({entry["group"] for entry in self._entries} - {""}),
            "videos": len(set(self.shots) - {""}),
            "labelled": self.labels is not None,
            "joints": None if self.skeleton is None else len(self.skeleton),
            "skipped": {reason: len(ids) for reason, ids in self.skipped.items()},
        }


def _find_pictures(path: Path, names: list[str]) -> Path:
    """The folder the file names start from; the file's own unless the pictures lie in a usual place beside it."""
    here = path.absolute().parent
    folders = [here, here / "images", here.parent, here.parent / "images", here.parent / "data"]
    for folder in folders:
        if any((folder / name).is_file() for name in names):
            return folder
    entries = [(path.name, True), *((name, False) for name in names), ("...", None)]
    others = ", ".join(str(folder) for folder in folders[1:])
    remedy = f"put the pictures beside the file as named in it (also looked in {others}), or correct file_name"
    raise missing_tree(f"the pictures of {path}", here, entries, remedy)


def _read_as_annotated(path: Path, size_wh: tuple[int, int] | None, annotations: Path) -> np.ndarray:
    image = read_rgb(path)
    if size_wh is None or image.shape[1::-1] == size_wh:
        return image
    # labels made by a tool that does not heed EXIF orientation
    unturned = read_rgb(path, turn=False)
    if unturned.shape[1::-1] == size_wh:
        return unturned
    h, w = image.shape[:2]
    raise PictureError(path, f"is {w} x {h} px, but {annotations.name} says {size_wh[0]} x {size_wh[1]}")
