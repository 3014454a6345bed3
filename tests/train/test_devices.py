"""Devices of a run: --devices counts the processes of all nodes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from zoopose.errors import OptionError
from zoopose.train import devices
from zoopose.train.option_parts import RunOptions


@pytest.fixture
def opened(monkeypatch):
    """Open a Fabric that is only recorded, on a machine with two GPUs; returns its arguments."""
    seen = {}

    def fabric(**arguments):
        seen.update(arguments)
        return SimpleNamespace(launch=lambda: None, seed_everything=lambda *_, **__: None, is_global_zero=True)

    monkeypatch.setattr(devices, "Fabric", fabric)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)

    def run(count: int, world: int = 0, here: int = 0):
        if world:
            for name, value in (("TORCHELASTIC_RUN_ID", "1"), ("WORLD_SIZE", world), ("LOCAL_WORLD_SIZE", here)):
                monkeypatch.setenv(name, str(value))
        devices.open_fabric(RunOptions(devices=count, accelerator="cuda"))
        return seen["devices"], seen["num_nodes"]

    return run


def test_one_node_and_several(opened):
    assert opened(1) == (1, 1)
    assert opened(2) == (2, 1)
    assert opened(2, world=2, here=2) == (2, 1)
    assert opened(4, world=4, here=2) == (2, 2), "4 processes on 2 nodes of 2 GPUs"


def test_more_gpus_than_a_node_has(opened):
    with pytest.raises(OptionError, match="(?s)3 GPUs.*found: +2"):
        opened(3)
    with pytest.raises(OptionError, match="4 GPUs"):
        opened(8, world=8, here=4)


def test_torchrun_started_another_number(opened):
    with pytest.raises(OptionError, match="--devices 4"):
        opened(2, world=4, here=2)
