"""Errors a user can act on: what was expected, what was found, what to type."""

from __future__ import annotations


class ZooposeError(Exception):
    """A mistake the user can mend. Commands print it without a traceback and exit with code 2.

    Args:
        expected: what zoopose needed.
        found: what it met instead.
        remedy: what to type or change.
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
