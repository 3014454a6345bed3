"""Make a synthetic source and a synthetic target, in the trees the readers of the published data know.

One call makes `synthetic_animal/` (clean pictures, labels for every vertex) and `behaviorDiscovery2.0/` (video shots with
landmarks) below one folder. It can be stopped and called again: what is complete is left alone.

Examples:

    zoopose data make

    zoopose data make --out my_data --animal horse tiger --pictures 5000 --shots 60 --workers 4

    zoopose data make --domain source --size 240 320 --views side
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import cv2

from zoopose.commandline.folder_lock import alone_in
from zoopose.commandline.limits import COUNT, SEED, Limits, check_limits
from zoopose.commandline.parsing import command, warn_of_idle
from zoopose.errors import OptionError
from zoopose.files import atomic_json
from zoopose.progress import Progress, blocked, follow_parent, log
from zoopose.synthetic.plans import body_of
from zoopose.synthetic.writers import JOINT_ROWS, made_folder, synthetic_folder, write_synthetic_animal, write_tigdog

DOMAINS = ("source", "target", "both")
OF_SOURCE, OF_TARGET = ("pictures", "size", "views"), ("shots", "frames", "target_size", "gap", "site")


@dataclass(frozen=True)
class MakeOptions:
    """`zoopose data make`."""

    out: Path = Path("animal_data")
    """folder that gets the trees"""
    animal: tuple[str, ...] = ("horse",)
    """which animals"""
    pictures: Annotated[int, COUNT] = 1000
    """labelled pictures of the source, for every animal"""
    shots: Annotated[int, COUNT] = 20
    """videos of the target, for every animal"""
    frames: Annotated[int, COUNT] = 30
    """frames in a video"""
    seed: Annotated[int, SEED] = 0
    """the same seed makes the same bytes"""
    size: Annotated[tuple[int, int], Limits(32, 2048)] = (480, 640)
    """height and width of source pictures; published readers expect 480 640"""
    target_size: Annotated[tuple[int, int], Limits(32, 2048)] = (360, 640)
    """height and width of target frames"""
    domain: Literal["source", "target", "both"] = "both"
    """what to make"""
    views: Literal["all", "side"] = "all"
    """source pictures from all around, as published, or from the side, as animals are filmed"""
    gap: Annotated[float, Limits(0, 2)] = 1.0
    """how far the target lies from the source, 0 to 2"""
    site: bool = False
    """all videos from one place, in one light, by one camera; else each has its own"""
    zoom: Annotated[float, Limits(0.2, 5)] = 1.0
    """factor on the size of the animal, for small pictures"""
    workers: Annotated[int, Limits(1, 512)] = 1
    """processes"""


@alone_in("out")
def run(options: MakeOptions) -> list[Path]:
    """Make as the options say, with progress."""
    warn_of_idle(options, [(name, lambda o: o.domain == "target", "with --domain target") for name in OF_SOURCE])
    warn_of_idle(options, [(name, lambda o: o.domain == "source", "with --domain source") for name in OF_TARGET])
    bars: dict[str, Progress] = {}

    def show(what: str, done: int, total: int) -> None:
        bar = bars.setdefault(what, Progress(f"drawing {what}", total))
        bar.add(done - bar.done)
        if done == total:
            bar.close()

    made = make(options, show)
    for folder in made:
        log.info("%s", folder)
    return made


def check(options: MakeOptions) -> None:
    """Refuse what cannot work before anything is written.

    Raises:
        OptionError: naming the option.
    """
    check_limits(options)
    if options.domain not in DOMAINS:
        raise OptionError(f"a domain out of {', '.join(DOMAINS)}", repr(options.domain), "--domain both")
    if not options.animal:
        raise OptionError("at least one animal", "none", "--animal horse")
    for animal in options.animal:
        body_of(animal)
        if options.domain != "target" and animal not in JOINT_ROWS:
            raise OptionError(
                f"a source animal out of {', '.join(JOINT_ROWS)}", repr(animal), "--domain target, or another --animal"
            )


def make(options: MakeOptions, progress: Callable[[str, int, int], None] | None = None) -> list[Path]:
    """Make what is missing.

    Args:
        options: what to make.
        progress: called with (what, pieces there, pieces wanted).

    Returns:
        The folder of every tree asked for.
    """
    check(options)
    made = []
    names = ("frames", "seed", "size", "target_size", "views", "gap", "site", "zoom")
    same_as_before(Path(options.out), options, names)

    def reporter(what: str):
        return None if progress is None else (lambda done, total: progress(what, done, total))

    o = options
    with process_pool(o.workers) as pool:
        for animal in dict.fromkeys(o.animal):
            if o.domain != "target":
                what = reporter(f"{animal} source")
                write_synthetic_animal(
                    o.out,
                    animal,
                    o.pictures,
                    seed=o.seed,
                    size_hw=o.size,
                    zoom=o.zoom,
                    views=o.views,
                    progress=what,
                    pool=pool,
                )
                made.append(synthetic_folder(o.out, animal))
            if o.domain != "source":
                what = reporter(f"{animal} target")
                tree = write_tigdog(
                    o.out,
                    animal,
                    o.shots,
                    o.frames,
                    seed=o.seed,
                    size_hw=o.target_size,
                    gap=o.gap,
                    zoom=o.zoom,
                    site=o.site,
                    progress=what,
                    pool=pool,
                )
                made.append(tree / animal)
    return made


def same_as_before(out: Path, options: object, names: Sequence[str]) -> None:
    """Remember what the pictures of a folder were made with, so that two makings never mix in one tree.

    Args:
        out: the folder; gets made.json.
        options: of the maker.
        names: those of its fields that pictures depend on.

    Raises:
        OptionError: when the folder holds pictures made otherwise. More pictures or shots may be added.
    """
    now = {name: list(value) if isinstance(value := getattr(options, name), tuple) else value for name in names}
    path = made_folder(out) / "made.json"
    if path.is_file():
        then = json.loads(path.read_text(encoding="utf-8"))
        other = [name for name in now if then.get(name) != now[name]]
        if other:
            raise OptionError(
                "a folder that is new, or was made with the same options",
                f"{out} was made with " + ", ".join(f"--{n.replace('_', '-')} {then.get(n)}" for n in other),
                "another --out FOLDER",
            )
    else:
        atomic_json(path, now, 2)


@contextmanager
def process_pool(workers: int):
    """A map over `workers` processes, one OpenCV thread each; plain `map` for one."""
    if workers == 1:
        yield map
        return
    # spawned, not forked: the caller may hold threads
    context = multiprocessing.get_context("spawn")
    start = (os.getpid(), threading.current_thread() is threading.main_thread())
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=start) as executor:

        def pooled(function: Callable, items: Iterable) -> Iterator:
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


if __name__ == "__main__":
    sys.exit(command(run, MakeOptions, "make_animals.py", __doc__))
