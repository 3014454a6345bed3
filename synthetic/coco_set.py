"""Writes frames as sets of COCO keypoints: pictures, a JSON file for training, and one for validation.

Pieces (one picture, or the frames of one video) are written one by one, each with a note of its images and annotations. The JSON
files come last. A run that was stopped continues, and more pieces may be added later: the bytes are the same.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..files import atomic_path
from ..pose.skeleton import Skeleton
from ..progress import log
from .frames import Frame
from .writers import Pool, Progress, made_folder, replace_file, write_picture

SPLITS = ("train", "valid")
_PARTS = ".parts"
Records = dict[str, list[dict[str, Any]]]  # "images" and "annotations" -> entries of the JSON file


@dataclass(frozen=True)
class Drawn:
    """A picture that was drawn for a set, not yet written.

    Attributes:
        file_name: in the set.
        frame: picture and truth.
        category_id: of the animal.
        extra: further keys of the image's entry in the JSON file, such as its video.
    """

    file_name: str
    frame: Frame
    category_id: int
    extra: dict[str, Any]


@dataclass(frozen=True)
class CocoSet:
    """A set: where it is written and how its pictures are drawn.

    Attributes:
        folder: of the set.
        files: split -> JSON file below `folder`.
        pictures: split -> folder below `folder` from which file names start.
        categories: as the files have them.
        pieces: their number; they count from 0, and each has `per_piece` pictures.
        held_out: N: every N-th round of pieces is for validation.
        round: pieces in a round: the number of species, in sets whose pieces show one species after the other.
        draw: piece -> its pictures; it must be picklable.
        about: description in the JSON files, one line.
    """

    folder: Path
    files: dict[str, str]
    pictures: dict[str, str]
    categories: Sequence[dict[str, Any]]
    pieces: int
    per_piece: int
    held_out: int
    draw: Callable[[int], list[Drawn]]
    round: int = 1
    about: str = ""

    def split_of(self, piece: int) -> str:
        """train or valid; the same however many pieces there are."""
        return SPLITS[piece // self.round % self.held_out == self.held_out - 1]


def category(skeleton: Skeleton, number: int, name: str, family: str) -> dict[str, Any]:
    """A COCO category with the joints of a skeleton."""
    limbs = [[a + 1, b + 1] for a, b in skeleton.limbs]
    return {"supercategory": family, "id": number, "name": name, "keypoints": list(skeleton.joints), "skeleton": limbs}


def annotation_of(frame: Frame) -> dict[str, Any] | None:
    """Annotation of a frame in COCO's format; None where nothing of the animal is in the picture.

    bbox (x, y, w, h in pixel edges), area and segmentation are those of the visible silhouette. Joints out of the picture are
    0, 0, 0; hidden ones have v 1, seen ones v 2; coordinates have pixel centres at integers.
    """
    ys, xs = np.nonzero(frame.seg)
    if not len(xs):
        return None
    height, width = frame.seg.shape
    xy = frame.xy_px.astype(np.float64)
    inside = (xy >= -0.5).all(1) & (xy < [width - 0.5, height - 0.5]).all(1) & (frame.joint_depth_cm > 5)
    v = np.where(inside, np.where(frame.visible, 2, 1), 0)
    keypoints = []
    for (x, y), flag in zip(xy.round(2).tolist(), v.tolist()):
        keypoints += [x, y, flag] if flag else [0, 0, 0]
    x0, y0 = int(xs.min()), int(ys.min())
    box = [x0, y0, int(xs.max()) + 1 - x0, int(ys.max()) + 1 - y0]
    return {
        "bbox": box,
        "area": int(frame.seg.sum()),
        "iscrowd": 0,
        "num_keypoints": int((v > 0).sum()),
        "keypoints": keypoints,
        "segmentation": _polygons(frame.seg, box),
    }


def _polygons(seg: np.ndarray, box_xywh: list[int]) -> list[list[float]]:
    """Outlines of the silhouette in pixel edges; its box where it is too thin for one."""
    found, _ = cv2.findContours(seg.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = [(c.reshape(-1) + 0.5).tolist() for c in found if len(c) >= 3]
    x, y, w, h = box_xywh
    return sorted(polygons, key=len, reverse=True) or [[x, y, x + w, y, x + w, y + h, x, y + h]]


def write_set(plan: CocoSet, progress: Progress | None = None, pool: Pool = map) -> list[Path]:
    """Writes the pieces of a set that are missing, then its JSON files.

    Args:
        progress: called with (pieces that are there, pieces of the set).
        pool: maps a function over pieces: `map`, or that of a process pool.

    Returns:
        The JSON files, training first.

    Raises:
        DataError: when the folder cannot be written.
    """
    for split in SPLITS:
        made_folder(plan.folder / plan.pictures[split])
    parts = made_folder(plan.folder / _PARTS)
    known = _known(plan)
    todo = [piece for piece in range(plan.pieces) if piece not in known]
    if progress:
        progress(len(known), plan.pieces)
    for piece, records in zip(todo, pool(partial(write_piece, plan), todo)):
        known[piece] = records
        if progress:
            progress(len(known), plan.pieces)
    written = []
    for split in SPLITS:
        mine = [known[piece] for piece in range(plan.pieces) if plan.split_of(piece) == split]
        data = {
            "info": {"description": f"{plan.about}, {split}"},
            "licenses": [],
            "images": [image for records in mine for image in records["images"]],
            "annotations": [annotation for records in mine for annotation in records["annotations"]],
            "categories": list(plan.categories),
        }
        written.append(plan.folder / plan.files[split])
        _write_json(written[-1], data)
    shutil.rmtree(parts)
    return written


def write_piece(plan: CocoSet, piece: int) -> Records:
    """Writes the pictures of a piece, then a note of what the files will say of it; returns what the note says."""
    records: Records = {"images": [], "annotations": []}
    root = plan.folder / plan.pictures[plan.split_of(piece)]
    for k, drawn in enumerate(plan.draw(piece)):
        number = piece * plan.per_piece + k + 1
        path = root / drawn.file_name
        made_folder(path.parent)
        write_picture(str(path), drawn.frame.image[..., ::-1])
        height, width = drawn.frame.image.shape[:2]
        records["images"].append(
            {"id": number, "file_name": drawn.file_name, "width": width, "height": height, **drawn.extra}
        )
        about = annotation_of(drawn.frame)
        if about is not None:
            records["annotations"].append({"id": number, "image_id": number, "category_id": drawn.category_id, **about})
    note = json.dumps(records)
    replace_file(plan.folder / _PARTS / f"{piece}.json", lambda path: Path(path).write_text(note, encoding="utf-8"))
    return records


def _known(plan: CocoSet) -> dict[int, Records]:
    """Piece -> its entries, for pieces whose pictures are all there. Read from the JSON files, and from notes of a stopped run."""
    found: dict[int, Records] = {}
    # a hidden one is a draft that a killed process left
    notes = sorted(p for p in (plan.folder / _PARTS).glob("*.json") if not p.name.startswith("."))
    for path in (*notes, *(plan.folder / name for name in plan.files.values())):
        for piece, records in _read(path, plan.per_piece).items():
            # a note says the same as the file it went into
            found.setdefault(piece, records)
    return {i: found[i] for i in sorted(found) if i < plan.pieces and _whole(plan, i, found[i])}


def _read(path: Path, per_piece: int) -> dict[int, Records]:
    """Piece -> images and annotations that a file or a note lists; empty where there is no such file."""
    found: dict[int, Records] = {}
    if not path.is_file():
        return found
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        for kind, key in (("images", "id"), ("annotations", "image_id")):
            for entry in data[kind]:
                piece = (entry[key] - 1) // per_piece
                found.setdefault(piece, {"images": [], "annotations": []})[kind].append(entry)
    except (ValueError, KeyError, TypeError):
        log.warning("%s is broken, and made again", path)
        return {}
    return found


def _whole(plan: CocoSet, piece: int, records: Records) -> bool:
    root = plan.folder / plan.pictures[plan.split_of(piece)]
    return len(records["images"]) == plan.per_piece and all(
        (root / i["file_name"]).is_file() for i in records["images"]
    )


def _write_json(path: Path, data: dict[str, Any]) -> None:
    text = json.dumps(data) + "\n"
    if not path.is_file() or path.read_text(encoding="utf-8") != text:
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
