"""Body plans: the measures of an animal standing square, and how one individual differs from the next.

Frame: centimetres, x forward, y to the animal's left, z up, the ground at z = 0, the middle of the trunk at x = 0.
A body is a set of tubes. A tube is a row of stations (x, y, z, half-width across, half-depth in the plane of symmetry)
with one bone per piece between two stations. Tubes named for the left side are mirrored when the mesh is built.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..pose.skeleton import TIGDOG18, Skeleton

# part labels of the published part segmentation
HEAD, EYE, EAR, TORSO, LEFT_FRONT, RIGHT_FRONT, LEFT_BACK, RIGHT_BACK, TAIL = range(1, 10)


@dataclass(frozen=True)
class Tube:
    """One generalised cylinder.

    Attributes:
        name: of the part of the body; coats and part labels are chosen by it.
        stations: (n, 5) x, y, z, half-width, half-depth in cm.
        bones: n - 1 bone names, one per piece.
        around, rings: mesh vertices round the tube, and rings along it, at full detail.
        solid: whether it merges with the others. Eyes, mane and horns do not: their outline stays.
    """

    name: str
    stations: np.ndarray
    bones: tuple[str, ...]
    around: int
    rings: int
    solid: bool = True


@dataclass(frozen=True)
class Body:
    """A body plan, or one individual of it.

    Attributes:
        name: animal.
        withers_cm: height at the withers: the unit of length of coats, gaits and cameras.
        tubes: left-side and middle tubes.
        pivots: bone -> (parent or None, (3,) xyz cm), left side and middle.
        marks: joint word -> (kind, (3,) xyz cm); kind is "centre", or "side"/"top"/"front"/"ahead" for the skin seen from there.
        gait: measures of movement, see `gait`.
        melt_cm: width of the zone in which two tubes merge.
        skeleton: its joints; `marks` has one for the neck besides.
        rigid: joint word -> (the one bone it follows, cm it may lie under the skin); other joints follow the bones around them.
        look: (3,) direction in which the left eye looks.
        parts: tube name -> part label, for tubes whose name does not say it.
        carriage: how low individuals of a herd carry their heads, least and most: 0 as in `tubes`, 1 as low as they graze.
    """

    name: str
    withers_cm: float
    tubes: tuple[Tube, ...]
    pivots: dict[str, tuple[str | None, np.ndarray]]
    marks: dict[str, tuple[str, np.ndarray]]
    gait: dict[str, float]
    melt_cm: float
    skeleton: Skeleton = TIGDOG18
    rigid: dict[str, tuple[str, float]] = field(default_factory=dict)
    look: tuple[float, float, float] = (0.0, 1.0, 0.0)
    parts: dict[str, int] = field(default_factory=dict)
    carriage: tuple[float, float] = (0.0, 0.5)


TRUNK_BONES = "pelvis pelvis pelvis pelvis loin loin chest chest chest chest chest"
FRONT_BONES = "left_front_upper left_front_upper left_front_fore left_front_fore left_front_cannon left_front_foot left_front_foot"
BACK_BONES = (
    "left_back_thigh left_back_thigh left_back_gaskin left_back_gaskin left_back_cannon left_back_foot left_back_foot"
)


def tube(
    name: str, stations: str, bones: str | tuple[str, ...], around: int = 10, rings: int = 10, solid: bool = True
) -> Tube:
    """A tube from stations written as "x y z half-width half-depth" between bars, and bone names."""
    rows = np.array([row.split() for row in stations.split("|")], np.float64)
    bones = tuple(bones.split()[: len(rows) - 1]) if isinstance(bones, str) else bones
    if len(bones) == 1:
        bones *= len(rows) - 1
    return Tube(name, rows, bones, around, rings, solid)


def pivots_at(**given: tuple[str | None, tuple[float, float, float]]) -> dict[str, tuple[str | None, np.ndarray]]:
    """Pivots from bone=(parent, xyz)."""
    return {bone: (parent, np.array(xyz, np.float64)) for bone, (parent, xyz) in given.items()}


def marks_at(**given: tuple[str, tuple[float, float, float]]) -> dict[str, tuple[str, np.ndarray]]:
    """Marks from joint=(kind, xyz)."""
    return {joint: (kind, np.array(xyz, np.float64)) for joint, (kind, xyz) in given.items()}


def _region(name: str) -> str:
    """The part of the body a tube, bone or joint moves with when proportions change."""
    for word in ("neck", "front", "back", "tail"):
        if word in name:
            return word
    if name in ("trunk", "root", "chest", "loin", "pelvis", "shoulder", "udder"):
        return "trunk"
    return {"mane": "neck", "tuft": "tail"}.get(name, "head")


@dataclass(frozen=True)
class Build:
    """Factors by which an individual differs from the standard body; 1 everywhere is the standard.

    Attributes:
        legs, length, girth, bone, neck, head, tail: length of the legs, length of the trunk, its width and depth,
            thickness of the legs, length of the neck, size of the head, length of the tail.
        belly: extra depth of the trunk, downwards.
        horns: whether it has those of the standard body.
    """

    legs: float = 1.0
    length: float = 1.0
    girth: float = 1.0
    bone: float = 1.0
    neck: float = 1.0
    head: float = 1.0
    tail: float = 1.0
    belly: float = 1.0
    horns: bool = True


def draw_build(rng: np.random.Generator, strength: float) -> Build:
    """An individual at random; `strength` 1 gives the spread of breeds and ages, 0 the standard body."""
    spread = {"legs": 0.18, "length": 0.13, "girth": 0.16, "bone": 0.2, "neck": 0.2, "head": 0.16, "tail": 0.25}
    drawn: dict[str, Any] = {name: 1 + strength * s * rng.uniform(-1, 1) for name, s in spread.items()}
    return Build(**drawn, belly=1 + strength * rng.uniform(0, 0.15))


def reshape(body: Body, build: Build) -> Body:
    """The body with the proportions of `build`; still in cm, still standing on z = 0."""
    if build == Build():
        return body
    neck_base, head_base = body.pivots["neck_low"][1], body.pivots["head"][1]
    tail_base = body.pivots["tail_a"][1]
    knee_z = body.marks["front_elbow"][1][2]

    def moved(xyz: np.ndarray, region: str) -> np.ndarray:
        p = np.array(xyz, np.float64)
        if region == "head":
            p = head_base + (p - head_base) * build.head
            p += (head_base - neck_base) * (build.neck - 1)
        elif region == "neck":
            p = p + (p - neck_base) * (build.neck - 1)
        elif region == "tail":
            p = tail_base + (p - tail_base) * build.tail
        anchor_x = tail_base[0] if region == "tail" else neck_base[0] if region in ("neck", "head") else p[..., 0]
        p[..., 0] += anchor_x * (build.length - 1)
        p[..., 2] += (
            np.minimum(p[..., 2], knee_z) * (build.legs - 1)
            if region in ("front", "back", "trunk")
            else knee_z * (build.legs - 1)
        )
        return p

    def tube(t: Tube) -> Tube:
        region, s = _region(t.name), t.stations.copy()
        s[:, :3] = moved(s[:, :3], region)
        low = 1 - np.clip(t.stations[:, 2] / knee_z, 0, 1)
        factor = {"trunk": build.girth, "neck": (build.girth + 1) / 2, "head": build.head, "tail": 1.0}.get(region)
        if factor is None:
            factor = (build.girth * (1 - low) + build.bone * low)[:, None]
        s[:, 3:] *= factor
        if region == "trunk":
            sag = (
                t.stations[:, 4]
                * (build.belly - 1)
                * np.exp(-(((t.stations[:, 0] + 5) / (0.3 * body.withers_cm)) ** 2))
            )
            s[:, 2] -= sag / 2
            s[:, 4] += sag / 2
        return replace(t, stations=s)

    return replace(
        body,
        tubes=tuple(tube(t) for t in body.tubes if build.horns or not t.name.endswith("_horn")),
        pivots={b: (parent, moved(p, _region(b))) for b, (parent, p) in body.pivots.items()},
        marks={j: (kind, moved(p, _region(j))) for j, (kind, p) in body.marks.items()},
    )
