"""What `zoopose predict` writes: it fits the pictures, the annotation file, spreadsheets, and an earlier prediction's folder."""

from __future__ import annotations

import csv
import json
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from zoopose.datasets.open import open_data
from zoopose.datasets.views import Subset, Unlabelled
from zoopose.errors import OptionError
from zoopose.evaluation import predict as prediction
from zoopose.evaluation import predicting
from zoopose.evaluation.inference import Predictions
from zoopose.evaluation.options import PredictOptions, TestOptions
from zoopose.evaluation.prediction_files import metas_of, write_coco_results, write_table
from zoopose.evaluation.test import run as score
from zoopose.pose.input_spec import InputSpec
from zoopose.pose.skeleton import Skeleton

SKELETON = Skeleton("stick", ("nose", "tail"))


class Brightness(nn.Module):
    """Every joint's map is the picture's brightness."""

    def forward(self, images: torch.Tensor) -> list[torch.Tensor]:
        return [images.mean(1, keepdim=True).expand(-1, len(SKELETON), -1, -1)]


@pytest.fixture
def predict(monkeypatch, tmp_path):
    """Options -> a prediction by brightness into tmp_path/out."""
    network = SimpleNamespace(model=Brightness(), spec=InputSpec(size_hw=32, heatmap_hw=32), skeleton=SKELETON, note="")
    monkeypatch.setattr(predicting, "load_network", lambda *_: network)

    def run(data, **options):
        given = {"checkpoint": str(tmp_path / "out"), "workers": 0, "accelerator": "cpu", "overlays": 0} | options
        return prediction.run(PredictOptions(data=data, resume="x", **given))

    return run


def table(folder):
    return pd.read_csv(folder / "predictions.csv", header=[0, 1], index_col=0)


def test_a_video_gives_the_same_rows_with_and_without_workers(predict, numbered_video, number_in, tmp_path):
    times = np.cumsum([40, 20, 300, 40, 60] * 5).tolist()
    path = numbered_video(tmp_path / "v.mp4", len(times), times=times)
    without = predict(f"video:{path}")
    rows = table(tmp_path / "out")
    several = predict(f"video:{path}", workers=2, checkpoint=str(tmp_path / "four"))
    np.testing.assert_array_equal(without.xy_px, several.xy_px)
    assert (tmp_path / "out/predictions.csv").read_bytes() == (tmp_path / "four/predictions.csv").read_bytes()
    assert rows[("frame", "number")].tolist() == list(range(len(times)))
    np.testing.assert_allclose(rows[("time", "seconds")], (np.array(times) - times[0]) / 1000, atol=1e-3)
    assert rows.columns[:6].tolist() == [(j, v) for j in SKELETON.joints for v in ("x", "y", "score")]


def test_overlays_show_the_frames_they_are_named_after_and_replace_older_ones(
    predict, numbered_video, number_in, monkeypatch, tmp_path
):
    times = np.cumsum([40, 20, 300, 40, 60] * 10).tolist()
    path = numbered_video(tmp_path / "v.mkv", len(times), times=times)
    folder = tmp_path / "out/overlays"
    folder.mkdir(parents=True)
    (folder / ".000003.999999-0a0b0c0d.jpg").write_bytes(b"old")
    for name, side in (
        ("000049.jpg", 384),
        ("001234.jpg", 384),
        ("mine.jpg", 384),
        ("20240101.jpg", 384),
        ("240101.jpg", 90),
    ):
        cv2.imwrite(str(folder / name), np.zeros((side, side, 3), np.uint8))
    (folder / "000777.jpg").mkdir()
    foreign = ["000777.jpg", "20240101.jpg", "240101.jpg", "mine.jpg"]
    predict(f"video:{path}", overlays=5, shown_from=1000.0)  # nothing is drawn over the frame
    names = sorted({p.name for p in folder.iterdir()} - set(foreign))
    assert names == ["000000.jpg", "000012.jpg", "000024.jpg", "000036.jpg", "000049.jpg"]
    for name in names:
        shown = cv2.imread(str(folder / name))  # a square about the frame of 64 x 48
        assert number_in(shown[48:-48]) == int(name[:6]), name
    predict(f"video:{path}")
    assert sorted(p.name for p in folder.iterdir()) == foreign


def coco_file(folder, ids, categories=(7,), suffix="png"):
    """Two animals in each picture, of alternating categories; the nose is a bright dot."""
    images, annotations = [], []
    for n, image_id in enumerate(ids):
        picture = np.zeros((40, 60, 3), np.uint8)
        for k in range(2):
            x, y = 12 + 30 * k, 15 + n
            picture[y, x] = 255
            own = {"keypoints": [x, y, 2, x, y, 2], "bbox": [x - 8, y - 8, 16, 16], "area": 256.0, "num_keypoints": 2}
            category = categories[(n + k) % len(categories)]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": image_id, "category_id": category, "iscrowd": 0} | own
            )
        cv2.imwrite(str(folder / f"{n}.{suffix}"), picture)
        images.append({"id": image_id, "file_name": f"{n}.{suffix}", "width": 60, "height": 40})
    kinds = [{"id": c, "name": f"kind{c}", "keypoints": list(SKELETON.joints)} for c in categories]
    path = folder / "a.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": kinds}))
    return path


@pytest.mark.parametrize("ids", [[10**17 + 1, 10**17 + 2], ["a/b.png", "7"], [0, 785]])
def test_results_of_a_coco_file_can_be_scored(predict, tmp_path, ids):
    path = coco_file(tmp_path, ids, categories=(7, 3))
    predict(f"coco:{path}")
    rows = json.loads((tmp_path / "out/predictions.json").read_text())
    assert [row["image_id"] for row in rows] == [i for i in ids for _ in range(2)]
    assert [row["category_id"] for row in rows] == [7, 3, 3, 7]
    options = TestOptions(
        dataset=f"coco:{path}", predictions=str(tmp_path / "out/predictions.json"), checkpoint=str(tmp_path / "test"), sigmas="0.1"
    )  # fmt: skip
    assert score(options)["exact/crop"].mean == 1.0


def test_results_of_a_coco_file_load_in_coco_evaluation(predict, tmp_path):
    evaluation = pytest.importorskip("faster_coco_eval")
    path = coco_file(tmp_path, [11, 5])
    predict(f"coco:{path}")
    truth = evaluation.COCO(str(path))
    counted = evaluation.COCOeval_faster(
        truth, truth.loadRes(str(tmp_path / "out/predictions.json")), "keypoints", kpt_oks_sigmas=[0.1, 0.1]
    )
    counted.evaluate()
    counted.accumulate()
    counted.summarize()
    assert counted.stats[0] > 0.95


def test_views_of_a_data_set_know_what_it_knows(tmp_path):
    dataset = open_data(f"coco:{coco_file(tmp_path, ['x', 'y'])}")
    metas = metas_of(Unlabelled(Subset(dataset, [3, 0])))
    assert [meta["image_id"] for meta in metas] == ["y", "x"] and metas[0]["file_name"] == "1.png"


def test_names_that_are_no_utf8_come_through(predict, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    picture = cv2.imencode(".png", np.full((20, 20, 3), 90, np.uint8))[1]
    picture.tofile(os.fsdecode(os.fsencode(folder) + b"/stall_\xe4.png"))
    picture.tofile(folder / "a.png")
    predict(f"images:{folder}", overlays=2)
    assert table(tmp_path / "out").index.tolist() == ["a.png", "stall_\\xe4.png"]
    assert json.loads((tmp_path / "out/predictions.json").read_text())[1]["image_id"] == "stall_\\xe4.png"


def test_names_that_a_spreadsheet_would_run_are_no_formulas(tmp_path):
    skeleton = Skeleton("odd", ("=cmd()", "-tail", "nose"))
    k = len(skeleton)
    ids, zeros = ["=1+1.png", "@x.png", "a=b.png"], np.zeros((3, k, 2), np.float32)
    found = Predictions(
        ids,
        zeros - 1,
        zeros[..., 0],
        zeros,
        zeros,
        zeros,
        zeros[..., 0],
        np.zeros((3, 4)),
        np.zeros((3, 2)),
        1.0,
        np.ones(3, bool),
    )
    write_table(tmp_path / "t.csv", found, skeleton)
    with open(tmp_path / "t.csv", newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert {"'=cmd()", "'-tail", "nose", "'=1+1.png", "'@x.png", "a=b.png"} <= set(cells)
    assert not [cell for cell in cells if cell[:1] in tuple("=+@") or (cell[:1] == "-" and cell != "-1.0000")]
    write_coco_results(tmp_path / "r.json", found)
    assert json.loads((tmp_path / "r.json").read_text())[0]["image_id"] == "=1+1.png"


def test_an_output_that_is_a_file_is_refused_before_the_work(predict, monkeypatch, tmp_path):
    monkeypatch.setattr(predicting, "predict", lambda *_, **__: pytest.fail("the work has begun"))
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((8, 8, 3), np.uint8))
    (tmp_path / "file").write_text("")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/overlays").write_text("")
    for folder in ("file", "file/below", "out"):
        with pytest.raises(OptionError, match="a file"):
            predict(f"images:{tmp_path}", checkpoint=str(tmp_path / folder))
