"""Pictures of people: random build, clothes, posture and place, seen from all around at about eye height."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .biped import draw_posture, pose_person
from .camera import Camera, orbit
from .clothes import draw_outfit, dress
from .degrade import draw_lens, through
from .figure import HAIRS, draw_stature, person, standard_skin
from .frames import Frame, compose, supersampling
from .gait import Posed
from .light import Light, sun_direction
from .natural import natural_scene
from .noise import stream, tile
from .scenery import paint_scene
from .source import check_size, random_scene

_PEOPLE, _TRIES = 3, 8


def render_person(seed: int, index: int, size_hw: tuple[int, int] = (144, 112)) -> Frame:
    """Picture number `index` of the people: the same bytes whenever it is asked for.

    Args:
        seed: of the whole set.
        index: which picture.
        size_hw: its size.

    Returns:
        The frame, its joints in the order of COCO17. A frame with fewer than 6 visible joints is drawn again, up to eight times.

    Raises:
        OptionError: for an impossible size.
    """
    size_hw = check_size(size_hw)
    detail = 0.75 if supersampling(size_hw) == 2 else 1.0
    rng = stream(seed, _PEOPLE, index)
    for _ in range(_TRIES):
        hair = HAIRS[int(rng.random() < 0.35)]
        mesh, posture = person(draw_stature(rng), hair, detail), draw_posture(rng)
        posed = pose_person(mesh, posture)
        azimuth = float(rng.uniform(0, 360))
        camera, cut = _camera(posed, azimuth, size_hw, rng)
        place = natural_scene("person", rng) if rng.random() < 0.6 else random_scene(rng)
        backdrop = paint_scene(place, size_hw, camera.horizon_px(), rng)
        about = {"gait": posture.name, "azimuth_deg": azimuth, "cut": cut}
        paint = dress(standard_skin(hair, detail), draw_outfit(rng))
        cover = _cover(size_hw, rng) if rng.random() < 0.15 else None
        frame, picture = compose(mesh, posed, camera, paint, _light(rng), backdrop, about=about, cover=cover)
        if frame.visible.sum() >= 6:
            break
    lens = replace(draw_lens(rng, 0.2, float(picture.mean())), quality=0)
    return frame.with_image(through(lens, picture, 0, rng))


def _camera(
    posed: Posed, azimuth_deg: float, size_hw: tuple[int, int], rng: np.random.Generator
) -> tuple[Camera, bool]:
    """A camera at about eye height that has the whole person in the picture, or in one case of six only a part."""
    height, width = size_hw
    fov = float(rng.uniform(18, 36))
    focal = width / 2 / np.tan(np.radians(fov) / 2)
    low, high = posed.points.min(0), posed.points.max(0)
    middle = (low + high) / 2
    azimuth = np.radians(azimuth_deg)
    across = posed.points @ np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    span = max((high[2] - low[2]) / height, (across.max() - across.min()) / width) * height
    cut = bool(rng.random() < 1 / 6)
    fill = rng.uniform(1.2, 1.8) if cut else rng.uniform(0.65, 0.95)
    ahead = posed.points @ np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    # what comes towards the camera must not loom over the rest
    distance = max(focal * span / (fill * height), 0.9 * span) + 0.5 * (ahead.max() - ahead.min())
    if cut:
        # mostly the legs are missing
        middle[2] += (high[2] - low[2]) * rng.uniform(-0.05, 0.3)
    spare = span * max(0.0, 1 / fill - 1) / 2
    right = np.array([-np.sin(azimuth), np.cos(azimuth), 0.0])
    target = middle + right * rng.uniform(-0.8, 0.8) * spare + np.array([0, 0, rng.uniform(-0.7, 0.7) * spare])
    eye_cm = rng.uniform(80, 190) if rng.random() < 0.85 else rng.uniform(190, 320)
    elevation = float(np.degrees(np.arcsin(np.clip((eye_cm - target[2]) / distance, -0.2, 0.5))))
    roll = float(rng.normal(0, 2.5))
    return orbit(target, distance, azimuth_deg, elevation, size_hw, fov_deg=fov, roll_deg=roll), cut


def _light(rng: np.random.Generator) -> Light:
    azimuth, height = rng.uniform(0, 2 * np.pi), np.radians(rng.uniform(25, 75))
    towards = sun_direction(azimuth, height)
    dull = rng.random() < 0.35
    return Light(
        towards,
        np.full(3, rng.uniform(0.1, 0.3) if dull else rng.uniform(0.6, 1.0)),
        np.full(3, rng.uniform(0.55, 0.8) if dull else rng.uniform(0.3, 0.5)),
        float(rng.uniform(0, 0.1)),
        float(rng.uniform(0.05, 0.2) if dull else rng.uniform(0.2, 0.6)),
    )


def _cover(size_hw: tuple[int, int], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A wall, a table or a post before the person, as `frames.compose` takes it."""
    height, width = size_hw
    share = np.zeros((height, width), np.float32)
    if rng.random() < 0.65:
        # all of the lower part, or from some column on
        left = max(0, int(width * rng.uniform(-0.6, 0.4)))
        share[int(height * rng.uniform(0.55, 0.85)) :, left:] = 1
    else:
        left = int(width * rng.uniform(0.05, 0.85))
        share[:, left : left + max(3, int(width * rng.uniform(0.05, 0.15)))] = 1
    dark = rng.uniform(0, 0.7, 3)
    light = np.clip(dark + rng.uniform(0, 0.3, 3), 0, 1)
    value = tile("streak", size_hw, 1.0, rng.uniform(0, 512, 2))[..., None]
    return share, (dark + (light - dark) * value).astype(np.float32)
