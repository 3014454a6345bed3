"""Far targets, made from an animal's pictures: what an adaptation must not make worse, however little it can help there.

    NAME_third          every picture at a third of its size about the middle of the animal's box, black around it; the box stays
    NAME_upside_down    every picture turned by 180 degrees, box and joints with it

They are written into the run folder, below `far`, in the layout of --data: PNG pictures, and COCO files of the same splits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from zoopose.datasets.crops import crop_image
from zoopose.datasets.pictures import read_rgb
from zoopose.errors import DataError
from zoopose.files import atomic_path

SHRINK = 3
Made = tuple[np.ndarray, np.ndarray, list[float]]  # picture, keypoints (K, 3), box


def third(image: np.ndarray, keypoints: np.ndarray, box_xywh: list[float]) -> Made:
    """A picture shrunk by `SHRINK` about the middle of a box, which stays; black where the old picture ends.

    Args:
        image: (H, W, 3) uint8.
        keypoints: (K, 3) x, y, px, and COCO's flag.
        box_xywh: px.

    Returns:
        The picture, of the same size; its keypoints; the box as it was.
    """
    h, w = image.shape[:2]
    middle = np.array(box_xywh[:2]) + (np.array(box_xywh[2:]) - 1) / 2
    # pixel edges: x -> middle + (x - middle) / SHRINK
    left, top = middle + SHRINK * (-0.5 - middle)
    made = crop_image(image, np.array([left, top, SHRINK * w]), (h, w))
    moved = keypoints.astype(float).copy()
    moved[:, :2] = middle + (moved[:, :2] - middle) / SHRINK
    return made, _labelled(moved), list(box_xywh)


def upside_down(image: np.ndarray, keypoints: np.ndarray, box_xywh: list[float]) -> Made:
    """A picture turned by 180 degrees, with its keypoints and its box; see `third`."""
    h, w = image.shape[:2]
    x, y, width, height = box_xywh
    moved = keypoints.astype(float).copy()
    moved[:, :2] = np.array([w - 1, h - 1]) - moved[:, :2]
    return np.ascontiguousarray(image[::-1, ::-1]), _labelled(moved), [w - x - width, h - y - height, width, height]


FAR: Mapping[str, Callable[[np.ndarray, np.ndarray, list[float]], Made]] = {"third": third, "upside_down": upside_down}


def kind_of(name: str) -> tuple[str, str]:
    """(animal, kind) of a far target's name; ("", "") for the name of an animal."""
    for kind in FAR:
        if name.endswith(f"_{kind}") and name != f"_{kind}":
            return name.removesuffix(f"_{kind}"), kind
    return "", ""


def make(root: Path, run: Path, name: str) -> Path:
    """Write a far target's files, or find them there; returns the folder that holds it, in the layout of --data.

    Args:
        root: the folder of --data.
        run: the run folder.
        name: of the far target.

    Raises:
        DataError: no such animal, or a picture with several animals in it.
    """
    animal, kind = kind_of(name)
    out = run / "far"
    parts = [part for part in ("train", "test", "all") if (root / animal / f"{part}.json").is_file()]
    if not parts:
        raise DataError(f"{root / animal}/all.json, or train.json and test.json there", "none of them", "--data FOLDER")
    for part in parts:
        path = out / name / f"{part}.json"
        if path.is_file():
            continue  # written last: its pictures are there
        data = _made(root / animal, out / name, part, kind)
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(data), encoding="utf-8")
    return out


def _made(folder: Path, out: Path, part: str, kind: str) -> dict[str, Any]:
    """One COCO file of a far target; its pictures are written."""
    path = folder / f"{part}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        by_image = {image["id"]: [] for image in data["images"]}
        for annotation in data["annotations"]:
            by_image[annotation["image_id"]].append(annotation)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("a COCO keypoints file", f"{path}: {error!r}") from error
    images, annotations = [], []
    for image in data["images"]:
        own = by_image[image["id"]]
        if len(own) != 1:
            raise DataError("one animal in every picture, to be moved in it", f"{len(own)} in {image['file_name']}")
        keypoints = np.reshape(np.asarray(own[0]["keypoints"], float), (-1, 3))
        made, moved, box = FAR[kind](read_rgb(folder / image["file_name"]), keypoints, own[0]["bbox"])
        name = f"pictures/{part}/{Path(image['file_name']).stem}.png"
        with atomic_path(out / name) as temporary:
            cv2.imwrite(str(temporary), made[..., ::-1])
        images.append({**image, "file_name": name})
        annotations.append({**own[0], "keypoints": moved.round(3).ravel().tolist(), "bbox": [float(v) for v in box]})
    return {**data, "images": images, "annotations": annotations}


def _labelled(keypoints: np.ndarray) -> np.ndarray:
    """Zeros where nothing is labelled, as COCO has it."""
    return np.where(keypoints[:, 2:] > 0, keypoints, 0)
