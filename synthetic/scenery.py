"""Backdrops: ground to the horizon, what stands on it, and the sky. Pictures are (H, W, 3) float32 RGB in 0..1."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from .colours import RGB, triple
from .noise import sheet, tile


@dataclass(frozen=True)
class Surface:
    """A colouring of noise: sheet kind, its dark and its light colour, and the size of its grain."""

    kind: str
    dark: RGB
    light: RGB
    scale: float = 1.0
    offset: tuple[float, float] = (0.0, 0.0)

    def tint(self, value: np.ndarray) -> np.ndarray:
        """(h, w, 3) colours of (h, w) values in 0..1."""
        dark, light = np.array(self.dark, np.float32), np.array(self.light, np.float32)
        return cv2.merge([value * float(li - d) + float(d) for d, li in zip(dark, light)])


@dataclass(frozen=True)
class Scene:
    """Where an animal stands.

    Attributes:
        ground, sky: surfaces below and above the horizon.
        far: surface of what stands at the horizon (wood, hills, wall), or None.
        far_height: its height in picture heights.
        far_rough: 0 a wall, 1 ragged tree tops.
        things: objects in the middle distance: some of "fence", "trunks", "blocks", "bushes".
        tufts: density of grass in front of the animal; 0: no grass.
    """

    ground: Surface
    sky: Surface
    far: Surface | None = None
    far_height: float = 0.2
    far_rough: float = 0.5
    things: tuple[str, ...] = field(default_factory=tuple)
    tufts: float = 0.0


def paint_scene(scene: Scene, size_hw: tuple[int, int], horizon_px: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) picture of the scene without an animal.

    Args:
        horizon_px: row of the horizon, also outside the picture.
        rng: places things.
    """
    height, width = size_hw
    out = np.empty((height, width, 3), np.float32)
    edge = int(np.clip(np.ceil(horizon_px), 0, height))
    if edge > 0:
        out[:edge] = _sky(scene.sky, (edge, width), height)
    if edge < height:
        out[edge:] = _ground(scene.ground, size_hw, edge, horizon_px)
    if scene.far is not None and edge > 0:
        _far(out, scene, scene.far, horizon_px, rng)
    for thing in scene.things:
        _THINGS[thing](out, horizon_px, rng)
    return out


def _sky(surface: Surface, size_hw: tuple[int, int], full_height: int) -> np.ndarray:
    value = tile(surface.kind, size_hw, surface.scale * 256 / full_height, np.array(surface.offset))
    value = 0.45 * value + 0.55 * np.linspace(0, 1, size_hw[0], dtype=np.float32)[:, None]
    return surface.tint(value)


def _ground(surface: Surface, size_hw: tuple[int, int], first_row: int, horizon_px: float) -> np.ndarray:
    """Noise lying on a plane that runs to the horizon."""
    height, width = size_hw
    below = np.maximum(np.arange(first_row, height, dtype=np.float32) - horizon_px, 0.015 * height)
    pace = (0.5 * height / below)[:, None]
    x = (np.arange(width, dtype=np.float32) - width / 2)[None] * pace * (
        256 / height * 0.8 * surface.scale
    ) + surface.offset[0]
    y = np.broadcast_to(pace * 200 * surface.scale + surface.offset[1], x.shape)
    texture = sheet(surface.kind)
    size = texture.shape[0]
    value = cv2.remap(
        texture, np.mod(x, size), np.mod(y, size).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
    )
    # what is far has no grain left
    near = np.clip(1.3 / pace, 0.2, 1)
    return surface.tint(0.5 + (value - 0.5) * near)


def _far(out: np.ndarray, scene: Scene, far: Surface, horizon_px: float, rng: np.random.Generator) -> None:
    """Draws a band above the horizon with a flat or a ragged top."""
    height, width = out.shape[:2]
    bottom = int(np.clip(horizon_px + 0.02 * height, 1, height))
    tall = scene.far_height * height
    start = rng.integers(0, 512)
    row = sheet("cloud")[int(rng.integers(512))]
    wave = np.interp(np.linspace(0, 200, width) + start, np.arange(1024), np.tile(row, 2))
    top = horizon_px - tall * (1 - scene.far_rough * (wave - 0.2))
    low = int(max(0, np.floor(top.min())))
    if low >= bottom:
        return
    value = tile(far.kind, (bottom - low, width), far.scale * 256 / height, np.array(far.offset))
    rows = np.arange(low, bottom, dtype=np.float32)[:, None]
    jitter = scene.far_rough * 0.25 * tall * (value - 0.5)
    cover = np.clip(rows - top[None] + jitter, 0, 1)[..., None].astype(np.float32)
    out[low:bottom] += (far.tint(value * (0.6 + 0.4 * value)) - out[low:bottom]) * cover


def _fence(out: np.ndarray, horizon_px: float, rng: np.random.Generator) -> None:
    height, width = out.shape[:2]
    colour = tuple(float(v) for v in rng.uniform(0.15, 0.95) * np.array([1, 0.95, 0.88]))
    foot = horizon_px + rng.uniform(0.06, 0.16) * height
    tall = rng.uniform(0.14, 0.26) * height
    slope = rng.uniform(-0.05, 0.05)
    thick = max(1, round(tall * 0.1))
    step = tall * rng.uniform(1.0, 2.2)
    for share in rng.choice([0.35, 0.6, 0.9], size=int(rng.integers(2, 4)), replace=False):
        a, b = foot - share * tall, foot + slope * width - share * tall
        cv2.line(out, (0, round(a)), (width, round(b)), colour, thick, cv2.LINE_AA)
    for x in np.arange(rng.uniform(0, step), width, step):
        y = foot + slope * x
        cv2.line(
            out,
            (round(x), round(y)),
            (round(x), round(y - tall)),
            tuple(0.8 * c for c in colour),
            thick + 1,
            cv2.LINE_AA,
        )


def _trunks(out: np.ndarray, horizon_px: float, rng: np.random.Generator) -> None:
    height, width = out.shape[:2]
    for _ in range(int(rng.integers(2, 8) * width / height)):
        x, y = rng.uniform(0, width), horizon_px + rng.uniform(0.0, 0.2) * height
        thick = rng.uniform(0.01, 0.055) * height
        lean = rng.normal(0, 0.06) * height
        shade = rng.uniform(0.1, 0.45)
        colour = tuple(float(v) for v in shade * np.array([1, 0.85, 0.7]))
        corners = np.array([[x - thick, y], [x + thick, y], [x + lean + 0.6 * thick, -5], [x + lean - 0.6 * thick, -5]])
        cv2.fillConvexPoly(out, corners.round().astype(np.int32), colour, cv2.LINE_AA)
        lit = corners.copy()
        lit[[0, 3], 0] += thick
        cv2.fillConvexPoly(out, lit.round().astype(np.int32), tuple(min(1.0, 1.5 * c) for c in colour), cv2.LINE_AA)


def _blocks(out: np.ndarray, horizon_px: float, rng: np.random.Generator) -> None:
    height, width = out.shape[:2]
    for _ in range(int(rng.integers(2, 7))):
        x, y = rng.uniform(0, width), horizon_px + rng.uniform(-0.1, 0.3) * height
        size = rng.uniform(0.05, 0.3) * height
        colour = tuple(float(v) for v in rng.uniform(0, 1, 3))
        kind = rng.integers(3)
        if kind == 0:
            cv2.ellipse(
                out,
                (round(x), round(y)),
                (round(size / 2), round(size * rng.uniform(0.2, 0.6))),
                rng.uniform(0, 180),
                0,
                360,
                colour,
                -1,
                cv2.LINE_AA,
            )
            continue
        corners = np.array([x, y]) + size * rng.uniform(-0.7, 0.7, (3 + kind, 2))
        cv2.fillConvexPoly(out, cv2.convexHull(corners.round().astype(np.int32)), colour, cv2.LINE_AA)


def _bushes(out: np.ndarray, horizon_px: float, rng: np.random.Generator) -> None:
    height, width = out.shape[:2]
    for _ in range(int(rng.integers(2, 6) * width / height)):
        x, y = rng.uniform(0, width), horizon_px + rng.uniform(0.02, 0.2) * height
        size, colour = rng.uniform(0.05, 0.14) * height, np.array([0.25, 0.35, 0.14]) * rng.uniform(0.4, 1.3)
        for k in range(14):
            at = np.array([x, y - 0.4 * size]) + size * rng.normal(0, 0.4, 2) * [1.3, 0.7]
            shade = tuple(float(v) for v in np.clip(colour * (0.6 + 0.06 * k), 0, 1))
            cv2.circle(
                out,
                tuple(int(v) for v in at.round()),
                max(1, round(size * rng.uniform(0.15, 0.35))),
                shade,
                -1,
                cv2.LINE_AA,
            )


_THINGS = {"fence": _fence, "trunks": _trunks, "blocks": _blocks, "bushes": _bushes}


def grass_mask(
    size_hw: tuple[int, int], foot_px: float, tall_px: float, density: float, rng: np.random.Generator
) -> np.ndarray:
    """(H, W) float32 0..1 cover of blades that grow before the animal's feet.

    Args:
        foot_px: row on which the animal stands.
        tall_px: height of the blades over that row.
        density: blades per two pixels of width.
    """
    height, width = size_hw
    cover = np.zeros((height, width), np.uint8)
    count = int(density * width / 2)
    x = rng.uniform(0, width, count)
    root = foot_px + rng.uniform(0.1, 1.6, count) * tall_px
    tip = root - tall_px * rng.uniform(0.7, 1.7, count)
    lean = rng.normal(0, 0.35, count) * tall_px
    wide = max(0.8, tall_px * 0.07)
    blades = np.stack([np.stack([x - wide, root], 1), np.stack([x + wide, root], 1), np.stack([x + lean, tip], 1)], 1)
    for blade in (blades * 8).round().astype(np.int32):
        cv2.fillConvexPoly(cover, blade, (255,), cv2.LINE_AA, shift=3)
    return cover.astype(np.float32) / 255


def leaf_light(
    size_hw: tuple[int, int], depth: float, scale: float, horizon_px: float, rng: np.random.Generator
) -> np.ndarray:
    """(H, W) float32 factors of light through leaves: flecks of 1, and 1 - depth between them; the sky stays as it is."""
    value = tile("cloud", size_hw, scale * 256 / size_hw[0], rng.uniform(0, 512, 2), float(rng.uniform(0, 180)))
    rows = np.arange(size_hw[0], dtype=np.float32)[:, None]
    reach = np.clip((rows - horizon_px) / (0.2 * size_hw[0]) + 1, 0, 1)
    factors: np.ndarray = (1 - depth * reach * np.clip((value - 0.4) * 5, 0, 1)).astype(np.float32)
    return factors


def pulled(surface: Surface, colour: RGB, share: float) -> Surface:
    """The surface with both its colours drawn towards one colour, as dust and dry grass take on that of a coat."""

    def pull(rgb: RGB, brightness: float) -> RGB:
        return triple(c + share * (m * brightness - c) for c, m in zip(rgb, colour))

    return replace(surface, dark=pull(surface.dark, 0.7), light=pull(surface.light, 1.15))
