"""Reports of runs, made of what a run folder holds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets.crops import crop_image
from ...datasets.pictures import PictureError
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...files import atomic_picture, read_json
from ...pose.geometry import apply, crop_matrix, square_box
from ...pose.schema import Mismatch, any_value, mapping_of, record, string
from ...pose.skeleton import Skeleton
from ...progress import track
from ..inference import Predictions
from ..prediction_files import remove_overlays
from ..protocol import Score
from ..run_folder import RunFolder
from ..run_log import read_log
from ..score import MAIN, THRESHOLD, frame_errors
from ..score_table import ScoreTable
from .blocks import Block, CurvesBlock, FactsBlock, GalleryBlock, OptionsBlock, Picture, ScoresBlock, TextBlock
from .overlays import best_and_worst, overlay
from .page import build_report

TILE = 192  # side of the pictures in a report, px


def crop_of(
    dataset: PoseDataset, index: int, *points: np.ndarray, size: int = TILE
) -> tuple[np.ndarray, list[np.ndarray]]:
    """(size, size, 3) uint8 crop of one animal, and points (K, 2) in picture px brought to its frame."""
    sample = dataset[index]
    square = square_box(sample.box_xywh, dataset.crop_factor)
    matrix = crop_matrix(square, size)
    return crop_image(sample.image, square, size), [apply(matrix, np.asarray(p, np.float64)) for p in points]


def curves_of(folder: RunFolder) -> list[CurvesBlock]:
    """Losses and scores over the epochs, from the run's log."""
    columns = read_log(folder)
    epoch = columns["epoch"]
    told = ("train/loss", "train/acc", "train/alpha")  # told beside, no losses
    losses = {
        k[6:]: (epoch, v)
        for k, v in columns.items()
        if k.startswith("train/") and k not in told and not k.startswith("train/acc_")
    }
    domains = {k[10:].replace("_", " / "): (epoch, 100 * v) for k, v in columns.items() if k.startswith("train/acc_")}
    scores = {k: (epoch, 100 * v) for k, v in columns.items() if k.endswith(("/pck", "/acc", "_acc"))}
    own = {k.removeprefix("selfcheck/"): (epoch, v) for k, v in columns.items() if k.startswith("selfcheck/")}
    curves = [
        CurvesBlock("Losses", losses, "epoch", "loss", "means over the epoch's batches"),
        CurvesBlock(
            "Scores while training", scores, "epoch", "right, %", "pck: exact/crop; acc: on whole heatmap cells"
        ),
    ]
    if domains:
        note = "mean of the shares of both domains told rightly; 50 %: they look alike to it"
        curves.append(CurvesBlock("Domain discriminator", domains, "epoch", "right, %", note))
    if "guard/box_fill" in columns:
        curves.append(_box_fill(columns))
    if own:
        note = "taken without target labels"
        curves.append(CurvesBlock("Label-free score", own, "epoch", "score", note))
    return curves


def _box_fill(columns: Mapping[str, Any]) -> CurvesBlock:
    """Distance of the box fill over the epochs, the start network's at epoch 0, and the limit."""
    epoch, limit = columns["epoch"], columns["guard/limit"]
    known = np.flatnonzero(np.isfinite(limit))
    x = np.concatenate([[0.0], epoch])
    start = columns["guard/start"][known[0]] if len(known) else math.nan
    series = {"box fill": (x, np.concatenate([[start], columns["guard/box_fill"]]))}
    series["limit"] = (x, np.full(len(x), limit[known[0]] if len(known) else math.nan))
    note = (
        "how far the poses on the target are from filling their boxes as the source's labelled poses do, in deviations of the "
        "source; no target label was read. Above the limit the run ends, and model_best is the network it began with"
    )
    return CurvesBlock("Box fill", series, "epoch", "distance", note)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def overlays(
    title: str, dataset: PoseDataset, found: Predictions, skeleton: Skeleton, n: int = 6, note: str = ""
) -> GalleryBlock:
    """The frames with the best and the worst predictions, prediction over truth."""
    errors, valid = frame_errors(found)
    chosen = best_and_worst(errors, valid, n)
    items = []
    for kind, rows in (("best", chosen.best), ("worst", chosen.worst)):
        for i in rows:
            right = (errors[i] < THRESHOLD) & valid[i]
            caption = f"{found.ids[i]}: {right.sum()} of {valid[i].sum()} right"
            items.append(Picture(_overlay(dataset, found, skeleton, int(i)), caption, {"frame": kind}))
    return GalleryBlock(
        title, items, note or "filled: predicted; hollow: label; a line joins a joint that is off to its label"
    )


def _overlay(dataset: PoseDataset, found: Predictions, skeleton: Skeleton, i: int) -> np.ndarray:
    errors, valid = frame_errors(found)
    crop, (xy_pred, xy_true) = crop_of(dataset, i, np.nan_to_num(found.xy_px[i]), found.xy_true_px[i])
    return overlay(crop, xy_pred, xy_true, valid[i], skeleton, errors[i])


def frame_overlays(folder: Path, dataset: PoseDataset, found: Predictions, skeleton: Skeleton) -> None:
    """Write every frame's overlay as a picture named after its number, in place of earlier ones."""
    remove_overlays(folder)
    for i in track(np.flatnonzero(found.read), "overlays", int(found.read.sum())):
        atomic_picture(folder / f"{i:06d}.jpg", _overlay(dataset, found, skeleton, int(i))[..., ::-1])


def test_report(
    folder: RunFolder,
    dataset: PoseDataset,
    found: Predictions,
    scores: Mapping[str, Score],
    skeleton: Skeleton,
    facts: Mapping[str, Any],
    tables: Sequence[ScoreTable] = (),
) -> Path:
    """Write the report of a test: scores in every protocol and overlays."""
    main = scores[MAIN]
    try:
        frames: Block = overlays("Best and worst frames", dataset, found, skeleton)
    except PictureError as error:  # given predictions are scored without pictures too
        frames = TextBlock("Best and worst frames", f"left out, since {error.path} cannot be read: {error.reason}")
    blocks = [
        *[table.block() for table in tables],
        ScoresBlock("PCK@0.05 per joint", dict(scores)),
        frames,
        FactsBlock("Network and data", facts),
    ]
    summary = f"{100 * main.mean:.1f} % of the visible joints right ({main.protocol.metric}, n = {main.n})"
    figures = {" ".join(table.headline): f"{100 * table.mean:.1f} %" for table in tables if math.isfinite(table.mean)}
    figures[MAIN] = f"{100 * main.mean:.1f} %"
    return build_report(folder.report, "test", summary, blocks, figures)


def run_facts(folder: RunFolder) -> dict[str, Any]:
    """What run.json says; empty without one.

    Raises:
        DataError: when it cannot be read.
    """
    path, remedy = folder.run_json, "run the command of the run again"
    if not path.is_file():
        return {}
    facts = read_json(path, "JSON that a run has written", remedy)
    try:
        _RUN(facts, "")
    except Mismatch as error:
        raise DataError(f"{RunFolder.RUN_JSON} as a run has written it", f"{path}: {error}", remedy) from error
    return facts


_RUN = record(
    {"method": string(), "options": mapping_of(any_value)},
    {"command": string(100_000), "started_in": string(10_000), "data": mapping_of(any_value)},
)


def training_report(
    folder: RunFolder,
    dataset: PoseDataset,
    found: Predictions,
    scores: Mapping[str, Score],
    skeleton: Skeleton,
    facts: Mapping[str, Any],
    more: Sequence[Block] = (),
) -> Path:
    """Write the report of a run: scores in every protocol, curves, overlays, options and command."""
    run = run_facts(folder)
    main = scores[MAIN]
    blocks = [
        ScoresBlock("PCK@0.05 per joint", dict(scores)),
        *more,
        *curves_of(folder),
        overlays("Best and worst frames", dataset, found, skeleton),
        FactsBlock("Data", {k: v if not isinstance(v, Mapping) else dict(v) for k, v in facts.items()}),
        OptionsBlock("Options", run.get("options", {}), run.get("command", "")),
    ]
    summary = f"{100 * main.mean:.1f} % of the visible joints right ({main.protocol.metric}, n = {main.n})"
    guard = facts.get("guard", {})
    if guard.get("stopped after epoch"):
        summary = f"{_sentence(guard['outcome'])} The run was stopped after epoch {guard['stopped after epoch']}.\n\n{summary}"
    return build_report(
        folder.report,
        f"{facts.get('method', 'run')}: {folder.path.name}",
        summary,
        blocks,
        {MAIN: f"{100 * main.mean:.1f} %"},
    )
