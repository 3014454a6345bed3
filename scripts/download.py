"""Fetching and unpacking an archive: whole or not at all, with what is known about it checked."""

from __future__ import annotations

import hashlib
import http.client
import os
import secrets
import shutil
import tarfile
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zoopose.errors import DataError
from zoopose.files import atomic_path
from zoopose.progress import Progress

_CHUNK_BYTES = 1 << 20
_TIMEOUT_S = 60
_AGAIN = "try again later; the address may have moved: look at the data set's page"


@dataclass(frozen=True)
class Fetched:
    """What came: the file, its size in bytes, its SHA-256."""

    path: Path
    size: int
    sha256: str


def fetch(url: str, path: Path, sha256: str = "", *, resume: bool = False) -> Fetched:
    """Downloads a file to `path`, which takes the name only when it is whole.

    Args:
        url: http, https or file.
        path: where to.
        sha256: what is known of it; "" checks the length only, as far as the server tells it.
        resume: keep what has come of a transfer that was cut short, as `path` with .part behind its name, and go on from there
            the next time. A server that does not send parts of a file sends all of it again.

    Raises:
        DataError: no such address or no connection, a transfer cut short, another checksum, no room on the disk.
    """
    try:
        if resume:
            return _fetch_on(url, path, sha256)
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, atomic_path(path) as temporary:
            got = _write(answer, temporary, url, path.name)
            _check(got, sha256, url)
            return Fetched(path, got.size, got.sha256)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        raise DataError(f"an answer from {url}", f"{type(error).__name__}: {error}", _AGAIN) from error


def _fetch_on(url: str, path: Path, sha256: str) -> Fetched:
    """`fetch`, from where an earlier one was cut short."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        have, answer = 0, urllib.request.urlopen(url, timeout=_TIMEOUT_S)
    with answer:
        goes_on = answer.status == http.client.PARTIAL_CONTENT
        goes_on = goes_on and str(answer.headers.get("Content-Range", "")).startswith(f"bytes {have}-")
        got = _write(answer, part, url, path.name, have if goes_on else 0)
    try:
        _check(got, sha256, url)
    except DataError:
        part.unlink()  # whole, and another file: nothing to go on with
        raise
    os.replace(part, path)
    return Fetched(path, got.size, got.sha256)


def _write(answer: Any, path: Path, url: str, name: str, have: int = 0) -> Fetched:
    """Write what a server sends to `path`, after the first `have` bytes of it.

    Raises:
        DataError: less came than the server has said, or there is no room.
    """
    digest, size = hashlib.sha256(), have
    coming = int(answer.headers.get("Content-Length") or 0)
    total = coming and have + coming
    _need_room(path.parent, coming)
    with open(path, "r+b" if have else "wb") as file, Progress(f"fetching {name}", total >> 20, "MiB") as progress:
        for _ in range(-(-have // _CHUNK_BYTES)):
            digest.update(file.read(min(_CHUNK_BYTES, have - file.tell())))
        progress.add(size >> 20)
        while chunk := answer.read(_CHUNK_BYTES):
            file.write(chunk)
            digest.update(chunk)
            size += len(chunk)
            progress.add((size >> 20) - progress.done)
    if total and size != total:
        raise DataError(f"{total} bytes from {url}", f"{size}: the transfer was cut short", _AGAIN)
    return Fetched(path, size, digest.hexdigest())


def _check(got: Fetched, sha256: str, url: str) -> None:
    if sha256 and got.sha256 != sha256:
        raise DataError(f"a file with the SHA-256 {sha256} from {url}", f"{got.sha256} ({got.size} bytes)", _AGAIN)


def _need_room(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < 2 * size:
        raise DataError(
            f"room for {2 * size / 2**30:.1f} GiB in {folder}, the archive and what is in it",
            f"{free / 2**30:.1f} GiB free",
            "free some, or name another folder with --root",
        )


def unpack(archive: Path, folder: Path) -> int:
    """Unpacks a zip or tar archive into a folder, beside what is there; returns how many files.

    All is unpacked to a temporary folder first, so that an archive that breaks in the middle leaves nothing behind.

    Raises:
        DataError: an archive that is broken, or of no kind known.
    """
    temporary = folder / f".unpack-{secrets.token_hex(4)}"
    temporary.mkdir(parents=True)
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                file.extractall(temporary)  # names that lead out of the folder are cut by zipfile
        else:
            with tarfile.open(archive) as file:
                file.extractall(temporary, filter="data")
        count = sum(path.is_file() for path in temporary.rglob("*"))
        _move(temporary, folder)
        return count
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, NotImplementedError) as error:
        found = f"{archive}: {type(error).__name__} {error}"
        raise DataError("a zip or tar archive that is whole", found, f"delete {archive} and fetch it again") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _move(source: Path, folder: Path) -> None:
    """Moves what is in `source` into `folder`; a folder that is not there yet arrives whole, in one step."""
    for entry in source.iterdir():
        target = folder / entry.name
        if entry.is_dir() and target.is_dir():
            _move(entry, target)
        else:
            os.replace(entry, target)
