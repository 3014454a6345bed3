"""The FAQ is found by printed message, so every message that it quotes must be one that the code prints."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OUTSIDE = {"tests", "benchmarks", "docs", "examples", "build", "dist", "site"}
HEADING = re.compile(r"^### `(.+)`$", re.MULTILINE)


@cache
def printed() -> str:
    """All texts of the package, a line each; places that are filled in at run time hold a blank."""
    paths = [p.relative_to(ROOT) for p in ROOT.rglob("*.py")]
    lines = []
    for path in paths:
        if path.parts[0] in OUTSIDE or path.parts[0].startswith("."):
            continue
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                lines.append("".join(part.value if isinstance(part, ast.Constant) else " " for part in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                lines.append(node.value)
    return "\n".join(lines)


def missing(quoted: str) -> list[str]:
    """The parts of a quoted message, between the `...`, that nothing prints."""
    parts = [part.strip() for part in quoted.split("...") if part.strip()]
    return [part for part in parts if part not in printed()]


QUOTED = HEADING.findall((ROOT / "docs" / "faq.md").read_text(encoding="utf-8"))


def test_the_faq_has_its_messages():
    assert len(QUOTED) >= 20
    assert len(set(QUOTED)) == len(QUOTED)


@pytest.mark.parametrize("quoted", QUOTED)
def test_every_quoted_message_is_printed_by_the_code(quoted):
    assert missing(quoted) == [], "write the message of the code into docs/faq.md"


def test_a_message_that_nothing_prints_is_found():
    assert missing("a trained network to start " + "with") == ["a trained network to start " + "with"]
    assert missing("in ... the ... joints of ...") == []
