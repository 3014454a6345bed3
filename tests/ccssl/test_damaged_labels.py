"""A label file that is cut, changed or gone when a run goes on: it is made anew, and the run says what that means."""

from __future__ import annotations

import logging
import os
import signal

import numpy as np
import pytest

from zoopose.ccssl.adaptation import LAST
from zoopose.ccssl.CCSSL import run
from zoopose.ccssl.options import CcsslOptions
from zoopose.datasets.pseudo_labels import PseudoLabels
from zoopose.train import loop
from zoopose.train.selftraining.labeller import keep_partial, resume_partial

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def command(source_data, source_model, tiny_coco, tmp_path_factory, tiny_options):
    """folder -> two rounds of one epoch of 3 batches, 14 frames."""
    target = tiny_coco(tmp_path_factory.mktemp("target"), n=14, seed=9, video=True)
    data = f"coco:{source_data}"

    def options(folder):
        more = {
            "target": f"coco:{target}",
            "num_epochs": 2,
            "refresh": 1,
            "views": 1,
            "solver": "adam",
            "flow": "none",
            "guard_limit": 1e9,
        }
        return CcsslOptions(**tiny_options(folder, source=data, valid=data, resume=str(source_model), **more))

    return options


@pytest.fixture
def stopped(monkeypatch):
    """(options, batches) -> runs them and stops after so many batches."""

    def stop(options, batches: int) -> None:
        count, original = 0, loop._optimise

        def counted(*args):
            nonlocal count
            original(*args)
            count += 1
            if count == batches:
                os.kill(os.getpid(), signal.SIGINT)

        with monkeypatch.context() as patch:
            patch.setattr(loop, "_optimise", counted)
            with pytest.raises(KeyboardInterrupt):
                run(options)

    return stop


@pytest.fixture
def said(monkeypatch):
    """All warnings of the toolkit, as they come."""
    texts = []
    monkeypatch.setattr(logging.getLogger("zoopose"), "warning", lambda text, *args: texts.append(text % args))
    return texts


def cut(path):
    path.write_bytes(path.read_bytes()[:2000])


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("damage", [cut, pytest.param(flipped, marks=pytest.mark.slow)], ids=["cut", "one bit"])
def test_labels_are_made_anew_by_the_network_that_made_them(tmp_path, command, stopped, said, run_state, damage):
    whole = run_state(run(command(tmp_path / "whole")), LAST)
    options = command(tmp_path / "damaged")
    stopped(options, 4)
    best = tmp_path / "damaged" / "model_best.pth.tar"
    assert best.is_file()  # of the first epoch: the network of the second round
    damage(tmp_path / "damaged" / "labels_round_01.h5")
    assert run_state(run(options), LAST) == whole
    assert any("stays the same" in text and "labels_round_01.h5" in text for text in said)


@pytest.mark.slow
def test_without_that_network_the_run_goes_on_and_says_so(tmp_path, command, stopped, said):
    options = command(tmp_path)
    stopped(options, 4)
    before = PseudoLabels.read(tmp_path / "labels_round_01.h5").facts["network"]
    for path in tmp_path.glob("*.pth.tar"):
        if path.name != LAST:
            path.unlink()
    (tmp_path / "labels_round_01.h5").unlink()
    run(options)
    assert any("another result" in text for text in said)
    assert PseudoLabels.read(tmp_path / "labels_round_01.h5").facts["network"] != before


@pytest.mark.slow
def test_a_damaged_file_of_an_earlier_round_stops_nothing(tmp_path, command, stopped, said):
    options = command(tmp_path)
    stopped(options, 4)
    for number in range(2):  # the labels of the second are made again, and look back at the first
        cut(tmp_path / f"labels_round_{number:02d}.h5")
    run(options)
    assert any("round 0" in text and "without" in text for text in said)
    assert PseudoLabels.read(tmp_path / "labels_round_01.h5").admitted.any()


def test_progress_of_a_labelling_that_is_damaged_is_not_taken(tmp_path):
    path, names = tmp_path / "labels.partial.npz", ("xy",)
    out = {"xy": np.arange(8, dtype=np.float32)}
    keep_partial(path, out, "m", 0, 6, names)
    whole = path.read_bytes()
    fresh = {"xy": np.zeros(8, np.float32)}
    assert resume_partial(path, fresh, "m", 0, names) == 6 and fresh["xy"].tolist() == [0, 1, 2, 3, 4, 5, 0, 0]
    for at in range(0, len(whole), 41):
        broken = bytearray(whole)
        broken[at] ^= 1
        path.write_bytes(broken)
        fresh = {"xy": np.zeros(8, np.float32)}
        done = resume_partial(path, fresh, "m", 0, names)
        assert done == 0 or fresh["xy"].tolist() == [0, 1, 2, 3, 4, 5, 0, 0], at
