"""Pictures nobody has labelled: a folder of stills. The frames of a video are in `video`."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from ..files import shown_name
from ..pose.skeleton import Skeleton
from .picture_decoding import TiffPages
from .pictures import pages_of, read_page, read_rgb
from .sample import PoseSample
from .tree import missing_tree
from .unlabelled_pictures import WholePictures

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


class ImageFolder(WholePictures):
    """Every picture below a folder, one animal in each.

    Source: the user's own. Tree: any; jpg, png, bmp, tif and webp files at any depth are taken in natural order
    (frame2 before frame10), hidden ones are not. They are taken for stills: `shots` is empty. A TIFF file with several pages is a
    recording: every page is an item, `stack.tif#000000` and so on, and the file is their shot.

    Args:
        folder: where to look.
        skeleton: the model's, or None to give it later by `with_skeleton`.

    Raises:
        DataError: no such folder, or no picture in it.
    """

    def __init__(self, folder: str | Path, skeleton: Skeleton | None = None):
        self.folder, self.skeleton = Path(folder), skeleton
        named = [p for p in self.folder.rglob("*") if p.suffix.lower() in SUFFIXES]
        named = [p for p in named if not any(part.startswith(".") for part in p.relative_to(self.folder).parts)]
        found = sorted((p for p in named if p.is_file()), key=lambda p: natural_key(p.relative_to(self.folder)))
        for path in sorted(p for p in named if not p.is_file() and not p.is_dir()):
            what = "a link that leads nowhere" if path.is_symlink() else "no file"
            log.warning("left out %s: it is %s", shown_name(path), what)
        if not found:
            kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
            there = self.folder.is_dir()
            remedy = "give the folder that holds the pictures: images:FOLDER"
            raise missing_tree(
                "a folder with pictures", self.folder, [("", there)] * (not there) + [(kinds, False)], remedy
            )
        self.ids, self.shots, self._places = [], [], []
        for path in found:
            self._add(path)

    def _add(self, path: Path) -> None:
        name = shown_name(path.relative_to(self.folder).as_posix())
        pages = pages_of(path) if path.suffix.lower() in (".tif", ".tiff") else [0]
        if len(pages) == 1:
            self.ids.append(name)
            self.shots.append("")
            self._places.append((path, None))
            return
        stack = TiffPages(path, pages)
        self.ids += [f"{name}#{number:06d}" for number in range(len(pages))]
        self.shots += [name] * len(pages)
        self._places += [(stack, number) for number in range(len(pages))]

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PoseSample:
        """Raises PictureError when the picture cannot be read."""
        place, page = self._places[index]
        if page is None:
            return self._sample(read_rgb(place), {"id": self.ids[index], "path": str(place)})
        return self._sample(read_page(place, page), {"id": self.ids[index], "path": str(place.path), "frame": page})

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, counts."""
        return {"name": f"images:{shown_name(self.folder)}", "split": "all", "items": len(self), "labelled": False}


def natural_key(path: str | Path) -> tuple:
    """Sort key with numbers by value, folder by folder: frame2 before frame10."""

    def words(part: str) -> tuple:
        return tuple((0, int(w), "") if w.isdecimal() else (1, 0, w.lower()) for w in re.findall(r"\d+|\D+", part))

    return tuple(words(part) for part in Path(path).parts), str(path)
