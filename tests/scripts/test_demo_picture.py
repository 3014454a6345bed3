"""The picture of a demo: the same frames for every network, whatever the predictions are."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from zoopose.datasets.open import open_data
from zoopose.evaluation.inference import Predictions
from zoopose.evaluation.report.overlay_gallery import GAP_PX as GAP
from zoopose.evaluation.report.overlay_gallery import before_after_gallery
from zoopose.scripts.demo_picture import COLUMNS, GAP_PX, SIDE_PX, STRIP_PX, draw_result, spread, write_result


def predictions(dataset, offset_px=0.0) -> Predictions:
    """The labels of a data set, moved."""
    xy, visible = dataset.labels
    n, k = visible.shape
    nothing, boxes = np.zeros((n, k, 2), np.float32), np.stack([dataset[i].box_xywh for i in range(n)])
    return Predictions(
        list(dataset.ids), xy + offset_px, np.ones((n, k)), nothing, nothing, xy, visible, boxes, np.full((n, 2), 64),
        dataset.crop_factor, np.ones(n, bool),
    )  # fmt: skip


def test_frames_are_spread_evenly_over_those_that_can_be_shown(tiny_coco, tmp_path):
    dataset = open_data(f"coco:{tiny_coco(tmp_path)}")
    found = predictions(dataset)
    visible = found.visible.copy()
    visible[0] = False
    frames = spread(replace(found, visible=visible))
    assert len(frames) == min(COLUMNS, len(dataset) - 1) and 0 not in frames
    assert (np.diff(frames) > 0).all() and frames[-1] == len(dataset) - 1
    np.testing.assert_array_equal(spread(predictions(dataset, 30.0)), spread(found))


def test_a_row_for_every_network(tiny_coco, tmp_path):
    dataset = open_data(f"coco:{tiny_coco(tmp_path)}")
    right, wrong = predictions(dataset), predictions(dataset, 30.0)
    picture = draw_result(dataset, {"a": right, "b": wrong}, dataset.skeleton)
    columns = len(spread(right))
    assert picture.shape == (2 * (SIDE_PX + STRIP_PX), columns * SIDE_PX + (columns - 1) * GAP_PX, 3)
    above, below = np.split(picture, 2)
    assert (above != below).any(2).sum() > 100, "predictions show"
    np.testing.assert_array_equal(*np.split(draw_result(dataset, {"a": right, "a ": right}, dataset.skeleton), 2))
    write_result(tmp_path / "result.png", dataset, {"a": right, "b": wrong}, dataset.skeleton)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "result.png"))[..., ::-1], picture)


def test_pairs_of_the_same_frames_stand_side_by_side(tiny_coco, tmp_path):
    dataset = open_data(f"coco:{tiny_coco(tmp_path)}")
    right, wrong = predictions(dataset), predictions(dataset, 30.0)
    block = before_after_gallery("Both", dataset, {"before": wrong, "after": right}, dataset.skeleton, 3)
    assert len(block.items) == 3 and "before, after" in block.note
    joints = int((right.visible[0] == 2).sum())
    assert block.items[0].caption == f"{dataset.ids[0]}: before 0 of {joints} right, after {joints} of {joints} right"
    for item in block.items:
        height, width = item.image.shape[:2]
        assert width == 2 * height + GAP and block.max_side_px == 2 * 384
        assert (item.image[:, :height] != item.image[:, -height:]).any()
