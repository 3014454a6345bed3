"""Builds the skin of a body: tubes become rings of vertices, merge into one surface, and follow the bones.

Each vertex is moved out to the smooth union of all tubes, so that there is no seam between a leg and the trunk. Bone weights depend
on the place at rest alone: two tubes that coincide at rest coincide in every pose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import bodies
from .bodies import Body, Tube
from .shape import Binding, Shape, unit

_LEGS = {
    ("left", "front"): bodies.LEFT_FRONT,
    ("right", "front"): bodies.RIGHT_FRONT,
    ("left", "back"): bodies.LEFT_BACK,
    ("right", "back"): bodies.RIGHT_BACK,
}


@dataclass(frozen=True, eq=False)
class Mesh:
    """A skin at rest, its joints, and the bones that both follow. V vertices, F triangles, B bones; cm, frame of `bodies`.

    Attributes:
        body: whose skin it is.
        rest_cm, normals: (V, 3) float32 place and outward unit normal at rest.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        part: (V,) uint8 part label 1..9.
        tubes: (V,) tube index into `tube_names`.
        tube_names: names of the tubes, left and right.
        shelter: (V,) 0..1, how much of the sky the rest of the body leaves free.
        bones, parents, pivots_cm: (B,) names, (B,) parent index or -1, (B, 3) pivots; parents come first.
        weights: (V, B) float32, rows sum to 1.
        joint_cm, joint_weights, joint_slack_cm: (K + 1, 3), (K + 1, B), (K + 1,): the K joints of the body's skeleton and the
            neck, and how deep each may lie under the skin.
    """

    body: Body
    rest_cm: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    part: np.ndarray
    tubes: np.ndarray
    tube_names: tuple[str, ...]
    shelter: np.ndarray
    bones: tuple[str, ...]
    parents: np.ndarray
    pivots_cm: np.ndarray
    weights: np.ndarray
    joint_cm: np.ndarray
    joint_weights: np.ndarray
    joint_slack_cm: np.ndarray


def build_mesh(body: Body, detail: float = 1.0) -> Mesh:
    """The skin of a body.

    Args:
        body: proportions.
        detail: share of the full number of vertices per tube length and girth.

    Returns:
        About 2600 vertices at detail 1.
    """
    tubes = _both_sides(body)
    bones, parents, pivots = _bone_table(body)
    shape = Shape([t for t in tubes if t.solid], body.melt_cm)
    eye = _eye_seat(body, shape)
    lofts = [_ball(t, eye) if _is_eye(t) else _loft(t, detail) for t in tubes]
    points, normals, buried = [], [], []
    for tube, (centres, rays, _) in zip(tubes, lofts):
        placed = shape.push_out(centres, rays) if tube.solid else centres + rays
        placed[:, 2] = np.maximum(placed[:, 2], 0.0)
        points.append(placed)
        normals.append(shape.normals(placed) if tube.solid else unit(rays))
        buried.append(shape.level(placed) < -0.06 * body.withers_cm if tube.solid else np.zeros(len(placed), bool))
    offsets = np.cumsum([0] + [len(p) for p in points])
    faces = np.concatenate([f + o for (_, _, f), o in zip(lofts, offsets)])
    rest, hidden = np.concatenate(points), np.concatenate(buried)
    faces = faces[~hidden[faces].all(1)]
    normal = np.concatenate(normals)
    tube_of = np.repeat(np.arange(len(tubes)), np.diff(offsets))
    binding = Binding(tubes, bones)
    weights = binding.weights(rest)
    for i, tube in enumerate(tubes):
        if _is_eye(tube):
            weights[tube_of == i] = np.eye(len(bones))[bones.index("head")]
    reach = 0.06 * body.withers_cm
    shelter = np.clip(shape.level(rest + normal * reach) / reach, 0, 1)
    joint, slack = _joints(body, shape, eye)
    joint_weights = _hung(body, bones, binding.weights(joint))
    part = _parts(body, tubes, tube_of, rest)
    f32 = np.float32
    return Mesh(
        body,
        rest.astype(f32),
        normal.astype(f32),
        faces.astype(np.int32),
        part,
        tube_of,
        tuple(t.name for t in tubes),
        shelter.astype(f32),
        bones,
        parents,
        pivots,
        weights.astype(f32),
        joint.astype(f32),
        joint_weights.astype(f32),
        slack,
    )


def _is_eye(tube: Tube) -> bool:
    return tube.name.endswith("_eye")


def _mirror_name(name: str) -> str:
    return name.replace("left", "right")


def _both_sides(body: Body) -> list[Tube]:
    tubes = []
    for t in body.tubes:
        tubes.append(t)
        if t.name.startswith("left"):
            flipped = t.stations * [1, -1, 1, 1, 1]
            tubes.append(
                Tube(_mirror_name(t.name), flipped, tuple(map(_mirror_name, t.bones)), t.around, t.rings, t.solid)
            )
    return tubes


def _bone_table(body: Body) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    names, parents, pivots = [], [], []
    for mirror in (False, True):
        for bone, (parent, xyz) in body.pivots.items():
            if mirror and not bone.startswith("left"):
                continue
            names.append(_mirror_name(bone) if mirror else bone)
            parent = _mirror_name(parent) if mirror and parent else parent
            parents.append(names.index(parent) if parent else -1)
            pivots.append(xyz * [1, -1, 1] if mirror else xyz)
    return tuple(names), np.array(parents), np.array(pivots)


def _loft(tube: Tube, detail: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Centres (n, 3), rays from them to the tube's skin (n, 3), and triangles (f, 3). Both ends are closed."""
    around = max(6, int(round(tube.around * detail)))
    rings = max(4, int(round(tube.rings * detail)))
    s = _through(tube.stations, rings)
    along = unit(np.gradient(s[:, :3], axis=0))
    across = unit(np.array([0.0, 1.0, 0.0]) - along * along[:, 1:2])
    up = np.cross(along, across)
    angle = np.arange(around) * 2 * np.pi / around
    circle = np.cos(angle)[:, None, None] * across * s[:, 3:4] + np.sin(angle)[:, None, None] * up * s[:, 4:5]
    rays = circle.transpose(1, 0, 2).reshape(-1, 3)
    centres = np.repeat(s[:, :3], around, 0)
    ring, step = np.divmod(np.arange((rings - 1) * around), around)
    a, b = ring * around + step, ring * around + (step + 1) % around
    faces = np.concatenate([np.stack([a, b, a + around], 1), np.stack([b, b + around, a + around], 1)])
    first, last = len(rays), len(rays) + 1
    i, j = np.arange(around), (np.arange(around) + 1) % around
    caps = [
        np.stack([np.full(around, first), j, i], 1),
        np.stack([np.full(around, last), i, j] + np.zeros((3, 1), int), 1),
    ]
    caps[1][:, 1:] += (rings - 1) * around
    ends = np.stack([-along[0], along[-1]]) * s[[0, -1], 3:5].min(1, keepdims=True) * 0.6
    return np.concatenate([centres, s[[0, -1], :3]]), np.concatenate([rays, ends]), np.concatenate([faces, *caps])


def _eye_seat(body: Body, shape: Shape) -> np.ndarray:
    """(3,) centre of the left eyeball, two fifths of it under the skin of the head."""
    x, y, z, radius, _ = next(t.stations[0] for t in body.tubes if _is_eye(t))
    look = np.array(body.look)
    # from a fifth of the way out of the middle plane, or of the face, to the skin
    inner = np.array([x, y, z]) * np.where(look > 0, 0.2, 1.0)
    skin = shape.skin_from(inner, look, 0.2 * body.withers_cm)
    seat: np.ndarray = skin - shape.normals(skin[None])[0] * 0.2 * radius
    return seat


def _ball(tube: Tube, left_seat: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The eyeball, as `_loft`."""
    radius = tube.stations[0, 3]
    x, y, z = left_seat * [1, np.sign(tube.stations[0, 1]), 1]
    lat = np.linspace(-0.45, 0.45, 5) * np.pi
    stations = np.stack(
        [x + radius * np.sin(lat), y + 0 * lat, z + 0 * lat, radius * np.cos(lat), radius * np.cos(lat)], 1
    )
    centres, rays, faces = _loft(Tube(tube.name, stations, (), 8, 5, False), 1.0)
    return np.tile([x, y, z], (len(rays), 1)), centres + rays - [x, y, z], faces


def _through(stations: np.ndarray, count: int) -> np.ndarray:
    """(count, 5) stations on a Catmull-Rom curve through the given ones; close together where the tube bends or tapers."""
    padded = np.concatenate([2 * stations[:1] - stations[1:2], stations, 2 * stations[-1:] - stations[-2:-1]])
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(stations, axis=0), axis=1))])
    at = np.interp(np.linspace(0, length[-1], count), length, np.arange(len(stations)))
    i = np.minimum(at.astype(int), len(stations) - 2)
    t = (at - i)[:, None]
    p0, p1, p2, p3 = (padded[i + k] for k in range(4))
    curve: np.ndarray = 0.5 * (
        2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    )
    curve[:, 3:] = np.maximum(curve[:, 3:], 0.4)
    return curve


def _joints(body: Body, shape: Shape, eye: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(K + 1, 3) joints at rest and (K + 1,) slack in cm: inner joints may lie a limb's radius under the skin that hides them."""
    directions = {"side": (0, 1, 0), "top": (0, 0, 1), "front": (0.6, 0, -0.8), "ahead": (1, 0, 0)}
    names = (*body.skeleton.joints, "neck")
    points, slack = np.zeros((len(names), 3)), np.zeros(len(names))
    for i, name in enumerate(names):
        side, word = _side_and_word(name)
        kind, xyz = body.marks[word]
        slack[i] = 0.015 * body.withers_cm
        if kind == "eye":
            radius = next(t.stations[0, 3] for t in body.tubes if _is_eye(t))
            point = eye + radius * shape.normals(eye[None])[0]
        elif kind == "centre":
            point, slack[i] = xyz, body.gait["limb_slack"] * body.withers_cm
        else:
            point = shape.skin_from(xyz, unit(np.array(directions[kind])), 0.4 * body.withers_cm)
            # the root of the tail is seen from the side although the croup's skin turns away there
            slack[i] = (0.09 if kind == "top" else 0.025) * body.withers_cm
        if name == "neck":
            slack[i] = 0.14 * body.withers_cm
        if word in body.rigid:
            slack[i] = body.rigid[word][1]
        points[i] = point * [1, -1, 1] if side == "right" else point
    return points, slack


def _side_and_word(name: str) -> tuple[str, str]:
    """left_front_elbow -> left, front_elbow; chin -> "", chin."""
    side, _, word = name.partition("_")
    return (side, word) if side in ("left", "right") else ("", name)


def _hung(body: Body, bones: tuple[str, ...], weights: np.ndarray) -> np.ndarray:
    """(K + 1, B) weights of joints: `weights` but for eyes and the joints that hang on one bone."""
    for i, name in enumerate((*body.skeleton.joints, "neck")):
        side, word = _side_and_word(name)
        bone = "head" if body.marks[word][0] == "eye" else body.rigid[word][0] if word in body.rigid else None
        if bone:
            weights[i] = np.eye(len(bones))[bones.index(_mirror_name(bone) if side == "right" else bone)]
    return weights


def _parts(body: Body, tubes: list[Tube], tube_of: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """(V,) part labels. A leg begins under the elbow, as in the published vertex lists: shoulders and elbows are trunk."""
    part = np.full(len(rest), bodies.TORSO, np.uint8)
    for i, tube in enumerate(tubes):
        here = tube_of == i
        if _is_eye(tube):
            part[here] = bodies.EYE
        elif tube.name in body.parts:
            part[here] = body.parts[tube.name]
        elif tube.name.endswith("_ear"):
            part[here] = bodies.EAR
        elif tube.name in ("tail", "tuft"):
            part[here] = bodies.TAIL
        elif tube.bones and tube.bones[0] in ("head", "jaw"):
            part[here] = bodies.HEAD
        elif tube.name.endswith("_leg"):
            side, end, _ = tube.name.split("_")
            top = body.marks[f"{end}_elbow"][1][2] - 0.07 * body.withers_cm
            part[here & (rest[:, 2] < top)] = _LEGS[side, end]
    return part
