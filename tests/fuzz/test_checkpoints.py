"""Damaged and mistaken checkpoints: each is refused with one error, or gives the very same weights; nothing else."""

from __future__ import annotations

import io
import math
from collections import Counter

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric

from zoopose.errors import ZooposeError
from zoopose.pose import checkpoints, weights
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.seal import is_whole
from zoopose.pose.skeleton import Skeleton
from zoopose.train.run_state import Run

NUMBERS = {"num_stacks": 1, "num_blocks": 1, "width": 4, "depth": 1}
SKELETON = Skeleton(
    "beast", ("nose", "l_ear", "r_ear"), ((0, 1), (0, 2)), groups={"ears": (1, 2)}, sigmas=(0.1, 0.2, 0.2)
)


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return build_model("hg", len(SKELETON), **NUMBERS)


@pytest.fixture(scope="module")
def state() -> dict:
    """A checkpoint of a run in its midst, with all that one can hold."""
    model = network()
    solver = torch.optim.RMSprop(model.parameters(), 1e-3)
    sum(o.square().mean() for o in model(torch.ones(2, 3, 32, 32))).backward()
    solver.step()
    run = {
        "method": "CC-SSL", "options": {"lr": 1e-3, "stacks": 1}, "step": 2, "best_epoch": 1,
        "meter": {"sums": {"total": 1.5, "acc": math.nan}, "count": 2},
        "rng": {"cpu": torch.get_rng_state(), "cuda": []},
        "extra": {"round": 1, "network": "0f", "teacher": {"weights": model.state_dict(), "steps": 3}},
    }  # fmt: skip
    spec = InputSpec(size_hw=(32, 32), heatmap_hw=(8, 8))
    return checkpoints.pack(model, "hg", NUMBERS, SKELETON, spec, 3, 0.25, solver.state_dict(), run)


@pytest.fixture
def tried(state, tmp_path, capfd):
    """(path) -> "refused", or "same" after the whole way of a user's command; anything else fails."""
    expected = state["state_dict"]

    def check(path) -> str:
        try:
            loaded = checkpoints.load(path)
            found = loaded.model.state_dict()
            assert found.keys() == expected.keys() and all(torch.equal(found[k], expected[k]) for k in found)
            if loaded.spec.size_hw[0] * loaded.spec.size_hw[1] <= 2**18:
                with torch.no_grad():
                    outputs = loaded.model(loaded.spec.normalise(torch.ones(1, 3, *loaded.spec.size_hw)))
                    loaded.spec.decode(loaded.spec.joint_maps(outputs, len(loaded.skeleton)))
            model = loaded.model.train()
            solver = torch.optim.RMSprop(model.parameters(), 1e-3)
            fabric = Fabric(accelerator="cpu", devices=1)
            run = Run(tmp_path, fabric, model, model, solver, lr_at=lambda *_: 1e-3, pack=lambda *_: {})
            run.restore(loaded.state)
            for parameter in model.parameters():
                parameter.grad = torch.zeros_like(parameter)
            solver.step()
        except ZooposeError as error:
            assert str(error) and "\x1b" not in str(error) and len(str(error)) < 20_000
            return "refused"
        return "same"

    return check


def many(quick: int, thorough: int):
    return [quick, pytest.param(thorough, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", many(60, 500))
@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "without a seal"])
def test_damaged_bytes(tmp_path, state, mutate, tried, count, sealed):
    """Without a seal as of an older version: the archive's own checksums tell."""
    path, outcomes = tmp_path / "a.pth.tar", Counter()
    weights.save(path, state)
    if not sealed:
        torch.save(state, path)
    whole = path.read_bytes()
    for seed in range(count):
        path.write_bytes(mutate.damaged_bytes(whole, np.random.default_rng([seed, sealed])))
        outcomes[tried(path)] += 1
        if sealed and path.read_bytes() != whole:
            assert is_whole(path) is not True, seed
    print(dict(outcomes))  # noqa: T201
    assert outcomes["refused"] > count / 2


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("count", many(40, 500))
def test_mistaken_descriptions(tmp_path, state, mutate, tried, count):
    """Values of other types, ranges and shapes, in a file that is whole."""
    path, outcomes = tmp_path / "a.pth.tar", Counter()
    rest = {k: v for k, v in state.items() if k != "state_dict"}
    for seed in range(count):
        rng = np.random.default_rng(seed)
        part = rest["zoopose"] if seed % 2 else rest  # where the optimiser has most of the values
        changed = mutate.damaged_data(part, rng)
        changed = {**rest, "zoopose": changed} if seed % 2 else changed
        torch.save({**changed, "state_dict": state["state_dict"]}, path)
        outcomes[tried(path)] += 1
    print(dict(outcomes))  # noqa: T201
    assert outcomes["refused"] > count / 4


def test_the_undamaged_one_is_the_same(tmp_path, state, tried):
    weights.save(tmp_path / "a.pth.tar", state)
    assert tried(tmp_path / "a.pth.tar") == "same"
    buffer = io.BytesIO()
    torch.save(state["state_dict"], buffer)
    (tmp_path / "bare.pth").write_bytes(buffer.getvalue())
    assert len(checkpoints.load(tmp_path / "bare.pth", joints=["a", "b", "c"]).skeleton) == 3
