"""The help of every command: it loads no heavy library, it fits two screens, and a reader that stops early causes no error."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from zoopose.cli import COMMANDS
from zoopose.commandline.flags import flags
from zoopose.commandline.page import examples, help_page

ROOT = Path(__file__).parents[2]
HEAVY = "torch lightning_fabric cv2 pandas numpy scipy h5py tyro".split()
LINES = 110  # two screens
BY_NAME = "from zoopose.cli import main; main(words)"
BY_PATH = "import runpy; sys.argv = words; runpy.run_path(words[0], run_name='__main__')"
PROGRAM = """
import json, sys
words = json.loads(sys.argv[1])
try:
    {run}
except SystemExit as stop:
    assert not stop.code, stop
heavy = sorted(set({heavy}) & set(sys.modules))
assert not heavy, heavy
"""
PATHS = ["train/train.py", "train/train_multitask.py", "ccssl/CCSSL.py", "wscda/WSCDA.py", "wscda/PPLO.py", "evaluation/test.py",
         "evaluation/predict.py"]  # fmt: skip
WIDTH = {**os.environ, "COLUMNS": "80"}


def options_of(command: str) -> type:
    module, _, name = COMMANDS[command][1].partition(":")
    return getattr(import_module(f"zoopose.{module}"), name)


def page_of(run: str, words: list[str]) -> str:
    import json

    program = PROGRAM.format(run=run, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", program, json.dumps(words)], capture_output=True, text=True, env=WIDTH, cwd="/"
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_the_page_needs_no_large_library_and_fits_two_screens(command):
    page = page_of(BY_NAME, [*command.split(), "--help"])
    lines = page.splitlines()
    assert lines[0].startswith(f"usage: zoopose {command} ") and len(lines) <= LINES
    assert max(map(len, lines)) <= 80 or max(lines, key=len).startswith(("  zoopose", "      --", "  python"))


@pytest.mark.parametrize("path", PATHS)
def test_a_command_that_is_run_by_path_needs_none_either(path):
    page = page_of(BY_PATH, [str(ROOT / path), "--help"])
    assert page.startswith("usage:") and len(page.splitlines()) <= LINES


@pytest.mark.parametrize("command", COMMANDS)
def test_a_page_opens_with_examples_of_options_that_there_are(command):
    text = import_module(f"zoopose.{COMMANDS[command][0]}").__doc__
    found = examples(text)
    assert len(found) >= 3
    page = help_page(options_of(command), f"zoopose {command}", text)
    assert page.index("Examples:") < page.index("  zoopose") < page.index(f"\n{flags(options_of(command))[0].group}:\n")
    known = {name for own in COMMANDS for flag in flags(options_of(own)) for name in flag.names}
    for line in found:
        for word in line.split():
            assert not word.startswith("-") or word in known, f"{line}: {word}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_has_a_heading_and_a_sentence(command):
    for flag in flags(options_of(command)):
        if not flag.ignored:
            assert flag.group != "Options", f"{flag.names[0]}: its class has no TITLE"
            assert len(flag.help) > 8 and (flag.help[-1] != "." or flag.help.endswith("...")), (
                f"{flag.names[0]}: {flag.help}"
            )


@pytest.mark.parametrize("words", ["--help", "train --help", "ccssl --help-all", "--version", "data check --help"])
def test_a_reader_that_goes_away_is_no_fault(words, tmp_path):
    line = f"{sys.executable} -m zoopose.cli {words} | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_command_whose_reader_goes_away_goes_on(tmp_path, tiny_coco):
    data = tiny_coco(tmp_path / "data")
    words = f"data check coco:{data} --sheet s.png --json f.json"
    line = f"{sys.executable} -m zoopose.cli {words} | head -1"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "") and len(done.stdout.splitlines()) == 1
    assert (tmp_path / "s.png").is_file() and (tmp_path / "f.json").is_file()
