"""From a dataclass to a command line, and from a mistake to one clear message with exit code 2."""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar, get_type_hints

from ..errors import ZooposeError, explained
from ..progress import Stopped, console, listening, log
from .limits import check_limits, flag_of

O = TypeVar("O")  # noqa: E741

DEAD = "accepted and ignored"
UNUSED = "the published code never used it"


def dead(*aliases: str, why: str = UNUSED) -> Any:
    """Annotation of a published flag that does nothing here but warn, so that published commands run as they are written.

    Args:
        why: the reason, for the help and the warning.
    """
    import tyro

    return tyro.conf.arg(help=f"{DEAD}: {why}", aliases=list(aliases))


def why_dead(options: type, name: str) -> str:
    """The reason that the annotation of an ignored flag gives."""
    metadata = getattr(get_type_hints(options, include_extras=True)[name], "__metadata__", ())
    helps = [text for part in metadata if isinstance(text := getattr(part, "help", None), str)]
    return next((text.removeprefix(f"{DEAD}: ") for text in helps if text.startswith(DEAD)), UNUSED)


def size_of(text: str) -> int | tuple[int, int]:
    """A size on the command line: `256`, the side of a square, or `256x192`, rows and columns.

    Raises:
        ValueError: for anything else.
    """
    sides = tuple(int(side) for side in text.lower().split("x"))
    if len(sides) > 2 or min(sides) < (1 if len(sides) == 2 else 0):
        raise ValueError(text)
    return sides[0] if len(set(sides)) == 1 else sides


def size_text(size: int | Sequence[int]) -> str:
    """Inverse of `size_of`."""
    return str(size) if isinstance(size, int) else "x".join(map(str, size))


def sized() -> Any:
    """Annotation of an option that takes a size, see `size_of`."""
    from tyro.constructors import PrimitiveConstructorSpec

    def is_size(value: Any) -> bool:
        return isinstance(value, int) or (isinstance(value, tuple) and len(value) == 2)

    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="SIDE|ROWSxCOLUMNS",
        instance_from_str=lambda words: size_of(words[0]),
        is_instance=is_size,
        str_from_instance=lambda size: [size_text(size)],
    )


def number_or_none() -> Any:
    """Annotation of a number whose flag may also stand alone, for 1, as a switch that it was in the published code."""
    from tyro.constructors import PrimitiveConstructorSpec

    return PrimitiveConstructorSpec(
        nargs=(0, 1),
        metavar="[N]",
        instance_from_str=lambda words: int(words[0]) if words else 1,
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    )


def parse(options: type[O], argv: Sequence[str] | None, prog: str, description: str) -> O:
    """Options from the command line. A misspelt flag ends the program with code 2, naming the nearest one."""
    import tyro

    description = "\n".join(description.strip().splitlines())
    argv = list(sys.argv[1:] if argv is None else argv)
    if hasattr(options, "under_todays_flags"):
        argv = options.under_todays_flags(argv)
    found = tyro.cli(
        Annotated[options, tyro.conf.FlagCreatePairsOff],
        args=argv,
        **_defaults(options, argv),
        prog=prog,
        description=description,
        compact_help=False,
    )
    check_limits(found)
    warn_of_dead_flags(found)
    return found


def _defaults(options: type, argv: Sequence[str]) -> dict[str, Any]:
    """Options that name a recipe have its values where nothing else is given; its batch is divided among the devices."""
    given = {
        flag: [b if a == flag else a.partition("=")[2] for a, b in zip(argv, [*argv[1:], ""])
               if a == flag or a.startswith(f"{flag}=")]
        for flag in ("--recipe", "--devices")
    }  # fmt: skip
    if not given["--recipe"] or not hasattr(options, "with_recipe"):
        return {}
    devices = given["--devices"][-1] if given["--devices"] else "1"
    more = {"devices": int(devices)} if devices.isdigit() and int(devices) else {}  # what is no number is told of later
    return {"default": options.with_recipe(given["--recipe"][-1], **more)}


def warn_of_dead_flags(options: Any) -> None:
    """One line for every flag that was set and does nothing."""
    for name in getattr(type(options), "DEAD_FLAGS", ()):
        default = next(f.default for f in dataclasses.fields(options) if f.name == name)
        if getattr(options, name) != default:
            console()
            log.warning("%s does nothing: %s", flag_of(name), why_dead(type(options), name))


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
