"""Labelled pictures of a herd: each animal of a herd has its own proportions and coat, and carries its head high or low.

The pictures of `source` show one standard animal, as the published ones do. Here four pictures follow one individual, in other
gaits, places and views. A network that learns from them sees heads from above the back down to the ground.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np

from . import source
from .bodies import Build, draw_build
from .breeds import BREEDS, breed_coat
from .camera import Camera, orbit
from .coats import Coat, paint
from .degrade import draw_lens, through
from .farm_places import farm_scene, railings
from .frames import Frame, compose, finish, skin_of, supersampling
from .gait import Manner, Posed, draw_manner, pose_mesh
from .light import Light, sun_direction
from .natural import natural_coat, natural_scene
from .noise import stream
from .plans import body_of
from .scenery import Scene, paint_scene

_HERD, _PICTURE, _TRIES = 4, 5, 8
PICTURES_EACH = 4  # pictures of one individual, one after the other: building its skin takes as long as drawing several
FARM = ("cow", "sheep", "goat", "pig", "dog")  # drawn as herds where nothing else is asked for
HORNED = 0.4  # share of the individuals of a horned species that have horns
SPREAD = 1.25  # of proportions, see `draw_build`: legs, for example, are 22 % shorter to 22 % longer
MOVES = {"walk": 0.45, "trot": 0.1, "gallop": 0.06, "stand": 0.27, "graze": 0.12}
# shares of the pictures; the rest has random colours and shapes, as the pictures of `source`
NATURAL_COATS, NATURAL_PLACES, RAILINGS, LENSES = 0.8, 0.6, 0.25, 0.5
_SIDE_DEG, _LEAST_JOINTS = 40.0, 6


@lru_cache(maxsize=64)
def individual(animal: str, seed: int, number: int) -> tuple[Build, Coat]:
    """Proportions and coat of one animal of a herd; the same whenever it is asked for.

    Args:
        animal: one of `plans.ANIMALS`.
        seed: of the whole set.
        number: which animal.
    """
    rng = stream(seed, _HERD, sum(map(ord, animal)), number)
    build = replace(draw_build(rng, SPREAD), horns=bool(rng.random() < HORNED))
    if rng.random() >= NATURAL_COATS:
        return build, source.random_coat(rng)
    return build, breed_coat(animal, rng) if animal in BREEDS else natural_coat(animal, rng)


def render_individual(
    animal: str, seed: int, index: int, size_hw: tuple[int, int] = (256, 256), zoom: float = 1.0, views: str = "all"
) -> Frame:
    """Picture number `index` of a herd: the same bytes whenever it is asked for.

    Args:
        animal: one of `plans.ANIMALS`.
        seed: of the whole set.
        index: which picture; it shows individual `index // PICTURES_EACH`.
        size_hw: its size.
        zoom: factor on how much of the picture the animal fills.
        views: `all` directions, or only the `side`: at most 40 degrees off.

    Raises:
        OptionError: an unknown animal, or an impossible size.
    """
    size_hw = source.check_size(size_hw)
    body_of(animal)
    build, coat = individual(animal, seed, index // PICTURES_EACH)
    mesh = skin_of(animal, build, 0.75 if supersampling(size_hw) == 2 else 1.0)
    rng = stream(seed, _PICTURE, sum(map(ord, animal)), index)
    for _ in range(_TRIES):
        gait, cycle = str(rng.choice(list(MOVES), p=list(MOVES.values()))), float(rng.random())
        posed = pose_mesh(mesh, gait, cycle, draw_carriage(mesh.body.carriage, rng))
        camera, place = _camera(posed, size_hw, zoom, views, rng)
        about = {"gait": gait, "ratio": cycle, **place}
        backdrop = paint_scene(_scene(animal, rng), size_hw, camera.horizon_px(), rng)
        cover = None
        if rng.random() < RAILINGS:
            corners = camera.project(posed.points)[0]
            cover = railings(size_hw, np.concatenate([corners.min(0), corners.max(0)]), rng)
        frame, picture = compose(
            mesh, posed, camera, paint(mesh, coat), _light(rng), backdrop, about=about, cover=cover
        )
        if frame.visible.sum() >= _LEAST_JOINTS:
            break
    if rng.random() >= LENSES:
        return finish(frame, picture)
    lens = replace(draw_lens(rng, float(rng.uniform(0.2, 0.8)), float(picture.mean())), quality=0)
    return frame.with_image(through(lens, picture, 0, rng))


def draw_carriage(lowest_highest: tuple[float, float], rng: np.random.Generator) -> Manner:
    """A posture at random, the head carried between the limits of `Body.carriage`."""
    manner = draw_manner(rng)
    head_pitch = manner.head_pitch + float(rng.normal(0, 8))
    return replace(manner, head_pitch=head_pitch, lowered=float(rng.uniform(*lowest_highest)))


def render_labelled(
    animal: str,
    seed: int,
    index: int,
    size_hw: tuple[int, int] = (256, 256),
    zoom: float = 1.0,
    views: str = "all",
    *,
    individuals: str = "auto",
) -> Frame:
    """A labelled picture of a herd (`individuals` "many") or of the standard animal ("one"); "auto": many of `FARM`, else one."""
    many = individuals == "many" or (individuals == "auto" and animal in FARM)
    return (render_individual if many else source.render_source)(animal, seed, index, size_hw, zoom, views)


def _camera(
    posed: Posed, size_hw: tuple[int, int], zoom: float, views: str, rng: np.random.Generator
) -> tuple[Camera, dict[str, float]]:
    """A camera that has the whole animal in the picture, and its place for file names."""
    if views == "side":
        azimuth = float(rng.choice([90.0, 270.0]) + rng.uniform(-_SIDE_DEG, _SIDE_DEG))
        elevation = float(rng.uniform(-2, 20))
    else:
        azimuth, elevation = float(rng.uniform(0, 360)), float(rng.uniform(-2, 35))
    fov = float(rng.uniform(25, 70))
    low, high = posed.points.min(0), posed.points.max(0)
    turn = np.radians(azimuth)
    wide = abs(np.sin(turn)) * (high[0] - low[0]) + abs(np.cos(turn)) * (high[1] - low[1])
    tall = high[2] - low[2]
    # the animal's side in the picture, as a share of the picture's, at the distance of its middle
    fill = float(rng.uniform(0.5, 0.8)) * zoom
    across = max(wide, tall * size_hw[1] / size_hw[0]) / fill
    near = 0.5 * (abs(np.cos(turn)) * (high[0] - low[0]) + abs(np.sin(turn)) * (high[1] - low[1]))
    distance = float(across / (2 * np.tan(np.radians(fov) / 2)) + near)
    target = (low + high) / 2 + rng.normal(0, 0.05, 3) * (high - low)
    roll = float(rng.normal(0, 2))
    # a camera does not stand in the ground
    elevation = max(elevation, float(np.degrees(np.arcsin(np.clip((15 - target[2]) / distance, -1, 1)))))
    about = {"distance_cm": distance, "azimuth_deg": azimuth % 360, "elevation_deg": elevation}
    return orbit(target, distance, azimuth, elevation, size_hw, fov_deg=fov, roll_deg=roll), about


def _scene(animal: str, rng: np.random.Generator) -> Scene:
    if rng.random() >= NATURAL_PLACES:
        return source.random_scene(rng)
    return farm_scene(rng) if rng.random() < 0.7 else natural_scene(animal, rng)


def _light(rng: np.random.Generator) -> Light:
    """Sun, an overcast sky, or the light of a barn, in which the animal is darker than its surroundings."""
    towards = sun_direction(rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(20, 75)))
    sun = rng.choice([0.15, rng.uniform(0.5, 1.1)], p=[0.4, 0.6]) * np.array([1, 0.95, 0.87]) ** rng.uniform(0, 2)
    sky = rng.uniform(0.25, 0.75) * np.array([0.96, 0.99, 1.03])
    return Light(towards, sun, sky, float(rng.uniform(0, 0.2)), float(rng.uniform(0.15, 0.6)))
