"""Shell scripts: their syntax, and every flag, choice, program and recipe that they name, against what is there."""

from __future__ import annotations

import re
import shlex
import subprocess

import pytest

from zoopose.cli import COMMANDS
from zoopose.tests.docs.command_lines import PROGRAMS, ROOT, CommandLine, faults, flags_of, zoopose_command

SCRIPTS = sorted((ROOT / "scripts").rglob("*.sh"))


def commands_of(script: str) -> list[CommandLine]:
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
            found.append(CommandLine("array", "", tuple(shlex.split(array[1]))))
        for i, word in enumerate(words):
            rest = words[i + 1 :]
            if word == "zoopose" and rest:
                found.append(zoopose_command(rest))
                assert found[-1].options, f"no command {found[-1].program}"
            elif word in PROGRAMS:
                found.append(CommandLine(word, PROGRAMS[word], tuple(rest)))
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
    known = set(flags_of(COMMANDS["ccssl"][1]))
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
