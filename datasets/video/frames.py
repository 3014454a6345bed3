"""The frames of a video without labels: `video:FILE`."""

from __future__ import annotations

import copy
import logging
from collections import OrderedDict
from pathlib import Path
from typing import Any, Self

import numpy as np

from ...errors import DataError, OptionError
from ...files import shown_name
from ...pose.skeleton import Skeleton
from ..pictures import PictureError
from ..sample import UNKNOWN_JOINTS, PoseSample
from ..unlabelled_pictures import UnlabelledPictures
from .index import index_video
from .reader import FrameReader

log = logging.getLogger(__name__)


class VideoFile(UnlabelledPictures):
    """Frames of one video, one animal in each; neighbouring frames are one shot.

    Source: a video of the user. Joints: none, until `with_skeleton`. Split: none. Tree: one file in a format that FFmpeg reads.
    Frames are counted by reading the file, not its header. They are numbered from 0 in the order in which players show them, and
    turned as the file says. Read in order, the file is decoded once; the last frames stay in memory for optical flow between
    neighbours. Read in another order, it is sought, where its container allows an exact seek. Each process opens the file when it
    first reads.

    Args:
        path: the file.
        stride: N: take every N-th frame.
        start, stop: first frame, and the one to end before (None: the end), counted from 0.
        skeleton: of the model; None: given later by `with_skeleton`.

    Attributes:
        fps: frames per second on average; 0 where the file does not say.
        frames: numbers of the frames taken, in order.

    Raises:
        DataError: no such file, not a video, or no frame between start and stop.
        OptionError: a stride below 1, or a negative start.
    """

    cached_frames = 4  # the newest ones; optical flow needs a frame and its neighbours
    reads_in_order = True

    def __init__(
        self,
        path: str | Path,
        stride: int = 1,
        start: int = 0,
        stop: int | None = None,
        skeleton: Skeleton | None = None,
    ):
        self.path, self.stride, self.skeleton = Path(path), stride, skeleton or UNKNOWN_JOINTS
        if stride < 1 or start < 0:
            raise OptionError("a stride of 1 or more and a start of 0 or more", f"stride {stride}, start {start}")
        index = index_video(self.path)
        for note in index.notes:
            log.warning("%s: %s", shown_name(self.path), note)
        self.fps, self._seconds = index.fps, index.seconds
        self._reader = FrameReader(self.path, index)
        self._recent: OrderedDict[int, np.ndarray] = OrderedDict()
        self.frames = range(start, len(index) if stop is None else min(stop, len(index)), stride)
        if not self.frames:
            found = f"{self.path} has {len(index)} frames"
            raise DataError(f"frames from {start} to {stop}", found, "change start and stop")
        name = shown_name(self.path.name)
        self.ids = [f"{name}#{frame:06d}" for frame in self.frames]
        self.shots = [name] * len(self.ids)

    def meta_of(self, index: int) -> dict[str, Any]:
        """Facts of an item without decoding it: `frame`, its number from 0, and `time_s`, s from the file's start, or None."""
        frame = self.frames[index]
        seconds = float(self._seconds[frame]) if frame < len(self._seconds) else np.nan
        return {"frame": frame, "time_s": seconds if np.isfinite(seconds) else None}

    def __getitem__(self, index: int) -> PoseSample:
        """Raises PictureError when the frame cannot be decoded."""
        frame = self.frames[index]
        if frame not in self._recent:
            image = self._reader.read(frame) if frame < len(self._seconds) else None
            if image is None:
                raise PictureError(self.path, f"frame {frame} cannot be decoded")
            self._recent[frame] = image
            if len(self._recent) > self.cached_frames:
                self._recent.popitem(last=False)
        meta = {"id": self.ids[index], "path": str(self.path)} | self.meta_of(index)
        return self._sample(self._recent[frame].copy(), meta)

    def with_skeleton(self, skeleton: Skeleton) -> Self:
        """The same frames with this skeleton, read by another decoder."""
        other = super().with_skeleton(skeleton)
        other._reader, other._recent = copy.copy(self._reader), OrderedDict()
        return other

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_recent": OrderedDict()}

    def describe(self) -> dict[str, Any]:
        """Plain facts: name, counts, which frames."""
        frames = self.frames
        return {
            "name": f"video:{shown_name(self.path)}",
            "split": "all",
            "items": len(self),
            "frames": f"{frames[0]} to {frames[-1]}, every {self.stride}",
            "fps": round(self.fps, 3),
            "labelled": False,
        }
