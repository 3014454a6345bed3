"""What all makers of animals share: one set of options for a folder, processes that draw, and bars that show progress."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2

from ..errors import OptionError
from ..files import atomic_json
from ..progress import Progress, blocked, follow_parent
from .writers import Pool, made_folder

Report = Callable[[str, int, int], None]  # what is drawn, pieces there, pieces wanted


def same_as_before(out: Path, options: object, names: Sequence[str]) -> None:
    """Remember what the pictures of a folder were made with, so that two makings never mix in one tree.

    Args:
        out: the folder; gets made.json.
        options: of the maker.
        names: those of its fields that pictures depend on.

    Raises:
        OptionError: when the folder holds pictures made otherwise. More pictures or shots may be added.
    """
    now = {name: _plain(getattr(options, name)) for name in names}
    path = made_folder(out) / "made.json"
    if path.is_file():
        then = json.loads(path.read_text(encoding="utf-8"))
        # a note from before an option was there means its default
        before = {name: then.get(name, _plain(getattr(type(options), name))) for name in now}
        other = [name for name in now if before[name] != now[name]]
        if other:
            raise OptionError(
                "a folder that is new, or was made with the same options",
                f"{out} was made with " + ", ".join(f"--{n.replace('_', '-')} {before[n]}" for n in other),
                "another --out FOLDER",
            )
    else:
        atomic_json(path, now, 2)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


@contextmanager
def process_pool(workers: int) -> Iterator[Pool]:
    """A map over `workers` processes, one OpenCV thread each; plain `map` for one."""
    if workers == 1:
        yield map
        return
    # spawned, not forked: the caller may hold threads
    context = multiprocessing.get_context("spawn")
    start = (os.getpid(), threading.current_thread() is threading.main_thread())
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=start) as executor:

        def pooled(function: Callable[..., Any], items: Iterable[Any]) -> Iterator[Any]:
            with blocked():  # processes start here, and must not meet a signal before they ignore it
                return executor.map(function, items, chunksize=1)

        try:
            yield pooled
        except BaseException:  # pieces in work are finished, no others begun
            executor.shutdown(cancel_futures=True)
            raise


def _start(parent: int, die_with_it: bool) -> None:
    follow_parent(parent, die_with_it)
    cv2.setNumThreads(1)


def bars() -> Report:
    """Shows a bar for each kind of piece that is drawn."""
    shown: dict[str, Progress] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in shown:
            shown[what] = Progress(f"drawing {what}", total, "videos" if "videos" in what else "pictures")
            shown[what].skip(done)
        bar = shown[what]
        bar.add(done - bar.done)
        if done == total:
            bar.close()

    return show
