"""Natural coats and natural places: what the target domain draws from. Colours are RGB in 0..1."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np

from .breeds import breed_coat
from .coats import Coat
from .colours import RGB, triple
from .scenery import Scene, Surface

_WHITE = (0.88, 0.86, 0.82)
_HORSES = (
    Coat((0.52, 0.26, 0.11), (0.5, 0.27, 0.13), (0.45, 0.22, 0.1), (0.5, 0.27, 0.12)),
    Coat((0.72, 0.52, 0.27), (0.76, 0.6, 0.38), (0.8, 0.7, 0.5), (0.87, 0.8, 0.66)),
    Coat((0.58, 0.45, 0.27), (0.6, 0.48, 0.3), (0.1, 0.08, 0.07), (0.08, 0.07, 0.06), points_top=0.4),
    Coat((0.07, 0.065, 0.07), (0.08, 0.07, 0.07), (0.06, 0.05, 0.05), (0.04, 0.04, 0.04)),
    Coat((0.8, 0.79, 0.77), (0.75, 0.73, 0.7), (0.5, 0.48, 0.47), (0.85, 0.83, 0.8), points_top=0.3),
    Coat(
        (0.4, 0.41, 0.43),
        (0.5, 0.5, 0.51),
        (0.2, 0.2, 0.21),
        (0.6, 0.6, 0.6),
        pattern="dapple",
        mark=(0.72, 0.72, 0.73),
        share=0.45,
        scale=0.11,
        soft=0.14,
        points_top=0.45,
    ),
    Coat(
        (0.36, 0.19, 0.1),
        (0.36, 0.2, 0.12),
        _WHITE,
        (0.2, 0.12, 0.08),
        pattern="patches",
        mark=_WHITE,
        share=0.45,
        scale=0.34,
        soft=0.02,
    ),
    Coat(
        (0.08, 0.07, 0.07),
        (0.1, 0.09, 0.09),
        _WHITE,
        (0.6, 0.58, 0.55),
        pattern="patches",
        mark=_WHITE,
        share=0.55,
        scale=0.42,
        soft=0.02,
    ),
    Coat(
        _WHITE,
        _WHITE,
        (0.6, 0.55, 0.5),
        (0.5, 0.45, 0.42),
        pattern="spots",
        mark=(0.2, 0.13, 0.1),
        share=0.25,
        scale=0.09,
        soft=0.05,
    ),
    Coat((0.24, 0.13, 0.08), (0.3, 0.18, 0.11), (0.06, 0.05, 0.05), (0.05, 0.05, 0.05), points_top=0.35),
)
_tiger = partial(Coat, pattern="stripes", soft=0.06, face_marks=0.7, hoof=(0.7, 0.6, 0.45), muzzle=(0.85, 0.78, 0.7))
_TIGERS = (
    _tiger(
        (0.66, 0.38, 0.15),
        (0.85, 0.78, 0.66),
        (0.66, 0.42, 0.2),
        _WHITE,
        mark=(0.1, 0.07, 0.05),
        share=0.42,
        scale=0.13,
    ),
    _tiger(
        (0.82, 0.6, 0.33), (0.9, 0.86, 0.78), (0.82, 0.62, 0.38), _WHITE, mark=(0.3, 0.2, 0.13), share=0.26, scale=0.22
    ),
    _tiger(
        (0.84, 0.81, 0.74),
        (0.9, 0.88, 0.84),
        (0.84, 0.8, 0.73),
        _WHITE,
        mark=(0.22, 0.19, 0.17),
        share=0.34,
        scale=0.18,
    ),
    _tiger(
        (0.4, 0.26, 0.14),
        (0.55, 0.47, 0.36),
        (0.42, 0.28, 0.16),
        _WHITE,
        mark=(0.06, 0.05, 0.04),
        share=0.46,
        scale=0.2,
    ),
    _tiger(
        (0.62, 0.47, 0.28), (0.7, 0.62, 0.48), (0.6, 0.45, 0.28), _WHITE, mark=(0.25, 0.18, 0.12), share=0.3, scale=0.15
    ),
)
_OTHERS = (
    Coat(
        _WHITE,
        _WHITE,
        (0.6, 0.55, 0.5),
        (0.5, 0.45, 0.42),
        pattern="patches",
        mark=(0.08, 0.07, 0.07),
        share=0.45,
        scale=0.4,
        soft=0.02,
    ),
    Coat((0.45, 0.28, 0.16), (0.6, 0.5, 0.4), (0.3, 0.2, 0.12), (0.3, 0.2, 0.12)),
    Coat(
        (0.3, 0.29, 0.28),
        (0.4, 0.38, 0.36),
        (0.2, 0.2, 0.2),
        (0.3, 0.3, 0.3),
        pattern="spots",
        mark=(0.1, 0.1, 0.1),
        share=0.3,
        scale=0.15,
    ),
)


def natural_coat(animal: str, rng: np.random.Generator) -> Coat:
    """A coat that such an animal may have, with markings, dirt and a random shade."""
    if animal in ("sheep", "goat", "pig", "dog"):
        return breed_coat(animal, rng)
    table = {"horse": _HORSES, "tiger": _TIGERS}.get(animal, _OTHERS)
    chosen = table[int(rng.integers(len(table)))]
    shade = rng.uniform(0.78, 1.2)

    def shaded(colour: RGB) -> RGB:
        return triple(np.clip(c * shade, 0.03, 0.95) for c in colour)

    socks, blaze = (0.0, 0.0, 0.0, 0.0), 0.0
    if animal == "horse" and rng.random() < 0.5:
        left_front, right_front, left_back, right_back = (float(rng.choice([0, 0.12, 0.2, 0.3])) for _ in range(4))
        socks = left_front, right_front, left_back, right_back
        blaze = float(rng.choice([0, 0.015, 0.03]))
    dirt = float(rng.choice([0, 0.4, 0.9], p=[0.5, 0.25, 0.25]))
    return replace(
        chosen,
        body=shaded(chosen.body),
        belly=shaded(chosen.belly),
        points=shaded(chosen.points),
        mane=shaded(chosen.mane),
        socks=socks,
        blaze=blaze,
        dirt=dirt,
        offset=triple(rng.uniform(0, 1, 3)),
        grain=float(rng.uniform(0.15, 0.4)),
    )


def _surface(entry: tuple[str, RGB, RGB, float], rng: np.random.Generator) -> Surface:
    """A surface of the table below, with a random shade, hue and size."""
    kind, dark, light, scale = entry
    shade = rng.uniform(0.7, 1.2)
    hue = rng.normal(1, 0.06, 3)

    def shaded(colour: RGB) -> RGB:
        return triple(np.clip(v * shade * h, 0, 1) for v, h in zip(colour, hue))

    size = scale * rng.uniform(0.7, 1.5)
    x, y = map(float, rng.uniform(0, 512, 2))
    return Surface(kind, shaded(dark), shaded(light), size, (x, y))


_SKY = ("cloud", (0.45, 0.6, 0.82), (0.9, 0.93, 0.96), 0.7)
_WOOD = ("rock", (0.06, 0.1, 0.04), (0.35, 0.42, 0.2), 2.2)
_PLACES = {
    # ground, sky, far: sheet, dark, light, scale; then height and roughness of far, things, tufts
    "meadow": (("grain", (0.16, 0.24, 0.06), (0.5, 0.58, 0.25), 2.2), _SKY, _WOOD, 0.25, 0.7, ("bushes", "fence"), 0.9),
    "savanna": (
        ("grain", (0.4, 0.3, 0.14), (0.8, 0.68, 0.42), 2.4),
        ("cloud", (0.75, 0.72, 0.62), (0.95, 0.92, 0.85), 0.6),
        _WOOD,
        0.12,
        0.8,
        ("bushes", "trunks"),
        1.1,
    ),
    "sand": (
        ("cloud", (0.52, 0.42, 0.3), (0.8, 0.7, 0.54), 2.0),
        ("cloud", (0.55, 0.55, 0.52), (0.75, 0.76, 0.75), 0.5),
        ("streak", (0.3, 0.24, 0.18), (0.6, 0.52, 0.42), 1.5),
        0.35,
        0.0,
        ("fence", "fence"),
        0.0,
    ),
    "stable": (
        ("rock", (0.3, 0.24, 0.16), (0.62, 0.52, 0.36), 2.5),
        ("streak", (0.12, 0.1, 0.08), (0.35, 0.28, 0.2), 1.5),
        ("collage", (0.1, 0.08, 0.06), (0.5, 0.4, 0.3), 1.0),
        0.7,
        0.0,
        ("fence", "trunks"),
        0.2,
    ),
    "snow": (
        ("cloud", (0.72, 0.76, 0.84), (0.97, 0.98, 1.0), 1.4),
        ("cloud", (0.68, 0.72, 0.78), (0.9, 0.92, 0.95), 0.6),
        ("rock", (0.1, 0.12, 0.12), (0.55, 0.58, 0.6), 2.0),
        0.3,
        0.9,
        ("trunks", "fence"),
        0.15,
    ),
    "jungle": (
        ("rock", (0.08, 0.1, 0.04), (0.38, 0.4, 0.2), 3.0),
        ("rock", (0.05, 0.09, 0.03), (0.5, 0.58, 0.3), 2.0),
        ("rock", (0.03, 0.06, 0.02), (0.36, 0.45, 0.18), 3.0),
        0.8,
        0.6,
        ("trunks", "bushes", "bushes"),
        1.2,
    ),
    "zoo": (
        ("grain", (0.3, 0.27, 0.2), (0.62, 0.57, 0.46), 1.8),
        ("rock", (0.3, 0.29, 0.26), (0.62, 0.6, 0.55), 1.5),
        ("rock", (0.22, 0.21, 0.19), (0.66, 0.62, 0.56), 1.2),
        0.6,
        0.3,
        ("trunks", "bushes"),
        0.3,
    ),
}
_HOMES = {
    "horse": ("meadow", "sand", "stable", "snow", "savanna"),
    "tiger": ("jungle", "zoo", "snow", "savanna", "meadow"),
}


def natural_scene(animal: str, rng: np.random.Generator) -> Scene:
    """A place where such an animal is filmed."""
    homes = _HOMES.get(animal, tuple(_PLACES))
    ground, sky, far, tall, rough, things, tufts = _PLACES[homes[int(rng.integers(len(homes)))]]

    things = tuple(t for t in things if rng.random() < 0.85)
    tufts = tufts * rng.uniform(0, 1.3)
    below, above, behind = (_surface(entry, rng) for entry in (ground, sky, far))
    return Scene(below, above, behind, tall * rng.uniform(0.7, 1.3), rough, things, tufts)
