"""From predictions to scores, the exact protocols and the published one side by side."""

from __future__ import annotations

import numpy as np

from ..errors import DataError
from ..pose.skeleton import Skeleton
from . import metrics
from .predict import Predictions
from .protocol import Protocol, Score
from .published_pck import published_pck_of_peaks

THRESHOLD = 0.05
MAIN = "exact/crop"  # the score that selects checkpoints and stands in metrics.json


def score_predictions(
    found: Predictions,
    skeleton: Skeleton,
    heatmap_size: int,
    data: str = "",
    batch_size: int = 6,
    notes: tuple[str, ...] = (),
) -> dict[str, Score]:
    """Scores by protocol name: `exact/crop`, `exact/box`, `exact/diagonal`, `published`.

    Args:
        found: predictions with labels.
        skeleton: names and groups.
        heatmap_size: cells of the maps the published protocol counts on.
        data: what was scored, for the protocol line.
        batch_size: of the published protocol, whose numbers depend on it.
        notes: further words for every protocol line.

    Raises:
        DataError: when nothing is labelled visible.
    """
    rows = found.read
    valid = found.visible[rows] == 2
    if not valid.any():
        raise DataError(
            "labels to score against",
            f"{rows.sum()} pictures{f' of {data}' if data else ''} without one visible joint",
            "score on a data set with labels",
        )
    pred, true = found.xy_px[rows], found.xy_true_px[rows]
    normalisers = {
        "crop": metrics.crop_side(found.box_xywh[rows], found.crop_factor),
        "box": metrics.box_longer_side(found.box_xywh[rows]),
        "diagonal": metrics.image_diagonal(found.size_hw[rows]),
    }
    scores = {}
    for name, length in normalisers.items():
        protocol = Protocol(f"exact/{name}", THRESHOLD, name, data=data, frames=int(rows.sum()), notes=notes)
        scores[protocol.name] = Score.from_pck(metrics.pck(pred, true, valid, length, THRESHOLD), skeleton, protocol)
    scores["published"] = _published(found, skeleton, heatmap_size, data, batch_size, notes)
    return scores


def _published(
    found: Predictions, skeleton: Skeleton, heatmap_size: int, data: str, batch_size: int, notes: tuple[str, ...]
) -> Score:
    rows = found.read
    score = published_pck_of_peaks(
        found.cells[rows], found.target_cells[rows], heatmap_size, batch_size, names=skeleton.joints
    )
    protocol = Protocol(
        "published",
        THRESHOLD,
        "crop",
        pooling=f"joints in batches of {batch_size}, then over batches",
        visible_only=False,
        data=data,
        frames=int(rows.sum()),
        notes=(f"whole cells of {heatmap_size} x {heatmap_size} maps", *notes),
    )
    return Score.from_joints(score.pck, score.n, skeleton, protocol, mean=score.mean)


def frame_errors(found: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """(N, K) errors in shares of the crop's side, and which of them count (visible joints of pictures that were read)."""
    side = metrics.crop_side(np.maximum(found.box_xywh, 1e-6), found.crop_factor)
    errors = np.linalg.norm(found.xy_px - found.xy_true_px, axis=-1) / side[:, None]
    return errors, (found.visible == 2) & found.read[:, None]
