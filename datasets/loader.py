"""A `DataLoader` whose worker processes leave signals to their parent, end when it ends, and report a lack of open files."""

from __future__ import annotations

import atexit
import os
import resource
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, cast

from torch.utils.data import DataLoader, Dataset

from ..errors import handles_short
from ..progress import blocked, follow_parent
from .pictures import SafeDataset

# open files of this process for each worker: its queue, and the tensors of the batches that it has sent ahead
_HANDLES = 48
_SPARE = 64  # open files for all else

_alive: weakref.WeakSet[Any] = weakref.WeakSet()


class Loader(DataLoader[Any]):
    """`DataLoader` over given batches.

    Workers ignore signals to the process group (Ctrl-C, SLURM, systemd): the parent acts on them. Workers end when the parent ends,
    for whatever reason.

    Args:
        dataset: with the items; mostly a `SafeDataset`.
        batches: numbers of the items of every batch.
        workers: number of processes; 0: this process reads.
        collate: makes a batch of its items.

    Raises:
        ResourceError: while iterating, when the workers need more open files than the system allows.
    """

    def __init__(
        self,
        dataset: Dataset[Any] | SafeDataset,
        batches: Sequence[Sequence[int]],
        workers: int,
        collate: Callable[[Sequence[Any]], Any],
    ):
        self._batches = batches
        start = partial(_start, os.getpid(), threading.current_thread() is threading.main_thread()) if workers else None
        # torch takes any sized iterable of lists, and any object with items and a length
        sampler, items = cast(Any, batches), cast(Any, dataset)
        super().__init__(items, batch_sampler=sampler, num_workers=workers, collate_fn=collate, worker_init_fn=start)

    def __iter__(self) -> Any:
        """Iterator over the batches."""
        return self._with_workers() if self.num_workers and len(self._batches) else super().__iter__()

    def _with_workers(self) -> Iterator[Any]:
        need_handles(self.num_workers)
        with blocked():
            batches: Any = super().__iter__()  # torch's iterator: its workers are private
        workers = list(batches._workers)
        _alive.update(workers)
        try:
            yield from batches
        finally:
            batches._shutdown_workers()  # waits for them; torch then sends a signal that they ignore
            _kill(workers)


def need_handles(workers: int) -> None:
    """Raises this process's limit of open files to what its workers need.

    Raises:
        ResourceError: the system does not allow as many.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = _open_files() + workers * _HANDLES + _SPARE
    if soft == resource.RLIM_INFINITY or need <= soft:
        return
    if hard != resource.RLIM_INFINITY and need > hard:
        raise handles_short({"workers"}, need)
    resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))


def _open_files() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 16


def _start(parent: int, die_with_it: bool, number: int) -> None:
    follow_parent(parent, die_with_it)


def _kill(workers: Sequence[Any]) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()


# called before multiprocessing waits for its processes: a worker that hangs in a decoder would keep the program from ending
atexit.register(lambda: _kill([w for w in _alive if w._parent_pid == os.getpid()]))
