"""A COCO keypoints JSON file as plain data: read, checked as a whole, and one annotation at a time."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
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
SMALLEST_AREA = 1e-3  # of the box's, for an outline's; thin animals across their box fill more


@dataclass(frozen=True)
class CocoFile:
    """What the file holds.

    Attributes:
        path: the JSON file.
        images, annotations, categories: id -> entry, in the file's order. Ids are whole numbers or texts; `image_id` and
            `category_id` of an annotation are ids that `images` and `categories` have.
    """

    path: Path
    images: Mapping[Any, dict]
    annotations: Mapping[Any, dict]
    categories: Mapping[Any, dict]


def read_coco(path: Path, remedy: str = "give the path of the JSON file: coco:PATH.json") -> CocoFile:
    """Reads a file and checks that its parts belong together; keypoints are not looked at, outlines are let go.

    An id 1.0 is 1. An `image_id` or `category_id` "1" refers to the id 1, and 1 to "1", where the file has one of the two.

    Args:
        path: the JSON file.
        remedy: what to type where there is none.

    Raises:
        DataError: file missing, cut short, not JSON, not COCO, ids missing, of another type or given twice, names that are no
            texts, or an annotation whose image or category is not there. The text names the file, the first id and how many.
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
    _connect(annotations, images, "image_id", "an image", path)
    _connect(annotations, categories, "category_id", "a category", path)
    return CocoFile(path, images, annotations, categories)


def _by_id(entries: list, what: str, path: Path) -> dict[Any, dict]:
    found: dict[Any, dict] = {}
    others, nameless, twice = {}, {}, []
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


def _kind(offenders: Mapping, verb: str = "is ") -> str:
    value = next(iter(offenders.values()), _MISSING)
    return f" ({verb}none)" if value is _MISSING else f" ({verb}{kind_of(value)})"


def _check_names(images: Mapping[Any, dict], path: Path) -> None:
    names = {i: image.get("file_name", _MISSING) for i, image in images.items()}
    lost = {i: name for i, name in names.items() if not is_file_name(name)}
    refuse_any("a file_name for every image: the name of a file", lost, "image", path, _kind(lost, "has "))


def _check_categories(categories: Mapping[Any, dict], path: Path) -> None:
    kinds = (
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


def _connect(annotations: Mapping[Any, dict], entries: Mapping[Any, dict], key: str, what: str, path: Path) -> None:
    """Makes every annotation's reference the id that the entry has.

    Raises:
        DataError: a reference to nothing.
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


def check_keypoint_lengths(file: CocoFile, categories: Collection, count: int) -> None:
    """Raises DataError unless every `keypoints` of these categories has 3 numbers for each of `count` joints."""
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


def read_joints(ann: dict, count: int) -> tuple[np.ndarray, np.ndarray]:
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
    flags = np.where(unplaced(ann, triples), 0, flags)
    known = flags > 0
    if not known.any():
        raise UnusableAnnotation("no labelled joint")
    if not np.isfinite(triples[known, :2]).all():
        raise UnusableAnnotation("joint coordinates that are not finite")
    if np.abs(triples[known, :2]).max() > FURTHEST_PX:
        raise UnusableAnnotation(f"joint coordinates beyond {FURTHEST_PX:,.0f} px")
    return np.where(known[:, None], triples[:, :2], 0).astype(np.float32), flags.astype(np.uint8)


def unplaced(ann: dict, triples: np.ndarray) -> np.ndarray:
    """(K,) joints flagged as labelled at exactly 0, 0 or -1, -1, where the box does not reach: what tools write for a joint without
    a place."""
    xy = triples[:, :2]
    corner = (triples[:, 2] > 0) & ((xy == 0).all(1) | (xy == -1).all(1))
    box = ann.get("bbox")
    boxed = isinstance(box, list) and len(box) == 4 and all(map(is_number, box)) and min(box[2:]) >= 1
    return corner & (not boxed or max(box[:2]) > 1)


def has_flag(file: CocoFile, categories: Collection, flag: int) -> bool:
    """Whether a joint of these categories has a visibility flag, anywhere in the file."""
    return any(
        ann["category_id"] in categories and isinstance(ann.get("keypoints"), list) and flag in ann["keypoints"][2::3]
        for ann in file.annotations.values()
    )


def is_crowd(ann: Mapping) -> bool:
    """Whether an annotation is one of a crowd; "0", "false" and "no" say that it is none, as 0 does."""
    value = ann.get("iscrowd")
    return (
        value.strip().lower() not in ("", "0", "0.0", "false", "no", "n", "none")
        if isinstance(value, str)
        else bool(value)
    )


def area_of(ann: Mapping) -> float | None:
    """An annotation's area in px^2; None where it has none, or one much too small for its box (a share of the picture)."""
    area, box = ann.get("area"), ann.get("bbox")
    if not is_number(area) or not 0 < area <= FURTHEST_PX**2:
        return None
    if isinstance(box, list) and len(box) == 4 and all(map(is_number, box)) and min(box[2:]) >= 1:
        w, h = box[2:]
        if area < SMALLEST_AREA * w * h:
            return None
    return area


class NoSize(UnusableAnnotation):
    """A box of zero size, or less than a pixel: what tools write where they know no box."""


def read_box(ann: dict, size_wh: tuple[int, int] | None) -> tuple[float, float, float, float] | None:
    """The annotation's box x, y, w, h in px; None where it has none.

    Raises:
        NoSize: a side below 1 px, but not below 0.
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
        raise NoSize("box of zero size" if w == 0 or h == 0 else "box of less than a pixel")
    if max(w, h) > (LARGEST_BOX * max(size_wh) if size_wh else FURTHEST_PX):
        raise UnusableAnnotation(f"box more than {LARGEST_BOX} times as large as its picture")
    if x + w <= 0 or y + h <= 0 or (size_wh and (x >= size_wh[0] or y >= size_wh[1])):
        raise UnusableAnnotation("box wholly outside the picture")
    return x, y, w, h


def size_of(image: dict) -> tuple[int, int] | None:
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
