"""Several labelled animals as one source: their files put together, in a folder of the run that is called A+B."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from zoopose.datasets.coco.recordings import video_of
from zoopose.errors import DataError

from .data import Animals, link, recording_of, write
from .recipes import drawn_in

PICTURES = "pictures"  # the link of an animal's folder, with which its pictures' names begin


def join(run: Path, name: str, sets: Sequence[Animals]) -> Animals:
    """Writes one file to train on and one to validate on, each of all that the animals have of it alone.

    So what validates one of them as a source by itself (its test.json; a fifth of an animal without a split) validates here too,
    and is not trained on.

    Args:
        run: the run folder.
        name: of the folder below its `data`.
        sets: prepared animals.

    Returns:
        A source; it has no target, nothing scored and no folds.

    Raises:
        DataError: animals of different joints, or other data in the run folder.
    """
    out = f"data/{name}"
    for animals in sets:
        link(run / out / PICTURES / animals.name, (run / "data" / animals.name / PICTURES).resolve())
    files, counts = [], {}
    for part in ("train", "valid"):
        data = _together(run, [(animals.name, getattr(animals, part)) for animals in sets])
        files.append(write(run, f"{out}/{part}.json", data))
        counts[files[-1]] = len(data["images"])
    return Animals(name, *files, "", "", "", (), counts)


def with_drawn(animals: Animals, name: str, pictures: int) -> Animals:
    """A source of real animals with drawn ones beside them; it validates on the real ones alone.

    Args:
        animals: the real ones.
        name: all names, joined by +.
        pictures: how many are drawn of each name of `DRAWN`.
    """
    drawn = tuple(drawn_in(name))
    train = "+coco:".join([animals.train, *(f"data/{part}/animals/train.json" for part in drawn)])
    # one of five is held out
    count = animals.counts[animals.train] + len(drawn) * round(0.8 * pictures)
    return replace(animals, name=name, train=train, counts={**animals.counts, train: count}, drawn=drawn)


def _together(run: Path, files: Sequence[tuple[str, str]]) -> dict[str, list]:
    """One COCO file out of (animal, file): ids counted anew, recordings and pictures under their animal's name."""
    whole: dict[str, list] = {"images": [], "annotations": [], "categories": []}
    first = ""
    for name, file in files:
        data = json.loads((run / file).read_text(encoding="utf-8"))
        for category in data["categories"]:
            joints = category.get("keypoints", [])
            if whole["categories"] and joints != whole["categories"][0].get("keypoints", []):
                raise DataError(
                    f"animals of the same joints, as {first}: {_listed(whole)}", f"{name}: {', '.join(joints)}"
                )
            first = first or name
        ids = {kind: _numbers(data[kind], len(whole[kind])) for kind in whole}
        for category in data["categories"]:
            whole["categories"].append({**category, "id": ids["categories"][category["id"]]})
        for image in data["images"]:
            whole["images"].append({**image, **_under(name, image), "id": ids["images"][image["id"]]})
        for a in data["annotations"]:
            places = {"image_id": ids["images"][a["image_id"]], "category_id": ids["categories"][a["category_id"]]}
            whole["annotations"].append({**a, **places, "id": ids["annotations"][a["id"]]})
    return whole


def _numbers(entries: Sequence[dict], before: int) -> dict[Any, int]:
    return {entry["id"]: number for number, entry in enumerate(entries, before + 1)}


def _under(name: str, image: dict) -> dict[str, str]:
    """What two animals' files may both say: the picture's name, its recording and its video."""
    found = {
        "file_name": f"{PICTURES}/{name}/{image['file_name'].removeprefix(PICTURES + '/')}",
        "group": f"{name}/{recording_of(image)}",
    }
    if video_of(image) is not None:
        found["video_id"] = f"{name}/{video_of(image)}"
    return found


def _listed(data: dict) -> str:
    return ", ".join(data["categories"][0].get("keypoints", []))
