"""Index of a video: its frames in the order in which they are shown, counted by reading the file.

Every frame has a row. Lost frames of a damaged file have rows too, so that later frames have their right numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np

from ...errors import DataError
from ..picture_decoding import LARGEST_PX
from .damage import Decoded, fill_gaps, rising_times, rows_by_count, undamaged_frames
from .stream import VideoStream, is_intra, is_sound

# containers and codecs of which every packet is exactly one frame with a time: counting packets is enough
_COUNTED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm")
_ONE_PACKET_ONE_FRAME = ("h264", "hevc", "vp9", "av1", "libdav1d", "mpeg4", "mjpeg", "prores")
_HIDDEN_FRAMES = ("vp8", "libvpx")  # codecs with packets that are never shown
# FFmpeg's messages on frames that are lost and that others need
_MISSING = ("Frame num gap", "Could not find ref with POC")
_LEFT_OUT = "it is damaged: frames that are lost, or drawn from lost ones, are left out"
_SAME_NUMBERS = "; the others keep their numbers"
_UNCLEAR = "; how many are lost is not known, so that frames after the damage may be numbered too low"


class _Packet(NamedTuple):
    time: int | None
    key: bool
    shown: bool
    place: int | None  # in the file, bytes


@dataclass(frozen=True)
class VideoIndex:
    """N rows, one a frame.

    Attributes:
        seconds: (N,) float64 times from the start of the file.
        times: (N,) int64 strictly rising times in units of the track, by which frames are found; None where the file has no such
            times: then frames are counted from its beginning.
        keys: times of the key packets, rising: reading can begin at each. Empty without `times`.
        one_thread: decode with one thread: with several, the result for a damaged file depends on which is faster.
        packets: (N,) int64 number of the packet of every row, -1 for a lost frame; None with `times`.
        lost: (N,) bool rows known to be lost.
        any_start: the file marks no key packet, so that decoding begins with its first.
        fps: frames per second; 0 where the file does not say.
        notes: warnings about the file, one sentence each.
    """

    seconds: np.ndarray
    times: np.ndarray | None
    keys: np.ndarray
    packets: np.ndarray | None
    lost: np.ndarray
    any_start: bool
    one_thread: bool
    fps: float
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.seconds)

    @cached_property
    def rows_of_packets(self) -> dict[int, int]:
        """Number of a packet -> its row, for files without `times`."""
        packets = () if self.packets is None else self.packets.tolist()
        return {number: row for row, number in enumerate(packets) if number >= 0}


def index_video(path: Path) -> VideoIndex:
    """Finds the frames of a video by reading all of it; it is also decoded, unless every packet is certainly one frame.

    Raises:
        DataError: there is no such file, it is no video, or no frame can be decoded.
    """
    stream = VideoStream(path)
    try:
        w, h = stream.size_wh
        if w * h > LARGEST_PX:
            raise DataError(
                f"frames of at most {LARGEST_PX / 1e6:.0f} megapixels", f"{path}: {w} x {h} px", "scale it down"
            )
        packets, damaged = _scan(stream)
        keys = np.array(sorted({p.time for p in packets if p.key and p.time is not None}), np.int64)
        any_start = not any(p.key for p in packets)
        times = np.array([p.time for p in packets if p.shown and p.time is not None], np.int64)
        counted = stream.container in _COUNTED and stream.codec in _ONE_PACKET_ONE_FRAME
        all_times = len(times) == sum(p.shown for p in packets) == len(np.unique(times))
        sure = counted and not damaged and len(keys) > 0 and all_times
        if sure:
            first = next(p.time for p in packets if p.key and p.time is not None)
            return _by_time(stream, np.sort(times[times >= first]), keys)
    finally:
        stream.close()
    return _decoded(path, packets, keys, any_start, damaged)


@contextmanager
def _ffmpeg_errors() -> Iterator[list[Any]]:
    """FFmpeg's messages on errors. Only where it decodes without threads, which would wait for Python."""
    level, once = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)  # the same message about another file counts again
    try:
        with av.logging.Capture() as messages:
            yield messages
    finally:
        av.logging.set_level(level)
        av.logging.set_skip_repeated(once)


def _scan(stream: VideoStream) -> tuple[list[_Packet], bool]:
    """Every packet, and whether there is a sign of damage."""
    found: list[_Packet] = []
    damaged = False
    with _ffmpeg_errors() as messages_of_ffmpeg:
        for packet in stream.packets():
            if packet is None:
                damaged = True
            elif packet.size:
                found.append(_Packet(packet.pts, packet.is_keyframe, not packet.is_discard, packet.pos))
                damaged |= packet.is_corrupt
    return found, damaged or bool(messages_of_ffmpeg)


def _by_time(
    stream: VideoStream, times: np.ndarray, keys: np.ndarray, lost: np.ndarray | None = None, notes: Sequence[str] = ()
) -> VideoIndex:
    if not len(times):
        raise _nothing(stream.path)
    # AVI counts frames from 1 where they are stored in another order
    start_s = times[0] * stream.time_base if stream.container == "avi" else stream.start_s
    seconds = times * stream.time_base - start_s
    notes = (*_overcounted(stream, len(times)), *notes)
    one_thread, lost = lost is not None, np.zeros(len(times), bool) if lost is None else lost
    return VideoIndex(seconds, times, keys, None, lost, len(keys) == 0, one_thread, stream.fps, notes)


def _nothing(path: Path) -> DataError:
    return DataError("a video that can be read", f"{path}: no frame can be decoded", "convert it to mp4 (H.264)")


def _overcounted(stream: VideoStream, count: int) -> list[str]:
    return [f"its header says {stream.declared} frames, but it has {count}"] if stream.declared > count else []


def _decode_all(stream: VideoStream, any_start: bool, numbered: bool = False) -> tuple[list[Decoded], bool]:
    """Every frame, and whether any is damaged or missing. One thread decodes, so that FFmpeg can send messages to Python."""
    frames: list[Decoded] = []
    damaged = False
    with _ffmpeg_errors() as messages_of_ffmpeg:
        for frame in stream.frames(any_start=any_start, numbered=numbered):
            missing = any(word in text for *_, text in messages_of_ffmpeg for word in _MISSING)
            messages_of_ffmpeg.clear()
            if frame is not None:
                frames.append(Decoded(frame.pts, is_sound(frame) and not missing, is_intra(frame)))
            damaged |= frame is None or not frames[-1].sound
    return frames, damaged


def _decoded(path: Path, packets: list[_Packet], keys: np.ndarray, any_start: bool, damaged: bool) -> VideoIndex:
    stream = VideoStream(path)
    try:
        frames, broken = _decode_all(stream, any_start)
        if not frames:
            raise _nothing(path)
        damaged |= broken
        starts = 2 if stream.container == "mpeg" else 1  # there the first times after damage are extrapolated
        undamaged = undamaged_frames(frames, starts=starts) if damaged else frames
        times = rising_times(undamaged)
        if times is None or not undamaged or (damaged and stream.container == "avi"):  # AVI has no times
            return _by_count(path, packets, any_start, damaged)
        if not damaged:
            return _by_time(stream, times, keys)
        if stream.codec not in _HIDDEN_FRAMES:
            known = [p.time for p in packets if p.shown and p.time is not None and p.time > times[0]]
            times = np.union1d(times, np.array(known, np.int64))
        times, unclear = fill_gaps(times)
        shown = np.array([f.time for f in undamaged_frames(frames, times, starts)], np.int64)
        notes = [_LEFT_OUT + (_UNCLEAR if unclear else _SAME_NUMBERS)]
        return _by_time(stream, times, np.intersect1d(keys, shown), ~np.isin(times, shown), notes)
    finally:
        stream.close()


def _by_count(path: Path, packets: list[_Packet], any_start: bool, damaged: bool) -> VideoIndex:
    """Rows in the order of decoding, for files without usable times; lost packets have rows too."""
    stream = VideoStream(path)
    try:
        frames, broken = _decode_all(stream, any_start, numbered=True)
        frames = [f for f in frames if f.time is not None]
        if not frames:
            raise _nothing(path)
        damaged |= broken
        known = len(stream.numbers) or len(packets)
        numbers = rows_by_count(frames, known if damaged and stream.codec not in _HIDDEN_FRAMES else 0)
        clear = bool(stream.numbers) and all(p.place in stream.numbers for p in packets)
        notes = _overcounted(stream, len(numbers))
        if damaged:
            notes.append(_LEFT_OUT + (_SAME_NUMBERS if clear else _UNCLEAR))
        times = [None if stream.container == "avi" else p.time for p in packets]
        seconds, nothing = _seconds_by_count(stream, times, numbers), np.empty(0, np.int64)
        return VideoIndex(seconds, None, nothing, numbers, numbers < 0, any_start, True, stream.fps, tuple(notes))
    finally:
        stream.close()


def _seconds_by_count(stream: VideoStream, times: list[int | None], numbers: np.ndarray) -> np.ndarray:
    """(N,) rising times, s: those of the file where they rise, else interpolated; by the frame rate where there are none."""
    rows: list[int] = []
    known: list[float] = []
    newest = -np.inf
    for row, number in enumerate(numbers):
        time = times[number] if 0 <= number < len(times) else None
        if time is not None and time > newest:
            newest = time
            rows.append(row)
            known.append(time * stream.time_base - stream.start_s)
    every = np.arange(len(numbers), dtype=np.float64)
    step = 1 / stream.fps if stream.fps else 0.0
    if len(rows) < 2:
        return every * step if stream.fps else np.full(len(numbers), np.nan)
    seconds: np.ndarray = np.interp(every, rows, known) + np.where(every > rows[-1], (every - rows[-1]) * step, 0)
    return seconds
