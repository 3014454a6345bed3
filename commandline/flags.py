"""The fields of an options class as flags, for the command line, for `--help` and for the docs.

A field is annotated with its type, its limits and how it is typed: `lr: Annotated[float, Limits(0, 9), flag("--learning-rate")]`.
The string literal below a field is its help. A class names the heading of its fields in `TITLE`, in `EXPERT` fields of its
bases that its `--help` leaves out, and in `FIRST` headings of its bases that come before its own.
"""

from __future__ import annotations

import ast
import dataclasses
import os
import sys
import types
import typing
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

UNUSED = "the published code never used it"


@dataclass(frozen=True, kw_only=True)
class Typing:
    """How a field is typed on a command line; goes into the annotation of the field.

    Attributes:
        aliases: further flags.
        help: replaces the string below the field.
        metavar: what stands for the value; empty: by the type.
        expert: `--help` leaves the flag out, `--help-all` shows it.
        positional: typed without a flag.
        ignored: why the flag does nothing; empty where it does something.
        words: how many words the value has; None: by the type.
        read: from these words to the value; None: by the type.
    """

    aliases: tuple[str, ...] = ()
    help: str = ""
    metavar: str = ""
    expert: bool = False
    positional: bool = False
    ignored: str = ""
    words: int | tuple[int, ...] | None = None
    read: Callable[[list[str]], Any] | None = None


def flag(*aliases: str, help: str = "", metavar: str = "", expert: bool = False) -> Typing:
    """A field with further flags, a help of its own, or a word that stands for its value."""
    return Typing(aliases=aliases, help=help, metavar=metavar, expert=expert)


def expert(*aliases: str) -> Typing:
    """A field that `--help` leaves out."""
    return Typing(aliases=aliases, expert=True)


def positional(metavar: str = "") -> Typing:
    """A field that is typed without a flag."""
    return Typing(metavar=metavar, positional=True)


def dead(*aliases: str, why: str = UNUSED) -> Typing:
    """A published flag that does nothing here but warn, so that published commands run as they are written.

    Args:
        why: the reason, for the warning.
    """
    return Typing(aliases=aliases, expert=True, ignored=why)


def size_of(text: str) -> int | tuple[int, int]:
    """A size on the command line: `256`, the side of a square, or `256x192`, rows and columns.

    Raises:
        ValueError: for anything else.
    """
    sides = [int(side) for side in text.lower().split("x")]
    if len(sides) == 1 and sides[0] >= 0:
        return sides[0]
    if len(sides) == 2 and min(sides) >= 1:
        return sides[0] if sides[0] == sides[1] else (sides[0], sides[1])
    raise ValueError(text)


def size_text(size: int | str | Sequence[int]) -> str:
    """Inverse of `size_of`; a text stays as it is."""
    return str(size) if isinstance(size, int | str) else "x".join(map(str, size))


def sized(expert: bool = False) -> Typing:
    """A field that takes a size, see `size_of`."""
    return Typing(metavar="SIDE|ROWSxCOLUMNS", expert=expert, words=1, read=lambda words: size_of(words[0]))


def number_or_none(*aliases: str, expert: bool = False) -> Typing:
    """A number whose flag may also stand alone, for 1, as a switch that it was in the published code."""
    return Typing(
        aliases=aliases, metavar="[N]", expert=expert, words=(0, 1), read=lambda words: int(words[0]) if words else 1
    )


def text_or(alone: str, metavar: str) -> Typing:
    """A text whose flag may also stand alone, for `alone`."""
    return Typing(metavar=metavar, words=(0, 1), read=lambda words: words[0] if words else alone)


@dataclass(frozen=True, kw_only=True)
class Flag:
    """One option of a command.

    Attributes:
        field: name of the field.
        names: the flag and its aliases; for a positional argument its name in capitals.
        metavar: what stands for the value; empty for a switch.
        default: as it is typed; "" where the flag is a switch, has no default or must be given.
        help: what the dataclass says about it.
        choices: the allowed words; empty where any value is allowed.
        group: heading, the `TITLE` of the nearest class that defines the field.
        typing: how it is typed.
    """

    field: str
    names: tuple[str, ...]
    metavar: str
    default: str
    help: str
    choices: tuple[str, ...]
    group: str
    typing: Typing

    @property
    def positional(self) -> bool:
        """Typed without a flag."""
        return self.typing.positional

    @property
    def ignored(self) -> bool:
        """Accepted, and has no effect."""
        return bool(self.typing.ignored)


def flags(options: type) -> tuple[Flag, ...]:
    """The options of a dataclass, those of nested dataclasses included, each once.

    Those that the class itself defines come first, in the order in which it does, and then those of its bases.
    """
    written = [name for kind in options.__mro__ for name in _texts(kind)]
    order = {name: place for place, name in reversed(list(enumerate(written)))}
    found = {one.names[0]: one for one in _flags(options)}
    return tuple(sorted(found.values(), key=lambda one: order.get(one.field, len(order))))


def typing_of(hint: Any) -> Typing:
    """How a field with this annotation is typed."""
    marks = typing.get_args(hint)[1:] if typing.get_origin(hint) is typing.Annotated else ()
    return next((mark for mark in marks if isinstance(mark, Typing)), Typing())


def why_ignored(options: type, name: str) -> str:
    """The reason why a flag does nothing; empty where it does something."""
    return typing_of(typing.get_type_hints(options, include_extras=True)[name]).ignored


def help_of(options: type, name: str) -> str:
    """The help of a field in one line: that of the nearest class with a text."""
    texts = (_texts(kind).get(name, "") for kind in options.__mro__)
    return " ".join(next((text for text in texts if text), "").split())


def _flags(options: type) -> Iterator[Flag]:
    hints = typing.get_type_hints(options, include_extras=True)
    for field in dataclasses.fields(options):
        hint, typed = hints[field.name], typing_of(hints[field.name])
        if field.name in getattr(options, "EXPERT", ()):
            typed = replace(typed, expert=True)
        hint = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        if dataclasses.is_dataclass(hint):
            yield from _flags(typing.cast(type, hint))
            continue
        default = _default(field)
        stem = field.name.rstrip("_")
        name = stem.replace("_", "-") + field.name[len(stem) :]  # `gamma_` is `--gamma_`: `--gamma` is another option
        name = f"no-{name}" if default is True else name  # such a switch can only be turned off
        yield Flag(
            field=field.name,
            names=(typed.metavar or field.name.upper(),) if typed.positional else (f"--{name}", *typed.aliases),
            metavar=typed.metavar or _metavar(hint),
            default="" if isinstance(default, bool) else _text(default),
            help=typed.help or help_of(options, field.name),
            choices=_choices(hint),
            group=_title(options, field.name),
            typing=typed,
        )


def _choices(hint: Any) -> tuple[str, ...]:
    if typing.get_origin(hint) is typing.Literal:
        return tuple(str(word) for word in typing.get_args(hint))
    return tuple(word for part in typing.get_args(hint) for word in _choices(part))


def _metavar(hint: Any) -> str:
    """What stands for a value of a type: N, X, TEXT, PATH, or the choices."""
    if choices := _choices(hint):
        return "{" + ",".join(choices) + "}"
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return next(_metavar(part) for part in typing.get_args(hint) if part is not type(None))
    if typing.get_origin(hint) is tuple:
        parts = typing.get_args(hint)
        one = _metavar(parts[0])
        return f"{one} ..." if parts[-1] is Ellipsis else " ".join([one] * len(parts))
    return {bool: "", int: "N", float: "X", Path: "PATH"}.get(hint, "TEXT")


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.name == "workers" and field.default == min(4, os.cpu_count() or 1):
        return "min(4, processors)"  # the page must not depend on the machine that builds it
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return None if field.default is dataclasses.MISSING else field.default


def _text(value: Any) -> str:
    if value is None or value == ():
        return ""
    return " ".join(map(str, value)) if isinstance(value, tuple) else f"{value}"


def _title(options: type, name: str) -> str:
    """The heading of a field: that of the nearest class which defines it."""
    owner = next(kind for kind in options.__mro__ if name in _texts(kind))
    return str(getattr(owner, "TITLE", "Options"))


@cache
def _texts(kind: type) -> dict[str, str]:
    """Field -> the string literal below it, of one class without its bases."""
    return _texts_of_module(kind.__module__).get(kind.__qualname__, {}) if dataclasses.is_dataclass(kind) else {}


@cache
def _texts_of_module(name: str) -> dict[str, dict[str, str]]:
    """Class -> field -> the string literal below it. Empty without a source file, and without docstrings (`python -OO`) too."""
    path = getattr(sys.modules.get(name), "__file__", None)
    if path is None:
        return {}
    try:
        tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    except (OSError, SyntaxError, UnicodeDecodeError):
        return {}
    return {node.name: _texts_of_body(node.body) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def _texts_of_body(body: Sequence[ast.stmt]) -> dict[str, str]:
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
