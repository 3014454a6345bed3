"""The source domain: clean pictures of the standard animal, one camera drawn over the whole published range for each.

Half of the pictures wear the animal's standard coat, half a random one, before random backdrops.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import OptionError
from .camera import orbit
from .coats import Coat, paint
from .colours import triple
from .frames import Frame, compose, finish, skin_of, supersampling
from .gait import draw_manner, pose_mesh
from .light import Light, sun_direction
from .noise import stream
from .plans import body_of
from .scenery import Scene, Surface, paint_scene

# the published sweep; cm, degrees
DISTANCES_CM = {
    "horse": (250, 300, 350, 400, 450),
    "tiger": (150, 200, 250, 300, 350),
    "sheep": (150, 200, 250, 300, 350),
    "hound": (100, 125, 150, 200, 250),
}
AZIMUTHS_DEG = (0, *range(20, 351, 10))
ELEVATIONS_DEG = (0, 10, 20, 30, 150, 160, 170, 180)
SIDE_AZIMUTHS_DEG = tuple(side + turn for side in (90, 270) for turn in range(-40, 41, 10))
SIDE_ELEVATIONS_DEG = (0, 10, 20)
VIEWS = ("all", "side")
RATIOS = tuple(round(0.1 + 0.05 * i, 2) for i in range(16))
MOVES = {"walk": 0.3, "trot": 0.2, "gallop": 0.2, "stand": 0.18, "graze": 0.12}
_SOURCE, _TRIES = 1, 8


@dataclass(frozen=True)
class View:
    """What one source picture shows: gait, ratio (time in its cycle), distance, azimuth, elevation."""

    gait: str
    ratio: float
    distance_cm: float
    azimuth_deg: float
    elevation_deg: float


def check_size(size_hw: tuple[int, int]) -> tuple[int, int]:
    """The size as whole numbers.

    Raises:
        OptionError: outside 32..2048 pixels.
    """
    height, width = (int(v) for v in size_hw)
    if not (32 <= height <= 2048 and 32 <= width <= 2048):
        raise OptionError("a picture of 32 to 2048 pixels a side", f"{height} x {width}")
    return height, width


def draw_view(animal: str, rng: np.random.Generator, views: str = "all") -> View:
    """One draw from the published sweep.

    Args:
        views: `all` of it, or only what is seen from the `side`: at most 40 degrees off, at most 20 above.
    """
    distances = DISTANCES_CM.get(animal) or tuple(f * body_of(animal).withers_cm for f in (1.6, 1.95, 2.25, 2.6, 2.9))
    gait = str(rng.choice(list(MOVES), p=list(MOVES.values())))
    ratio, distance = float(rng.choice(RATIOS)), float(rng.choice(distances))
    azimuths, elevations = (
        (AZIMUTHS_DEG, ELEVATIONS_DEG) if views == "all" else (SIDE_AZIMUTHS_DEG, SIDE_ELEVATIONS_DEG)
    )
    return View(gait, ratio, distance, float(rng.choice(azimuths)), float(rng.choice(elevations)))


def standard_coat(animal: str) -> Coat:
    """The coat the animal's model comes with."""
    if animal == "tiger":
        return Coat(
            body=(0.78, 0.45, 0.16),
            belly=(0.9, 0.85, 0.76),
            points=(0.8, 0.5, 0.22),
            mane=(0.8, 0.5, 0.2),
            hoof=(0.82, 0.62, 0.4),
            muzzle=(0.88, 0.78, 0.66),
            pattern="stripes",
            mark=(0.07, 0.05, 0.04),
            share=0.36,
            scale=0.17,
            soft=0.06,
            face_marks=0.75,
        )
    if animal == "horse":
        return Coat(
            body=(0.42, 0.22, 0.1),
            belly=(0.36, 0.19, 0.1),
            points=(0.08, 0.06, 0.05),
            mane=(0.06, 0.05, 0.05),
            muzzle=(0.14, 0.1, 0.09),
            points_top=0.42,
        )
    if animal == "hound":
        return Coat(
            body=(0.45, 0.3, 0.16),
            belly=(0.75, 0.66, 0.52),
            points=(0.7, 0.6, 0.45),
            mane=(0.4, 0.3, 0.2),
            points_top=0.3,
        )
    white = (0.85, 0.83, 0.8)
    return Coat(
        white,
        white,
        (0.8, 0.78, 0.75),
        (0.2, 0.18, 0.17),
        pattern="patches",
        mark=(0.07, 0.06, 0.06),
        share=0.5,
        soft=0.02,
    )


def random_coat(rng: np.random.Generator) -> Coat:
    """A coat no animal has: random texture or random colours."""
    colours = rng.uniform(0.05, 0.95, (8, 3))
    body, belly, points, mane, hoof, muzzle, mark, mark2 = map(triple, colours)
    pattern = str(rng.choice(["texture", "texture", "texture", "patches", "spots", "stripes"]))
    return Coat(
        body,
        belly,
        points,
        mane,
        hoof,
        muzzle,
        pattern=pattern,
        mark=mark,
        mark2=mark2,
        share=float(rng.uniform(0.25, 0.6)),
        scale=float(rng.uniform(0.15, 0.6)),
        points_top=float(rng.choice([0, 0.4])),
        offset=triple(rng.uniform(0, 1, 3)),
        grain=float(rng.uniform(0, 0.15)),
    )


def _surface(rng: np.random.Generator) -> Surface:
    dark = rng.uniform(0, 0.6, 3)
    light = np.clip(dark + rng.uniform(-0.15, 0.65, 3), 0, 1)
    kind = str(rng.choice(["cloud", "blots", "streak", "collage"]))
    scale = float(rng.uniform(0.5, 2.0))
    x, y = map(float, rng.uniform(0, 512, 2))
    return Surface(kind, triple(dark), triple(light), scale, (x, y))


def random_scene(rng: np.random.Generator) -> Scene:
    """Random ground, sky and shapes."""
    things = ("blocks",) * int(rng.integers(0, 2))
    return Scene(_surface(rng), _surface(rng), things=things)


def _light(rng: np.random.Generator) -> Light:
    azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(35, 75))
    towards = sun_direction(azimuth, height)
    return Light(
        towards,
        np.full(3, rng.uniform(0.65, 1.0)),
        np.full(3, rng.uniform(0.3, 0.5)),
        float(rng.uniform(0, 0.2)),
        float(rng.uniform(0.2, 0.6)),
    )


def render_source(
    animal: str, seed: int, index: int, size_hw: tuple[int, int] = (256, 256), zoom: float = 1.0, views: str = "all"
) -> Frame:
    """Picture number `index` of the source domain: the same bytes whenever it is asked for.

    Args:
        animal: one of `plans.ANIMALS`.
        seed: of the whole set.
        index: which picture.
        size_hw: its size; the horizontal field of view is 90 degrees at zoom 1 whatever the size.
        zoom: factor on the focal length, for small pictures.
        views: see `draw_view`.
    """
    size_hw = check_size(size_hw)
    body = body_of(animal)
    mesh = skin_of(animal, detail=0.75 if supersampling(size_hw) == 2 else 1.0)
    rng = stream(seed, _SOURCE, sum(map(ord, animal)), index)
    # as published, a picture counts when at least 6 joints are seen; another view is drawn for those that do not
    for _ in range(_TRIES):
        view = draw_view(animal, rng, views)
        target = body.withers_cm * np.array([0.12, 0, 0.62]) + rng.normal(0, 0.08, 3) * body.withers_cm * [1, 1, 0.6]
        fov = 2 * np.degrees(np.arctan(1 / zoom))
        camera = orbit(target, view.distance_cm, view.azimuth_deg, view.elevation_deg, size_hw, fov_deg=fov)
        posed = pose_mesh(mesh, view.gait, view.ratio, draw_manner(rng))
        coat = standard_coat(animal) if rng.random() < 0.5 else random_coat(rng)
        backdrop = paint_scene(random_scene(rng), size_hw, camera.horizon_px(), rng)
        about = {
            "gait": view.gait,
            "ratio": view.ratio,
            "distance_cm": view.distance_cm,
            "azimuth_deg": view.azimuth_deg,
            "elevation_deg": view.elevation_deg,
        }
        frame, picture = compose(mesh, posed, camera, paint(mesh, coat), _light(rng), backdrop, about=about)
        if frame.visible.sum() >= 6:
            break
    return finish(frame, picture)
