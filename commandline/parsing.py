"""From a dataclass to a command line, and from a mistake to one clear message with exit code 2."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

from ..errors import ZooposeError, explained
from ..progress import Stopped, console, listening, log
from .flags import help_of, size_text, typing_of, why_ignored
from .limits import check_limits, flag_of
from .page import help_page

O = TypeVar("O")  # noqa: E741


@runtime_checkable
class HasEarlierFlags(Protocol):
    """An options class of which earlier versions had other flags."""

    def under_todays_flags(self, words: Sequence[str]) -> list[str]:
        """The words of a command line, with the flags of today."""
        ...


@runtime_checkable
class HasRecipes(Protocol):
    """An options class with published sets of values."""

    def with_recipe(self, name: str, **more: Any) -> Any:
        """The options of a recipe, and `more`."""
        ...


HELP, HELP_ALL = ("-h", "--help"), ("--help-all", "--help_all")


def parse(options: type[O], argv: Sequence[str] | None, prog: str, description: str) -> O:
    """Options from the command line.

    Args:
        options: a frozen dataclass; its fields are annotated as in `flags`. With a class method `under_todays_flags` it
            rewrites flags of earlier versions.
        argv: the words; None: those that the program was started with.

    Raises:
        SystemExit: with code 0 after the help; with code 2 for a misspelt flag, with the nearest one named.
        OptionError: a number outside its limits.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if asked := set(words) & {*HELP, *HELP_ALL}:
        show(help_page(options, prog, description, every=bool(asked & set(HELP_ALL))))
        raise SystemExit(0)
    if isinstance(options, HasEarlierFlags):
        words = options.under_todays_flags(words)
    found = options(**_parsed(options, words, prog))
    check_limits(found)
    warn_of_dead_flags(found)
    return found


def show(text: str) -> None:
    """Print a page. A reader that stops early (`| head`) causes no error."""
    try:
        print(text, flush=True)  # noqa: T201
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # so that Python's own flush at its end does not fail too
        os.close(nowhere)


def _parsed(options: type, words: Sequence[str], prog: str) -> dict[str, Any]:
    """Field -> value, as tyro reads them off the words by a dataclass of the same fields."""
    import tyro

    hints = typing.get_type_hints(options, include_extras=True)
    fields: list[tuple[str, Any, Any]] = []
    for field in dataclasses.fields(options):
        copied = dataclasses.field(default=field.default, default_factory=field.default_factory)
        fields.append((field.name, _for_tyro(options, field.name, hints[field.name]), copied))
    shadow = dataclasses.make_dataclass(options.__name__, fields, kw_only=True)
    recipe = _of_recipe(options, words)
    defaults = {} if recipe is None else {"default": shadow(**vars(recipe))}
    found = tyro.cli(shadow, args=list(words), prog=prog, config=(tyro.conf.FlagCreatePairsOff,), **defaults)
    return {field.name: getattr(found, field.name) for field in dataclasses.fields(options)}


def _for_tyro(options: type, name: str, hint: Any) -> Any:
    """The annotation of a field in tyro's words."""
    import tyro
    from tyro.constructors import PrimitiveConstructorSpec

    typed = typing_of(hint)
    kind = typing.get_args(hint)[0] if typing.get_origin(hint) is Annotated else hint
    text = typed.help or help_of(options, name)
    marks: list[Any] = [tyro.conf.arg(help=text, aliases=typed.aliases or None, metavar=typed.metavar or None)]
    if typed.positional:
        marks.append(tyro.conf.Positional)
    if typed.read is not None:
        marks.append(
            PrimitiveConstructorSpec(
                nargs=typed.words or 1, metavar=typed.metavar, instance_from_str=typed.read,
                is_instance=lambda value: isinstance(value, int | tuple | str), str_from_instance=lambda value: [size_text(value)],
            )
        )  # fmt: skip
    return Annotated[(kind, *marks)]


def _of_recipe(options: type, argv: Sequence[str]) -> Any:
    """The values of the recipe that is named, for options that are not given; its batch is divided among the devices.

    None where no recipe is named.
    """
    given = {
        flag: [b if a == flag else a.partition("=")[2] for a, b in zip(argv, [*argv[1:], ""])
               if a == flag or a.startswith(f"{flag}=")]
        for flag in ("--recipe", "--devices")
    }  # fmt: skip
    if not given["--recipe"] or not isinstance(options, HasRecipes):
        return None
    devices = given["--devices"][-1] if given["--devices"] else "1"
    more = {"devices": int(devices)} if devices.isdigit() and int(devices) else {}  # what is no number is told of later
    return options.with_recipe(given["--recipe"][-1], **more)


def warn_of_dead_flags(options: Any) -> None:
    """One line for every flag that was set and does nothing."""
    for name in getattr(type(options), "DEAD_FLAGS", ()):
        default = next(f.default for f in dataclasses.fields(options) if f.name == name)
        if getattr(options, name) != default:
            console()
            log.warning("%s does nothing: %s", flag_of(name), why_ignored(type(options), name))


Rule = tuple[str, Callable[[Any], bool], str]


def given(options: Any, name: str) -> bool:
    """Whether an option has another value than its default."""
    return getattr(options, name, None) != getattr(type(options), name, None)


def warn_of_idle(options: Any, rules: Sequence[Rule]) -> None:
    """One line for every option that was given and has no effect.

    Args:
        options: of a command; choices that were left open (`auto`) are filled in where the command can.
        rules: (option, whether it has no effect, beside what).
    """
    for name, idle, beside in rules:
        if given(options, name) and idle(options):
            warn_nothing(name, beside)


def warn_nothing(name: str, beside: str) -> None:
    """Say that an option has no effect."""
    log.warning("%s does nothing %s", flag_of(name), beside)


def plain(options: Any) -> dict[str, Any]:
    """Options as plain data, for checkpoints and reports."""
    return {
        f.name: list(v) if isinstance(v := getattr(options, f.name), tuple) else v for f in dataclasses.fields(options)
    }


def command(
    run: Callable[[O], Any], options: type[O], prog: str, description: str, argv: Sequence[str] | None = None
) -> int:
    """Run a command to its exit code: 0, 2 for a mistake or a fault of the machine (one message, no traceback), 128 and the
    signal's number when stopped (130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP)."""
    console()
    try:
        with listening():
            run(parse(options, argv, prog, description))
    except ZooposeError as error:
        print(f"{prog}: error\n{error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except KeyboardInterrupt as stop:
        return stopped(stop)
    except Exception as error:
        fault = explained(error, options)
        if fault is None and not isinstance(error, OSError):
            raise
        print(f"{prog}: error\n{fault or f'found:    {error}'}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def stopped(stop: KeyboardInterrupt) -> int:
    """Say that a command was stopped, and what becomes of its work; returns the exit code."""
    stop = stop if isinstance(stop, Stopped) else Stopped(str(stop))
    name = signal.Signals(stop.number).name
    log.info(
        "%s: %s",
        name,
        str(stop) or "stopped; files that were written are whole, and the same command can be given again",
    )
    return stop.exit_code
