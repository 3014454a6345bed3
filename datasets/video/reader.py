"""Reads frames of a video by their row, in any order: a frame is the same however it is reached."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from .index import VideoIndex
from .stream import VideoStream, is_sound, starts_anew, upright_rgb


class FrameReader:
    """Frames of one video for one process; a reader that was pickled, or inherited through a fork, opens the file anew.

    Reading goes on from where it is, or from a key frame at or before the row, which is only believed when the file really
    continues there; else from the beginning. A frame counts as lost where, since the last key frame, a frame is missing or the
    decoder says that one is damaged: what it draws from such frames shows another moment.

    Args:
        path, index: the file, and what `index_video` found in it.
    """

    jump = 32  # decoding this many frames on the way is cheaper than seeking
    misses = 3  # seeks that lead elsewhere, after which the file is only read in order
    lead_s = 3.0  # how much earlier to seek in a container that leads too far, s

    def __init__(self, path: Path, index: VideoIndex):
        self.path, self.index = path, index
        self._missed = 0
        self.close()

    def read(self, row: int) -> np.ndarray | None:
        """(H, W, 3) uint8 RGB, upright; None for a frame that is lost.

        Raises:
            DataError: the file is no longer there, or no longer a video.
        """
        if self._process != os.getpid():
            self.close()
        if self.index.lost[row]:
            return None
        if not self._goes_on_to(row):
            return self._from_a_start(row)
        return self._forward(row)

    def _goes_on_to(self, row: int) -> bool:
        """Whether decoding onwards leads to a row, without a seek that would be cheaper."""
        if self._frames is None or row < self._lost_from:
            return False
        if row < self._next + self.jump or self.index.times is None or self._missed >= self.misses:
            return True
        key = self._keys_before(row)
        return not len(key) or key[-1] <= self.index.times[min(self._next, len(self.index) - 1)]

    def _keys_before(self, row: int) -> np.ndarray:
        if self.index.times is None:
            return self.index.keys
        return self.index.keys[: np.searchsorted(self.index.keys, self.index.times[row], side="right")]

    def _from_a_start(self, row: int) -> np.ndarray | None:
        """Read a row from the nearest key frame that decoding can begin at."""
        keys, back = self._keys_before(row), 1
        while self._missed < self.misses and back < len(keys):  # the first key frame is the beginning of the file
            if self._begin_at(int(keys[-back])):
                image = self._forward(row)
                if image is not None or self._anchored:
                    return image
            back *= 2
        self._begin()
        return self._forward(row)

    def _begin(self) -> None:
        """Start decoding at the beginning of the file."""
        self.close()
        threads = _in_worker() and not self.index.one_thread
        self._stream, self._process = VideoStream(self.path, threads), os.getpid()
        self._frames = self._stream.frames(any_start=self.index.any_start, numbered=self.index.times is None)

    def _begin_at(self, key: int) -> bool:
        """Start decoding at the key packet of this time; False where the container cannot be brought there."""
        if self._stream is None:
            self._begin()
        for lead_s in (0, self.lead_s):
            self._frames = self._stream.frames(key)
            self._next = self._lost_from = int(np.searchsorted(self.index.times, key))
            self._at, self._whole, self._anchored = (-1, None), True, False
            try:
                self._stream.seek(key - round(lead_s / (self._stream.time_base or 1)))
                while (frame := next(self._frames, self._stream)) is None:
                    continue
            except LookupError:
                continue
            if frame is not self._stream:
                self._take(frame)
            return True
        self._missed += 1
        return False

    def _forward(self, row: int) -> np.ndarray | None:
        while self._next <= row:
            frame = next(self._frames, self._stream)
            if frame is self._stream:  # the end
                self._lost_from, self._next, self._at = self._next, len(self.index), (len(self.index), None)
            elif frame is not None:
                self._take(frame)
        at, frame = self._at
        return upright_rgb(frame) if at == row and frame is not None else None

    def _take(self, frame: av.VideoFrame) -> None:
        place = self._row_of(frame)
        if place is None or place < self._next:
            return
        if self.index.times is not None:
            if place > self._next or not is_sound(frame):
                self._whole = False
            if starts_anew(frame):
                self._whole = self._anchored = True
        self._lost_from, self._next = self._next, place + 1
        self._at = place, frame if self._whole else None

    def _row_of(self, frame: av.VideoFrame) -> int | None:
        if self.index.times is None:
            return self.index.rows_of_packets.get(frame.pts)
        place = int(np.searchsorted(self.index.times, frame.pts)) if frame.pts is not None else len(self.index)
        return place if place < len(self.index) and self.index.times[place] == frame.pts else None

    def close(self) -> None:
        """Close the file; reading opens it again."""
        stream = getattr(self, "_stream", None)
        if stream is not None and self._process == os.getpid():
            stream.close()
        self._stream: VideoStream | None = None
        self._frames: Iterator | None = None
        self._process = self._next = self._lost_from = 0
        self._at: tuple[int, av.VideoFrame | None] = (-1, None)
        self._whole = self._anchored = True

    def __getstate__(self) -> dict:
        # an open decoder belongs to one process, and to one object
        return {"path": self.path, "index": self.index}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _missed=0)
        self.close()


def _in_worker() -> bool:
    """Whether this process is a worker of a DataLoader, which nobody forks."""
    data = sys.modules.get(
        "torch.utils.data"
    )  # where torch is not loaded there are no workers, and no need to wait for it
    return data is not None and data.get_worker_info() is not None
