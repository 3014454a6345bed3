"""Long work: progress that a user can read, and signals that end it cleanly.

Progress is a bar on a terminal and plain lines in a log; each names its phase, its speed and the time that remains.

Signals are Ctrl-C, SIGTERM (timeout, SLURM, systemd) and SIGHUP (a closed terminal). While a command listens, a first signal
raises `Stopped` where the command is, so that files are written whole or not at all. Where work must first be saved (in the
training loop, while labelling), the command defers the signal, asks for it between two pieces of work, saves, and raises
`Stopped` itself. A second signal ends the command at once. The exit code is 128 plus the signal's number: 130 after Ctrl-C, 143
after SIGTERM, and 129 after SIGHUP.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TypeVar

Handler = Callable[[int, FrameType | None], Any] | int | signal.Handlers | None  # what signal.signal returns
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SAME_S = 1.0  # `timeout` and torchrun send a signal twice, to a process and to its group: within this time it is the same one
_log = logging.getLogger("zoopose")


class Stopped(KeyboardInterrupt):
    """The user or the system asked the command to stop.

    Args:
        message: what was saved, and how to go on.
        number: the signal; the one that was heard, where it is not given.
    """

    def __init__(self, message: str = "", number: int = 0):
        self.number = number or _state.number or signal.SIGINT
        super().__init__(message)

    @property
    def exit_code(self) -> int:
        return 128 + int(self.number)

    def __reduce__(self):
        return type(self), (str(self), self.number)


@dataclass
class _State:
    """Of this process: the signal heard (0: none), when, and what happens to one.

    Attributes:
        defers: a first signal is only noted.
        handlers: those to give back when nothing listens any more; empty while nothing listens.
    """

    number: int = 0
    at: float = 0.0
    defers: bool = False
    process: int = 0
    handlers: dict[int, Handler] = field(default_factory=dict)


_state = _State()


def asked() -> bool:
    """Whether the command was asked to stop."""
    return bool(_state.number)


def check() -> None:
    """Stop here, if the command was asked to and does not defer it.

    Raises:
        Stopped: it was asked to.
    """
    if _state.number and not _state.defers:
        raise Stopped


@contextmanager
def listening() -> Iterator[None]:
    """Hear the signals inside; calls may be nested. Threads other than the main one hear none.

    SIGTERM and SIGHUP stay ignored where they are ignored already: `nohup` asks for that.
    """
    if _state.handlers or threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.number, _state.process = 0, os.getpid()
    for number in SIGNALS:
        if number == signal.SIGINT or signal.getsignal(number) is not signal.SIG_IGN:
            _state.handlers[number] = signal.signal(number, _heard)
    try:
        yield
    finally:
        for heard, handler in _state.handlers.items():
            signal.signal(heard, handler if handler is not None else signal.SIG_DFL)
        _state.handlers.clear()
        _state.number = 0


@contextmanager
def deferring(defer: bool = True) -> Iterator[None]:
    """Note a first signal instead of stopping at once; ask for it with `asked`. With False it stops at once again.

    Raises:
        Stopped: one was noted before, on entry with False; or inside, at the end, where nothing around defers it too.
    """
    with listening():
        before, _state.defers = _state.defers, defer
        try:
            check()
            yield
        finally:
            _state.defers = before
        check()


@contextmanager
def blocked() -> Iterator[None]:
    """Hold the signals back while processes are started inside: these inherit it, and so never meet one unprepared."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def follow_parent(parent: int, die_with_it: bool = True) -> None:
    """Make a worker process leave the signals to its parent, and end with it.

    Args:
        parent: process number of the parent.
        die_with_it: also where the parent is killed (Linux only). Not for a parent whose thread that started the worker may end
            before the worker.
    """
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if die_with_it:
        _ask_for_death_signal()
        if os.getppid() != parent:  # it died before
            os._exit(1)


def _ask_for_death_signal() -> None:
    import ctypes

    set_parent_death_signal = 1
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:
        prctl(set_parent_death_signal, int(signal.SIGKILL), 0, 0, 0)


def _heard(number: int, frame: FrameType | None) -> None:
    if os.getpid() != _state.process:
        return  # a process that was forked meanwhile
    now = time.monotonic()
    if _state.number and now - _state.at < SAME_S:
        return
    again = bool(_state.number)
    _state.number, _state.at = number, now
    if again:
        for each in _state.handlers:  # a third one meets no Python at all
            signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
        raise Stopped("stopped at once; files that were written are whole")
    if not _state.defers:
        raise Stopped
    _log.info("%s: stopping after this batch; the same once more stops at once", signal.Signals(number).name)


T = TypeVar("T")
log = logging.getLogger("zoopose")


class _Console(logging.StreamHandler):
    """Standard output; where its reader has gone away (`| head`) the work goes on in silence."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        elif isinstance(sys.exc_info()[1], RuntimeError) and "reentrant" in str(sys.exc_info()[1]):
            pass  # a signal was heard in the midst of a line, and has something to say
        elif isinstance(sys.exc_info()[1], ValueError) and self.stream.closed:
            pass  # a program that called us has closed the output: nobody reads it
        else:
            super().handleError(record)


def console() -> None:
    """Send the program's own messages to standard output, once."""
    if not log.handlers:
        handler = _Console(sys.stdout)
        handler.setFormatter(logging.Formatter("%(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False


def duration(seconds: float) -> str:
    """2 h 05 min, 3 min 20 s, 12 s."""
    seconds = max(0, round(seconds))
    if seconds >= 3600:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    if seconds >= 60:
        return f"{seconds // 60} min {seconds % 60:02d} s"
    return f"{seconds} s"


class Progress:
    """Counts finished units of one phase.

    Args:
        phase: what is being done, e.g. "labelling round 2".
        total: units in all.
        unit: plural of what is counted.
        every: seconds between lines when the output is not a terminal.
    """

    def __init__(self, phase: str, total: int, unit: str = "pictures", every: float = 30.0):
        self.phase, self.total, self.unit, self.every = phase, total, unit, every
        self.done, self.start = 0, time.monotonic()
        self._counted, self._said = 0, self.start
        self._bar = None
        if log.isEnabledFor(logging.INFO) and log.handlers and sys.stdout.isatty():
            from tqdm import tqdm

            self._bar = tqdm(total=total, desc=phase, unit=f" {unit}", leave=False, dynamic_ncols=True)

    def skip(self, count: int) -> None:
        """Units that an earlier, interrupted call had finished: they do not count for the speed."""
        self.done += count
        if self._bar:
            self._bar.update(count)
            self._bar.unpause()

    def add(self, count: int = 1, note: str = "") -> None:
        """`count` more units are finished; `note` goes beside the bar or the line. A command that was asked to stop ends here."""
        check()
        self.done += count
        self._counted += count
        if self._bar:
            self._bar.update(count)
            self._bar.set_postfix_str(note, refresh=False)
            return
        now = time.monotonic()
        if now - self._said >= self.every and self.done < self.total:
            self._said = now
            left = duration((self.total - self.done) / max(self.rate, 1e-9))
            line = f"  {self.phase}: {self.done} of {self.total} {self.unit}, {self.rate:.1f}/s, {left} left"
            log.info("%s", f"{line}, {note}" if note else line)

    @property
    def rate(self) -> float:
        """Units a second."""
        return self._counted / max(time.monotonic() - self.start, 1e-9)

    def close(self) -> None:
        if self._bar:
            self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_) -> None:
        self.close()


def track(items: Iterable[T], phase: str, total: int, unit: str = "pictures", each: int = 1) -> Iterator[T]:
    """Iterate with progress; every item stands for `each` units."""
    with Progress(phase, total, unit) as progress:
        for item in items:
            yield item
            progress.add(min(each, max(total - progress.done, 0)))
