"""Progress lines of the functions of the library."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from ..progress import console, log


@contextmanager
def printing(quiet: bool) -> Iterator[None]:
    """Print progress inside, as the commands do; with `quiet`, warnings alone."""
    if not quiet:
        console()
        yield
        return
    before = log.level
    log.setLevel(max(before, logging.WARNING))
    try:
        yield
    finally:
        log.setLevel(before)
