"""The target domain: video shots. Each shot has another individual, coat, place, light and camera, and moves smoothly.

`gap` says how far the target is from the source. 0: the standard body and coat, random scenes and a perfect lens; only views and
motion are those of a video. 1 is the default. More: bodies, lenses and cover differ still more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from ..errors import OptionError
from . import source
from .bodies import draw_build
from .camera import Camera, orbit
from .coats import paint
from .degrade import draw_lens, site_lens, through
from .frames import Frame, compose, skin_of, supersampling
from .gait import Manner, draw_manner, gait_of, pose_mesh
from .light import Light, sun_direction
from .natural import natural_coat, natural_scene
from .noise import stream
from .plans import body_of
from .scenery import grass_mask, leaf_light, paint_scene, pulled

_TARGET = 2
_SITE = 1 << 30  # no shot has this number
MOVES = {"walk": 0.42, "trot": 0.18, "gallop": 0.14, "stand": 0.12, "graze": 0.14}
CYCLES_PER_FRAME = {"walk": 1 / 27, "trot": 1 / 18, "gallop": 1 / 14, "stand": 1 / 60, "graze": 1 / 70}


def _wander(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 3, 3) amplitude, frequency per frame and phase of sums of slow sines."""
    return np.stack(
        [
            rng.uniform(0.2, 0.6, (count, 3)),
            rng.uniform(1 / 200, 1 / 40, (count, 3)),
            rng.uniform(0, 2 * np.pi, (count, 3)),
        ],
        1,
    )


class TargetShot:
    """One video shot; `shot[frame]` gives any frame, in any order, always the same.

    Args:
        animal: one of `plans.ANIMALS`.
        seed: of the whole set.
        shot: which shot.
        size_hw: size of its pictures.
        gap: how far the target lies from the source, 0..2.
        zoom: factor on how much of the picture the animal fills.
        site: all shots of the set have the same place, light and camera, as those of one installed camera; individuals, coats,
            gaits and views differ.
    """

    def __init__(
        self,
        animal: str,
        seed: int,
        shot: int,
        size_hw: tuple[int, int] = (256, 256),
        *,
        gap: float = 1.0,
        zoom: float = 1.0,
        site: bool = False,
    ):
        if not 0 <= gap <= 2:
            raise OptionError("a gap between 0 (source-like) and 2", f"{gap}")
        self.animal, self.size_hw, self.gap = animal, source.check_size(size_hw), gap
        self.key = (seed, _TARGET, sum(map(ord, animal)), shot)
        rng = stream(*self.key)
        place = stream(*self.key[:3], _SITE) if site else rng
        self.site = site
        self.body = body_of(animal)
        build = draw_build(rng, min(gap, 1.0) if site else gap)
        self.mesh = skin_of(animal, build, 0.75 if supersampling(self.size_hw) == 2 else 1.0)
        drawn = natural_coat(animal, rng)
        self.coat = drawn if rng.random() < gap else source.standard_coat(animal)
        self.paint = paint(self.mesh, self.coat)
        self.gait = str(rng.choice(list(MOVES), p=list(MOVES.values())))
        self.pace = CYCLES_PER_FRAME[self.gait] * rng.uniform(0.85, 1.2)
        self.start = rng.uniform(0, 1)
        self.manner = draw_manner(rng, 0.8)
        self.wander = _wander(rng, 12)
        self.light = self._light(place)
        self._place_camera(rng, zoom)
        self._place_scene(rng, place)
        self.leaves = None
        if not site and rng.random() < 0.4 * gap:
            depth, horizon = min(0.7, gap * rng.uniform(0.3, 0.6)), self.camera(0).horizon_px() + self._margin()
            self.leaves = leaf_light(self.strip.shape[:2], depth, rng.uniform(3, 8), horizon, rng)
        brightness = self.strip.mean() * (1 if self.leaves is None else self.leaves.mean())
        self.lens = (site_lens if site else draw_lens)(place, gap, float(brightness))

    def _light(self, rng: np.random.Generator) -> Light:
        height, azimuth = np.radians(rng.uniform(18, 70)), rng.uniform(0, 2 * np.pi)
        towards = sun_direction(azimuth, height)
        dull = rng.random() < 0.4
        warm = np.array([1, 0.93, 0.82]) ** rng.uniform(0, 2)
        sun = (0.15 if dull else rng.uniform(0.7, 1.15)) * warm
        sky = (rng.uniform(0.55, 0.85) if dull else rng.uniform(0.22, 0.42)) * np.array([0.94, 0.98, 1.05])
        return Light(
            towards, sun, sky, rng.uniform(0, 0.25), 0.15 if dull else rng.uniform(0.3, 0.65), 0.02 if dull else 0.006
        )

    def _place_camera(self, rng: np.random.Generator, zoom: float) -> None:
        side = 90 if rng.random() < 0.5 else 270
        self.azimuth_deg = side + float(np.clip(rng.normal(0, 22), -65, 65))
        self.elevation_deg = float(rng.uniform(1, 13))
        self.fov_deg = float(rng.uniform(26, 55))
        fill = rng.uniform(0.42, 0.72) * zoom
        length = 1.75 * self.body.withers_cm
        self.distance_cm = length / (fill * 2 * np.tan(np.radians(self.fov_deg) / 2)) + 0.3 * length
        self.turn_deg = rng.uniform(-1, 1) * 14
        self.aim = rng.normal(0, 0.09, 2)
        self.roll_deg = float(rng.normal(0, 1.5))
        self.shake = rng.uniform(0, 1)

    def _place_scene(self, rng: np.random.Generator, place: np.random.Generator) -> None:
        """Paint the strip of land the camera pans along, and the grass before the animal."""
        natural = place.random() < self.gap
        self.scene = natural_scene(self.animal, place) if natural else source.random_scene(place)
        # animals often have the colour of what they stand on
        share = 0.0 if self.site else min(0.8, self.gap * rng.uniform(0, 0.65))
        far = self.scene.far and pulled(self.scene.far, self.coat.body, 0.7 * share)
        self.scene = replace(self.scene, ground=pulled(self.scene.ground, self.coat.body, share), far=far)
        height, width = self.size_hw
        camera = self.camera(0)
        strip_hw = (height + 2 * self._margin(), 3 * width)
        self.strip = paint_scene(self.scene, strip_hw, camera.horizon_px() + self._margin(), rng)
        speed = gait_of(self.gait).speed * self.pace * self.body.withers_cm
        across = speed * camera.focal_px / self.distance_cm * np.sin(np.radians(self.azimuth_deg))
        # seen from its left the animal walks to the left of the picture, and the land slides to the right
        self.slide_px = float(across)
        self.cover = None
        if self.scene.tufts * self.gap > 0.05:
            foot = camera.project(np.array([[0.0, 0.0, 0.0]]))[0][0, 1]
            tall = 0.11 * self.body.withers_cm * camera.focal_px / self.distance_cm
            tall = tall * rng.uniform(0.5, 1.5) * min(1.5, self.gap)
            mask = grass_mask(strip_hw, foot + self._margin(), tall, self.scene.tufts, rng)
            self.cover = mask, np.clip(self.strip * rng.uniform(0.7, 1.25), 0, 1)

    def _margin(self) -> int:
        return max(4, self.size_hw[0] // 12)

    def _drift(self, which: int, frame: int) -> float:
        amplitude, frequency, phase = self.wander[which]
        return float((amplitude * np.sin(2 * np.pi * frequency * frame + phase)).sum())

    def camera(self, frame: int) -> Camera:
        """The camera at a frame."""
        unit = self.body.withers_cm
        azimuth = np.radians(self.azimuth_deg)
        right = np.array([-np.sin(azimuth), np.cos(azimuth), 0])
        sideways = self.aim[0] + 0.06 * self._drift(0, frame)
        target = unit * (np.array([0.12, 0, 0.6 + 0.5 * self.aim[1] + 0.03 * self._drift(1, frame)]) + sideways * right)
        turned = self.azimuth_deg + self.turn_deg * 0.5 * self._drift(2, frame)
        distance = self.distance_cm * (1 + 0.04 * self._drift(3, frame))
        return orbit(
            target, distance, turned, self.elevation_deg, self.size_hw, fov_deg=self.fov_deg, roll_deg=self.roll_deg
        )

    def manner_at(self, frame: int) -> Manner:
        """Posture at a frame: the individual's, with a slow drift."""
        m = self.manner
        return Manner(
            neck_pitch=m.neck_pitch + 4 * self._drift(4, frame),
            neck_yaw=m.neck_yaw + 7 * self._drift(5, frame),
            head_pitch=m.head_pitch + 4 * self._drift(6, frame),
            head_yaw=m.head_yaw + 5 * self._drift(7, frame),
            jaw=max(0.0, m.jaw + 2 * self._drift(8, frame)),
            tail_pitch=m.tail_pitch + 6 * self._drift(9, frame),
            tail_yaw=m.tail_yaw + 14 * self._drift(10, frame),
            bend=m.bend + 2 * self._drift(11, frame),
            legs=0.5 * m.legs,
        )

    def __getitem__(self, frame: int) -> Frame:
        """Frame number `frame`, from 0; a shot has no end."""
        if frame < 0:
            raise IndexError(frame)
        rng = stream(*self.key, 1, frame)
        camera, width = self.camera(frame), self.size_hw[1]
        cycle = self.start + self.pace * frame
        posed = pose_mesh(self.mesh, self.gait, cycle, self.manner_at(frame))
        jitter = rng.normal(0, 0.004 * self.shake * width, 2)
        window = self._window(self.slide_px * frame + jitter[0], jitter[1])
        backdrop = window(self.strip)
        cover = None if self.cover is None else (window(self.cover[0]), window(self.cover[1]))
        about = {
            "gait": self.gait,
            "ratio": cycle % 1,
            "distance_cm": self.distance_cm,
            "azimuth_deg": self.azimuth_deg % 360,
            "elevation_deg": self.elevation_deg,
        }
        frame_, picture = compose(self.mesh, posed, camera, self.paint, self.light, backdrop, about=about, cover=cover)
        if self.leaves is not None:
            picture = picture * window(self.leaves)[..., None]
        image = through(self.lens, picture, max(abs(self.slide_px), 3 * self.shake), rng)
        return frame_.with_image(image)

    def _window(self, slide_px: float, lift_px: float) -> Callable[[np.ndarray], np.ndarray]:
        """A function that cuts the picture's window out of a strip."""
        height, width = self.size_hw
        # the strip is mirrored at its ends, so a shot may last as long as it likes
        period = 2 * self.strip.shape[1]
        x = (-slide_px + self.strip.shape[1] / 2 - width / 2) % period
        matrix = np.array([[1, 0, x], [0, 1, self._margin() + np.clip(lift_px, -self._margin(), self._margin())]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP

        def cut(strip: np.ndarray) -> np.ndarray:
            return cv2.warpAffine(strip, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)

        return cut
