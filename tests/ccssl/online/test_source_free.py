"""Adaptation of a checkpoint alone: no source is read, labels are ranked by peaks, and the report shows them."""

from __future__ import annotations

import csv
import json

import h5py
import pytest
import torch

from zoopose.ccssl.CCSSL import run
from zoopose.ccssl.options import CcsslOptions
from zoopose.ccssl.protocol import with_defaults
from zoopose.errors import OptionError
from zoopose.scripts.rebuild_report import rebuild_report
from zoopose.scripts.report import ReportOptions


@pytest.fixture
def command(tmp_path, source_model, tiny_coco, tiny_options):
    """more -> options of two rounds of an epoch of 2 batches, with a source that does not exist."""
    target = f"coco:{tiny_coco(tmp_path / 'target', n=10, seed=9)}"

    def options(**more):
        own = {
            "target": target,
            "num_epochs": 2,
            "refresh": 1,
            "views": 1,
            "steps": 2,
            "online": True,
            "no_source": True,
        }
        more = {"source": "coco:nowhere.json", "resume": str(source_model), **own, **more}
        return CcsslOptions(**{**tiny_options(tmp_path / "run"), "valid": "", **more})

    return options


def test_a_checkpoint_and_a_target_are_enough(tmp_path, command, messages, tiny_coco):
    few = f"coco:{tiny_coco(tmp_path / 'few', n=4, seed=5)}"
    folder = run(command(target_labels=few))
    assert any("no guard against harm" in text for text in messages)
    with open(folder / "log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        assert float(row["train/source"]) == 0 < float(row["train/target"]) and float(row["train/target_labels"]) > 0
        assert "selfcheck/source" not in row and float(row["selfcheck/score"]) > 0
    with h5py.File(folder / "labels_round_01.h5") as file:
        assert "calibration" not in json.loads(file.attrs["facts"])
    state = torch.load(folder / "model_best.pth.tar", weights_only=True)
    assert state["zoopose"]["run"]["extra"]["target_labels"]["data"] == few
    page = (folder / "report.html").read_text()
    assert "without its source" in page and "nowhere.json" in page, "the options are shown"
    rebuild_report(ReportOptions(run=str(folder)))
    assert (folder / "report.html").read_text() == page


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"keep": "calibrated"}, "calibrate"), ({"online": False}, "--online"), ({"resume": ""}, "--resume"),
        ({"target": ""}, "--target"),
    ],
)  # fmt: skip
def test_what_cannot_be_without_a_source_is_refused(command, more, text):
    with pytest.raises(OptionError, match=text):
        run(command(**more))


def test_maps_needs_no_source():
    options = with_defaults(CcsslOptions(method="maps"))
    assert options.no_source and options.mixup == 0.75 and options.confidence == "peak"
