"""The model zoo: its table is made from its data, and its commands run as they are written."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import zoopose
from zoopose.commandline.parsing import parse
from zoopose.datasets.open import SOURCES
from zoopose.evaluation.options import TestOptions as ScoreOptions

FOLDER = Path(zoopose.__file__).resolve().parent / "checkpoint"
COLUMNS = ("name", "data", "protocol", "score", "command", "sha256", "licence")
MODELS = tomllib.loads((FOLDER / "models.toml").read_text(encoding="utf-8"))["model"]


def row(model: dict) -> str:
    cells = {**model, "name": f"`{model['name']}`", "command": f"`{model['command']}`"}
    return "| " + " | ".join(str(cells[c]) or "none published" for c in COLUMNS) + " |"


def test_the_page_shows_the_data():
    page = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()
    start = page.index("| " + " | ".join(COLUMNS) + " |")
    assert page[start + 2 : start + 2 + len(MODELS)] == [row(model) for model in MODELS]
    assert not page[start + 2 + len(MODELS)].startswith("|")


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model["name"])
def test_a_model_is_described_whole(model):
    assert set(model) == set(COLUMNS) and all(isinstance(value, str) for value in model.values())
    assert model["sha256"] == "" or re.fullmatch("[0-9a-f]{64}", model["sha256"])
    assert model["score"] == "" or 0 <= float(model["score"]) <= 100
    words = model["command"].split()
    assert words[:2] == ["zoopose", "test"]
    options = parse(ScoreOptions, words[2:], "zoopose test", "")
    assert options.resume == "FILE" and options.dataset in SOURCES and options.dataset1 in SOURCES


def test_no_model_is_listed_twice():
    assert len({model["name"] for model in MODELS}) == len(MODELS) > 0
