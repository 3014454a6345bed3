"""--debug N: sheets of the first batches of any method, and the same run as without them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from zoopose.train.debug_sheets import labelled_parts
from zoopose.train.options import TrainOptions
from zoopose.train.train import run
from zoopose.train.training import LAST

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture(scope="module")
def data(tmp_path_factory, tiny_coco):
    return tiny_coco(tmp_path_factory.mktemp("data"))


def test_sheets_of_the_first_batches_and_the_same_weights(tmp_path, data, tiny_options, run_state):
    states = []
    for count in (2, 0):
        options = tiny_options(tmp_path / str(count), dataset=f"coco:{data}", valid=f"coco:{data}", epochs=1)
        states.append(run_state(run(TrainOptions(**options, debug=count)), LAST))
    assert states[0] == states[1]
    sheets = sorted(p.name for p in (tmp_path / "2/debug").iterdir())
    assert sheets == ["000_joints.jpg", "000_maps.jpg", "001_joints.jpg", "001_maps.jpg"]
    assert not (tmp_path / "0/debug").exists()
    maps = cv2.imread(str(tmp_path / "2/debug/000_maps.jpg"))
    assert maps.std() > 5  # not one colour


def test_a_sheet_of_crops_that_are_no_squares(tmp_path, data, tiny_options):
    options = tiny_options(tmp_path, dataset=f"coco:{data}", valid=f"coco:{data}", epochs=1)
    options["inp_res"] = (64, 32)
    folder = run(TrainOptions(**options, debug=1))
    sheet = cv2.imread(str(folder / "debug/000_joints.jpg"))
    tall, wide = 64 * 5, 32 * 5 * 2  # five times as large, true and predicted beside each other
    assert sheet.shape[0] % tall == 0 and sheet.shape[1] % wide == 0


def test_every_part_with_targets_is_found():
    part = {"images": torch.zeros(1), "target": torch.zeros(1), "weight": torch.zeros(1)}
    assert [n for n, _ in labelled_parts(part)] == [""]
    assert [n for n, _ in labelled_parts((3, {"human": part, "target": {"images": 0}, "animal": part}))] == [
        "human",
        "animal",
    ]
    assert [n for n, _ in labelled_parts((part, None, part))] == ["0", "2"]
    assert np.all([p is part for _, p in labelled_parts([part, part])])
