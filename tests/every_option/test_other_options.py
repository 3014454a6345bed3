"""Every option of commands that do not train: it changes the result of a run, or warns, or is refused; what is free says why."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from zoopose.datasets import livestock
from zoopose.evaluation.options import TestOptions
from zoopose.evaluation.report.saved_predictions import SavedPredictions
from zoopose.evaluation.run_folder import RunFolder
from zoopose.evaluation.test import run as run_test
from zoopose.files import atomic_json
from zoopose.pose import checkpoints, weights
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.models import build_model
from zoopose.pose.skeleton import TIGDOG18, Skeleton
from zoopose.scripts import get_data as get
from zoopose.scripts.demo import DemoOptions
from zoopose.scripts.demo_plan import kind_of, with_defaults
from zoopose.scripts.demo_run import PLANS
from zoopose.tests.every_option.ways import effect, elsewhere, free, refused, there, warns

JOINTS = ("nose", "left_ear", "right_ear", "l_hip", "r_hip", "tail")
GIVEN = {"resume": "", "predictions": "RESULTS"}
OKS = {"sigmas": "0.2", "dataset": "coco:TWINS"}


def in_record(name: str) -> Callable[[Path, str], bool]:
    """The value stands in predictions.h5, with which a report is made again."""
    return lambda folder, said: name in SavedPredictions.read(RunFolder(folder)).options["options"]


def nothing_else(folder: Path, said: str) -> bool:
    return True


def unused(folder: Path, said: str) -> bool:
    """Nothing was written where it would be without the option."""
    return not any(folder.iterdir())


UNITS = elsewhere("tests/datasets/test_unit_check.py", "only for files whose numbers do not look like pixels")
DETECTED = elsewhere("tests/evaluation/test_reading_options.py", "detections are of people")
# of commands that run a network and train nothing
LOOKS = {
    "image_path": warns("elsewhere"),
    "animal": warns("tiger"),
    "joints": refused("a,b,c,d,e,f", says="names its joints"),
    "partners": (effect("nose:tail", flip=True), warns("nose:tail")),
    "mirror": (effect("never", flip=True), warns("never")),
    "classes": refused("dog", says="classes"),
    "min_size": refused(4.0, says="min-size"),
    "category": refused("wombat", says="wombat"),
    "as_is": UNITS,
    "accelerator": refused("cuda"),
    "flip": effect(True),
    "blur_kernel": effect(3),
    "shift_heatmap": (effect(2, flip=True), warns(2)),
    "joint_bias": effect(2.0),
    "resume": effect("OTHER_MODEL"),
}
TABLES = {
    "test": LOOKS | {
        "strict_data": refused(True, says="can be read", dataset="coco:BROKEN"),
        "workers": (free(1, "processes that read pictures", in_record("workers")), warns(1, **GIVEN)),
        "test_batch": (effect(5), warns(5, **GIVEN)),
        "predict_batch": (free(3, "pictures at once", in_record("predict_batch")), warns(3, **GIVEN)),
        "checkpoint": free("another", "the folder", unused),
        "json": free("scores.json", "another file for the scores", lambda folder, said: Path("scores.json").is_file()),
        "dataset": effect("coco:OTHER"), "dataset1": (warns("synthetic_animal"), refused("sintetic", says="sintetic")),
        "dataset2": warns("coco:OTHER"), "split": warns("valid"),
        "evaluate": free(True, "the command does nothing else", nothing_else),
        "debug": free(True, "further pictures", there("overlays/*")), "arch": (warns("hrnet_w32"), warns("hrnet_w32", **GIVEN)),
        "stacks": warns(2), "blocks": warns(2), "inp_res": warns(64), "out_res": warns(16),
        "boxes": refused("boxes.json", says="boxes"), "predictions": (effect("OTHER_RESULTS", **GIVEN), refused("RESULTS")),
        "sigmas": effect("0.1"), "nms": effect(1.0, **OKS), "soft_nms": effect(True, **OKS),
        "joint_threshold": effect(0.9, **OKS), "image_thr": (refused(0.5), DETECTED), "box_thr": (refused(0.5), DETECTED),
    },
    "predict": LOOKS | {
        "strict_data": refused(True, says="can be read", data="coco:BROKEN"),
        "workers": free(1, "processes that read pictures", nothing_else),
        "predict_batch": free(3, "pictures at once", nothing_else),
        "checkpoint": free("another", "the folder", unused),
        "data": effect("coco:OTHER"), "trained_on": (warns("real_animal"), refused("real_animl")), "overlays": effect(5),
        "shown_from": (effect(1000.0), warns(0.5, overlays=0)),
    },
    "export": {
        "resume": effect("OTHER_PUBLISHED"),
        "published": free("other.pth.tar", "another file", lambda folder, said: Path("other.pth.tar").is_file()),
        "trained_on": (effect("real_animal"), refused("real_animl")), "animal": effect("tiger"), "image_path": effect("CACHED"),
    },
    "import": {
        "weights": effect("OTHER_WEIGHTS"), "recipe": (refused("mpii/hg_bearpaw_s2_256x256", says="recipe"), refused("mpii/hg_s1")),
        "arch_options": refused("width=6", says="--arch-options"), "joints": effect(",".join(f"j{i}" for i in range(16))),
        "out": free("other.pth.tar", "another file", lambda folder, said: Path("other.pth.tar").is_file()),
    },
    "report": {
        "run": (effect("OTHER_RUN"), refused("nowhere", says="no folder")), "accelerator": warns("cpu"), "workers": warns(0),
    },
    "doctor": {
        "image_path": effect("CACHED"), "models": effect(True), "inp_res": (effect(64, models=True), warns(64)),
        "joints": (effect(5, models=True), warns(5)),
    },
    "data get": {
        "data": effect("mpii"), "root": (effect("other"), refused("other", data="tiny:here")),
        "split": (effect("train"), warns("valid", data="real_animal")), "run": effect(True),
        "keep": (effect(True, run=True), warns(True)),
        "from_folder": (warns("copy"), refused("copy", says="no copy", data="livestock")),
    },
    "data check": {
        "data": effect("coco:OTHER"), "split": warns("valid"), "image_path": warns("elsewhere"), "animal": warns("tiger"),
        "partners": effect("nose:tail"), "classes": refused("dog", says="classes"), "min_size": refused(4.0, says="min-size"),
        "category": refused("wombat", says="wombat"), "as_is": UNITS, "read": effect(3),
        "sheet": free("other.png", "another file", lambda folder, said: Path("other.png").is_file()),
        "json": free("facts.json", "the facts in a file", lambda folder, said: Path("facts.json").is_file()),
    },
    "data make": {
        "out": free("elsewhere", "the folder", unused), "animal": effect(("tiger",)),
        "pictures": (effect(2), warns(2, domain="target"), refused(4, animal=("cow",), says="5")),
        "individuals": (effect("many"), warns("many", domain="target")),
        "layout": (effect("coco", pictures=5), refused("published", animal=("cow",), says="cow"), warns("coco", domain="target")),
        "shots": (effect(2), warns(2, domain="source")),
        "frames": (effect(3), warns(3, domain="source")), "seed": effect(1),
        "size": (effect((48, 64)), warns((48, 64), domain="target")),
        "target_size": (effect((64, 48)), warns((64, 48), domain="source")), "domain": effect("source"),
        "views": (effect("side"), warns("side", domain="target")), "gap": (effect(0.3), warns(0.3, domain="source")),
        "site": (effect(True), warns(True, domain="source")), "zoom": effect(1.5),
        "workers": free(2, "processes that draw", nothing_else),
    },
    "data three": {
        "out": free("elsewhere", "the folder", unused),
        "animal": (effect(("horse",)), refused((), says="--animal")), "target": (effect("tiger"), refused("horse")),
        "people": effect(3), "pictures": effect(5), "shots": effect(3), "frames": effect(2),
        "held_out": effect(3, shots=3, people=3, pictures=6),
        "seed": effect(1), "size": effect((48, 64)), "views": effect("all"), "gap": effect(0.3), "site": effect(False),
        "zoom": effect(0.9), "workers": free(2, "processes that draw", nothing_else),
    },
    "demo": {
        "method": effect("wscda"), "arch": (effect("sb_pose_resnet18"), refused("hrnet32", says="hrnet32")),
        "out": effect("elsewhere"), "seed": effect(1), "animal": (effect("tiger"), refused("tiger", method="wscda")),
        "people": (effect(50, method="wscda"), refused(50)), "pictures": effect(50), "shots": effect(7), "frames": effect(3),
        "gap": effect(0.2), "source_epochs": effect(2), "rounds": effect(2), "steps": effect(3), "oracle_epochs": effect(2),
        "accelerator": effect("cpu"), "workers": effect(3),
        "real": (effect("LIVESTOCK"), refused("nowhere", says="data get livestock"), refused("LIVESTOCK", method="wscda")),
    },
}  # fmt: skip
# those that draw animals, start processes, or build every network
SLOW = {("test", "workers"), ("predict", "workers"), *(("doctor", name) for name in ("models", "inp_res", "joints"))}
SLOW |= {(command, name) for command in ("data make", "data three") for name in TABLES[command]}
KNOWN: dict[tuple, Any] = {}


def numbered(pairs_of: Callable[[dict], list]) -> list:
    """(command, option, way), the slow ones marked."""
    found = []
    for command, table in TABLES.items():
        for name, way in pairs_of(table):
            if way.kind != "elsewhere":
                marks = [pytest.mark.slow] if (command, name) in SLOW and way.kind in ("effect", "free") else []
                found.append(pytest.param(command, name, way, id=f"{command}-{name}-{way.kind}", marks=marks))
    return found


def _network(path: Path, skeleton: Skeleton, side: int, seeing: Callable, other: bool, **numbers: int) -> Path:
    """A checkpoint of an hourglass that sees bright spots; another one when joints are taken in reverse."""
    model, spec = build_model("hg", len(skeleton), **numbers), InputSpec(size_hw=side, heatmap_hw=side // 4)
    weights.save(path, checkpoints.pack(model, "hg", numbers, skeleton, spec, 1, 0.5, None, {}))
    state = torch.load(seeing(path), weights_only=True)
    if other:
        for key, value in state["state_dict"].items():
            if key.startswith("score.") and key.endswith("weight"):
                value.copy_(value.flip(0))
    weights.save(path, state)
    return path


def _twins(path: Path) -> Path:
    """Beside a COCO file one in which every animal is annotated twice, the second time in a box a little to the right."""
    truth = json.loads(path.read_text())
    for one in list(truth["annotations"]):
        x, y, w, h = one["bbox"]
        truth["annotations"].append(one | {"id": one["id"] + 1000, "bbox": [x + 0.5, y, w, h]})
    out = path.with_name("twins.json")
    out.write_text(json.dumps(truth))
    return out


def _results(path: Path, name: str, px: float) -> Path:
    """Beside a COCO file predictions of its animals, each joint so many px to the right."""
    found = []
    for one in json.loads(path.read_text())["annotations"]:
        joints = [v + (px, 0, 0)[i % 3] for i, v in enumerate(one["keypoints"])]
        joints[2::3] = [0.9] * (len(joints) // 3)
        found.append({"image_id": one["image_id"], "category_id": 1, "keypoints": joints, "score": 0.8})
    out = path.with_name(name)
    out.write_text(json.dumps(found))
    return out


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny_coco, seeing) -> dict[str, str]:
    """Word in the tables -> file: data, networks, published weights, folders of tests."""
    folder = tmp_path_factory.mktemp("files")
    data, other = tiny_coco(folder / "data", n=8, seed=1), tiny_coco(folder / "other", n=7, seed=2)
    broken = tiny_coco(folder / "broken", n=8, seed=1)
    (broken.parent / "p00.png").write_bytes(b"no picture")
    mean = folder / "data/synthetic_animal/horse_combineds5r5_texture/mean.pth.tar"
    mean.parent.mkdir(parents=True)
    torch.save({"mean": torch.tensor([0.1, 0.2, 0.3])}, mean)
    found = {
        "DATA": data,
        "OTHER": other,
        "BROKEN": broken,
        "TWINS": _twins(data),
        "RESULTS": _results(data, "results.json", 1),
    }
    found["OTHER_RESULTS"] = _results(data, "other_results.json", 20)
    found["CACHED"] = folder / "animals"
    (found["CACHED"] / "synthetic_animal").mkdir(parents=True)
    beast = Skeleton("beast", JOINTS)
    for word, flipped in (("", False), ("OTHER_", True)):
        tiny = {"num_stacks": 1, "num_blocks": 1, "width": 4, "depth": 1}
        found[f"{word}MODEL"] = _network(folder / f"{word}model.pth.tar", beast, 32, seeing, flipped, **tiny)
        found[f"{word}PUBLISHED"] = _network(folder / f"{word}hg.pth.tar", TIGDOG18, 256, seeing, flipped, num_stacks=1)
        bare = build_model("hg", 16, num_stacks=1, width=4)
        torch.nn.init.constant_(next(bare.parameters()), 0.1 + flipped)
        found[f"{word}WEIGHTS"] = folder / f"{word}bare.pth"
        torch.save(bare.state_dict(), found[f"{word}WEIGHTS"])
    for word in ("RUN", "OTHER_RUN"):
        found[word] = folder / word
        source = f"coco:{found['DATA' if word == 'RUN' else 'OTHER']}"
        run_test(TestOptions(dataset=source, resume=str(found["MODEL"]), checkpoint=str(found[word]), workers=0))
    return {word: str(path) for word, path in found.items()}


# what a run is given where the table says nothing
BASE: dict[str, dict[str, Any]] = {
    "test": {"dataset": "coco:DATA", "resume": "MODEL", "workers": 0, "checkpoint": "FOLDER"},
    "predict": {"data": "coco:DATA", "resume": "MODEL", "workers": 0, "checkpoint": "FOLDER", "overlays": 2},
    "export": {"resume": "PUBLISHED", "published": "FOLDER/out.pth.tar"},
    "import": {"weights": "WEIGHTS", "recipe": "mpii/hg_bearpaw_s1_256x256", "arch_options": "width=4",
               "out": "FOLDER/out.pth.tar"},
    "report": {"run": "RUN"},
    "doctor": {},
    "data get": {"data": "tiny", "root": "FOLDER"},
    "data check": {"data": "coco:DATA", "sheet": "FOLDER/sheet.png"},
    "data make": {"out": "FOLDER", "pictures": 1, "shots": 1, "frames": 2, "size": (64, 64), "target_size": (48, 64)},
    "data three": {"out": "FOLDER", "people": 2, "pictures": 4, "shots": 2, "frames": 1, "held_out": 2, "size": (64, 64)},
    "demo": {"out": "demo"},
}  # fmt: skip


def _base(files: dict[str, str], cls: type, own: dict[str, Any], folder: Path, **more: Any) -> Any:
    def word(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        prefix, colon, last = value.rpartition(":")
        last = str(folder) + last.removeprefix("FOLDER") if last.startswith("FOLDER") else files.get(last, last)
        return f"{prefix}{colon}{last}"

    folder.mkdir(exist_ok=True)
    given = {**own, **more}
    if cls is get.GetOptions and ":" in given["data"] and "root" not in more:
        del given["root"]
    return cls(**{name: word(value) for name, value in given.items()})


def _numbers(value: Any) -> Any:
    """The value without texts: what a run has measured, not what it says of it."""
    if isinstance(value, dict):
        return {k: _numbers(v) for k, v in value.items() if not isinstance(v, str)}
    return [_numbers(v) for v in value if not isinstance(v, str)] if isinstance(value, list | tuple) else value


def _contents(folder: Path) -> dict[str, str]:
    """Checksum of every file, by its path; without notes of the options, the lock and times."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name not in ("made.json", "run.json", "report.html") and path.suffix != ".h5":
            content = path.read_bytes()[128 if path.suffix == ".mat" else 0 :]  # a .mat begins with the time
            found[path.relative_to(folder).as_posix()] = hashlib.sha256(content).hexdigest()
    return found


def _scored(folder: Path, _: Any) -> Any:
    """The scores, and the poses that were scored."""
    place = folder if (folder / "predictions.h5").is_file() else Path("another")
    path = place / "metrics.json" if (place / "metrics.json").is_file() else Path("scores.json")
    poses = place / "keypoints_results.json"
    record = SavedPredictions.read(RunFolder(place)).predictions
    return repr(_numbers(json.loads(path.read_text()))), record.xy_px.tobytes(), poses.is_file() and poses.read_text()


def _tensors(folder: Path, _: Any) -> Any:
    path = folder / "out.pth.tar"
    state = torch.load(path if path.is_file() else "other.pth.tar", weights_only=True)
    tensors = {key: value.numpy().tobytes() for key, value in state["state_dict"].items()}
    return tensors, repr(state.get("zoopose", {}).get("skeleton")), repr(state.get("zoopose", {}).get("form"))


RESULTS: dict[str, Callable[[Path, Any], Any]] = {
    "test": _scored,
    "predict": lambda folder, _: _contents(folder) or _contents(Path("another")),
    "export": _tensors,
    "import": _tensors,
    "report": lambda folder, path: Path(path).read_text(),
    "data check": lambda folder, facts: (repr(_numbers(facts)), repr(facts["source"]), repr(facts.get("partners"))),
    "data make": lambda folder, _: _contents(folder) or _contents(Path("elsewhere")),
    "data three": lambda folder, _: _contents(folder) or _contents(Path("elsewhere")),
    "demo": lambda folder, plan: plan,
}


def _planned(monkeypatch: pytest.MonkeyPatch) -> Callable[[DemoOptions], str]:
    """What `zoopose demo` would do: the options of its data and of its runs."""
    drawn: list[Any] = []
    for name in ("demo_ccssl.make_animals.run", "demo_wscda.make_domains.run"):
        monkeypatch.setattr(f"zoopose.scripts.{name}", drawn.append)

    def plan(options: DemoOptions) -> str:
        drawn.clear()
        made = PLANS[kind_of(options)](with_defaults(options))
        made.make()
        return repr((drawn, [(what, settings()) for what, _, settings in made.steps()]))

    return plan


@pytest.fixture
def scene(monkeypatch, tmp_path, commands, said):
    """A folder of its own, a machine without CUDA, a data set to fetch, and no curves drawn."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("zoopose.evaluation.testing.test_report", lambda folder, *_: folder / "report.html")
    monkeypatch.setitem(commands, "demo", (_planned(monkeypatch), DemoOptions))
    for name in livestock.PARTS:
        atomic_json(tmp_path / "LIVESTOCK" / name, {"images": [], "annotations": [], "categories": []})
    archives = []
    for part, entry in (("train", "train2017"), ("valid", "val2017")):
        path = tmp_path / f"served/{part}.zip"
        path.parent.mkdir(exist_ok=True)
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(f"{entry}/1.jpg", "picture")
        archives.append(get.Archive(path.as_uri(), "1 kB", (entry,), part))
    monkeypatch.setitem(
        get.DOWNLOAD_SOURCES, "tiny", get.DownloadSource("tiny", "https://tiny.example", tuple(archives[:2]))
    )

    def spoken(folder: Path, _: Any) -> Any:
        lines = [line.replace(str(folder), "FOLDER").replace(str(tmp_path), "") for line in said]
        return [line for line in lines if "SHA-256" not in line], _contents(folder)

    return RESULTS | {"doctor": spoken, "data get": spoken}


@pytest.mark.parametrize("command", TABLES)
def test_every_option_is_tried(complete, command):
    complete(command, TABLES[command])


def test_every_command_is_tried(commands):
    """Those that train are in test_training_options.py."""
    assert set(commands) == set(TABLES) | {"train", "ccssl", "wscda", "pplo"}


def _pairs(table: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, way) for name, ways in table.items() for way in (ways if isinstance(ways, tuple) else (ways,))]


@pytest.mark.parametrize(("command", "name", "way"), numbered(_pairs))
def test_no_option_is_silent(tried, commands, files, scene, said, tmp_path, command, name, way):
    said.clear()
    base = partial(_base, files, commands[command][1], BASE[command])
    tried(command, name, way, base, scene[command], tmp_path, KNOWN)
