"""Target pictures before and after an adaptation, side by side: what a person sees of an adaptation without labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from ...datasets.sample import PoseDataset
from ...datasets.views import Subset, Unlabelled
from ...errors import DataError
from ...pose import checkpoints
from ...pose.draw import draw_pose, stretch_contrast
from ...progress import log
from ..inference import PredictConfig, Predictions, predict
from ..run_folder import RunFolder
from .blocks import Block, GalleryBlock, Picture
from .overlay_gallery import GAP_PX, crop_of

PICTURES = 6  # of the target, in the report
SIDE_PX = 384  # of each of the two pictures
NOTE = (
    "Left: the network that the adaptation started from. Right: model_best. The pictures are evenly spaced; no label was read. "
    "Orange is the animal's left, blue its right, pink joints have no side. The fainter, the less confident. The contrast is "
    "stretched for display."
)


def before_after_blocks(folder: RunFolder, target: PoseDataset, device: torch.device) -> list[Block]:
    """The block of an adaptation's target pictures; none if the folder has no start network, or a picture cannot be read.

    Args:
        folder: of the run; its start network and its best network predict.
        target: what was adapted to; labels are not read.
        device: where the networks run.
    """
    if not folder.start.is_file() or not folder.best.is_file() or not len(target):
        return []
    rows = np.unique(np.linspace(0, len(target) - 1, min(PICTURES, len(target))).round().astype(int))
    try:
        before, after = (_predicted(path, target, rows, device) for path in (folder.start, folder.best))
        items = [_pair(target, int(row), i, before, after) for i, row in enumerate(rows) if before.read[i]]
    except DataError as error:
        log.warning("the report has no pictures before and after: %s", error.found)
        return []
    return [GalleryBlock("Before and after adaptation", items, NOTE, max_side_px=2 * SIDE_PX)] if items else []


def _predicted(path: Path, target: PoseDataset, rows: np.ndarray, device: torch.device) -> Predictions:
    """Predictions of a checkpoint for some rows of the target."""
    network = checkpoints.load(path)
    some = Subset(Unlabelled(target, network.skeleton), rows)
    return predict(
        network.model.to(device), some, network.spec, device, PredictConfig(phase="target pictures for the report")
    )


def _pair(target: PoseDataset, row: int, i: int, before: Predictions, after: Predictions) -> Picture:
    """One picture of the target twice, with the poses of row `i` of both predictions."""
    tiles = []
    for found in (before, after):
        crop, (xy,) = crop_of(target, row, np.nan_to_num(found.xy_px[i]), size=SIDE_PX)
        tiles.append(draw_pose(stretch_contrast(crop), xy, target.skeleton, confidence=found.score[i]))
    gap = np.full((SIDE_PX, GAP_PX, 3), 255, np.uint8)
    moved = np.median(np.linalg.norm(after.xy_px[i] - before.xy_px[i], axis=-1))
    words = (
        f"mean peak {before.score[i].mean():.2f} before, {after.score[i].mean():.2f} after; median move {moved:.0f} px"
    )
    return Picture(np.concatenate([tiles[0], gap, tiles[1]], 1), f"{target.ids[row]}: {words}")
