"""Light: sun and sky, how they colour the skin, and the shadow on the ground."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .bodies import EYE
from .camera import Camera
from .coats import Paint
from .gait import Posed
from .mesh import Mesh
from .raster import Hits


@dataclass(frozen=True)
class Light:
    """Sun and sky.

    Attributes:
        towards: (3,) unit vector to the sun, world frame.
        sun, sky: (3,) RGB strengths.
        gloss: strength of the sheen.
        shadow: darkness of the shadow on the ground, 0..1.
        shadow_soft: its blur in picture widths.
    """

    towards: np.ndarray
    sun: np.ndarray
    sky: np.ndarray
    gloss: float = 0.1
    shadow: float = 0.5
    shadow_soft: float = 0.01


def sun_direction(azimuth: float, height: float) -> np.ndarray:
    """(3,) unit vector to the sun, from its azimuth and its height over the horizon in radians."""
    return np.array([np.cos(azimuth) * np.cos(height), np.sin(azimuth) * np.cos(height), np.sin(height)])


def shade(mesh: Mesh, posed: Posed, camera: Camera, paint: Paint, light: Light, hits: Hits) -> np.ndarray:
    """(P, 3) float32 colours of the covered samples."""
    normals = posed.normals
    facing = normals @ light.towards.astype(np.float32)
    sun = np.clip((facing + 0.15) / 1.15, 0, 1) * (0.4 + 0.6 * mesh.shelter)
    # the sky lights what looks up; the ground sends a little back
    sky = (0.62 + 0.38 * normals[:, 2]) * (0.35 + 0.65 * mesh.shelter)
    lit = sun[:, None] * light.sun.astype(np.float32) + sky[:, None] * light.sky.astype(np.float32)
    # the camera is far enough away for one direction of view
    half = light.towards - camera.axes[2]
    glint = np.clip(normals @ (half / max(np.linalg.norm(half), 1e-3)).astype(np.float32), 0, 1) ** 24 * np.float32(
        light.gloss
    )
    glint[mesh.part == EYE] *= 6
    corner = np.concatenate([lit, paint.colour, paint.rest, paint.mark_weight[:, None], glint[:, None]], 1)
    value = hits.mix(corner, mesh.faces)
    colour = paint.at(value[:, 3:6], value[:, 9], value[:, 6:9])
    shaded: np.ndarray = np.clip(colour * value[:, :3] + value[:, 10:11], 0, 1).astype(np.float32)
    return shaded


def cast_shadow(backdrop: np.ndarray, mesh: Mesh, posed: Posed, camera: Camera, light: Light) -> None:
    """Darken the backdrop where the hulls of the animal's tubes fall along the light."""
    if light.shadow <= 0 or light.towards[2] < 0.15:
        return
    points = posed.points - light.towards * (posed.points[:, 2:] / light.towards[2])
    xy, depth = camera.project(points)
    height, width = camera.size_hw
    shrink = 4 if max(height, width) > 160 else 2
    mask = np.zeros((-(-height // shrink), -(-width // shrink)), np.uint8)
    flat = np.round(xy / shrink * 8).clip(-(2**20), 2**20).astype(np.int32)
    for i in range(len(mesh.tube_names)):
        here = (mesh.tubes == i) & (depth > 5)
        if here.sum() > 2:
            cv2.fillConvexPoly(mask, cv2.convexHull(flat[here]), (255,), cv2.LINE_AA, shift=3)
    if not mask.any():
        return
    soft = cv2.GaussianBlur(mask, (0, 0), max(0.6, light.shadow_soft * width / shrink))
    dark = cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32) * np.float32(
        light.shadow / 255
    )
    backdrop *= (1 - dark)[..., None]
