"""Command lines in texts (pages, shell scripts), checked against the options of the commands."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from zoopose.cli import COMMANDS

ROOT = Path(__file__).parents[2]
# programs that are run by path or as a module -> module:class of their options
PROGRAMS = {
    "train/train.py": COMMANDS["train"][1],
    "train/train_multitask.py": COMMANDS["train"][1],
    "ccssl/CCSSL.py": COMMANDS["ccssl"][1],
    "wscda/WSCDA.py": COMMANDS["wscda"][1],
    "wscda/PPLO.py": COMMANDS["pplo"][1],
    "evaluation/test.py": COMMANDS["test"][1],
    "zoopose.benchmarks.adaptation": "benchmarks.adaptation.__main__:BenchmarkOptions",
    "zoopose.benchmarks.adaptation.time_to_score": "benchmarks.adaptation.time_to_score:TimeOptions",
}
GENERAL = ("-h", "--help", "--help-all", "-V", "--version")  # of every command
FLAG = re.compile(r"--?[A-Za-z][\w-]*")


@dataclass(frozen=True)
class CommandLine:
    """A command in a text.

    Attributes:
        program: what is run, such as `zoopose train`.
        options: `module:class` of its options; empty for one that is not ours.
        words: what follows its name.
    """

    program: str
    options: str
    words: tuple[str, ...]


@cache
def listing():
    """The module that reads the options for the documentation."""
    found = sys.modules.get("listing")
    if found is None:
        spec = importlib.util.spec_from_file_location("listing", ROOT / "docs" / "_hooks" / "listing.py")
        found = sys.modules["listing"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    return found


@cache
def flags_of(place: str) -> dict:
    """Every name of an option of a class, `module:Class`, and what the listing says of it; place "": of all commands."""
    if not place:
        places = sorted({*(row[1] for row in COMMANDS.values()), *PROGRAMS.values()})
        return {name: flag for each in places for name, flag in flags_of(each).items()}
    return {name: flag for flag in listing().flags(listing().options_class(place)) for name in flag.names}


def zoopose_command(words: list[str]) -> CommandLine:
    """The command of the words after `zoopose`; its options are empty if there is no such command."""
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    options = COMMANDS[name][1] if name in COMMANDS else ""
    return CommandLine(f"zoopose {name}", options, tuple(words[len(name.split()) :]))


def faults(line: CommandLine) -> list[str]:
    """What a command line has that its options do not: flags, choices, and flags without an effect."""
    known, found = flags_of(line.options), []
    for word, value in zip(line.words, [*line.words[1:], ""]):
        if word in ("&", "|", ";"):
            break
        name, _, given = word.partition("=")
        if not FLAG.fullmatch(name) or name in GENERAL:
            continue
        flag, value = known.get(name), given or value
        if flag is None:
            found.append(f"{line.program} has no {name}")
            continue
        if flag.choices and value and not re.search(r"[$A-Z]", value) and value not in flag.choices:
            found.append(f"{line.program} {name} {value}: not one of {', '.join(flag.choices)}")
        if flag.ignored:
            found.append(f"{line.program} {name} does nothing")
    return found
