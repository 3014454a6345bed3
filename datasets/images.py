"""Pictures nobody has labelled: a folder of stills. The frames of a video are in `video`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ..pose.skeleton import Skeleton
from .pictures import read_rgb
from .sample import PoseSample
from .tree import missing_tree
from .video import VideoFile
from .whole_pictures import WholePictures

__all__ = ["SUFFIXES", "ImageFolder", "VideoFile", "natural_key"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


class ImageFolder(WholePictures):
    """Every picture below a folder, one animal in each.

    Source: the user's own. Tree: any; jpg, png, bmp, tif and webp files at any depth are taken in natural order
    (frame2 before frame10), hidden ones are not. They are taken for stills: `shots` is empty.

    Args:
        folder: where to look.
        skeleton: the model's, or None to give it later by `with_skeleton`.

    Raises:
        DataError: no such folder, or no picture in it.
    """

    def __init__(self, folder: str | Path, skeleton: Skeleton | None = None):
        self.folder, self.skeleton = Path(folder), skeleton
        found = [p.relative_to(self.folder) for p in self.folder.rglob("*") if p.suffix.lower() in SUFFIXES]
        found = [p for p in found if not any(part.startswith(".") for part in p.parts)]
        self.ids = [p.as_posix() for p in sorted(found, key=natural_key)]
        if not self.ids:
            kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
            there = self.folder.is_dir()
            remedy = "give the folder that holds the pictures: images:FOLDER"
            raise missing_tree(
                "a folder with pictures", self.folder, [("", there)] * (not there) + [(kinds, False)], remedy
            )
        self.shots = [""] * len(self.ids)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PoseSample:
        """Raises PictureError when the picture cannot be read."""
        path = self.folder / self.ids[index]
        return self._sample(read_rgb(path), {"id": self.ids[index], "path": str(path)})

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, counts."""
        return {"name": f"images:{self.folder}", "split": "all", "items": len(self), "labelled": False}


def natural_key(path: str | Path) -> tuple:
    """Sort key with numbers by value, folder by folder: frame2 before frame10."""

    def words(part: str) -> tuple:
        return tuple((0, int(w), "") if w.isdecimal() else (1, 0, w.lower()) for w in re.findall(r"\d+|\D+", part))

    return tuple(words(part) for part in Path(path).parts), str(path)
