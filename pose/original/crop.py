"""The crop of the 2020 CC-SSL code: `imresize` and `imrotate` of scipy 1.2.1 on Pillow, with their stretch of the contrast.

Source: see `pose.original.geometry`. These functions of scipy (BSD) scaled each array that was not uint8 from its smallest..largest
value to 0..255 before Pillow used it. So the contrast of each crop is stretched, with the same factor for all channels and with the
black padding included. Networks that were trained on such crops need them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from .geometry import BOX_UNIT_PX, original_transform


def bytescale(values: np.ndarray) -> np.ndarray:
    """Convert an array to uint8: its range becomes 0..255, rounded half up; a constant becomes 0. uint8 does not change."""
    if values.dtype == np.uint8:
        return values
    low, high = values.min(), values.max()
    scaled = values - low
    scaled *= values.dtype.type(255.0 / (float(high - low) or 1.0))
    scaled += values.dtype.type(0.5)
    return np.asarray(scaled, np.uint8)


def imresize(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """Resize a picture (H, W[, C]) to `size_hw` after `bytescale`, bilinear, with antialiasing when it gets smaller; uint8."""
    size = (int(size_hw[1]), int(size_hw[0]))
    return np.asarray(Image.fromarray(bytescale(image)).resize(size, Image.Resampling.BILINEAR))


def imrotate(image: np.ndarray, angle_deg: float) -> np.ndarray:
    """Turn a picture (H, W[, C]) counter-clockwise about its middle after `bytescale`; same size, 0 outside; uint8."""
    return np.asarray(Image.fromarray(bytescale(image)).rotate(float(angle_deg), Image.Resampling.BILINEAR))


def original_crop(
    image: np.ndarray,
    center: ArrayLike,
    scale: float | np.floating[Any],
    size_hw: tuple[int, int],
    rot_deg: float | np.floating[Any] = 0.0,
) -> np.ndarray:
    """Cut a square box from a picture and resize it to `size_hw`, with stretched contrast.

    Args:
        image: (C, H, W) float32, usually 0..1; C is 1 or 3.
        center: (2,) x, y, px.
        scale: side of the box / 200 px.
        size_hw: rows, columns of the crop.
        rot_deg: turn, counter-clockwise.

    Returns:
        (C, rows, columns) float32 with values k/255. All 0 where the box is so large that the picture vanishes.
    """
    rows, columns = int(size_hw[0]), int(size_hw[1])
    channels, height, width = image.shape
    picture = np.moveaxis(image, 0, -1)
    if channels == 1:
        picture = picture[..., 0]
    center = np.asarray(center)
    shrink = float(BOX_UNIT_PX * scale) / rows
    if shrink >= 2:
        if math.floor(max(height, width) / shrink) < 2:
            return np.zeros((channels, rows, columns), np.float32)
        small = (max(math.floor(height / shrink), 1), max(math.floor(width / shrink), 1))
        picture = imresize(picture, small)
        center, scale = center / center.dtype.type(shrink), scale / np.asarray(scale).dtype.type(shrink)
    corners = original_transform(np.array([[0, 0], [rows, columns]]), center, scale, (rows, columns), inverse=True)
    box = _cut(picture, corners, rot_deg)
    crop = imresize(box, (rows, columns)).reshape(rows, columns, channels)
    return image_to_chw(crop)


def _cut(picture: np.ndarray, corners: np.ndarray, rot_deg: float | np.floating[Any]) -> np.ndarray:
    """The box between two corners (x, y) of a picture (H, W[, C]) on a black float64 canvas, turned by `rot_deg`."""
    upper_left, lower_right = corners
    pad = 0
    if rot_deg != 0:
        pad = int(np.linalg.norm(lower_right - upper_left) / 2 - (lower_right[1] - upper_left[1]) / 2)
        upper_left, lower_right = upper_left - pad, lower_right + pad
    size = np.maximum(lower_right - upper_left, 1)
    canvas = np.zeros((size[1], size[0], *picture.shape[2:]))
    limits = np.array([picture.shape[1], picture.shape[0]])
    start, stop = np.clip(upper_left, 0, limits), np.clip(lower_right, 0, limits)
    (x0, y0), (x1, y1) = start - upper_left, stop - upper_left
    if (stop > start).all():
        canvas[y0:y1, x0:x1] = picture[start[1] : stop[1], start[0] : stop[0]]
    if rot_deg != 0:
        canvas = imrotate(canvas, float(rot_deg))[pad : size[1] - pad, pad : size[0] - pad]
    return canvas


def image_to_chw(image: np.ndarray) -> np.ndarray:
    """Picture (H, W, C) -> (C, H, W) float32, divided by 255 only where a value is above 1."""
    chw = np.moveaxis(image, -1, 0).astype(np.float32, order="C")
    if chw.size and image.max() > 1:
        chw /= np.float32(255)
    return chw


def color_normalize(image: np.ndarray, mean: ArrayLike) -> np.ndarray:
    """Subtract the channel means (3,) from a picture (..., 3, H, W). The original code does not divide by a deviation.

    A picture of one channel is repeated to three.
    """
    if image.shape[-3] == 1:
        image = np.repeat(image, 3, axis=-3)
    normalised: np.ndarray = image - np.asarray(mean, image.dtype)[:, None, None]
    return normalised
