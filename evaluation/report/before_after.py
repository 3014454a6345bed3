"""Target pictures before and after an adaptation, side by side: what a person sees of an adaptation without labels."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...datasets.sample import PoseDataset
from ...datasets.views import Subset, Unlabelled
from ...errors import DataError
from ...files import atomic_json, read_json
from ...pose import checkpoints
from ...pose.draw import draw_pose, stretch_contrast
from ...pose.schema import Mismatch, any_value, list_of, record
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
_SAMPLE = record({name: list_of(any_value) for name in ("ids", "rows", "before", "after")}, {})


def before_after_of_run(folder: RunFolder, target: PoseDataset, device: torch.device) -> list[Block]:
    """As `before_after_blocks`, for the end of a run: the start network and the best network predict some pictures first.

    Their joints are written to the run folder, so that the page can be made again without the networks.

    Args:
        folder: of the run. Without a start network the run has no such block.
        target: what was adapted to; labels are not read.
        device: where the networks run.
    """
    folder.before_after.unlink(missing_ok=True)
    if not folder.start.is_file() or not len(target):
        return []
    rows = np.unique(np.linspace(0, len(target) - 1, min(PICTURES, len(target))).round().astype(int))
    before, after = (_predicted(path, target, rows, device) for path in (folder.start, folder.best))
    read = np.flatnonzero(before.read & after.read).tolist()
    sample = {
        "ids": [target.ids[row] for row in rows[read]],
        "rows": rows[read].tolist(),
        "before": [_pose(before, i) for i in read],
        "after": [_pose(after, i) for i in read],
    }
    atomic_json(folder.before_after, sample, 1)
    return before_after_blocks(folder, target)


def before_after_blocks(folder: RunFolder, target: PoseDataset) -> list[Block]:
    """The block of an adaptation's target pictures; none if the run has written none, or a picture cannot be read.

    Raises:
        DataError: the file in the run folder is damaged, or of other pictures than the target's.
    """
    path, remedy = folder.before_after, "delete it, or run the command of the run again"
    if not path.is_file():
        return []
    sample = read_json(path, "JSON that a run has written", remedy)
    try:
        _SAMPLE(sample, "")
        same = [target.ids[row] for row in sample["rows"]] == sample["ids"]
    except (Mismatch, IndexError, TypeError) as error:
        raise DataError("poses that a run has written", f"{path}: {error}", remedy) from error
    if not same:
        raise DataError(f"the pictures of {path}", "other pictures in the target", remedy)
    try:
        items = [_pair(target, *row) for row in zip(sample["rows"], sample["before"], sample["after"])]
    except (DataError, KeyError, TypeError, ValueError) as error:
        log.warning("the report has no pictures before and after: %s", error)
        return []
    return [GalleryBlock("Before and after adaptation", items, NOTE, max_side_px=2 * SIDE_PX)] if items else []


def _predicted(path: Path, target: PoseDataset, rows: np.ndarray, device: torch.device) -> Predictions:
    """Predictions of a checkpoint for some rows of the target."""
    network = checkpoints.load(path)
    some = Subset(Unlabelled(target, network.skeleton), rows)
    config = PredictConfig(phase="target pictures for the report")
    return predict(network.model.to(device), some, network.spec, device, config)


def _pose(found: Predictions, i: int) -> dict[str, Any]:
    return {"xy_px": found.xy_px[i].round(2).tolist(), "score": found.score[i].round(4).tolist()}


def _pair(target: PoseDataset, row: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> Picture:
    """One picture of the target twice, with the poses of both networks."""
    tiles = []
    poses = [np.array(pose["xy_px"], float) for pose in (before, after)]
    scores = [np.array(pose["score"], float) for pose in (before, after)]
    for pose, score in zip(poses, scores):
        crop, (xy,) = crop_of(target, row, pose, size=SIDE_PX)
        tiles.append(draw_pose(stretch_contrast(crop), xy, target.skeleton, confidence=score))
    gap = np.full((SIDE_PX, GAP_PX, 3), 255, np.uint8)
    moved = np.median(np.linalg.norm(poses[1] - poses[0], axis=-1))
    words = f"mean peak {scores[0].mean():.2f} before, {scores[1].mean():.2f} after; median move {moved:.0f} px"
    return Picture(np.concatenate([tiles[0], gap, tiles[1]], 1), f"{target.ids[row]}: {words}")
