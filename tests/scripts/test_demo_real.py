"""`zoopose demo --real`: horses with labels, cattle without."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from zoopose import cli
from zoopose.datasets import livestock
from zoopose.files import atomic_json
from zoopose.scripts.demo_real import held_out


@pytest.fixture
def crops(tmp_path):
    """A folder of crops, as `zoopose data get livestock` makes them; four bright spots stand for an animal."""
    folder, rng = tmp_path / "crops", np.random.default_rng(0)
    for name in livestock.PARTS:
        images, annotations = [], []
        place = (folder / name).parent
        (place / "images").mkdir(parents=True, exist_ok=True)
        for i in range(6):
            file_name = f"images/{(folder / name).stem}_{i:05d}.jpg"
            picture = rng.integers(0, 60, (64, 64, 3), dtype=np.uint8)
            xy = rng.integers(12, 52, (18, 2))
            for x, y in xy:
                cv2.circle(picture, (int(x), int(y)), 2, (255, 255, 255), -1)
            cv2.imwrite(str(place / file_name), picture)
            images.append({"id": i, "file_name": file_name, "width": 64, "height": 64, "group": f"g{i // 3}"})
            keypoints = np.column_stack([xy, np.full(18, 2)]).ravel().tolist()
            annotations.append({"id": i, "image_id": i, "category_id": 1, "keypoints": keypoints, "bbox": [10, 10, 44, 44],
                                "area": 1936, "iscrowd": 0, "num_keypoints": 18})  # fmt: skip
        category = {"id": 1, "name": "animal", "keypoints": livestock.JOINTS, "skeleton": livestock.LIMBS}
        atomic_json(folder / name, {"images": images, "annotations": annotations, "categories": [category]})
    return folder


def test_the_end_of_each_recording_is_tested_on():
    assert held_out(["a"] * 6 + ["b"] * 3).tolist() == [False] * 4 + [True] * 2 + [False] * 2 + [True]
    single = held_out([f"{i}" for i in range(9)])
    assert single.tolist() == [False] * 6 + [True] * 3
    assert held_out([]).tolist() == []


def test_without_the_data_one_error_says_what_to_type(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for words in (["--real"], ["--real", "nowhere"]):
        assert cli.main(["demo", *words, "--out", str(tmp_path / "out")]) == 2
        said = capsys.readouterr().err
        assert said.count("expected") == 1 and "zoopose data get livestock --run" in said
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_from_horses_to_cattle_end_to_end(crops, tmp_path):
    out = tmp_path / "out"
    words = "--source-epochs 1 --rounds 1 --steps 2 --oracle-epochs 1 --accelerator cpu".split()
    assert cli.main(["demo", "--real", str(crops), "--out", str(out), *words]) == 0
    scores = json.loads((out / "metrics.json").read_text())
    assert list(scores) == ["source_only", "ccssl", "oracle"]
    assert all(score["protocol"]["frames"] == 2 for score in scores.values()), "a third of six cattle"
    page = (out / "report.html").read_text()
    assert "CC BY 4.0" in page and "Before and after adaptation" in page and (out / "result.png").is_file()
