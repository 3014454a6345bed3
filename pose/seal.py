"""Seals: a checksum of a whole file inside that file, so that damage is noticed before any other library opens it.

A zip file (a checkpoint, an .npz) carries its seal as the comment of the archive, its last bytes. An HDF5 file carries it in its
user block, its first 512 bytes. Other programs read sealed files as before: both places are free for such use in both formats.
A file without a seal is an older one, or another program's; nothing is known about it.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

USER_BLOCK = 512  # bytes at the head of an HDF5 file that HDF5 leaves alone; the smallest that it allows
_MARK = b"zoopose seal 1: blake2b-256 "
_HDF5 = b"\x89HDF\r\n\x1a\n"  # begins every HDF5 file, behind its user block
_LENGTH = len(_MARK) + 64 + 1  # mark, digest in hexadecimal, end of line
_ZIP_END = (
    b"PK\x05\x06"  # the last record of an archive: 22 bytes, of which the last two count the bytes of the comment
)
_ZIP_END_LENGTH = 22


def seal_zip(path: str | os.PathLike) -> None:
    """Add a seal to an archive that has no comment yet, as torch.save and np.savez write it.

    Raises:
        ValueError: the file does not end as such an archive does.
    """
    with open(path, "r+b") as file:
        file.seek(-_ZIP_END_LENGTH, os.SEEK_END)
        end = file.read()
        if not end.startswith(_ZIP_END) or not end.endswith(b"\0\0"):
            raise ValueError(f"{path} is no archive without a comment")
        file.seek(-2, os.SEEK_END)
        file.write(_LENGTH.to_bytes(2, "little"))
        file.seek(0)
        seal = _seal(file)
        file.write(seal)


def seal_hdf5(path: str | os.PathLike) -> None:
    """Fill in the seal of an HDF5 file that was written with `userblock_size=USER_BLOCK`.

    Raises:
        ValueError: the file's user block is not empty.
    """
    with open(path, "r+b") as file:
        if file.read(USER_BLOCK).strip(b"\0"):
            raise ValueError(f"{path} has no empty user block")
        seal = _seal(file)
        file.seek(0)
        file.write(seal)


def is_whole(path: str | os.PathLike) -> bool | None:
    """Whether a file is what was written: the question to ask before a file is read, or taken in place of a damaged one.

    It reads the whole file once (0.1 s for 100 MB) and opens nothing else; no damage of the file can hang or crash it.

    Returns:
        True: it has a seal, and the seal fits. False: it has a seal that does not fit, so some byte has changed. None: it has no
        seal; ask `weights.fault_of` for a checkpoint.

    Raises:
        OSError: no such file, or not to be read.
    """
    with open(path, "rb") as file:
        head = file.read(_LENGTH)
        if head.startswith(_MARK):
            file.seek(USER_BLOCK)
            return _seal(file) == head
        file.seek(USER_BLOCK)
        if file.read(len(_HDF5)) == _HDF5 and any(head):
            return False  # a user block of ours is a seal, or empty while the file is being written: this was a seal
        size = Path(path).stat().st_size
        if size <= _LENGTH:
            return None
        file.seek(size - _LENGTH)
        tail = file.read()
        if not tail.startswith(_MARK):
            return None
        file.seek(0)
        return _seal(file, size - _LENGTH) == tail


def _seal(file: BinaryIO, length: int | None = None) -> bytes:
    """The seal of the next `length` bytes of a file, or of all that are left."""
    digest, left = hashlib.blake2b(digest_size=32), length
    while block := file.read(1 << 20 if left is None else min(left, 1 << 20)):
        digest.update(block)
        left = None if left is None else left - len(block)
    return _MARK + digest.hexdigest().encode() + b"\n"
