"""Batches made by worker processes that leave signals to their parent, end with it, and say what they lack."""

from __future__ import annotations

import atexit
import os
import resource
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from torch.utils.data import DataLoader, Dataset

from ..errors import handles_short
from ..progress import blocked, follow_parent

# what a worker keeps open in this process: its queue, and the tensors of the batches that it has sent ahead
_HANDLES = 48
_SPARE = 64

_alive: weakref.WeakSet = weakref.WeakSet()


class Loader(DataLoader):
    """`DataLoader` over given batches.

    A signal to the whole process group (Ctrl-C, SLURM, systemd) does not reach the workers: the parent decides. They end when the
    parent does, however it ends.

    Args:
        dataset: what to take items from; a `SafeDataset`, as a rule.
        batches: items of every batch.
        workers: processes; 0: none.
        collate: makes a batch of its items.

    Raises:
        ResourceError: while iterating, where the workers would need more open files than the system allows.
    """

    def __init__(self, dataset: Dataset, batches: Sequence[Sequence[int]], workers: int, collate: Callable):
        start = partial(_start, os.getpid(), threading.current_thread() is threading.main_thread()) if workers else None
        super().__init__(dataset, batch_sampler=batches, num_workers=workers, collate_fn=collate, worker_init_fn=start)

    def __iter__(self) -> Iterator[Any]:
        return self._with_workers() if self.num_workers and len(self.batch_sampler) else super().__iter__()

    def _with_workers(self) -> Iterator[Any]:
        need_handles(self.num_workers)
        with blocked():
            batches = super().__iter__()
        workers = list(batches._workers)
        _alive.update(workers)
        try:
            yield from batches
        finally:
            batches._shutdown_workers()  # waits for them; torch then asks them to end by a signal that they ignore
            _kill(workers)


def need_handles(workers: int) -> None:
    """Allow this process as many open files as its workers need, as far as the system lets it.

    Raises:
        ResourceError: it does not.
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


def _kill(workers: Sequence) -> None:
    for worker in workers:
        if worker.is_alive():
            worker.kill()


# called before multiprocessing waits for its processes: a worker that hangs in a decoder would keep the program from ending
atexit.register(lambda: _kill([w for w in _alive if w._parent_pid == os.getpid()]))
