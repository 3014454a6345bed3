"""zoopose test --resume FOLDER: every checkpoint is scored, the best is named, a broken one is named too."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from zoopose import cli
from zoopose.errors import WeightsError
from zoopose.evaluation import options as options_module
from zoopose.evaluation.checkpoint_scores import checkpoints_of, score_checkpoints
from zoopose.evaluation.protocol import write_metrics


class One:
    def __init__(self, mean):
        self.mean = mean


@pytest.fixture
def folder(tmp_path):
    """Three checkpoints, one under two names, and files that are none."""
    run = tmp_path / "run"
    run.mkdir()
    for name in ("a.pth.tar", "b.pth.tar", "c.pth"):
        (run / name).write_bytes(name.encode())
    os.link(run / "b.pth.tar", run / "model_best.pth.tar")
    (run / ".b.pth.tar.tmp.pth.tar").write_bytes(b"x")
    (run / "log.csv").write_text("epoch\n")
    return run


def scorer(means, seen):
    def score(options):
        name = os.path.basename(options.resume)
        seen.append(name)
        if means[name] is None:
            raise WeightsError("a readable checkpoint", f"{options.resume}: cut short")
        write_metrics(Path(options.checkpoint) / "metrics.json", {"mean": means[name], "joints": {}})
        return {"exact/crop": One(means[name]), "published": One(0.0)}

    return score


def test_each_file_once_and_the_best_by_the_main_score(folder, messages):
    assert [(p.name, also) for p, also in checkpoints_of(folder)] == [
        ("a.pth.tar", []), ("b.pth.tar", ["model_best.pth.tar"]), ("c.pth", []),
    ]  # fmt: skip
    seen = []
    options = options_module.TestOptions(dataset="coco:x", resume=f"{folder}/")
    found = score_checkpoints(options, scorer({"a.pth.tar": 0.2, "b.pth.tar": 0.7, "c.pth": 0.5}, seen))
    assert seen == ["a.pth.tar", "b.pth.tar", "c.pth"] and found["exact/crop"].mean == 0.7
    table = json.loads((folder / "test" / "checkpoints.json").read_text())
    assert table["best"] == "b.pth.tar" and "chosen on these labels" in table["note"] and table["dataset"] == "coco:x"
    assert [row["scores"]["exact/crop"] for row in table["checkpoints"]] == [0.2, 0.7, 0.5]
    metrics = json.loads((folder / "test" / "metrics.json").read_text())
    assert metrics["mean"] == 0.7 and metrics["chosen"]["checkpoint"] == "b.pth.tar"
    assert any("best of 3" in m and "no honest estimate" in m for m in messages)
    assert (folder / "test" / "a" / "metrics.json").is_file()


def test_a_broken_file_is_named_and_the_others_are_scored(folder, tmp_path):
    options = options_module.TestOptions(
        dataset="coco:x", resume=str(folder), checkpoint=str(tmp_path / "out"), json=str(tmp_path / "m.json")
    )
    with pytest.raises(WeightsError, match=r"(?s)2 of them scored.*b\.pth\.tar.*cut short"):
        score_checkpoints(options, scorer({"a.pth.tar": 0.2, "b.pth.tar": None, "c.pth": 0.5}, []))
    table = json.loads((tmp_path / "out" / "checkpoints.json").read_text())
    assert table["best"] == "c.pth" and "cut short" in table["checkpoints"][1]["fault"]
    assert json.loads((tmp_path / "m.json").read_text())["mean"] == 0.5
    with pytest.raises(WeightsError, match="a readable checkpoint"):
        score_checkpoints(options, scorer(dict.fromkeys(("a.pth.tar", "b.pth.tar", "c.pth")), []))


def test_a_folder_without_checkpoints(tmp_path):
    with pytest.raises(WeightsError, match="none in"):
        checkpoints_of(tmp_path)


def test_the_command(tmp_path, tiny_coco, tiny_options, capsys):
    from zoopose.train import train
    from zoopose.train.options import TrainOptions

    data = tiny_coco(tmp_path / "data", n=4)
    more = {"dataset": f"coco:{data}", "valid": f"coco:{data}", "epochs": 2, "snapshot": 1}
    run = train.run(TrainOptions(**tiny_options(tmp_path / "run", **more)))
    words = ["test", "--dataset", f"coco:{data}", "--resume", f"{run}/", "-j", "0", "--accelerator", "cpu"]
    assert cli.main(words) == 0
    table = json.loads((run / "test" / "checkpoints.json").read_text())
    names = {n for row in table["checkpoints"] for n in (row["file"], *row["also"])}
    assert {"checkpoint_1.pth.tar", "checkpoint_2.pth.tar", "model_best.pth.tar"} <= names
    (run / "broken.pth.tar").write_bytes(b"no checkpoint")
    assert cli.main(words) == 2
    assert "broken.pth.tar" in capsys.readouterr().err
    assert json.loads((run / "test" / "checkpoints.json").read_text())["best"] == table["best"]
