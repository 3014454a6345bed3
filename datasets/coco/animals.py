"""Animals of COCO 2017, with boxes and without joints: `coco_animals:ROOT`, the unlabelled domain of WS-CDA."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..annotated_pictures import Animal, AnnotatedPictures, UnusableAnnotation, choose_classes
from . import file as coco_file
from .file import Entry
from .person import cut_box
from .tree import CocoPart, read_parts

CLASSES = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe")
MIN_SIZE_PX = 32.0  # shorter side of a box, px; chosen: in smaller animals joints are hardly visible
HOW_TO_GET = "zoopose data get coco_animals --root ROOT --run, then coco_animals:ROOT"


class CocoAnimals(AnnotatedPictures):
    """Animals of COCO 2017: boxes only, so there are no labels, and no joints until `with_skeleton`.

    Source: T.-Y. Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014; cocodataset.org. Licence: annotations
    CC BY 4.0, pictures under the licences their Flickr pages name. Pictures: photographs of
    `CLASSES`. Joints: none. Split: train2017 is "train", val2017 "valid".
    Tree::

        ROOT/annotations/instances_{train,val}2017.json
        ROOT/{train,val}2017/<12 digits>.jpg                       or ROOT/images/{train,val}2017/

    Crowds, and animals that are too small for joints to be seen, are left out. Boxes are cut to the picture.

    Args:
        root: the folder.
        split: "train", "valid" or "all" (both, as far as they are there).
        classes: some of `CLASSES`; None for all.
        min_size: smallest shorter side of a box, px.
        need_pictures: False allows annotations without their pictures, to read only what they say.

    Raises:
        DataError: a part of the tree is missing or broken, or no usable animal.
        OptionError: an unknown class.
    """

    def __init__(
        self,
        root: str | Path,
        split: str = "all",
        *,
        classes: Sequence[str] | None = None,
        min_size: float = MIN_SIZE_PX,
        need_pictures: bool = True,
    ):
        self.root, self.min_size = Path(root), min_size
        chosen = choose_classes(classes, CLASSES, f"coco_animals:{self.root}")
        parts = read_parts(self.root, "instances", split, HOW_TO_GET)
        super().__init__(f"coco_animals:{self.root}", split, parts[0].file.path)
        for part in parts:
            self._take_animals(part, chosen)
        found = ", ".join(f"{len(p.file.annotations)} annotations in {p.file.path}" for p in parts)
        self._finish(self.root, False, found)
        if need_pictures:
            self._require_pictures(HOW_TO_GET)

    def _take_animals(self, part: CocoPart, chosen: Sequence[str]) -> None:
        kinds = {i: c["name"] for i, c in part.file.categories.items() if c.get("name") in chosen}
        for i, ann in part.file.annotations.items():
            kind = kinds.get(ann["category_id"])
            if kind is not None:
                name = f"{part.pictures}/{part.file.images[ann['image_id']]['file_name']}"
                self._add(i, kind, name, partial(self._animal, i, ann, name, kind, part))

    def _animal(self, annotation_id: Any, ann: Entry, name: str, kind: str, part: CocoPart) -> Animal:
        if coco_file.is_crowd(ann):
            raise UnusableAnnotation("a crowd")
        image = part.file.images[ann["image_id"]]
        size_wh = coco_file.size_of(image)
        box = cut_box(ann, size_wh)
        if min(box[2:]) < self.min_size:
            raise UnusableAnnotation(f"shorter side of the box below {self.min_size:g} px")
        meta = {"category": kind, "image_id": image["id"], "annotation_id": annotation_id}
        return Animal(f"{name}#{annotation_id}", name, box, size_wh=size_wh, meta=meta)
