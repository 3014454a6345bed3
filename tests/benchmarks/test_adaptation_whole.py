"""The adaptation benchmark from end to end, with real runs of a network that learns nothing in a few steps."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from zoopose import cli
from zoopose.benchmarks.adaptation import __main__ as benchmark
from zoopose.benchmarks.adaptation import config, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def tiny(monkeypatch) -> None:
    """The small configuration with networks and schedules of a few seconds."""
    small = config.CONFIGS["small"]
    training = {**small.training, "train_batch": 2}
    adapted = {**small.adapted, "num_epochs": 2, "steps": 2, "views": 1}
    short = {"num_epochs": 2, "steps": 2}
    changed = replace(small, network={"stacks": 1, "width": 8, "inp_res": 32}, training=training, source={"steps": 4},
                      oracle={"steps": 4}, adapted=adapted, wscda={**small.wscda, **short},
                      pplo={**small.pplo, **short, "rounds": 2})  # fmt: skip
    monkeypatch.setitem(config.CONFIGS, "small", changed)


def test_a_table_from_nothing_and_again_for_nothing(livestock, tmp_path, monkeypatch):
    tiny(monkeypatch)
    readme = tmp_path / "README.md"
    readme.write_text("<!-- small: begin -->\n<!-- small: end -->\n")
    options = benchmark.BenchmarkOptions(
        data=str(livestock), out=str(tmp_path / "out"), pairs="pony:cow", columns="source_strong,zoopose,oracle",
        threads=1, accelerator="cpu", write=str(readme),
        cells=str(tmp_path / "committed"), seeds="0",
    )  # fmt: skip
    results = benchmark.run(options)
    table = {r["column"]: r for r in results["scores"]}
    assert set(table) == {"source_strong", "zoopose", "oracle"}
    assert [r["round"] for r in results["labels"][0]["rounds"]] == [0, 1]
    assert len(results["selection"][0]["points"]) >= 3
    assert "pony -> cow" in readme.read_text()

    # the same number as the command gives
    folder = tmp_path / "out" / "small"
    words = [
        "--dataset",
        f"coco:{folder}/data/cow/all.json",
        "--json",
        str(tmp_path / "test.json"),
        "--accelerator",
        "cpu",
    ]
    source = folder / "cells" / "source" / "pony-strong-seed0" / "model_best.pth.tar"
    assert cli.main(["test", *words, "--resume", str(source), "--checkpoint", str(tmp_path / "test")]) == 0
    tested = json.loads((tmp_path / "test.json").read_text())["protocols"]
    for kind in ("box", "crop"):
        assert table["source_strong"][kind]["all"] == pytest.approx(tested[f"exact/{kind}"]["mean"])

    monkeypatch.setattr(run.Runner, "_child", lambda *_: pytest.fail("done cells are not run again"))
    again = benchmark.run(options)
    assert again["scores"] == results["scores"]
    # and the tables of the committed scores alone, without data and run folder
    alone = replace(options, data=str(tmp_path / "nowhere"), out=str(tmp_path / "new"), table=True)
    assert benchmark.run(alone)["scores"] == results["scores"]
    assert all(row["facing"]["all"] is not None for row in results["scores"] if row["column"] != "oracle")


def test_one_adaptation_after_another_of_a_joined_source(livestock, animal_writer, tmp_path, monkeypatch):
    tiny(monkeypatch)
    animal_writer(livestock / "goat", "all", 12)
    readme = tmp_path / "README.md"
    kept = "<!-- small: begin -->\nkept\n<!-- small: end -->\n"
    readme.write_text(kept + "<!-- small wscda: begin -->\n<!-- small wscda: end -->\n")
    options = benchmark.BenchmarkOptions(
        data=str(livestock), out=str(tmp_path / "out"), pairs="pony+cow:goat", comparison="wscda", threads=1,
        accelerator="cpu", write=str(readme), cells=str(tmp_path / "committed"), seeds="0",
    )  # fmt: skip
    results = benchmark.run(options)
    assert {r["column"] for r in results["scores"]} == set(config.COMPARISONS["wscda"].columns)
    (row,) = results["domains"]
    assert set(row["probe"]) == set(row["valid"]) == {"start", "model_best", "last"}
    cells = tmp_path / "out" / "small" / "cells" / "pony+cow-goat"
    start = json.loads((cells / "wscda-seed0" / run.SCORES).read_text())["checkpoints"][1]
    for name, first in (("wscda_pplo", "last"), ("wscda_ccssl", "model_best")):
        checkpoints = json.loads((cells / f"{name}-seed0" / run.SCORES).read_text())["checkpoints"]
        # what it starts from is what WS-CDA ends with
        assert checkpoints[0]["path"] == start["path"] and checkpoints[0]["parts"] == start["parts"]
        assert checkpoints[1]["path"].endswith(f"{name}-seed0/{first}.pth.tar")
    assert {r["column"] for r in results["labels"]} == {"zoopose", "wscda_pplo", "wscda_ccssl"}
    assert readme.read_text().startswith(kept) and "pony+cow -> goat" in readme.read_text()
    assert (tmp_path / "out" / "small" / "results_wscda.json").is_file()

    monkeypatch.setattr(run.Runner, "_child", lambda *_: pytest.fail("done cells are not run again"))
    assert benchmark.run(options)["scores"] == results["scores"]
