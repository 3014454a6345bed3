"""Annotations in COCO's format that COCO's evaluation scores against: those of the items, and those that are no items."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

from ...errors import DataError
from ..annotated_pictures import AnnotatedPictures, UnusableAnnotation
from ..json_values import is_number
from ..sample import PoseDataset
from . import file as coco_file
from .file import CocoFile, Entry


@dataclass
class CocoTruth:
    """Annotations of the pictures of one split.

    Attributes:
        images, annotations, categories: as in a COCO keypoints file. They include crowds and animals without a labelled joint: a
            detection on one is not counted as wrong. Keypoints are in the order of the data set's skeleton.
        items: N pairs (image_id, category_id), those of the data set's items.
        left_out: reason -> number of annotations that cannot be used. They are in `annotations` without joints, and not counted.
        one_category: the data set has no categories; results of any category are scored.
        notes: what a reader of the scores must know, one clause each.
    """

    images: list[Entry]
    annotations: list[Entry]
    categories: list[Entry]
    items: list[tuple[Any, Any]]
    left_out: Counter[str] = field(default_factory=Counter)
    one_category: bool = False
    notes: tuple[str, ...] = ()

    def to_coco(self) -> dict[str, list[Entry]]:
        """`images`, `annotations` and `categories` as one object."""
        return {"images": self.images, "annotations": self.annotations, "categories": self.categories}


@runtime_checkable
class HasTruth(Protocol):
    """A data set made of COCO files."""

    def truth(self) -> CocoTruth:
        """What COCO's evaluation scores against."""
        ...


def coco_truth(dataset: PoseDataset) -> CocoTruth | None:
    """The truth of a data set; None for sets without annotated boxes in pictures (TigDog, renderings).

    Raises:
        DataError: a set without labels.
    """
    if isinstance(dataset, HasTruth):
        return dataset.truth()
    if not isinstance(dataset, AnnotatedPictures):
        return None
    if dataset.labels is None:
        raise DataError("labelled joints to score against", f"{dataset.name} without labels")
    metas = [dataset.meta_of(i) for i in range(len(dataset))]
    return truth_of_items(dataset.file_names, metas, dataset.boxes, dataset.labels)


def truth_of_files(
    parts: Iterable[tuple[CocoFile, Collection[Any]]],
    categories: Mapping[Any, Entry],
    joints: int,
    metas: Sequence[Mapping[str, Any]],
    columns: Sequence[int] | None = None,
) -> CocoTruth:
    """The truth of COCO files.

    Args:
        parts: files, and the ids of the pictures to take from each.
        categories: to take, id -> entry.
        joints: number K that the files' annotations have.
        metas: N, of the data set's items, with `image_id` and, where there are several categories, `category_id`.
        columns: of the joints, those that the data set has.
    """
    images: list[Entry] = []
    annotations: list[Entry] = []
    left_out: Counter[str] = Counter()
    miscounted = 0
    for file, wanted in parts:
        images += [{"id": i, "file_name": file.images[i]["file_name"]} for i in file.images if i in wanted]
        for i, ann in file.annotations.items():
            if ann["image_id"] not in wanted or ann["category_id"] not in categories:
                continue
            try:
                entry, right = _annotation(i, ann, joints, columns)
                annotations.append(entry)
                miscounted += not right
            except UnusableAnnotation as reason:
                left_out[str(reason)] += 1
                annotations.append(_ignored(i, ann, joints if columns is None else len(columns)))
    names = [{"id": i, "name": str(c.get("name", i))} for i, c in categories.items()]
    first = next(iter(categories))
    items = [(meta["image_id"], meta.get("category_id", first)) for meta in metas]
    notes = []
    without = sum(ann.get("area") is None for ann in annotations)
    if without:
        notes.append(
            f"{without} annotations without an area, or with one that does not fit their box, count with their box's"
        )
    if miscounted:
        notes.append(f"{miscounted} annotations whose num_keypoints is wrong count with the joints they have labelled")
    return CocoTruth(images, annotations, names, items, left_out, notes=tuple(notes))


def _annotation(
    annotation_id: Any, ann: Entry, joints: int, columns: Sequence[int] | None
) -> tuple[dict[str, Any], bool]:
    """One annotation, cut to what scoring reads, and whether its `num_keypoints` is right or missing.

    `num_keypoints` is counted here: a wrong number in the file would remove labelled animals from the score. An area or a box
    without size is left out.

    Raises:
        UnusableAnnotation: joints are no numbers.
    """
    known = {"id": annotation_id, "image_id": ann["image_id"], "category_id": ann["category_id"]}
    keypoints = np.zeros((joints, 3))
    try:
        _, visible = coco_file.read_joints(ann, joints)
    except UnusableAnnotation as reason:
        if str(reason) != "no labelled joint":
            raise
    else:
        # the numbers of the file: the float32 of the items would round them
        keypoints = np.where(visible[:, None] > 0, np.array(ann["keypoints"], float).reshape(joints, 3), 0)
    chosen = keypoints if columns is None else keypoints[columns]
    known |= {"keypoints": chosen.ravel().tolist(), "iscrowd": int(coco_file.is_crowd(ann))}
    known["num_keypoints"] = int((chosen[:, 2] > 0).sum())
    given = ann.get("num_keypoints")
    area = coco_file.area_of(ann)
    if area is not None:
        known["area"] = area
    return known | _box_of(ann), given is None or given == int((keypoints[:, 2] > 0).sum())


def _ignored(annotation_id: Any, ann: Entry, joints: int) -> dict[str, Any]:
    """An annotation that cannot be used, without joints: a result on its animal is not counted as wrong."""
    entry = {"id": annotation_id, "image_id": ann["image_id"], "category_id": ann["category_id"], "iscrowd": 0}
    return entry | {"keypoints": [0.0] * 3 * joints, "num_keypoints": 0} | _box_of(ann)


def _box_of(ann: Entry) -> dict[str, list[float]]:
    box = ann.get("bbox")
    if isinstance(box, list) and len(box) == 4 and all(map(is_number, box)) and min(box[2:]) > 0:
        return {"bbox": box}
    return {}


def truth_of_items(
    names: Sequence[str],
    metas: Sequence[Mapping[str, Any]],
    boxes_xywh: np.ndarray,
    labels: tuple[np.ndarray, np.ndarray],
) -> CocoTruth:
    """The truth of a data set that is no COCO file: its items, all of one category, with the areas of their boxes.

    The id of a picture is the `image_id` of its items where each picture has another one, else its number from 1 in the data set.

    Args:
        names: N file names.
        metas: N.
        boxes_xywh: (N, 4).
        labels: (N, K, 2) and (N, K).
    """
    by_id = {meta.get("image_id"): name for meta, name in zip(metas, names)}
    by_image_id = None not in by_id and len(by_id) == len(set(names))
    by_image_id = by_image_id and all(by_id[m["image_id"]] == n for m, n in zip(metas, names))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names), 1)}
    ids = [meta["image_id"] if by_image_id else numbers[name] for meta, name in zip(metas, names)]
    images = [{"id": i, "file_name": name} for i, name in dict(zip(ids, names)).items()]
    annotations = []
    for number, (image_id, box) in enumerate(zip(ids, np.asarray(boxes_xywh, float).tolist())):
        xy, visible = labels[0][number].astype(float), labels[1][number]
        keypoints = np.column_stack([np.where(visible[:, None] > 0, xy, 0), visible]).ravel().tolist()
        entry = {"id": number + 1, "image_id": image_id, "category_id": 1, "keypoints": keypoints, "bbox": box}
        annotations.append(entry | {"num_keypoints": int((visible > 0).sum()), "area": box[2] * box[3], "iscrowd": 0})
    category = {"id": 1, "name": "animal"}
    notes = ("areas are those of the boxes",)
    return CocoTruth(images, annotations, [category], [(i, 1) for i in ids], one_category=True, notes=notes)
