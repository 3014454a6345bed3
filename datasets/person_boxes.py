"""Boxes of people as published loaders compute them, for the frames of `pose.person_frames`.

Here boxes are counted in pixel edges: x .. x + w holds w pixels, and a box that begins outside the picture is cut. The loaders of
SimpleBaseline and its successors count from the middle of the first pixel to that of the last, and move such a box into the
picture.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from ..pose.person_frames import BOX_UNIT_PX
from .sample import PoseSample

MPII_SHIFT_PX = 15.0  # times the scale: the published crop is that much lower than MPII's annotated centre
# of SimpleBaseline's `select_data`
SELECT_SPREAD, SELECT_BASE, SELECT_PER_JOINT = 0.2, 0.45, 0.2 / 16


def clean_boxes(box_xywh: ArrayLike, picture_wh: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """COCO's boxes as SimpleBaseline and HRNet clean them: left, top, width - 1, height - 1, within the picture.

    Args:
        box_xywh: (..., 4) as annotated.
        picture_wh: (..., 2) width and height of the picture.

    Returns:
        boxes (..., 4) float64, and (...) bool: False for a box outside the picture, which the published code drops.
    """
    box, limit = np.asarray(box_xywh, np.float64), np.asarray(picture_wh, np.float64) - 1
    first = np.maximum(box[..., :2], 0)
    last = np.minimum(limit, first + np.maximum(box[..., 2:] - 1, 0))
    return np.concatenate([first, last - first], -1), (last >= first).all(-1)


def usable_people(
    box_xywh: ArrayLike,
    area: ArrayLike,
    keypoints: ArrayLike,
    category: ArrayLike,
    picture_wh: ArrayLike,
    person: int = 1,
) -> np.ndarray:
    """(N,) bool: annotations of a picture that the published loader takes; crowds are left out before.

    Args:
        box_xywh: (N, 4).
        area: (N,) of the outline, square px.
        keypoints: (N, K, 3) x, y, flag.
        category: (N,) ids.
        person: the id that counts.
    """
    labelled = np.asarray(keypoints).reshape(len(np.asarray(box_xywh)), -1).max(-1) != 0
    inside = clean_boxes(box_xywh, picture_wh)[1]
    usable: np.ndarray = (np.asarray(category) == person) & (np.asarray(area) > 0) & labelled & inside
    return usable


def selected_people(centre: ArrayLike, scale: ArrayLike, xy_px: ArrayLike, visible: ArrayLike) -> np.ndarray:
    """(N,) bool: SimpleBaseline's `select_data`: the mean of the joints is near the middle of the box. All published trainings
    switch it off.

    Args:
        centre, scale: (N, 2) of `frames.centre_scale`, padding included.
        xy_px: (N, K, 2).
        visible: (N, K), above 0 for labelled joints. A person without any is left out.
    """
    shown = (np.asarray(visible) > 0)[..., None]
    count = shown.sum((1, 2))
    mean = np.where(shown, xy_px, 0).sum(1) / np.maximum(count, 1)[:, None]
    area = np.asarray(scale, np.float64).prod(-1) * BOX_UNIT_PX**2
    distance = ((mean - centre) ** 2).sum(-1)
    near = np.exp(-distance / (2 * SELECT_SPREAD**2 * area))
    selected: np.ndarray = (count > 0) & (near > SELECT_PER_JOINT * (count - 1) + SELECT_BASE)
    return selected


def mpii_centre_size(center: ArrayLike, scale: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Middle and side of MPII's squares as in SimpleBaseline and HRNet.

    Args:
        center: (..., 2) as annotated, counted from 1; x = -1 stands for a person without one, who is not moved down.
        scale: (...) as annotated.

    Returns:
        (..., 2) px of the picture, counted from 0, and (...) px.
    """
    xy, size = np.asarray(center, np.float64), np.asarray(scale, np.float64)
    down = np.where(xy[..., 0] != -1, MPII_SHIFT_PX * size, 0)
    return xy + np.stack([np.zeros_like(down), down], -1) - 1, BOX_UNIT_PX * size


def frame_box(sample: PoseSample, frame: str) -> np.ndarray:
    """(4,) float64 box of a sample such that `frames.centre_scale` of it is the published centre and scale.

    COCO: the annotated box, cleaned; one pixel larger in `dark`, about the same middle; unchanged in `megvii`. Detections: the
    detector's box, unchanged. MPII: the square about the annotated centre. Other data sets: their box, cleaned as COCO's. A box
    of a single pixel has no size when it is cleaned; it gets 1 px.
    """
    meta, inclusive = sample.meta, 1 if frame == "dark" else 0
    if "center_px" in meta:  # MPII
        middle, side = mpii_centre_size(np.add(meta["center_px"], 1), meta["scale"])
        return np.array([*(middle - (side - inclusive) / 2), side, side])
    box = np.asarray(meta.get("annotated_box_xywh", sample.box_xywh), np.float64)
    if "detection" in meta or frame == "megvii":
        return box
    box = clean_boxes(box, sample.image.shape[1::-1])[0]
    box[2:] = np.maximum(box[2:], 0) + inclusive
    if not box[2:].any():
        box[2:] = 1
    return box
