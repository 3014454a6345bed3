"""What a report shows of a run's pseudo-labels: shares, reasons, drift, calibration, and frames to look through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...datasets.pseudo_labels import REASONS, PseudoLabels
from ...datasets.sample import PoseDataset
from ...errors import DataError
from ...pose.skeleton import Skeleton
from ...progress import log
from ..run_folder import RunFolder
from .blocks import (
    BarsBlock,
    Block,
    ColouredTableBlock,
    CurvesBlock,
    LabelsBlock,
    ReliabilityBlock,
    TableBlock,
    TextBlock,
)
from .label_frames import LabelFrames, crops_of
from .rendering import cell_text

FRAMES = 360  # in the gallery at most
WORST = 48  # disagreements shown
SHOTS, PER_SHOT = 6, 20  # strips, and frames of each
ROUNDS = 12  # whose labels are drawn; tables and curves have all
NUMBERS = 200_000  # joints drawn over all frames and rounds, at most: they take about 35 bytes each in the page
BYTES = 9_000_000  # of pictures, before base64 makes them a third longer

ROUND_COLUMNS = (
    "round", "to admit, %", "admitted, %", "carried, %", "views apart, px", "moved, px", "90 %, px", "taken back, px",
    "Brier score",
)  # fmt: skip

Miss = tuple[int, int, str, float]  # row, joint, check, px


@dataclass
class _Round:
    """What is kept of a round: nothing that grows with the frames but the examples' rows."""

    number: int
    facts: dict[str, Any]
    share: np.ndarray  # (K,) admitted
    confidence: np.ndarray  # (K,) mean
    reasons: np.ndarray  # (K, R) shares
    carried: float
    agreement_px: float
    moved_px: np.ndarray | None  # (2, K) median and 90th percentile since the round before
    moved_all_px: np.ndarray | None  # (2,)
    worst: list[Miss]
    replaced: float | None = None
    examples: list[tuple[int, int]] = field(default_factory=list)  # (how rare, row) for each reason of each joint


def label_blocks_of_run(folder: RunFolder, target: PoseDataset, skeleton: Skeleton) -> list[Block]:
    """As `label_blocks`, at the end of a run: damaged labels of an earlier round are said, and do not take its report away."""
    try:
        return label_blocks(folder, target, skeleton)
    except DataError as error:
        log.warning("the report goes without pseudo-labels: %s", error.found)
        return [TextBlock("Pseudo-labels", f"Left out, since they cannot be read: {error.found}")]


def label_blocks(folder: RunFolder, target: PoseDataset, skeleton: Skeleton, name: str = "labels") -> list[Block]:
    """Blocks on the labels of every round; none without labels.

    One round is read at a time. Pictures and numbers in the page are bounded, whatever the run's size, and chosen by rule: the same
    run gives the same page.

    Args:
        folder: the run's, with labels_round_NN.h5.
        target: the frames that were labelled.
        skeleton: the run's joints.
        name: of the frames in the page, unique in it.

    Raises:
        DataError: labels that cannot be read, or of other frames than the target's.
    """
    paths = folder.label_files()
    rounds: list[_Round] = []
    before, rows = None, np.empty(0, np.int64)
    for path in paths:
        labels = _read(path)
        if before is None:
            rows = _rows_in(labels, target, path)
        elif labels.ids != before.ids:
            raise DataError(
                f"the frames of {paths[0]} in every round", f"others in {path}", "begin anew with --restart"
            )
        rounds.append(_summary(labels, before, WORST))
        before = labels
    if before is None:
        return []
    confidence = before.confidence.mean(1)[rows]
    del before, labels
    drawn = _thinned(range(len(rounds)), ROUNDS)
    strips = _strips(target.shots)
    worst = [(i, *miss) for i in drawn for miss in rounds[i].worst]
    worst = _worst(worst, WORST)
    at = np.empty(len(rows), np.int64)
    at[rows] = np.arange(len(rows))  # row of the labels -> row of the target
    needed = list(
        dict.fromkeys([f for _, frames, _ in strips for f in frames] + [int(at[row]) for _, row, *_ in worst])
    )
    most = max(min(FRAMES, NUMBERS // (len(drawn) * len(skeleton)) - len(needed)), 24)
    picked = _picked(confidence, [(rare, int(at[row])) for r in rounds for rare, row in r.examples], most)
    crops = crops_of(target, [*needed, *picked])
    picked = _within(crops, needed, picked)
    book = LabelFrames(target, {row: crops[row] for row in {*needed, *picked}}, picked)
    for i in drawn:
        book.add_round(rounds[i].number, _read(paths[i]), rows)
    return [*_tables(rounds, skeleton), *_views(book, name, drawn, worst, at, strips, len(target))]


def _read(path: Path) -> PseudoLabels:
    """A round's labels; what was trained on decides, where a file gives no reasons or others."""
    labels = PseudoLabels.read(path)
    admitted, share = REASONS.index("admitted"), REASONS.index("share")
    left_out = np.where(labels.reason == admitted, share, labels.reason)
    labels.reason = np.where(labels.admitted, admitted, left_out).astype(np.uint8)
    return labels


def _rows_in(labels: PseudoLabels, target: PoseDataset, path: Path) -> np.ndarray:
    """(N,) row in the labels of every frame of the target."""
    where = {frame: i for i, frame in enumerate(labels.ids)}
    missing = [frame for frame in target.ids if frame not in where]
    if missing or len(where) != len(target):
        found = f"{len(target)} frames" + (
            f", {len(missing)} of them not labelled: {missing[0]}, ..." if missing else ""
        )
        raise DataError(
            f"the {len(where)} frames that {path} labels", found, "give the data back that the run was adapted to"
        )
    return np.array([where[frame] for frame in target.ids], np.int64)


def _summary(labels: PseudoLabels, before: PseudoLabels | None, worst: int) -> _Round:
    n, k = labels.admitted.shape
    reasons = np.stack([(labels.reason == i).mean(0) for i in range(len(REASONS))], 1)
    moved = moved_all = None
    if before is not None and labels.crop_px is not None:
        move = np.linalg.norm(labels.xy_px - before.xy_px, axis=-1) * labels.crop_px[:, None]
        moved = np.array([_quantiles(move[:, j]) for j in range(k)]).T
        moved_all = _quantiles(move)
    round_ = _Round(
        int(labels.facts["round"]), labels.facts, labels.admitted.mean(0), labels.confidence.mean(0), reasons,
        float(labels.carried.mean()), _quantiles(labels.agreement_px)[0], moved, moved_all, [],
        None if labels.replaced is None else float(labels.replaced.mean()),
    )  # fmt: skip
    for check, found in (labels.checks or {"views": labels.agreement_px}).items():
        for row, joint, px in _largest(found, worst):
            round_.worst.append((row, joint, check, px))
    for j in range(k):
        for i in range(len(REASONS)):
            rows = np.flatnonzero(labels.reason[:, j] == i)
            if len(rows):  # any one, but not the same for every joint
                round_.examples.append((len(rows), int(rows[(7919 * (j + 1) + 104729 * round_.number) % len(rows)])))
    return round_


def _quantiles(values: np.ndarray) -> np.ndarray:
    """(2,) median and 90th percentile of what is finite, else NaN."""
    known = values[np.isfinite(values)]
    return np.quantile(known, (0.5, 0.9)) if len(known) else np.full(2, np.nan)


def _largest(found: np.ndarray, count: int) -> list[tuple[int, int, float]]:
    """Row, joint and px of the largest misses, the largest joint of every frame only."""
    safe = np.where(np.isfinite(found), found, -1.0)
    joint = safe.argmax(1)
    miss = safe[np.arange(len(safe)), joint]
    rows = np.argsort(-miss, kind="stable")[:count]
    return [(int(row), int(joint[row]), float(miss[row])) for row in rows if miss[row] > 0]


def _worst(misses: list[tuple[int, int, int, str, float]], count: int) -> list[tuple[int, int, int, str, float]]:
    """The largest misses of every check and round in turn, so that each has its part; the largest stand first.

    Args:
        misses: (round, row, joint, check, px).
    """
    heaps: dict[tuple[str, int], list] = {}
    for miss in misses:
        heaps.setdefault((miss[3], miss[0]), []).append(miss)
    chosen, depth = [], 0
    while len(chosen) < count and any(depth < len(heap) for heap in heaps.values()):
        chosen += [heap[depth] for heap in heaps.values() if depth < len(heap)]
        depth += 1
    return sorted(chosen[:count], key=lambda m: -m[4])


def _thinned(items: Sequence[int], count: int) -> list[int]:
    """At most so many, evenly spread, the first and the last among them."""
    items = list(items)
    return [items[i] for i in np.unique(np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int))]


def _strips(shots: Sequence[str]) -> list[tuple[str, list[int], int]]:
    """Shot, rows shown and frames in all of some shots, evenly spread."""
    runs: dict[str, list[int]] = {}
    for row, shot in enumerate(shots):
        if shot:
            runs.setdefault(shot, []).append(row)
    names = [shot for shot, rows in runs.items() if len(rows) > 1]
    names = [names[i] for i in _thinned(range(len(names)), SHOTS)] if names else []
    return [(shot, _thinned(runs[shot], PER_SHOT), len(runs[shot])) for shot in names]


def _picked(confidence: np.ndarray, examples: list[tuple[int, int]], count: int) -> list[int]:
    """Rows for the gallery, the most wanted first: in turn a rare reason, a place in the order of frames, a rank of confidence.

    Args:
        confidence: (N,) mean confidence of a frame.
        examples: (how rare, row).
    """
    n = len(confidence)
    spread = [min(int(_halves(i) * n), n - 1) for i in range(2 * count)]
    ranked = np.argsort(confidence, kind="stable")
    rare = [row for _, row in sorted(examples)]
    chosen: dict[int, None] = {}
    for i in range(2 * count):
        for row in (*rare[i : i + 1], spread[i], int(ranked[spread[i]])):
            if len(chosen) < min(count, n):
                chosen.setdefault(row)
    return list(chosen)


def _halves(i: int) -> float:
    """0, 1/2, 1/4, 3/4, 1/8, ...: any beginning of the sequence is evenly spread."""
    return int(f"{i:032b}"[::-1], 2) / 2**32


def _within(crops: dict[int, Any], needed: list[int], picked: list[int]) -> list[int]:
    """The beginning of `picked` whose pictures, beside the needed ones, fit the page."""
    size = {row: len(crop[0]) if crop else 0 for row, crop in crops.items()}
    held = set(needed)
    total = sum(size[row] for row in held)
    kept = []
    for row in picked:
        total += 0 if row in held else size[row]
        if total > BYTES:
            break
        kept.append(row)
    return kept


def _tables(rounds: list[_Round], skeleton: Skeleton) -> list[Block]:
    numbers = [r.number for r in rounds]
    heads = [f"round {number}" for number in numbers]
    kept = any(r.replaced is not None for r in rounds)  # labels are kept over rounds
    blocks: list[Block] = [
        TableBlock(
            "Rounds of labelling",
            [*ROUND_COLUMNS, *(["replaced, %"] if kept else [])],
            [_row(r, kept) for r in rounds],
            "px of the crop. views apart: median distance of the views' joints from the label; moved: median and 90th percentile "
            "since the round before; taken back: what all labels had moved together since the first round (right, down); "
            "Brier score: of the calibrated confidence, on labelled data."
            + (" replaced: admitted before, and another label now, of all labels." if kept else ""),
        ),
        ColouredTableBlock(
            "Pseudo-labels admitted",
            "joint",
            heads,
            {
                joint: [(f"{100 * r.share[k]:.0f} %", float(r.share[k]), f"{r.confidence[k]:.2f}") for r in rounds]
                for k, joint in enumerate(skeleton.joints)
            },
            "share of the frames in which the joint was trained on; small: mean confidence",
        ),
    ]
    colours = {reason: f"r-{reason}" for reason in REASONS}
    blocks += [
        BarsBlock(
            "Why labels were left out, by round",
            "round",
            colours,
            {str(r.number): r.reasons.mean(0).tolist() for r in rounds},
            "percent of all labels; every label counts once, under the first check that it misses",
        ),
        BarsBlock(
            f"Why labels were left out, by joint, round {numbers[-1]}",
            "joint",
            colours,
            {joint: rounds[-1].reasons[k].tolist() for k, joint in enumerate(skeleton.joints)},
        ),
    ]
    return blocks + _drift(rounds, skeleton) + _calibration(rounds)


def _row(r: _Round, kept: bool) -> list[Any]:
    asked, back = r.facts.get("share"), r.facts.get("drift_px")
    brier = (r.facts.get("calibration") or {}).get("brier")
    moved = [None, None] if r.moved_all_px is None else [f"{v:.1f}" for v in r.moved_all_px]
    return [
        r.number,
        None if asked is None else f"{100 * float(asked):.0f}",
        f"{100 * r.share.mean():.1f}",
        f"{100 * r.carried:.1f}",
        f"{r.agreement_px:.1f}",
        *moved,
        ", ".join(f"{round(v, 1) + 0.0:+.1f}" for v in back) if back else None,
        None if brier is None else f"{brier:.3f}",
        *([None if r.replaced is None else f"{100 * r.replaced:.1f}"] if kept else []),
    ]


def _drift(rounds: list[_Round], skeleton: Skeleton) -> list[Block]:
    """How far labels moved from round to round."""
    known = [r for r in rounds if r.moved_px is not None]
    if not known:
        return []
    x = [r.number for r in known]
    most = max([float(np.nanmax(r.moved_px[0])) for r in known if np.isfinite(r.moved_px[0]).any()], default=0.0)
    rows = {}
    for k, joint in enumerate(skeleton.joints):
        moves = [(float(r.moved_px[0, k]), float(r.moved_px[1, k])) for r in known]
        rows[joint] = [
            (f"{m:.1f}", m / max(most, 1e-9), f"{p:.1f}") if np.isfinite(m) else ("-", None, "") for m, p in moves
        ]
    series = {"median": (x, [float(r.moved_all_px[0]) for r in known])}
    series["90th percentile"] = (x, [float(r.moved_all_px[1]) for r in known])
    note = "px of the crop since the round before; small: 90th percentile"
    blocks: list[Block] = [ColouredTableBlock("Drift of the labels", "joint", [f"to {i}" for i in x], rows, note)]
    if len(known) > 1:
        blocks.insert(0, CurvesBlock("Drift of the labels, all joints", series, "round", "moved, px of the crop"))
    return blocks


def _calibration(rounds: list[_Round]) -> list[Block]:
    """Reliability diagram of the last round that was calibrated."""
    found = [(r.number, r.facts["calibration"]) for r in rounds if r.facts.get("calibration")]
    if not found:
        return []
    number, last = found[-1]
    told = [f"round {number}", f"{last['n']} labelled joints" if last.get("n") else "", str(last.get("data") or "")]
    if last.get("brier") is not None:
        told.append(f"Brier score {last['brier']:.3f}")
    if last.get("limit") is not None:
        told.append(f"right: within {cell_text(last['limit'])}")
    note = (
        "; ".join(filter(None, told))
        + ". On the dashed line confidence is the share right; dots grow with their labels."
    )
    return [ReliabilityBlock("Calibration of the confidence", last["bins"], note)]


def _views(book: LabelFrames, name: str, drawn, worst, at: np.ndarray, strips, frames: int) -> list[Block]:
    """Gallery, worst disagreements and strips, all of one book."""
    place = {i: number for number, i in enumerate(drawn)}
    picked = len(book.data["picked"])
    which = "all" if picked == frames else f"{picked} of the {frames}"
    blocks: list[Block] = [
        LabelsBlock(
            "Pseudo-labels",
            name,
            book.data,
            note=f"{which} frames, each as every round labelled it. Solid: admitted; hollow: left out, in the reason's colour. "
            "Labels that the filters do not mean are faint. A click opens the frame with all its numbers.",
        )
    ]
    if worst:
        items = [(book.index(at[row]), place[i], joint, check, round(px, 1)) for i, row, joint, check, px in worst]
        note = "The joints that a check found furthest apart, in every round and check; px of the crop."
        blocks.append(LabelsBlock("Worst disagreements", name, book.data, "worst", items, note))
    if strips:
        items = [(shot, [book.index(row) for row in rows], total) for shot, rows, total in strips]
        note = "Frames of a shot in their order."
        blocks.append(LabelsBlock("Shots over time", name, book.data, "strips", items, note))
    return blocks
