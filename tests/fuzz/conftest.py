"""Fuzz tests of checkpoints and label files share their damage; files under --import-mode=importlib cannot import each other."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest


@pytest.fixture(scope="session")
def mutate() -> SimpleNamespace:
    """`damaged_bytes` and `damaged_data`, of the modules of this folder."""
    return SimpleNamespace(
        damaged_bytes=_module("mutate").bytes_mutated, damaged_data=_module("mutate_data").damaged_data
    )


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"zoopose_fuzz_{name}", Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
