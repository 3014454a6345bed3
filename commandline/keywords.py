"""Options of a command, given as keywords of a Python function and checked as on a command line."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any, TypeVar

from ..errors import OptionError
from .limits import check_limits

O = TypeVar("O")  # noqa: E741


def options_from(
    options: type[O],
    given: Mapping[str, Any],
    function: str,
    arguments: Mapping[str, tuple[str, Any]] | None = None,
    command: str = "",
) -> O:
    """The options of a command from keywords: names of fields, or aliases of their flags (`epochs` for `num_epochs`).

    Args:
        options: dataclass of the command.
        given: keyword -> value. Paths may be texts or `Path`s, lists stand for tuples.
        function: what the user called, for the error: "zoopose.train".
        command: whose `--help` lists the options.
        arguments: field -> (argument of the function that sets it, its value); these fields are refused as keywords.

    Raises:
        OptionError: an unknown keyword, one that does nothing, or a value of the wrong type or outside its limits.
    """
    arguments = arguments or {}
    names, hints = _keywords(options), typing.get_type_hints(options, include_extras=True)
    found = {name: _checked(argument, value, hints[name], function) for name, (argument, value) in arguments.items()}
    for word, value in given.items():
        name = names.get(word)
        if name is None:
            near = difflib.get_close_matches(word, [w for w, n in names.items() if n not in arguments], 1, 0.5)
            lists = f"`{command or function.replace('.', ' ')} --help`, which lists the options"
            raise OptionError(f"an option of {function}", f"{word}=", f"{near[0]}=" if near else lists)
        if name in arguments:
            raise OptionError(f"{arguments[name][0]}= of {function}", f"{word}=", f"{arguments[name][0]}={value!r}")
        if name in found:
            raise OptionError(
                f"each option of {function} once", f"{word}= and {name}=, which are the same", "one of them"
            )
        found[name] = _checked(word, value, hints[name], function)
    made = options(**found)
    check_limits(made)
    return made


def _keywords(options: type) -> dict[str, str]:
    """Keyword -> field: names of fields and aliases of their flags, without those that do nothing."""
    dead = getattr(options, "DEAD_FLAGS", ())
    hints = typing.get_type_hints(options, include_extras=True)
    found: dict[str, str] = {}
    for field in dataclasses.fields(typing.cast(Any, options)):
        if field.name in dead:
            continue
        for part in getattr(hints[field.name], "__metadata__", ()):
            for alias in getattr(part, "aliases", None) or ():
                if alias.startswith("--"):
                    found.setdefault(alias[2:].replace("-", "_"), field.name)
        found[field.name] = field.name
    return found


def _checked(word: str, value: Any, hint: Any, function: str) -> Any:
    """The value as the field holds it.

    Raises:
        OptionError: it is of another type, or none of the choices.
    """
    if isinstance(value, PathLike):
        value = fspath(value)
    if isinstance(value, list):
        value = tuple(value)
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()  # a number of NumPy
    if fits(value, hint):
        return value
    choices = _choices(hint)
    near = difflib.get_close_matches(str(value), choices, 1, 0.5) if choices else []
    expected = f"{word}= of {function} as " + (f"one of {', '.join(choices)}" if choices else _words(hint))
    raise OptionError(expected, f"{word}={value!r}", f"{word}={near[0]!r}" if near else "")


def fits(value: Any, hint: Any) -> bool:
    """Whether a value is of the type that an annotation names."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return fits(value, parts[0])
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, part) for part in parts)
    if origin is typing.Literal:
        return any(value == part and type(value) is type(part) for part in parts)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        if len(parts) == 2 and parts[1] is Ellipsis:
            return all(fits(v, parts[0]) for v in value)
        return len(value) == len(parts) and all(map(fits, value, parts))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is None or hint is types.NoneType:
        return value is None
    return not isinstance(hint, type) or isinstance(value, hint)


def _choices(hint: Any) -> list[str]:
    """The texts of a `Literal` within an annotation."""
    if typing.get_origin(hint) is typing.Literal:
        return [str(part) for part in typing.get_args(hint)]
    return [choice for part in typing.get_args(hint) for choice in _choices(part)]


def _words(hint: Any) -> str:
    """An annotation in words: `int | None` -> "a whole number or None"."""
    names = {int: "a whole number", float: "a number", str: "a text", bool: "True or False", types.NoneType: "None"}
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return _words(parts[0])
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(part) for part in parts)
    if origin is tuple:
        return f"a tuple, each entry {_words(parts[0])}"
    return names.get(hint, getattr(hint, "__name__", str(hint)))
