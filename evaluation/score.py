"""From predictions to scores, the exact protocols and the published one side by side."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.io import savemat

from ..datasets.sample import PoseDataset
from ..errors import DataError
from ..files import atomic_path
from ..pose.checkpoints import Loaded
from ..pose.skeleton import Skeleton
from ..progress import log
from . import metrics
from .inference import Observer, PredictConfig, Predictions, predict
from .options import InferenceOptions, ScoringOptions
from .original_pck import original_pck_of_peaks
from .protocol import Protocol, Score, text_table, write_metrics
from .run_folder import RunFolder
from .score_table import ScoreTable

THRESHOLD = 0.05
BATCH = 16  # pictures at once; no score depends on it
MAIN = "exact/crop"  # the score that selects checkpoints, and `mean` of metrics.json


def score_predictions(
    found: Predictions,
    skeleton: Skeleton,
    original_cells: int | None,
    data: str = "",
    batch_size: int = 6,
    notes: tuple[str, ...] = (),
) -> dict[str, Score]:
    """Scores by protocol name: `exact/crop`, `exact/box`, `exact/diagonal`, and `published` where it has a sense.

    Args:
        found: predictions with labels.
        skeleton: names and groups.
        original_cells: side of the maps the published protocol counts on, see `InputSpec.original_cells`; None: without it.
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
    if not found.size_hw[rows].all():  # predictions of a file, whose pictures are missing
        del normalisers["diagonal"]
    scores = {}
    for name, length in normalisers.items():
        protocol = Protocol(f"exact/{name}", THRESHOLD, name, data=data, frames=int(rows.sum()), notes=notes)
        scores[protocol.name] = Score.from_pck(metrics.pck(pred, true, valid, length, THRESHOLD), skeleton, protocol)
    if original_cells:
        scores["published"] = _published(found, skeleton, original_cells, data, batch_size, notes)
    return scores


def _published(
    found: Predictions, skeleton: Skeleton, heatmap_size: int, data: str, batch_size: int, notes: tuple[str, ...]
) -> Score:
    rows = found.read
    score = original_pck_of_peaks(
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


def print_scores(scores: Mapping[str, Score]) -> None:
    """The per-joint table, protocols side by side."""
    for line in text_table(dict(scores)).splitlines():
        log.info(line)


def scores_json(scores: Mapping[str, Score], main: str = MAIN) -> dict[str, Any]:
    """metrics.json: the main protocol's score, every protocol under `protocols`."""
    return {**scores[main].to_json(), "protocols": {name: score.to_json() for name, score in scores.items()}}


def write_scores(
    path: Path, scores: Mapping[str, Score], tables: Sequence[ScoreTable], more: Mapping[str, Any] | None = None
) -> None:
    """metrics.json of a test: as `scores_json`, with the tables among the protocols, and `more` at the top level."""
    found = {**scores_json(scores), **(more or {})}
    found["protocols"] |= {table.name: table.to_json() for table in tables}
    write_metrics(path, found)


def write_predictions(path: Path, found: Predictions) -> None:
    """preds (N, K, 2) in picture px, as the published preds*.mat, but counted from 0, as `counted_from` states."""
    with atomic_path(path) as temporary:
        savemat(temporary, {"preds": np.nan_to_num(found.xy_px, nan=-1), "counted_from": 0}, appendmat=False)


def predict_with(
    network: Loaded,
    dataset: PoseDataset,
    device: torch.device,
    options: InferenceOptions,
    observe: Observer | None = None,
) -> Predictions:
    """Joints of a data set by a loaded network, with the options of a command; `observe` as in `predict`."""
    model = network.model.to(device).to(memory_format=torch.channels_last)
    config = PredictConfig(
        options.predict_batch, options.workers, options.flip, strict=options.strict_data, phase="scoring"
    )
    return predict(model, dataset, network.spec, device, config, observe)


def label_marks(dataset: PoseDataset) -> list[str]:
    """A short text for each labelled animal: its id and a checksum of its joints, so that equal names of other pictures differ."""
    if dataset.labels is None:
        return []
    xy, visible = (np.ascontiguousarray(part) for part in dataset.labels)
    xy = np.where(visible[..., None] > 0, np.nan_to_num(xy), 0).astype(np.float32)
    return [f"{name} {zlib.crc32(a.tobytes() + b.tobytes()):08x}" for name, a, b in zip(dataset.ids, xy, visible)]


def trained_on_notes(network: Loaded, dataset: PoseDataset) -> tuple[str, ...]:
    """A note about a score on pictures whose labels the network was trained on (`ccssl --target-labels`), which is also logged."""
    trained = network.state.get("zoopose", {}).get("run", {}).get("extra", {}).get("target_labels", {})
    shared = len(set(label_marks(dataset)) & set(trained.get("marks", ())))
    if not shared:
        return ()
    note = (
        f"{shared} of {len(dataset)} pictures were trained on with their labels (--target-labels {trained.get('data')})"
    )
    log.warning("%s: this score is no estimate of other pictures", note)
    return (note,)


def score_network(
    network: Loaded,
    dataset: PoseDataset,
    device: torch.device,
    options: ScoringOptions,
    folder: RunFolder,
    observe: Observer | None = None,
) -> tuple[dict[str, Score], Predictions]:
    """Score a loaded network, print the table, write metrics.json (or --json) and preds_valid.mat; `observe` as in `predict`.

    Raises:
        DataError: without labels, or with mostly unreadable pictures.
    """
    found = predict_with(network, dataset, device, options, observe)
    notes = (*(("mirrored picture averaged in",) if options.flip else ()), *trained_on_notes(network, dataset))
    name = str(dataset.describe().get("name", ""))
    scores = score_predictions(found, network.skeleton, network.spec.original_cells, name, options.test_batch, notes)
    print_scores(scores)
    path = Path(options.json) if options.json else folder.metrics
    write_metrics(path, scores_json(scores))
    write_predictions(folder.preds_valid, found)
    log.info("scores written to %s", path)
    if found.faults:
        log.warning(found.faults)
    return scores, found
