"""Options of wscda and pplo had other names: command lines and run folders of earlier versions work as before."""

from __future__ import annotations

import json

import pytest
import torch

from zoopose.commandline.parsing import parse, plain
from zoopose.pose import checkpoints
from zoopose.scripts.report import ReportOptions
from zoopose.scripts.report import run as rebuild
from zoopose.train.resuming import same_run
from zoopose.wscda.options import PploOptions, WscdaOptions
from zoopose.wscda.WSCDA import run


@pytest.mark.parametrize("kind", [WscdaOptions, PploOptions])
@pytest.mark.parametrize(
    ("typed", "source", "animal"),
    [
        ("--source coco:a.json --animal tiger", "coco:a.json", "tiger"),
        ("--animal coco:a.json", "coco:a.json", "horse"),
        ("--animal=coco:a.json --species tiger", "coco:a.json", "tiger"),
        ("--species tiger --animal animal_pose:ROOT", "animal_pose:ROOT", "tiger"),
        ("--animal real_animal --species tiger", "real_animal", "tiger"),
        ("--animal synthetic_animal_sp", "synthetic_animal_sp", "horse"),
        ("--animal dog", "", "dog"),
        ("--species dog", "", "dog"),
    ],
)
def test_animal_names_data_where_it_is_the_name_of_data(kind, typed, source, animal):
    found = parse(kind, typed.split(), "x", "")
    assert (found.source, found.animal) == (source, animal)


@pytest.mark.parametrize("flag", ["--refresh 3", "--refresh-every 3", "--refresh_every 3"])
def test_rounds_of_pplo_have_both_flags(flag):
    assert parse(PploOptions, flag.split(), "x", "").refresh == 3


def as_written_before(values: dict) -> dict:
    """Options as a run of an earlier version has written them."""
    names = {"animal": "species", "source": "animal", "refresh": "refresh_every"}
    return {names.get(name, name): value for name, value in values.items()}


@pytest.mark.parametrize(
    "options", [WscdaOptions(source="coco:a.json", animal="tiger"), PploOptions(source="animal_pose", refresh=2)]
)
def test_options_of_an_earlier_run_are_read_under_the_names_of_today(options):
    before = as_written_before(plain(options))
    assert type(options).under_todays_names(before) == plain(options)
    assert type(options).under_todays_names(plain(options)) == plain(options)
    method = "wscda" if isinstance(options, WscdaOptions) else "pplo"
    network = checkpoints.Loaded(
        torch.nn.Identity(), "hg", {}, None, None, {"zoopose": {"run": {"method": method, "options": before}}}
    )
    assert same_run(network, options, method)
    other = type(options)(**{**vars(options), "source": "coco:b.json"})
    assert not same_run(network, other, method)


def test_a_run_folder_of_an_earlier_version_goes_on_and_is_reported(tmp_path, domains, tiny_options, monkeypatch):
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
    data = {"source": f"coco:{domains['animal']}", "target": f"coco:{domains['target']}"}
    options = WscdaOptions(**tiny_options(tmp_path / "run", **data, valid=data["source"], num_epochs=1, steps=1))
    folder = run(options)
    for name in ("last.pth.tar", "model_best.pth.tar"):
        state = torch.load(folder / name, weights_only=True)
        state["zoopose"]["run"]["options"] = as_written_before(state["zoopose"]["run"]["options"])
        torch.save(state, folder / name)
    facts = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**facts, "options": as_written_before(facts["options"])}))
    assert rebuild(ReportOptions(str(folder), accelerator="cpu", workers=0)).is_file()
    begun = (folder / "log.csv").read_text()
    run(options)  # nothing is left to do
    assert (folder / "log.csv").read_text() == begun
