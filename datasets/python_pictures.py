"""Pictures of a Python program, as arrays or files, with or without boxes: what `PoseModel.predict` reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import OptionError
from ..files import shown_name
from ..pose.skeleton import Skeleton
from .picture_decoding import TiffPages
from .pictures import PictureError, pages_of, read_page, read_rgb
from .sample import UNKNOWN_JOINTS, PoseSample
from .unlabelled_pictures import UnlabelledPictures

Picture = np.ndarray | str | Path
BOX_CROP_FACTOR = 1.25  # as in COCO files: the crop's side in longer sides of the box


class GivenPictures(UnlabelledPictures):
    """Pictures in memory and picture files, each taken whole or with boxes around its animals; an item for each animal.

    Source: the caller. Arrays are named by their number (`000007`), files by their name, pages of a TIFF file `stack.tif#000003`.
    The items of a picture follow one another.

    Args:
        pictures: P arrays (H, W, 3) uint8 RGB, or files; a TIFF file with several pages stands for as many pictures.
        boxes: None: an animal fills each picture; else P arrays (M, 4), left, top, width, height in px, M animals in the picture
            (M may be 0). Boxes may reach beyond the picture.
        skeleton: the model's.

    Attributes:
        picture_of: (N,) number of the picture of every item.
        boxes: (N, 4) float32; None where pictures are taken whole.

    Raises:
        OptionError: no picture, an array that is no RGB picture, or boxes that are no boxes or not as many as there are pictures.
    """

    def __init__(
        self, pictures: Sequence[Picture], boxes: Sequence[np.ndarray] | None = None, skeleton: Skeleton | None = None
    ):
        self.skeleton = skeleton or UNKNOWN_JOINTS
        self._readers: list[tuple[str, str, Callable[[], np.ndarray]]] = []  # name, path, how to read
        for picture in pictures:
            self._add(picture)
        if not self._readers:
            raise OptionError("at least one picture", "none")
        self._make_names_unique()
        names = [name for name, *_ in self._readers]
        if boxes is None:
            self.boxes: np.ndarray | None = None
            self.picture_of, self.ids = np.arange(len(names)), names
        else:
            if len(boxes) != len(names):
                found = f"boxes for {len(boxes)} of {len(names)} pictures"
                raise OptionError("boxes for each picture: (M, 4) for M animals in it", found)
            checked = [_checked_boxes(rows, name) for rows, name in zip(boxes, names)]
            self.crop_factor = BOX_CROP_FACTOR
            self.boxes = np.concatenate([np.empty((0, 4), np.float32), *checked])
            self.picture_of = np.repeat(np.arange(len(names)), [len(rows) for rows in checked])
            self.ids = [f"{name}/{n}" for name, rows in zip(names, checked) for n in range(len(rows))]
        self.shots = [""] * len(self.ids)

    def _add(self, picture: Picture) -> None:
        if isinstance(picture, str | Path):
            path, name = Path(picture).expanduser(), shown_name(Path(picture).name)
            pages = pages_of(path) if path.suffix.lower() in (".tif", ".tiff") else [0]
            if len(pages) == 1:
                self._readers.append((name, str(path), partial(read_rgb, path)))
                return
            stack = TiffPages(path, pages)
            for page in range(len(pages)):
                self._readers.append((f"{name}#{page:06d}", str(path), partial(read_page, stack, page)))
            return
        array = np.asarray(picture)
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8 or not array.size:
            found = f"an array of {array.dtype} and shape {array.shape}"
            remedy = "np.repeat(grey[..., None], 3, 2) makes RGB of grey; (255 * picture).astype('uint8') of 0..1"
            raise OptionError("pictures as arrays (H, W, 3) of uint8, RGB", found, remedy)
        self._readers.append((f"{len(self._readers):06d}", "", partial(np.asarray, array)))

    def _make_names_unique(self) -> None:
        """Names files by their paths where several have one name, and by their numbers too where a file is given twice."""
        names = [name for name, *_ in self._readers]
        if len(set(names)) < len(names):
            pages = [name[name.find("#") :] if "#" in name else "" for name in names]
            paths = [shown_name(path) + page if path else name for (name, path, _), page in zip(self._readers, pages)]
            unique = len(set(paths)) == len(paths)
            names = paths if unique else [f"{number:06d}_{name}" for number, name in enumerate(names)]
            self._readers = [(name, path, read) for name, (_, path, read) in zip(names, self._readers)]

    def meta_of(self, index: int) -> dict[str, Any]:
        """`picture`, the number of an item's picture, and `file_name`, its name."""
        number = int(self.picture_of[index])
        return {"picture": number, "file_name": self._readers[number][0]}

    def __getitem__(self, index: int) -> PoseSample:
        """Reads one picture.

        Raises:
            PictureError: the picture cannot be read, or does not contain the box.
        """
        name, path, read = self._readers[self.picture_of[index]]
        meta = {"id": self.ids[index], "path": path or name}
        sample = self._sample(read(), meta)
        if self.boxes is not None:
            sample.box_xywh = self.boxes[index].copy()
            (h, w), (left, top, width, height) = sample.image.shape[:2], sample.box_xywh
            if left >= w or top >= h or left + width <= 0 or top + height <= 0:
                raise PictureError(path or name, f"the box of {self.ids[index]} lies wholly outside its {w} x {h} px")
        return sample

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, counts."""
        facts = {"name": "given pictures", "split": "all", "items": len(self), "labelled": False}
        return facts | {"pictures": len(self._readers)}


def _checked_boxes(boxes: Any, name: str) -> np.ndarray:
    """(M, 4) float32; a single box (4,) is one animal.

    Raises:
        OptionError: they are no boxes.
    """
    array = np.asarray(boxes, np.float32)
    array = array.reshape(-1, 4) if array.shape in ((4,), (0,)) else array
    if array.ndim != 2 or array.shape[1] != 4:
        raise OptionError("boxes (M, 4): left, top, width, height in px", f"an array of shape {array.shape} for {name}")
    bad = ~np.isfinite(array).all(1) | (array[:, 2:] <= 0).any(1)
    if bad.any():
        found = f"{array[bad][0].tolist()} for {name}"
        raise OptionError("boxes left, top, width, height of finite numbers, with a positive width and height", found)
    return array
