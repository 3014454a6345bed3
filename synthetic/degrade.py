"""What a video camera does to a picture: exposure, colour, haze, blur, low resolution, noise, compression."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Lens:
    """One camera in one shot.

    Attributes:
        gain: (3,) RGB factors, the colour cast and the exposure in one.
        contrast: around the picture's mean.
        haze: share of grey veil.
        gamma: of the tone curve.
        defocus: blur in shares of the picture's width.
        motion: length of the smear in shares of the width at full speed.
        coarse: factor by which the sensor is coarser than the picture.
        noise: standard deviation, in 0..1.
        quality: of the JPEG compression, 0 for none.
        vignette: darkening of the corners.
    """

    gain: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    haze: float = 0.0
    gamma: float = 1.0
    defocus: float = 0.0
    motion: float = 0.0
    coarse: float = 1.0
    noise: float = 0.0
    quality: int = 0
    vignette: float = 0.0


def draw_lens(rng: np.random.Generator, strength: float, picture_mean: float) -> Lens:
    """A camera at random; strength 0 is a perfect one, 1 an old digitised broadcast or a phone.

    Its exposure is roughly right for pictures of the given mean, in 0..1.
    """
    warm = strength * rng.normal(0, 0.13)
    exposure = float(np.clip(picture_mean, 0.24, 0.62)) / max(picture_mean, 0.02) if strength > 0 else 1.0
    exposure *= 1 + strength * rng.uniform(-0.3, 0.3)
    green = 1 + strength * rng.normal(0, 0.04)
    contrast = max(0.55, 1 - strength * rng.uniform(-0.1, 0.32))
    # a person must still see the joints: veil and noise share what contrast there is
    haze = min(strength * max(0.0, rng.uniform(-0.2, 0.28)), 1 - 0.5 / max(contrast, 0.5))
    noise = min(strength * rng.uniform(0.015, 0.05), 0.09 * contrast * (1 - haze))
    return Lens(
        gain=(exposure * (1 + warm), exposure * green, exposure * (1 - warm)),
        contrast=contrast,
        haze=haze,
        gamma=float(np.exp(strength * rng.uniform(-0.3, 0.3))),
        defocus=strength * rng.uniform(0, 0.0065),
        motion=strength * rng.uniform(0, 0.025),
        coarse=1 + strength * rng.uniform(0.1, 1.3),
        noise=noise,
        quality=int(np.clip(95 - strength * rng.uniform(35, 72), 8, 95)) if strength > 0 else 0,
        vignette=strength * rng.uniform(0, 0.4),
    )


def site_lens(rng: np.random.Generator, strength: float, picture_mean: float) -> Lens:
    """The camera of one site: how much it takes from the picture follows from `strength`; at random is only in which direction.

    A person sees every joint: the picture is well exposed, and what differs is colour, sharpness, noise and compression.
    """
    exposure = float(np.clip(picture_mean, 0.4, 0.6)) / max(picture_mean, 0.02) if strength > 0 else 1.0
    warm, dark = rng.choice((-1, 1), 2)
    exposure *= 1 + 0.06 * strength * dark
    cast = 0.22 * strength * warm
    return Lens(
        gain=(exposure * (1 + cast), exposure, exposure * (1 - cast)),
        contrast=max(0.6, 1 - 0.1 * strength),
        haze=0.05 * strength,
        gamma=float(np.exp(-0.1 * strength * dark)),
        defocus=0.005 * strength,
        coarse=1 + 0.6 * strength,
        noise=0.025 * strength,
        quality=int(np.clip(95 - 55 * strength, 8, 95)) if strength > 0 else 0,
        vignette=0.15 * strength,
    )


def through(lens: Lens, picture: np.ndarray, shift_px: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) float32 picture in 0..1 as the lens records it, uint8.

    Args:
        shift_px: how far the camera pans while one frame is taken, for the smear.
        rng: of the sensor's noise.
    """
    height, width = picture.shape[:2]
    out = picture
    mean = out.mean(dtype=np.float64)
    scale, offset = lens.contrast * (1 - lens.haze), mean * (1 - lens.contrast) * (1 - lens.haze) + 0.72 * lens.haze
    out = cv2.transform(
        out, np.column_stack([np.diag(lens.gain) * scale, np.array(lens.gain) * offset]).astype(np.float32)
    )
    if lens.gamma != 1:
        out = np.power(np.clip(out, 0, 1), np.float32(lens.gamma))
    smear = int(round(min(abs(shift_px), lens.motion * width)))
    if smear >= 2:
        out = cv2.blur(out, (smear, 1))
    if lens.defocus * width > 0.3:
        out = cv2.GaussianBlur(out, (0, 0), lens.defocus * width)
    if lens.vignette:
        out = out * _corner_shade(height, width, lens.vignette)
    small = (max(16, round(width / lens.coarse)), max(16, round(height / lens.coarse)))
    if small != (width, height):
        out = cv2.resize(out, small, interpolation=cv2.INTER_AREA)
    if lens.noise:
        out = out + rng.standard_normal(out.shape, np.float32) * np.float32(lens.noise)
    if small != (width, height):
        out = cv2.resize(out, (width, height), interpolation=cv2.INTER_LINEAR)
    out = cv2.convertScaleAbs(np.clip(out, 0, 1), alpha=255)
    if lens.quality:
        out = cv2.imdecode(cv2.imencode(".jpg", out, [cv2.IMWRITE_JPEG_QUALITY, lens.quality])[1], cv2.IMREAD_COLOR)
    return out


def _corner_shade(height: int, width: int, strength: float) -> np.ndarray:
    x = np.linspace(-1, 1, width, dtype=np.float32) ** 2
    y = np.linspace(-1, 1, height, dtype=np.float32) ** 2
    return (1 - np.float32(strength * 0.5) * (x[None] + y[:, None]))[..., None]
