"""Three tiny domains, and a WS-CDA step over them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from zoopose.pose.models import build_model
from zoopose.train.supervised import LOSSES
from zoopose.wscda.network import WscdaNetwork, new_human_head
from zoopose.wscda.step import WscdaLoss, WscdaStep

HUMAN_JOINTS = ("nose", "left_ear", "right_ear", "left_hand", "right_hand")
K, K_HUMAN, SIDE = 6, 5, 32


def as_humans(path: Path) -> Path:
    """Rewrite a tiny COCO file for other joints."""
    data = json.loads(path.read_text())
    data["categories"][0] |= {"name": "person", "keypoints": list(HUMAN_JOINTS)}
    for annotation in data["annotations"]:
        annotation["keypoints"] = annotation["keypoints"][: 3 * K_HUMAN]
    path.write_text(json.dumps(data))
    return path


@pytest.fixture(scope="session")
def domains(tmp_path_factory, tiny_coco) -> dict[str, Path]:
    """human, animal, target -> a COCO file of 12, 10 and 14 pictures."""
    return {
        "human": as_humans(tiny_coco(tmp_path_factory.mktemp("human"), n=12, seed=3)),
        "animal": tiny_coco(tmp_path_factory.mktemp("animal"), n=10, seed=4),
        "target": tiny_coco(tmp_path_factory.mktemp("target"), n=14, seed=5, video=True),
    }


@pytest.fixture
def no_report(monkeypatch):
    """Leave out the report page; other tests make it."""
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")


class NoFeed:
    """Stands where a feed would; the tests hand their batches over themselves."""

    batch_size, steps = 2, 3


@pytest.fixture
def fabric():
    return Fabric(accelerator="cpu", devices=1)


@pytest.fixture
def step_of(fabric):
    """(names of domains, further arguments) -> a step without feeds, of plain mean losses."""

    def make(names=("human", "animal", "target"), **more):
        trainer, epochs = more.pop("discriminator_trainer", None), more.pop("epochs", 1)
        loss = WscdaLoss(LOSSES["mean"], **{"warmup": 0.0, **more})
        feeds = {name: NoFeed() for name in names}
        return WscdaStep(feeds, fabric, loss, epochs=epochs, discriminator_trainer=trainer)

    return make


@pytest.fixture
def network_of():
    """(names of domains, dtype) -> a network of four parts, every one of them with weights that are not zero."""

    def make(names=("human", "animal", "target"), dtype=torch.float64):
        torch.manual_seed(7)
        main = build_model("hg", K, num_stacks=2, width=4, depth=1, adapter=1)
        with torch.no_grad():  # past its beginning as the identity
            main.adapter[0].conv3.weight.normal_(0, 0.1)
        head = new_human_head(main, K_HUMAN, None) if "human" in names and "animal" in names else None
        return WscdaNetwork(main, head, len(names) > 1).to(dtype)

    return make


@pytest.fixture
def parts_of():
    """(names of domains, dtype) -> batches of two pictures each; one joint of each picture has no label."""

    def make(names=("human", "animal", "target"), dtype=torch.float64):
        draws, parts = np.random.default_rng(11), {}
        for name in names:
            k = K_HUMAN if name == "human" else K
            weight = torch.ones(2, k, dtype=dtype)
            weight[0, 1] = weight[1, 2] = 0
            parts[name] = {
                "images": torch.from_numpy(draws.normal(size=(2, 3, SIDE, SIDE))).to(dtype),
                "target": torch.from_numpy(draws.random((2, k, SIDE // 4, SIDE // 4))).to(dtype),
                "weight": weight * (name != "target"),
            }
        return parts

    return make
