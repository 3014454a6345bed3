"""Shell scripts: their syntax, and every flag, choice, program and recipe that they name, against what is there."""

from __future__ import annotations

import importlib.util
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from zoopose.cli import COMMANDS

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted((ROOT / "scripts").rglob("*.sh"))
# programs that are run by path or as a module -> module:class of their options
PROGRAMS = {
    "train/train.py": COMMANDS["train"][1],
    "ccssl/CCSSL.py": COMMANDS["ccssl"][1],
    "wscda/WSCDA.py": COMMANDS["wscda"][1],
    "wscda/PPLO.py": COMMANDS["pplo"][1],
    "evaluation/test.py": COMMANDS["test"][1],
    "zoopose.benchmarks.adaptation": "benchmarks.adaptation.__main__:BenchmarkOptions",
}
NUMBER = re.compile(r"-?\d")


def listing():
    """The module that reads the options for the documentation."""
    path = ROOT / "docs" / "_hooks" / "listing.py"
    found = sys.modules.get("listing")
    if found is None:
        spec = importlib.util.spec_from_file_location("listing", path)
        found = sys.modules["listing"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
    return found


@dataclass(frozen=True)
class Line:
    """A command of ours in a script: what is run, `module:class` of its options, and its words."""

    program: str
    options: str
    words: tuple[str, ...]


def commands_of(script: str) -> list[Line]:
    """All commands of ours in a shell script, and its arrays of flags, such as `trunk=(--trunk-weights FILE)`."""
    found = []
    for line in script.replace("\\\n", " ").splitlines():
        if line.lstrip().startswith("#"):
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:  # a quote that goes on in the next line: no command of ours is written so
            continue
        array = re.fullmatch(r"\s*\w+=\((--.*)\)\s*", line)
        if array:
            found.append(Line("array", "", tuple(shlex.split(array[1]))))
        for i, word in enumerate(words):
            rest = words[i + 1 :]
            if word == "zoopose" and rest:
                name = " ".join(rest[:2]) if " ".join(rest[:2]) in COMMANDS else rest[0]
                assert name in COMMANDS, f"no command zoopose {name}"
                found.append(Line(f"zoopose {name}", COMMANDS[name][1], tuple(rest[len(name.split()) :])))
            elif word in PROGRAMS:
                found.append(Line(word, PROGRAMS[word], tuple(rest)))
    return found


def faults(line: Line) -> list[str]:
    """What a command line says that its options do not know: flags, and words that are no choice."""
    classes = [line.options] if line.options else [where for _, where, _ in COMMANDS.values()]
    known = {
        name: flag
        for where in classes
        for flag in listing().flags(listing().options_class(where))
        for name in flag.names
    }
    found = []
    for word, value in zip(line.words, [*line.words[1:], ""]):
        if word in ("&", "|", ";"):
            break
        if not word.startswith("-") or NUMBER.match(word):
            continue
        name, _, given = word.partition("=")
        if name not in known:
            found.append(f"{line.program} has no {name}")
            continue
        choices, value = known[name].choices, given or value
        if choices and "$" not in value and value not in choices:
            found.append(f"{line.program} {name} {value}: not one of {', '.join(choices)}")
        if known[name].ignored:
            found.append(f"{line.program} {name} does nothing")
    return found


def test_there_are_scripts():
    assert {"one_node.sh", "several_nodes.sh", "videos.sh", "ccssl.sh", "livestock.sh", "coco.sh", "mpii.sh"} <= {
        p.name for p in SCRIPTS
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_a_script_is_bash_that_stops_at_the_first_error(path):
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert "\nset -euo pipefail\n" in path.read_text()
    assert path.stat().st_mode & 0o111, "chmod +x"
    done = subprocess.run(["bash", "-n", str(path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_every_flag_of_a_script_is_one_of_its_command(path):
    lines = commands_of(path.read_text())
    assert [line for line in lines if line.options], "no command of ours"
    assert [fault for line in lines for fault in faults(line)] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_every_program_and_recipe_that_a_script_names_is_there(path):
    text = path.read_text()
    for program in re.findall(r'"\$PYTHON" (\S+\.py)', text):
        assert (ROOT / program).is_file(), program
        assert program in PROGRAMS, program
    recipes = {
        p.relative_to(ROOT / "train" / "recipes").with_suffix("").as_posix()
        for p in ROOT.glob("train/recipes/*/*.toml")
    }
    named = re.findall(r":-((?:coco|mpii)/\w+)\}", text)
    named += [f"{path.stem}/{name}" for line in re.findall(r"recipes=\((\w[^)]*)\)", text) for name in line.split()]
    assert [name for name in named if name not in recipes] == []


def test_a_long_list_of_flags_is_known():
    """The list that the checks stand on holds published names, aliases and switches that turn something off."""
    known = {name for flag in listing().flags(listing().options_class(COMMANDS["ccssl"][1])) for name in flag.names}
    assert {
        "--resume",
        "-a",
        "--learning-rate",
        "--no-decay-norms",
        "--gamma",
        "--gamma_",
        "--num-epochs",
        "--epochs",
    } <= known
    assert "--decay-norms" not in known and len(known) > 80


@pytest.mark.parametrize(
    "text, fault",
    [
        ("zoopose train --dataset x --chekpoint y", "zoopose train has no --chekpoint"),
        ("exec torchrun --no-python \\\n  zoopose ccssl --no-guards --devices 2", "zoopose ccssl has no --no-guards"),
        ('"$PYTHON" train/train.py --solver sgd', "train/train.py --solver sgd: not one of rms, adam"),
        ("zoopose train --year 2015", "zoopose train --year does nothing"),
        ("trunk=(--trunk-weight x)", "array has no --trunk-weight"),
        ("zoopose data check coco:a.json --sheets b.png", "zoopose data check has no --sheets"),
    ],
)
def test_a_wrong_flag_is_found(text, fault):
    assert [found for line in commands_of(text) for found in faults(line)] == [fault]


def test_a_command_that_is_none_is_found():
    with pytest.raises(AssertionError, match="no command zoopose trian"):
        commands_of("zoopose trian --dataset x")
