"""MPII Human Pose, in the JSON files of SimpleBaseline: `mpii:ROOT`."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OptionError
from ..files import read_json, refuse_any
from ..pose.skeleton import MPII16
from .annotated_pictures import Animal, AnnotatedPictures, UnusableAnnotation
from .coco.file import read_joints
from .isolated_reader import UnreadableFileError, read_isolated, real_numbers
from .json_values import is_file_name
from .original_index import SPLITS
from .person_boxes import mpii_centre_size
from .split_by_name import is_validation_by_name
from .tree import missing_tree

SALT = "zoopose mpii 0"
HOW_TO_GET = "zoopose data get mpii says where the pictures and the JSON files are; then mpii:ROOT"
_MPII = "MPII in SimpleBaseline's form: a JSON list of objects with image, center, scale, joints and joints_vis"
_FILES = {"train": ("train",), "valid": ("valid",), "all": ("train", "valid")}


class Mpii(AnnotatedPictures):
    """People of MPII Human Pose.

    Source: M. Andriluka, L. Pishchulin, P. Gehler, B. Schiele, "2D Human Pose Estimation: New Benchmark and State of the Art
    Analysis", CVPR 2014; the JSON files are those of microsoft/human-pose-estimation.pytorch. Licence: annotations Simplified BSD,
    free for research only: the pictures are frames of YouTube videos.
    Pictures: frames of videos; 22,246 people for training, 2,958 for validation. Joints: 16, `MPII16`. Split: the two files.
    Tree::

        ROOT/annot/train.json, valid.json
        ROOT/annot/gt_valid.mat                 optional: head boxes of the validation people
        ROOT/images/<9 digits>.jpg

    or one JSON file, its pictures in the same folder or in images/ in that; train and valid are then drawn by the pictures' names.

    The box is the published one: a square of 200 x scale px around the centre, 15 x scale px lower than annotated; the crop is
    1.25 times that. The files count pixels from 1, items from 0. A labelled joint counts as visible (flag 2): the files do not say
    more. `meta` has `center_px` (as annotated, from 0), `scale` (as annotated), `row` (number in its file, from 0), and, for PCKh,
    `head_box_xyxy` (from 0) where gt_valid.mat or the entry's `head_box` gives it.

    Args:
        root: the folder, or a JSON file.
        split: "train", "valid" or "all".
        labelled: False: joints are not read.
        need_pictures: False allows annotations without their pictures, to read only what they say.

    Attributes:
        people: the files read, each with its number of people, those left out included.

    Raises:
        DataError: a part of the tree is missing or broken, people have another number of joints, or none is usable.
        OptionError: an unknown split.
    """

    skeleton = MPII16

    def __init__(self, root: str | Path, split: str = "all", labelled: bool = True, *, need_pictures: bool = True):
        if split not in SPLITS:
            raise OptionError(f"a split out of {', '.join(SPLITS)}", repr(split))
        self.root = Path(root)
        alone = self.root.suffix == ".json"
        paths = [self.root] if alone else [self.root / "annot" / f"{name}.json" for name in _FILES[split]]
        there = [path for path in paths if alone or path.is_file()]
        if not there:
            entries = [(f"annot/{path.name}", False) for path in paths]
            entries.append(("images/<9 digits>.jpg", (self.root / "images").is_dir()))
            raise missing_tree(f"MPII, {split},", self.root, entries, HOW_TO_GET)
        super().__init__(f"mpii:{self.root}", split, there[0])
        self.people: list[tuple[Path, int]] = []
        folder = self.root.parent if alone else self.root
        inside = not alone or (folder / "images").is_dir()
        if alone:
            self.split_rule = "a fifth of the pictures by name"
        for path in there:
            self._take_file(path, "images/" if inside else "", labelled, alone)
        self._finish(folder, labelled, f"{', '.join(map(str, there))}: {self.classes.total()} people")
        if need_pictures:
            self._require_pictures(HOW_TO_GET)

    def _take_file(self, path: Path, prefix: str, labelled: bool, alone: bool) -> None:
        people = read_json(path, _MPII, HOW_TO_GET)
        if not isinstance(people, list) or not all(isinstance(p, dict) for p in people):
            raise DataError(_MPII, f"{path}: a {type(people).__name__}")
        refuse_any(
            "an image for every person",
            [i for i, p in enumerate(people) if not is_file_name(p.get("image"))],
            "person",
            path,
        )
        if labelled:
            wrong = [
                i for i, p in enumerate(people) if _count(p.get("joints")) != 16 or _count(p.get("joints_vis")) != 16
            ]
            refuse_any("16 joints and 16 flags for every person", wrong, "person", path)
        heads = _head_boxes(path, len(people))
        self.people.append((path, len(people)))
        for number, person in enumerate(people):
            name = person["image"]
            if alone and self.split != "all" and is_validation_by_name(SALT, name) != (self.split == "valid"):
                continue
            key = f"{path.stem}{number}"
            head = heads[number] if heads is not None else person.get("head_box")
            make = partial(_person, key, person, head, prefix, labelled, number)
            self._add(key, "person", name, make)


def _count(values: Any) -> int:
    return len(values) if isinstance(values, list) else -1


def _person(key: str, person: dict[str, Any], head: Any, prefix: str, labelled: bool, row: int) -> Animal:
    box = mpii_box(person.get("center"), person.get("scale"))
    name = f"{prefix}{person['image']}"
    meta: dict[str, Any] = {
        "category": "person",
        "center_px": [float(v) - 1 for v in person["center"]],
        "scale": float(person["scale"]),
        "row": row,
    }
    if head is not None:
        try:
            x1, y1, x2, y2 = (float(v) - 1 for v in np.asarray(head, np.float64).ravel())
        except (TypeError, ValueError, OverflowError):
            raise UnusableAnnotation("head box that is not four numbers") from None
        meta["head_box_xyxy"] = [x1, y1, x2, y2]
    if not labelled:
        return Animal(f"{name}#{key}", name, box, meta=meta)
    try:
        triples = [(x - 1, y - 1, 2 if v == 1 else v) for (x, y), v in zip(person["joints"], person["joints_vis"])]
    except (TypeError, ValueError):
        raise UnusableAnnotation("keypoints that are not numbers") from None
    return Animal(f"{name}#{key}", name, box, read_joints({"keypoints": triples}, len(MPII16)), meta=meta)


def mpii_box(center: Any, scale: Any) -> tuple[float, float, float, float]:
    """Box x, y, w, h (pixel edges, from 0) of a person's centre and scale, which the files count from 1.

    Raises:
        UnusableAnnotation: there is no centre, or one that is no finite number; the scale is not above zero.
    """
    try:
        (x, y), scale = (float(v) for v in center), float(scale)
    except (TypeError, ValueError, OverflowError):
        raise UnusableAnnotation("centre or scale that is not a number") from None
    if not all(map(math.isfinite, (x, y, scale))):
        raise UnusableAnnotation("centre or scale that is not finite")
    if x == -1:
        raise UnusableAnnotation("no centre")
    if scale <= 0:
        raise UnusableAnnotation("box of zero size")
    middle, sides = mpii_centre_size((x, y), scale)
    left, top = (float(v) for v in middle + 0.5 - sides / 2)  # a pixel's middle lies half a pixel from its edge
    side = float(sides)
    if left + side <= 0 or top + side <= 0:
        raise UnusableAnnotation("box wholly outside the picture")
    return left, top, side, side


def _head_boxes(path: Path, count: int) -> np.ndarray | None:
    """(N, 2, 2) corners of the heads, counted from 1; None where there is no gt_<stem>.mat in the same folder.

    Raises:
        DataError: a file of other people.
    """
    heads = path.with_name(f"gt_{path.stem}.mat")
    if not heads.is_file():
        return None
    expected = f"the head boxes of the {count} people of {path.name}: headboxes_src (2, 2, {count})"
    try:
        boxes = real_numbers(read_isolated("mat", heads), "headboxes_src")
    except UnreadableFileError as error:
        raise DataError(expected, f"{heads}: {error}", "fetch it again") from error
    if boxes.shape != (2, 2, count):
        raise DataError(expected, f"{heads}: {boxes.shape}", "put the file that belongs to it there, or none")
    return np.moveaxis(boxes, -1, 0)
