"""The picture of a demo: the same frames by the network before and after adaptation, one row each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np

from zoopose.datasets.sample import PoseDataset
from zoopose.evaluation.inference import Predictions
from zoopose.evaluation.report.overlay_gallery import crop_of, spread
from zoopose.evaluation.report.overlays import overlay
from zoopose.evaluation.score import frame_errors
from zoopose.files import atomic_picture
from zoopose.pose.skeleton import Skeleton

COLUMNS = 4
SIDE_PX = 240
STRIP_PX = 22  # height of the line of text over a row
GAP_PX = 4


def draw_result(dataset: PoseDataset, networks: Mapping[str, Predictions], skeleton: Skeleton) -> np.ndarray:
    """The picture, (H, W, 3) uint8 RGB.

    Args:
        dataset: what was predicted; every network has predicted all of it.
        networks: title of a row -> predictions.
        skeleton: of the predictions.
    """
    frames = spread(next(iter(networks.values())), COLUMNS)
    rows = []
    for title, found in networks.items():
        errors, valid = frame_errors(found)
        tiles = []
        for i in frames:
            crop, (xy_pred, xy_true) = crop_of(dataset, int(i), np.nan_to_num(found.xy_px[i]), found.xy_true_px[i])
            tile = overlay(crop, xy_pred, xy_true, valid[i], skeleton, errors[i], confidence=found.score[i])
            tiles.append(cv2.resize(tile, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA))
            tiles.append(np.full((SIDE_PX, GAP_PX, 3), 255, np.uint8))
        row = np.concatenate(tiles[:-1], 1)
        strip = np.full((STRIP_PX, row.shape[1], 3), 255, np.uint8)
        cv2.putText(strip, title, (2, STRIP_PX - 7), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (40, 40, 40), 1, cv2.LINE_AA)
        rows += [strip, row]
    return np.concatenate(rows)


def write_result(path: Path, dataset: PoseDataset, networks: Mapping[str, Predictions], skeleton: Skeleton) -> None:
    """Write the picture as PNG."""
    atomic_picture(path, draw_result(dataset, networks, skeleton)[..., ::-1], (cv2.IMWRITE_PNG_COMPRESSION, 9))
