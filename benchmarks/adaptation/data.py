"""Data of the benchmark as COCO files in its run folder: splits, folds of the oracle, renderings with the joints that correspond.

Tree below --data:

    NAME/train.json, NAME/test.json     an animal with a split of its own
    NAME/all.json                       one without: cut by `fold_of`
    NAME/...                            pictures, as these files name them

Pictures are not copied: `pictures` in each folder of the run is a link to the animal's. `joined` puts several animals together.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from zoopose.errors import DataError
from zoopose.files import atomic_path
from zoopose.pose.skeleton import TIGDOG18
from zoopose.progress import log
from zoopose.synthetic.writers import JOINT_ROWS, synthetic_folder

from .config import COMMON_JOINTS, Config
from .recipes import SYNTHETIC

BLOCKS = 10  # runs of neighbouring pictures that stay together where there are no recordings to go by
CHECKED = 16  # training pictures an oracle's log is scored on; they decide nothing


@dataclass(frozen=True)
class Animals:
    """An animal's files, relative to the run folder.

    Attributes:
        name: folder below `data`.
        train, valid: what a source model learns from, and what it is validated on.
        target: what is adapted to.
        scored: what target networks are scored on; its parts "all" and "held" (what an oracle has not seen) are in `parts`.
        folds: (train, check, part) of every oracle.
        counts: pictures by file name.
        run: the run folder.
        drawn: names of drawn animals that `train` joins to the real ones, with + before each file.
    """

    name: str
    train: str
    valid: str
    target: str
    scored: str
    parts: str
    folds: tuple[tuple[str, str, str], ...]
    counts: Mapping[str, int]
    run: Path = Path()
    drawn: tuple[str, ...] = ()


def prepare(root: Path, run: Path, name: str, config: Config, common: bool) -> Animals:
    """Writes an animal's files, or finds them as they would be written.

    Args:
        root: the folder of --data.
        run: the run folder.
        name: of the animal, a folder below `root`.
        config: how many folds.
        common: only the joints that correspond to the renderings', in their order.

    Raises:
        DataError: no such animal, not such files, or other data in the run folder.
    """
    folder = root / name
    files = {part: folder / f"{part}.json" for part in ("train", "test", "all")}
    there = {part: _read(path) for part, path in files.items() if path.is_file()}
    if not ({"train", "test"} <= set(there) or "all" in there):
        found = ", ".join(sorted(p.name for p in root.iterdir())) if root.is_dir() else "no such folder"
        raise DataError(
            f"{folder}/all.json, or train.json and test.json there", f"in {root}: {found}", "--data FOLDER, --pairs A:B"
        )
    if common:
        there = {part: _common(data, files[part]) for part, data in there.items()}
    out = f"data/{name}_common" if common else f"data/{name}"
    link(run / out / "pictures", folder)
    if "train" in there and "test" in there:
        train, test = there["train"], there["test"]
        write(run, f"{out}/train.json", train)
        write(run, f"{out}/test.json", test)
        check = write(run, f"{out}/check.json", _first(train))
        parts = {"all": None, "held": None}
        return _animals(run, out, parts, "train.json", "test.json", "train.json", "test.json",
                        ((f"{out}/train.json", check, "held"),))  # fmt: skip
    data = there["all"]
    write(run, f"{out}/all.json", data)
    return _folded(run, out, data, config)


def _folded(run: Path, out: str, data: dict, config: Config) -> Animals:
    """Files of an animal without a split: the folds of its oracles, and a tenth or so to validate a source model on."""
    fold = fold_of(data["images"], config.folds)
    parts: dict[str, list[str] | None] = {"all": None}
    folds = []
    for number in range(config.folds_run):
        # the last fold first: with two of them the oracle learns from the first half
        held = (config.folds - 1 - number) % config.folds
        parts[f"held{number}"] = ids_of(data, fold == held)
        train = write(run, f"{out}/fold{number}.json", where(data, fold != held))
        check = write(run, f"{out}/fold{number}_check.json", _first(where(data, fold != held)))
        folds.append((train, check, f"held{number}"))
    parts["held"] = [i for name, ids in parts.items() if name.startswith("held") for i in ids]
    fifth = fold_of(data["images"], 5) == 4
    write(run, f"{out}/train.json", where(data, ~fifth))
    write(run, f"{out}/valid.json", where(data, fifth))
    return _animals(run, out, parts, "train.json", "valid.json", "all.json", "all.json", tuple(folds))


def _animals(
    run: Path, out: str, parts: dict, train: str, valid: str, target: str, scored: str, folds: tuple
) -> Animals:
    write(run, f"{out}/parts.json", parts)
    paths = [f"{out}/{file}" for file in (train, valid, target, scored)]
    counts = {
        path: len(json.loads((run / path).read_text())["images"]) for path in {*paths, *(part[0] for part in folds)}
    }
    return Animals(Path(out).name, *paths, f"{out}/parts.json", folds, counts, run)


def recording_of(image: Mapping[str, Any]) -> str:
    """The recording an image entry belongs to; exporters' copies of one picture (NAME.rf.HASH) are one."""
    return str(image.get("group") or image["file_name"]).partition(".rf.")[0]


def fold_of(images: Sequence[Mapping[str, Any]], folds: int) -> np.ndarray:
    """Which fold every picture is in, so that no fold holds near-copies of another's pictures.

    More than five recordings of two pictures or more on average: whole recordings, the largest first, into the smallest fold. Else
    runs of neighbouring pictures, in turn: of each recording where they are few and long; else of all, in the order of the numbers
    in their names.

    Args:
        images: N image entries of a COCO file.
        folds: how many.

    Returns:
        (N,) int64.

    Raises:
        DataError: a fold would be empty.
    """
    names = [recording_of(image) for image in images]
    sizes = {name: names.count(name) for name in sorted(set(names), key=_natural)}
    fold = np.zeros(len(images), np.int64)
    if len(sizes) > 5 and len(images) >= 2 * len(sizes):
        full = np.zeros(folds, np.int64)
        for name in sorted(sizes, key=lambda n: -sizes[n]):
            fold[[n == name for n in names]] = full.argmin()
            full[full.argmin()] += sizes[name]
    elif len(sizes) <= 5 and min(sizes.values(), default=0) >= BLOCKS:
        for name in sizes:
            own = np.flatnonzero([n == name for n in names])
            fold[own] = np.arange(len(own)) * BLOCKS // len(own) % folds
    else:
        rank = {name: i for i, name in enumerate(sizes)}
        fold = np.array([rank[name] for name in names], np.int64) * BLOCKS // max(len(sizes), 1) % folds
    if len(set(fold.tolist())) < folds:
        raise DataError(
            f"{BLOCKS} pictures or more, to cut into {folds} folds", f"{len(images)} of {len(sizes)} recordings"
        )
    return fold


def _natural(text: str) -> list:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


# ---- COCO files


def _read(path: Path) -> dict:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        # only what is used: an entry more in the file must not make a run folder another one
        data = {key: data[key] for key in ("images", "annotations", "categories")}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("a COCO keypoints file", f"{path}: {error!r}") from error
    for image in data["images"]:
        image["file_name"] = f"pictures/{image['file_name']}"
    return data


def where(data: dict, flags: np.ndarray) -> dict:
    """The same COCO file with some of its pictures: (N,) bool."""
    images = [image for image, wanted in zip(data["images"], flags) if wanted]
    ids = {image["id"] for image in images}
    return {**data, "images": images, "annotations": [a for a in data["annotations"] if a["image_id"] in ids]}


def _first(data: dict) -> dict:
    count = len(data["images"])
    flags = np.zeros(count, bool)
    flags[np.linspace(0, count - 1, min(CHECKED, count)).astype(int)] = True
    return where(data, flags)


def ids_of(data: dict, flags: np.ndarray) -> list[str]:
    """Ids as `CocoKeypoints` gives them."""
    names = {image["id"]: image["file_name"] for image, wanted in zip(data["images"], flags) if wanted}
    return [f"{names[a['image_id']]}#{a['id']}" for a in data["annotations"] if a["image_id"] in names]


def _common(data: dict, path: Path) -> dict:
    """The same file with the joints that correspond to the renderings'."""
    joints = list(COMMON_JOINTS)
    categories, columns = [], {}
    for category in data["categories"]:
        names = category.get("keypoints", [])
        missing = [joint for joint in joints if joint not in names]
        if missing:
            raise DataError(f"the joints {', '.join(joints)}", f"{path} without {', '.join(missing)}")
        columns[category["id"]] = [names.index(joint) for joint in joints]
        categories.append({**category, "keypoints": joints, "skeleton": []})
    annotations = []
    for a in data["annotations"]:
        keypoints = np.reshape(a["keypoints"], (-1, 3))[columns[a["category_id"]]]
        labelled = int((keypoints[:, 2] > 0).sum())
        annotations.append({**a, "keypoints": keypoints.ravel().tolist(), "num_keypoints": labelled})
    return {**data, "categories": categories, "annotations": annotations}


def write(run: Path, name: str, data: Any) -> str:
    """Writes plain data; returns the name. A file that is there must say the same."""
    path = run / name
    text = json.dumps(data)
    if path.is_file():
        if path.read_text(encoding="utf-8") != text:
            raise DataError("a run folder that is new, or of the same data", f"{path}, of other data or folds", "--out")
        return name
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return name


def link(path: Path, to: Path) -> None:
    """A link to a folder, new or as it is; an old one that leads elsewhere is turned."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() and path.resolve() == to.resolve():
        return
    path.unlink(missing_ok=True)  # the data, or the run folder, have moved
    path.symlink_to(to.resolve(), target_is_directory=True)


# ---- renderings


def synthetic(run: Path, name: str = "synthetic") -> Animals:
    """Names of the renderings' files, whether they are drawn yet or not; see `convert`.

    Args:
        name: a key of `SYNTHETIC`.
    """
    out = f"data/{name}"
    return Animals(name, f"{out}/train.json", f"{out}/valid.json", "", "", "", (), {})


def convert(run: Path, pictures: int, name: str = "synthetic") -> None:
    """Renderings of `zoopose data make` as COCO files: boxes around the silhouette, the joints of `COMMON_JOINTS`.

    Every fifth picture is for validation.

    Args:
        name: a key of `SYNTHETIC`.

    Raises:
        DataError: fewer pictures than asked for.
    """
    out, animal = run / "data" / name, SYNTHETIC[name]
    tree = synthetic_folder(out, animal)
    paths = sorted(tree.glob("*_img.png"), key=lambda p: int(p.name.partition("_")[0]))[:pictures]
    if len(paths) < pictures:
        raise DataError(f"{pictures} renderings in {tree}", f"{len(paths)}")
    parts: dict[str, tuple[list, list]] = {"train": ([], []), "valid": ([], [])}
    for number, path in enumerate(paths, 1):
        entry = _rendering(number, path, out, animal)
        if entry is not None:
            images, annotations = parts["train" if number % 5 else "valid"]
            images.append(entry[0])
            annotations.append(entry[1])
    category = {"id": 1, "name": animal, "keypoints": list(COMMON_JOINTS), "skeleton": []}
    for part, (images, annotations) in parts.items():
        data = {"images": images, "annotations": annotations, "categories": [category]}
        write(run, f"data/{name}/{part}.json", data)
    log.info("renderings: %d to train on, %d to validate on", *(len(images) for images, _ in parts.values()))


def _rendering(number: int, path: Path, out: Path, animal: str) -> tuple[dict, dict] | None:
    """Image and annotation entries of one rendering; None without an animal in sight."""
    stem = str(path).removesuffix("_img.png")
    seg = cv2.imread(f"{stem}_seg.png", cv2.IMREAD_GRAYSCALE)
    rows = np.array(JOINT_ROWS[animal])
    joints, depth = np.load(f"{stem}_kpts.npy")[rows], np.load(f"{stem}_kpts_z.npy")[rows]
    keypoints = common_keypoints(joints[:, :2], joints[:, 2] > 0, depth)
    x, y, w, h = cv2.boundingRect((seg > 0).astype(np.uint8))
    inside = (keypoints[:, :2] >= 0).all(1) & (keypoints[:, 0] < seg.shape[1]) & (keypoints[:, 1] < seg.shape[0])
    keypoints[~inside] = 0
    if not w or not inside.any():
        return None
    image = {"id": number, "file_name": str(path.relative_to(out)), "width": seg.shape[1], "height": seg.shape[0]}
    annotation = {"id": number, "image_id": number, "category_id": 1, "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0,
                  "keypoints": keypoints.round(2).ravel().tolist(), "num_keypoints": int(inside.sum())}  # fmt: skip
    return image, annotation


def common_keypoints(xy_px: np.ndarray, seen: np.ndarray, depth_cm: np.ndarray) -> np.ndarray:
    """Joints of `COMMON_JOINTS` out of TigDog's.

    Args:
        xy_px: (18, 2). seen: (18,) bool. depth_cm: (18,), from the camera.

    Returns:
        (12, 3) x, y, and 2 for a joint that is seen, 1 for one that is hidden.
    """
    index = {name: i for i, name in enumerate(TIGDOG18.joints)}
    rows = []
    for names in COMMON_JOINTS.values():
        both = [index[name] for name in ([names] if isinstance(names, str) else names)]
        rows.append(min(both, key=lambda i: depth_cm[i]))
    return np.column_stack([xy_px[rows], np.where(seen[rows], 2, 1)]).astype(float)
