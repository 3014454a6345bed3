"""Categories of a COCO keypoints file: which to take, and the skeleton that they have."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from ...errors import DataError
from ...files import plain
from ...pose.skeleton import Skeleton, from_coco_category
from .file import CocoFile

log = logging.getLogger(__name__)

_SHOWN = 12
CHOOSE = "--category NAME or ID (of the target: --target-category)"


class NoSuchCategory(DataError):
    """A file has no category of the name or id that was asked for."""


def choose_categories(file: CocoFile, category: str | int | None) -> dict[Any, dict]:
    """The categories to take, all with the same joints: id -> entry.

    Args:
        category: name or id, or several with commas; None or "" for every category that annotations use.

    Raises:
        NoSuchCategory: the file has none of that name or id.
        DataError: categories with different joints.
    """
    if category is not None and str(category).strip():
        chosen = _named(file, str(category).strip())
    else:
        used = {ann["category_id"] for ann in file.annotations.values()}
        chosen = {i: c for i, c in file.categories.items() if i in used} or dict(file.categories)
    # categories without joints stand beside the animals' in some files (boxes of other objects)
    with_joints = {i: c for i, c in chosen.items() if c.get("keypoints")}
    if len({tuple(map(str, c["keypoints"])) for c in with_joints.values()}) > 1:
        sizes = ", ".join(f"{_name(c)}: {len(c['keypoints'])}" for c in list(with_joints.values())[:_SHOWN])
        raise DataError(
            "categories with the same joints, or one category named",
            f"{file.path}: categories with different joints ({sizes})",
            f"{CHOOSE}, out of {_names(with_joints)}",
        )
    return with_joints or chosen


def _named(file: CocoFile, text: str) -> dict[Any, dict]:
    """The categories of a name or an id, names first; of several with commas where no category has the whole text for a name."""
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


def _name(category: Mapping) -> str:
    name = category.get("name")
    return "" if name is None else str(name)


def _names(categories: Mapping[Any, dict]) -> str:
    shown = ", ".join(f"{plain(_name(c))} (id {plain(str(i))})" for i, c in list(categories.items())[:_SHOWN])
    rest = len(categories) - _SHOWN
    return shown + (f" and {rest} more" if rest > 0 else "")


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
