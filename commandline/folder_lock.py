"""One run in a folder at a time: a lock that the system takes back when its holder dies, whatever it dies of."""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from ..errors import OptionError, StorageError
from .limits import check_limits

NAME = ".zoopose.lock"
_HELD_BY_ANOTHER = (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
_log = logging.getLogger("zoopose")
_held: dict[Path, int] = {}  # folders that this process holds -> open lock file
R = TypeVar("R")


def alone_in(
    folder: str | Callable[[Any], Path], shared: bool = False
) -> Callable[[Callable[[Any], R]], Callable[[Any], R]]:
    """Decorator of the `run` function of a command: it holds a folder for as long as it runs, see `locked`.

    Args:
        folder: name of the option that names it, or a function of the options.
    """

    def decorate(run: Callable[[Any], R]) -> Callable[[Any], R]:
        @functools.wraps(run)
        def guarded(options: Any) -> R:
            check_limits(options)  # before a folder is made
            place = folder(options) if callable(folder) else getattr(options, folder)
            with locked(Path(place), shared):
                return run(options)

        return guarded

    return decorate


@contextmanager
def locked(folder: Path, shared: bool = False) -> Iterator[None]:
    """Hold a folder, which is made where it is not there; calls of one process may be nested.

    Of a run of several processes only the first holds it; the others write nothing.

    Args:
        shared: let others hold it in the same way: programs that only add files, whole ones, of their own names.

    Raises:
        OptionError: another process holds it; the error says which.
        StorageError: at the end, when the folder was taken away meanwhile.
    """
    folder = folder.absolute()
    if folder in _held or not _is_first_rank():
        yield
        return
    existed = folder.is_dir()
    handle = _locked(folder, shared)
    if handle is None:  # a file system without locks
        yield
        return
    _held[folder] = handle
    try:
        yield
        check(folder)
    finally:
        del _held[folder]
        _release(folder, handle, existed)


def check(folder: Path) -> None:
    """Whether a folder that this process holds is still the one that it was.

    Raises:
        StorageError: it was removed or replaced.
    """
    folder = folder.absolute()
    if folder in _held and not _is_same(_held[folder], folder / NAME):
        raise StorageError(
            f"the folder {folder}, which this command writes to",
            "it was removed or replaced meanwhile; files that were written before are gone with it",
            "the same command again",
        )


def _locked(folder: Path, shared: bool) -> int | None:
    """The open file of the lock, once it is had; None where the file system has no locks.

    Raises:
        OptionError: another process holds it.
    """
    while True:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise OptionError("a folder to write to", f"{folder}, a file or below one", "name a folder") from None
        try:
            handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:
            continue  # its holder has just removed it, and the folder too
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD_BY_ANOTHER:
                os.close(handle)
                _log.warning("the disk of %s has no locks (%s): start no second run in it", folder, error.strerror)
                return None
            found = _holder(handle)
            os.close(handle)
            raise OptionError(
                f"a folder that no other process writes to: {folder}",
                f"{found} is at work in it",
                "wait until it ends, end it, or name another folder",
            ) from None
        if _is_same(handle, folder / NAME):
            break
        os.close(handle)  # its holder has just removed it
    if not shared:
        words = " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])[:200]
        facts = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": time.strftime("%Y-%m-%d %H:%M:%S"),
            "command": words,
        }
        with suppress(OSError):  # a full disk: the lock holds without words
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps(facts).encode(), 0)
    return handle


def _holder(handle: int) -> str:
    with suppress(OSError, ValueError, LookupError, TypeError):
        facts = json.loads(os.pread(handle, 4096, 0))
        return f"process {facts['pid']} on {facts['host']}, since {facts['since']} ({facts['command']})"
    return "another process"


def _release(folder: Path, handle: int, existed: bool) -> None:
    with suppress(OSError):
        # taken away while it is held, so that nobody locks a file that is no longer there; those who share it keep it
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_same(handle, folder / NAME):
            (folder / NAME).unlink()
            if not existed:
                folder.rmdir()  # where nothing was written
    os.close(handle)


def _is_same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except OSError:
        return False


def _is_first_rank() -> bool:
    """Whether this is the first process of a run; torchrun, SLURM and Fabric say so in the environment."""
    names = ("RANK", "SLURM_PROCID", "LOCAL_RANK")
    rank = next((os.environ[name] for name in names if os.environ.get(name, "").isdigit()), "0")
    return rank == "0"
