"""The block of target pictures before and after an adaptation."""

from __future__ import annotations

import shutil

import cv2
import pytest
import torch

from zoopose.datasets.open import open_data
from zoopose.errors import DataError
from zoopose.evaluation.report.before_after import PICTURES, before_after_blocks, before_after_of_run
from zoopose.evaluation.run_folder import RunFolder


@pytest.fixture
def run(tmp_path, seeing_checkpoint):
    """A run folder whose start and best network are the same."""
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    seeing_checkpoint(folder.start)
    shutil.copy(folder.start, folder.best)
    return folder


def test_the_same_pictures_twice(run, tiny_coco, tmp_path):
    target = open_data(f"coco:{tiny_coco(tmp_path, n=12)}")
    (block,) = before_after_of_run(run, target, torch.device("cpu"))
    assert len(block.items) == PICTURES and len({item.caption for item in block.items}) == PICTURES
    for item in block.items:
        height, width = item.image.shape[:2]
        assert (item.image[:, :height] == item.image[:, width - height :]).all() and "median move 0 px" in item.caption
    run.best.unlink()
    (again,) = before_after_blocks(run, target)  # without the networks
    assert all((a.image == b.image).all() and a.caption == b.caption for a, b in zip(block.items, again.items))


def test_left_out_without_a_start_network_or_a_picture(run, tiny_coco, tmp_path):
    data = tiny_coco(tmp_path)
    target, cpu = open_data(f"coco:{data}"), torch.device("cpu")
    first = next(path for path in sorted(data.parent.rglob("*")) if cv2.imread(str(path)) is not None)
    first.write_bytes(b"no picture")
    assert len(before_after_of_run(run, target, cpu)[0].items) == PICTURES - 1
    run.start.unlink()
    assert before_after_of_run(run, target, cpu) == [] and not run.before_after.exists()


def test_poses_of_other_pictures_are_refused(run, tiny_coco, tmp_path):
    target = open_data(f"coco:{tiny_coco(tmp_path, n=12)}")
    before_after_of_run(run, target, torch.device("cpu"))
    other = open_data(f"coco:{tiny_coco(tmp_path / 'other', n=4)}")
    with pytest.raises(DataError, match="delete it"):
        before_after_blocks(run, other)
    run.before_after.write_text('{"rows": [0]}')
    with pytest.raises(DataError, match="delete it"):
        before_after_blocks(run, target)
