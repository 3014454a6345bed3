"""Checkpoints: whole or not there, data only, and a fault that says what is wrong."""

from __future__ import annotations

import collections
import io
import pickle
import re

import numpy as np
import pytest
import torch

from zoopose.errors import WeightsError, ZooposeError
from zoopose.pose import checkpoints, weights
from zoopose.pose.models import build_model

TINY = {"num_stacks": 2, "num_blocks": 2, "width": 4, "depth": 2}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return build_model("hg", 5, **TINY)


def same(a, b) -> bool:
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) for k in a)


def test_what_is_saved_is_read(model, tmp_path):
    path = tmp_path / "new" / "a.pth.tar"
    weights.save(path, {"epoch": 3, "state_dict": model.state_dict(), "zoopose": {"list": [1, "x"], "none": None}})
    state = weights.read(path)
    assert state["epoch"] == 3 and state["zoopose"] == {"list": [1, "x"], "none": None}
    assert same(state["state_dict"], model.state_dict())
    assert [p.name for p in path.parent.iterdir()] == ["a.pth.tar"]


@pytest.mark.parametrize("fault", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_save_that_fails_leaves_the_old_file(model, tmp_path, monkeypatch, fault):
    path = tmp_path / "a.pth.tar"
    weights.save(path, {"state_dict": model.state_dict()})
    before = path.read_bytes()

    def half(state, file):
        file.write(before[:100])
        raise fault("disk full")

    monkeypatch.setattr(torch, "save", half)
    with pytest.raises(fault):
        weights.save(path, {"state_dict": {}})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.pth.tar"]


def test_a_missing_file_names_those_beside_it(tmp_path):
    weights.save(tmp_path / "model_best.pth.tar", {"state_dict": {}})
    with pytest.raises(WeightsError, match=r"(?s)nothing\.pth\.tar.*model_best\.pth\.tar"):
        weights.read(tmp_path / "nothing.pth.tar")
    with pytest.raises(WeightsError, match="no file"):
        weights.read(tmp_path / "no" / "folder.pth.tar")
    with pytest.raises(WeightsError, match="no file"):
        weights.read(tmp_path)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_file_cut_short_anywhere_is_named(model, tmp_path, zipped):
    buffer = io.BytesIO()
    torch.save({"state_dict": model.state_dict(), "epoch": 1}, buffer, _use_new_zipfile_serialization=zipped)
    data, path = buffer.getvalue(), tmp_path / "cut.pth.tar"
    lengths = {0, 1, 2, 3, 8, 64, *np.linspace(100, len(data) - 1, 12).astype(int)}
    for length in sorted(lengths):
        path.write_bytes(data[:length])
        with pytest.raises(WeightsError, match=re.escape(str(path))):
            weights.read(path)


@pytest.mark.parametrize(
    "content", [b"hello world, this is text\n" * 50, b"\x00" * 500, b"PK\x03\x04" + b"x" * 300, b"\x80\x02."]
)
def test_what_is_no_checkpoint_is_named(tmp_path, content):
    path = tmp_path / "odd.pth.tar"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=re.escape(str(path))):
        weights.read(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_damaged_byte_never_escapes_as_another_error(model, tmp_path):
    buffer = io.BytesIO()
    torch.save({"state_dict": {"a": torch.ones(3)}, "epoch": 1}, buffer, _use_new_zipfile_serialization=False)
    data, path = buffer.getvalue(), tmp_path / "bent.pth.tar"
    rng, refused = np.random.default_rng(0), 0
    for _ in range(100):
        bent = bytearray(data)
        bent[rng.integers(len(bent))] = rng.integers(256)
        path.write_bytes(bent)
        try:
            assert "state_dict" in weights.read(path)  # a bent number is still a number
        except WeightsError as error:
            assert str(path) in str(error)
            refused += 1
    assert 0 < refused < 100


class Malice:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("spec", ["torch", "legacy", "pickle"])
def test_code_in_a_file_is_not_run(tmp_path, spec):
    path, trace = tmp_path / "bad.pth.tar", tmp_path / "trace"
    state = {"state_dict": {"a": torch.ones(1)}, "extra": Malice(trace)}
    if spec == "pickle":
        path.write_bytes(pickle.dumps(state))
    else:
        torch.save(state, path, _use_new_zipfile_serialization=spec == "torch")
    with pytest.raises(WeightsError, match="plain data"):
        weights.read(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "state",
    [{}, {"epoch": 1, "arch": "hg"}, {"state_dict": [1, 2]}, [1, 2], torch.ones(3)],
    ids=["empty", "no weights", "list", "not a dict", "tensor"],
)
def test_a_file_without_weights_is_named(tmp_path, state):
    path = tmp_path / "a.pth.tar"
    torch.save(state, path)
    with pytest.raises(WeightsError, match="state_dict"):
        weights.read(path)


@pytest.mark.parametrize(
    "best", [0.61, torch.tensor(0.61), np.float64(0.61), np.float32(0.61)], ids=lambda b: type(b).__name__
)
@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_published_checkpoints_are_read(model, tmp_path, best, zipped):
    """As the published training code writes them: DataParallel's names, whatever type the best score had."""
    optimizer = torch.optim.RMSprop(model.parameters(), lr=2.5e-4)
    parallel = collections.OrderedDict((f"module.{k}", v) for k, v in model.state_dict().items())
    state = {"epoch": 12, "arch": "hg", "state_dict": parallel, "best_acc": best, "optimizer": optimizer.state_dict()}
    path = tmp_path / "checkpoint.pth.tar"
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = weights.read(path)
    assert found["epoch"] == 12 and found["arch"] == "hg"
    assert float(found["best_acc"]) == pytest.approx(0.61, abs=1e-6)
    assert found["optimizer"]["param_groups"][0]["lr"] == 2.5e-4
    assert same(found["state_dict"], model.state_dict())


def test_bare_state_dicts_are_read(model, tmp_path):
    torch.save(model.state_dict(), tmp_path / "a.pt")
    assert same(weights.read(tmp_path / "a.pt")["state_dict"], model.state_dict())


def test_prefixes_of_wrappers_go_and_inner_names_stay():
    state = {"module.a": 1, "_orig_mod.module.b": 2, "module._orig_mod.c.module.d": 3, "modules.e": 4, "f.module.g": 5}
    assert weights.without_prefix(state) == {"a": 1, "b": 2, "c.module.d": 3, "modules.e": 4, "f.module.g": 5}


def test_loading_reports_and_is_all_or_nothing(model):
    other = build_model("hg", 5, **TINY)
    state = model.state_dict()
    assert (
        weights.load_into(other, {f"module.{k}": v for k, v in state.items()})
        == f"{len(state)} of {len(state)} tensors"
    )
    assert same(other.state_dict(), state)
    before = {k: v.clone() for k, v in build_model("hg", 5, **TINY).state_dict().items()}
    fresh = build_model("hg", 5, **TINY)
    fresh.load_state_dict(before)
    missing = {k: v for k, v in state.items() if k != "conv1.weight"}
    with pytest.raises(WeightsError, match=r"1 missing: conv1\.weight"):
        weights.load_into(fresh, missing)
    assert same(fresh.state_dict(), before)


def test_what_does_not_fit_is_named(model):
    state = dict(model.state_dict())
    del state["bn1.bias"]
    state["neck.weight"] = torch.ones(1)
    state["score.0.weight"] = state["score.0.weight"][:3]
    with pytest.raises(WeightsError) as error:
        weights.load_into(build_model("hg", 5, **TINY), state, "file x")
    text = str(error.value)
    for part in (
        "file x",
        "1 missing: bn1.bias",
        "1 unknown: neck.weight",
        "score.0.weight (3, 8, 1, 1) for (5, 8, 1, 1)",
    ):
        assert part in text
    own = len(model.state_dict())
    assert f"{own - 2} of {own} fit" in text


@pytest.mark.parametrize(
    "numbers",
    [
        {"num_stacks": 1, "num_blocks": 1, "width": 4, "depth": 1},
        {"num_stacks": 3, "num_blocks": 1, "width": 6, "depth": 2},
        {"num_stacks": 2, "num_blocks": 3, "width": 4, "depth": 4},
    ],
)
@pytest.mark.parametrize("arch", ["hg", "hg_multitask"])
def test_published_networks_are_rebuilt_from_their_tensors(arch, numbers):
    model = build_model(arch, 7, **numbers).eval()
    state = {f"module.{k}": v for k, v in model.state_dict().items()}
    assert weights.hourglass_numbers(weights.without_prefix(state)) == {"num_joints": 7, **numbers}
    loaded = weights.load_published("hourglass_ccssl_s4b1_j18", state, 7)
    assert not loaded.training
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert all(torch.equal(a, b) for a, b in zip(loaded(images), model(images), strict=True))


def test_published_networks_that_are_none_are_refused(model):
    with pytest.raises(WeightsError, match="hourglass_ccssl"):
        weights.load_published("resnet50", model.state_dict())
    with pytest.raises(WeightsError, match="18 joints"):
        weights.load_published("hourglass_ccssl", model.state_dict(), 18)
    with pytest.raises(WeightsError, match=r"score\.0\.weight"):
        weights.load_published("hourglass_ccssl", {"conv1.weight": torch.ones(1)})
    lacking = {k: v for k, v in model.state_dict().items() if k != "hg.1.hg.0.3.0.bn1.weight"}
    with pytest.raises(WeightsError, match=r"hg\.1\.hg\.0\.3\.0\.bn1\.weight"):
        weights.load_published("hourglass_ccssl", lacking)


def test_a_plain_state_dict_becomes_a_network_and_one_of_another_kind_an_error(model, tmp_path):
    joints = [f"j{i}" for i in range(5)]
    for state in (model.state_dict(), {"state_dict": model.state_dict(), "epoch": "odd"}):
        torch.save(state, tmp_path / "plain.pth")
        assert checkpoints.load(tmp_path / "plain.pth", (0, 0, 0), joints=joints).skeleton.joints == tuple(joints)
    with pytest.raises(ZooposeError, match="18 joints of TigDog"):
        checkpoints.load(tmp_path / "plain.pth", (0, 0, 0), list(range(18)))
    for other in ({"state_dict": {}}, {"x.weight": torch.zeros(3, 3)}):
        torch.save(other, tmp_path / "other.pth")
        with pytest.raises(ZooposeError, match="tensors of a stacked hourglass"):
            checkpoints.load(tmp_path / "other.pth", (0, 0, 0))
