"""Checks from the coordinates alone that an annotation file has joints in pixels, and boxes as x, y, width, height in pixels.

Every check compares two conventions for the same numbers: COCO's, and that of another format. A file is refused only where COCO's
convention contradicts itself (joints outside their boxes, boxes outside their pictures, poses of one pixel) and the other one does
not. All limits are chosen so that files with a few wrong annotations pass; none is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError

MIN_ANIMALS = 4  # animals that a check needs at least
MIN_ANIMALS_BY_JOINTS = 16  # the same, where only the places of joints speak for another convention
MIN_FITTING = 0.95  # share of joints, or boxes, that must fit the other convention
MIN_CONTRADICTING = 0.1  # share of animals that must contradict COCO's convention
MIN_OFFSET = 0.3  # of a box's side: distance of its corner from 0 at which corners and sizes can be told apart
LARGEST_SHARE = 1.05  # of a picture's side: coordinates in 0..1 of labels that lie a little outside
SLACK = 0.1  # of a box's side: labels lie a little outside their boxes
FAR_OUTSIDE = 0.1  # of a picture's side: distance at which joints and boxes count as far outside it
REMEDY = "convert them to pixels and write the file again; if they are right as they are, --as-is takes them so"


@dataclass
class Coordinates:
    """Coordinates of N annotations as a file has them; nan where it has none.

    Attributes:
        boxes: (N, 4).
        xy: (N, K, 2) labelled joints; None for a set without labels.
        size_wh: (N, 2) of the pictures.
    """

    boxes: np.ndarray
    xy: np.ndarray | None
    size_wh: np.ndarray


def coordinates_of(
    boxes: Sequence[Any],
    joints: Sequence[tuple[np.ndarray, np.ndarray]] | None,
    sizes_wh: Sequence[tuple[int, int] | None],
) -> Coordinates:
    """Collects the coordinates of annotations.

    Args:
        boxes: N values of `bbox`, of any type.
        joints: N pairs xy (K, 2) and flags (K,), or None.
        sizes_wh: N sizes of pictures, px; None where one is not known.
    """
    xy = None
    if joints is not None and len(joints):
        xy = np.stack([np.where(flags[:, None] > 0, at, np.nan) for at, flags in joints]).astype(np.float64)
    sizes = np.array([size or (np.nan, np.nan) for size in sizes_wh], np.float64).reshape(-1, 2)
    return Coordinates(np.array([_four(box) for box in boxes], np.float64).reshape(-1, 4), xy, sizes)


def _four(box: Any) -> tuple[float, ...]:
    try:
        found = tuple(map(float, box)) if isinstance(box, list | tuple) else ()
    except (TypeError, ValueError, OverflowError):
        found = ()
    # a box without size counts as missing
    whole = len(found) == 4 and all(map(np.isfinite, found)) and (found[2] > 0 or found[3] > 0)
    return found if whole else (np.nan,) * 4


def check_pixels(numbers: Coordinates, path: Path) -> None:
    """Refuses coordinates that are no pixels, and boxes that are not x, y, width, height.

    Raises:
        DataError: names what was found, and how many annotations have it.
    """
    with np.errstate(all="ignore"):
        found = _as_shares(numbers) or _as_percent(numbers) or _as_corners(numbers) or _as_centred_or_swapped(numbers)
    if found:
        what, example = found
        expected = "joints in pixels, and boxes as x, y, width, height in pixels"
        raise DataError(expected, f"{path}: {what}; e.g. {example}", REMEDY)


def check_results(numbers: Coordinates, path: Path) -> None:
    """Refuses predicted joints that are no pixels.

    Args:
        numbers: of M results: their joints, with box and picture of an annotated animal of the same picture.
        path: of the results, for the error.

    Raises:
        DataError: joints in 0..1, in percent, or as y, x.
    """
    xy = numbers.xy
    if xy is None:
        return
    with np.errstate(all="ignore"):
        found = _as_shares(replace(numbers, boxes=np.full_like(numbers.boxes, np.nan)))
        scaled = xy * (numbers.size_wh / 100)[:, None]
        as_is = _joints_in(xy, numbers.boxes)
        if not found and _within_100(xy) and _better(as_is, _joints_in(scaled, numbers.boxes)):
            what = "joints lie in the animals' boxes only when taken for percent of the pictures"
            found = what, _joints(xy[0])
        if not found and _better(as_is, _joints_in(xy[..., ::-1], numbers.boxes)):
            found = "joints lie in the animals' boxes only when taken for y, x", _joints(xy[0])
    if found:
        raise DataError("predicted joints x, y in pixels", f"{path}: {found[0]}; e.g. {found[1]}", REMEDY)


def doubts(numbers: Coordinates) -> list[str]:
    """What looks wrong about joints and boxes, and may be right; one clause each, for a warning."""
    found = []
    with np.errstate(all="ignore"):
        margin = FAR_OUTSIDE * numbers.size_wh
        if numbers.xy is not None:
            share = _joints_in(numbers.xy, numbers.boxes)
            asked, outside = np.isfinite(share).sum(), (share <= 0.5).sum()
            if outside and outside >= MIN_CONTRADICTING * asked:
                found.append(f"{outside} of {asked} animals have half of their joints, or more, outside their box")
            low, high = -margin[:, None], (numbers.size_wh + margin)[:, None]
            known = np.isfinite(numbers.xy).all(-1)
            outside = (known & ((numbers.xy < low) | (numbers.xy > high)).any(-1)).sum()
            if outside and outside >= MIN_CONTRADICTING * known.sum():
                found.append(f"{outside} of {known.sum()} joints lie far outside their picture")
        corners, asked = _corners_of(numbers.boxes), np.isfinite(numbers.boxes[:, 0]).sum()
        leave = ((corners[:, :2] < -margin) | (corners[:, 2:] > numbers.size_wh + margin)).any(1).sum()
        if leave and leave >= MIN_CONTRADICTING * asked:
            found.append(f"{leave} of {asked} boxes reach far beyond their picture")
    return found


def _as_shares(n: Coordinates) -> tuple[str, str] | None:
    """Joints or boxes in 0..1: no animal has all joints, or its box, within the first pixel of a picture."""
    large = ~(n.size_wh.max(1) < 4)
    if n.xy is not None:
        known = np.isfinite(n.xy).all(-1)
        several = (known.sum(1) >= min(2, known.shape[1])) & large
        inside = (np.abs(np.nan_to_num(n.xy)) <= LARGEST_SHARE).all((1, 2))
        fractions = (np.nan_to_num(n.xy) % 1 != 0).any((1, 2))
        rows = several & inside & fractions
        least = 1 if known.shape[1] > 1 else MIN_ANIMALS
        if rows.sum() >= least and rows.sum() >= MIN_CONTRADICTING * several.sum():
            return f"the joints of {rows.sum()} of {several.sum()} annotations lie in 0..1", _joints(n.xy[rows][0])
    boxed = np.isfinite(n.boxes[:, 0]) & large
    rows = boxed & (np.abs(n.boxes) <= LARGEST_SHARE).all(1) & (n.boxes % 1 != 0).any(1)
    if rows.any() and rows.sum() >= MIN_CONTRADICTING * boxed.sum():
        return f"the boxes of {rows.sum()} of {boxed.sum()} annotations lie in 0..1", _box(n.boxes[rows][0])
    return None


def _as_percent(n: Coordinates) -> tuple[str, str] | None:
    """Joints or boxes in 0..100, as in Label Studio."""
    scale = n.size_wh / 100
    boxes_scaled = n.boxes * np.tile(scale, 2)
    fills = "lie in 0..100 and fill that range, though the pictures are larger: percent"
    if n.xy is None:
        corners = _corners_of(n.boxes)
        if _within_100(corners) and _fills_100(corners.reshape(len(n.boxes), 2, 2), n.size_wh):
            return f"all its boxes {fills}", _box(n.boxes[0])
        return None
    if _within_100(n.xy):
        if _better(_joints_in(n.xy, n.boxes), _joints_in(n.xy * scale[:, None], n.boxes)):
            what = "its joints lie in their boxes only when taken for percent of the pictures' sides"
            return what, _joints(n.xy[0])
        outside = (n.xy > n.size_wh[:, None] + 2).any((1, 2))
        if outside.sum() >= MIN_ANIMALS / 2 and outside.mean() >= MIN_CONTRADICTING and np.isfinite(n.size_wh).all():
            return "its joints lie in the pictures only when taken for percent of their sides", _joints(n.xy[0])
        if _fills_100(n.xy, n.size_wh):
            return f"all its joints {fills}", _joints(n.xy[0])
    if _within_100(n.boxes) and _better(_joints_in(n.xy, n.boxes), _joints_in(n.xy, boxes_scaled)):
        return "its boxes hold their joints only when taken for percent of the pictures' sides", _box(n.boxes[0])
    return None


def _as_corners(n: Coordinates) -> tuple[str, str] | None:
    """Boxes as x1, y1, x2, y2. Where the corner is far from 0 the two conventions differ."""
    x, y, w, h = n.boxes.T
    apart = (x >= MIN_OFFSET * w) | (y >= MIN_OFFSET * h)
    ordered = (w > x) & (h > y)
    asked = apart & np.isfinite(x)
    if asked.sum() < MIN_ANIMALS or ordered[asked].mean() < MIN_FITTING:
        return None
    as_corners = np.stack([x, y, w - x, h - y], 1)
    what = "its boxes are x1, y1, x2, y2, two corners: "
    beyond: np.ndarray = np.asarray((_corners_of(n.boxes)[:, 2:] > n.size_wh * 1.02 + 1).any(1))[asked]
    if n.xy is not None:
        # in a box x, y, width, height some joints lie beyond x = width or y = height, since the box begins at x, not at 0
        inside = _joints_in(n.xy, as_corners)[asked]
        inside = inside[np.isfinite(inside)]
        enough = MIN_ANIMALS if beyond.mean() >= MIN_CONTRADICTING else MIN_ANIMALS_BY_JOINTS
        if len(inside) >= enough and inside.mean() >= MIN_FITTING:
            return what + "no joint lies beyond the second of them", _box(n.boxes[asked][0])
        return None
    fits = np.asarray((n.boxes[:, 2:] <= n.size_wh + 1).all(1))[asked]
    if np.isfinite(n.size_wh[asked]).all() and beyond.mean() >= 0.3 and fits.mean() >= MIN_FITTING:
        return what + "taken for width and height they leave their pictures", _box(n.boxes[asked][0])
    return None


def _as_centred_or_swapped(n: Coordinates) -> tuple[str, str] | None:
    """Boxes whose x, y is their centre; joints as y, x."""
    if n.xy is None:
        return None
    as_is = _joints_in(n.xy, n.boxes)
    boxes = n.boxes - np.concatenate([n.boxes[:, 2:] / 2, 0 * n.boxes[:, 2:]], 1)
    if _better(as_is, _joints_in(n.xy, boxes)):
        return "its boxes hold their joints only when x, y is taken for the middle of the box", _box(n.boxes[0])
    if _better(as_is, _joints_in(n.xy[..., ::-1], n.boxes)):
        return "its joints lie in their boxes only when taken for y, x", _joints(n.xy[0])
    return None


def _joints_in(xy: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(N,) share of an annotation's labelled joints in its box, nan without joints or box."""
    low = boxes[:, None, :2] - SLACK * boxes[:, None, 2:]
    high = boxes[:, None, :2] + (1 + SLACK) * boxes[:, None, 2:]
    known = np.isfinite(xy).all(-1)
    inside = ((xy >= low) & (xy <= high)).all(-1) & known
    share = inside.sum(1) / np.where(known.any(1), known.sum(1), np.nan)
    return np.where(np.isfinite(boxes).all(1), share, np.nan)


def _better(as_is: np.ndarray, otherwise: np.ndarray) -> bool:
    """Whether most joints lie outside with one convention and inside with the other."""
    both = np.isfinite(as_is) & np.isfinite(otherwise)
    return bool(both.sum() >= MIN_ANIMALS and as_is[both].mean() <= 0.7 and otherwise[both].mean() >= MIN_FITTING)


def _corners_of(boxes: np.ndarray) -> np.ndarray:
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], 1)


def _within_100(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return bool(known.size and known.min() >= -1 and known.max() <= 101)


def _fills_100(xy: np.ndarray, size_wh: np.ndarray) -> bool:
    """Whether points in 0..100 are spread as points of whole pictures are, and the pictures are much larger than 100 px."""
    flat = xy.reshape(-1, 2)
    flat = flat[np.isfinite(flat).all(-1)]
    large = np.isfinite(size_wh).all(1) & (size_wh >= 200).all(1)
    return bool(len(xy) >= 2 * MIN_ANIMALS and large.all() and len(flat) and (np.ptp(flat, axis=0) >= 60).all())


def _joints(xy: np.ndarray) -> str:
    known = xy[np.isfinite(xy).all(-1)][:3]
    return "joints at " + ", ".join(f"({x:.4g}, {y:.4g})" for x, y in known)


def _box(box: np.ndarray) -> str:
    return f"a box {[float(f'{v:.4g}') for v in box]}"
