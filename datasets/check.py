"""Counts that show what is wrong with a data set, and a sheet of pictures with their joints."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np

from ..commandline.limits import check_limits
from ..errors import DataError
from ..files import atomic_json, shown_name
from ..pose.skeleton import Skeleton
from ..progress import log, track
from .open import Subset, class_names, open_data, partner_pairs, warn_of_idle_data, warn_of_idle_split
from .options import CheckOptions
from .picture_paths import is_file
from .pictures import PictureError
from .sample import PoseDataset
from .sample_sheet import evenly_spaced, overlay_sheet

_SHOWN = 10
Rows = Callable[[Iterable[int]], Iterable[int]]


@runtime_checkable
class HasFiles(Protocol):
    """A data set of annotations, which says where each picture is."""

    boxes: np.ndarray

    def path_of(self, index: int) -> Path:
        """File of an item's picture, which need not be there."""
        ...


def check_data(options: CheckOptions) -> dict[str, Any]:
    """Check as the options say; prints the facts and writes the sheet."""
    check_limits(options)
    dataset = open_data(
        options.data,
        split=options.split,
        image_path=options.image_path,
        animal=options.animal,
        partners=partner_pairs(options.partners),
        need_pictures=False,
        classes=class_names(options.classes),
        min_size=options.min_size,
        category=options.category or None,
        as_is=options.as_is or None,
    )
    warn_of_idle_data(options)
    warn_of_idle_split(options.split, options.data)
    total = min(options.read or len(dataset), len(dataset))
    facts = check_source(dataset, options.read or None, lambda rows: track(rows, "reading", total))
    for line in shown(facts):
        log.info("%s", line)
    there = [i for i, missing in enumerate(missing_pictures(dataset)) if not missing]
    if there:
        log.info("sheet of 12 samples: %s", overlay_sheet(Subset(dataset, there), Path(options.sheet)))
    else:
        log.info("no sheet of samples: none of the pictures is there")
    if options.json:
        atomic_json(options.json, facts, 2)
    _say_missing(facts.get("missing_pictures", {"count": 0}))
    if facts["faulty"] and len(facts["faulty"]) == facts["read"]:
        first = facts["faulty"][0]
        found = f"none of {facts['read']} can be, the first: {first['path']}: {first['reason']}"
        raise DataError("pictures that can be read", found, "fetch the pictures again")
    return facts


def _say_missing(missing: dict[str, Any]) -> None:
    """Raises DataError where every picture is missing; says how many are where some are."""
    if not missing["count"]:
        return
    found = f"{missing['count']} of {missing['of']} are missing, the first: {missing['first'][0]}"
    if missing["count"] == missing["of"]:
        remedy = "put the pictures beside the annotations, as they name them"
        raise DataError("pictures of the annotations, which are counted above", found, remedy)
    log.warning("pictures: %s", found)


def shown(facts: dict[str, Any]) -> list[str]:
    """The facts as lines to print; long lists are cut, and say so."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines.append(name)
            lines += [f"  {key:<24} {_short(own)}" for key, own in value.items()]
        else:
            lines.append(f"{name:<26} {_short(value)}")
    return lines


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > _SHOWN:
        return f"{len(value)}, the first {_SHOWN}: {value[:_SHOWN]}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {own}" for key, own in value.items()) or "none"
    return str(value)


def check_source(
    dataset: PoseDataset,
    read: int | None = None,
    progress: Rows = iter,
) -> dict[str, Any]:
    """Facts about a data set, found by reading its pictures.

    Args:
        dataset: what to look at.
        read: read at most this many pictures, evenly spaced; None reads all.
        progress: wraps the item numbers while pictures are read, e.g. tqdm.

    Returns:
        plain data: `source` (what the set says of itself), `items`, `read`, `faulty` (path and reason of every picture
        that is there and cannot be read), `picture_px` and `box_px` (min, median, max of the longer side), `partners` (left/right
        pairs by name), `without_partner` (sided by name, but alone) and, where there are such, `suggested` (what to type); for
        sets with labels `joints` (name -> labelled, hidden),
        `joints_per_item` (min, median, max), `never_labelled`, `outside_picture` and `outside_box` (joints, and the first ids);
        for sets of annotations `classes` (class -> annotations), `skipped` (reason -> annotations left out) and
        `missing_pictures` (how many of how many, the first paths). What is missing is not opened; its boxes still count.
    """
    source = dict(dataset.describe())
    facts: dict[str, Any] = {"source": source, "items": len(dataset)}
    facts |= {key: source.pop(key) for key in ("classes", "skipped") if key in source}
    if dataset.skeleton is not None:
        facts |= _sides(dataset.skeleton)
    if dataset.labels is not None:
        facts |= _label_counts(dataset.labels, dataset.skeleton.joints)
    missing = missing_pictures(dataset)
    if isinstance(dataset, HasFiles):
        paths = {shown_name(dataset.path_of(i)): gone for i, gone in enumerate(missing)}
        lost = [path for path, gone in paths.items() if gone]
        facts["missing_pictures"] = {"count": len(lost), "of": len(paths), "first": lost[:5]}
    return facts | _read_all(dataset, evenly_spaced(len(dataset), read), missing, progress)


def missing_pictures(dataset: PoseDataset) -> list[bool]:
    """Whether the picture of each item is missing; False throughout for sets that do not say where their pictures are."""
    if not isinstance(dataset, HasFiles):
        return [False] * len(dataset)
    known: dict[Path, bool] = {}
    found = []
    for i in range(len(dataset)):
        path = dataset.path_of(i)
        if path not in known:
            known[path] = not is_file(path)
        found.append(known[path])
    return found


def _sides(skeleton: Skeleton) -> dict[str, Any]:
    pairs = [[skeleton.joints[a], skeleton.joints[b]] for a, b in skeleton.partners or ()]
    found = {"partners": pairs, "without_partner": list(skeleton.unpaired)}
    guess = skeleton.suggested_partners() if skeleton.unpaired else ""
    return found | ({"suggested": f"--partners {guess}"} if guess else {})


def _label_counts(labels: tuple[np.ndarray, np.ndarray], names: Sequence[str]) -> dict[str, Any]:
    visible = np.asarray(labels[1])
    labelled, hidden = (visible > 0).sum(0), (visible == 1).sum(0)
    return {
        "joints": {n: {"labelled": int(a), "hidden": int(b)} for n, a, b in zip(names, labelled, hidden)},
        "joints_per_item": _spread((visible > 0).sum(1)),
        "never_labelled": [n for n, count in zip(names, labelled) if not count],
    }


def _read_all(dataset: PoseDataset, indices: list[int], missing: list[bool], progress: Rows) -> dict[str, Any]:
    faulty: list[dict[str, str]] = []
    sides: list[float] = []
    boxes: list[float] = []
    opened = 0
    outside: dict[str, dict[str, Any]] = {
        "outside_picture": {"joints": 0, "ids": []},
        "outside_box": {"joints": 0, "ids": []},
    }
    for i in progress(indices):
        frames: dict[str, Sequence[float]] = {}
        if missing[i]:
            box = cast(HasFiles, dataset).boxes[i]
        else:
            opened += 1
            try:
                sample = dataset[i]
            except PictureError as error:
                faulty.append({"path": error.path, "reason": error.reason})
                continue
            h, w = sample.image.shape[:2]
            sides.append(max(h, w))
            frames["outside_picture"], box = (0, 0, w, h), sample.box_xywh
        if max(box[2:]) > 0:  # else the whole of a picture whose size is not known
            boxes.append(max(box[2:]))
            frames["outside_box"] = box
        if dataset.labels is not None:
            xy, visible = (part[i] for part in dataset.labels)
            _count_outside(xy[visible > 0], dataset.ids[i], frames, outside)
    for entry in outside.values():
        entry["ids"] = entry["ids"][:5]
    labels = outside if dataset.labels is not None else {}
    return {"read": opened, "faulty": faulty, "picture_px": _spread(sides), "box_px": _spread(boxes), **labels}


def _count_outside(
    xy: np.ndarray, name: str, frames: dict[str, Sequence[float]], outside: dict[str, dict[str, Any]]
) -> None:
    # boxes and pictures are counted in pixel edges, joints in pixel centres
    for key, (x, y, wide, high) in frames.items():
        low, high_xy = np.array([x, y]) - 1, np.array([x + wide, y + high])
        count = int(((xy < low) | (xy > high_xy)).any(-1).sum())
        if count:
            outside[key]["joints"] += count
            outside[key]["ids"].append(name)


def _spread(values: Iterable[float]) -> dict[str, float] | None:
    values = np.asarray(values, np.float64)
    if not len(values):
        return None
    low, median, high = (round(float(v), 2) for v in (values.min(), np.median(values), values.max()))
    return {"min": low, "median": median, "max": high}
