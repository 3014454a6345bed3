"""People of COCO 2017, in their annotated boxes or in those of a detector: `coco_person:ROOT`."""

from __future__ import annotations

import copy
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...files import read_json
from ...pose.skeleton import COCO17
from ..annotated_pictures import Animal, AnnotatedPictures, UnusableAnnotation
from ..json_values import Ids
from . import file as coco_file
from .categories import choose_categories
from .file import Entry
from .tree import CocoPart, read_parts
from .truth import CocoTruth, truth_of_files

HOW_TO_GET = "zoopose data get coco_person --root ROOT --run, then coco_person:ROOT"
_DETECTIONS = "COCO detection results: a JSON list of objects with image_id, category_id, bbox [x, y, w, h] and score"


class CocoPerson(AnnotatedPictures):
    """People of COCO 2017.

    Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; cocodataset.org. Licence: annotations
    CC BY 4.0, pictures under the licences their Flickr pages name. Joints: 17, `COCO17`.
    Split: train2017 is "train", val2017 "valid".
    Tree::

        ROOT/annotations/person_keypoints_{train,val}2017.json
        ROOT/{train,val}2017/<12 digits>.jpg                       or ROOT/images/{train,val}2017/

    Pictures: photographs. An item is a person that is no crowd and has a labelled joint; without labels, one with a box. Boxes are
    cut to the picture, and the crop is 1.25 times the box, as in SimpleBaseline and its successors. `person_boxes.frame_box`
    computes their box (1 px narrower about the same middle, moved into the picture where it begins outside) from
    `meta["annotated_box_xywh"]`; people whose box they drop are left out here too.

    Args:
        root: the folder.
        split: "train", "valid" or "all" (both, as far as they are there).
        labelled: False: joints are not read.
        boxes: a file of detections, which are the items in place of the annotated people. They have no labels; `meta["score"]` and
            `scores` are the detector's confidence. Only category person counts, in pictures of the split.
        need_pictures: False allows annotations without their pictures, to read only what they say.

    Attributes:
        scores: (N,) float64 of detections; None for annotated boxes.

    Raises:
        DataError: a part of the tree is missing or broken, other joints than COCO's, no usable person.
    """

    skeleton = COCO17

    def __init__(
        self,
        root: str | Path,
        split: str = "all",
        labelled: bool = True,
        *,
        boxes: str | Path | None = None,
        need_pictures: bool = True,
    ):
        self.root = Path(root)
        parts = read_parts(self.root, "person_keypoints", split, HOW_TO_GET)
        super().__init__(f"coco_person:{self.root}", split, parts[0].file.path if boxes is None else Path(boxes))
        self.scores: np.ndarray | None = None
        if boxes is None:
            for part in parts:
                self._take_people(part, labelled)
            found = ", ".join(f"{len(p.file.annotations)} annotations in {p.file.path}" for p in parts)
            self._finish(self.root, labelled, found)
        else:
            self._take_detections(Path(boxes), parts)
            self._finish(self.root, False, f"{boxes}: {self.classes.total()} detections of people in split {split!r}")
            self.scores = np.array([meta["score"] for *_, meta in self._entries])
        if need_pictures:
            self._require_pictures(HOW_TO_GET)

    def only(self, rows: np.ndarray, left_out: dict[str, np.ndarray]) -> CocoPerson:
        """The detections `rows` alone.

        Args:
            rows: numbers of the items to take.
            left_out: reason -> numbers of the others, for `skipped`.
        """
        other = copy.copy(self)
        other.ids, other.shots = [self.ids[i] for i in rows], [self.shots[i] for i in rows]
        other.boxes = self.boxes[rows]
        other.scores = None if self.scores is None else self.scores[rows]
        other._entries = [self._entries[i] for i in rows]
        other.skipped = {**self.skipped, **{why: [self.ids[i] for i in numbers] for why, numbers in left_out.items()}}
        return other

    def truth(self) -> CocoTruth:
        """What COCO's evaluation scores against: all people of the split, crowds and people without joints included.

        The files are read again: their contents are not held in memory during a run.
        """
        parts = read_parts(self.root, "person_keypoints", self.split, HOW_TO_GET)
        people = {i: c for part in parts for i, c in choose_categories(part.file, "person").items()}
        metas = [meta for *_, meta in self._entries]
        return truth_of_files([(part.file, part.file.images.keys()) for part in parts], people, len(COCO17), metas)

    def _take_people(self, part: CocoPart, labelled: bool) -> None:
        people = choose_categories(part.file, "person")
        if labelled:
            joints = tuple(next(iter(people.values())).get("keypoints") or ())
            if joints != COCO17.joints:
                raise DataError(f"COCO's 17 joints: {', '.join(COCO17.joints)}", f"{part.file.path}: {joints}")
            coco_file.check_keypoint_lengths(part.file, people, len(COCO17))
        for i, ann in part.file.annotations.items():
            if ann["category_id"] in people:
                name = f"{part.pictures}/{part.file.images[ann['image_id']]['file_name']}"
                self._add(i, "person", name, partial(_person, i, ann, name, part, labelled))

    def _take_detections(self, path: Path, parts: list[CocoPart]) -> None:
        found = read_json(path, _DETECTIONS, "give the path of the detections")
        if not isinstance(found, list) or not all(isinstance(d, dict) and "bbox" in d for d in found):
            raise DataError(_DETECTIONS, f"{path}: a {type(found).__name__} of other things")
        pictures = {image_id: (image, part) for part in parts for image_id, image in part.file.images.items()}
        person = {i for part in parts for i in choose_categories(part.file, "person")}
        images, people = Ids(pictures), Ids(dict.fromkeys(person))
        for number, detection in enumerate(found):
            image_id = images.find(detection.get("image_id"))
            if people.find(detection.get("category_id")) not in person:
                self._note_skipped("not a person", number)
            elif image_id not in pictures:
                self._note_skipped("of a picture that is not in the split", number)
            else:
                image, part = pictures[image_id]
                name = f"{part.pictures}/{image['file_name']}"
                self._add(number, "person", name, partial(_detected, number, detection, name, image))


def _person(annotation_id: Any, ann: Entry, name: str, part: CocoPart, labelled: bool) -> Animal:
    if coco_file.is_crowd(ann):
        raise UnusableAnnotation("a crowd")
    if isinstance(ann.get("area"), int | float) and ann["area"] <= 0:
        raise UnusableAnnotation("area of zero")
    image = part.file.images[ann["image_id"]]
    size_wh = coco_file.size_of(image)
    joints = coco_file.read_joints(ann, len(COCO17)) if labelled else None
    box = cut_box(ann, size_wh)
    # the condition of `person_boxes.clean_boxes`
    if size_wh is not None and (box[0] > size_wh[0] - 1 or box[1] > size_wh[1] - 1):
        raise UnusableAnnotation("box beyond the middle of the picture's last pixel")
    meta = {
        "category": "person",
        "image_id": image["id"],
        "annotation_id": annotation_id,
        "area": ann.get("area"),
        "annotated_box_xywh": tuple(map(float, ann["bbox"])),
    }
    return Animal(f"{name}#{annotation_id}", name, box, joints, size_wh, meta=meta)


def cut_box(ann: Entry, size_wh: tuple[int, int] | None) -> tuple[float, float, float, float]:
    """The annotation's box, cut to the picture.

    Raises:
        UnusableAnnotation: there is no box, or it cannot be used.
    """
    box = coco_file.read_box(ann, size_wh)
    if box is None:
        raise UnusableAnnotation("no box")
    x, y, w, h = box
    right, bottom = x + w, y + h
    if size_wh is not None:
        right, bottom = min(right, size_wh[0]), min(bottom, size_wh[1])
    left, top = max(x, 0.0), max(y, 0.0)
    return left, top, right - left, bottom - top


def _detected(number: int, detection: Entry, name: str, image: Entry) -> Animal:
    try:
        score = float(detection["score"])
    except (KeyError, TypeError, ValueError, OverflowError):
        raise UnusableAnnotation("without a score") from None
    if not math.isfinite(score):
        raise UnusableAnnotation("score that is not finite")
    size_wh = coco_file.size_of(image)
    box = cut_box(detection, size_wh)
    meta = {
        "category": "person",
        "image_id": image["id"],
        "detection": number,
        "score": score,
        "annotated_box_xywh": tuple(map(float, detection["bbox"])),
    }
    return Animal(f"{name}#det{number}", name, box, size_wh=size_wh, meta=meta)
