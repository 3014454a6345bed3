"""Reads a COCO keypoints JSON file as plain data, and checks it: the whole file, then one annotation at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import DataError
from ...files import plain, read_json, refuse_any
from ..annotated_pictures import LARGEST_BOX, UnusableAnnotation
from ..json_values import FURTHEST_PX, MOST_JOINTS, Ids, as_id, is_file_name, is_name, is_number, kind_of

_COCO = "a COCO keypoints file: a JSON object with the lists 'images', 'annotations' and 'categories'"
_MISSING = object()
SMALLEST_AREA = 1e-3  # area of an outline, in areas of its box. Chosen: even a thin animal across its box fills more

Entry = dict[str, Any]  # an image, annotation or category of a file


@dataclass(frozen=True)
class CocoFile:
    """What the file holds.

    Attributes:
        path: the JSON file.
        images, annotations, categories: id -> entry, in the file's order. Ids are whole numbers or texts; `image_id` and
            `category_id` of an annotation are ids that `images` and `categories` have.
    """

    path: Path
    images: Mapping[Any, Entry]
    annotations: Mapping[Any, Entry]
    categories: Mapping[Any, Entry]


class CocoFiles:
    """The COCO files that one command has read: data sets that share it read each file once.

    A file stays in memory as long as this object: give it to the data sets that are opened together, then let it go.
    """

    def __init__(self) -> None:
        self._files: dict[Path, CocoFile] = {}

    def read(self, path: Path) -> CocoFile:
        """A file, read at the first call; raises as `read_coco`."""
        key = path.absolute()
        if key not in self._files:
            self._files[key] = read_coco(path)
        return self._files[key]


def read_coco(path: Path, remedy: str = "give the path of the JSON file: coco:PATH.json") -> CocoFile:
    """Reads a file and checks that its parts belong together. Keypoints are not checked, outlines are dropped.

    An id 1.0 is 1. An `image_id` or `category_id` "1" refers to the id 1, and 1 to "1", where the file has only one of the two.

    Args:
        path: the JSON file.
        remedy: what to type where there is no such file.

    Raises:
        DataError: the file is missing, cut short, not JSON or not COCO; ids are missing, of another type or given twice; names are
            no texts; or an annotation names an image or category that the file does not have.
    """
    data = read_json(path, _COCO, remedy, drop=("segmentation",))
    lists = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in lists):
        if isinstance(data, dict):
            found = f"an object with {', '.join(repr(plain(key)) for key in list(data)[:8]) or 'nothing'}"
        else:
            found = f"a {type(data).__name__}"
        raise DataError(
            _COCO, f"{path}: {found}", "convert the labels to COCO keypoints; datasets/README.md shows how it looks"
        )
    images, annotations, categories = (_by_id(data[key], key[:-1], path) for key in lists)
    _check_names(images, path)
    _check_categories(categories, path)
    _resolve_references(annotations, images, "image_id", "an image", path)
    _resolve_references(annotations, categories, "category_id", "a category", path)
    return CocoFile(path, images, annotations, categories)


def _by_id(entries: list[Any], what: str, path: Path) -> dict[Any, Entry]:
    found: dict[Any, Entry] = {}
    others: dict[str, Any] = {}
    nameless: dict[str, Any] = {}
    twice: list[int | str] = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            others[f"number {number}"] = entry
            continue
        key = entry.get("id")
        if type(key) is not int or key.bit_length() > 59:
            key = as_id(key)
            if key is None:
                nameless[f"number {number}"] = entry.get("id") if "id" in entry else _MISSING
                continue
            entry["id"] = key
        if key in found:
            twice.append(key)
        else:
            found[key] = entry
    refuse_any(f"an object for every {what}", others, what, path, _kind(others))
    refuse_any(f"an id for every {what}, a whole number or a text", nameless, what, path, _kind(nameless, "has "))
    refuse_any(f"{what} ids that are all different", twice, what, path)
    return found


def _kind(offenders: Mapping[Any, Any], verb: str = "is ") -> str:
    value = next(iter(offenders.values()), _MISSING)
    return f" ({verb}none)" if value is _MISSING else f" ({verb}{kind_of(value)})"


def _check_names(images: Mapping[Any, Entry], path: Path) -> None:
    names = {i: image.get("file_name", _MISSING) for i, image in images.items()}
    lost = {i: name for i, name in names.items() if not is_file_name(name)}
    refuse_any("a file_name for every image: the name of a file", lost, "image", path, _kind(lost, "has "))


def _check_categories(categories: Mapping[Any, Entry], path: Path) -> None:
    kinds: tuple[tuple[str, str, Callable[[Any], bool]], ...] = (
        ("a text for every category's name", "name", lambda v: v is None or is_name(v) or is_number(v)),
        ("a list of joint names for every category's keypoints", "keypoints", _joint_names),
        ("a list of numbers above 0 for every category's sigmas", "sigmas", _sigmas),
    )
    for expected, key, fits in kinds:
        wrong = {i: c[key] for i, c in categories.items() if not fits(c.get(key))}
        refuse_any(expected, wrong, "category", path, _kind(wrong, "has "))
    large = {i: c["keypoints"] for i, c in categories.items() if len(c.get("keypoints") or ()) > MOST_JOINTS}
    refuse_any(f"at most {MOST_JOINTS} joints in every category", large, "category", path, _kind(large, "has "))


def _joint_names(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(is_name(v) or is_number(v) for v in value))


def _sigmas(value: Any) -> bool:
    return not value or (isinstance(value, list) and all(is_number(v) and v > 0 for v in value))


def _resolve_references(
    annotations: Mapping[Any, Entry], entries: Mapping[Any, Entry], key: str, what: str, path: Path
) -> None:
    """Replaces every annotation's reference by the id of the entry that it means.

    Raises:
        DataError: there is no such entry.
    """
    ids, lost = Ids(entries), {}
    for i, ann in annotations.items():
        value = ann.get(key, _MISSING)
        if type(value) is not int or value not in entries:
            found = ids.find(value)
            if found not in entries:
                lost[i] = value
            ann[key] = found
    first = next(iter(lost.values()), _MISSING)
    detail = f" (its {key} is {'missing' if first is _MISSING else kind_of(first)})"
    refuse_any(f"{what} for every annotation's {key}", lost, "annotation", path, detail)


def check_keypoint_lengths(file: CocoFile, categories: Collection[Any], count: int) -> None:
    """Checks that every `keypoints` of these categories has 3 numbers for each of `count` joints.

    Raises:
        DataError: one has not.
    """
    wrong = {}
    for i, ann in file.annotations.items():
        keypoints = ann.get("keypoints")
        if keypoints is not None and ann["category_id"] in categories:
            length = len(keypoints) if isinstance(keypoints, list) else -1
            if length != 3 * count and length != 0:
                wrong[i] = length
    if wrong:
        length = next(iter(wrong.values()))
        shape = f"{length} numbers" if length >= 0 else "no list"
        expected = f"3 x {count} = {3 * count} numbers (x, y, v) in every annotation's keypoints, for {count} joints"
        refuse_any(expected, wrong, "annotation", file.path, f" ({shape})")


def read_joints(ann: Entry, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints of one annotation: xy (K, 2) float32, 0 where not labelled, and visible (K,) uint8.

    Raises:
        UnusableAnnotation: no joint is labelled; a coordinate of a labelled joint or a flag is no number; a joint lies where no
            picture reaches.
    """
    if not ann.get("keypoints"):
        raise UnusableAnnotation("no labelled joint")
    try:
        triples = np.array(ann["keypoints"], np.float64).reshape(count, 3)
    except (TypeError, ValueError, OverflowError):
        raise UnusableAnnotation("keypoints that are not numbers") from None
    flags = triples[:, 2]
    if not ((flags == 0) | (flags == 1) | (flags == 2)).all():
        raise UnusableAnnotation("visibility flags other than 0, 1 and 2")
    flags = np.where(without_place(ann, triples), 0, flags)
    known = flags > 0
    if not known.any():
        raise UnusableAnnotation("no labelled joint")
    if not np.isfinite(triples[known, :2]).all():
        raise UnusableAnnotation("joint coordinates that are not finite")
    if np.abs(triples[known, :2]).max() > FURTHEST_PX:
        raise UnusableAnnotation(f"joint coordinates beyond {FURTHEST_PX:,.0f} px")
    return np.where(known[:, None], triples[:, :2], 0).astype(np.float32), flags.astype(np.uint8)


def without_place(ann: Entry, triples: np.ndarray) -> np.ndarray:
    """(K,) joints labelled at exactly 0, 0 or -1, -1, outside the box: some tools write this for a joint without a place."""
    xy = triples[:, :2]
    corner: np.ndarray = (triples[:, 2] > 0) & ((xy == 0).all(1) | (xy == -1).all(1))
    box = _proper_box(ann)
    return corner & bool(box is None or max(box[:2]) > 1)


def _proper_box(ann: Mapping[str, Any]) -> list[float] | None:
    """The box of an annotation where it is four numbers and at least 1 px on each side; else None."""
    box = ann.get("bbox")
    proper = isinstance(box, list) and len(box) == 4 and all(map(is_number, box)) and min(box[2:]) >= 1
    return box if proper else None


def has_flag(file: CocoFile, categories: Collection[Any], flag: int) -> bool:
    """Whether a joint of these categories has a visibility flag, anywhere in the file."""
    return any(
        ann["category_id"] in categories and isinstance(ann.get("keypoints"), list) and flag in ann["keypoints"][2::3]
        for ann in file.annotations.values()
    )


def is_crowd(ann: Mapping[str, Any]) -> bool:
    """Whether an annotation is one of a crowd; the texts "0", "false" and "no" mean 0."""
    value = ann.get("iscrowd")
    if isinstance(value, str):
        return value.strip().lower() not in ("", "0", "0.0", "false", "no", "n", "none")
    return bool(value)


def area_of(ann: Mapping[str, Any]) -> float | None:
    """An annotation's area in px^2; None where it has none, or one much too small for its box (a share of the picture, say)."""
    area = ann.get("area")
    if not is_number(area) or not 0 < area <= FURTHEST_PX**2:
        return None
    box = _proper_box(ann)
    if box is not None and area < SMALLEST_AREA * box[2] * box[3]:
        return None
    return area


class BoxWithoutSize(UnusableAnnotation):
    """A box whose side is below one pixel: some tools write this for an animal without a box."""


def read_box(ann: Entry, size_wh: tuple[int, int] | None) -> tuple[float, float, float, float] | None:
    """The annotation's box x, y, w, h in px; None where it has none.

    Raises:
        BoxWithoutSize: a side below 1 px, but not below 0.
        UnusableAnnotation: the box is not four finite numbers, has a negative side, lies outside the picture, or is too large
            (`LARGEST_BOX`).
    """
    box = ann.get("bbox")
    if box is None or box == []:
        return None
    try:
        if not isinstance(box, list | tuple):
            raise TypeError
        x, y, w, h = (float(v) for v in box)
    except (TypeError, ValueError, OverflowError):
        raise UnusableAnnotation("box that is not four numbers") from None
    if not all(map(math.isfinite, (x, y, w, h))):
        raise UnusableAnnotation("box that is not finite")
    if w < 0 or h < 0:
        raise UnusableAnnotation("box of negative size")
    if w < 1 or h < 1:
        raise BoxWithoutSize("box of zero size" if w == 0 or h == 0 else "box of less than a pixel")
    if max(w, h) > (LARGEST_BOX * max(size_wh) if size_wh else FURTHEST_PX):
        raise UnusableAnnotation(f"box more than {LARGEST_BOX} times as large as its picture")
    if x + w <= 0 or y + h <= 0 or (size_wh and (x >= size_wh[0] or y >= size_wh[1])):
        raise UnusableAnnotation("box wholly outside the picture")
    return x, y, w, h


def size_of(image: Entry) -> tuple[int, int] | None:
    """Width and height in px as the file gives them; None where it does not."""
    w, h = image.get("width"), image.get("height")
    if is_number(w) and is_number(h) and 1 <= w <= FURTHEST_PX and 1 <= h <= FURTHEST_PX:
        return int(w), int(h)
    return None


def box_of_joints(xy: np.ndarray, visible: np.ndarray) -> tuple[float, float, float, float] | None:
    """Box around the labelled joints' pixels; None where they are too few or too close for one (under 2 px)."""
    known = xy[visible > 0].astype(np.float64)
    low, high = known.min(0), known.max(0)
    if max(high - low) < 2:
        return None
    # a pixel centred at x reaches from edge x to edge x + 1
    w, h = high - low + 1
    return float(low[0]), float(low[1]), float(w), float(h)
