"""The verdict of an adaptation: it helped, it did not help, or nobody can tell. No target label is read."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from ..pose.schema import integer, list_of, mapping_of, number, one_of, record, string

HELPED, NOT, UNKNOWN = "helped", "did not help", "cannot tell"
# Largest changes of the distances between the joints that the start network was sure of, as a share, for a --guard-limit of 0.6.
# Of 48 epochs of six runs of the small configuration, 21 of the 22 below STEADY were better than the start network, and 3 of the 16
# above 15 %; with EfficientNet-lite0 two epochs that shrank by 6 and 7 % gained 9 points (docs/methods/guard.md).
STEADY, SHRUNK, GROWN = 0.05, 0.10, 0.05
# Largest rise of the distance from the pose prior, as a share of the start's. Epochs that gained 9 points rose by 7 and 12 %; the
# only one of WS-CDA that rose by more (72 %) lost 5 points (docs/methods/guard.md).
PRIOR = 0.25
# Largest common movement of the joints that the start network was sure of, in shares of the box. With EfficientNet-lite0, one seed:
# 0.022 in horse -> cattle_b, which lost 5 points, and at most 0.008 in the runs that gained (docs/methods/guard.md).
DRIFT = 0.015
FULL_LIMIT = 0.6  # --guard-limit at which SIZE holds
DOUBTFUL = 4  # joints that are named at most
LEAST_TRUST = 0.5  # share of the frames, see `trust_in_joints`: joints below it are named


@dataclass(frozen=True)
class Verdict:
    """What an adaptation came to.

    Attributes:
        answer: `helped`, `did not help` or `cannot tell`, of model_best against the start network.
        sentence: the answer with the numbers that it rests on, for the user.
        model_best: epoch of model_best; 0: the start network.
        distrust: names of the joints that are most often wrong, as far as that can be seen.
        start: numbers of the start network, see `Evidence`.
        epochs: numbers after every epoch.
    """

    answer: str
    sentence: str
    model_best: int
    distrust: Sequence[str]
    start: Mapping[str, float]
    epochs: Sequence[Mapping[str, float]]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for run.json, metrics.json and the report."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Verdict:
        """What `to_dict` gave.

        Raises:
            Mismatch: it is something else.
        """
        _CHECK(data, "verdict")
        return cls(**{name: data[name] for name in ("answer", "sentence", "model_best", "distrust", "start", "epochs")})


_NUMBERS = mapping_of(number())
_CHECK = record(
    {
        "answer": one_of(HELPED, NOT, UNKNOWN),
        "sentence": string(10_000),
        "model_best": integer(0),
        "distrust": list_of(string()),
        "start": _NUMBERS,
        "epochs": list_of(_NUMBERS),
    }
)


def objection(start: Mapping[str, float], now: Mapping[str, float], growth: float) -> str:
    """What speaks against a network that was adapted; empty where nothing does.

    Args:
        start, now: numbers of the start network and of the adapted one, see `Evidence`.
        growth: --guard-limit; infinite: nothing is objected to.

    Returns:
        What happened to the poses, to go on after "poses".
    """
    size, factor = now.get("kept_size", math.nan), growth / FULL_LIMIT
    if _change(size) > factor * (SHRUNK if size < 1 else GROWN):
        way = "shrink" if size < 1 else "grow"
        return f"{way}: joints that the start network was sure of are at {100 * size:.0f} % of their distances"
    if now.get("drift", math.nan) > DRIFT * factor:
        return f"move together: joints that the start network was sure of have moved by {100 * now['drift']:.1f} % of the box"
    before, after = (numbers.get("pose_prior", math.nan) for numbers in (start, now))
    if math.isfinite(before) and after > before * (1 + PRIOR * factor):
        return f"become less like the source's: {after:.2f} deviations from them, {before:.2f} before"
    return ""


def is_steady(now: Mapping[str, float], growth: float) -> bool:
    """Whether poses have kept their size so well that the network is preferred to one whose poses have not.

    Args:
        now, growth: see `objection`.
    """
    return not _change(now.get("kept_size", math.nan)) > STEADY * growth / FULL_LIMIT


def _change(size: float) -> float:
    """How much larger or smaller poses are, as a share: 0.25 for 0.8 and for 1.25; NaN for NaN."""
    return max(size, 1 / max(size, 1e-9)) - 1 if math.isfinite(size) else math.nan


def verdict_of(
    start: Mapping[str, float],
    epochs: Sequence[Mapping[str, float]],
    best: int,
    *,
    unknown: str = "",
    harm: str = "",
    distrust: Sequence[str] = (),
    growth: float = FULL_LIMIT,
) -> Verdict:
    """The verdict of a run that has ended.

    Args:
        start, epochs: numbers of the start network and of all epochs, see `Evidence`.
        best: epoch of model_best; 0: the start network.
        unknown: why the evidence does not count; empty where it does.
        harm: the sentence of a run that the guard has stopped.
        distrust: joints to name.
        growth: --guard-limit.
    """
    facts = best, tuple(distrust), dict(start), [dict(numbers) for numbers in epochs]
    if harm:
        return Verdict(NOT, harm, *facts)
    if best == 0:
        reasons = [reason for numbers in epochs if (reason := objection(start, numbers, growth))]
        why = reasons[-1] if reasons else "no epoch is better"
        return Verdict(NOT, f"adaptation did not help here: poses {why}; model_best is the network you gave", *facts)
    numbers = epochs[best - 1] if 0 < best <= len(epochs) else {}
    agreement = _agreement(start, numbers)
    if unknown or "kept_size" not in numbers:
        why = unknown or "nothing can be measured here without labels"
        return Verdict(UNKNOWN, f"cannot tell whether adaptation helped here: {why}{agreement}", *facts)
    kept = f"joints that the start network was sure of are at {100 * numbers['kept_size']:.0f} % of their distances"
    return Verdict(HELPED, f"adaptation helped here: {kept}{agreement}", *facts)


def joints_to_distrust(names: Sequence[str], trust: Sequence[float]) -> tuple[str, ...]:
    """The joints with the lowest trust, the lowest first: at most `DOUBTFUL`, all below `LEAST_TRUST`.

    Args:
        names: of K joints.
        trust: of each, see `trust_in_joints`.
    """
    low = sorted((share, i) for i, share in enumerate(trust) if share < LEAST_TRUST)
    return tuple(names[i] for _, i in low[:DOUBTFUL])


def _agreement(start: Mapping[str, float], now: Mapping[str, float]) -> str:
    if "views" not in start or "views" not in now:
        return ""
    return f"; the network agrees with itself on {100 * now['views']:.0f} % of the joints ({100 * start['views']:.0f} % before)"
