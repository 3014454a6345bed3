"""Damaged and hostile annotation files: a data set, or one ZooposeError; in a time that a person waits."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from zoopose.datasets.annotated_pictures import AnnotatedPictures
from zoopose.datasets.check import check_source, shown
from zoopose.datasets.coco.keypoints import CocoKeypoints
from zoopose.datasets.coco.truth import coco_truth
from zoopose.datasets.open import open_data
from zoopose.datasets.pictures import PictureError
from zoopose.errors import ZooposeError
from zoopose.evaluation.coco_scores import keypoint_numbers
from zoopose.evaluation.pose_results import read_results
from zoopose.pose.skeleton import ANIMAL_POSE20, COCO17
from zoopose.tests.fuzz.mutate import mutants

LIMIT_S = 5.0
JOINTS = ["nose", "left_ear", "right_ear", "tail"]


def coco(n: int = 4, joints=JOINTS, name: str = "mouse") -> dict:
    """n animals in pictures of 60 x 40 px."""
    rng = np.random.default_rng(0)
    images = [{"id": i, "file_name": f"p/{i}.png", "width": 60, "height": 40, "group": "a"} for i in range(1, n + 1)]
    annotations = []
    for i in range(1, n + 1):
        xy = rng.uniform([12, 8], [40, 30], (len(joints), 2)).round(1)
        flat = [v for x, y in xy.tolist() for v in (x, y, 2)]
        annotations.append(
            {"id": i, "image_id": i, "category_id": 1, "bbox": [10, 5, 35, 30], "area": 1050, "iscrowd": 0, "num_keypoints": 4}
            | {"keypoints": flat, "track_id": 1}
        )  # fmt: skip
    category = {
        "id": 1,
        "name": name,
        "keypoints": list(joints),
        "skeleton": [[1, 2], [1, 3]],
        "sigmas": [0.1] * len(joints),
    }
    images[0] |= {"video_id": 3, "frame_id": 7}
    return {"images": images, "annotations": annotations, "categories": [category]}


def native(n: int = 4) -> dict:
    """Animal-Pose's own form."""
    rng = np.random.default_rng(1)
    annotations = [
        {"image_id": i, "category_id": 1, "bbox": [5, 5, 50, 35]}
        | {"keypoints": [[*map(int, at), 1] for at in rng.integers(6, 34, (20, 2))], "num_keypoints": 20}
        for i in range(1, n + 1)
    ]
    category = {"id": 1, "name": "dog", "keypoints": list(ANIMAL_POSE20.joints)}
    return {
        "images": {str(i): f"{i}.png" for i in range(1, n + 1)},
        "annotations": annotations,
        "categories": [category],
    }


def mpii(n: int = 4) -> list:
    rng = np.random.default_rng(2)
    return [
        {"image": f"{i}.png", "center": [30, 20], "scale": 0.15, "joints_vis": [1] * 16}
        | {"joints": rng.uniform(5, 35, (16, 2)).tolist()}
        for i in range(1, n + 1)
    ]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("fuzz")
    for place in ("p", ".", "images", "annotations"):
        (root / place).mkdir(exist_ok=True)
        for i in range(1, 5):
            cv2.imwrite(str(root / place / f"{i}.png"), np.full((40, 60, 3), 50 * i, np.uint8))
    return root


def looked_at(dataset: AnnotatedPictures) -> None:
    """All that `zoopose data check` reads of a data set, and every item."""
    for line in shown(check_source(dataset)):
        line.encode()
    for i in range(len(dataset)):
        try:
            sample = dataset[i]
        except PictureError as error:
            str(error).encode()
            continue
        assert sample.box_xywh[2:].min() > 0 and np.isfinite(sample.xy_px).all() and np.isfinite(sample.box_xywh).all()
    json.dumps(dataset.describe(), default=str).encode()


def outcomes(folder: Path, data, name: str, count: int, run, seed: int = 0) -> Counter:
    """How `count` mutants of a file end.

    Raises:
        AssertionError: an error that is no ZooposeError, or one that takes too long; the text names the mutant.
    """
    found: Counter = Counter()
    for number, make in enumerate(mutants(data, count, seed)):
        (folder / name).write_bytes(make())
        begun = time.perf_counter()
        try:
            run(folder / name)
            found["value"] += 1
        except ZooposeError as error:
            str(error).encode()
            found["refused"] += 1
        except Exception as error:
            raise AssertionError(f"mutant {number} of seed {seed}: {type(error).__name__} {error}") from error
        assert time.perf_counter() - begun < LIMIT_S, f"mutant {number} of seed {seed} takes too long"
    return found


def open_and_look(path: Path) -> None:
    for labelled in (True, False):
        looked_at(CocoKeypoints(path, "train", labelled=labelled, need_pictures=False))
    truth = coco_truth(CocoKeypoints(path, need_pictures=False))
    keypoint_numbers(truth.to_coco(), [], [0.1] * (len(truth.annotations[0]["keypoints"]) // 3))


def as_set(name: str):
    return lambda path: looked_at(open_data(f"{name}:{path}", need_pictures=False))


@pytest.fixture(scope="module")
def people(folder) -> Path:
    path = folder / "annotations" / "person_keypoints_val2017.json"
    path.write_text(json.dumps(coco(joints=COCO17.joints, name="person")))
    return path


def results(joints: int, n: int = 4) -> list:
    return [
        {
            "image_id": i,
            "category_id": 1,
            "keypoints": [20.0, 15.0, 0.9] * joints,
            "score": 0.5,
            "bbox": [10, 5, 30, 30],
        }
        for i in range(1, n + 1)
    ]


def score_results(truth):
    def run(path: Path) -> None:
        found = read_results(path, truth, len(JOINTS))
        if len(found):
            keypoint_numbers(truth.to_coco(), found.entries(), [0.1] * len(JOINTS))

    return run


def run_all(folder: Path, people: Path, count: int, seed: int) -> dict[str, Counter]:
    """`count` mutants in all: most of COCO files, the rest of every other form that is JSON."""
    few = max(1, count // 20)
    found = {"coco": outcomes(folder, coco(), "labels.json", count - 5 * few, open_and_look, seed)}
    (folder / "whole.json").write_text(json.dumps(coco()))
    truth = coco_truth(CocoKeypoints(folder / "whole.json"))
    found["results"] = outcomes(folder, results(len(JOINTS)), "results.json", few, score_results(truth), seed)

    def detect(path: Path) -> None:
        looked_at(open_data(f"coco_person:{folder}", boxes=str(path), need_pictures=False))

    found["boxes"] = outcomes(folder, results(17), "boxes.json", few, detect, seed)
    found["native"] = outcomes(folder, native(), "keypoints.json", few, as_set("animal_pose"), seed)
    found["mmpose"] = outcomes(
        folder, coco(joints=ANIMAL_POSE20.joints), "mmpose.json", few, as_set("animal_pose"), seed
    )
    found["mpii"] = outcomes(folder, mpii(), "mpii.json", few, as_set("mpii"), seed)
    (folder / "keypoints.json").unlink()
    assert sum(each.total() for each in found.values()) == count
    return found


def test_some_damaged_annotation_files(folder, people):
    found = run_all(folder, people, 300, seed=0)
    assert found["coco"]["value"] > 20 and found["coco"]["refused"] > 20


@pytest.mark.slow
def test_many_damaged_annotation_files(folder, people, record_property):
    found = run_all(folder, people, 5000, seed=1)
    for name, each in found.items():
        record_property(name, dict(each))
    assert found["coco"]["value"] > 400 and found["coco"]["refused"] > 400
