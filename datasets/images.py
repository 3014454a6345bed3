"""Pictures and videos nobody has labelled: a folder of stills, the frames of a video."""

from __future__ import annotations

import copy
import itertools
import os
import re
import weakref
from collections import OrderedDict
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import DataError, OptionError
from ..pose.skeleton import Skeleton
from .pictures import PictureError, read_rgb
from .sample import PoseSample
from .tree import missing_tree, what_is_at

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp")

_CLOSED = {"_capture": None, "_close": None, "_process": 0, "_next": 0}
_decoders: dict[int, cv2.VideoCapture] = {}
_numbers = itertools.count()


class _WholePictures:
    """What both have in common: no labels, boxes around the whole picture, a skeleton that comes from elsewhere.

    Attributes:
        skeleton: that of the model in use; None until given here or to `with_skeleton`.
    """

    crop_factor = 1.0
    labels = None
    skeleton: Skeleton | None

    def with_skeleton(self, skeleton: Skeleton) -> _WholePictures:
        """The same pictures with this skeleton."""
        other = copy.copy(self)
        other.skeleton = skeleton
        return other

    def _sample(self, image: np.ndarray, meta: dict[str, Any]) -> PoseSample:
        k = 0 if self.skeleton is None else len(self.skeleton)
        box = np.array([0, 0, image.shape[1], image.shape[0]], np.float32)
        return PoseSample(image, np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), box, meta)


class ImageFolder(_WholePictures):
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


class VideoFile(_WholePictures):
    """Frames of one video, one animal in each; neighbouring frames are one shot.

    Source: the user's own. Tree: one file, anything FFmpeg reads. Read in order it is decoded once, without seeking; the
    last frames are kept, so that flow between neighbours costs nothing; other access seeks. The file is opened by each
    process when it first reads.

    Args:
        path: the file.
        stride: take every stride-th frame.
        start, stop: first frame, and the one to end before (None: the end), counted from 0.
        skeleton: the model's, or None to give it later by `with_skeleton`.

    Attributes:
        fps: frames per second; 0 where the file does not say.
        frames: numbers of the frames taken, in order.

    Raises:
        DataError: no such file, not a video, or no frame between start and stop.
        OptionError: a stride below 1, or a negative start.
    """

    kept = 4  # frames
    jump = 32  # decoding this many frames on the way is cheaper than seeking

    def __init__(
        self,
        path: str | Path,
        stride: int = 1,
        start: int = 0,
        stop: int | None = None,
        skeleton: Skeleton | None = None,
    ):
        self.path, self.stride, self.skeleton = Path(path), stride, skeleton
        if stride < 1 or start < 0:
            raise OptionError("a stride of 1 or more and a start of 0 or more", f"stride {stride}, start {start}")
        self._close = None
        self._forget()
        total, self.fps = self._measure()
        self.frames = range(start, total if stop is None else min(stop, total), stride)
        if not self.frames:
            raise DataError(
                f"frames from {start} to {stop}", f"{self.path} has {total} frames", "change start and stop"
            )
        self.ids = [f"{self.path.name}#{frame:06d}" for frame in self.frames]
        self.shots = [self.path.name] * len(self.ids)

    def _measure(self) -> tuple[int, float]:
        capture = self._opened()
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        fps = float(capture.get(cv2.CAP_PROP_FPS))
        # the count comes from the file's header; a file cut short, or one from a camera, has fewer frames or none stated
        if count < 1 or self._decode(count - 1) is None:
            self._forget()
            capture, count = self._opened(), 0
            while capture.grab():
                count += 1
        self._forget()
        if count < 1:
            raise DataError(
                "a video that can be read", f"{self.path}: no frame can be decoded", "convert it to mp4 (H.264)"
            )
        return count, fps if np.isfinite(fps) else 0.0

    def _opened(self) -> cv2.VideoCapture:
        if self._process != os.getpid():  # a decoder inherited through a fork has lost its threads
            self._forget()
        if self._capture is None:
            if not self.path.is_file():
                raise DataError("a video file", what_is_at(self.path), "give its path: video:FILE")
            self._capture, self._process, self._next = cv2.VideoCapture(str(self.path)), os.getpid(), 0
            number = next(_numbers)
            _decoders[number] = self._capture
            self._close = weakref.finalize(self, _close, number, self._process)
            self._close.atexit = False
            if not self._capture.isOpened():
                self._forget()
                size = self.path.stat().st_size
                raise DataError(
                    "a video that can be read",
                    f"{self.path} ({size} bytes) is no video OpenCV can open, or is cut short",
                    "convert it to mp4 (H.264)",
                )
        return self._capture

    def _decode(self, frame: int) -> np.ndarray | None:
        """(H, W, 3) uint8 BGR, or None where the video has no such frame."""
        capture = self._opened()
        if not self._next <= frame <= self._next + self.jump:
            self._seek(frame)
        while self._next < frame and capture.grab():
            self._next += 1
        whole, image = capture.read() if self._next == frame else (False, None)
        self._next = frame + 1 if whole else -self.jump - 1  # after a fault the position is unknown: seek
        return image if whole else None

    def _seek(self, frame: int) -> None:
        self._opened().set(cv2.CAP_PROP_POS_FRAMES, frame)
        self._next = frame

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, index: int) -> PoseSample:
        """Raises PictureError when the frame cannot be decoded."""
        frame = self.frames[index]
        if frame not in self._recent:
            image = self._decode(frame)
            if image is None:
                raise PictureError(self.path, f"frame {frame} cannot be decoded")
            self._recent[frame] = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            if len(self._recent) > self.kept:
                self._recent.popitem(last=False)
        seconds = frame / self.fps if self.fps > 0 else None
        meta = {"id": self.ids[index], "path": str(self.path), "frame": frame, "time_s": seconds}
        return self._sample(self._recent[frame].copy(), meta)

    def _forget(self) -> None:
        if self._close is not None:
            self._close()
        self.__dict__.update(_CLOSED, _recent=OrderedDict())

    def __getstate__(self) -> dict[str, Any]:
        # an open decoder belongs to one process, and to one object
        return self.__dict__ | _CLOSED | {"_recent": OrderedDict()}

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, counts, which frames."""
        frames = self.frames
        return {
            "name": f"video:{self.path}",
            "split": "all",
            "items": len(self),
            "frames": f"{frames[0]} to {frames[-1]}, every {self.stride}",
            "fps": round(self.fps, 3),
            "labelled": False,
        }


def _close(number: int, process: int) -> None:
    # closing an inherited decoder waits for ever for threads the fork left behind, so it is kept, open, to the end
    if process == os.getpid():
        _decoders.pop(number, None)


def natural_key(path: str | Path) -> tuple:
    """Sort key with numbers by value, folder by folder: frame2 before frame10."""

    def words(part: str) -> tuple:
        return tuple((0, int(w), "") if w.isdecimal() else (1, 0, w.lower()) for w in re.findall(r"\d+|\D+", part))

    return tuple(words(part) for part in Path(path).parts), str(path)
