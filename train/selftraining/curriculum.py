"""Which pseudo-labels are admitted when: the confident ones first, more of them every round."""

from __future__ import annotations

import math

import numpy as np

from ...errors import OptionError

# exponent of the geometric mean of a frame's peaks, which multiplies the confidence of its labels (docs/methods/ccssl.md)
FRAME_POWER = 3.0


def share_at(round_: int, rounds: int, first: float = 0.2, last: float = 0.8, grow: str = "linear") -> float:
    """Share of the labels admitted in a round, growing from the first round to the last.

    Args:
        grow: `linear`; or `cosine`: first + (last - first) (1 - cos(pi t)) / 2 for t from 0 to 1, slow at both ends.
    """
    if grow == "cosine" and rounds > 1:
        return first + (last - first) * (1 - math.cos(math.pi * min(round_, rounds - 1) / (rounds - 1))) / 2
    return last if rounds < 2 else first + (last - first) * min(round_, rounds - 1) / (rounds - 1)


def weight_at(epoch: int, warmup: int, weight: float = 1.0) -> float:
    """Weight of a loss in an epoch, counted from 0: it rises evenly over `warmup` epochs and is `weight` from then on."""
    return weight * min(1.0, (epoch + 1) / (warmup + 1))


def frame_confidence(peak: np.ndarray) -> np.ndarray:
    """(N,) for `admit` per frame, from all peaks (N, K) of a frame: their geometric mean, to the power of `FRAME_POWER`."""
    powered: np.ndarray = np.exp(FRAME_POWER * np.log(np.maximum(peak, 1e-3)).mean(1))
    return powered


def admit(
    confidence: np.ndarray, share: float, per: str = "joint", frame_confidence: np.ndarray | None = None
) -> np.ndarray:
    """The most confident labels.

    Args:
        confidence: (N, K); 0 or NaN is never admitted.
        share: 0..1 of all labels.
        per: `joint`: the share of every joint's labels; `global`: of all labels together, one threshold (CC-SSL); `frame`:
            the same, of each label's confidence times that of its frame: an animal taken for one that faces the other way has
            confident labels too, but few of them.
        frame_confidence: (N,) of the frames, for `frame`; default: the mean of their labels' confidence.

    Returns:
        (N, K) bool. Ties at the threshold are all admitted.

    Raises:
        OptionError: a share outside 0..1, another `per`.
    """
    if not 0 <= share <= 1:
        raise OptionError("a share of labels between 0 and 1", f"{share}")
    if per not in ("joint", "global", "frame"):
        raise OptionError("admission per joint, per frame or global", repr(per))
    confidence = np.nan_to_num(np.asarray(confidence, np.float64), nan=0.0)
    if confidence.size == 0 or share == 0:
        return np.zeros(confidence.shape, bool)
    if per == "frame":
        frames = confidence.mean(1) if frame_confidence is None else np.nan_to_num(frame_confidence, nan=0.0)
        confidence = confidence * frames[:, None]
    ranked = -np.sort(-confidence, axis=0 if per == "joint" else None)
    threshold = ranked[max(1, round(share * len(ranked))) - 1]
    admitted: np.ndarray = (confidence >= threshold) & (confidence > 0)
    return admitted
