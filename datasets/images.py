"""A folder of pictures without labels: `images:FOLDER`."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any, NamedTuple

from ..files import shown_name
from ..pose.skeleton import Skeleton
from .picture_decoding import TiffPages
from .pictures import pages_of, read_page, read_rgb
from .sample import UNKNOWN_JOINTS, PoseSample
from .tree import missing_tree
from .unlabelled_pictures import UnlabelledPictures

log = logging.getLogger(__name__)

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")


class _Page(NamedTuple):
    stack: TiffPages
    number: int


class ImageFolder(UnlabelledPictures):
    """Every picture below a folder, one animal in each.

    Source: pictures of the user. Joints: none, until `with_skeleton`. Split: none.
    Tree: any. Files that end in jpg, jpeg, png, bmp, tif, tiff or webp are read at any depth, in natural order (frame2 before
    frame10); hidden files are left out. A picture is a still: its entry in `shots` is "". A TIFF file with several pages is a
    recording: every page is an item, `stack.tif#000000` and so on, and the file is their shot.

    Args:
        folder: of the pictures.
        skeleton: of the model; None: given later by `with_skeleton`.

    Raises:
        DataError: no such folder, or no picture in it.
    """

    def __init__(self, folder: str | Path, skeleton: Skeleton | None = None):
        self.folder, self.skeleton = Path(folder), skeleton or UNKNOWN_JOINTS
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
        self._places: list[Path | _Page] = []
        names: list[tuple[str, str]] = []
        for path in found:
            names += self._add(path)
        self.ids, self.shots = [name for name, _ in names], [shot for _, shot in names]

    def _add(self, path: Path) -> list[tuple[str, str]]:
        """Adds the pages of a file; returns their ids and shots."""
        name = shown_name(path.relative_to(self.folder).as_posix())
        pages = pages_of(path) if path.suffix.lower() in (".tif", ".tiff") else [0]
        if len(pages) == 1:
            self._places.append(path)
            return [(name, "")]
        stack = TiffPages(path, pages)
        self._places += [_Page(stack, number) for number in range(len(pages))]
        return [(f"{name}#{number:06d}", name) for number in range(len(pages))]

    def __getitem__(self, index: int) -> PoseSample:
        """Raises PictureError when the picture cannot be read."""
        place, meta = self._places[index], {"id": self.ids[index]}
        if isinstance(place, Path):
            return self._sample(read_rgb(place), meta | {"path": str(place)})
        image = read_page(place.stack, place.number)
        return self._sample(image, meta | {"path": str(place.stack.path), "frame": place.number})

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, counts."""
        return {"name": f"images:{shown_name(self.folder)}", "split": "all", "items": len(self), "labelled": False}


SortKey = tuple[tuple[tuple[tuple[int, int, str], ...], ...], str]


def natural_key(path: str | Path) -> SortKey:
    """Sort key with numbers by value, folder by folder: frame2 before frame10."""

    def words(part: str) -> tuple[tuple[int, int, str], ...]:
        return tuple((0, int(w), "") if w.isdecimal() else (1, 0, w.lower()) for w in re.findall(r"\d+|\D+", part))

    return tuple(words(part) for part in Path(path).parts), str(path)
