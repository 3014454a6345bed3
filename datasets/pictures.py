"""Reads pictures; those that cannot be read do not end a run.

`SafeDataset` returns a `Fault` in place of such a picture, `FaultLog` names it once and counts it.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, is_of_machine
from ..files import shown_name
from .picture_decoding import TiffPages, Undecodable, decode_rgb, page_numbers

log = logging.getLogger(__name__)

_KINDS = {stat.S_IFDIR: "directory", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}


class PictureError(DataError):
    """A picture is missing, cut short, or no picture.

    Args:
        path: the file.
        reason: what is wrong, without the path.
    """

    def __init__(self, path: str | os.PathLike[str], reason: str = ""):
        self.path, self.reason = shown_name(path), reason
        super().__init__(
            "a picture that can be read",
            f"{self.path}: {reason}" if reason else self.path,
            "fetch the file again, or take it out of the set",
        )

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str]]:
        return type(self), (self.path, self.reason)


def read_rgb(path: str | os.PathLike[str], turn: bool = True) -> np.ndarray:
    """A picture file as (H, W, 3) uint8 RGB; grey, transparent, palette and 16-bit files are converted.

    Args:
        path: jpg, png, bmp, tif or webp.
        turn: turn the picture as its EXIF orientation says, as viewers do.

    Raises:
        PictureError: the file is missing, cut short, damaged, too large, no file or no picture. OpenCV alone would return a
            half-grey picture for a damaged JPEG, without an error.
    """
    data = _bytes_of(path)
    if not data:
        raise PictureError(path, "the file is empty")
    if is_cut_short(data):
        raise PictureError(path, f"the file is cut short, after {len(data)} bytes")
    try:
        return decode_rgb(data, turn)
    except Undecodable as error:
        raise PictureError(path, str(error)) from error


def pages_of(path: str | os.PathLike[str]) -> list[int]:
    """Numbers, from 0, of the pages of a TIFF file that are pictures; [0] for a file that cannot be read."""
    try:
        return page_numbers(path)
    except OSError:
        return [0]


def read_page(stack: TiffPages, number: int) -> np.ndarray:
    """One page of a TIFF file, by its number among `stack.pages`, as (H, W, 3) uint8 RGB.

    Raises:
        PictureError: the page cannot be read.
    """
    try:
        return stack.read(number)
    except (Undecodable, ValueError) as error:
        raise PictureError(stack.path, f"page {number}: {error}") from error
    except OSError as error:
        if is_of_machine(error):
            raise
        raise PictureError(stack.path, error.strerror or str(error)) from error


def _bytes_of(path: str | os.PathLike[str]) -> bytes:
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # reading a pipe would wait for ever
            raise PictureError(path, f"is a {_KINDS.get(stat.S_IFMT(status.st_mode), 'device')}, not a file")
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise PictureError(path, "there is no such file") from None
    except ValueError:  # a name with a zero byte
        raise PictureError(path, "no file can have this name") from None
    except OSError as error:
        if is_of_machine(error):
            raise
        raise PictureError(path, error.strerror or str(error)) from error


def is_cut_short(data: bytes) -> bool:
    """Whether the bytes of a JPEG, PNG or WebP file end before the picture does; False for other formats."""
    if data[:2] == b"\xff\xd8":
        return data.find(b"\xff\xd9", _start_of_scan(data)) < 0
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return b"IEND" not in data
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    return False


def _start_of_scan(data: bytes) -> int:
    # an embedded thumbnail has an end marker too, so the search begins at the scan of the picture: after that 0xFF 0xD9 is always
    # the end
    at = 2
    while at + 4 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker == 0xDA:
            return at
        if marker == 0xFF:  # padding
            at += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD9:  # markers without a length
            at += 2
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return min(at, len(data))


@dataclass(frozen=True)
class Fault:
    """What a `SafeDataset` returns in place of an item that cannot be read.

    Attributes:
        index: the item's number in the data set.
        path: the picture file.
        reason: what is wrong with it.
        fatal: the run stops at the first fault.
    """

    index: int
    path: str
    reason: str
    fatal: bool = False


class SafeDataset:
    """A data set that returns a `Fault` for every item whose picture cannot be read, and other items unchanged.

    Args:
        dataset: anything with a length and items.
        strict: mark faults as fatal, so that `FaultLog` stops the run at the first one. They are no exceptions: one that passes
            from a worker process to its parent loses its type and gets a traceback.
    """

    def __init__(self, dataset: Any, strict: bool = False):
        self.dataset, self.strict = dataset, strict

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        try:
            return self.dataset[index]
        except PictureError as error:
            return Fault(int(index), error.path, error.reason, self.strict)


class FaultLog:
    """Collects faults in the main process: names each once, counts them, and stops a run whose pictures are mostly broken.

    Attributes:
        faults: item number -> Fault, of every faulty item so far.
    """

    enough = 20  # items read before the share of faulty ones is checked; chosen

    def __init__(self) -> None:
        self.faults: dict[int, Fault] = {}
        self._read: set[int] = set()

    def note(self, read: Iterable[int], faults: Iterable[Fault]) -> None:
        """Notes one batch: the numbers of the items that were read, and the faults.

        Raises:
            PictureError: a fault is fatal.
            DataError: more than half of the items so far are faulty.
        """
        self._read.update(int(i) for i in read)
        for fault in faults:
            if fault.fatal:
                raise PictureError(fault.path, fault.reason)
            if fault.index not in self.faults:
                self.faults[fault.index] = fault
                log.warning("left out %s: %s", fault.path, fault.reason)
        if len(self._read) + len(self.faults) >= self.enough:
            self.check()

    def take(self, batch: dict[str, Any]) -> dict[str, Any] | None:
        """Notes the faults of a batch of `crops.collate`; returns the batch without them, None when no item was readable."""
        faults = batch.pop("faults", [])
        self.note(batch["index"].tolist(), faults)
        return batch if len(batch["index"]) else None

    def check(self) -> None:
        """Checks the share of faulty items; to be called at the end of an epoch.

        Raises:
            DataError: more than half of the items so far are faulty.
        """
        bad, seen = len(self.faults), len(self.faults.keys() | self._read)
        if 2 * bad <= seen:
            return
        first = next(iter(self.faults.values()))
        raise DataError(
            "pictures that can be read",
            f"{bad} of the {seen} met so far cannot; the first: {first.path}: {first.reason}",
            "fetch the data again; `zoopose data check` lists every faulty picture",
        )

    def __len__(self) -> int:
        return len(self.faults)

    def summary(self) -> str:
        """One line for the end of a run; empty where there are no faults."""
        if not self.faults:
            return ""
        first = next(iter(self.faults.values()))
        return f"{len(self.faults)} pictures could not be read and were left out, the first: {first.path}"
