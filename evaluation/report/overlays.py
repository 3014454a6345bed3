"""Pictures for reports: predicted poses over labelled joints. uint8 RGB in, uint8 RGB out.

Joints are in crop pixels with pixel centres at integers. Pictures are drawn enlarged, so that lines are thin, and with their
contrast stretched, so that an animal in the dark can be seen.
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np

from ...errors import ZooposeError
from ...pose.draw import Layer, joint_colours, limb_colour, opacity_of, stretch_contrast
from ...pose.skeleton import Skeleton

Colour = tuple[int, int, int]  # RGB
# the middle of a joint: right and wrong differ in lightness too, for colour-blind readers
RIGHT, WRONG, TRUTH = (255, 255, 255), (255, 40, 30), (255, 255, 255)
REJECTED, EDGE = (120, 120, 120), (20, 20, 20)
SHIFT = 4  # bits of sub-pixel position in cv2's drawing calls
DOT_PX, MIDDLE_PX, RING_PX, LIMB_PX = 6, 3, 5, 3  # radii of a joint, its middle and a label, width of a limb; of 384 px
EXPLANATION = (
    "Limbs and dots are the prediction: orange on the animal's left, blue on its right, pink where a joint has no side. The "
    "fainter, the less confident. The middle of a dot is white if the joint is right, red if it is wrong, grey if it has no label. "
    "A red line leads from a wrong joint to its label, a white ring. The contrast is stretched for display."
)


class BestAndWorst(NamedTuple):
    """Rows to show: `best` from the best on, `worst` from the worst on. No row is in both."""

    best: np.ndarray
    worst: np.ndarray


def overlay(
    crop: np.ndarray,
    xy_pred: np.ndarray,
    xy_true: np.ndarray,
    valid: np.ndarray,
    skeleton: Skeleton,
    errors: np.ndarray | None = None,
    *,
    confidence: np.ndarray | None = None,
    threshold: float = 0.05,
    side_px: int = 384,
) -> np.ndarray:
    """A predicted pose, its sides in two colours, with a line from each wrong joint to its label; see `EXPLANATION`.

    Args:
        crop: (S,S,3) or (3,S,S) uint8 RGB.
        xy_pred: (K,2) crop pixels, nan where nothing was predicted.
        xy_true: (K,2) crop pixels.
        valid: (K,) bool, joints with a truth. The middle of other joints is grey.
        skeleton: gives the limbs and the sides.
        errors: (K,) errors as shares of the normaliser; None takes the distance as a share of the crop's longer side.
        confidence: (K,) heights of the peaks, 0 to 1, shown as opacity; None: all joints are opaque.
        threshold: joints with an error below it are right.
        side_px: longer side of the picture made.

    Returns:
        (H,W,3) uint8 RGB.
    """
    picture, scale, longer = _enlarged(crop, side_px)
    xy_pred, xy_true, valid = np.asarray(xy_pred, float), np.asarray(xy_true, float), np.asarray(valid, bool)
    if errors is None:
        errors = np.hypot(*(xy_pred - xy_true).T) / longer
    known = np.isfinite(xy_pred).all(1)
    right = known & valid & (np.nan_to_num(np.asarray(errors, float), nan=np.inf) < threshold)
    pred, true = _scaled(xy_pred, scale), _scaled(xy_true, scale)
    opacity = np.ones(len(skeleton)) if confidence is None else opacity_of(confidence)
    colours, layer = joint_colours(skeleton), Layer(stretch_contrast(picture))
    for a, b in skeleton.limbs:
        if known[a] and known[b]:
            faint = min(opacity[a], opacity[b])
            _line(layer, pred[a], pred[b], limb_colour(colours, a, b), LIMB_PX, faint)
    for k in np.flatnonzero(valid & ~right):
        if known[k]:
            _line(layer, pred[k], true[k], WRONG, 2)
        layer.ring(_fixed(true[k]), RING_PX, EDGE, 4)
        layer.ring(_fixed(true[k]), RING_PX, TRUTH, 2)
    for k in np.flatnonzero(known):
        middle = RIGHT if right[k] else WRONG if valid[k] else REJECTED
        for radius, colour in ((DOT_PX + 1, EDGE), (DOT_PX, colours[k])):
            layer.disc(_fixed(pred[k]), radius, colour, opacity[k])
        layer.disc(_fixed(pred[k]), MIDDLE_PX, middle)
    return layer.on_picture()


def best_and_worst(errors: np.ndarray, valid: np.ndarray, n: int, threshold: float = 0.05) -> BestAndWorst:
    """The n best and n worst frames: by the share of joints that are right, then by the mean error.

    Frames without a valid joint are not ranked. With fewer than 2 n frames to rank, each list gets about half of them.

    Args:
        errors: (N,K) errors as shares of the normaliser (`metrics.normalised_errors`); inf where nothing was predicted.
        valid: (N,K) bool, joints that count.
        n: frames wanted in each list.
        threshold: joints with an error below it are right.

    Returns:
        Row indices.
    """
    errors, valid = np.asarray(errors, float), np.asarray(valid, bool)
    if errors.shape != valid.shape or errors.ndim != 2:
        raise ZooposeError("errors (N,K) and valid (N,K)", f"{errors.shape} and {valid.shape}")
    rows = np.flatnonzero(valid.any(1))
    count = valid[rows].sum(1)
    right = (valid[rows] & (errors[rows] < threshold)).sum(1) / count
    mean = np.where(valid[rows], errors[rows], 0).sum(1) / count
    order = rows[np.lexsort((mean, -right))]
    best = min(n, (len(order) + 1) // 2)
    worst = min(n, len(order) - best)
    return BestAndWorst(order[:best], order[::-1][:worst])


def _enlarged(crop: np.ndarray, side_px: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Copy of the picture (H,W,3) with its longer side at side_px; the factors (x, y); its longer side before."""
    crop = np.asarray(crop)
    if crop.ndim == 3 and crop.shape[-1] != 3 and crop.shape[0] == 3:
        crop = crop.transpose(1, 2, 0)
    if crop.ndim != 3 or crop.shape[-1] != 3 or crop.dtype != np.uint8 or not crop.size:
        raise ZooposeError("a picture (S,S,3) or (3,S,S) of uint8", f"shape {crop.shape}, {crop.dtype}")
    height, width = crop.shape[:2]
    factor = side_px / max(height, width)
    size_wh = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    picture = cv2.resize(np.ascontiguousarray(crop), size_wh, interpolation=how)
    return picture, np.array([size_wh[0] / width, size_wh[1] / height]), max(height, width)


def _scaled(xy_crop: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Crop pixels to pixels of the enlarged picture, both with pixel centres at integers."""
    return (xy_crop + 0.5) * scale - 0.5


def _fixed(xy: np.ndarray) -> tuple[int, int]:
    """A point as cv2's fixed-point numbers, clipped to 32 bits."""
    x, y = np.rint(np.clip(xy, -10_000, 10_000) * (1 << SHIFT)).astype(int).tolist()
    return x, y


def _line(layer: Layer, a: np.ndarray, b: np.ndarray, colour: Colour, width: int, opacity: float = 1.0) -> None:
    layer.line(_fixed(a), _fixed(b), EDGE, width + 2, opacity)
    layer.line(_fixed(a), _fixed(b), colour, width, opacity)
