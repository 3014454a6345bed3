"""Reads the options of every command from its dataclass, for the page "Command line" and for the test of the shell scripts."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import os
import textwrap
import typing
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Flag:
    """One option of a command.

    Attributes:
        names: the flag and its aliases; for a positional argument its name in capitals.
        default: as it is typed; "" where the flag is a switch or must be given.
        help: what the dataclass says about it.
        choices: the allowed words; empty where any value is allowed.
        group: name of the dataclass that defines it.
        positional: typed without a flag.
        ignored: accepted, and has no effect.
    """

    names: tuple[str, ...]
    default: str
    help: str
    choices: tuple[str, ...]
    group: str
    positional: bool
    ignored: bool


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


def flags(options: type) -> tuple[Flag, ...]:
    """The options of a dataclass, those of nested dataclasses included, each once."""
    return tuple({flag.names[0]: flag for flag in _flags(options)}.values())


def _flags(options: type) -> Iterator[Flag]:
    hints = typing.get_type_hints(options, include_extras=True)
    ignored = getattr(options, "DEAD_FLAGS", ())
    for field in dataclasses.fields(options):
        hint, marks = _unpacked(hints[field.name])
        if dataclasses.is_dataclass(hint):
            yield from _flags(hint)
            continue
        positional = any("Positional" in str(mark) for mark in marks)
        aliases = [alias for mark in marks for alias in getattr(mark, "aliases", None) or ()]
        written = next((text for mark in marks if isinstance(text := getattr(mark, "help", None), str)), "")
        group, said = _definition(options, field.name)
        stem = field.name.rstrip("_")
        name = stem.replace("_", "-") + field.name[len(stem) :]  # `gamma_` is `--gamma_`: `--gamma` is another option
        default = _default(field)
        name = f"no-{name}" if default is True else name  # such a switch can only be turned off
        yield Flag(
            names=(field.name.upper(),) if positional else (f"--{name}", *aliases),
            default="" if isinstance(default, bool) else _typed(default),
            help=" ".join((written or said).split()),
            choices=_choices(hint),
            group=group,
            positional=positional,
            ignored=field.name in ignored,
        )


def _unpacked(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type and the marks of `Annotated[type, marks...]`."""
    if typing.get_origin(hint) is typing.Annotated:
        kind, *marks = typing.get_args(hint)
        return kind, tuple(marks)
    return hint, ()


def _choices(hint: Any) -> tuple[str, ...]:
    if typing.get_origin(hint) is typing.Literal:
        return tuple(str(word) for word in typing.get_args(hint))
    return tuple(word for part in typing.get_args(hint) for word in _choices(part))


def _default(field: dataclasses.Field) -> Any:
    if field.name == "workers" and field.default == min(4, os.cpu_count() or 1):
        return "min(4, processors)"  # the page must not depend on the machine that builds it
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _typed(value: Any) -> str:
    if value is None or value == ():
        return ""
    return " ".join(map(str, value)) if isinstance(value, tuple) else f"{value}"


def _definition(options: type, name: str) -> tuple[str, str]:
    """(class that defines a field, the docstring below the field); the nearest definition with a text counts."""
    found = [(kind.__name__, _texts(kind)[name]) for kind in options.__mro__ if name in _texts(kind)]
    text = next((text for _, text in found if text), "")
    return (found[-1][0] if found else options.__name__), text


@cache
def _texts(kind: type) -> dict[str, str]:
    """Field -> the string literal below it, of one class without its bases."""
    if not dataclasses.is_dataclass(kind):
        return {}
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0].body
    found: dict[str, str] = {}
    last = ""
    for node in body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            last = node.target.id
            found[last] = ""
        elif last and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            found[last], last = str(node.value.value), ""
        else:
            last = ""
    return found
