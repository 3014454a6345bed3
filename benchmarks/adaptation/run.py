"""Running cells: what is done is skipped, what was stopped goes on, several at a time where asked."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from zoopose.errors import OptionError, ZooposeError
from zoopose.files import atomic_path
from zoopose.progress import duration, log

from . import data
from .plan import Cell, Plan
from .recipes import FREE
from .store import Store

CELL, TRAINED, SCORES, TIMES, LOG = "cell.json", "trained.json", "scores.json", "times.json", "output.txt"
TAIL = 12  # lines of a failed cell's output that are shown


class Stopped(Exception):
    """The user asked to stop."""


class Runner:
    """Runs the cells of a plan in a run folder.

    Args:
        run: the run folder; commands run in it, so that its paths are short and it can be moved.
        jobs: cells at once.
        threads: of all of them together.
        store: committed scores: a cell that is there is not run again, and what is done goes there; None: the run folder alone.
    """

    def __init__(self, run: Path, plan: Plan, jobs: int = 1, threads: int = 0, store: Store | None = None):
        self.run, self.plan, self.jobs, self.store = run, plan, jobs, store
        self.threads = threads_each(threads, jobs)
        self._stop, self._lock = False, threading.Lock()
        self._children: set[int] = set()
        self.failed: dict[str, str] = {}

    def check(self, replace: bool = False) -> None:
        """Refuses cells that were made with other options, in the run folder or among the committed scores, before anything runs.

        Args:
            replace: deletes them from the run folder instead; the committed scores are replaced when the cells are done again.

        Raises:
            OptionError: naming the cell and the first difference.
        """
        for cell in self.plan.cells.values():
            then = _read(self.folder(cell) / CELL)
            if then and not self._same(then, cell):
                if not replace:
                    then_words, now_words = " ".join(then["command"]), " ".join(cell.command)
                    raise OptionError(
                        f"in cells/{cell.name} the run that is asked for: zoopose {now_words}",
                        f"zoopose {then_words}" if then_words != now_words else "one that started from another network",
                        "another --out, another name for --set NAME.OPTION=VALUE, or --replace: run it again",
                    )
                with _held(self.folder(cell)):
                    shutil.rmtree(self.folder(cell))
        others = self.others()
        if others and not replace:
            name, why = next(iter(others.items()))
            raise OptionError(
                "committed scores of the cells that are asked for",
                f"{len(others)} of other options, such as {name}: {why}",
                "--replace: measure these again; or another --cells FOLDER",
            )

    @staticmethod
    def _same(then: Mapping[str, Any], cell: Cell) -> bool:
        if then.get("key") and cell.recipe is not None and then["key"] != cell.recipe.key:
            return False
        return cache_key(then["command"]) == cache_key(cell.command)

    def others(self) -> dict[str, str]:
        """Cells whose committed scores are of other options or data -> what differs."""
        if self.store is None:
            return {}
        scored = [cell for cell in self.plan.cells.values() if cell.measure is not None]
        found = {cell.name: self.store.other(cell, self.run) for cell in scored}
        return {name: why for name, why in found.items() if why}

    def folder(self, cell: Cell) -> Path:
        return self.run / "cells" / cell.name

    def done(self, cell: Cell) -> bool:
        """Whether there is nothing left to do in a cell."""
        if self._made(cell):
            return cell.measure is None or _read(self.folder(cell) / SCORES).get("measure") == cell.measure
        return False

    def left(self) -> dict[str, Cell]:
        """The cells to run: those whose score is nowhere yet, and those that they need and that are not here."""
        needed = {name for cell in self.plan.cells.values() for name in cell.needs}
        found = set()
        for name, cell in reversed(self.plan.cells.items()):  # who needs a cell comes after it
            if cell.measure is not None or name not in needed:
                wanted = not self.done(cell) and not (self.store and self.store.done(cell, self.run))
            else:
                wanted = False
            waited_for = any(name in self.plan.cells[other].needs for other in found)
            if wanted or (waited_for and not self._made(cell)):
                found.add(name)
        return {name: cell for name, cell in self.plan.cells.items() if name in found}

    def _made(self, cell: Cell) -> bool:
        """Whether the networks of a cell are in the run folder."""
        return not cell.command or (self.folder(cell) / TRAINED).is_file()

    def publish(self, cell: Cell) -> None:
        """Writes the committed score of a cell that is done here, unless it is there. Then the checkpoints of its single epochs go:
        each has 50 MB in the small configuration, and no other cell needs them."""
        if self.store is None or cell.measure is None or not self.done(cell):
            return
        if not self.store.done(cell, self.run):
            self._write_score(cell, self.store)
        for pattern in cell.measure.get("checkpoints", ()):
            for path in self.run.glob(pattern) if "*" in pattern else ():
                path.unlink(missing_ok=True)

    def _write_score(self, cell: Cell, store: Store) -> None:
        times = _read(self.folder(cell if cell.command else self.plan.cells[cell.needs[0]]) / TIMES)
        seconds = {"wall": times.get("train_s", 0.0), "processor": times.get("train_processor_s", 0.0)}
        store.write(cell, self.run, _read(self.folder(cell) / SCORES), seconds)

    def __call__(self) -> bool:
        """Runs what is not done; returns whether everything is. Failures are in `failed`.

        Raises:
            KeyboardInterrupt: the user asked to stop; running cells have saved.
        """
        for cell in self.plan.cells.values():
            self.publish(cell)
        left = self.left()
        log.info("%d cells, %d of them done; %d at once, %d threads each", len(self.plan.cells),
                 len(self.plan.cells) - len(left), self.jobs, self.threads)  # fmt: skip
        self._start, self._count, self._total = time.monotonic(), 0, len(left)
        running: dict[Future, str] = {}
        with self._signals(), ThreadPoolExecutor(self.jobs) as pool:
            while left or running:
                for name in self._ready(left, running.values()):
                    if len(running) < self.jobs and not self._stop:
                        running[pool.submit(self._cell, left[name])] = name
                if not running:
                    break
                for future in wait(running, timeout=1, return_when=FIRST_COMPLETED).done:
                    self._finished(future, running.pop(future), left)
        if self._stop:
            raise KeyboardInterrupt("stopped; the same command goes on from here")
        for name, cell in left.items():
            log.warning("%s: not run, since %s failed", name, ", ".join(n for n in cell.needs if n in self._not_made()))
        return not self.failed and not left

    def _ready(self, left: Mapping[str, Cell], running: Sequence[str]) -> list[str]:
        return [
            name
            for name, cell in left.items()
            if name not in running and all(n not in left and n not in self.failed for n in cell.needs)
        ]

    def _not_made(self) -> set[str]:
        """Cells that failed, and those that wait for them."""
        bad = set(self.failed)
        for name, cell in self.plan.cells.items():
            if bad & set(cell.needs):
                bad.add(name)
        return bad

    def _finished(self, future: Future, name: str, left: dict[str, Cell]) -> None:
        try:
            future.result()
        except Stopped:
            return
        except ZooposeError as error:
            self.failed[name] = str(error)
            log.error("%s failed\n%s", name, error)
        del left[name]
        self._count += 1
        spent = time.monotonic() - self._start
        log.info("[%d/%d] %s %s after %s", self._count, self._total, name, "failed" if name in self.failed else "done",
                 duration(spent))  # fmt: skip

    # ---- one cell

    def _cell(self, cell: Cell) -> None:
        folder = self.folder(cell)
        folder.mkdir(parents=True, exist_ok=True)
        with _held(folder) as handle:
            key = {"key": cell.recipe.key} if cell.recipe else {}
            facts = {"command": list(cell.command), "needs": list(cell.needs), "measure": cell.measure, **key}
            _write(folder / CELL, facts)
            if cell.command and not (folder / TRAINED).is_file():
                log.info("%s: zoopose %s", cell.name, shlex.join(cell.command))
                self._child(["-m", "zoopose.cli", *cell.command], folder, handle)
                if cell.convert:
                    data.convert(self.run, cell.convert, cell.drawn)
                _write(folder / TRAINED, {"finished": time.strftime("%Y-%m-%d %H:%M:%S")})
            if cell.measure is not None and not self.done(cell):
                package = __name__.rpartition(".")[0]
                self._child(
                    ["-m", f"{package}.measure", str(folder / CELL), str(folder / SCORES), self.plan.accelerator],
                    folder,
                    handle,
                )
            self.publish(cell)

    def _child(self, arguments: list[str], folder: Path, handle: int) -> None:
        """Runs Python with these arguments; its output goes to the cell's output.txt, its times are added up.

        Raises:
            Stopped: the user asked to stop.
            OptionError: it ended with an error.
        """
        if self._stop:
            raise Stopped
        began = time.monotonic()
        with (folder / LOG).open("ab") as output:
            output.write(f"$ python {shlex.join(arguments)}\n".encode())
            output.flush()
            # a session of its own: a Ctrl-C reaches it once, from here. The lock is its too, should this process be killed.
            child = subprocess.Popen(
                [sys.executable, *arguments], cwd=self.run, env=self._environment(), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True, pass_fds=(handle,),
            )  # fmt: skip
            with self._lock:
                self._children.add(child.pid)
            if self._stop:  # asked for while the child was being started
                os.kill(child.pid, signal.SIGTERM)
            _, status, usage = os.wait4(child.pid, 0)
            with self._lock:
                self._children.discard(child.pid)
            child.returncode = code = os.waitstatus_to_exitcode(status)
        kind = "train" if "zoopose.cli" in arguments else "measure"
        _add_times(folder / TIMES, kind, time.monotonic() - began, usage.ru_utime + usage.ru_stime)
        if self._stop and code:
            raise Stopped
        if code:
            tail = (folder / LOG).read_text(errors="replace").splitlines()[-TAIL:]
            raise OptionError(
                f"zoopose {shlex.join(arguments[2:])} to end well", f"code {code}\n" + "\n".join(tail),
                f"see {folder / LOG}; the same command goes on from here",
            )  # fmt: skip

    def _environment(self) -> dict[str, str]:
        paths = [str(Path(p).resolve()) for p in os.environ.get("PYTHONPATH", "").split(os.pathsep) if p]
        return {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(paths),
            "OMP_NUM_THREADS": str(self.threads),
            # threads that wait must not take a processor from a cell beside
            "OMP_WAIT_POLICY": "passive",
            "PYTHONUNBUFFERED": "1",
        }

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """First Ctrl-C or SIGTERM: running cells save and stop. Second: they stop at once."""

        def ask(number: int, frame: Any) -> None:
            self._stop = True
            log.info("stopping: running cells save what they have")
            with self._lock:
                children = list(self._children)
            for child in children:
                with suppress(ProcessLookupError):
                    os.kill(child, signal.SIGTERM)

        if threading.current_thread() is not threading.main_thread():
            yield
            return
        old = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


def threads_each(threads: int, jobs: int) -> int:
    """Threads of one cell, out of those of all cells together; 0: as many as there are processors."""
    return max(1, (threads or _processors()) // jobs)


def cache_key(words: Sequence[str]) -> list[str]:
    """The words of a command that shape its result: not on what, or with how many processes."""
    kept, free = [], {f"--{name.replace('_', '-')}" for name in FREE}
    for before, word in zip(["", *words], words):
        if word not in free and before not in free:
            kept.append(word)
    return kept


@contextmanager
def _held(folder: Path) -> Iterator[int]:
    """The cell to oneself.

    Raises:
        OptionError: a process, perhaps one that outlived an earlier call, is still working on it.
    """
    with (folder / ".lock").open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OptionError(
                f"nobody at work in {folder}", "another process that is", "wait for it, or end it, and try again"
            ) from None
        yield file.fileno()


def _add_times(path: Path, kind: str, wall_s: float, processor_s: float) -> None:
    times = _read(path)
    for name, seconds in ((f"{kind}_s", wall_s), (f"{kind}_processor_s", processor_s)):
        times[name] = round(times.get(name, 0.0) + seconds, 1)
    _write(path, times)


def _read(path: Path) -> dict:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def _write(path: Path, values: Mapping[str, Any]) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
