"""Where farm animals stand: pastures, yards and barns, and railings before them. Colours are RGB in 0..1."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from .colours import RGB, triple
from .scenery import Scene, Surface

# ground, sky, what stands at the horizon: kind of noise, dark and light colour, size; then its height and how ragged it is, things
_Place = tuple[
    tuple[str, RGB, RGB, float], tuple[str, RGB, RGB, float], tuple[str, RGB, RGB, float], float, float, tuple[str, ...]
]
_GRASS = ("grain", (0.18, 0.26, 0.08), (0.5, 0.58, 0.26), 2.2)
_STRAW = ("streak", (0.3, 0.25, 0.17), (0.66, 0.57, 0.38), 2.5)
_CONCRETE = ("cloud", (0.3, 0.29, 0.28), (0.56, 0.54, 0.51), 2.0)
_CLOUDS = ("cloud", (0.5, 0.64, 0.84), (0.93, 0.95, 0.97), 0.7)
_OVERCAST = ("cloud", (0.86, 0.88, 0.9), (1.0, 1.0, 1.0), 0.5)  # brighter than the camera can show
_PLACES: tuple[_Place, ...] = (
    (_GRASS, _CLOUDS, ("rock", (0.06, 0.1, 0.04), (0.35, 0.42, 0.2), 2.2), 0.25, 0.7, ("bushes", "fence")),
    (_GRASS, _OVERCAST, ("rock", (0.2, 0.24, 0.16), (0.5, 0.54, 0.4), 2.0), 0.15, 0.6, ("fence", "fence")),
    (_CONCRETE, _OVERCAST, ("streak", (0.4, 0.33, 0.25), (0.7, 0.62, 0.5), 1.5), 0.3, 0.0, ("fence", "fence")),
    (_STRAW, _OVERCAST, ("streak", (0.25, 0.2, 0.15), (0.6, 0.5, 0.38), 1.5), 0.25, 0.0, ("fence", "trunks")),
    # the inside of a barn: a dark roof over a wall, or a wall of windows
    (_STRAW, ("streak", (0.06, 0.05, 0.05), (0.3, 0.26, 0.22), 1.5), ("collage", (0.12, 0.1, 0.08), (0.5, 0.42, 0.33), 1.0),
     0.7, 0.0, ("fence", "trunks")),
    (_CONCRETE, ("streak", (0.3, 0.3, 0.3), (0.62, 0.62, 0.62), 1.5), ("blots", (0.75, 0.76, 0.77), (1.0, 1.0, 1.0), 1.0),
     0.5, 0.0, ("fence", "fence", "trunks")),
    (("rock", (0.2, 0.15, 0.1), (0.48, 0.38, 0.27), 2.5), _CLOUDS, ("collage", (0.3, 0.22, 0.18), (0.7, 0.6, 0.52), 0.8),
     0.6, 0.0, ("fence", "blocks")),
)  # fmt: skip


def farm_scene(rng: np.random.Generator) -> Scene:
    """A pasture, a yard or the inside of a barn at random."""
    ground, sky, far, tall, rough, things = _PLACES[int(rng.integers(len(_PLACES)))]
    below, above, behind = (_surface(entry, rng) for entry in (ground, sky, far))
    shown = tuple(thing for thing in things if rng.random() < 0.8)
    return Scene(below, above, behind, tall * rng.uniform(0.7, 1.3), rough, shown)


def _surface(entry: tuple[str, RGB, RGB, float], rng: np.random.Generator) -> Surface:
    kind, dark, light, scale = entry
    shade = rng.uniform(0.75, 1.15) * rng.normal(1, 0.05, 3)
    x, y = map(float, rng.uniform(0, 512, 2))
    surface = Surface(kind, dark, light, scale * rng.uniform(0.7, 1.5), (x, y))
    dark, light = (triple(np.clip(np.array(rgb) * shade, 0, 1)) for rgb in (dark, light))
    return replace(surface, dark=dark, light=light)


def railings(size_hw: tuple[int, int], box_px: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Railings before an animal: rails across the picture, and posts.

    Args:
        size_hw: rows and columns of the picture.
        box_px: (4,) left, top, right and bottom of the animal.

    Returns:
        (H, W) cover 0..1 and (H, W, 3) colours, for `frames.compose`.
    """
    height, width = size_hw
    tall = float(box_px[3] - box_px[1])
    cover = np.zeros((height, width), np.uint8)
    slope = rng.uniform(-0.04, 0.04)
    for at in rng.choice([0.2, 0.4, 0.55, 0.7, 0.85], size=int(rng.integers(1, 4)), replace=False):
        y = box_px[1] + at * tall
        thick = max(1, round(tall * rng.uniform(0.012, 0.035)))
        cv2.line(
            cover, (0, round(y - slope * width / 2)), (width, round(y + slope * width / 2)), (255,), thick, cv2.LINE_AA
        )
    step = tall * rng.uniform(0.7, 1.8)
    for x in np.arange(rng.uniform(0, step), width, step):
        thick = max(1, round(tall * rng.uniform(0.02, 0.05)))
        cv2.line(cover, (round(x), 0), (round(x + rng.normal(0, 2)), height), (255,), thick, cv2.LINE_AA)
    metal = rng.uniform(0.25, 0.95) * np.array([1, 0.97, 0.93])
    shade = metal * (0.8 + 0.2 * np.linspace(1, 0, height))[:, None, None]
    return cover.astype(np.float32) / 255, np.broadcast_to(shade, (height, width, 3)).astype(np.float32)
