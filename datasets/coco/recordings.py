"""Pictures that belong together: splits that do not divide a recording, and the frames of one animal in a video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...errors import DataError
from .file import Entry


def fraction_split(groups: Sequence[str], fraction: float, seed: int) -> list[bool]:
    """Draws whole groups until about `fraction` of the entries is taken; at least one group is left.

    Args:
        groups: N texts, entries with the same text stay together.
        fraction: share to take, 0 to 1.
        seed: of the draw, which does not depend on the order of the groups.

    Returns:
        N flags, True where taken.
    """
    sizes = {g: 0 for g in sorted(set(groups))}
    for g in groups:
        sizes[g] += 1
    names = list(sizes)
    wanted, count = fraction * len(groups), 0
    taken: set[str] = set()
    for i in np.random.default_rng(seed).permutation(len(names)):
        # half a group too many is as near as half a group too few
        if count + sizes[names[i]] / 2 <= wanted and len(taken) < len(names) - 1:
            taken.add(names[i])
            count += sizes[names[i]]
    if not taken and len(names) > 1 and fraction > 0:
        taken.add(min(names, key=lambda g: (sizes[g], g)))
    return [g in taken for g in groups]


def images_of_split(images: Mapping[Any, Entry], split: str, fraction: float, seed: int) -> set[Any]:
    """Ids of the images in a split: by their key `split` where all have one, else by a draw that does not divide recordings.

    Args:
        images: id -> entry with file_name and, where known, group, video_id, split.
        split: "train", "valid" or "all".
        fraction: share of the pictures in "valid".
        seed: of the draw.

    Raises:
        DataError: another split.
    """
    if split not in ("train", "valid", "all"):
        raise DataError("split train, valid or all", repr(split))
    if split == "all":
        return set(images)
    if images and all(image.get("split") in ("train", "valid") for image in images.values()):
        return {i for i, image in images.items() if image["split"] == split}
    groups = [
        as_text(image.get("group")) or as_text(video_of(image)) or image["file_name"] for image in images.values()
    ]
    if len(set(groups)) < 2:
        groups = [image["file_name"] for image in images.values()]
    valid = fraction_split(groups, fraction, seed)
    return {i for i, is_valid in zip(images, valid) if is_valid == (split == "valid")}


def order_shots(items: Sequence[tuple[Entry, Entry]], stem: str) -> tuple[list[str], list[int]]:
    """Finds the items that are successive frames of one animal.

    Args:
        items: (annotation, image) of every item.
        stem: name of the video where the images have frame numbers but no video.

    Returns:
        shot of every item ("" for a still), and the order of the items: those of a shot follow one another in the order of their
        frames, from the place of the first one.
    """
    keys = []
    for ann, image in items:
        if frame_of(image) is None:
            keys.append("")
            continue
        video = as_text(video_of(image)) or as_text(image.get("group")) or stem
        track = as_text(ann.get("track_id"))
        keys.append(f"{video}/{track}" if track else video)
    seen, crowded = set(), set()
    for key, (_, image) in zip(keys, items):
        place = key, frame_of(image)
        if place in seen:
            crowded.add(key)  # two animals in a frame, without `track_id`
        seen.add(place)
    shots = ["" if key in crowded else key for key in keys]
    first: dict[str, int] = {}
    for i, shot in enumerate(shots):
        first.setdefault(shot, i)
    order = sorted(range(len(items)), key=lambda i: (first[shots[i]], frame_of(items[i][1])) if shots[i] else (i, 0))
    return shots, order


def video_of(image: Entry) -> Any:
    """The video an image entry names, or None."""
    return image.get("video_id", image.get("vid_id"))


def frame_of(image: Entry) -> int | None:
    """The frame number of an image entry; None for a still."""
    value: Any = image.get("frame_id", image.get("frame"))
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if abs(number) < 2**31 else None


def as_text(value: Any) -> str:
    """A text or a number as text, other values as the empty text; halves of surrogate pairs are escaped."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "backslashreplace").decode()
