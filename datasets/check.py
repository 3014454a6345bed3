"""Checks a data set: counts what is wrong with it, and draws a sheet of pictures with their joints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..commandline.limits import check_limits
from ..errors import DataError
from ..files import atomic_json, shown_name
from ..pose.skeleton import Skeleton
from ..progress import log, track
from .annotated_pictures import AnnotatedPictures
from .open import class_names, open_data, partner_pairs, warn_of_idle_data, warn_of_idle_split
from .options import CheckOptions
from .picture_paths import is_file
from .pictures import PictureError
from .sample import Labels, PoseDataset
from .sample_sheet import evenly_spaced, overlay_sheet
from .views import Subset

_SHOWN = 10  # entries of a long list that are printed


def check_data(options: CheckOptions) -> dict[str, Any]:
    """Checks the data set that the options name; prints the facts and writes the sheet.

    Raises:
        DataError: no picture is there, or none can be read.
    """
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
    _report_missing(facts.get("missing_pictures", {"count": 0}))
    if facts["faulty"] and len(facts["faulty"]) == facts["read"]:
        first = facts["faulty"][0]
        found = f"none of {facts['read']} can be, the first: {first['path']}: {first['reason']}"
        raise DataError("pictures that can be read", found, "fetch the pictures again")
    return facts


def _report_missing(missing: dict[str, Any]) -> None:
    """Warns where some pictures are missing; raises DataError where all are."""
    if not missing["count"]:
        return
    found = f"{missing['count']} of {missing['of']} are missing, the first: {missing['first'][0]}"
    if missing["count"] == missing["of"]:
        remedy = "put the pictures into the folder of the annotations, with the names used there"
        raise DataError("pictures of the annotations, which are counted above", found, remedy)
    log.warning("pictures: %s", found)


def shown(facts: dict[str, Any]) -> list[str]:
    """The facts as lines to print; of long lists the length and the first entries."""
    lines = []
    for name, value in facts.items():
        if isinstance(value, dict):
            lines.append(name)
            lines += [f"  {key:<24} {_short(entry)}" for key, entry in value.items()]
        else:
            lines.append(f"{name:<26} {_short(value)}")
    return lines


def _short(value: Any) -> str:
    if isinstance(value, list) and len(value) > _SHOWN:
        return f"{len(value)}, the first {_SHOWN}: {value[:_SHOWN]}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {entry}" for key, entry in value.items()) or "none"
    return str(value)


def check_source(
    dataset: PoseDataset,
    read: int | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> dict[str, Any]:
    """Facts of a data set, collected by reading its pictures.

    Args:
        dataset: to check.
        read: read at most this many pictures, evenly spaced; None reads all.
        progress: wraps the item numbers while pictures are read, e.g. tqdm.

    Returns:
        plain data. Of all sets: `source` (what `describe` says), `items`, `read`, `faulty` (path and reason of every picture that
        is there and cannot be read), `picture_px` and `box_px` (min, median, max of the longer side). Of sets with known joints:
        `partners` (left/right pairs), `without_partner` (joints that look left or right and have no partner), `suggested` (what
        to type). Of sets with labels: `joints` (name -> labelled, hidden), `joints_per_item` (min, median, max),
        `never_labelled`, `outside_picture` and `outside_box` (number of joints, first ids). Of sets of annotations: `classes`
        (class -> annotations), `skipped` (reason -> annotations left out), `missing_pictures` (number of missing and of all,
        first paths). Missing pictures are not opened; their boxes still count.
    """
    source = dict(dataset.describe())
    facts: dict[str, Any] = {"source": source, "items": len(dataset)}
    facts |= {key: source.pop(key) for key in ("classes", "skipped") if key in source}
    if dataset.skeleton.joints:
        facts |= _sides(dataset.skeleton)
    if dataset.labels is not None:
        facts |= _label_counts(dataset.labels, dataset.skeleton.joints)
    missing = missing_pictures(dataset)
    if isinstance(dataset, AnnotatedPictures):
        paths = {shown_name(dataset.path_of(i)): gone for i, gone in enumerate(missing)}
        lost = [path for path, gone in paths.items() if gone]
        facts["missing_pictures"] = {"count": len(lost), "of": len(paths), "first": lost[:5]}
    return facts | _read_all(dataset, evenly_spaced(len(dataset), read), missing, progress)


def missing_pictures(dataset: PoseDataset) -> list[bool]:
    """Whether the picture of each item is missing; False for all items of sets without annotations."""
    if not isinstance(dataset, AnnotatedPictures):
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


def _label_counts(labels: Labels, names: Sequence[str]) -> dict[str, Any]:
    visible = np.asarray(labels[1])
    labelled, hidden = (visible > 0).sum(0), (visible == 1).sum(0)
    return {
        "joints": {n: {"labelled": int(a), "hidden": int(b)} for n, a, b in zip(names, labelled, hidden)},
        "joints_per_item": _spread((visible > 0).sum(1)),
        "never_labelled": [n for n, count in zip(names, labelled) if not count],
    }


class _Outside:
    """Counts labelled joints outside their picture, and outside their box."""

    def __init__(self) -> None:
        self.joints = Counter[str]()
        self.ids: dict[str, list[str]] = {"outside_picture": [], "outside_box": []}

    def add(self, xy_px: np.ndarray, frames: Mapping[str, Sequence[float] | np.ndarray], item_id: str) -> None:
        """Adds the labelled joints (n, 2) of an item; `frames` are boxes x, y, w, h in pixel edges by name."""
        for name, (x, y, wide, high) in frames.items():
            # boxes and pictures are counted in pixel edges, joints in pixel centres
            low, high_xy = np.array([x, y]) - 1, np.array([x + wide, y + high])
            count = int(((xy_px < low) | (xy_px > high_xy)).any(-1).sum())
            if count:
                self.joints[name] += count
                self.ids[name].append(item_id)

    def facts(self) -> dict[str, Any]:
        """Number of joints and first ids, by name."""
        return {name: {"joints": self.joints[name], "ids": ids[:5]} for name, ids in self.ids.items()}


def _read_all(
    dataset: PoseDataset,
    indices: list[int],
    missing: list[bool],
    progress: Callable[[Iterable[int]], Iterable[int]],
) -> dict[str, Any]:
    faulty: list[dict[str, str]] = []
    sides: list[float] = []
    boxes: list[float] = []
    opened, outside = 0, _Outside()
    for i in progress(indices):
        frames: dict[str, Sequence[float] | np.ndarray] = {}
        if missing[i] and isinstance(dataset, AnnotatedPictures):
            box = dataset.boxes[i]
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
        if max(box[2:]) > 0:  # else the box is the whole of a picture whose size is not known
            boxes.append(max(box[2:]))
            frames["outside_box"] = box
        if dataset.labels is not None:
            xy, visible = dataset.labels[0][i], dataset.labels[1][i]
            outside.add(xy[visible > 0], frames, dataset.ids[i])
    labels = outside.facts() if dataset.labels is not None else {}
    return {"read": opened, "faulty": faulty, "picture_px": _spread(sides), "box_px": _spread(boxes), **labels}


def _spread(values: Sequence[float] | np.ndarray) -> dict[str, float] | None:
    array = np.asarray(values, np.float64)
    if not len(array):
        return None
    low, median, high = (round(float(v), 2) for v in (array.min(), np.median(array), array.max()))
    return {"min": low, "median": median, "max": high}
