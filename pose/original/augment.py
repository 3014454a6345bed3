"""The augmentations of the 2020 CC-SSL code. Random numbers are arguments, so a test can give the published ones.

Source: see `pose.original.geometry`. Three recipes:

- standard, before the crop: scale, rotation, mirror, gain of each colour channel;
- strong ("sp"), on the complete picture: affine, noise, blur and contrast, each in one picture of two, in random order. As in the
  original code, the box does not move with the picture;
- views for pseudo-labels: the crop itself and four random scales and rotations.

The strong recipe of the original code repeats the same random numbers in each worker and each epoch; here each item has its own
generator, so nothing is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from types import SimpleNamespace

import cv2
import numpy as np
from numpy.typing import ArrayLike

from ...errors import ZooposeError
from ..skeleton import TIGDOG18
from .geometry import flip_points

# numbers of the original code
BLOCKS = ("affine", "noise", "blur", "contrast")
NOISE_GREY = 0.5 * 255  # deviation of the noise, grey levels
IDENTITY_SCALE = 1.28  # scale of a view that shows a crop of 256 px unchanged: its box is 200 x 1.28 px


@dataclass(frozen=True)
class StandardDraw:
    """Random numbers of the standard recipe, in the original order: normal, uniform, normal, uniform, 3 gains."""

    z_scale: float
    u_rot: float
    z_rot: float
    u_flip: float
    gain: tuple[float, float, float]

    @classmethod
    def of(cls, numbers: Iterable[float]) -> StandardDraw:
        """Make a draw from 7 numbers in that order."""
        z_scale, u_rot, z_rot, u_flip, red, green, blue = (float(n) for n in numbers)
        return cls(z_scale, u_rot, z_rot, u_flip, (red, green, blue))


@dataclass(frozen=True, eq=False)
class StrongDraw:
    """Random numbers of the strong recipe.

    Attributes:
        order: the blocks that are applied, in their order.
        scale_xy: (2,) factors.
        translate_xy: (2,) shares of width and height.
        rotate_deg: angle of the turn.
        shear_deg: angle of the shear.
        linear: bilinear resampling; False: nearest pixel.
        fill_rgb: (3,) grey levels outside the picture.
        noise_seed: of the generator of the noise.
        noise_of_channel: different noise for each channel.
        blur_px: sigma of the Gaussian.
        contrast: (3,) factors about 127.
        u_flip: uniform; the picture is mirrored for values up to 0.5.
    """

    order: tuple[str, ...]
    scale_xy: np.ndarray
    translate_xy: np.ndarray
    rotate_deg: float
    shear_deg: float
    linear: bool
    fill_rgb: np.ndarray
    noise_seed: int
    noise_of_channel: bool
    blur_px: float
    contrast: np.ndarray
    u_flip: float


@dataclass
class Augmented:
    """A picture with its joints and box.

    Attributes:
        image: (3, H, W) float32.
        pts: (K, 3) x, y and flag.
        center: (2,) float32 px.
        scale: side of the box / 200 px. A float32 scale makes later arithmetic float32.
        rot_deg: turn of the crop, counter-clockwise.
    """

    image: np.ndarray
    pts: np.ndarray
    center: np.ndarray
    scale: float | np.float32
    rot_deg: float | np.float32 = 0.0


def draw_standard(rng: np.random.Generator) -> StandardDraw:
    """Draw random numbers for `standard`. The second normal is drawn also where it is not used, so all items draw as many."""
    z_scale, u_rot, z_rot, u_flip = rng.standard_normal(), rng.random(), rng.standard_normal(), rng.random()
    red, green, blue = rng.uniform(0.8, 1.2, 3)
    return StandardDraw(z_scale, u_rot, z_rot, u_flip, (red, green, blue))


def standard(
    item: Augmented,
    draw: StandardDraw,
    scale_factor: float = 0.25,
    rot_factor: float = 30.0,
    flip: bool = True,
    flip_order: np.ndarray = TIGDOG18.flip_order,
) -> Augmented:
    """Apply the standard recipe: mirror the picture and scale its channels, scale and turn the box.

    Args:
        item: is not changed.
        draw: from `draw_standard`.
        scale_factor: the box is scaled by 1 + a normal of this deviation, limited to one deviation.
        rot_factor: 6 of 10 items are turned by a normal of this deviation in degrees, limited to two deviations.
        flip: mirror half of the items.
        flip_order: (K,) index of each joint's partner, see `Skeleton.flip_order`.
    """
    f32 = np.float32
    factor = np.clip(f32(draw.z_scale) * f32(scale_factor) + f32(1), f32(1 - scale_factor), f32(1 + scale_factor))
    rot: float | np.float32 = 0.0
    if draw.u_rot <= 0.6:
        rot = np.clip(f32(draw.z_rot) * f32(rot_factor), f32(-2 * rot_factor), f32(2 * rot_factor))
    scaled = Augmented(item.image, item.pts, item.center, f32(item.scale) * factor, rot)
    if flip and draw.u_flip <= 0.5:
        scaled = mirrored(scaled, flip_order)
    gain = np.array(draw.gain, f32)[:, None, None]
    image = scaled.image * gain
    scaled.image = np.clip(image, f32(0), f32(1), out=image)
    return scaled


def mirrored(item: Augmented, flip_order: np.ndarray = TIGDOG18.flip_order) -> Augmented:
    """Mirror picture, joints and centre; as in the original code x becomes width - x."""
    width = item.image.shape[2]
    center = item.center.copy()
    center[0] = width - center[0]
    image = np.ascontiguousarray(item.image[:, :, ::-1])
    return Augmented(image, flip_points(item.pts, width, flip_order), center, item.scale, item.rot_deg)


def draw_strong(rng: np.random.Generator) -> StrongDraw:
    """Draw random numbers for `strong`."""
    applied = rng.random(len(BLOCKS)) < 0.5
    order = tuple(BLOCKS[i] for i in rng.permutation(len(BLOCKS)) if applied[i])
    alpha = rng.uniform(0.5, 2, 3)
    return StrongDraw(
        order=order,
        scale_xy=rng.uniform(0.5, 1.5, 2),
        translate_xy=rng.uniform(-0.05, 0.05, 2),
        rotate_deg=float(rng.uniform(-30, 30)),
        shear_deg=float(rng.uniform(-20, 20)),
        linear=bool(rng.integers(2)),
        fill_rgb=rng.uniform(0, 255, 3),
        noise_seed=int(rng.integers(2**63)),
        noise_of_channel=bool(rng.random() < 0.5),
        blur_px=float(rng.uniform(1, 5)),
        contrast=alpha if rng.random() < 0.5 else np.full(3, alpha[0]),
        u_flip=float(rng.random()),
    )


def strong(image: np.ndarray, pts: np.ndarray, draw: StrongDraw) -> tuple[np.ndarray, np.ndarray]:
    """Apply the strong recipe without its mirror, which the caller applies after it has removed joints outside the picture.

    Args:
        image: (H, W, 3) uint8; is not changed.
        pts: (K, 2 or more) x, y and more; x and y are moved, also those of joints without label at (0, 0).
        draw: from `draw_strong`.

    Returns:
        Picture and joints with the same shapes; joints may be outside the picture.

    Raises:
        ZooposeError: the module imgaug is missing.
    """
    imgaug = _imgaug()
    for block in draw.order:
        if block == "affine":
            matrix = affine_matrix(image.shape[:2], draw.scale_xy, draw.translate_xy, draw.rotate_deg, draw.shear_deg)
            image = warp(image, matrix, draw.linear, draw.fill_rgb)
            pts = pts.copy()
            pts[:, :2] = pts[:, :2] @ matrix[:2, :2].T + matrix[:2, 2]
        elif block == "noise":
            depth = image.shape[2] if draw.noise_of_channel else 1
            noise = np.random.default_rng(draw.noise_seed).standard_normal((*image.shape[:2], depth), np.float32)
            image = imgaug.arithmetic.add_elementwise(image, noise * np.float32(NOISE_GREY))
        elif block == "blur":
            image = imgaug.blur.blur_gaussian_(image.copy(), draw.blur_px)
        else:
            image = contrast(image, draw.contrast)
    return image, pts


def affine_matrix(
    size_hw: tuple[int, int],
    scale_xy: ArrayLike,
    translate_xy: ArrayLike,
    rotate_deg: ArrayLike,
    shear_deg: ArrayLike,
) -> np.ndarray:
    """Compute the matrix of imgaug 0.3's Affine, about the middle of the picture (later versions shear differently).

    Args:
        size_hw: rows, columns of the picture.
        scale_xy: (..., 2) factors.
        translate_xy: (..., 2) shares of width and height; the move is rounded to whole pixels.
        rotate_deg: (...) angle of the turn.
        shear_deg: (...) angle of the shear.

    Returns:
        (..., 3, 3) float64, from old to new pixels.
    """
    height, width = size_hw
    scale, shift = np.asarray(scale_xy, float), np.asarray(translate_xy, float)
    turn, shear = np.deg2rad(rotate_deg), np.deg2rad(shear_deg)
    middle = np.array([width / 2 - 0.5, height / 2 - 0.5])
    linear = np.empty(scale.shape[:-1] + (2, 2))
    linear[..., 0, 0], linear[..., 1, 0] = scale[..., 0] * np.cos(turn), scale[..., 0] * np.sin(turn)
    linear[..., 0, 1] = -scale[..., 1] * np.sin(turn + shear)
    linear[..., 1, 1] = scale[..., 1] * np.cos(turn + shear)
    matrix = np.zeros(scale.shape[:-1] + (3, 3))
    matrix[..., 2, 2] = 1
    matrix[..., :2, :2] = linear
    matrix[..., :2, 2] = np.round(shift * [width, height]) + middle - linear @ middle
    return matrix


def warp(image: np.ndarray, matrix: np.ndarray, linear: bool, fill_rgb: Iterable[float]) -> np.ndarray:
    """Move a picture (H, W, 3) uint8 by an `affine_matrix`; the fill is truncated to whole grey levels."""
    height, width = image.shape[:2]
    flags = cv2.INTER_LINEAR if linear else cv2.INTER_NEAREST
    fill = tuple(int(grey) for grey in fill_rgb)
    return cv2.warpAffine(
        image, matrix[:2], (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT, borderValue=fill
    )


def contrast(image: np.ndarray, alpha: Iterable[float]) -> np.ndarray:
    """127 + alpha (v - 127) for a picture (H, W, 3) uint8, one factor for each channel, limited and truncated to whole levels."""
    adjust = _imgaug().contrast.adjust_contrast_linear
    channels = [adjust(np.ascontiguousarray(image[..., c : c + 1]), a) for c, a in enumerate(alpha)]
    return np.concatenate(channels, -1)


def views(normals: ArrayLike, scale_factor: float = 0.25, rot_factor: float = 30.0) -> tuple[np.ndarray, np.ndarray]:
    """Scales and rotations of the views for pseudo-labels: the crop itself, then one view for each row of `normals`.

    Args:
        normals: (V, 2) standard normals for scale and rotation.
        scale_factor: deviation of the scale, see `standard`.
        rot_factor: deviation of the turn in degrees, see `standard`; here each view is turned.

    Returns:
        scale (V + 1,), where 1.28 is the crop itself, and rot_deg (V + 1,); float64.
    """
    normals = np.asarray(normals, float)
    scale = IDENTITY_SCALE * np.clip(1 + scale_factor * normals[:, 0], 1 - scale_factor, 1 + scale_factor)
    rot = np.clip(rot_factor * normals[:, 1], -2 * rot_factor, 2 * rot_factor)
    return np.concatenate([[IDENTITY_SCALE], scale]), np.concatenate([[0.0], rot])


def draw_views(rng: np.random.Generator, count: int = 4) -> np.ndarray:
    """Draw normals (count, 2) for `views`."""
    return rng.standard_normal((count, 2))


def _imgaug() -> SimpleNamespace:
    """The parts of imgaug that the strong recipe needs, imported when first used."""
    try:
        from imgaug.augmenters import arithmetic, blur, contrast
    except (ImportError, AttributeError) as error:  # imgaug itself does not import on NumPy 2
        raise ZooposeError(
            "the module imgaug (distribution imaug), which the strong augmentation of the 2020 code uses",
            str(error),
            "uv sync --extra imgaug\nor: pip install 'zoopose[imgaug]'",
        ) from error
    return SimpleNamespace(arithmetic=arithmetic, blur=blur, contrast=contrast)
