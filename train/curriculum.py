"""Which pseudo-labels are admitted when: the confident ones first, more of them every round."""

from __future__ import annotations

import numpy as np

from ..errors import OptionError


def share_at(round_: int, rounds: int, first: float = 0.2, last: float = 0.8) -> float:
    """Share of the labels admitted in a round, growing linearly from the first round to the last."""
    return last if rounds < 2 else first + (last - first) * min(round_, rounds - 1) / (rounds - 1)


def admit(confidence: np.ndarray, share: float, per: str = "joint") -> np.ndarray:
    """The most confident labels.

    Args:
        confidence: (N, K); 0 or NaN is never admitted.
        share: 0..1 of all labels.
        per: `joint`: the share of every joint's labels; `global`: of all labels together, one threshold (CC-SSL).

    Returns:
        (N, K) bool. Ties at the threshold are all admitted.

    Raises:
        OptionError: a share outside 0..1, another `per`.
    """
    if not 0 <= share <= 1:
        raise OptionError("a share of labels between 0 and 1", f"{share}")
    if per not in ("joint", "global"):
        raise OptionError("admission per joint or global", repr(per))
    confidence = np.nan_to_num(np.asarray(confidence, np.float64), nan=0.0)
    if confidence.size == 0 or share == 0:
        return np.zeros(confidence.shape, bool)
    ranked = -np.sort(-confidence, axis=0 if per == "joint" else None)
    threshold = ranked[max(1, round(share * len(ranked))) - 1]
    return (confidence >= threshold) & (confidence > 0)
