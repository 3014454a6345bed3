"""What a report says first of an adaptation, whether it helped, and the charts of the evidence that this rests on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from .blocks import CurvesBlock

# number of the evidence -> what the chart calls it
START = {
    "kept_size": "distances between joints that the start network was sure of",
    "kept_place": "such joints that are where they were",
    "drift": "common movement of such joints, in shares of the box",
    "spread": "spread of the poses",
    "views": "joints that agree with the mirrored frame",
}
FACING = {
    "facing_views": "frames that face the same way as their mirror image",
    "facing_neighbours": "frames that face the same way as the next one",
    "facing_certainty": "how decided it is",
}
PRIOR = {"pose_prior": "pose prior"}


def verdict_text(facts: Mapping[str, Any]) -> str:
    """The verdict as paragraphs for the top of the page; empty for a run without one.

    Args:
        facts: of the run, with its `verdict` (`train.verdict.Verdict`) and what its `guard` has seen.
    """
    verdict, guard = facts.get("verdict", {}), facts.get("guard", {})
    sentence = str(verdict.get("sentence") or (guard.get("stopped after epoch") and guard["outcome"]) or "")
    if not sentence:
        return ""
    text = f"{sentence[:1].upper()}{sentence[1:]}."
    if guard.get("stopped after epoch"):
        text += f" The run was stopped after epoch {guard['stopped after epoch']}."
    if verdict.get("distrust"):
        text += f"\n\nJoints to distrust, the worst first: {', '.join(verdict['distrust'])}."
    return text


def evidence_curves(facts: Mapping[str, Any]) -> list[CurvesBlock]:
    """Charts of the evidence, from the start network to the last epoch; none for a run without it."""
    verdict = facts.get("verdict", {})
    numbers = [verdict.get("start", {}), *verdict.get("epochs", [])]
    charts = (
        ("Compared with the start network", START, 100.0, "%",
         "Distances that change mean harm. Agreement with the mirrored frame rises whether the network is right or not."),
        ("Facing", FACING, 100.0, "%",
         "Which way the animals face, by their heads and tails. Where the shares are low, head and tail change places."),
        ("Pose prior", PRIOR, 1.0, "deviations",
         "How far the limbs of the poses are from those of the source's labels, in standard deviations of the source."),
    )  # fmt: skip
    return [
        CurvesBlock(title, series, "epoch", unit, f"{note} No target label was read.")
        for title, names, factor, unit, note in charts
        if (series := _series(numbers, names, factor))
    ]


def _series(
    numbers: list[Mapping[str, float]], names: Mapping[str, str], factor: float
) -> dict[str, tuple[list[float], list[float]]]:
    """Name on the chart -> (epochs, values), of the numbers that were measured at all."""
    epochs = [float(epoch) for epoch in range(len(numbers))]
    values = {name: [factor * one.get(name, math.nan) for one in numbers] for name in names}
    return {names[name]: (epochs, line) for name, line in values.items() if not all(map(math.isnan, line))}
