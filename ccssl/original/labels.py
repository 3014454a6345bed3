"""Pseudo-labels with the arithmetic of the 2020 CC-SSL code: equivariant average, Lucas-Kanade over time, confidence schedule.

Source: J. Mu et al., "Learning from Synthetic Animals", CVPR 2020, as `pose.original.geometry`. The flaws of that code are
repeated: pictures are contrast-stretched twice, a cell that a view does not cover counts as 0, and a long flow deletes the label
of the previous frame. `ccssl.consistency` and `ccssl.propagation` are the corrected counterparts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from ...pose.original.augment import IDENTITY_SCALE
from ...pose.original.crop import color_normalize, original_crop
from ...pose.original.geometry import BOX_UNIT_PX, original_transform
from ...pose.original.heatmap import draw_labelmaps, final_preds

DECAY = 0.9  # factor on the confidence of a label that is carried to the next frame; published
REACH_PX = 15.0  # longest flow, px of a crop of PUBLISHED_SIDE_PX; published
PUBLISHED_SIDE_PX = 256
_LUCAS_KANADE: dict[str, Any] = {
    "winSize": (15, 15),
    "maxLevel": 2,
    "criteria": (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 10, 0.03),
}


@dataclass
class PseudoLabel:
    """kpts (K, 3) float32: x, y in crop pixels and confidence; average (K, h, w) float32: the map they come from."""

    kpts: np.ndarray
    average: np.ndarray


def prediction_check(
    predict: Callable[[np.ndarray], np.ndarray],
    image: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    rot_deg: np.ndarray,
    previous: tuple[np.ndarray, np.ndarray] | None = None,
) -> PseudoLabel:
    """The pseudo-label of one crop.

    Args:
        predict: (V, 3, H, W) float32 views to (V, K, h, w) maps, the last stage.
        image: (3, H, W) float32 crop with the mean subtracted.
        mean: (3,) RGB.
        scale, rot_deg: (V,) views, see `pose.original.augment.views`.
        previous: crop and label (K, 3) of the frame before, if any. Its label is changed in place: the published code sets the
            confidence of joints with a too long flow to 0.
    """
    maps = predict(label_views(image, mean, scale, rot_deg))
    label = label_of(equivariant_average(maps, scale, rot_deg), image.shape[-1])
    if previous is not None:
        label.kpts = temporal_step(label.kpts, image, *previous, mean)
    return label


def label_views(image: np.ndarray, mean: np.ndarray, scale: np.ndarray, rot_deg: np.ndarray) -> np.ndarray:
    """Views of a crop from which the mean is already subtracted: cropped and stretched again, and the mean subtracted again.

    Args:
        image: (3, H, W) float32, H = W.
        mean: (3,) RGB.
        scale, rot_deg: (V,); a scale of 1.28 is the unchanged crop, whatever its side.

    Returns:
        (V, 3, H, W) float32.
    """
    size = image.shape[1:]
    center = np.array([size[1] / 2, size[0] / 2], np.float32)
    ratio = size[0] / PUBLISHED_SIDE_PX
    crops = [original_crop(image, center, float(s) * ratio, size, float(r)) for s, r in zip(scale, rot_deg)]
    return color_normalize(np.stack(crops), mean)


def equivariant_average(maps: np.ndarray, scale: np.ndarray, rot_deg: np.ndarray) -> np.ndarray:
    """The mean of the maps of several views, after they are turned and scaled back; cells outside a view count as 0.

    Args:
        maps: (V, K, h, w) float32, h = w.
        scale: (V,) of the views, 1.28 for the unchanged crop.
        rot_deg: (V,).

    Returns:
        (K, h, w) float32.
    """
    total = np.zeros(np.shape(maps)[1:], np.float32)
    for back in upright_maps(maps, scale, rot_deg):
        total += back
    return total / np.float32(len(maps))


def upright_maps(maps: np.ndarray, scale: np.ndarray, rot_deg: np.ndarray) -> np.ndarray:
    """Every view's maps, turned and scaled back to the unchanged crop, 0 outside. Arguments as of `equivariant_average`.

    Returns:
        (V, K, h, w) float32.
    """
    maps = np.asarray(maps, np.float32)
    views, joints, height, width = maps.shape
    upright = np.empty_like(maps)
    for view in range(views):
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), -float(rot_deg[view]), 1)
        factor = BOX_UNIT_PX * float(scale[view]) / (BOX_UNIT_PX * IDENTITY_SCALE)
        for joint in range(joints):
            back = cv2.warpAffine(maps[view, joint], turn, (width, height))
            upright[view, joint] = _centred(cv2.resize(back, None, fx=factor, fy=factor), (height, width))
    return upright


def _centred(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """The middle of a map, cut to a size or padded with zeros to it."""
    for axis, length in enumerate(size_hw):
        current = image.shape[axis]
        if current >= length:
            start = current // 2 - length // 2
            image = image[start : start + length] if axis == 0 else image[:, start : start + length]
        else:
            start = length // 2 - current // 2
            pads = [(0, 0), (0, 0)]
            pads[axis] = (start, length - current - start)
            image = np.pad(image, pads)
    return image


def label_of(average: np.ndarray, side_px: int = 256) -> PseudoLabel:
    """Joints and confidences (the largest value) of an averaged map.

    Args:
        average: (K, h, w).
        side_px: of the crop.
    """
    center = np.full(2, side_px / 2, np.float32)
    xy = final_preds(average[None], center, side_px / 200)[0]
    confidence = average.reshape(len(average), -1).max(1)
    return PseudoLabel(np.concatenate([xy, confidence[:, None]], 1).astype(np.float32), average)


def temporal_step(
    kpts: np.ndarray, image: np.ndarray, previous_image: np.ndarray, previous_kpts: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    """The labels of a frame, with labels carried from the previous frame where the prediction has lost confidence.

    A joint whose flow is longer than 15 of 256 px loses its previous confidence, in `previous_kpts` itself. Where the new
    confidence is below DECAY x the previous one, the flowed point and that product replace the label.

    Args:
        kpts: (K, 3) x, y in crop pixels, confidence; not changed.
        image, previous_image: (3, H, W) float32 crops with the mean subtracted.
        previous_kpts: (K, 3), final label of the previous frame; changed in place.
        mean: (3,) RGB.

    Returns:
        (K, 3) float32.
    """
    flowed = lucas_kanade(previous_kpts[:, :2], grey(previous_image, mean), grey(image, mean))
    far = np.linalg.norm(flowed - previous_kpts[:, :2], axis=1) > REACH_PX * image.shape[-1] / PUBLISHED_SIDE_PX
    previous_kpts[far, 2] = 0
    before, now = previous_kpts[:, 2], kpts[:, 2]
    ratio = np.divide(now, before, out=np.full(len(kpts), np.inf, np.float32), where=before > 0)
    carried = ratio < DECAY
    label = np.array(kpts, np.float32)
    label[carried, :2] = flowed[carried]
    label[carried, 2] = np.float32(DECAY) * before[carried]
    return label


def grey(image: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """(3, H, W) crop with the mean subtracted to grey (H, W) uint8; the weights of red and blue are exchanged, as published."""
    picture = (image + np.asarray(mean, np.float32)[:, None, None]) * np.float32(255)
    rgb = np.ascontiguousarray(np.moveaxis(picture, 0, -1)).astype(np.uint8)
    return cv2.cvtColor(rgb, cv2.COLOR_BGR2GRAY)


def lucas_kanade(xy: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(K, 2) float32 points of one uint8 picture in the next; the status that OpenCV returns is ignored, as published."""
    points = np.ascontiguousarray(xy, np.float32).reshape(-1, 1, 2)
    # OpenCV takes None for "no initial points", which its types do not say
    flowed, _, _ = cv2.calcOpticalFlowPyrLK(before, after, points, None, **_LUCAS_KANADE)  # type: ignore[call-overload]
    return flowed.reshape(-1, 2)


def share_left_out(epoch: int, first: float = 0.2, last: float = 0.8) -> float:
    """Share of the pseudo-labels that are not trained on: 0.8, 0.6, 0.4 and then 0.2 from epochs 0, 10, 20 and 30.

    Args:
        epoch: 0-based.
        first, last: shares trained on at epoch 0 and at the end; it grows by 0.2 in 10 epochs, as published.
    """
    # this order of operations gives the published shares to the last digit; the threshold's index depends on it
    return max(1 - 0.02 * (epoch + round(50 * first, 9)), round(1 - last, 9))


def confidence_schedule(
    confidence: np.ndarray, epoch: int, first: float = 0.2, last: float = 0.8
) -> tuple[float, float, np.ndarray]:
    """Which pseudo-labels are trained on; one threshold for all joints and frames.

    Args:
        confidence: (N, K) of all training frames.
        epoch: 0-based.
        first, last: see `share_left_out`.

    Returns:
        The share left out, the threshold, and (N, K) float32 flags of those strictly above it.
    """
    share = share_left_out(epoch, first, last)
    # the published list has one additional 0 at its head
    ordered = np.sort(np.concatenate([[0.0], np.asarray(confidence, np.float64).ravel()]))
    threshold = float(ordered[min(int(share * len(ordered)), len(ordered) - 1)])
    return share, threshold, (np.asarray(confidence) > threshold).astype(np.float32)


def kpts_to_heatmap(kpts: np.ndarray, side_px: int = 256, out_res: int = 64) -> np.ndarray:
    """Maps of a pseudo-label, for scoring it. Coordinates are cut to whole pixels, without + 1, and drawn wherever they are.

    Args:
        kpts: (..., K, 2 or more) x, y in crop pixels.
        side_px: of the crop.
        out_res: side of the maps.

    Returns:
        (..., K, out_res, out_res) float32.
    """
    xy = np.trunc(np.asarray(kpts)[..., :2]).astype(np.int32)
    size = (out_res, out_res)
    cells = original_transform(xy, np.full(2, side_px / 2), side_px / 200, size) - 1
    return draw_labelmaps(cells, size)[0]
