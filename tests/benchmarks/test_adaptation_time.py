"""Processor time to a score: what is trained, when it ends, and what is written."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zoopose.benchmarks.adaptation import config, data, time_to_score
from zoopose.benchmarks.adaptation.time_to_score import TimeOptions, entry, finished, times_less
from zoopose.errors import OptionError

SMALL = config.CONFIGS["small"]
POINTS = [(10.0, 1, 0.3), (20.0, 2, 0.71)]


def test_a_training_ends_at_the_score_or_when_the_time_is_up():
    assert not finished([], TimeOptions())
    assert not finished(POINTS[:1], TimeOptions())
    assert finished(POINTS, TimeOptions())
    assert finished(POINTS[:1], TimeOptions(limit=0.1))


def test_how_many_times_less():
    fast, slow = (entry(points, ("train",), TimeOptions()) for points in (POINTS, [(90.0, 1, 0.2), (300.0, 2, 0.7)]))
    assert (fast["reached_s"], slow["reached_s"]) == (20.0, 300.0)
    assert times_less({"config": fast, "published": slow}) == (15.0, "")
    ended = entry([(90.0, 1, 0.2)], ("train",), TimeOptions())
    assert times_less({"config": fast, "published": ended}) == (4.5, "at least ")
    assert times_less({"config": ended, "published": slow}) is times_less({"config": fast}) is None
    assert times_less({"config": fast, "published": {**slow, "score": 50}}) is None
    text = time_to_score.comparison({"config": fast, "published": ended})
    assert "`config`: 70 % after 0.3 processor minutes." in text and "at least 4.5 times less" in text
    assert "not reached in 1.5 processor minutes (at best 20.0 %)" in text


def test_the_networks(livestock, tmp_path):
    pony = data.prepare(livestock, tmp_path, "pony", SMALL, False)
    own, published = (time_to_score.line_of(name, SMALL, pony, 3) for name in ("config", "published"))
    for line in (own, published):
        assert line[line.index("--inp-res") + 1] == "128" and line[line.index("--seed") + 1] == "3"
        assert line[line.index("--snapshot") + 1] == "1" and line[line.index("--accelerator") + 1] == "cpu"
    assert own[own.index("--arch") + 1] == "fpn_lite0" and "--arch" not in published
    assert published[published.index("--stacks") + 1] == "4" and published[published.index("--solver") + 1] == "rms"
    with pytest.raises(OptionError, match="config, published"):
        time_to_score.line_of("other", SMALL, pony, 0)


@pytest.mark.slow
def test_two_networks_from_nothing(livestock, tmp_path, monkeypatch):
    tiny = {"stacks": 1, "width": 8, "inp_res": 32}
    training = {**SMALL.training, "train_batch": 2}
    changed = replace(SMALL, network=tiny, training=training, source={"steps": 4})
    monkeypatch.setitem(config.CONFIGS, "small", changed)
    monkeypatch.setitem(config.CONFIGS, "full", replace(changed, source={"steps": 40}))
    options = TimeOptions(data=str(livestock), animal="pony", out=str(tmp_path / "out"), cells=str(tmp_path / "cells"))
    found = time_to_score.run(replace(options, score=0))
    assert [len(found[name]["points"]) for name in ("config", "published")] == [1, 1]
    assert 0 < found["config"]["reached_s"] < 60
    assert json.loads((tmp_path / "cells" / "small" / "time_to_score.json").read_text()) == found
    with pytest.raises(OptionError, match="earlier measurement"):
        time_to_score.run(options)
    # a score that is out of reach: until the training ends
    found = time_to_score.run(replace(options, out=str(tmp_path / "other"), networks="config", score=100))
    assert found["config"]["reached_s"] is None and len(found["config"]["points"]) == 2 and "published" in found
