"""The published tree of COCO 2017, of which `person` and `animals` read parts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...errors import OptionError
from ..original_index import SPLITS
from ..tree import missing_tree
from .file import CocoFile, read_coco

_PARTS = {"train": "train2017", "valid": "val2017"}


@dataclass(frozen=True, eq=False)
class CocoPart:
    """One part of COCO 2017.

    Attributes:
        file: its annotations.
        pictures: the folder of its pictures, below the root.
    """

    file: CocoFile
    pictures: str


def read_parts(root: Path, kind: str, split: str, remedy: str) -> list[CocoPart]:
    """The parts of COCO 2017 in a split: train2017 for "train", val2017 for "valid", those that are there for "all".

    Args:
        kind: of the annotation files: `person_keypoints` or `instances`.
        remedy: what to type to get the data.

    Raises:
        DataError: a file is missing or broken.
        OptionError: an unknown split.
    """
    if split not in SPLITS:
        raise OptionError(f"a split out of {', '.join(SPLITS)}", repr(split))
    parts = list(_PARTS.values()) if split == "all" else [_PARTS[split]]
    paths = {part: root / "annotations" / f"{kind}_{part}.json" for part in parts}
    there = [part for part in parts if paths[part].is_file()]
    if not there:
        entries = [(f"annotations/{path.name}", False) for path in paths.values()]
        entries += [(f"{part}/<12 digits>.jpg", (root / part).is_dir()) for part in parts]
        raise missing_tree(f"COCO 2017, {split},", root, entries, remedy)
    return [CocoPart(read_coco(paths[part], remedy), _pictures(root, part)) for part in there]


def _pictures(root: Path, part: str) -> str:
    inside = not (root / part).is_dir() and (root / "images" / part).is_dir()
    return f"images/{part}" if inside else part
