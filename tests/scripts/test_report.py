"""`zoopose report`: the page of a run made again, the same; one clear error where that cannot be."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import h5py
import numpy as np
import pytest

from zoopose import cli
from zoopose.evaluation.report.saved_predictions import SavedPredictions
from zoopose.evaluation.run_folder import RunFolder

SMALL = "--inp-res 32 --stacks 1 --width 4 --depth 1 --train-batch 4 --workers 0 --accelerator cpu".split()


@pytest.fixture(scope="module")
def work(tmp_path_factory, tiny_coco) -> Path:
    """Folder with data, a training run, an adaptation and its test, all given by paths relative to it."""
    root = tmp_path_factory.mktemp("work")
    tiny_coco(root / "source")
    tiny_coco(root / "target", n=14, seed=9, video=True)
    source, target = "coco:source/labels.json", "coco:target/labels.json"
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert cli.main(["train", "--dataset", source, "--checkpoint", "runs/source", "--epochs", "1", *SMALL]) == 0
        start = "runs/source/model_best.pth.tar"
        words = [
            "--source",
            source,
            "--target",
            target,
            "--resume",
            start,
            "--checkpoint",
            "runs/adapted",
            "--num-epochs",
            "2",
        ]
        assert cli.main(["ccssl", *words, "--refresh", "1", "--views", "2", "--guard-limit", "1e9", *SMALL]) == 0
        words = ["--animal", source, "--target", target, "--resume", start, "--checkpoint", "runs/domains", "--probe"]
        assert cli.main(["wscda", *words, "--num-epochs", "1", *SMALL]) == 0
        words = ["--dataset", target, "--resume", "runs/adapted/last.pth.tar", "--workers", "0", "--accelerator", "cpu"]
        assert cli.main(["test", *words]) == 0
    return root


@pytest.fixture
def copied(work, tmp_path):
    """A run folder's copy, to break."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(work / "runs" / name, tmp_path / Path(name).name))

    return copy


@pytest.mark.parametrize("name", ["source", "adapted", "domains", "adapted/test"])
def test_the_page_made_again_is_the_same(work, copied, name):
    """From another folder, without a network, and with nothing else of the run changed."""
    before = (work / "runs" / name / "report.html").read_bytes()
    folder = copied(name)
    for path in (folder / "report.html", *folder.glob("*.tar")):
        path.unlink(missing_ok=True)
    kept = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    assert cli.main(["report", str(folder)]) == 0
    assert (folder / "report.html").read_bytes() == before
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file() and p.name != "report.html"} == kept


def test_the_page_of_an_adaptation_shows_its_labels(work):
    page = (work / "runs/adapted/report.html").read_text()
    for words in ("Pseudo-labels admitted", "Why labels were left out", "Drift of the labels", "Shots over time"):
        assert words in page


def test_a_run_without_its_predictions_is_scored_again(work, copied):
    folder = copied("adapted")
    (folder / RunFolder.PREDICTIONS).unlink()
    assert cli.main(["report", str(folder), "--workers", "0", "--accelerator", "cpu"]) == 0
    page = (folder / "report.html").read_text()
    mean = json.loads((folder / "metrics.json").read_text())["mean"]
    assert f"{100 * mean:.1f} %" in page and "for this report" in page and "Pseudo-labels admitted" in page
    assert not (folder / RunFolder.PREDICTIONS).exists()  # the run may go on, and will write its own


def test_predictions_of_an_older_checkpoint_are_not_shown(copied):
    folder = copied("source")
    record = SavedPredictions.read(RunFolder(folder))
    record.epoch -= 1
    record.write(RunFolder(folder))
    assert cli.main(["report", str(folder), "--workers", "0", "--accelerator", "cpu"]) == 0
    assert "for this report" in (folder / "report.html").read_text()


def test_a_record_comes_back_as_it_was(work, tmp_path):
    first = SavedPredictions.read(RunFolder(work / "runs/adapted"))
    first.write(RunFolder(tmp_path))
    again = SavedPredictions.read(RunFolder(tmp_path))
    for name, value in vars(first.predictions).items():
        same = (
            np.array_equal(value, getattr(again.predictions, name), equal_nan=True)
            if isinstance(value, np.ndarray)
            else None
        )
        assert same if same is not None else value == getattr(again.predictions, name), name
    assert {n: s.to_json() for n, s in again.scores.items()} == {n: s.to_json() for n, s in first.scores.items()}
    assert (again.skeleton.to_dict(), again.facts) == (first.skeleton.to_dict(), first.facts)


def _no_folder(folder: Path):
    shutil.rmtree(folder)


def _empty_folder(folder: Path):
    _no_folder(folder)
    folder.mkdir()


def _damaged_predictions(folder: Path):
    (folder / RunFolder.PREDICTIONS).write_bytes((folder / RunFolder.PREDICTIONS).read_bytes()[:500])


def _other_predictions(folder: Path):
    with h5py.File(folder / RunFolder.PREDICTIONS, "r+") as file:
        file.attrs["format"] = "something else"


def _damaged_labels(folder: Path):
    path = folder / "labels_round_01.h5"
    path.write_bytes(path.read_bytes()[:500])


def _damaged_facts(folder: Path):
    (folder / "run.json").write_text("{")


def _no_checkpoint(folder: Path):
    (folder / RunFolder.PREDICTIONS).unlink()
    (folder / "model_best.pth.tar").unlink()


def _data_gone(folder: Path):
    facts = json.loads((folder / "run.json").read_text())
    facts["options"]["target"] = "coco:gone/labels.json"
    (folder / "run.json").write_text(json.dumps(facts))


def _data_changed(folder: Path):
    record = SavedPredictions.read(RunFolder(folder))
    record.predictions.ids[0] = "another"
    record.write(RunFolder(folder))


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        (_no_folder, "no folder"),
        (_empty_folder, "run.json"),
        (_damaged_predictions, RunFolder.PREDICTIONS),
        (_other_predictions, RunFolder.PREDICTIONS),
        (_damaged_labels, "labels_round_01.h5"),
        (_damaged_facts, "run.json"),
        (_no_checkpoint, "model_best.pth.tar"),
        (_data_gone, "gone/labels.json"),
        (_data_changed, "not the same ones"),
    ],
)
def test_what_cannot_be_is_one_clear_error(copied, capsys, broken, told):
    folder = copied("adapted")
    page = folder / "report.html"
    before = page.read_bytes()
    broken(folder)
    assert cli.main(["report", str(folder)]) == 2
    printed = capsys.readouterr().err
    assert told in printed and "expected" in printed and "Traceback" not in printed
    if page.exists():
        assert page.read_bytes() == before  # the old page is not lost


def test_a_folder_of_runs_names_one(work, capsys):
    assert cli.main(["report", str(work / "runs")]) == 2
    assert f"zoopose report {work / 'runs' / 'adapted'}" in capsys.readouterr().err
