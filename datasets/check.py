"""Look at a data set before training on it: counts that show what is wrong, and a sheet of pictures with their joints.

Examples:

    zoopose data check coco:horse/train.json

    zoopose data check real_animal --image-path ./animal_data/ --animal tiger --sheet tiger.png

    zoopose data check video:cows.mp4 --read 50
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import tyro

from ..errors import DataError
from ..pose import geometry
from ..pose.atomic import atomic_path
from ..pose.draw import draw_pose
from ..pose.skeleton import Skeleton
from ..progress import log, track
from .crops import crop_image
from .pictures import PictureError
from .sample import PoseDataset
from .sources import open_source, partner_pairs

TILE_PX = 256
_CAPTION_PX = 18
_PAPER, _INK = (250, 250, 250), (60, 60, 60)


@dataclass
class CheckOptions:
    """`zoopose data check`."""

    data: Annotated[str, tyro.conf.Positional]
    """the data set, NAME[:PATH]"""
    split: Literal["train", "valid", "all"] = "all"
    """which part"""
    image_path: str = "./animal_data/"
    """root of the published data sets"""
    animal: str = "horse"
    """species, for data sets that hold several"""
    partners: str = ""
    """left/right pairs of a COCO file whose names do not tell: LEFT:RIGHT,LEFT:RIGHT,..."""
    read: int = 0
    """read so many pictures, evenly spread; 0: all"""
    sheet: str = "data_check.png"
    """where the sheet of 12 samples goes"""
    json: str = ""
    """also write the facts here"""


def run(options: CheckOptions) -> dict[str, Any]:
    """Check as the options say; prints the facts and writes the sheet."""
    pairs = partner_pairs(options.partners)
    dataset = open_source(
        options.data, split=options.split, image_path=options.image_path, animal=options.animal, partners=pairs
    )
    total = min(options.read or len(dataset), len(dataset))
    facts = check_source(dataset, options.read or None, lambda rows: track(rows, "reading", total))
    for name, value in facts.items():
        if isinstance(value, dict):
            log.info("%s", name)
            for key, own in value.items():
                log.info("  %-24s %s", key, own)
        else:
            log.info("%-26s %s", name, value)
    if dataset.skeleton is not None:
        log.info("sheet of 12 samples: %s", overlay_sheet(dataset, Path(options.sheet)) or options.sheet)
    if options.json:
        with atomic_path(options.json) as temporary:
            temporary.write_text(json.dumps(facts, indent=2, default=str) + "\n")
    return facts


def check_source(
    dataset: PoseDataset,
    read: int | None = None,
    progress: Callable[[Iterable[int]], Iterable[int]] = iter,
) -> dict[str, Any]:
    """Facts about a data set, found by reading its pictures.

    Args:
        dataset: what to look at.
        read: read at most this many pictures, evenly spaced; None reads all.
        progress: wraps the item numbers while pictures are read, e.g. tqdm.

    Returns:
        plain data: `source` (what the set says of itself), `items`, `read`, `faulty` (path and reason of every picture
        that cannot be read), `picture_px` and `box_px` (min, median, max of the longer side), `partners` (left/right
        pairs by name) and `without_partner` (sided by name, but alone), and for sets with labels `joints` (name ->
        labelled, hidden), `joints_per_item` (min, median, max), `never_labelled`, `outside_picture` and `outside_box`
        (joints, and the first ids).
    """
    facts: dict[str, Any] = {"source": dict(dataset.describe()), "items": len(dataset)}
    if dataset.skeleton is not None:
        facts |= _sides(dataset.skeleton)
    if dataset.labels is not None:
        facts |= _label_counts(dataset)
    return facts | _read_all(dataset, evenly(len(dataset), read), progress)


def _sides(skeleton: Skeleton) -> dict[str, Any]:
    paired = {i for pair in skeleton.partners for i in pair}
    words = [set(name.lower().replace("-", "_").split("_")) for name in skeleton.joints]
    alone = [n for i, n in enumerate(skeleton.joints) if words[i] & {"l", "r", "left", "right"} and i not in paired]
    pairs = [[skeleton.joints[a], skeleton.joints[b]] for a, b in skeleton.partners]
    return {"partners": pairs, "without_partner": alone}


def _label_counts(dataset: PoseDataset) -> dict[str, Any]:
    visible = np.asarray(dataset.labels[1])
    labelled, hidden = (visible > 0).sum(0), (visible == 1).sum(0)
    names = dataset.skeleton.joints
    return {
        "joints": {n: {"labelled": int(a), "hidden": int(b)} for n, a, b in zip(names, labelled, hidden)},
        "joints_per_item": _spread((visible > 0).sum(1)),
        "never_labelled": [n for n, count in zip(names, labelled) if not count],
    }


def _read_all(dataset: PoseDataset, indices: list[int], progress: Callable) -> dict[str, Any]:
    faulty, sides, boxes = [], [], []
    outside = {"outside_picture": {"joints": 0, "ids": []}, "outside_box": {"joints": 0, "ids": []}}
    for i in progress(indices):
        try:
            sample = dataset[i]
        except PictureError as error:
            faulty.append({"path": error.path, "reason": error.reason})
            continue
        h, w = sample.image.shape[:2]
        sides.append(max(h, w))
        boxes.append(max(sample.box_xywh[2:]))
        xy = sample.xy_px[sample.visible > 0]
        # boxes and pictures are counted in pixel edges, joints in pixel centres
        for key, (x, y, wide, high) in (("outside_picture", (0, 0, w, h)), ("outside_box", sample.box_xywh)):
            low, high = np.array([x, y]) - 1, np.array([x + wide, y + high])
            count = int(((xy < low) | (xy > high)).any(-1).sum())
            if count:
                outside[key]["joints"] += count
                outside[key]["ids"].append(sample.meta["id"])
    for entry in outside.values():
        entry["ids"] = entry["ids"][:5]
    labels = outside if dataset.labels is not None else {}
    return {"read": len(indices), "faulty": faulty, "picture_px": _spread(sides), "box_px": _spread(boxes), **labels}


def _spread(values: Iterable[float]) -> dict[str, float] | None:
    values = np.asarray(values, np.float64)
    if not len(values):
        return None
    low, median, high = (round(float(v), 2) for v in (values.min(), np.median(values), values.max()))
    return {"min": low, "median": median, "max": high}


def evenly(count: int, n: int | None) -> list[int]:
    """At most n whole numbers below `count`, evenly spaced from the first to the last; all of them for None."""
    if n is None or n >= count:
        return list(range(count))
    return sorted({int(i) for i in np.linspace(0, count - 1, n).round()}) if n > 0 else []


def overlay_sheet(dataset: PoseDataset, path: str | Path, n: int = 12, columns: int = 4) -> Path:
    """Writes a PNG sheet of n items, evenly spaced: the crop the network would see, with the labelled joints drawn in.

    Args:
        dataset: with or without labels.
        path: where to write; the folder is created.
        n: how many items.
        columns: tiles beside each other.

    Raises:
        DataError: a data set without items.
    """
    indices = evenly(len(dataset), n)
    if not indices:
        raise DataError("at least one item to draw", f"{len(dataset)} items, {n} asked for")
    tiles = [_tile(dataset, i) for i in indices]
    columns = min(columns, len(tiles))
    blank = np.full_like(tiles[0], _PAPER[0])
    tiles += [blank] * (-len(tiles) % columns)
    rows = [np.hstack(tiles[i : i + columns]) for i in range(0, len(tiles), columns)]
    with atomic_path(Path(path).with_suffix(".png")) as temporary:
        if not cv2.imwrite(str(temporary), cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)):
            raise DataError("a picture that can be written", f"OpenCV could not write {path}")
    return Path(path).with_suffix(".png")


def _tile(dataset: PoseDataset, index: int) -> np.ndarray:
    """(TILE_PX + caption, TILE_PX, 3) uint8."""
    try:
        sample = dataset[index]
    except PictureError as error:
        crop, caption = np.full((TILE_PX, TILE_PX, 3), 200, np.uint8), f"{Path(error.path).name}: {error.reason}"
    else:
        square = geometry.square_box(sample.box_xywh, dataset.crop_factor)
        crop = crop_image(sample.image, square, TILE_PX)
        if dataset.skeleton is not None and sample.visible.any():
            xy = geometry.apply(geometry.crop_matrix(square, TILE_PX), sample.xy_px.astype(np.float64))
            crop = draw_pose(crop, xy, dataset.skeleton, sample.visible > 0)
        caption = str(sample.meta["id"])
    strip = np.full((_CAPTION_PX, TILE_PX, 3), _PAPER, np.uint8)
    # the end of an id tells items apart; cv2's font knows ASCII only
    text = caption.encode("ascii", "replace").decode()[-40:]
    cv2.putText(strip, text, (3, _CAPTION_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.36, _INK, 1, cv2.LINE_AA)
    return np.vstack([crop, strip])
