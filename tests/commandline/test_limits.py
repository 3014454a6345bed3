"""Limits of numbers: every numeric option has them, whatever lies outside is refused at once, by flag and range."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import time
from importlib import import_module

import pytest

from zoopose.cli import COMMANDS
from zoopose.commandline.limits import Limits, check_limits, flag_of, numeric_fields
from zoopose.commandline.parsing import parse
from zoopose.errors import OptionError

ADVICE = """{command}: --{flag} is a number without limits. Give its field some, where it is declared:
    name: Annotated[int, Limits(low, high)] = ...      (commandline/limits.py has shared ones: SHARE, SEED, COUNT, ...)
Limits are the values that can work at all; 0 that stands for a default is allowed by zero_or(low, high)."""
# what a command cannot be parsed without
WORDS = {"report": ["RUN"], "data get": ["mpii"], "data check": ["images:x"]}


def options_of(command: str) -> type:
    module, _, name = COMMANDS[command][1].partition(":")
    return getattr(import_module(f"zoopose.{module}"), name)


def default_of(command: str):
    """The options with no flag given."""
    cls = options_of(command)
    missing = [f.name for f in dataclasses.fields(cls) if f.default is f.default_factory is dataclasses.MISSING]
    return cls(**dict(zip(missing, WORDS.get(command, []), strict=True)))


NUMBERS = [(command, name) for command in COMMANDS for name in numeric_fields(options_of(command))]


@pytest.mark.parametrize(("command", "name"), NUMBERS, ids=lambda value: str(value))
def test_every_number_has_limits(command, name):
    assert numeric_fields(options_of(command))[name] is not None, ADVICE.format(command=command, flag=name)


@pytest.mark.parametrize("command", COMMANDS)
def test_defaults_are_within_the_limits(command):
    check_limits(default_of(command))


@pytest.mark.parametrize(("command", "name"), NUMBERS, ids=lambda value: str(value))
def test_numbers_outside_are_refused_by_flag_and_range(command, name):
    limits, default = numeric_fields(options_of(command))[name], default_of(command)
    outside = [math.nan, -math.inf, limits.low - 1]
    if limits.high < math.inf:
        outside += [math.inf, limits.high * 2 + 1]
    for value in outside:
        if limits.allow(value):  # low - 1 of zero_or(1, ...) is 0
            continue
        several = isinstance(getattr(default, name), tuple)
        with pytest.raises(OptionError) as error:
            check_limits(dataclasses.replace(default, **{name: (limits.low, value) if several else value}))
        assert flag_of(name) in error.value.expected and str(limits) in error.value.expected
        assert str(value) in error.value.found
    for value in (limits.low, *limits.also, *([limits.high] if limits.high < math.inf else [])):
        check_limits(dataclasses.replace(default, **{name: value}))


@pytest.mark.parametrize("command", [c for c in COMMANDS if numeric_fields(options_of(c))])
def test_a_run_refuses_what_its_caller_did_not_check(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = import_module(f"zoopose.{COMMANDS[command][0]}").run
    for name in numeric_fields(options_of(command)):
        with pytest.raises(OptionError, match=flag_of(name)):
            run(dataclasses.replace(default_of(command), **{name: math.nan}))
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "typed"),
    [
        ("train", "--seed 4294967296"), ("train", "--inp-res 1000000"), ("train", "--inp-res 96x1000000"), ("train", "--lr nan"),
        ("train", "--lr inf"), ("train", "--sigma nan"), ("train", "--cache-gib inf"), ("train", "--momentum 5"),
        ("train", "--stacks 100000"), ("train", "--workers 100000"), ("train", "--devices 9999"), ("train", "--schedule 3 -1"),
        ("test", "--workers 100000"), ("test", "--stacks 100000"), ("predict", "--overlays -1"), ("data make", "--size 480 90000"),
        ("data make", "--workers 100000"), ("demo", "--seed -1"), ("pplo", "--source-ratio nan"), ("wscda", "--beta inf"),
    ],
)  # fmt: skip
def test_a_command_line_with_such_a_number_is_refused(command, typed):
    with pytest.raises(OptionError, match=typed.split()[0]):
        parse(options_of(command), [*WORDS.get(command, []), *typed.split()], "x", "")


def test_a_published_flag_that_is_ignored_has_no_limits():
    options = parse(options_of("train"), ["--year", "-5"], "x", "")
    assert options.year == -5 and "year" not in numeric_fields(type(options))


def test_limits_say_what_they_are():
    assert str(Limits(1, 64)) == "between 1 and 64"
    assert str(Limits(0, math.inf)) == "at least 0"
    assert str(Limits(8, 8192, (0,))) == "0 or between 8 and 8192"
    assert str(Limits(0, 2**32 - 1)) == "between 0 and 4294967295"
    assert not Limits(0, math.inf).allow(math.nan) and Limits(0, math.inf).allow(math.inf)


@pytest.mark.slow
@pytest.mark.parametrize("typed", ["--stacks 100000", "--workers 100000", "--devices 9999"])
def test_nonsense_is_answered_at_once(typed, tmp_path):
    began = time.monotonic()
    program = [sys.executable, "-m", "zoopose.cli", "train", "--dataset", "coco:none.json", *typed.split()]
    done = subprocess.run(program, capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode == 2 and typed.split()[0] in done.stderr and "Traceback" not in done.stderr
    assert time.monotonic() - began < 30, "no network is built and no process started; most of it is loading torch"
