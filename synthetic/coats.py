"""Coats: the colour of every place of an animal.

A coat has smooth colours by region, computed at the vertices, and one pattern of marks, computed at every pixel. The pattern
depends on the place at rest, so that marks move with the skin. Colours are RGB in 0..1, lengths are in heights of the withers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from .colours import RGB
from .mesh import Mesh
from .noise import sheet, solid

_WHITE = (0.92, 0.9, 0.87)
PATTERNS = ("plain", "patches", "spots", "stripes", "dapple", "texture")


@dataclass(frozen=True)
class Coat:
    """Colours and marks.

    Attributes:
        body, belly, points, mane, hoof, muzzle, eye: colours of regions; points are lower legs.
        points_top: height at which the points' colour has faded; 0: no points.
        socks: white height of each leg (left front, right front, left back, right back).
        blaze: half-width of a white stripe down the face; 0: no stripe.
        pattern: one of `PATTERNS`.
        mark, mark2: colours of the marks (mark2 only for "texture": its other end).
        share: share of the skin under marks.
        scale: size of marks.
        soft: how blurred their edge is, in shares.
        grain: strength of the fur's fine texture.
        offset: (3,) where in the noise this coat lies.
        face_marks: how far marks reach on the head.
        dirt: strength of mud on legs and belly.
        head: colour of head and ears; None: that of the body.
    """

    body: RGB
    belly: RGB
    points: RGB
    mane: RGB
    hoof: RGB = (0.16, 0.14, 0.12)
    muzzle: RGB = (0.25, 0.2, 0.18)
    eye: RGB = (0.04, 0.03, 0.03)
    points_top: float = 0.0
    socks: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    blaze: float = 0.0
    pattern: str = "plain"
    mark: RGB = (0.9, 0.88, 0.85)
    mark2: RGB = (0.1, 0.1, 0.1)
    share: float = 0.4
    scale: float = 0.3
    soft: float = 0.05
    grain: float = 0.12
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    face_marks: float = 1.0
    dirt: float = 0.0
    head: RGB | None = None


def _ramp(x: np.ndarray, low: float, high: float) -> np.ndarray:
    """Smooth step from 0 at `low` to 1 at `high`."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Paint:
    """A coat on a skin. V vertices.

    Attributes:
        coat: the coat.
        colour: (V, 3) float32 colours of regions.
        mark_weight: (V,) float32 how much of the marks shows.
        rest: (V, 3) float32 place at rest in withers heights.
    """

    coat: Coat
    colour: np.ndarray
    mark_weight: np.ndarray
    rest: np.ndarray

    def at(self, colour: np.ndarray, weight: np.ndarray, rest: np.ndarray) -> np.ndarray:
        """(n, 3) colours at pixels whose region colour (n, 3), mark weight (n,) and place (n, 3) are given."""
        coat = self.coat
        out = colour
        if coat.pattern == "texture":
            marks = _texture(coat, rest)
            out = out + (marks - out) * weight[:, None]
        elif coat.pattern != "plain":
            share = (_marks(coat, rest) * weight)[:, None]
            out = out + (np.array(coat.mark, np.float32) - out) * share
        if coat.grain:
            # hair lies along the body: stretched grain
            fine = solid("rough", rest * np.array([1.6, 4, 4], np.float32))
            out = out * (1 + coat.grain * (2 * fine - 1))[:, None]
        return out


@dataclass(frozen=True)
class _Regions:
    """Regions of a skin, each as (V,) shares; computed once for a skin."""

    rest: np.ndarray
    leg: np.ndarray
    legs: tuple[np.ndarray, ...]
    head: np.ndarray
    ear: np.ndarray
    eye: np.ndarray
    horn: np.ndarray
    hair: np.ndarray
    under: np.ndarray
    muzzle: np.ndarray
    snout: np.ndarray
    face: np.ndarray


@lru_cache(maxsize=16)
def _regions(mesh: Mesh) -> _Regions:
    rest = mesh.rest_cm / np.float32(mesh.body.withers_cm)
    tube = np.array(mesh.tube_names)[mesh.tubes]
    head = np.isin(tube, ["head", "jowl", "jaw"])
    under = _ramp(-mesh.normals[:, 2], -0.1, 0.8)
    under[head] = 0.7 * (tube[head] == "jaw")
    from_nose = rest[:, 0] - rest[head, 0].max()
    length = mesh.body.gait["muzzle"]
    return _Regions(
        rest=rest,
        leg=np.char.endswith(tube, "_leg"),
        legs=tuple(tube == f"{leg}_leg" for leg in ("left_front", "right_front", "left_back", "right_back")),
        head=head,
        ear=np.char.endswith(tube, "_ear"),
        eye=np.char.endswith(tube, "_eye"),
        horn=np.char.endswith(tube, "_horn"),
        hair=np.isin(tube, ["mane", "tuft"]) | ((tube == "tail") & ("mane" in mesh.tube_names)),
        under=under,
        muzzle=head * _ramp(from_nose, -1.6 * length, -0.5 * length),
        snout=head & (from_nose > -1.2 * length),
        face=(tube == "head") & (mesh.normals[:, 2] > -0.2),
    )


def paint(mesh: Mesh, coat: Coat) -> Paint:
    """Puts a coat on a skin."""
    at = _regions(mesh)
    z = at.rest[:, 2]
    colour = np.empty((len(z), 3), np.float32)
    colour[:] = coat.body

    def lay(share: np.ndarray, rgb: RGB) -> None:
        colour[:] += (np.array(rgb, np.float32) - colour) * share.astype(np.float32)[:, None]

    lay(at.under, coat.belly)
    if coat.head is not None:
        lay(np.maximum(at.head, at.ear), coat.head)
    if coat.points_top:
        lay(at.leg * (1 - _ramp(z, 0.4 * coat.points_top, coat.points_top)), coat.points)
        lay(0.6 * at.ear, coat.points)
    for leg, height in zip(at.legs, coat.socks):
        if height:
            lay(leg * (1 - _ramp(z, height - 0.03, height + 0.03)), _WHITE)
    lay(at.muzzle, coat.muzzle)
    if coat.blaze:
        lay(at.face * (1 - _ramp(np.abs(at.rest[:, 1]), 0.6 * coat.blaze, coat.blaze)), _WHITE)
    lay(at.hair, coat.mane)
    lay(at.leg * (1 - _ramp(z, 0.03, 0.055)), coat.hoof)
    lay(at.horn, (0.75, 0.7, 0.6))
    if coat.dirt:
        lay(
            0.75 * coat.dirt * (1 - _ramp(z + 0.12 * solid("soft", at.rest * 2) - 0.06, 0.15, 0.75)), (0.32, 0.26, 0.18)
        )
    lay(at.eye, coat.eye)
    weight = 1 - np.float32(0.9) * at.hair
    weight[at.head] *= coat.face_marks
    weight[at.leg & (z < 0.055)] *= 0.2
    if coat.pattern == "stripes":
        weight *= 1 - 0.55 * at.under
        weight[at.snout] = 0.1
    weight[at.eye | at.horn] = 0
    return Paint(coat, colour, weight.astype(np.float32), at.rest)


def _marks(coat: Coat, rest: np.ndarray) -> np.ndarray:
    """(n,) share of the mark colour at places (n, 3) in withers heights."""
    offset = np.array(coat.offset, np.float32)
    edge, soft = 1 - coat.share, max(coat.soft, 0.01)
    if coat.pattern == "stripes":
        return _stripes(coat, rest)
    if coat.pattern == "patches":
        value = solid("soft", rest * np.float32(0.16 / coat.scale) + offset)
    elif coat.pattern == "spots":
        value = solid("cells", rest * np.float32(0.16 / coat.scale) + offset)
    else:
        # dapples: pale discs, stronger on the barrel than on the legs
        value = solid("cells", rest * np.float32(0.16 / coat.scale) + offset)
        return _ramp(value, edge - 2 * soft, edge + 2 * soft) * (0.25 + 0.75 * _ramp(rest[:, 2], 0.45, 0.75))
    return _ramp(value, edge - soft, edge + soft)


def _stripes(coat: Coat, rest: np.ndarray) -> np.ndarray:
    """Stripes across the trunk, round the legs and the tail; forked and broken by noise."""
    offset = np.array(coat.offset, np.float32)
    x, y, z = rest.T
    warp = solid("soft", rest * np.array([0.7, 1.2, 0.5], np.float32) + offset) - 0.5
    breaks = solid("soft", rest * np.array([1.5, 1.1, 0.6], np.float32) + offset[::-1])
    low = 1 - _ramp(z, 0.38, 0.58)
    period = np.float32(2 * np.pi / coat.scale)
    upright = np.cos(period * (x + 0.12 * (z - 0.7)) + np.float32(7) * warp)
    level = np.cos(1.3 * period * z + np.float32(5) * warp)
    width = coat.share - 0.5 + 0.9 * (breaks - 0.5)
    wave = upright + (level - upright) * low
    share: np.ndarray = _ramp(wave + 2 * width, -coat.soft * 4, coat.soft * 4) * _ramp(breaks, 0.12, 0.22)
    return share


def _texture(coat: Coat, rest: np.ndarray) -> np.ndarray:
    """A picture wrapped round the animal from both sides, as random textures on a model are."""
    tile = sheet("collage")
    n, size = len(rest), tile.shape[0]
    pad = -n % 256
    u = (rest[:, 0] * 0.9 + coat.offset[0] + 0.35 * np.sign(rest[:, 1])) / coat.scale * 0.25
    v = (rest[:, 2] + 0.5 * np.abs(rest[:, 1]) + coat.offset[1]) / coat.scale * 0.25
    uv = np.pad(np.stack([u % 1, v % 1]) * (size - 1), ((0, 0), (0, pad))).astype(np.float32).reshape(2, -1, 256)
    value = cv2.remap(tile, uv[0], uv[1], cv2.INTER_LINEAR).reshape(-1)[:n, None]
    third = np.array(coat.body, np.float32)
    mark, mark2 = np.array(coat.mark, np.float32), np.array(coat.mark2, np.float32)
    return np.where(value < 0.5, mark + (third - mark) * (2 * value), third + (mark2 - third) * (2 * value - 1))
