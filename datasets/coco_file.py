"""A COCO keypoints JSON file as plain data: read, checked as a whole, and one annotation at a time."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError
from ..pose.skeleton import Skeleton, from_coco_category
from .annotated import Unusable
from .json_file import none_of, read_json

log = logging.getLogger(__name__)

_COCO = "a COCO keypoints file: a JSON object with the lists 'images', 'annotations' and 'categories'"


@dataclass(frozen=True)
class CocoFile:
    """What the file holds.

    Attributes:
        path: the JSON file.
        images, annotations, categories: id -> entry, in the file's order.
    """

    path: Path
    images: Mapping[Any, dict]
    annotations: Mapping[Any, dict]
    categories: Mapping[Any, dict]


def read_coco(path: Path, remedy: str = "give the path of the JSON file: coco:PATH.json") -> CocoFile:
    """Reads a file and checks that its parts belong together; keypoints are not looked at, outlines are let go.

    Args:
        path: the JSON file.
        remedy: what to type where there is none.

    Raises:
        DataError: file missing, cut short, not JSON, not COCO, ids missing or given twice, or an annotation whose image
            or category is not there. The text names the file, the first id and how many.
    """
    data = read_json(path, _COCO, remedy, drop=("segmentation",))
    lists = ("images", "annotations", "categories")
    if not isinstance(data, dict) or not all(isinstance(data.get(key), list) for key in lists):
        if isinstance(data, dict):
            found = f"an object with {', '.join(map(repr, list(data)[:8])) or 'nothing'}"
        else:
            found = f"a {type(data).__name__}"
        raise DataError(
            _COCO, f"{path}: {found}", "convert the labels to COCO keypoints; datasets/README.md shows how it looks"
        )
    images, annotations, categories = (_by_id(data[key], key[:-1], path) for key in lists)
    nameless = [i for i, image in images.items() if not isinstance(image.get("file_name"), str)]
    none_of("a file_name for every image", nameless, "image", path)
    lost = [i for i, ann in annotations.items() if _get(images, ann.get("image_id")) is None]
    none_of("an image for every annotation's image_id", lost, "annotation", path)
    lost = [i for i, ann in annotations.items() if _get(categories, ann.get("category_id")) is None]
    none_of("a category for every annotation's category_id", lost, "annotation", path)
    return CocoFile(path, images, annotations, categories)


def _by_id(entries: list, what: str, path: Path) -> dict[Any, dict]:
    found: dict[Any, dict] = {}
    nameless, twice = [], []
    for number, entry in enumerate(entries):
        key = entry.get("id") if isinstance(entry, dict) else None
        if not isinstance(key, int | str):
            nameless.append(f"number {number}")
        elif key in found:
            twice.append(key)
        else:
            found[key] = entry
    none_of(f"an id for every {what}", nameless, what, path)
    none_of(f"{what} ids that are all different", twice, what, path)
    return found


def _get(entries: Mapping, key: Any) -> dict | None:
    return entries.get(key) if isinstance(key, int | str) else None


def choose_categories(file: CocoFile, category: str | int | None) -> dict[Any, dict]:
    """The categories to take, all with the same joints: id -> entry.

    Args:
        category: name or id; None for every category that annotations use.

    Raises:
        DataError: no such category, or categories with different joints and no choice made.
    """
    names = ", ".join(f"{entry.get('name')} (id {i})" for i, entry in list(file.categories.items())[:12])
    if category is not None:
        chosen = {i: c for i, c in file.categories.items() if category == c.get("name") or str(category) == str(i)}
        if not chosen:
            raise DataError(f"category {category!r} in {file.path}", names or "no category at all")
        return chosen
    used = {ann["category_id"] for ann in file.annotations.values()}
    chosen = {i: c for i, c in file.categories.items() if i in used} or dict(file.categories)
    # categories without joints stand beside the animals' in some files (boxes of other objects)
    with_joints = {i: c for i, c in chosen.items() if c.get("keypoints")}
    if len({tuple(map(str, c["keypoints"])) for c in with_joints.values()}) > 1:
        sizes = ", ".join(f"{c.get('name')}: {len(c['keypoints'])}" for c in with_joints.values())
        raise DataError(
            "categories with the same joints, or one category named",
            f"{file.path}: categories with different joints ({sizes})",
            f"choose one with category=: {names}",
        )
    return with_joints or chosen


def category_skeleton(file: CocoFile, categories: Mapping[Any, dict], joints: Sequence[str] | None) -> Skeleton | None:
    """The skeleton in the order of the file's keypoints; None where neither the categories nor `joints` name any."""
    if not categories:
        return None
    first = dict(next(iter(categories.values())))
    if len(categories) > 1:
        first["name"] = file.path.stem
    if not first.get("keypoints"):
        if not joints:
            return None
        first["keypoints"] = list(joints)
    first["skeleton"] = _limbs(first)
    return from_coco_category(first)


def _limbs(category: dict) -> list[tuple[int, int]]:
    """1-based limbs of a category; none where the file's cannot be meant, since they only serve to draw."""
    count = len(category["keypoints"])
    try:
        limbs = [(int(a), int(b)) for a, b in category.get("skeleton") or ()]
    except (TypeError, ValueError):
        limbs = [(-1, -1)]
    ends = [end for limb in limbs for end in limb]
    if ends and min(ends) == 0 and max(ends) < count:  # counted from 0, as some published files do
        return [(a + 1, b + 1) for a, b in limbs]
    if all(1 <= end <= count for end in ends):
        return limbs
    log.warning("limbs left out: those of category %r do not fit its %d joints", category.get("name"), count)
    return []


def select_joints(skeleton: Skeleton, joints: Sequence[str]) -> tuple[list[int], Skeleton]:
    """Columns of the named joints, and the skeleton of just those, in the order given.

    Raises:
        DataError: a joint the skeleton has not.
    """
    unknown = [name for name in joints if name not in skeleton.joints]
    if unknown:
        raise DataError(f"joints out of {', '.join(skeleton.joints)}", ", ".join(unknown))
    columns = [skeleton.joints.index(name) for name in joints]
    place = {column: i for i, column in enumerate(columns)}

    def moved(pairs):
        return tuple((place[a], place[b]) for a, b in pairs if a in place and b in place)

    groups = {g: tuple(place[c] for c in members if c in place) for g, members in skeleton.groups.items()}
    sigmas = None if skeleton.sigmas is None else tuple(skeleton.sigmas[c] for c in columns)
    names = tuple(skeleton.joints[c] for c in columns)
    return columns, Skeleton(
        skeleton.name,
        names,
        moved(skeleton.limbs),
        moved(skeleton.partners),
        {g: m for g, m in groups.items() if m},
        sigmas,
    )


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
        none_of(expected, wrong, "annotation", file.path, f" ({shape})")


def read_joints(ann: dict, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Keypoints of one annotation: xy (K, 2) float32, 0 where not labelled, and visible (K,) uint8.

    Raises:
        Unusable: none labelled; a coordinate of a labelled joint, or a flag, that is no proper number.
    """
    if not ann.get("keypoints"):
        raise Unusable("no labelled joint")
    try:
        triples = np.array(ann["keypoints"], np.float64).reshape(count, 3)
    except (TypeError, ValueError):
        raise Unusable("keypoints that are not numbers") from None
    flags = triples[:, 2]
    if not np.isin(flags, (0, 1, 2)).all():
        raise Unusable("visibility flags other than 0, 1 and 2")
    known = flags > 0
    if not known.any():
        raise Unusable("no labelled joint")
    if not np.isfinite(triples[known, :2]).all():
        raise Unusable("joint coordinates that are not finite")
    return np.where(known[:, None], triples[:, :2], 0).astype(np.float32), flags.astype(np.uint8)


def read_box(ann: dict, size_wh: tuple[int, int] | None) -> tuple[float, float, float, float] | None:
    """The annotation's box x, y, w, h in px; None where it has none.

    Raises:
        Unusable: a box that is not four finite numbers, has no size, or lies wholly outside the picture.
    """
    box = ann.get("bbox")
    if box is None or box == []:
        return None
    try:
        x, y, w, h = (float(v) for v in box)
    except (TypeError, ValueError):
        raise Unusable("box that is not four numbers") from None
    if not all(map(math.isfinite, (x, y, w, h))):
        raise Unusable("box that is not finite")
    if w <= 0 or h <= 0:
        raise Unusable("box of zero size")
    if x + w <= 0 or y + h <= 0 or (size_wh and (x >= size_wh[0] or y >= size_wh[1])):
        raise Unusable("box wholly outside the picture")
    return x, y, w, h


def size_of(image: dict) -> tuple[int, int] | None:
    """Width and height in px as the file gives them; None where it does not."""
    w, h = image.get("width"), image.get("height")
    if isinstance(w, int | float) and isinstance(h, int | float) and w >= 1 and h >= 1:
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
