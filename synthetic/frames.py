"""One picture of an animal: skin, coat and light over a backdrop, with everything that is known about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from .bodies import EYE, Build, reshape
from .camera import Camera
from .coats import Paint
from .gait import Posed
from .mesh import Mesh, build_mesh
from .plans import body_of
from .raster import Hits, rasterise


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


@dataclass(frozen=True)
class Frame:
    """A picture and its truth. H, W picture, V vertices; pixels with centres at integers.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        xy_px: (K, 2) float32 joints in the order of the body's skeleton, TIGDOG18 for animals.
        visible: (K,) bool: inside the picture and hidden by nothing.
        joint_depth_cm: (K,) float32.
        neck_px, neck_visible: (2,) and bool, TigDog's 19th joint.
        seg: (H, W) bool, the animal.
        part: (H, W) uint8 part labels, 0 outside.
        near_cm: (H, W) float32 distance of the animal along the optical axis, infinite outside.
        vertices_px, vertex_depth_cm, vertex_visible: (V, 2), (V,), (V,) of the skin.
        camera: what took it.
        about: gait, cycle and the camera's azimuth_deg, elevation_deg, distance_cm, for file names.
    """

    image: np.ndarray
    xy_px: np.ndarray
    visible: np.ndarray
    joint_depth_cm: np.ndarray
    neck_px: np.ndarray
    neck_visible: bool
    seg: np.ndarray
    part: np.ndarray
    near_cm: np.ndarray
    vertices_px: np.ndarray
    vertex_depth_cm: np.ndarray
    vertex_visible: np.ndarray
    camera: Camera
    about: dict[str, Any]

    @property
    def depth_cm(self) -> np.ndarray:
        """(H, W) float32 distance along the optical axis of whatever is seen; the sky is 1e4 cm away."""
        return np.where(np.isfinite(self.near_cm), self.near_cm, _ground_depth(self.camera))

    def with_image(self, image: np.ndarray) -> Frame:
        """The same truth with a picture."""
        return replace(self, image=image)


@lru_cache(maxsize=12)
def skin_of(animal: str, build: Build = Build(), detail: float = 1.0) -> Mesh:  # noqa: B008 (frozen)
    """The skin of one individual; kept, since it takes a quarter of a second."""
    return build_mesh(reshape(body_of(animal), build), detail)


def supersampling(size_hw: tuple[int, int]) -> int:
    """Samples per pixel and axis: small pictures are drawn larger and averaged down."""
    return 2 if max(size_hw) <= 160 else 1


def compose(
    mesh: Mesh,
    posed: Posed,
    camera: Camera,
    paint: Paint,
    light: Light,
    backdrop: np.ndarray,
    about: dict[str, Any],
    cover: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple[Frame, np.ndarray]:
    """Draw the animal over a backdrop.

    Args:
        backdrop: (H, W, 3) float32 RGB in 0..1, drawn into.
        about: goes into the frame.
        cover: (H, W) 0..1 and (H, W, 3) colours of what stands before the animal; it hides joints.

    Returns:
        The frame, without its uint8 picture, and the picture as (H, W, 3) float32.
    """
    height, width = camera.size_hw
    vertices_px, vertex_depth = camera.project(posed.points)
    joints_px, joint_depth = camera.project(posed.joints)
    _cast_shadow(backdrop, mesh, posed, camera, light)
    zoom = supersampling(camera.size_hw)
    hits, (x0, y0), window_hw = _hit(mesh, vertices_px, vertex_depth, camera.size_hw, zoom)
    seg, part = np.zeros((height, width), bool), np.zeros((height, width), np.uint8)
    near = np.full((height, width), np.inf, np.float32)
    if len(hits.pixel):
        colour = _shade(mesh, posed, camera, paint, light, hits)
        window = (slice(y0, y0 + window_hw[0]), slice(x0, x0 + window_hw[1]))
        alpha = _blend(backdrop[window], hits, colour, zoom)
        seg[window] = alpha >= 0.5
        label = np.zeros(hits.size_hw, np.uint8)
        label.reshape(-1)[hits.pixel] = mesh.part[mesh.faces[hits.face, 0]]
        near[window], part[window] = _front_of_blocks(hits.depth_cm, label, zoom)
    # a joint may stand out over the outline, a vertex of the skin counts as published: on the animal's pixels only
    visible = _seen(joints_px, joint_depth, hits, (x0, y0), zoom, camera.size_hw, mesh.joint_slack_cm)
    vertex_visible = _seen(vertices_px, vertex_depth, hits, (x0, y0), zoom, camera.size_hw, 0.02 * mesh.body.withers_cm)
    vertex_visible &= _lookup(seg, vertices_px)
    if cover is not None:
        share, rgb = cover
        backdrop += (rgb - backdrop) * share[..., None]
        hidden = share > 0.5
        seg &= ~hidden
        visible &= ~_lookup(hidden, joints_px)
        vertex_visible &= ~_lookup(hidden, vertices_px)
    part[~seg] = 0
    near[~seg] = np.inf
    frame = Frame(
        np.empty(0), joints_px[:-1], visible[:-1], joint_depth[:-1], joints_px[-1], bool(visible[-1]), seg, part, near, vertices_px,
        vertex_depth, vertex_visible, camera, about,
    )  # fmt: skip
    return frame, backdrop


def finish(frame: Frame, picture: np.ndarray) -> Frame:
    """The frame with its picture (H, W, 3) float32 in 0..1 as uint8."""
    return frame.with_image(cv2.convertScaleAbs(np.clip(picture, 0, 1), alpha=255))


def _hit(
    mesh: Mesh, xy_px: np.ndarray, depth: np.ndarray, size_hw: tuple[int, int], zoom: int
) -> tuple[Hits, tuple[int, int], tuple[int, int]]:
    """Rasterise the window around the animal at `zoom` samples per pixel; also its corner x, y and size h, w in pixels."""
    ahead = depth > 5
    if not ahead.any():
        return rasterise(xy_px[:3], np.ones(3), np.zeros((0, 3), int), (1, 1)), (0, 0), (1, 1)
    low = np.clip(np.floor(xy_px[ahead].min(0)) - 1, 0, [size_hw[1] - 1, size_hw[0] - 1]).astype(int)
    high = np.clip(np.ceil(xy_px[ahead].max(0)) + 2, low + 1, size_hw[::-1]).astype(int)
    window = (int(high[1] - low[1]), int(high[0] - low[0]))
    local = (xy_px - low) * zoom + (zoom - 1) / 2
    hits = rasterise(local, depth, mesh.faces, (window[0] * zoom, window[1] * zoom))
    return hits, (int(low[0]), int(low[1])), window


def _shade(mesh: Mesh, posed: Posed, camera: Camera, paint: Paint, light: Light, hits: Hits) -> np.ndarray:
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


def _blend(window: np.ndarray, hits: Hits, colour: np.ndarray, zoom: int) -> np.ndarray:
    """Lay samples over the backdrop's window in place; returns (h, w) the animal's share of each pixel."""
    flat = np.zeros((hits.size_hw[0] * hits.size_hw[1], 4), np.float32)
    flat[hits.pixel, :3], flat[hits.pixel, 3] = colour, 1
    layer: np.ndarray = flat.reshape(*hits.size_hw, 4)
    if zoom > 1:
        layer = cv2.resize(layer, window.shape[1::-1], interpolation=cv2.INTER_AREA)
        window[:] = window * (1 - layer[..., 3:]) + layer[..., :3]
        return layer[..., 3]
    hard = layer[..., 3].copy()
    hit = hard > 0
    window[hit] = layer[..., :3][hit]
    # one sample per pixel: soften only the outline
    soft = cv2.GaussianBlur(window, (3, 3), 0.7)
    outline = cv2.morphologyEx(hit.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    window[outline] = soft[outline]
    return hard


def _front_of_blocks(depth: np.ndarray, label: np.ndarray, zoom: int) -> tuple[np.ndarray, np.ndarray]:
    """(h, w) depth and label of the nearest of each pixel's samples."""
    if zoom == 1:
        return depth, label
    h, w = depth.shape[0] // zoom, depth.shape[1] // zoom
    blocks = depth.reshape(h, zoom, w, zoom).transpose(0, 2, 1, 3).reshape(h, w, -1)
    labels = label.reshape(h, zoom, w, zoom).transpose(0, 2, 1, 3).reshape(h, w, -1)
    pick = blocks.argmin(-1)[..., None]
    return np.take_along_axis(blocks, pick, 2)[..., 0], np.take_along_axis(labels, pick, 2)[..., 0]


def _seen(
    xy_px: np.ndarray,
    depth: np.ndarray,
    hits: Hits,
    corner_xy: tuple[int, int],
    zoom: int,
    size_hw: tuple[int, int],
    slack_cm: np.ndarray | float,
) -> np.ndarray:
    """(n,) bool: inside the picture, before the camera, and no deeper than the slack under what covers the point's pixel."""
    height, width = size_hw
    inside = (xy_px >= -0.5).all(1) & (xy_px[:, 0] < width - 0.5) & (xy_px[:, 1] < height - 0.5) & (depth > 5)
    at = np.round((np.where(inside[:, None], xy_px, 0) - corner_xy) * zoom + (zoom - 1) / 2).astype(int)
    h, w = hits.size_hw
    in_window = (at >= 0).all(1) & (at[:, 0] < w) & (at[:, 1] < h)
    at = np.clip(at, 0, [w - 1, h - 1])
    front = np.where(in_window, hits.depth_cm[at[:, 1], at[:, 0]], np.inf)
    return inside & (depth <= front + slack_cm)


def _lookup(mask: np.ndarray, xy_px: np.ndarray) -> np.ndarray:
    """(n,) bool of a mask at points, False outside."""
    at = np.round(np.nan_to_num(xy_px)).astype(int)
    inside = (at >= 0).all(1) & (at[:, 0] < mask.shape[1]) & (at[:, 1] < mask.shape[0])
    at = np.clip(at, 0, [mask.shape[1] - 1, mask.shape[0] - 1])
    covered: np.ndarray = inside & mask[at[:, 1], at[:, 0]]
    return covered


def _ground_depth(camera: Camera) -> np.ndarray:
    """(H, W) float32 distance of the ground along the optical axis, 1e4 cm from the horizon up."""
    height, width = camera.size_hw
    x = (np.arange(width) - camera.centre_px[0]) / camera.focal_px
    y = (np.arange(height) - camera.centre_px[1]) / camera.focal_px
    falls = camera.axes[2, 2] + x[None] * camera.axes[0, 2] + y[:, None] * camera.axes[1, 2]
    depth: np.ndarray = np.minimum(camera.position_cm[2] / np.maximum(-falls, 1e-6), 1e4).astype(np.float32)
    return depth


def _cast_shadow(backdrop: np.ndarray, mesh: Mesh, posed: Posed, camera: Camera, light: Light) -> None:
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
