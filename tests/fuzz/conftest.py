"""Fuzz tests share one module of damage; files under --import-mode=importlib cannot import each other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def mutate() -> ModuleType:
    """The module `mutate.py` of this folder."""
    spec = importlib.util.spec_from_file_location("zoopose_fuzz_mutate", Path(__file__).with_name("mutate.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
