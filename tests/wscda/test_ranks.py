"""Two processes of WS-CDA train as one."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PROGRAM = """
import json, sys
from zoopose.train import validation
from zoopose.wscda.options import WscdaOptions
from zoopose.wscda.WSCDA import run
validation.finish = lambda *_: None  # the losses are what is asked for
run(WscdaOptions(**json.loads(sys.argv[1])))
"""


def losses(folder) -> list[list[float]]:
    names = ("total", "pose_human", "pose_animal", "domain_human_animal", "domain_labelled_unlabelled")
    with open(folder / "log.csv", newline="") as file:
        return [[float(row[f"train/{name}"]) for name in names] for row in csv.DictReader(file)]


def test_two_processes_adapt_as_one(tmp_path, domains, tiny_options):
    def run(world: int):
        folder = tmp_path / f"world{world}"
        folder.mkdir()
        program = folder / "program.py"
        program.write_text(PROGRAM)
        data = {{"animal": "source"}.get(name, name): f"coco:{path}" for name, path in domains.items()}
        options = tiny_options(
            folder / "run", **data, valid=data["source"], train_batch=4 // world, devices=world, num_epochs=2, steps=3, adapter=1,
            precision="64-true", discriminator_steps=1, alpha_warmup=0.0, lr=1e-5,  # larger steps blow rounding up
        )  # fmt: skip
        ranks = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(world)] if world > 1 else []
        line = [sys.executable, *ranks, str(program), json.dumps(options)]
        done = subprocess.run(
            line, capture_output=True, text=True, timeout=400, env={**os.environ, "OMP_NUM_THREADS": "1"}
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return folder / "run"

    np.testing.assert_allclose(*map(losses, (run(1), run(2))), rtol=1e-5)
