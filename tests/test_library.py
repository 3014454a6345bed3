"""`import zoopose`: quick, typed, every example in its docstrings runs, and the numbers are those of the commands."""

from __future__ import annotations

import csv
import doctest
import inspect
import logging
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image

import zoopose
from zoopose.errors import DataError, OptionError, ZooposeError
from zoopose.evaluation import options as evaluation_options
from zoopose.evaluation.options import PredictOptions
from zoopose.evaluation.predict import run as predict_command
from zoopose.evaluation.test import run as score_command
from zoopose.library import scoring, training
from zoopose.library.printing import printing
from zoopose.train import loop

FRAMES = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_coco, numbered_video, seeing_checkpoint) -> Path:
    """What the examples name: labelled horses, photos of cows, a video, and a checkpoint of a network that sees bright spots."""
    place = tmp_path_factory.mktemp("library")
    tiny_coco(place / "horses", 12)
    tiny_coco(place / "photos", 4, seed=1).unlink()
    (place / "photos/p00.png").rename(place / "photos/cow.png")
    numbered_video(place / "cows.mp4", FRAMES, size_wh=(64, 64))
    seeing_checkpoint(place / "model_best.pth.tar")
    return place


@pytest.fixture
def inside(folder, monkeypatch) -> Path:
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def model(inside) -> zoopose.PoseModel:
    return zoopose.load("model_best.pth.tar", device="cpu")


def _examples() -> list[doctest.DocTest]:
    finder = doctest.DocTestFinder(recurse=True)
    found = {t.name: t for t in finder.find(zoopose, "zoopose", module=False) if t.name == "zoopose" and t.examples}
    for name in zoopose.__all__:
        thing = inspect.unwrap(zoopose._public(name))
        for test in finder.find(thing, f"zoopose.{name}", module=False, globs={}):
            if test.examples:
                found[test.name] = test
    return list(found.values())


EXAMPLES = _examples()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_the_examples_run(example, inside):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL, verbose=False)
    said: list[str] = []
    runner.run(example, out=said.append)
    assert not runner.failures, "".join(said)


def test_every_public_function_has_an_example():
    named = {example.name.split(".")[1] for example in EXAMPLES if "." in example.name}
    assert named == set(zoopose.__all__)
    for name in zoopose.__all__:
        assert inspect.getdoc(zoopose._public(name)), name


def test_every_public_name_is_in_all_tables():
    root = Path(zoopose.__file__).parent
    source, page = ((root / name).read_text(encoding="utf-8") for name in ("__init__.py", "docs/api.md"))
    typed = re.findall(r"^    from (\.[\w.]+) import \w+ as (\w+)$", source, re.MULTILINE)
    assert {name: module for module, name in typed} == zoopose._MODULES
    assert zoopose._MODULES.keys() == set(zoopose.__all__)
    described = re.findall(r"^::: zoopose([\w.]+)\.(\w+)$", page, re.MULTILINE)
    assert {name: module for module, name in described} == zoopose._MODULES


def test_the_import_is_quick_and_takes_no_other_library():
    """Below 0.2 s on any machine of today; the test allows ten times that for a busy one."""
    program = (
        "import sys, time; begun = time.perf_counter(); import zoopose; took = time.perf_counter() - begun\n"
        "heavy = {'torch', 'numpy', 'cv2', 'pandas', 'scipy', 'tyro'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert took < 2, took\n"
        "assert {'load', 'train', 'pck'} <= set(dir(zoopose))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        zoopose.lode  # noqa: B018
    assert not hasattr(zoopose, "predict_all")


def test_types_are_shipped():
    assert (Path(zoopose.__file__).parent / "py.typed").is_file()


def test_train_is_a_function_and_a_package():
    assert callable(loop.fit) and zoopose.train.loop is loop
    assert list(inspect.signature(zoopose.train).parameters)[:3] == ["data", "valid", "folder"]
    with pytest.raises(OptionError, match="epochs="):
        zoopose.train("coco:a.json", folder="x", epoch=3)


@pytest.mark.parametrize("first", ["", "import zoopose.train.options", "from zoopose.train import options"])
def test_train_can_be_called_whatever_was_imported_before(first):
    program = f"{first}\nimport sys, zoopose\n" + (
        "try:\n    zoopose.train('coco:a.json', folder='x', epoch=3)\n"
        "except zoopose.ZooposeError as error:\n    assert 'epochs=' in str(error), error\n"
        "else:\n    raise SystemExit('no error')\n"
        "assert 'torch' not in sys.modules\n"
        "import zoopose.train.options\n"
        "assert zoopose.train.options.TrainOptions().epochs\n"
        "from zoopose import train\n"
        "assert train is zoopose.train and callable(train)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


# ---- predictions


def command_table(data: str, folder: Path, **options) -> pd.DataFrame:
    """predictions.csv of the command."""
    given = {"checkpoint": str(folder), "workers": 0, "accelerator": "cpu", "overlays": 0} | options
    predict_command(PredictOptions(data=data, resume="model_best.pth.tar", **given))
    return pd.read_csv(folder / "predictions.csv", header=[0, 1], index_col=0)


@pytest.mark.parametrize(
    "images, data",
    [
        ("cows.mp4", "video:cows.mp4"),
        ("photos", "images:photos"),
        ("coco:horses/labels.json", "coco:horses/labels.json"),
    ],
)
@pytest.mark.parametrize("flip", [False, True])
def test_the_numbers_are_those_of_the_command(model, tmp_path, images, data, flip):
    table = command_table(data, tmp_path / "out", flip=flip)
    wide = model.predict(images, flip=flip).to_pandas("wide")
    assert wide.index.tolist() != [] and len(wide) == len(table)
    for joint in model.joints:
        for value in ("x", "y", "score"):
            np.testing.assert_allclose(wide[(joint, value)], table[(joint, value)], atol=6e-5)
    if images.endswith("mp4"):
        assert wide[("frame", "number")].tolist() == table[("frame", "number")].tolist()
        np.testing.assert_allclose(wide[("time", "seconds")], table[("time", "seconds")], atol=1e-6)


def test_pictures_may_be_files_arrays_or_both(model, inside):
    path = inside / "photos/cow.png"
    picture = cv2.imread(str(path))[..., ::-1]
    expected = model.predict(path)
    for images in (str(path), picture, [picture], np.stack([picture]), (path,), Image.open(path), [Image.open(path)]):
        poses = model.predict(images)
        np.testing.assert_array_equal(poses.xy, expected.xy)
    both = model.predict([path, picture])
    assert both.frame.tolist() == [0, 1] and both.pictures == ("cow.png", "000001")
    np.testing.assert_array_equal(both.xy[0], both.xy[1])
    np.testing.assert_array_equal(model.predict("photos").xy[:1], expected.xy)


def test_boxes_give_what_a_coco_file_with_boxes_gives(model):
    data = zoopose.open_data("coco:horses/labels.json")
    files, boxes = [data.path_of(i) for i in range(len(data))], data.boxes
    expected = model.predict("coco:horses/labels.json")
    np.testing.assert_array_equal(model.predict(files, boxes=boxes).xy, expected.xy)
    np.testing.assert_array_equal(model.predict(data).xy, expected.xy)
    several = model.predict(files[:3], boxes=[boxes[:2], np.empty((0, 4)), boxes[2]])
    assert several.frame.tolist() == [0, 0, 2] and several.individual.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(several.box_xywh, boxes[:3])
    assert len(model.predict(files[:1], boxes=[[]])) == 0


def test_frames_of_a_video_that_numpy_holds(model):
    video = zoopose.open_data("video:cows.mp4")
    frames = np.stack([video[i].image for i in range(FRAMES)])
    np.testing.assert_array_equal(model.predict(frames).xy, model.predict("cows.mp4").xy)


def test_a_picture_that_cannot_be_read_is_a_row_of_nan(model, tmp_path, inside):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    poses = model.predict([inside / "photos/cow.png", tmp_path / "broken.png", inside / "photos/p01.png"])
    assert np.isnan(poses.xy).all((1, 2)).tolist() == [False, True, False]
    with pytest.raises(DataError, match="broken.png"):
        model.predict([inside / "photos/cow.png", tmp_path / "broken.png"], strict=True)


@pytest.mark.parametrize(
    "images, boxes, words",
    [
        (np.zeros((8, 8), np.uint8), None, "(8, 8)"),
        (np.zeros((8, 8, 3)), None, "float64"),
        ([], None, "at least one picture"),
        (3, None, "int"),
        ("cows.mp4", [[0, 0, 5, 5]], "boxes with video:"),
        ("photos/cow.png", [[0, 0, 0, 5]], "positive width"),
        ("photos/cow.png", [[0, 0, np.nan, 5]], "finite"),
        ("photos/cow.png", [[0, 0, 5]], "(M, 4)"),
        (["photos/cow.png"] * 2, [[0, 0, 5, 5]], "boxes for 1 of 2"),
        ("cosco:a.json", None, "cosco"),
    ],
)
def test_what_cannot_be_predicted_is_one_error(model, images, boxes, words):
    with pytest.raises(ZooposeError) as error:
        model.predict(images, boxes=boxes)
    assert words in str(error.value)


def test_files_of_the_same_name_in_several_folders_stay_apart(model, tmp_path, inside):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "cow.png").write_bytes((inside / "photos/cow.png").read_bytes())
    poses = model.predict([tmp_path / "a/cow.png", tmp_path / "b/cow.png"])
    assert (
        poses.pictures == (str(tmp_path / "a/cow.png"), str(tmp_path / "b/cow.png"))
        and poses.frame.tolist() == [0, 1]
        and poses.individual.tolist() == [0, 0]
    )
    twice = model.predict(["photos/cow.png", "photos/cow.png"])
    assert twice.pictures == ("000000_cow.png", "000001_cow.png")


def test_a_model_says_what_it_is(model):
    assert "6 joints" in str(model) and repr(model).startswith("PoseModel(")
    assert model.input_size == (32, 32) and model.device.type == "cpu" and model.skeleton.joints == model.joints
    with pytest.raises(OptionError, match="'gpu'"):
        zoopose.load("model_best.pth.tar", device="gpu")


# ---- poses


def test_rows_of_poses(model):
    poses = model.predict("cows.mp4")
    assert poses[3].frame.tolist() == [3] and len(poses[2:5]) == 3 and poses[[1, 4]].frame.tolist() == [1, 4]
    assert poses[poses.frame > 17].pictures == ("cows.mp4#000018", "cows.mp4#000019")
    assert [p.frame[0] for p in poses] == list(range(FRAMES))
    with pytest.raises(IndexError):
        poses[FRAMES]
    again = pickle.loads(pickle.dumps(poses))
    np.testing.assert_array_equal(again.xy, poses.xy)


def test_the_long_table_holds_every_joint_of_every_animal(model):
    poses = model.predict("photos/cow.png", boxes=[[2, 2, 30, 40], [30, 10, 30, 40]])
    table = poses.to_pandas()
    assert len(table) == 12 and "time_s" not in table
    row = table[(table["individual"] == 1) & (table["joint"] == "tail")].iloc[0]
    assert (row["x"], row["y"], row["score"]) == (*poses.xy[1, 5], poses.score[1, 5]) and row["picture"] == "cow.png"
    with pytest.raises(OptionError, match="'tall'"):
        poses.to_pandas("tall")


def test_drawing_marks_joints_and_leaves_the_picture_alone(model, inside):
    picture = np.zeros((64, 64, 3), np.uint8)
    poses = model.predict(["photos/cow.png", picture])
    drawn = poses.draw(picture, index=0)
    x, y = poses.xy[0, 0].round().astype(int).clip(0, 63)
    assert drawn[y, x].any() and not picture.any()
    assert not poses.draw(picture, index=0, least_score=1e9).any()
    np.testing.assert_array_equal(poses[:1].draw("photos/cow.png"), poses.draw(inside / "photos/cow.png", index=0))
    with pytest.raises(OptionError, match="2 pictures"):
        poses.draw(picture)
    with pytest.raises(OptionError, match="float64"):
        poses.draw(picture / 1.0, index=0)


# ---- training and scoring


def test_scores_are_those_of_the_command(model, tmp_path):
    data = "coco:horses/labels.json"
    expected = score_command(
        evaluation_options.TestOptions(
            dataset=data, resume="model_best.pth.tar", checkpoint=str(tmp_path / "test"), workers=0, accelerator="cpu"
        )
    )
    before = sorted(os.listdir())
    scores = zoopose.score(model, data, workers=0)
    assert scores.mean == expected["exact/crop"].mean and scores.joints == expected["exact/crop"].joints
    assert scores.protocols.keys() == expected.keys() and "exact/crop" in str(scores)
    assert scores.metrics["mean"] == scores.mean
    assert sorted(os.listdir()) == before
    kept = zoopose.score("model_best.pth.tar", data, folder=tmp_path / "kept", workers=0, accelerator="cpu")
    assert kept.mean == scores.mean and (tmp_path / "kept/report.html").is_file()
    in_memory = zoopose.score(model.predict(data), data)
    assert in_memory.joints == scores.joints
    assert in_memory.protocols["exact/box"].mean == scores.protocols["exact/box"].mean


def test_a_file_of_predictions_is_scored(model, tmp_path):
    data = "coco:horses/labels.json"
    command_table(data, tmp_path / "out")
    scores = zoopose.score(tmp_path / "out/predictions.json", data)
    assert scores.mean == pytest.approx(zoopose.score(model, data, workers=0).mean)


def test_poses_of_other_pictures_are_not_scored(model):
    with pytest.raises(DataError, match="20 poses for 12 animals"):
        zoopose.score(model.predict("cows.mp4"), "coco:horses/labels.json")


def test_quiet_runs_print_warnings_alone(folder):
    log = logging.getLogger("zoopose")
    before = log.level
    with printing(quiet=True):
        assert log.isEnabledFor(logging.WARNING) and not log.isEnabledFor(logging.INFO)
    assert log.level == before


def test_the_arguments_of_load_go_on_to_the_score(inside, monkeypatch):
    seen = []
    monkeypatch.setattr(scoring, "run", lambda options: seen.append(options) or 1 / 0)
    model = zoopose.load("model_best.pth.tar", device="cpu", animal="tiger", partners=[("l_hip", "r_hip")])
    with pytest.raises(ZeroDivisionError):
        zoopose.score(model, "coco:horses/labels.json", flip=True)
    assert (seen[0].animal, seen[0].partners, seen[0].accelerator, seen[0].flip) == (
        "tiger",
        "l_hip:r_hip",
        "cpu",
        True,
    )


def test_misspelt_options_and_methods_are_named():
    with pytest.raises(OptionError, match="flip="):
        zoopose.score("model_best.pth.tar", "coco:horses/labels.json", flp=True)
    with pytest.raises(OptionError, match="view_rotation="):
        zoopose.adapt("m.pth.tar", source="coco:a.json", target="images:b", folder="x", view_rotate=3)
    with pytest.raises(OptionError, match="zoopose pplo --help"):
        zoopose.adapt("m.pth.tar", source="coco:a.json", target="images:b", folder="x", method="pplo", qqq=3)
    with pytest.raises(OptionError, match="wscda"):
        zoopose.adapt("m.pth.tar", source="coco:a.json", target="images:b", folder="x", method="wsdca")


def test_training_by_a_recipe_takes_its_options(inside, monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(training, "run", lambda options: seen.append(options) or tmp_path)
    zoopose.train("coco:a.json", folder=tmp_path, quiet=True, recipe="coco/hrnet_w32_256x192", epochs=7)
    (options,) = seen
    assert (options.arch, options.inp_res, options.epochs) == ("hrnet_w32", (256, 192), 7)
    assert (options.dataset, options.checkpoint) == ("coco:a.json", str(tmp_path))


@pytest.mark.parametrize("method", ["ccssl", "wscda"])
def test_adaptation_by_every_method(model, tmp_path, method):
    tiny = {"epochs": 1, "steps": 1, "train_batch": 2, "workers": 0, "accelerator": "cpu", "quiet": True}
    run = zoopose.adapt(
        model, source="coco:horses/labels.json", target="images:photos", method=method, folder=tmp_path / method, **tiny
    )
    assert run.last.is_file() and run.best.is_file() and run.report.is_file()
    assert run.model("cpu").joints == model.joints
    with open(run.folder / "log.csv", newline="") as file:
        assert len(list(csv.DictReader(file))) == 1
    assert run.metrics.main.n > 0
