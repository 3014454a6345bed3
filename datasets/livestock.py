"""LivestockKeypoints (Yiwei Wang et al., v1.0): crops of its horses and cattle as COCO files, made from the published repository.

Source: https://github.com/yww0411/Livestock-keypoint-detection, commit 7606e75. Licence: CC BY 4.0. Pictures: 1280 x 720 px, one
animal and 18 joints each. Tree of the repository, as far as it is read:

    data_process/horse/annotations/{train,val,test}_annotations.coco.json    with data_process/horse/images/{train,val,test}/
    data_process/cattle/{A,B}/annotations/_annotations.coco.json             with data_process/cattle/{A,B}/images/

Tree that `make_livestock` writes:

    horse/train.json, horse/test.json, horse/images/      508 and 174 animals, no recording in both
    cattle_a/all.json, cattle_a/images/                   206 animals of farm A
    cattle_b/all.json, cattle_b/images/                   397 animals of farm B
    LICENSE.txt                                           licence, attribution and what was changed

Only the crops are needed afterwards. Open them as `coco:FOLDER/horse/train.json`.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import DataError
from ..files import atomic_json, atomic_picture, atomic_write_bytes
from ..progress import Progress
from .crops import crop_image

PAGE = "https://github.com/yww0411/Livestock-keypoint-detection"
COMMIT = "7606e7577bcec7b2ed4272719441f822b1e95430"
FOLDER = Path("animal_data/livestock")  # where `zoopose data get livestock` puts it
GET = "zoopose data get livestock --run"
SIDE_PX, BOX_FACTOR, QUALITY = 320, 1.5, 90  # of a crop: side, side over the longer side of the box, JPEG quality
JOINTS = (
    "mouth", "eye", "ear", "neck", "shoulder", "chest", "hip", "tail", "elbow", "l_fore_wrist", "l_fore_foot", "r_fore_wrist",
    "r_fore_foot", "hind_knee", "l_hind_hock", "l_hind_foot", "r_hind_hock", "r_hind_foot",
)  # fmt: skip
LIMBS = (
    (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (7, 8), (5, 9), (9, 10), (10, 11), (9, 12), (12, 13), (7, 14), (14, 15),
    (15, 16), (14, 17), (17, 18),
)  # fmt: skip
TEST_GROUPS = frozenset(
    {"dao-3", "dao-4", "dao-5", "dao-6", "dao-7", "dao-10", "dao-13", "zu-2", "zu-12"}
)  # of the horses
# a file name up to the number of the frame; other names stand for a recording each
_GROUP = re.compile(r"([a-z]+-\d+)-\d+-_png|([a-z]+)_\d+_png")
NOTICE = f"""Yiwei Wang et al., LivestockKeypoints, v1.0, licensed under CC BY 4.0.
Source: {PAGE}, commit {COMMIT[:7]}
Licence: https://creativecommons.org/licenses/by/4.0/
Changes: pictures cut to square crops of {SIDE_PX} px, {BOX_FACTOR} times the longer side of the annotated box, black where the crop
leaves the picture, JPEG quality {QUALITY}; joints moved into the crops, joints of all species under the same names; horses split
into training and test so that no recording is in both.
"""


@dataclass(frozen=True)
class Part:
    """One COCO file that is made.

    Attributes:
        species: name of the category.
        sources: (annotation file, folder of its pictures) below data_process.
        count: animals in the commit.
        groups_sha256: SHA-256 of the recordings' names, one a line, in the order of the file.
        mean_xy: mean of the joints of the commit, px of the crop.
    """

    species: str
    sources: tuple[tuple[str, str], ...]
    count: int
    groups_sha256: str
    mean_xy: tuple[float, float]


_HORSE = tuple((f"horse/annotations/{s}_annotations.coco.json", f"horse/images/{s}") for s in ("train", "val", "test"))
PARTS: Mapping[str, Part] = {
    "horse/train.json": Part(
        "horse", _HORSE, 508, "e2163f52cd920df4ed8e7a2f5eece08647cba393e4f8fa043a690ebb524bad88", (158.288, 163.816)
    ),
    "horse/test.json": Part(
        "horse", _HORSE, 174, "0279e76bc7cf93b5fbd3c3f8629879e8856cc21999cbb2d405894fe9bf5f4cde", (159.345, 163.046)
    ),
    "cattle_a/all.json": Part(
        "cattle",
        (("cattle/A/annotations/_annotations.coco.json", "cattle/A/images"),),
        206,
        "756bd2c543c422e3931521c2ca7174d5ec9786224b86235403d01bd266816d0b",
        (153.188, 163.17),
    ),
    "cattle_b/all.json": Part(
        "cattle",
        (("cattle/B/annotations/_annotations.coco.json", "cattle/B/images"),),
        397,
        "1060aff0471383184fd1149e8fcf8e824fa3f73aba1464f05296804b53c41fd8",
        (158.224, 158.358),
    ),
}


@dataclass(frozen=True)
class Animal:
    """One annotated animal: its picture, the picture's group, and the annotation as it is published."""

    picture: Traversable
    group: str
    annotation: Mapping[str, Any]


def made(folder: Path) -> bool:
    """Whether all files of the crops are there."""
    return all((folder / name).is_file() for name in PARTS)


def require_made(folder: Path) -> Path:
    """The folder of the crops.

    Raises:
        DataError: it has no crops.
    """
    missing = [name for name in PARTS if not (folder / name).is_file()]
    if missing:
        raise DataError(
            f"crops of LivestockKeypoints in {folder}", f"no {', no '.join(missing)}", f"{GET}, or name their folder"
        )
    return folder


def make_livestock(source: Path, folder: Path) -> list[Path]:
    """Make the crops from a copy of the repository.

    Args:
        source: the repository, its data_process folder, or a zip archive of it.
        folder: for the crops.

    Returns:
        The COCO files.

    Raises:
        DataError: not such a copy, or a picture that cannot be read.
    """
    try:
        tree = _data_process(source)
        names = list(PARTS)
        animals = {name: list(_animals(tree, name)) for name in names}
        with Progress("cropping", sum(map(len, animals.values())), "pictures") as progress:
            for name in names:
                _write_part(folder, name, animals[name], progress)
    except zipfile.BadZipFile as error:
        raise DataError("a zip archive that is whole", f"{source}: {error}", "delete it and fetch it again") from error
    atomic_write_bytes(folder / "LICENSE.txt", NOTICE.encode())
    return [folder / name for name in names]


def differences(folder: Path) -> list[str]:
    """What differs between the files in a folder and those that commit 7606e75 gives; empty if nothing does."""
    found = []
    for name, part in PARTS.items():
        data = json.loads((folder / name).read_text(encoding="utf-8"))
        groups = hashlib.sha256("\n".join(image["group"] for image in data["images"]).encode()).hexdigest()
        joints = np.array([a["keypoints"] for a in data["annotations"]], float).reshape(-1, 3)
        # a copy of the same pictures agrees to rounding, 0.005 px
        moved = len(joints) == 0 or np.abs(joints[joints[:, 2] > 0, :2].mean(0) - part.mean_xy).max() > 0.01
        if len(data["images"]) != part.count:
            found.append(f"{name} has {len(data['images'])} animals, not {part.count}")
        elif groups != part.groups_sha256 or moved:
            found.append(f"{name} has other recordings or joints")
    return found


def group_of(file_name: str) -> str:
    """The recording that a picture is of: `dao-10` of `dao-10-3-_png.rf....jpg`, `left` of `left_7_png.rf....jpg`; of other
    names the whole name."""
    found = _GROUP.match(file_name)
    return (found[1] or found[2]) if found else file_name


def _data_process(source: Path) -> Traversable:
    """The folder data_process of a copy of the repository.

    Raises:
        DataError: there is none.
    """
    places: list[Traversable] = [source]
    if source.is_file() and zipfile.is_zipfile(source):
        top = zipfile.Path(source)
        places = [top, *(entry for entry in top.iterdir() if entry.is_dir())]
    elif source.is_dir():
        # an unpacked archive has one folder, named after the repository and the commit
        places += [entry for entry in sorted(source.iterdir()) if entry.is_dir()]
    wanted = sorted({annotations for part in PARTS.values() for annotations, _ in part.sources})
    missing = wanted
    for place in places:
        for tree in (place / "data_process", place):
            absent = [name for name in wanted if not tree.joinpath(*name.split("/")).is_file()]
            if not absent:
                return tree
            missing = min(missing, absent, key=len)
    raise DataError(
        f"a copy of {PAGE} at commit {COMMIT[:7]}: its folder, or its zip archive",
        f"{source} has no {', no '.join(missing)}" if source.exists() else f"no {source}",
        f"git clone {PAGE}, then --from Livestock-keypoint-detection",
    )


def _animals(tree: Traversable, name: str) -> Iterator[Animal]:
    """The animals of one file that is made, by the names of their pictures."""
    found = []
    for labels, pictures in PARTS[name].sources:
        file = tree.joinpath(*labels.split("/"))
        try:
            data = json.loads(file.read_bytes())
            images = {int(image["id"]): str(image["file_name"]) for image in data["images"]}
            rows = [(images[int(row["image_id"])], row) for row in data["annotations"]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError("COCO keypoints as published", f"{file}: {type(error).__name__} {error}", GET) from error
        folder = tree.joinpath(*pictures.split("/"))
        found += [Animal(folder / picture, group_of(picture), row) for picture, row in rows]
    for animal in sorted(found, key=lambda a: (a.picture.name, int(a.annotation["id"]))):
        if len(PARTS[name].sources) == 1 or (animal.group in TEST_GROUPS) == name.endswith("test.json"):
            yield animal


def _write_part(folder: Path, name: str, animals: list[Animal], progress: Progress) -> None:
    """Write the crops of one file, and then the file."""
    place, stem, species = (folder / name).parent, Path(name).stem, PARTS[name].species
    images, annotations = [], []
    for i, animal in enumerate(animals):
        picture, annotation = _cropped(animal)
        file_name = f"images/{stem}_{i:05d}.jpg"
        atomic_picture(place / file_name, picture, (cv2.IMWRITE_JPEG_QUALITY, QUALITY))
        images.append({"id": i + 1, "file_name": file_name, "width": SIDE_PX, "height": SIDE_PX, "group": animal.group})
        annotations.append({"id": i + 1, "image_id": i + 1, "category_id": 1, **annotation, "iscrowd": 0})
        progress.add(1)
    about = f"LivestockKeypoints v1.0 {place.name}, {SIDE_PX} px crops at {BOX_FACTOR} x box, split by recording group"
    licence = {"id": 1, "name": "CC BY 4.0", "url": "https://creativecommons.org/licenses/by/4.0/"}
    category = {"id": 1, "name": species, "supercategory": "animal", "keypoints": list(JOINTS), "skeleton": LIMBS}
    info = {"description": about, "contributor": "Yiwei Wang et al.", "license": "CC BY 4.0", "url": PAGE}
    data = {"info": info, "licenses": [licence], "categories": [category], "images": images, "annotations": annotations}
    atomic_json(folder / name, data)


def _cropped(animal: Animal) -> tuple[np.ndarray, dict[str, Any]]:
    """(SIDE_PX, SIDE_PX, 3) uint8 BGR crop of one animal, and joints, box and area in px of it, rounded to 0.01.

    The crop is a square about the centre of the box. Coordinates are those of the annotation tool, from the picture's corner.

    Raises:
        DataError: the picture or its annotation cannot be read.
    """
    try:
        data = np.frombuffer(animal.picture.read_bytes(), np.uint8)
    except (OSError, KeyError) as error:
        raise DataError(f"the picture {animal.picture}", f"{type(error).__name__}: {error}", "a whole copy") from error
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if data.size else None
    box = np.array(animal.annotation.get("bbox", ()), float)
    joints = np.array(animal.annotation.get("keypoints", ()), float)
    if picture is None or box.shape != (4,) or not box[2:].max() > 0 or joints.size != 3 * len(JOINTS):
        what = "cannot be decoded" if picture is None else f"box {box.tolist()}, {joints.size} numbers of joints"
        raise DataError(f"a picture with a box and {len(JOINTS)} joints", f"{animal.picture}: {what}", "a whole copy")
    side = BOX_FACTOR * box[2:].max()
    left_top = box[:2] + box[2:] / 2 - side / 2
    scale = SIDE_PX / side
    keypoints: list[float] = []
    for x, y, v in joints.reshape(-1, 3):
        xy = (np.array([x, y]) - left_top) * scale if v > 0 else np.zeros(2)
        keypoints += [*xy.round(2).tolist(), int(v)]
    annotation = {
        "keypoints": keypoints,
        "num_keypoints": int((joints[2::3] > 0).sum()),
        "bbox": [*((box[:2] - left_top) * scale).round(2).tolist(), *(box[2:] * scale).round(2).tolist()],
        "area": round(float(box[2:].prod() * scale**2), 2),
    }
    return crop_image(picture, np.array([*left_top, side]), SIDE_PX), annotation
