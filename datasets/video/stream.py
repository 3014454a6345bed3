"""Decodes a video file to frames in the order in which they are shown, with FFmpeg, through PyAV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np

from ...errors import DataError, is_of_machine
from ...files import what_is_at

if TYPE_CHECKING:
    from typing_extensions import Buffer

    VideoPacket = av.Packet[av.VideoStream]

_READ_ERRORS = 100  # errors of the container in a row, after which the file counts as ended; chosen
_INTRA = 1  # av.video.frame.PictureType.I
_OPEN_S = 30.0  # time to open a file, s: a damaged header could be read for ever; chosen


class VideoStream:
    """The first video track of an open file.

    Args:
        path: the file; its name may be of any bytes.
        threads: FFmpeg decodes with threads. Only for processes that never fork: a forked copy would wait for the threads for ever.
            Not for damaged files: the result then depends on which thread is faster.

    Attributes:
        codec, container: FFmpeg's names of the codec and of the container format.
        declared: number of frames in the header; 0 where there is none.
        fps: frames per second on average; 0 where the file does not say it.
        start_s: time at which the file begins, s; players show it as 0.
        time_base: seconds in a unit of time of the track.
        numbers: place in the file -> number of the packet that begins there, for AVI files with an index.

    Raises:
        DataError: there is no such file, or FFmpeg cannot open it as a video.
    """

    def __init__(self, path: Path, threads: bool = False):
        if not path.is_file():
            raise DataError("a video file", what_is_at(path), "give its path: video:FILE")
        self.path = path
        try:
            # with "file:" a name with a colon is no address; a playlist cannot reach the network
            self._file = av.open(
                f"file:{path}", metadata_errors="replace", options={"protocol_whitelist": "file"}, timeout=_OPEN_S
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            if is_of_machine(error):
                raise
            raise _unreadable(path, f"is no video FFmpeg can open, or is cut short ({_reason(error)})") from None
        tracks = [s for s in self._file.streams.video if not s.disposition & av.stream.Disposition.attached_pic]
        if not tracks or tracks[0].codec_context is None:
            self.close()
            raise _unreadable(path, "holds no video track that FFmpeg can decode")
        self._track = track = tracks[0]
        if threads:
            track.thread_type = "AUTO"
        else:
            track.thread_type, track.thread_count = "NONE", 1
        self.codec, self.container, self.declared = track.codec_context.name, self._file.format.name, track.frames
        rate = track.average_rate or track.guessed_rate
        self.fps = float(rate) if rate else 0.0
        self.time_base = float(track.time_base or 0)
        self.start_s = (self._file.start_time or 0) / av.time_base
        # AVI has no times: after damage only the index of its chunks says which frame a chunk is
        avi = self.container == "avi"
        self.numbers = {entry.pos + 8: entry.timestamp for entry in track.index_entries} if avi else {}

    def packets(self) -> Iterator[VideoPacket | None]:
        """Packets of the track in the order of the file; None for an error of the container, after which reading continues."""
        reading, faults = self._file.demux(self._track), 0
        while faults < _READ_ERRORS:
            try:
                packet = next(reading)
            except StopIteration:
                return
            except (av.FFmpegError, OSError):
                reading, faults = self._file.demux(self._track), faults + 1
                yield None
                continue
            faults = 0
            yield packet

    def frames(
        self, first: int | None = None, any_start: bool = False, numbered: bool = False
    ) -> Iterator[av.VideoFrame | None]:
        """Decoded frames in the order in which they are shown, damaged ones included (see `is_sound`).

        None stands for a packet that cannot be decoded.

        Args:
            first: time of the key packet to begin with, after `seek`; None: the first key packet of the file.
            any_start: begin with the first packet, for files that mark no key packet.
            numbered: the time of a frame is the number of its packet, from 0: for files without usable times.

        Raises:
            LookupError: `first` is not among the next packets: the container went to another place.
        """
        begun, number = any_start, -1
        for packet in self.packets():
            if packet is None:
                yield None
                continue
            if packet.size:  # the last packet is empty: it asks for the frames that are still in the decoder
                number = self.numbers.get(-1 if packet.pos is None else packet.pos, number + 1)
            if not begun:
                if first is not None and (not packet.size or (packet.is_keyframe and (packet.pts or 0) > first)):
                    raise LookupError(first)
                if not packet.is_keyframe or (first is not None and packet.pts != first):
                    continue
                begun = True
            if numbered and packet.size:
                packet.pts = packet.dts = number
            try:
                yield from packet.decode()
            except (av.FFmpegError, ValueError):
                yield None

    def seek(self, time: int) -> None:
        """Goes to the key packet at or before a time of the track; containers without an index may go to another place.

        Raises:
            LookupError: the container cannot seek.
        """
        try:
            self._file.seek(time, stream=self._track, backward=True)
        except (av.FFmpegError, OSError, ValueError, OverflowError):
            raise LookupError(time) from None

    def close(self) -> None:
        """Closes the file; frames that were decoded stay valid."""
        self._file.close()

    @property
    def size_wh(self) -> tuple[int, int]:
        """Width and height in the header, px, before turning; 0 where it has none."""
        return self._track.codec_context.width, self._track.codec_context.height


def is_sound(frame: av.VideoFrame) -> bool:
    """Whether the decoder noticed no damage in the frame."""
    return not frame.is_corrupt


def is_intra(frame: av.VideoFrame) -> bool:
    """Whether a frame was decoded without any other frame."""
    return bool(frame.key_frame) and frame.pict_type in (0, _INTRA) and is_sound(frame)


def upright_rgb(frame: av.VideoFrame) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a frame, turned and mirrored as the file says that it is to be shown."""
    image = frame.to_ndarray(format="rgb24", threads=1)  # a forked copy would wait for its threads
    matrix = frame.side_data.get("DISPLAYMATRIX")
    data = b"" if matrix is None else bytes(cast("Buffer", matrix))
    if len(data) == 36:
        # rows (a, b, .), (c, d, .) in 16.16: a pixel at x, y is shown at a x + c y, b x + d y
        (a, b, _), (c, d, _), _ = np.frombuffer(data, "<i4").reshape(3, 3).astype(np.int64)
        if abs(b) + abs(c) > abs(a) + abs(d):
            image, across, down = image.swapaxes(0, 1), c, b
        else:
            across, down = a, d
        image = image[:: -1 if down < 0 else 1, :: -1 if across < 0 else 1]
    return np.ascontiguousarray(image)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _unreadable(path: Path, found: str) -> DataError:
    return DataError(
        "a video that can be read", f"{path} ({path.stat().st_size} bytes) {found}", "convert it to mp4 (H.264)"
    )
