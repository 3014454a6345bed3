"""Progress of long work: a bar on a terminal, plain lines in a log; each names its phase, its speed and what is left."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from .stopping import check

T = TypeVar("T")
log = logging.getLogger("zoopose")


class _Console(logging.StreamHandler):
    """Standard output; where its reader has gone away (`| head`) the work goes on in silence."""

    def handleError(self, record: logging.LogRecord) -> None:
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        elif isinstance(sys.exc_info()[1], RuntimeError) and "reentrant" in str(sys.exc_info()[1]):
            pass  # a signal was heard in the midst of a line, and has something to say
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
            log.info("  %s: %d of %d %s, %.1f/s, %s left%s", self.phase, self.done, self.total, self.unit, self.rate, left,
                     f", {note}" if note else "")  # fmt: skip

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
