"""The published crop: scipy 1.2.1's `imresize` and `imrotate` on Pillow, contrast stretch included.

Source: as `published_geometry`. scipy's (BSD) picture functions stretched every array that was not uint8 from its
smallest..largest value to 0..255 before Pillow saw it. So each published crop is contrast-stretched, jointly over the
channels and with the black padding; networks trained on such crops expect them.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from .geometry import BOX_UNIT_PX, original_transform


def bytescale(values: np.ndarray) -> np.ndarray:
    """Any array to uint8: min..max becomes 0..255, rounded half up; uint8 passes unchanged. Constant becomes 0."""
    if values.dtype == np.uint8:
        return values
    low, high = values.min(), values.max()
    scaled = values - low
    scaled *= values.dtype.type(255.0 / (float(high - low) or 1.0))
    scaled += values.dtype.type(0.5)
    return scaled.astype(np.uint8)


def imresize(image: np.ndarray, size_hw: tuple[int, int]) -> np.ndarray:
    """(H, W[, C]) picture to `size_hw`, stretched by `bytescale`, bilinear with antialias when shrinking. uint8."""
    size = (int(size_hw[1]), int(size_hw[0]))
    return np.asarray(Image.fromarray(bytescale(image)).resize(size, Image.Resampling.BILINEAR))


def imrotate(image: np.ndarray, angle_deg: float) -> np.ndarray:
    """(H, W[, C]) picture turned counter-clockwise about its middle, same size, zeros outside, stretched. uint8."""
    return np.asarray(Image.fromarray(bytescale(image)).rotate(float(angle_deg), Image.Resampling.BILINEAR))


def original_crop(image: np.ndarray, center, scale, size_hw: tuple[int, int], rot_deg=0.0) -> np.ndarray:
    """Square box of a picture as a crop of `size_hw`, contrast-stretched.

    Args:
        image: (C, H, W) float32, usually 0..1; C is 1 or 3.
        center: (2,) x, y in pixels.
        scale: box side / 200.
        size_hw: rows, columns of the crop.
        rot_deg: counter-clockwise turn.

    Returns:
        (C, rows, columns) float32 with values k/255. All zero for a box so large that the picture vanishes.
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


def _cut(picture: np.ndarray, corners: np.ndarray, rot_deg) -> np.ndarray:
    """The box between two corners (x, y) of an (H, W[, C]) picture on a black float64 canvas, turned if asked."""
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
        canvas = imrotate(canvas, rot_deg)[pad : size[1] - pad, pad : size[0] - pad]
    return canvas


def image_to_chw(image: np.ndarray) -> np.ndarray:
    """(H, W, C) picture to (C, H, W) float32, divided by 255 only if something in it exceeds 1."""
    chw = np.moveaxis(image, -1, 0).astype(np.float32, order="C")
    if chw.size and image.max() > 1:
        chw /= np.float32(255)
    return chw


def color_normalize(image: np.ndarray, mean) -> np.ndarray:
    """(..., 3, H, W) picture less its channel means; published nets never divide by the deviation.

    A picture of one channel is repeated to three.
    """
    if image.shape[-3] == 1:
        image = np.repeat(image, 3, axis=-3)
    return image - np.asarray(mean, image.dtype)[:, None, None]
