"""Errors that a user can act on: what was expected, what was found, what to type.

`explained` turns a fault of the machine (disk, memory, file handles, worker processes) into one of these errors, and
`storage_fault` does so for a file that cannot be written.
"""

from __future__ import annotations

import dataclasses
import errno
import os
import re
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class ZooposeError(Exception):
    """A mistake that the user can correct. Commands print it without a traceback and exit with code 2.

    Args:
        expected: what zoopose needed.
        found: what it met instead.
        remedy: what to type or change; empty where there is nothing to suggest.

    Example:
        >>> import zoopose
        >>> try:
        ...     zoopose.load("model_best.pth.tar", device="gpu")
        ... except zoopose.ZooposeError as error:
        ...     print(error.expected, "|", error.found)
        device 'auto', 'cpu' or 'cuda' | 'gpu'
    """

    exit_code = 2

    def __init__(self, expected: str, found: str = "", remedy: str = ""):
        self.expected, self.found, self.remedy = expected, found, remedy
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [("expected", self.expected), ("found", self.found), ("try", self.remedy)]
        return "\n".join(f"{name + ':':<10}{_indent(text)}" for name, text in parts if text)


class DataError(ZooposeError):
    """Data that are missing, half there, or do not mean what they should."""


class OptionError(ZooposeError):
    """An option, or a combination of options, that cannot work."""


class WeightsError(ZooposeError):
    """A checkpoint that cannot be read, or does not fit the network."""


class StorageError(ZooposeError):
    """A file cannot be written: the disk is full or read-only, a limit is reached, or a folder has vanished."""


class ResourceError(ZooposeError):
    """The machine lacks memory, file handles or processes for what is asked of it."""


class DivergenceError(ZooposeError):
    """A loss, a weight or a heatmap is no longer a finite number."""


def _indent(text: str) -> str:
    return text.strip("\n").replace("\n", "\n" + " " * 10)


GONE = (errno.ENOENT, errno.ENOTDIR)
# what the operating system says of a file that cannot be written -> (what it means, what to do)
_STORAGE = {
    errno.ENOSPC: ("no space is left on the disk", "free some space, or name a folder on another disk"),
    errno.EDQUOT: ("your quota on the disk is used up", "free some space, or name a folder on another disk"),
    errno.EFBIG: ("the limit on the size of a file is reached", "`ulimit -f unlimited` before the command"),
    errno.EROFS: ("the disk is read-only", "name a folder that can be written"),
    errno.EACCES: ("writing there is not permitted", "name a folder that can be written"),
    errno.EPERM: ("writing there is not permitted", "name a folder that can be written"),
    errno.EIO: ("the disk reports an input/output error", "check the disk, or name a folder on another one"),
    errno.ESTALE: ("the network disk has lost the folder", "mount it again"),
    errno.ENOTCONN: ("the network disk is not connected", "mount it again"),
    errno.ENODEV: ("the disk is gone", "mount it again"),
    errno.ENXIO: ("the disk is gone", "mount it again"),
}
_AFTER = "what was written before is whole, and the same command goes on from there"

# option -> what to try where memory is short; only options that the command has are named
_LESS_MEMORY = {
    "train_batch": "a smaller --train-batch",
    "valid_batch": "a smaller --valid-batch",
    "batch": "a smaller --batch",
    "inp_res": "a smaller --inp-res",
    "stacks": "fewer --stacks",
    "workers": "fewer --workers",
    "cache_gib": "a smaller --cache-gib",
}
_ON_A_GPU = ("train_batch", "valid_batch", "batch", "inp_res", "stacks")

_MEMORY = re.compile(
    r"can't allocate memory|cannot allocate memory|out of memory|insufficient memory|unable to allocate|failed to allocate"
    r"|bad_alloc|\bMemoryError\b",
    re.IGNORECASE,
)
_WRITER = re.compile(
    r"inline_container|PytorchStreamWriter|requested and \d+ written|file write failed|unable to (?:extend|truncate) file"
)
_SHARED = re.compile(r"bus error|shared memory|</?torch_\d+", re.IGNORECASE)
_HANDLES = re.compile(r"too many open files|received \d+ items of ancdata", re.IGNORECASE)
_WORKER = re.compile(r"DataLoader worker \(pid|process pool was terminated abruptly", re.IGNORECASE)


def explained(error: BaseException, options: Any = None) -> ZooposeError | None:
    """The error to show for a fault of the machine; None where the fault is none of these.

    Args:
        options: class or object of the command's options, whose flags the remedy may name.
    """
    names = _live(options)
    for link in chain(error):
        if isinstance(link, ZooposeError):
            return link
        text, number = str(link), getattr(link, "errno", None)
        if number in (errno.EMFILE, errno.ENFILE) or _HANDLES.search(text):
            return handles_short(names)
        if _SHARED.search(text):
            return _shared_memory_short(text, names)
        if is_memory(link):
            return _memory_short(text, names)
        if number == errno.EAGAIN or "can't start new thread" in text:
            remedy = " or ".join(["`ulimit -u` with a larger number", *(["--workers 0"] if "workers" in names else [])])
            return ResourceError("leave to start another process or thread", _line(text), remedy)
        if _WORKER.search(text):
            return _worker_died(text, names)
    return storage_fault(error)


def is_memory(error: BaseException) -> bool:
    """Whether an error says that memory is short, whoever raised it: Python, NumPy, torch, OpenCV or the system."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return not isinstance(error, ZooposeError) and bool(_MEMORY.search(str(error)))


def is_of_machine(error: BaseException) -> bool:
    """Whether an error met while reading says nothing of the file: memory or handles are short."""
    return is_memory(error) or getattr(error, "errno", None) in (errno.EMFILE, errno.ENFILE)


def storage_fault(
    error: BaseException, path: Path | None = None, size: int = 0, written: int = 0
) -> StorageError | None:
    """The error to show for a file that cannot be written; None where `error` has another cause.

    Args:
        path: the file; found in the error where it is not given.
        size: bytes it needs, where they are known.
        written: bytes of it that lie on the disk for now; they are counted as free.
    """
    number, named = None, None
    for link in chain(error):
        if isinstance(link, ZooposeError):
            return None
        if isinstance(link, OSError):
            said = re.search(r"errno = (\d+)", str(link))  # as HDF5 writes it
            number = number or link.errno or (int(said.group(1)) if said else None)
            named = named or link.filename2 or link.filename
    there = Path(os.fsdecode(named)) if isinstance(named, str | bytes) else None
    if path is not None and there is not None and not _concerns(there.absolute(), path.absolute()):
        return None  # another file: one that was read meanwhile
    path = path or there
    if number is None and any(_WRITER.search(str(link)) for link in chain(error)):
        number = _likely_cause(path)
    if number in GONE and path is not None and not path.parent.is_dir():
        return StorageError(
            f"a folder to write {path}", f"{_gone(path)} has vanished", f"give the folder back; {_AFTER}"
        )
    if number not in _STORAGE:
        return None
    meaning, remedy = _STORAGE[number]
    need = f" ({amount(size)})" if size else ""
    expected = f"room and leave to write {path or 'a file'}{need}"
    return StorageError(expected, meaning + _where(number, path, written), f"{remedy}; {_AFTER}")


def _concerns(there: Path, path: Path) -> bool:
    return there.parent == path.parent or path.is_relative_to(there)


def chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those that led to it, each once."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def handles_short(names: frozenset[str] | set[str] = frozenset(("workers",)), need: int = 0) -> ResourceError:
    """The error for too many open files."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = max(1024, 1 << need.bit_length())
    remedy = [f"`ulimit -n {wanted}` before the command", *(["--workers 0"] if "workers" in names else [])]
    more = f", {need} are needed" if need else ""
    return ResourceError("permission to open more files", f"a limit of {limit} open files{more}", ", or ".join(remedy))


def amount(count: float) -> str:
    """Bytes for people: 12 bytes, 3.4 MiB, 1.2 GiB."""
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{int(count)} bytes"


def _live(options: Any) -> set[str]:
    """Options of a command that do something."""
    if options is None or not dataclasses.is_dataclass(options):
        return set()
    return {field.name for field in dataclasses.fields(options)} - set(getattr(options, "DEAD_FLAGS", ()))


def _memory_short(text: str, names: set[str]) -> ResourceError:
    gpu = re.search(r"\b(CUDA|HIP|GPU)\b", text) is not None
    remedies = [words for name, words in _LESS_MEMORY.items() if name in names and (not gpu or name in _ON_A_GPU)]
    asked = re.search(r"tried to allocate ([\d.]+ \w+)|[Uu]nable to allocate ([\d.]+ \w+)|allocate (\d+) bytes", text)
    words = next((w for w in asked.groups() if w), "") if asked else ""
    words = re.sub(r"^(\d+)(?: bytes)?$", lambda m: amount(int(m.group(1))), words)
    found = f"{words} more could not be had" if words else "no more could be had"
    remedy = ", ".join(remedies) or "smaller pictures, or end other programs"
    return ResourceError(
        "enough memory" + (" on the GPU" if gpu else ""), found + ("" if gpu else _memory_left()), remedy
    )


def _memory_left() -> str:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY:
        return f"; a limit of {amount(limit)} is set for a process (ulimit -v)"
    try:
        free = re.search(r"MemAvailable: *(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"))
    except OSError:  # not on Linux
        return ""
    return f"; {amount(1024 * int(free.group(1)))} of the machine's are free" if free else ""


def _shared_memory_short(text: str, names: set[str]) -> ResourceError:
    try:
        disk = shutil.disk_usage("/dev/shm")
        found = f"/dev/shm has {amount(disk.free)} free of {amount(disk.total)}"
    except OSError:
        found = _line(text)
    remedy = ["--workers 0"] if "workers" in names else []
    remedy.append("a larger /dev/shm (docker run --shm-size=2g)")
    return ResourceError("enough shared memory for the worker processes", found, ", or ".join(remedy))


def _worker_died(text: str, names: set[str]) -> ResourceError:
    killed = re.search(r"signal: (\w[\w ]*)", text)
    how = f"was ended by signal {killed.group(1)}" if killed else "has ended"
    remedy = ["fewer --workers, or --workers 0"] if "workers" in names else ["more memory"]
    found = f"one {how}, most likely because memory was short (`dmesg` says so)"
    return ResourceError("worker processes that do not die", found, ", or ".join(remedy))


def _likely_cause(path: Path | None) -> int:
    """Why a file could not be written, where the writer does not say."""
    folder = _there(path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if path is not None and not path.parent.is_dir():
        return errno.ENOENT
    if limit != resource.RLIM_INFINITY and shutil.disk_usage(folder).free > limit:
        return errno.EFBIG
    return errno.ENOSPC if shutil.disk_usage(folder).free < 64 << 20 else errno.EIO


def _where(number: int, path: Path | None, written: int) -> str:
    """The disk and what it has left."""
    if number == errno.EFBIG:
        return f": {amount(resource.getrlimit(resource.RLIMIT_FSIZE)[0])} (ulimit -f)"
    if path is None:
        return ""
    folder = _there(path)
    mount = folder.resolve()
    while not os.path.ismount(mount) and mount != mount.parent:
        mount = mount.parent
    free = (
        f", {amount(shutil.disk_usage(folder).free + written)} free" if number in (errno.ENOSPC, errno.EDQUOT) else ""
    )
    return f" that is mounted at {mount}{free}"


def _there(path: Path | None) -> Path:
    """The nearest folder of a path that exists."""
    folder = Path("." if path is None else path).absolute()
    while not folder.is_dir():
        folder = folder.parent
    return folder


def _gone(path: Path) -> Path:
    """The highest folder of a path that does not exist."""
    folder = path.absolute().parent
    while folder.parent != folder and not folder.parent.is_dir():
        folder = folder.parent
    return folder


def _line(text: str) -> str:
    return next(iter(text.splitlines()), "")
