"""Two processes that refine together: the labels of one process bit for bit, and its losses."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.train import train
from zoopose.train.options import TrainOptions

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROGRAM = """
import json, sys
from zoopose.train import validation
from zoopose.wscda.options import PploOptions
from zoopose.wscda.PPLO import run
validation.finish = lambda *_: None  # the losses are what is asked for
run(PploOptions(**json.loads(sys.argv[1])))
"""


@pytest.fixture(scope="module")
def refine(tmp_path_factory, tiny_coco, tiny_options, seeing):
    """Number of processes -> run folder; 75 target frames in 3 chunks, batches of 8 + 8 in all."""
    animal = f"coco:{tiny_coco(tmp_path_factory.mktemp('animal'))}"
    target = f"coco:{tiny_coco(tmp_path_factory.mktemp('target'), n=75, seed=9, video=True)}"
    options = tiny_options(tmp_path_factory.mktemp("start"), dataset=animal, valid=animal, epochs=1)
    start = seeing(train.run(TrainOptions(**options)) / "model_best.pth.tar")

    def run(world: int):
        folder = tmp_path_factory.mktemp("runs")
        program = folder / "program.py"
        program.write_text(PROGRAM)
        options = tiny_options(
            folder / "run", source=animal, valid=animal, target=target, resume=str(start), train_batch=8 // world,
            devices=world, rounds=2, refresh=1, steps=2, precision="64-true", stop_below=0.0, guard_limit=1e9,
        )  # fmt: skip
        ranks = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(world)] if world > 1 else []
        line = [sys.executable, *ranks, str(program), json.dumps(options)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(line, capture_output=True, text=True, timeout=400, env=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder / "run"

    return run


def losses(folder) -> list[list[float]]:
    with open(folder / "log.csv", newline="") as file:
        return [[float(row[f"train/{name}"]) for name in ("total", "source", "target")] for row in csv.DictReader(file)]


def test_two_processes_label_and_train_as_one(refine):
    folders = refine(1), refine(2)
    one, two = (PseudoLabels.read(folder / "labels_round_00.h5") for folder in folders)
    for name in ("xy_px", "confidence", "score", "agreement_px", "admitted", "reason", "crop_px"):
        assert getattr(one, name).tobytes() == getattr(two, name).tobytes(), name
    assert one.ids == two.ids and one.facts == two.facts
    later = [PseudoLabels.read(folder / "labels_round_01.h5") for folder in folders]
    np.testing.assert_allclose(later[0].score, later[1].score, atol=1e-6)
    assert (later[0].admitted == later[1].admitted).mean() > 0.99
    np.testing.assert_allclose(*map(losses, folders), atol=1e-5)
    assert not [p for folder in folders for p in folder.glob("*.npz")]
