"""Seals: the checksum of a file inside the same file. Damage is found before any other library opens the file.

In a zip file (a checkpoint, an .npz) the seal is the comment of the archive, its last bytes. In an HDF5 file it is in the user
block, its first 512 bytes. Both formats allow this, so other programs can read sealed files. A file without a seal was written by
an older version or by another program, and cannot be checked by this module.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

USER_BLOCK = 512  # bytes at the start of an HDF5 file that HDF5 does not use; the smallest size it allows
_MARK = b"zoopose seal 1: blake2b-256 "
_HDF5 = b"\x89HDF\r\n\x1a\n"  # the first bytes of an HDF5 file behind its user block
_LENGTH = len(_MARK) + 64 + 1  # mark, digest in hexadecimal, end of line
# the last record of an archive; its last two bytes are the length of the comment
_ZIP_END = b"PK\x05\x06"
_ZIP_END_LENGTH = 22  # bytes


def seal_zip(path: str | os.PathLike[str]) -> None:
    """Add a seal to an archive without a comment, as torch.save and np.savez write it.

    Raises:
        ValueError: the file does not end like such an archive.
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


def seal_hdf5(path: str | os.PathLike[str]) -> None:
    """Add a seal to an HDF5 file that was written with `userblock_size=USER_BLOCK`.

    Raises:
        ValueError: the file's user block is not empty.
    """
    with open(path, "r+b") as file:
        if file.read(USER_BLOCK).strip(b"\0"):
            raise ValueError(f"{path} has no empty user block")
        seal = _seal(file)
        file.seek(0)
        file.write(seal)


def is_whole(path: str | os.PathLike[str]) -> bool | None:
    """Check the seal of a file, before the file is read or used instead of a damaged one.

    The file is read once (0.1 s for 100 MB) and not interpreted, so no damage can hang or crash this function.

    Returns:
        True: the seal fits. False: the seal does not fit, so some byte has changed. None: the file has no seal; for a
        checkpoint see `weights.fault_of`.

    Raises:
        OSError: the file does not exist, or cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(_LENGTH)
        if head.startswith(_MARK):
            file.seek(USER_BLOCK)
            return _seal(file) == head
        file.seek(USER_BLOCK)
        if file.read(len(_HDF5)) == _HDF5 and any(head):
            return False  # a user block is a seal, or empty while the file is being written: this one is a damaged seal
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
    """The seal of the next `length` bytes of a file; None: of all bytes that follow."""
    digest, left = hashlib.blake2b(digest_size=32), length
    while block := file.read(1 << 20 if left is None else min(left, 1 << 20)):
        digest.update(block)
        left = None if left is None else left - len(block)
    return _MARK + digest.hexdigest().encode() + b"\n"
