"""Training and validation data of a command."""

import json

import cv2
import numpy as np
import pytest

from zoopose import files
from zoopose.datasets.coco.file import CocoFiles
from zoopose.train.data import training_and_validation
from zoopose.train.options import TrainOptions


@pytest.fixture
def coco(tmp_path):
    names = [f"{i}.png" for i in range(10)]
    for name in names:
        cv2.imwrite(str(tmp_path / name), np.zeros((40, 60, 3), np.uint8))
    keypoints = [2, 2, 2, 30, 30, 2]
    data = {
        "images": [{"id": i, "file_name": name, "width": 60, "height": 40} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": 1, "bbox": [1, 1, 40, 35], "keypoints": keypoints}
            for i in range(10)
        ],
        "categories": [{"id": 1, "name": "cat", "keypoints": ["nose", "tail"]}],
    }
    (tmp_path / "a.json").write_text(json.dumps(data))
    return tmp_path / "a.json"


@pytest.fixture
def opened(monkeypatch):
    """Paths of the JSON files read, in order."""
    paths, read = [], files._text
    monkeypatch.setattr(files, "_text", lambda path, *rest: paths.append(path) or read(path, *rest))
    return paths


@pytest.mark.parametrize("valid", ["", "the same file"])
def test_a_coco_file_is_read_once_for_training_and_validation(coco, opened, valid):
    source = f"coco:{coco}"
    training, validation = training_and_validation(source, valid and source, TrainOptions(dataset=source))
    assert opened == [coco]
    counts = len(training), len(validation)
    assert counts == ((8, 2) if not valid else (10, 10))


def test_a_category_that_the_file_has_not_does_not_make_it_read_twice(coco, opened):
    source = f"coco:{coco}"
    options = TrainOptions(dataset=source, category="cat")
    training_and_validation(source, "", options)
    assert opened == [coco]


def test_files_are_forgotten_with_the_command(coco, opened):
    CocoFiles().read(coco)
    CocoFiles().read(coco)
    assert opened == [coco, coco]
