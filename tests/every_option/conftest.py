"""What the tests of every option share: how an option is tried, what a run comes to, and tiny data for it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from zoopose.cli import COMMANDS
from zoopose.commandline.limits import flag_of
from zoopose.errors import ZooposeError
from zoopose.progress import log

ROOT = Path(__file__).parents[2]
ADVICE = """`zoopose {command}` has options that no test tries: {missing}
and the table tries options that it does not have: {extra}
Every option changes the result, or warns, or is refused: say in the table of this file which, with a value that does it:
    "name": effect(VALUE, other=...)         the result (weights, labels, scores, log) is another than without it
    "name": warns(VALUE, other=...)          a warning names the flag
    "name": refused(VALUE, other=...)        an error names the flag, or `says=...`
    "name": free(VALUE, "why", SEEN, other=...)  the result stays; SEEN(folder, said) is true of what it does instead
    "name": elsewhere("tests/FILE.py", "why")    another test shows what it does
    "name": (effect(VALUE), warns(VALUE, other=...))   several of them
`other` are further options, under which it is tried. An option that does nothing must be changed: make it work,
warn (train/no_effect.py, commandline.flags.dead) or refuse it."""


def pairs(table: dict[str, Any]) -> list[tuple[str, Any]]:
    """(option, how it is tried), one for each way."""
    return [(name, way) for name, ways in table.items() for way in (ways if isinstance(ways, tuple) else (ways,))]


@pytest.fixture(scope="session")
def commands() -> dict[str, tuple[Callable, type]]:
    """Command -> its `run` and its options class."""
    found = {}
    for name, (module, options, _) in COMMANDS.items():
        where, _, cls = options.partition(":")
        found[name] = import_module(f"zoopose.{module}").run, getattr(import_module(f"zoopose.{where}"), cls)
    return found


@pytest.fixture
def complete(commands) -> Callable[[str, dict[str, Any]], None]:
    """(command, its table): the table has every option that does something, and no other; what is free says why."""

    def check(command: str, table: dict[str, Any]) -> None:
        options = commands[command][1]
        fields = {f.name for f in dataclasses.fields(options)} - set(getattr(options, "DEAD_FLAGS", ()))
        missing, extra = sorted(fields - set(table)), sorted(set(table) - fields)
        assert not missing and not extra, ADVICE.format(command=command, missing=missing, extra=extra)
        for name, tried in pairs(table):
            assert tried.kind != "free" or (tried.why and tried.seen), (
                f"{command} {name}: say why it is free, and what it does"
            )
            if tried.kind == "elsewhere":
                assert name in (ROOT / tried.value).read_text(), f"{command} {name}: {tried.value} does not name it"

    return check


@pytest.fixture
def said(monkeypatch) -> list[str]:
    """What the program logs."""
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record):
            lines.append(f"{record.levelname} {record.getMessage()}")

    monkeypatch.setattr(log, "handlers", [Kept()])
    level = log.level
    log.setLevel(logging.INFO)
    yield lines
    log.setLevel(level)


@pytest.fixture
def tried(said, commands) -> Callable[..., None]:
    """(command, name, how, base, result): run without and with the option, and see that it is not silent.

    `base` makes the options of a run, (folder, more) -> options; `result` reads what it came to, folder -> anything comparable.
    Results without an option are kept in `known`, by what they were run with.
    """

    def check(command: str, name: str, how: Any, base: Callable, result: Callable, tmp: Path, known: dict) -> None:
        run, flag = commands[command][0], flag_of(name)
        if how.kind in ("effect", "free"):
            key = command, repr(sorted(how.beside.items()))
            if key not in known:
                folder = tmp / "without"
                known[key] = result(folder, run(base(folder, **how.beside)))
                said.clear()
        folder, error, value = tmp / "with", None, None
        try:
            value = run(base(folder, **{**how.beside, name: how.value}))
        except ZooposeError as caught:
            error = caught
        if how.kind == "refused":
            assert error is not None, f"{flag} {how.value} was taken; said: {said}"
            assert (how.says or flag) in str(error), error
            return
        assert error is None, error
        if how.kind == "warns":
            warned = [line for line in said if line.startswith("WARNING") and flag in line]
            assert warned, f"{flag} {how.value} was not warned of; said: {said}"
            return
        with_it = result(folder, value)
        if how.kind == "effect":
            assert with_it != known[key], f"{flag} {how.value} changed nothing, and no warning said so; said: {said}"
        else:
            assert with_it == known[key], f"{flag} {how.value} changed the result: it is not free"
            assert how.seen(folder, "\n".join(said)), f"{flag} {how.value} left no sign of itself; said: {said}"

    return check
