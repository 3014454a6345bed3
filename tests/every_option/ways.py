"""What the tables of options are written in: how each option is tried, and what must come of it; see ADVICE in conftest.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any


def how(kind: str, value: Any, beside: dict, **more) -> SimpleNamespace:
    return SimpleNamespace(
        **{"kind": kind, "value": value, "beside": beside, "why": "", "seen": None, "says": "", **more}
    )


def effect(value, **beside):
    return how("effect", value, beside)


def warns(value, **beside):
    return how("warns", value, beside)


def refused(value, says="", **beside):
    return how("refused", value, beside, says=says)


def free(value, why, seen, **beside):
    return how("free", value, beside, why=why, seen=seen)


def elsewhere(test, why):
    return how("elsewhere", test, {}, why=why)


def there(pattern: str) -> Callable[[Path, str], bool]:
    return lambda folder, said: any(folder.glob(pattern))


def logged(text: str) -> Callable[[Path, str], bool]:
    return lambda folder, said: text in said


def recorded(name: str) -> Callable[[Path, str], bool]:
    """The value is in run.json, with which a report is made again."""
    return lambda folder, said: name in json.loads((folder / "run.json").read_text())["options"]
