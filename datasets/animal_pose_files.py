"""Reads the three layouts of Animal-Pose's files as plain records, of which `animal_pose` makes items."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..files import read_json, refuse_any
from ..pose.skeleton import ANIMAL_POSE20
from .coco import file as coco_file
from .json_values import as_id, is_file_name
from .split_by_name import stem
from .tree import missing_tree

CLASSES = ("dog", "cat", "sheep", "horse", "cow")
_NATIVE = "Animal-Pose's keypoints.json: an object with 'images' (id: file name) and the list 'annotations'"
_LETTERS = {name[:2]: name for name in CLASSES}  # do12.jpeg is a dog
_WORDS = {
    **{"l": "left", "r": "right", "f": "front", "b": "back"},
    **{"ear": "ear_base", "earbase": "ear_base", "tail": "tail_base", "tailbase": "tail_base"},
}
# folders of the pictures of the first release: as unpacked, and as mmpose expects them
PICTURES_OF_PART_1 = (
    "JPEGImages",
    "VOC2012/JPEGImages",
    "VOC2011/JPEGImages",
    "VOCdevkit/VOC2012/JPEGImages",
    "VOCdevkit/VOC2011/JPEGImages",
    "TrainVal/VOCdevkit/VOC2011/JPEGImages",
    "images",
)
PART_1, PART_2 = "PASCAL2011_animal_annotation", "animalpose_anno2"
PICTURES_OF_PART_2 = ("animalpose_image_part2", "images")


@dataclass
class Record:
    """One animal as a file describes it, unchecked.

    Attributes:
        key: name of the annotation in its file, for the list of those left out.
        file_name: the picture.
        kind: class; "" where the file does not say it.
        box_xywh: four values, of any type.
        triples: (x, y, flag) of the 20 joints in the order of ANIMAL_POSE20, flags 0 or 2; None without labels.
        size_wh: where the file gives it.
        image_id: of the picture, where the file gives it.
    """

    key: str
    file_name: str
    kind: str
    box_xywh: Any
    triples: list[Any] | None
    size_wh: tuple[int, int] | None = None
    image_id: Any = None


def joint_order(names: Sequence[str], where: str) -> list[int]:
    """Column of every joint of ANIMAL_POSE20 in the order of a file, by name: L_EarBase, l_ear and left_ear are the same joint.

    Raises:
        DataError: the names are not those of the 20 joints.
    """
    file_joints = [joint_name(str(name)) for name in names]
    if sorted(file_joints) != sorted(ANIMAL_POSE20.joints):
        extra = [str(n) for n, o in zip(names, file_joints) if o not in ANIMAL_POSE20.joints]
        missing = [j for j in ANIMAL_POSE20.joints if j not in file_joints]
        found = f"{where}: {len(file_joints)} joints"
        found += f", without {', '.join(missing)}" if missing else ""
        found += f", with {', '.join(extra)}" if extra else ""
        raise DataError(f"the 20 joints of Animal-Pose: {', '.join(ANIMAL_POSE20.joints)}", found)
    return [file_joints.index(joint) for joint in ANIMAL_POSE20.joints]


def joint_name(name: str) -> str:
    """A joint's name in any layout -> its name in ANIMAL_POSE20; other names in small letters."""
    words = re.split(r"[_\s-]+", name.strip().lower())
    text = "_".join(_WORDS.get(word, word) for word in words)
    return text.replace("ear_base_base", "ear_base").replace("tail_base_base", "tail_base")


def _seen(triples: Any) -> Any:
    """Replaces flag 1 (labelled) by COCO's 2. Values that are no triples pass: a later check names them."""
    try:
        return [(x, y, 2 if v == 1 else v) for x, y, v in triples]
    except (TypeError, ValueError):
        return triples


def read_keypoints_json(path: Path, labelled: bool) -> list[Record]:
    """Reads keypoints.json of 2021. Boxes are x1, y1, x2, y2; flags 0 and 1; `num_keypoints` is always 20 and not used.

    Raises:
        DataError: another file, or one that contradicts itself.
    """
    data = read_json(path, _NATIVE, "give the folder that holds keypoints.json: animal_pose:ROOT")
    if not (isinstance(data, dict) and isinstance(data.get("images"), dict)):
        raise DataError(_NATIVE, f"{path}: {', '.join(data) if isinstance(data, dict) else type(data).__name__}")
    images, annotations = data["images"], data.get("annotations")
    if not isinstance(annotations, list) or not all(isinstance(a, dict) for a in annotations):
        raise DataError(_NATIVE, f"{path}: no list of objects under 'annotations'")
    listed = data.get("categories")
    categories = [c for c in listed if isinstance(c, dict)] if isinstance(listed, list) else []
    names = {str(c.get("id")): str(c.get("name")) for c in categories} or {
        str(i): name for i, name in enumerate(CLASSES, 1)
    }
    keys = [str(i) for i in range(len(annotations))]  # annotations have no id: their place in the file
    lost = [
        k for k, a in zip(keys, annotations) if as_id(a.get("image_id")) is None or str(a["image_id"]) not in images
    ]
    refuse_any("a picture for every annotation's image_id", lost, "annotation", path)
    named = {a["image_id"]: images[str(a["image_id"])] for a in annotations}
    wrong = {i: name for i, name in named.items() if not is_file_name(name)}
    refuse_any("a file name for every picture", wrong, "picture", path)
    lost = [k for k, a in zip(keys, annotations) if str(a.get("category_id")) not in names]
    refuse_any("a category for every annotation's category_id", lost, "annotation", path)
    order: Sequence[int] = range(20)
    if labelled:
        joints = categories[0].get("keypoints") if categories else None
        if isinstance(joints, list) and joints:
            order = joint_order(joints, str(path))
        _check_lengths(path, keys, [a.get("keypoints") for a in annotations])
    return [
        Record(
            key,
            str(images[str(a["image_id"])]),
            names[str(a["category_id"])],
            _from_corners(a.get("bbox")),
            _seen([a["keypoints"][i] for i in order]) if labelled else None,
            image_id=_id(a["image_id"]),
        )
        for key, a in zip(keys, annotations)
    ]


def _id(value: Any) -> Any:
    """A picture's id, which the file writes as a number in annotations and as a text in images."""
    return int(value) if str(value).isdigit() else value


def _check_lengths(path: Path, keys: list[str], keypoints: list[Any]) -> None:
    wrong = {key: k for key, k in zip(keys, keypoints) if not isinstance(k, list) or len(k) != 20}
    if wrong:
        first = next(iter(wrong.values()))
        found = f" ({len(first)} joints)" if isinstance(first, list) else " (no list)"
        refuse_any("20 joints x, y, visible in every annotation", wrong, "annotation", path, found)


def _from_corners(box: Any) -> Any:
    try:
        x1, y1, x2, y2 = (float(v) for v in box)
    except (TypeError, ValueError):
        return box if box is not None else "missing"
    return [x1, y1, x2 - x1, y2 - y1]


def read_coco_json(path: Path, labelled: bool) -> list[Record]:
    """Reads one of mmpose's files: COCO keypoints in another order of joints. Most name one class for all five.

    The class then follows from the picture's folder or its first two letters (`ho105.jpeg`); names of PASCAL VOC do not say it.
    """
    file = coco_file.read_coco(path, "give the folder that holds annotations/: animal_pose:ROOT")
    several = len({c.get("name") for c in file.categories.values()}) > 1
    order: list[int] = []
    if labelled:
        for category in file.categories.values():
            order = joint_order(category.get("keypoints") or (), str(path))
        coco_file.check_keypoint_lengths(file, file.categories, 20)
    records = []
    for i, ann in file.annotations.items():
        image = file.images[ann["image_id"]]
        name = image["file_name"]
        kind = str(file.categories[ann["category_id"]].get("name")) if several else class_of(name)
        flat = ann.get("keypoints") if labelled else None
        triples = [flat[3 * k : 3 * k + 3] for k in order] if flat else None
        size_wh = coco_file.size_of(image)
        records.append(Record(str(i), name, kind, ann.get("bbox", "missing"), triples, size_wh, image["id"]))
    return records


def class_of(name: str) -> str:
    """Class that a picture's folder or first two letters name; "" where neither does."""
    folders = [part for part in Path(name).parts[:-1] if part in CLASSES]
    letters = re.fullmatch(r"([a-z]{2})\d+", stem(name))
    return folders[-1] if folders else _LETTERS.get(letters[1] if letters else "", "")


def read_xml(root: Path, labelled: bool) -> list[Record]:
    """Reads the first release: one XML file an animal, in two parts that name joints and boxes differently.

    Part 2 writes the upper edge of a box as `xmax`. A joint is labelled where `visible` is 1; joints missing in a file are not
    labelled.

    Raises:
        DataError: a file is no XML, or has other joints.
    """
    paths = [p for part in (PART_1, PART_2) for p in sorted((root / part).glob("*/*.xml"))]
    if not paths:
        entries = [(f"{part}/<class>/*.xml", False) for part in (PART_1, PART_2)]
        raise missing_tree("Animal-Pose's XML files", root, entries, "unpack the annotations again")
    part_1 = next((p for p in PICTURES_OF_PART_1 if (root / p).is_dir()), PICTURES_OF_PART_1[1])
    part_2 = next((p for p in PICTURES_OF_PART_2 if (root / p).is_dir()), PICTURES_OF_PART_2[0])
    endings: dict[str, str] = {}
    folders = {p.parent.name for p in paths if p.parts[len(root.parts)] == PART_2}
    for folder in [root / part_2, *(root / part_2 / kind for kind in folders)]:
        endings |= {p.stem: p.name for p in folder.iterdir()} if folder.is_dir() else {}
    return [_from_xml(path, root, part_1, part_2, endings, labelled) for path in paths]


def _from_xml(path: Path, root: Path, part_1: str, part_2: str, endings: dict[str, str], labelled: bool) -> Record:
    try:
        tree = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise DataError(
            "an XML file of Animal-Pose", f"{path} is cut short or no XML: {error}", "unpack it again"
        ) from None
    kind, named = path.parent.name, (tree.findtext("image") or path.stem).strip()
    if path.parts[len(root.parts)] == PART_1:
        # 2007_000528_1.xml is the first animal of 2007_000528.jpg
        picture = stem(tree.findtext("image") or path.stem.rpartition("_")[0])
        name = f"{part_1}/{picture.strip()}.jpg"
    else:
        name = endings.get(stem(named), named if "." in named else f"{named}.jpeg")
        inside = (root / part_2 / kind).is_dir() or not (root / part_2).is_dir()
        name = f"{part_2}/{kind}/{name}" if inside else f"{part_2}/{name}"
    return Record(
        str(path.relative_to(root)), name, kind, _xml_box(tree), _xml_joints(tree, path) if labelled else None
    )


def _xml_box(tree: ElementTree.Element) -> Any:
    bounds = tree.find("visible_bounds")
    if bounds is None:
        return "missing"
    # part 2 has no ymin; its xmax is the upper edge, as the joints show
    top = bounds.get("ymin", bounds.get("xmax"))
    return [bounds.get("xmin"), top, bounds.get("width"), bounds.get("height")]


def _xml_joints(tree: ElementTree.Element, path: Path) -> Any:
    found: dict[str, tuple[Any, ...]] = {}
    for point in tree.iterfind("keypoints/keypoint"):
        name = joint_name(point.get("name", ""))
        if name not in ANIMAL_POSE20.joints or name in found:
            what = "twice" if name in found else "which is none of them"
            raise DataError(
                f"the 20 joints of Animal-Pose: {', '.join(ANIMAL_POSE20.joints)}",
                f"{path}: {point.get('name')!r}, {what}",
            )
        found[name] = point.get("x"), point.get("y"), point.get("visible")
    return _seen([_number(found.get(joint, (0, 0, 0))) for joint in ANIMAL_POSE20.joints])


def _number(values: tuple[Any, ...]) -> tuple[Any, ...]:
    try:
        return tuple(float(v) for v in values)
    except (TypeError, ValueError):
        return values
