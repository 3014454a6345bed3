"""The commands of `zoopose` with their options, for the page "Command line" and for the test of the shell scripts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from zoopose.commandline.flags import Flag, flags

__all__ = ["Command", "Flag", "command", "commands", "flags", "options_class"]


@dataclass(frozen=True)
class Command:
    """A command of `zoopose`: its words, its one line, its docstring and its options."""

    name: str
    line: str
    text: str
    flags: tuple[Flag, ...]


def commands() -> list[Command]:
    """Every command of `zoopose.cli.COMMANDS`, in its order."""
    return [command(name) for name in import_module("zoopose.cli").COMMANDS]


@cache
def command(name: str) -> Command:
    """One command, by its words: `train`, `data check`."""
    module, options, line = import_module("zoopose.cli").COMMANDS[name][:3]
    return Command(name, line, import_module(f"zoopose.{module}").__doc__ or "", flags(options_class(options)))


def options_class(place: str) -> type:
    """The class of `module:Class`, its module named below `zoopose`."""
    module, _, name = place.partition(":")
    return getattr(import_module(f"zoopose.{module}"), name)
