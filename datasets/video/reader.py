"""Reads frames of a video by their row, in any order: a frame is the same in whatever order frames are read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from .index import VideoIndex
from .stream import VideoStream, is_intra, is_sound, upright_rgb


class FrameReader:
    """Frames of one video for one process; a reader that was pickled, or copied by a fork, opens the file again.

    Reading continues from the last frame, or from a key frame at or before the row, if the file really continues there; else from
    the beginning. A frame counts as lost where, since the last key frame, a frame is missing or the decoder reports damage: what
    the decoder draws from such frames shows another moment.

    Args:
        path: the file.
        index: of the file, by `index_video`.
    """

    jump = 32  # frames; decoding this many is faster than seeking. Chosen
    misses = 3  # seeks that went to another place, after which the file is only read in order. Chosen
    lead_s = 3.0  # time to seek earlier, s, in a container that goes too far. Chosen

    def __init__(self, path: Path, index: VideoIndex):
        self.path, self.index = path, index
        self._missed = 0
        self._stream: VideoStream | None = None
        self._frames: Iterator[av.VideoFrame | None] | None = None
        self._process = self._next = self._lost_from = 0
        self._at: tuple[int, av.VideoFrame | None] = (-1, None)
        self._whole = self._anchored = True

    def read(self, row: int) -> np.ndarray | None:
        """(H, W, 3) uint8 RGB, upright; None for a lost frame.

        Raises:
            DataError: the file is no longer there, or no longer a video.
        """
        if self._process != os.getpid():
            self.close()
        if self.index.lost[row]:
            return None
        if not self._leads_to(row):
            return self._from_key_frame(row)
        return self._forward(row)

    def _leads_to(self, row: int) -> bool:
        """Whether decoding onwards leads to a row, without a seek that would be faster."""
        if self._frames is None or row < self._lost_from:
            return False
        if row < self._next + self.jump or self.index.times is None or self._missed >= self.misses:
            return True
        keys = self._keys_before(row)
        return not len(keys) or bool(keys[-1] <= self.index.times[min(self._next, len(self.index) - 1)])

    def _keys_before(self, row: int) -> np.ndarray:
        if self.index.times is None:
            return self.index.keys
        return self.index.keys[: np.searchsorted(self.index.keys, self.index.times[row], side="right")]

    def _from_key_frame(self, row: int) -> np.ndarray | None:
        """Reads a row from the nearest key frame at which decoding can begin."""
        keys, back = self._keys_before(row), 1
        while self._missed < self.misses and back < len(keys):  # the first key frame is the beginning of the file
            if self._begin_at(int(keys[-back])):
                image = self._forward(row)
                if image is not None or self._anchored:
                    return image
            back *= 2
        self._begin()
        return self._forward(row)

    def _begin(self) -> VideoStream:
        """Starts to decode at the beginning of the file."""
        self.close()
        threads = _in_worker() and not self.index.one_thread
        stream = VideoStream(self.path, threads)
        self._stream, self._process = stream, os.getpid()
        self._frames = stream.frames(any_start=self.index.any_start, numbered=self.index.times is None)
        return stream

    def _begin_at(self, key: int) -> bool:
        """Starts to decode at the key packet of this time; False where the container does not go there."""
        stream = self._begin() if self._stream is None else self._stream
        times = self.index.times if self.index.times is not None else np.empty(0, np.int64)
        for lead_s in (0, self.lead_s):
            frames = self._frames = stream.frames(key)
            self._next = self._lost_from = int(np.searchsorted(times, key))
            self._at, self._whole, self._anchored = (-1, None), True, False
            try:
                stream.seek(key - round(lead_s / (stream.time_base or 1)))
                frame = next((frame for frame in frames if frame is not None), None)
            except LookupError:
                continue
            if frame is not None:
                self._take(frame)
            return True
        self._missed += 1
        return False

    def _forward(self, row: int) -> np.ndarray | None:
        """Decodes up to a row; None where its frame is lost."""
        frames: Iterator[av.VideoFrame | None] = iter(()) if self._frames is None else self._frames
        while self._next <= row:
            try:
                frame = next(frames)
            except StopIteration:  # the end of the file
                self._lost_from, self._next, self._at = self._next, len(self.index), (len(self.index), None)
                break
            if frame is not None:
                self._take(frame)
        at, decoded = self._at
        return upright_rgb(decoded) if at == row and decoded is not None else None

    def _take(self, frame: av.VideoFrame) -> None:
        place = self._row_of(frame)
        if place is None or place < self._next:
            return
        if self.index.times is not None:
            if place > self._next or not is_sound(frame):
                self._whole = False
            if is_intra(frame):
                self._whole = self._anchored = True
        self._lost_from, self._next = self._next, place + 1
        self._at = place, frame if self._whole else None

    def _row_of(self, frame: av.VideoFrame) -> int | None:
        if frame.pts is None:
            return None
        if self.index.times is None:
            return self.index.rows_of_packets.get(frame.pts)
        place = int(np.searchsorted(self.index.times, frame.pts))
        return place if place < len(self.index) and self.index.times[place] == frame.pts else None

    def close(self) -> None:
        """Closes the file; reading opens it again."""
        if self._stream is not None and self._process == os.getpid():
            self._stream.close()
        self._stream = self._frames = None
        self._process = self._next = self._lost_from = 0
        self._at = (-1, None)
        self._whole = self._anchored = True

    def __reduce__(self) -> tuple[type[FrameReader], tuple[Path, VideoIndex]]:
        # an open decoder belongs to one process, and to one object: copies open the file again
        return type(self), (self.path, self.index)


def _in_worker() -> bool:
    """Whether this process is a worker of a DataLoader, which never forks."""
    data = sys.modules.get("torch.utils.data")  # where torch is not imported there are no workers
    return data is not None and data.get_worker_info() is not None
