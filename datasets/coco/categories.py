"""Categories of a COCO keypoints file: chooses those to read, and makes their skeleton."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ...errors import DataError
from ...files import plain
from ...pose.skeleton import Skeleton, from_coco_category
from .file import CocoFile, Entry

log = logging.getLogger(__name__)

_SHOWN = 12  # categories that an error names
CHOOSE = "--category NAME or ID (of the target: --target-category)"


class NoSuchCategory(DataError):
    """The file has no category of the name or id given."""


def choose_categories(file: CocoFile, category: str | int | None) -> dict[Any, Entry]:
    """The categories to take, all with the same joints: id -> entry.

    Args:
        category: name or id, or several with commas; None or "" for every category that annotations use.

    Raises:
        NoSuchCategory: the file has no category of that name or id.
        DataError: the categories have different joints.
    """
    if category is not None and str(category).strip():
        chosen = _named(file, str(category).strip())
    else:
        used = {ann["category_id"] for ann in file.annotations.values()}
        chosen = {i: c for i, c in file.categories.items() if i in used} or dict(file.categories)
    # some files also have categories without joints: boxes of other objects
    with_joints = {i: c for i, c in chosen.items() if c.get("keypoints")}
    if len({tuple(map(str, c["keypoints"])) for c in with_joints.values()}) > 1:
        sizes = ", ".join(f"{_name(c)}: {len(c['keypoints'])}" for c in list(with_joints.values())[:_SHOWN])
        raise DataError(
            "categories with the same joints, or one category named",
            f"{file.path}: categories with different joints ({sizes})",
            f"{CHOOSE}, out of {_names(with_joints)}",
        )
    return with_joints or chosen


def _named(file: CocoFile, text: str) -> dict[Any, Entry]:
    """The categories of a name, else of an id, else of several names or ids with commas."""
    found = {i: c for i, c in file.categories.items() if _name(c) == text} or {
        i: c for i, c in file.categories.items() if str(i) == text
    }
    if found:
        return found
    if "," in text:
        parts = [_named(file, part.strip()) for part in text.split(",") if part.strip()]
        return {i: c for part in parts for i, c in part.items()}
    remedy = f"{CHOOSE}, as the file has it, or leave it out"
    names = _names(file.categories) or "no category at all"
    raise NoSuchCategory(f"category {text!r} in {file.path}", names, remedy)


def _name(category: Mapping[str, Any]) -> str:
    name = category.get("name")
    return "" if name is None else str(name)


def _names(categories: Mapping[Any, Entry]) -> str:
    shown = ", ".join(f"{plain(_name(c))} (id {plain(str(i))})" for i, c in list(categories.items())[:_SHOWN])
    rest = len(categories) - _SHOWN
    return shown + (f" and {rest} more" if rest > 0 else "")


def category_skeleton(file: CocoFile, categories: Mapping[Any, Entry], joints: Sequence[str] | None) -> Skeleton | None:
    """The skeleton in the order of the file's keypoints; None where neither the categories nor `joints` name joints."""
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


def _limbs(category: Entry) -> list[tuple[int, int]]:
    """1-based limbs of a category; empty where they do not fit its joints, with a warning: limbs are only used to draw."""
    count = len(category["keypoints"])
    try:
        limbs = [(int(a), int(b)) for a, b in category.get("skeleton") or ()]
    except (TypeError, ValueError, OverflowError):
        limbs = [(-1, -1)]
    ends = [end for limb in limbs for end in limb]
    if ends and min(ends) == 0 and max(ends) < count:  # counted from 0, as some published files do
        return [(a + 1, b + 1) for a, b in limbs]
    if all(1 <= end <= count for end in ends):
        return limbs
    log.warning("limbs left out: those of category %r do not fit its %d joints", plain(_name(category)), count)
    return []


def select_joints(skeleton: Skeleton, joints: Sequence[str]) -> tuple[list[int], Skeleton]:
    """Columns of the named joints, and the skeleton of just those, in the order given.

    Raises:
        DataError: the skeleton does not have a joint.
    """
    unknown = [name for name in joints if name not in skeleton.joints]
    if unknown:
        raise DataError(f"joints out of {', '.join(skeleton.joints)}", ", ".join(unknown))
    columns = [skeleton.joints.index(name) for name in joints]
    place = {column: i for i, column in enumerate(columns)}

    def moved(pairs: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        return tuple((place[a], place[b]) for a, b in pairs if a in place and b in place)

    groups = {g: tuple(place[c] for c in members if c in place) for g, members in skeleton.groups.items()}
    sigmas = None if skeleton.sigmas is None else tuple(skeleton.sigmas[c] for c in columns)
    names = tuple(skeleton.joints[c] for c in columns)
    return columns, Skeleton(
        skeleton.name,
        names,
        moved(skeleton.limbs),
        moved(skeleton.partners or ()),
        {g: m for g, m in groups.items() if m},
        sigmas,
    )
