"""Boxes of people as the published loaders have them, for the frames of `pose.person_frames`.

The house counts boxes by pixel edges: x .. x + w holds w pixels. The loaders of SimpleBaseline and its successors count from the
middle of the first pixel to that of the last, and move a box that begins outside the picture in, where the house cuts it.
"""

from __future__ import annotations

import numpy as np

from ..pose.person_frames import BOX_UNIT_PX
from .sample import PoseSample

MPII_SHIFT_PX = 15.0  # times the scale: the published crop lies that much lower than MPII's annotated centre
SELECT_SPREAD, SELECT_BASE, SELECT_PER_JOINT = 0.2, 0.45, 0.2 / 16


def clean_boxes(box_xywh, picture_wh) -> tuple[np.ndarray, np.ndarray]:
    """COCO's boxes as SimpleBaseline and HRNet clean them: left, top, width - 1, height - 1, within the picture.

    Args:
        box_xywh: (..., 4) as annotated.
        picture_wh: (..., 2) width and height of the picture.

    Returns:
        boxes (..., 4) float64, and (...) bool: false for a box that lies beside the picture, which the published code drops.
    """
    box, limit = np.asarray(box_xywh, np.float64), np.asarray(picture_wh, np.float64) - 1
    first = np.maximum(box[..., :2], 0)
    last = np.minimum(limit, first + np.maximum(box[..., 2:] - 1, 0))
    return np.concatenate([first, last - first], -1), (last >= first).all(-1)


def usable_people(box_xywh, area, keypoints, category, picture_wh, person: int = 1) -> np.ndarray:
    """(N,) bool: which annotations of a picture the published loader keeps; crowds are left out before.

    Args:
        box_xywh: (N, 4).
        area: (N,) of the outline, square px.
        keypoints: (N, K, 3) x, y, flag.
        category: (N,) ids.
        person: the id that counts.
    """
    labelled = np.asarray(keypoints).reshape(len(box_xywh), -1).max(-1) != 0
    return (np.asarray(category) == person) & (np.asarray(area) > 0) & labelled & clean_boxes(box_xywh, picture_wh)[1]


def selected_people(centre, scale, xy_px, visible) -> np.ndarray:
    """(N,) bool: SimpleBaseline's `select_data`, off in all published trainings: the joints' mean must lie near the box's middle.

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
    return (count > 0) & (near > SELECT_PER_JOINT * (count - 1) + SELECT_BASE)


def mpii_centre_size(center, scale) -> tuple[np.ndarray, np.ndarray]:
    """Middle and side of MPII's squares as SimpleBaseline and HRNet have them.

    Args:
        center: (..., 2) as annotated, counted from 1; x = -1 stands for a person without one, who is not moved down.
        scale: (...) as annotated.

    Returns:
        (..., 2) px of the picture, counted from 0, and (...) px.
    """
    center, scale = np.asarray(center, np.float64), np.asarray(scale, np.float64)
    down = np.where(center[..., 0] != -1, MPII_SHIFT_PX * scale, 0)
    return center + np.stack([np.zeros_like(down), down], -1) - 1, BOX_UNIT_PX * scale


def frame_box(sample: PoseSample, frame: str) -> np.ndarray:
    """(4,) float64 box of a sample such that `frames.centre_scale` of it is the published centre and scale.

    People of COCO have their annotated box cleaned (a pixel larger in `dark`, about the same middle; as it is in `megvii`),
    detected ones the detector's box as it is, people of MPII the square about their centre; all else its own box, cleaned like
    COCO's. A box of a single pixel, which cleaned has no size, is given one of 1 px.
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
