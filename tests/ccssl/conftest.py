"""A source model that has learnt a little, once for all tests of the adaptation."""

from __future__ import annotations

from pathlib import Path

import pytest

from zoopose.train import train
from zoopose.train.options import TrainOptions


@pytest.fixture(scope="session")
def source_data(tmp_path_factory, tiny_coco) -> Path:
    return tiny_coco(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="session")
def source_model(tmp_path_factory, source_data, tiny_options) -> Path:
    options = tiny_options(
        tmp_path_factory.mktemp("run"), dataset=f"coco:{source_data}", valid=f"coco:{source_data}", epochs=1
    )
    folder = train.run(TrainOptions(**options))
    return folder / "model_best.pth.tar"


@pytest.fixture
def no_report(monkeypatch):
    """Leave out the report page, which takes a good part of a tiny run; other tests make it."""
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
