"""What a data set's animals are scored against as COCO scores: annotations in COCO's form, those that are no items among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ...errors import DataError
from ..annotated_pictures import AnnotatedPictures, UnusableAnnotation
from ..json_values import is_number
from ..sample import PoseDataset
from . import file as coco_file
from .file import CocoFile


@dataclass
class CocoTruth:
    """Annotations of the pictures of one split.

    Attributes:
        images, annotations, categories: as in a COCO keypoints file. Crowds and animals without a labelled joint are there too: a
            detection on them is not counted wrong. Keypoints are in the order of the data set's skeleton.
        items: N pairs (image_id, category_id), those of the data set's items.
        left_out: reason -> annotations that make no sense; they are there without joints, as animals that are not counted.
        one_category: the category is the truth's own making: results of any category are meant.
        notes: what a reader of the scores must know of the truth, one clause each.
    """

    images: list[dict]
    annotations: list[dict]
    categories: list[dict]
    items: list[tuple[Any, Any]]
    left_out: Counter = field(default_factory=Counter)
    one_category: bool = False
    notes: tuple[str, ...] = ()

    def to_coco(self) -> dict[str, list]:
        """`images`, `annotations` and `categories` as one object."""
        return {"images": self.images, "annotations": self.annotations, "categories": self.categories}


def coco_truth(dataset: PoseDataset) -> CocoTruth | None:
    """The truth of a data set; None for sets whose pictures have no ids or names to tell results apart by (TigDog, renderings).

    Raises:
        DataError: a set without labels.
    """
    if hasattr(dataset, "truth"):
        return dataset.truth()
    if not isinstance(dataset, AnnotatedPictures):
        return None
    if dataset.labels is None:
        raise DataError("labelled joints to score against", f"{dataset.name} without labels")
    metas = [dataset.meta_of(i) for i in range(len(dataset))]
    return truth_of_items(dataset.file_names, metas, dataset.boxes, dataset.labels)


def truth_of_files(
    parts: Iterable[tuple[CocoFile, Collection]],
    categories: Mapping[Any, Mapping],
    joints: int,
    metas: Sequence[Mapping],
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
    images, annotations, left_out, miscounted = [], [], Counter(), 0
    for file, wanted in parts:
        images += [{"id": i, "file_name": file.images[i]["file_name"]} for i in file.images if i in wanted]
        for i, ann in file.annotations.items():
            if ann["image_id"] not in wanted or ann["category_id"] not in categories:
                continue
            try:
                own, right = _annotation(i, ann, joints, columns)
                annotations.append(own)
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
    annotation_id: Any, ann: dict, joints: int, columns: Sequence[int] | None
) -> tuple[dict[str, Any], bool]:
    """One annotation, cut to what scoring reads, and whether its `num_keypoints` is right, or not there.

    `num_keypoints` is counted here: a file's own, where it is wrong, would take labelled animals out of the score. An area, or a
    box, of no size is left out.

    Raises:
        UnusableAnnotation: joints that are no proper numbers.
    """
    known = {"id": annotation_id, "image_id": ann["image_id"], "category_id": ann["category_id"]}
    keypoints = np.zeros((joints, 3))
    try:
        _, visible = coco_file.read_joints(ann, joints)
    except UnusableAnnotation as reason:
        if str(reason) != "no labelled joint":
            raise
    else:
        # the numbers as the file has them, which the items' float32 would round
        keypoints = np.where(visible[:, None] > 0, np.array(ann["keypoints"], float).reshape(joints, 3), 0)
    own = keypoints if columns is None else keypoints[columns]
    known |= {"keypoints": own.ravel().tolist(), "iscrowd": int(coco_file.is_crowd(ann))}
    known["num_keypoints"] = int((own[:, 2] > 0).sum())
    given = ann.get("num_keypoints")
    area = coco_file.area_of(ann)
    if area is not None:
        known["area"] = area
    return known | _box_of(ann), given is None or given == int((keypoints[:, 2] > 0).sum())


def _ignored(annotation_id: Any, ann: dict, joints: int) -> dict[str, Any]:
    """An annotation that cannot be read, without joints: a result on its animal is not counted wrong."""
    own = {"id": annotation_id, "image_id": ann["image_id"], "category_id": ann["category_id"], "iscrowd": 0}
    return own | {"keypoints": [0.0] * 3 * joints, "num_keypoints": 0} | _box_of(ann)


def _box_of(ann: dict) -> dict[str, list]:
    box = ann.get("bbox")
    proper = isinstance(box, list) and len(box) == 4 and all(map(is_number, box)) and min(box[2:]) > 0
    return {"bbox": box} if proper else {}


def truth_of_items(
    names: Sequence[str],
    metas: Sequence[Mapping],
    boxes_xywh: np.ndarray,
    labels: tuple[np.ndarray, np.ndarray],
) -> CocoTruth:
    """The truth of a data set that is no COCO file: its items, all of one category, with the areas of their boxes.

    Pictures go by the `image_id` of the items where it tells them apart, else by their number from 1 in the data set's order.

    Args:
        names: N file names.
        metas: N.
        boxes_xywh: (N, 4).
        labels: (N, K, 2) and (N, K).
    """
    by_id = {meta.get("image_id"): name for meta, name in zip(metas, names)}
    told = (
        None not in by_id
        and len(by_id) == len(set(names))
        and all(by_id[m["image_id"]] == n for m, n in zip(metas, names))
    )
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names), 1)}
    ids = [meta["image_id"] if told else numbers[name] for meta, name in zip(metas, names)]
    images = [{"id": i, "file_name": name} for i, name in dict(zip(ids, names)).items()]
    annotations = []
    for number, (image_id, box) in enumerate(zip(ids, np.asarray(boxes_xywh, float).tolist())):
        xy, visible = labels[0][number].astype(float), labels[1][number]
        keypoints = np.column_stack([np.where(visible[:, None] > 0, xy, 0), visible]).ravel().tolist()
        own = {"id": number + 1, "image_id": image_id, "category_id": 1, "keypoints": keypoints, "bbox": box}
        annotations.append(own | {"num_keypoints": int((visible > 0).sum()), "area": box[2] * box[3], "iscrowd": 0})
    category = {"id": 1, "name": "animal"}
    notes = ("areas are those of the boxes",)
    return CocoTruth(images, annotations, [category], [(i, 1) for i in ids], one_category=True, notes=notes)
