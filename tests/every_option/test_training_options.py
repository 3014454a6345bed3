"""Every option of the training commands: it changes what comes of a run, or warns, or is refused; what is free says why."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import pytest
import torch

from zoopose.ccssl.options import CcsslOptions
from zoopose.tests.every_option.ways import effect, elsewhere, free, recorded, refused, there, warns
from zoopose.train import train
from zoopose.train.options import TrainOptions
from zoopose.wscda.options import PploOptions, WscdaOptions

CLASSES = {"train": TrainOptions, "ccssl": CcsslOptions, "wscda": WscdaOptions, "pplo": PploOptions}
LAST = "last.pth.tar"


# options of every training command
COMMON = {
    "image_path": warns("elsewhere"),
    "partners": effect("nose:tail"),
    "mirror": effect("never"),
    "category": refused("wombat", says="wombat"),
    "as_is": elsewhere("tests/datasets/test_unit_check.py", "only for files whose numbers do not look like pixels"),
    "joints": refused("a,b,c,d,e,f", says="names its joints"),
    "classes": refused("dog", says="classes"),
    "min_size": refused(4.0, says="min-size"),
    "strict_data": refused(True, says="can be read", labelled="coco:BROKEN"),
    "workers": free(1, "processes that read pictures", recorded("workers")),
    "accelerator": elsewhere("tests/train/test_run.py", "the machine has one kind of device or two"),
    "test_batch": effect(5),
    "flip": effect(True),
    "checkpoint": free("another", "the folder of the run", lambda folder, said: not folder.exists()),
    "json": free("scores.json", "another file for the scores", lambda folder, said: Path("scores.json").is_file()),
    "cache_gib": free(0.0, "memory for decoded crops", recorded("cache_gib")),
    "cache_folder": warns("cache", cache_gib=0.0),
    "hidden": effect("ignore"),
    "train_batch": effect(3),
    "solver": effect("adam"),
    "lr": effect(3e-3),
    "momentum": effect(0.5),
    "trunk_lr": refused(0.5),
    "freeze_trunk": refused(1),
    "freeze_norm": effect("all"),
    "rms_alpha": effect(0.5),
    "rms_eps": effect(0.1),
    "print_freq": free(1, "lines in the log", recorded("print_freq")),
    "predict_batch": elsewhere("tests/evaluation/test_reading_options.py", "val/loss in the log differs by rounding"),
    "blur_kernel": effect(5),
    "shift_heatmap": warns(1),
    "joint_bias": effect(2.0),
    "weight_decay": effect(0.5),
    "decay_norms": effect(False, weight_decay=0.5),
    "decay": effect("cosine"),
    "schedule": effect((1,)),
    "gamma": effect(0.5, schedule=(1,)),
    "loss": effect("mean"),
    "label_type": effect("Cauchy"),
    "restart": free(True, "begins anew where a run is", recorded("restart")),
    "snapshot": free(1, "further checkpoints", there("checkpoint_1.pth.tar")),
    "seed": effect(1),
    "devices": refused(9999),
    "precision": effect("bf16-mixed"),
    "debug": free(1, "sheets of the first batches", there("debug/*")),
    "compile": elsewhere("tests/train/test_compiled.py", "a minute of compiling"),
}
# those of a network, where one is given to start from
STARTED = {
    "arch": warns("hrnet_w32"), "stacks": warns(2), "blocks": warns(2), "width": warns(8), "depth": warns(2), "inp_res": warns(64),
    "out_res": warns(16), "codec": warns("quarter"), "arch_options": refused("skip=1"), "trunk": refused("resnet.pth"),
    "sigma": effect(2.0), "resume": effect("OTHER_MODEL"), "target": effect("coco:OTHER"), "valid": effect("coco:OTHER"),
    "target_classes": refused("dog", says="--target"), "target_category": refused("wombat", says="wombat"),
    "num_epochs": effect(1), "steps": effect(1),
}  # fmt: skip
GUARD = "only a run that goes wrong is ended"
STANDARD = {"target_augment": "standard"}
ONLINE = {"online": True}
TABLES = {
    "train": COMMON | {
        "joints": refused("a,b"),
        "animal": warns("tiger"), "arch": effect("hg_multitask"), "arch_options": refused("nothing=1", says="nothing"),
        "trunk": refused("none.pth", says="none.pth"), "stacks": effect(2), "blocks": effect(2), "width": effect(6),
        "depth": effect(2), "inp_res": effect(64), "codec": effect("quarter"), "out_res": refused(16), "sigma": effect(2.0),
        "scale_factor": effect(0.1, augment="standard"), "rot_factor": effect(5.0, augment="standard"),
        "dataset": effect("coco:OTHER"), "valid": effect("coco:OTHER"), "epochs": effect(1), "recipe": elsewhere(
            "tests/train/test_recipe_run.py", "its networks are large"), "iterations": effect(3), "warmup": effect(3),
        "warmup_factor": effect(0.5, warmup=3), "stages": effect(2), "joint_weights": warns(True),
        "start_epoch": effect(1), "sigma_decay": effect(0.5), "augment": effect("none"),
        "resume": effect("OTHER_MODEL"), "init_weights": effect("OTHER_MODEL"), "evaluate": refused(True, says="--resume"),
    },
    "ccssl": COMMON | STARTED | {
        "animal": warns("tiger"), "protocol": effect("published"), "source": effect("coco:OTHER"), "refresh": effect(2),
        "gamma_": effect(3.0), "source_augment": effect("none"), "target_augment": effect("none"), "target_style": effect(1.0),
        "target_occlusion": effect(1.0), "ema": effect(0.0), "views": effect(2), "view_rotation": effect(5.0),
        "view_scale": effect(0.05), "no_view_flip": effect(True), "no_invariance": effect(True), "no_framing": effect(True),
        "framing_from": effect("OTHER_MODEL"), "check_limit": effect(0.02), "confidence": effect("peak"), "flow": effect("none"),
        "raft_weights": warns("raft.pth"), "share_first": effect(0.6), "share_last": effect(0.9), "per": effect("joint"),
        "select_on_target": effect("coco:OTHER"), "select": effect("source"), "patience": effect(1, num_epochs=4, lr=0.0),
        "score_labels": effect(True), "target_labels": effect("coco:OTHER"),
        "no_guard": elsewhere("tests/ccssl/test_guard.py", GUARD),
        "guard_limit": elsewhere("tests/ccssl/test_guard.py", GUARD),
        "scale_factor": effect(0.1, **STANDARD), "rot_factor": effect(5.0, **STANDARD),
        "online": effect(True), "teacher": effect("self", **ONLINE), "teacher_norm": effect("batch", **ONLINE),
        "easy_augment": effect("strong", **ONLINE), "hard": effect("jo,joco", **ONLINE),
        "cut_joints": warns(1, **ONLINE, hard="none"), "cut_side": effect(0.3, **ONLINE),
        "keep": effect("all", **ONLINE), "keep_share": effect(0.2, **ONLINE),
        "redraw": effect(True, **ONLINE), "ramp": effect("sigmoid", **ONLINE),
        "ramp_epochs": warns(2.0, **ONLINE), "mixup": effect(0.75, **ONLINE), "mixup_source": warns(0.5, **ONLINE),
        "source_style": effect(1.0, **ONLINE), "method": effect("udape"), "no_source": refused(True),
    },
    "wscda": COMMON | STARTED | {
        "animal": warns("tiger"), "source": effect("coco:OTHER"), "human": effect("coco:OTHER"), "alpha": effect(-0.1),
        "beta": effect(50.0), "w1": effect(2.0, human="coco:OTHER"), "w2": effect(2.0), "alpha_warmup": effect(0.1),
        "discriminator_steps": effect(1), "adapter": effect(1), "augment": effect("none"), "plain_share": effect(1.0),
        "probe": free(True, "looks at what has been trained", there("probe.json")),
        "no_guard": elsewhere("tests/wscda/test_guard.py", GUARD), "guard_limit": elsewhere("tests/wscda/test_guard.py", GUARD),
        "scale_factor": effect(0.1, augment="standard"), "rot_factor": effect(5.0, augment="standard"),
    },
    "pplo": COMMON | STARTED | {
        "animal": warns("tiger"), "source": effect("coco:OTHER"), "rounds": effect(1), "target_labels": effect("coco:OTHER"),
        "num_epochs": effect(1, rounds=1), "refresh": refused(5),
        "select": effect("small_loss"), "threshold": effect(0.3), "share_first": effect(0.6), "share_last": effect(0.9),
        "grow": effect("cosine", rounds=4, num_epochs=4, per="global"), "per": effect("global"), "check_limit": effect(0.02),
        "no_guard": elsewhere("tests/ccssl/test_guard.py", GUARD), "guard_limit": elsewhere("tests/ccssl/test_guard.py", GUARD),
        "no_hold": effect(True), "target_weight": effect(3.0), "warmup_epochs": effect(0), "source_ratio": effect(0.25),
        "stop_below": effect(1e9, rounds=4, num_epochs=4), "source_augment": effect("none"), "target_augment": effect("none"),
        "scale_factor": effect(0.1, **STANDARD), "rot_factor": effect(5.0, **STANDARD),
    },
}  # fmt: skip
LABELLED = {"train": "dataset", "ccssl": "source", "wscda": "source", "pplo": "source"}
TRIES = [(command, name) for command, table in TABLES.items() for name, how in table.items() if how.kind != "elsewhere"]
KNOWN: dict[tuple, Any] = {}  # results without an option


@pytest.fixture(scope="session")
def files(tmp_path_factory, tiny_coco, tiny_options, seeing) -> dict[str, str]:
    """Word in the tables -> file: labelled pictures (DATA), others (OTHER), a file of which one cannot be read (BROKEN), video
    (VIDEO), a start model (MODEL) and another (OTHER_MODEL)."""
    data = {
        "DATA": tiny_coco(tmp_path_factory.mktemp("data"), n=10, seed=1),
        "OTHER": tiny_coco(tmp_path_factory.mktemp("other"), n=8, seed=2),
        "BROKEN": tiny_coco(tmp_path_factory.mktemp("broken"), n=10, seed=1),
        "VIDEO": tiny_coco(tmp_path_factory.mktemp("video"), n=10, seed=3, video=True),
    }
    next(data["BROKEN"].parent.glob("p00*")).write_bytes(b"no picture")
    found = {name: str(path) for name, path in data.items()}
    for seed, name in enumerate(("MODEL", "OTHER_MODEL")):
        source = f"coco:{data['DATA']}"
        options = tiny_options(tmp_path_factory.mktemp(name), dataset=source, valid=source, epochs=1, seed=seed)
        folder = train.run(TrainOptions(**options))
        found[name] = str(seeing(folder / "model_best.pth.tar") if name == "MODEL" else folder / LAST)
    return found


@pytest.fixture
def base(files, tiny_options) -> Callable:
    """(command) -> (folder, more) -> options of a run of two epochs; words out of `files` are replaced."""

    def of(command: str) -> Callable:
        own = {LABELLED[command]: "coco:DATA", "valid": "coco:DATA", "lr": 1e-3}
        if command == "train":
            own |= {"epochs": 2}
        else:
            own |= {"target": "coco:VIDEO", "resume": "MODEL", "num_epochs": 2, "steps": 2}
        own |= {"rounds": 2} if command == "pplo" else {}

        def options(folder: Path, labelled: str = "", **more):
            named = {**own, **({LABELLED[command]: labelled} if labelled else {}), **more}
            for name, value in named.items():
                prefix, _, word = value.rpartition(":") if isinstance(value, str) else ("", "", "")
                if word in files:
                    named[name] = f"{prefix}:{files[word]}" if prefix else files[word]
            return CLASSES[command](**{**tiny_options(folder), **named})

        return options

    return of


def result(_: Path, folder: Path) -> dict[str, Any]:
    """What comes of a run: weights and form of the network, labels, scores, the log without speeds."""
    found: dict[str, Any] = {}
    for name in (LAST, "model_best.pth.tar"):
        state = torch.load(folder / name, weights_only=True)
        found[name] = {k: v.numpy().tobytes() for k, v in state["state_dict"].items()}
        found[f"{name} form"] = repr({k: v for k, v in state["zoopose"].items() if k != "run"})
    for path in sorted(folder.glob("labels_round_*.h5")):
        with h5py.File(path) as file:
            file.visititems(
                lambda at, item, path=path: found.update({f"{path.name} {at}": repr(item[()].tolist())})
                if isinstance(item, h5py.Dataset) else None
            )  # fmt: skip
    with open(folder / "log.csv", newline="") as file:
        found["log"] = [{k: v for k, v in row.items() if k != "pictures_per_s"} for row in csv.DictReader(file)]
    scores = folder / "metrics.json"
    found["scores"] = (scores if scores.is_file() else Path("scores.json")).read_text()
    return found


@pytest.mark.parametrize("command", TABLES)
def test_every_option_is_tried(complete, command):
    complete(command, TABLES[command])


def of_kind(*kinds: str) -> list[tuple[str, str]]:
    return [(command, name) for command, name in TRIES if TABLES[command][name].kind in kinds]


@pytest.mark.parametrize(("command", "name"), of_kind("refused"))
def test_an_option_that_cannot_work_here_is_refused(tried, base, tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    tried(command, name, TABLES[command][name], base(command), result, tmp_path, KNOWN)


@pytest.mark.slow
@pytest.mark.parametrize(("command", "name"), of_kind("effect", "warns", "free"))
def test_no_option_is_silent(tried, base, tmp_path, monkeypatch, command, name):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("zoopose.train.validation.training_report", lambda folder, *_: folder / "report.html")
    tried(command, name, TABLES[command][name], base(command), result, tmp_path, KNOWN)
