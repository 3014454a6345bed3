"""Tiny runs without their pictures."""

from __future__ import annotations

import pytest


@pytest.fixture
def no_report(monkeypatch):
    """Leave out the report page, which takes a good part of a tiny run; other tests make it."""
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
