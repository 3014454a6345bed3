"""Blocks of a report about pseudo-labels: tables of all rounds, and frames to look through."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ...datasets.pseudo_labels import PseudoLabels
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...pose.skeleton import Skeleton
from ...progress import log
from ..run_folder import RunFolder
from .blocks import Block, LabelsBlock, TextBlock
from .label_frames import LabelFrames, crops_of
from .label_rounds import Disagreement, RoundSummary, read_labels, summarise
from .label_selection import (
    DISAGREEMENTS,
    FRAMES,
    JOINTS,
    ROUNDS,
    Shot,
    chosen_shots,
    gallery_rows,
    largest_disagreements,
    rows_that_fit,
    spread,
)
from .label_tables import label_tables


def label_blocks_of_run(folder: RunFolder, target: PoseDataset, skeleton: Skeleton) -> list[Block]:
    """As `label_blocks`, for the end of a run: damaged labels of an earlier round are reported, and the report is still written."""
    try:
        return label_blocks(folder, target, skeleton)
    except DataError as error:
        log.warning("the report has no pseudo-labels: %s", error.found)
        return [TextBlock("Pseudo-labels", f"Left out, since they cannot be read: {error.found}")]


def label_blocks(folder: RunFolder, target: PoseDataset, skeleton: Skeleton, name: str = "labels") -> list[Block]:
    """Blocks about the labels of every round; none for a run without labels.

    One round is read at a time. The page's pictures and numbers are bounded, whatever the size of the run. They are chosen by rule:
    the same run gives the same page.

    Args:
        folder: holds the labels of all rounds.
        target: the frames that were labelled.
        skeleton: the run's joints.
        name: of the frames in the page, unique in it.

    Raises:
        DataError: labels that cannot be read, or of other frames than the target's.
    """
    paths = folder.label_files()
    if not paths:
        return []
    rounds, confidence, label_rows = _summaries(paths, target)
    drawn = spread(range(len(rounds)), ROUNDS)
    shots = chosen_shots(target.shots)
    largest = largest_disagreements({i: rounds[i].largest for i in drawn}, DISAGREEMENTS)
    target_row = np.empty(len(label_rows), np.int64)
    target_row[label_rows] = np.arange(len(label_rows))
    required = [row for shot in shots for row in shot.rows] + [int(target_row[item.row]) for _, item in largest]
    required = list(dict.fromkeys(required))
    count = max(min(FRAMES, JOINTS // (len(drawn) * len(skeleton)) - len(required)), 24)
    examples = [(rare, int(target_row[row])) for r in rounds for rare, row in r.examples]
    optional = gallery_rows(confidence, examples, count)
    crops = crops_of(target, [*required, *optional])
    picked = rows_that_fit({row: len(crop[0]) if crop else 0 for row, crop in crops.items()}, required, optional)
    frames = LabelFrames(target, {row: crops[row] for row in {*required, *picked}}, picked)
    for i in drawn:
        frames.add_round(rounds[i].number, *read_labels(paths[i]), label_rows)
    place = {i: number for number, i in enumerate(drawn)}
    return [
        *label_tables(rounds, skeleton),
        _gallery(frames, name, len(target)),
        *_disagreements(frames, name, [(place[i], int(target_row[item.row]), item) for i, item in largest]),
        *_shots(frames, name, shots),
    ]


def _summaries(paths: Sequence[Path], target: PoseDataset) -> tuple[list[RoundSummary], np.ndarray, np.ndarray]:
    """Summaries of all rounds; (N,) mean confidence of every frame of the target in the last round; (N,) its row in the labels."""
    labels, reason = read_labels(paths[0])
    rows = _rows_of(labels, target, paths[0])
    rounds, before = [summarise(labels, reason, None, DISAGREEMENTS)], labels
    for path in paths[1:]:
        labels, reason = read_labels(path)
        if labels.ids != before.ids:
            raise DataError(
                f"the frames of {paths[0]} in every round", f"others in {path}", "begin anew with --restart"
            )
        rounds.append(summarise(labels, reason, before, DISAGREEMENTS))
        before = labels
    return rounds, before.confidence.mean(1)[rows], rows


def _rows_of(labels: PseudoLabels, target: PoseDataset, path: Path) -> np.ndarray:
    """(N,) row in the labels of every frame of the target."""
    rows = {frame: i for i, frame in enumerate(labels.ids)}
    missing = [frame for frame in target.ids if frame not in rows]
    if missing or len(rows) != len(target):
        unlabelled = f", {len(missing)} of them not labelled: {missing[0]}, ..." if missing else ""
        raise DataError(
            f"the {len(rows)} frames that {path} labels",
            f"{len(target)} frames{unlabelled}",
            "give the data that the run was adapted to",
        )
    return np.array([rows[frame] for frame in target.ids], np.int64)


def _gallery(frames: LabelFrames, name: str, count: int) -> LabelsBlock:
    """The frames picked for the gallery, out of `count`."""
    picked = len(frames.data["picked"])
    which = "All" if picked == count else f"{picked} of the {count}"
    note = (
        f"{which} frames, with the labels of every round. Solid: admitted. Hollow: left out, in the colour of the reason. "
        "Labels that do not match the filters are faint. Click on a frame for its numbers."
    )
    return LabelsBlock("Pseudo-labels", name, frames.data, note=note)


def _disagreements(frames: LabelFrames, name: str, largest: Sequence[tuple[int, int, Disagreement]]) -> list[Block]:
    """(place of the round among the drawn ones, row of the target, disagreement), the largest first."""
    if not largest:
        return []
    items = [(frames.index(row), place, item.joint, item.check, round(item.px, 1)) for place, row, item in largest]
    note = "The joints with the largest disagreement in every round and check, px of the crop."
    return [LabelsBlock("Worst disagreements", name, frames.data, "worst", items, note)]


def _shots(frames: LabelFrames, name: str, shots: Sequence[Shot]) -> list[Block]:
    if not shots:
        return []
    items = [(shot.name, [frames.index(row) for row in shot.rows], shot.frames) for shot in shots]
    return [LabelsBlock("Shots over time", name, frames.data, "strips", items, "Frames of a shot in their order.")]
