"""Tables and charts about rounds of pseudo-labels: shares, reasons, movement between rounds, calibration of the confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...datasets.pseudo_labels import REASONS
from ...pose.skeleton import Skeleton
from .blocks import BarsBlock, Block, ColouredTableBlock, CurvesBlock, ReliabilityBlock, TableBlock
from .label_rounds import RoundSummary
from .rendering import cell_text

COLUMNS = (
    "round",
    "share to admit, %",
    "admitted, %",
    "carried by flow, %",
    "distance between views, px",
    "moved (median), px",
    "moved (90th percentile), px",
    "drift removed, px",
    "Brier score",
)
NOTE = (
    "px: pixels of the crop. Carried by flow: taken from a neighbouring frame by optical flow. Distance between views: median "
    "distance of the views' joints from the label. Moved: since the round before. Drift removed: how far all labels together had "
    "moved since the first round (right, down). Brier score: of the calibrated confidence, on labelled data."
)
REPLACED = " Replaced: share of all labels that were admitted in the round before and are another label now."


def label_tables(rounds: Sequence[RoundSummary], skeleton: Skeleton) -> list[Block]:
    """Blocks with the numbers of all rounds.

    Args:
        rounds: at least one, in their order.
        skeleton: gives the names of the joints.
    """
    return [*_admitted(rounds, skeleton), *_movement(rounds, skeleton), *_calibration(rounds)]


def _admitted(rounds: Sequence[RoundSummary], skeleton: Skeleton) -> list[Block]:
    with_replaced = any(r.replaced is not None for r in rounds)
    columns = [*COLUMNS, *(["replaced, %"] if with_replaced else [])]
    shares = {
        joint: [(f"{100 * r.share[k]:.0f} %", float(r.share[k]), f"{r.confidence[k]:.2f}") for r in rounds]
        for k, joint in enumerate(skeleton.joints)
    }
    last = rounds[-1]
    colours = {reason: f"r-{reason}" for reason in REASONS}
    return [
        TableBlock(
            "Rounds of labelling",
            columns,
            [_row(r, with_replaced) for r in rounds],
            NOTE + (REPLACED if with_replaced else ""),
        ),
        ColouredTableBlock(
            "Pseudo-labels admitted",
            "joint",
            [f"round {r.number}" for r in rounds],
            shares,
            "Share of the frames in which the joint was trained on. Small: mean confidence.",
        ),
        BarsBlock(
            "Why labels were left out, by round",
            "round",
            colours,
            {str(r.number): r.reasons.mean(0).tolist() for r in rounds},
            "Percent of all labels. A label counts once, under the first check that it fails.",
        ),
        BarsBlock(
            f"Why labels were left out, by joint, round {last.number}",
            "joint",
            colours,
            {joint: last.reasons[k].tolist() for k, joint in enumerate(skeleton.joints)},
        ),
    ]


def _row(r: RoundSummary, with_replaced: bool) -> list[Any]:
    to_admit, drift = r.facts.get("share"), r.facts.get("drift_px")
    brier = (r.facts.get("calibration") or {}).get("brier")
    moved = [None, None] if r.moved_all_px is None else [f"{v:.1f}" for v in r.moved_all_px]
    return [
        r.number,
        None if to_admit is None else f"{100 * float(to_admit):.0f}",
        f"{100 * r.share.mean():.1f}",
        f"{100 * r.carried:.1f}",
        f"{r.agreement_px:.1f}",
        *moved,
        ", ".join(f"{round(v, 1) + 0.0:+.1f}" for v in drift) if drift else None,
        None if brier is None else f"{brier:.3f}",
        *([None if r.replaced is None else f"{100 * r.replaced:.1f}"] if with_replaced else []),
    ]


def _movement(rounds: Sequence[RoundSummary], skeleton: Skeleton) -> list[Block]:
    """How far labels moved from round to round; no block with fewer than two rounds."""
    numbers, by_joint, overall = [], [], []
    for r in rounds:
        if r.moved_px is not None and r.moved_all_px is not None:
            numbers.append(r.number)
            by_joint.append(r.moved_px)
            overall.append(r.moved_all_px)
    if not numbers:
        return []
    largest = max([float(np.nanmax(moved[0])) for moved in by_joint if np.isfinite(moved[0]).any()], default=0.0)
    rows = {}
    for k, joint in enumerate(skeleton.joints):
        cells = [(float(moved[0, k]), float(moved[1, k])) for moved in by_joint]
        rows[joint] = [
            (f"{median:.1f}", median / max(largest, 1e-9), f"{high:.1f}") if np.isfinite(median) else ("-", None, "")
            for median, high in cells
        ]
    note = "Distance from the label of the round before, px of the crop. Small: 90th percentile."
    blocks: list[Block] = [
        ColouredTableBlock("Drift of the labels", "joint", [f"to {number}" for number in numbers], rows, note)
    ]
    if len(numbers) > 1:
        series = {
            "median": (numbers, [float(moved[0]) for moved in overall]),
            "90th percentile": (numbers, [float(moved[1]) for moved in overall]),
        }
        blocks.insert(0, CurvesBlock("Drift of the labels, all joints", series, "round", "moved, px of the crop"))
    return blocks


def _calibration(rounds: Sequence[RoundSummary]) -> list[Block]:
    """Reliability diagram of the last round that was calibrated."""
    calibrated = [(r.number, r.facts["calibration"]) for r in rounds if r.facts.get("calibration")]
    if not calibrated:
        return []
    number, last = calibrated[-1]
    facts = [f"round {number}", f"{last['n']} labelled joints" if last.get("n") else "", str(last.get("data") or "")]
    if last.get("brier") is not None:
        facts.append(f"Brier score {last['brier']:.3f}")
    if last.get("limit") is not None:
        facts.append(f"right: within {cell_text(last['limit'])}")
    note = (
        "; ".join(filter(None, facts))
        + ". On the dashed line, confidence equals the share right. The area of a dot grows with its number of labels."
    )
    return [ReliabilityBlock("Calibration of the confidence", last["bins"], note)]
