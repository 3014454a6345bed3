"""Reports of runs: what a run folder holds, as blocks of one page."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...datasets.pictures import PictureError
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...files import read_json
from ...pose.schema import Mismatch, any_value, mapping_of, record, string
from ..protocol import Score
from ..run_folder import RunFolder
from ..score import MAIN
from .blocks import Block, FactsBlock, OptionsBlock, ScoresBlock, TextBlock
from .curves import curves_of
from .overlay_gallery import overlay_gallery
from .page import build_report
from .saved_predictions import SavedPredictions
from .verdict import evidence_curves, verdict_text


def test_report(folder: RunFolder, dataset: PoseDataset, saved: SavedPredictions) -> Path:
    """Write the report of a test: scores in every protocol, and the best and worst frames.

    Args:
        folder: where the report is written.
        dataset: the data that were scored. Its pictures are read; without them the report has no frames.
        saved: predictions and scores.

    Returns:
        The path of the report.
    """
    main = saved.scores[MAIN]
    try:
        frames: Block = overlay_gallery("Best and worst frames", dataset, saved.predictions, saved.skeleton)
    except PictureError as error:  # predictions of a file are scored without pictures too
        frames = TextBlock("Best and worst frames", f"Left out: {error.path} cannot be read: {error.reason}")
    blocks = [
        *[table.block() for table in saved.tables],
        ScoresBlock("PCK@0.05 per joint", dict(saved.scores)),
        frames,
        FactsBlock("Network and data", saved.facts),
    ]
    figures = {
        " ".join(table.headline): f"{100 * table.mean:.1f} %" for table in saved.tables if math.isfinite(table.mean)
    }
    figures[MAIN] = f"{100 * main.mean:.1f} %"
    return build_report(folder.report, "test", _summary(main), blocks, figures)


def training_report(
    folder: RunFolder, dataset: PoseDataset, saved: SavedPredictions, more: Sequence[Block] = ()
) -> Path:
    """Write the report of a training or an adaptation: scores in every protocol, curves, frames, options and command.

    Args:
        folder: the run folder, with log.csv and run.json.
        dataset: the data that were scored. Its pictures are read.
        saved: predictions and scores.
        more: blocks of the method, shown after the scores.

    Returns:
        The path of the report.

    Raises:
        DataError: a file of the run, or a picture, cannot be read.
    """
    run, facts, main = read_run_json(folder), saved.facts, saved.scores[MAIN]
    blocks = [
        ScoresBlock("PCK@0.05 per joint", dict(saved.scores)),
        *[table.block() for table in saved.tables],
        *more,
        *curves_of(folder),
        *evidence_curves(facts),
        overlay_gallery("Best and worst frames", dataset, saved.predictions, saved.skeleton),
        FactsBlock(
            "Data", {k: v if not isinstance(v, Mapping) else dict(v) for k, v in facts.items() if k != "verdict"}
        ),
        OptionsBlock("Options", run.get("options", {}), run.get("command", "")),
    ]
    summary = "\n\n".join(filter(None, (verdict_text(facts), _summary(main))))
    title = f"{facts.get('method', 'run')}: {folder.path.name}"
    return build_report(folder.report, title, summary, blocks, {MAIN: f"{100 * main.mean:.1f} %"})


def read_run_json(folder: RunFolder) -> dict[str, Any]:
    """What run.json holds; empty without the file.

    Raises:
        DataError: the file cannot be read.
    """
    path, remedy = folder.run_json, "run the command of the run again"
    if not path.is_file():
        return {}
    facts: dict[str, Any] = read_json(path, "JSON that a run has written", remedy)
    try:
        _RUN(facts, "")
    except Mismatch as error:
        raise DataError(f"{RunFolder.RUN_JSON} as a run has written it", f"{path}: {error}", remedy) from error
    return facts


_RUN = record(
    {"method": string(), "options": mapping_of(any_value)},
    {"command": string(100_000), "started_in": string(10_000), "data": mapping_of(any_value)},
)


def _summary(score: Score) -> str:
    return f"{100 * score.mean:.1f} % of the visible joints right ({score.protocol.metric}, n = {score.n})"
