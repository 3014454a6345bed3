"""One picture of an animal: draws skin, coat and light over a backdrop, and says where every joint and pixel is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from .bodies import Build, reshape
from .camera import Camera
from .coats import Paint
from .gait import Posed
from .light import Light, cast_shadow, shade
from .mesh import Mesh, build_mesh
from .plans import body_of
from .raster import Hits, rasterise


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
    """The skin of one individual; cached, since building one takes a quarter of a second."""
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
    *,
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
    cast_shadow(backdrop, mesh, posed, camera, light)
    zoom = supersampling(camera.size_hw)
    window = _hit(mesh, vertices_px, vertex_depth, camera.size_hw, zoom)
    hits, inside = window.hits, window.slices
    seg, part = np.zeros((height, width), bool), np.zeros((height, width), np.uint8)
    near = np.full((height, width), np.inf, np.float32)
    if len(hits.pixel):
        colour = shade(mesh, posed, camera, paint, light, hits)
        alpha = _blend(backdrop[inside], hits, colour, zoom)
        seg[inside] = alpha >= 0.5
        label = np.zeros(hits.size_hw, np.uint8)
        label.reshape(-1)[hits.pixel] = mesh.part[mesh.faces[hits.face, 0]]
        near[inside], part[inside] = _front_of_blocks(hits.depth_cm, label, zoom)
    # a joint may stand out over the outline, a vertex of the skin counts as published: on the animal's pixels only
    visible = _seen(joints_px, joint_depth, mesh.joint_slack_cm, window, camera.size_hw)
    vertex_visible = _seen(vertices_px, vertex_depth, 0.02 * mesh.body.withers_cm, window, camera.size_hw)
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
        np.empty(0),
        joints_px[:-1],
        visible[:-1],
        joint_depth[:-1],
        joints_px[-1],
        bool(visible[-1]),
        seg,
        part,
        near,
        vertices_px,
        vertex_depth,
        vertex_visible,
        camera,
        about,
    )
    return frame, backdrop


def finish(frame: Frame, picture: np.ndarray) -> Frame:
    """The frame with its picture (H, W, 3) float32 in 0..1 as uint8."""
    return frame.with_image(cv2.convertScaleAbs(np.clip(picture, 0, 1), alpha=255))


@dataclass(frozen=True)
class _Window:
    """The part of a picture around the animal.

    Attributes:
        hits: what the animal covers there, at `zoom` samples per pixel and axis.
        x0, y0: corner in the picture, px.
        size_hw: size, px.
        zoom: samples per pixel and axis.
    """

    hits: Hits
    x0: int
    y0: int
    size_hw: tuple[int, int]
    zoom: int

    @property
    def slices(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        return slice(self.y0, self.y0 + self.size_hw[0]), slice(self.x0, self.x0 + self.size_hw[1])


def _hit(mesh: Mesh, xy_px: np.ndarray, depth: np.ndarray, size_hw: tuple[int, int], zoom: int) -> _Window:
    """Rasterises the window around the animal."""
    ahead = depth > 5
    if not ahead.any():
        nothing = rasterise(xy_px[:3], np.ones(3), np.zeros((0, 3), int), (1, 1))
        return _Window(nothing, 0, 0, (1, 1), zoom)
    low = np.clip(np.floor(xy_px[ahead].min(0)) - 1, 0, [size_hw[1] - 1, size_hw[0] - 1]).astype(int)
    high = np.clip(np.ceil(xy_px[ahead].max(0)) + 2, low + 1, size_hw[::-1]).astype(int)
    height, width = int(high[1] - low[1]), int(high[0] - low[0])
    local = (xy_px - low) * zoom + (zoom - 1) / 2
    hits = rasterise(local, depth, mesh.faces, (height * zoom, width * zoom))
    return _Window(hits, int(low[0]), int(low[1]), (height, width), zoom)


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
    slack_cm: np.ndarray | float,
    window: _Window,
    size_hw: tuple[int, int],
) -> np.ndarray:
    """(n,) bool: inside the picture, in front of the camera, and at most `slack_cm` behind what covers the point's pixel."""
    height, width = size_hw
    inside = (xy_px >= -0.5).all(1) & (xy_px[:, 0] < width - 0.5) & (xy_px[:, 1] < height - 0.5) & (depth > 5)
    in_px = np.where(inside[:, None], xy_px, 0) - (window.x0, window.y0)
    at = np.round(in_px * window.zoom + (window.zoom - 1) / 2).astype(int)
    h, w = window.hits.size_hw
    in_window = (at >= 0).all(1) & (at[:, 0] < w) & (at[:, 1] < h)
    at = np.clip(at, 0, [w - 1, h - 1])
    front = np.where(in_window, window.hits.depth_cm[at[:, 1], at[:, 0]], np.inf)
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
