"""How a quadruped moves: bone rotations over a gait cycle, and the skin that follows them.

Angles are degrees. Pitch turns about the animal's left-right axis: positive swings a hanging limb forward and lifts what points
forward. Yaw turns to the animal's left, roll lowers its right side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..errors import OptionError
from .mesh import Mesh

LEGS = ("left_front", "right_front", "left_back", "right_back")


@dataclass(frozen=True)
class Gait:
    """One gait.

    Attributes:
        phases: when in the cycle each of `LEGS` touches down.
        duty: share of the cycle a foot is on the ground.
        swing_deg: half of the arc a leg sweeps.
        fold_deg: how far the middle joint of a leg folds while it swings.
        spine_deg: how far the back bends and stretches.
        bob: rise and fall of the trunk, in withers heights.
        speed: withers heights covered in one cycle.
    """

    phases: tuple[float, float, float, float]
    duty: float
    swing_deg: float
    fold_deg: float
    spine_deg: float = 0.0
    bob: float = 0.0
    speed: float = 0.0


GAITS = {
    "stand": Gait((0.0, 0.5, 0.25, 0.75), 1.0, 0.0, 0.0),
    "walk": Gait((0.25, 0.75, 0.0, 0.5), 0.63, 17, 52, 2, 0.006, 1.1),
    "trot": Gait((0.5, 0.0, 0.0, 0.5), 0.44, 22, 76, 2, 0.02, 1.8),
    "gallop": Gait((0.55, 0.42, 0.08, 0.0), 0.3, 34, 95, 14, 0.03, 3.2),
    "graze": Gait((0.3, 0.8, 0.0, 0.5), 0.8, 7, 18, 0, 0.0, 0.25),
}


@dataclass(frozen=True)
class Manner:
    """Posture that one animal adds to its gait at one moment, in degrees.

    Attributes:
        neck_pitch, neck_yaw, head_pitch, head_yaw, jaw: posture of neck and head.
        tail_pitch, tail_yaw: posture of the tail.
        bend: yaw of the spine.
        lowered: how low the head is carried, a share of the way to grazing; a gait that grazes takes no notice of it.
        legs: (4, 4) extra pitch per leg of `LEGS` and bone from the body down.
    """

    neck_pitch: float = 0.0
    neck_yaw: float = 0.0
    head_pitch: float = 0.0
    head_yaw: float = 0.0
    jaw: float = 0.0
    tail_pitch: float = 0.0
    tail_yaw: float = 0.0
    bend: float = 0.0
    legs: np.ndarray = field(default_factory=lambda: np.zeros((4, 4)))
    lowered: float = 0.0


def draw_manner(rng: np.random.Generator, strength: float = 1.0) -> Manner:
    """A posture at random; strength 1 covers the postures that animals take by themselves."""
    legs = rng.normal(0, 1, (4, 4)) * [5, 4, 3, 3]
    legs[:, 2] = np.abs(legs[:, 2]) * [-1, -1, 1, 1]
    return Manner(
        neck_pitch=strength * rng.normal(0, 9),
        neck_yaw=strength * rng.normal(0, 11),
        head_pitch=strength * rng.normal(0, 7),
        head_yaw=strength * rng.normal(0, 9),
        jaw=strength * abs(rng.normal(0, 4)),
        tail_pitch=strength * rng.normal(0, 14),
        tail_yaw=strength * rng.normal(0, 16),
        bend=strength * rng.normal(0, 4),
        legs=strength * legs,
    )


def gait_of(name: str) -> Gait:
    """A gait by name.

    Raises:
        OptionError: for an unknown name.
    """
    if name not in GAITS:
        raise OptionError(f"a gait out of {', '.join(GAITS)}", repr(name))
    return GAITS[name]


def leg_angles(gait: Gait, phase: float, front: bool, measures: dict[str, float]) -> tuple[np.ndarray, float]:
    """(4,) pitch of a leg's bones from the body down, in degrees, and how firmly the foot stands (1 stance, 0 swing).

    Args:
        phase: 0..1 since touch-down.
        front: which end.
        measures: the body's `gait`: its factors of swing and fold, and how far it crouches over a standing foot.
    """
    lift = measures["lift"]
    swing, fold = gait.swing_deg * measures["reach"], gait.fold_deg * measures["fold"]
    if phase < gait.duty:
        s, air = 1 - 2 * phase / gait.duty, 0.0
        # a leg is longest when upright: it gives a little, so that the body does not bob
        give = measures["crouch"] * swing * (1 - s * s)
    else:
        t = (phase - gait.duty) / (1 - gait.duty)
        s, air, give = -np.cos(np.pi * t), np.sin(np.pi * t**0.8) ** 2, 0.0
    stance = 1 - min(1.0, 2 * air)
    if front:
        # the shoulder blade and the forearm share the arc; the knee only folds backwards
        arc = np.array([0.5, 0.5, 0.0, 0.0]) * swing * s
        return arc + np.array([-0.35 * lift, lift, -1.0, -0.4]) * fold * air + np.array(
            [-1.0, 1.6, -0.6, 0.0]
        ) * give, stance
    # stifle and hock fold against each other
    arc = np.array([0.72, 0.3, -0.12, 0.0]) * swing * s
    return arc + np.array([0.3, -0.62, 0.75, -0.5]) * fold * air + np.array([0.8, -1.6, 1.0, 0.0]) * give, stance


def bone_angles(mesh: Mesh, gait_name: str, cycle: float, manner: Manner) -> tuple[np.ndarray, np.ndarray]:
    """(B, 3) pitch, yaw, roll of every bone against its parent in degrees, and (4,) how firmly each foot stands.

    Args:
        cycle: time in gait cycles.
    """
    gait, measures = gait_of(gait_name), mesh.body.gait
    at = {bone: i for i, bone in enumerate(mesh.bones)}
    angles, stances = np.zeros((len(mesh.bones), 3)), np.ones(4)
    wave = 2 * np.pi * cycle
    spine = gait.spine_deg * measures["spine"] * np.cos(wave)
    sway = 0.35 * gait.swing_deg * measures["tail"]
    down = {"neck_low": 0.6 * measures["neck_graze"], "neck_high": 0.4 * measures["neck_graze"]}
    set_to = {
        "root": (0.25 * gait.spine_deg * np.sin(wave - 0.6), 0, 0),
        "chest": (spine * 0.8, manner.bend, 0),
        "loin": (-spine * 0.5, -0.5 * manner.bend, 0),
        "pelvis": (-spine * 0.7, -0.5 * manner.bend + 0.1 * sway * np.sin(wave), 0),
        "neck_low": (
            0.5 * manner.neck_pitch - 0.4 * spine + 0.25 * gait.bob * 100 * np.sin(2 * wave),
            0.5 * manner.neck_yaw,
            0,
        ),
        "neck_high": (0.5 * manner.neck_pitch - 0.3 * spine, 0.5 * manner.neck_yaw, 0),
        "head": (manner.head_pitch - 0.25 * manner.neck_pitch, manner.head_yaw, 0),
        "jaw": (-manner.jaw, 0, 0),
        "tail_a": (
            -manner.tail_pitch - 0.5 * gait.speed * measures["tail"] * 6,
            0.5 * manner.tail_yaw + 0.3 * sway * np.sin(wave),
            0,
        ),
        "tail_b": (-0.3 * manner.tail_pitch, 0.5 * manner.tail_yaw + 0.4 * sway * np.sin(wave - 0.7), 0),
        "tail_c": (-0.2 * manner.tail_pitch, 0.5 * manner.tail_yaw + 0.5 * sway * np.sin(wave - 1.4), 0),
    }
    if gait_name != "graze":
        # on the way down the head turns up against the neck, and keeps looking ahead
        ahead = measures["head_graze"] - (1 - manner.lowered) * measures["neck_graze"]
        for bone, deg in {**down, "head": ahead}.items():
            pitch, yaw, roll = set_to[bone]
            set_to[bone] = (pitch + manner.lowered * deg, yaw, roll)
    else:
        for bone, deg in down.items():
            pitch, yaw, roll = set_to[bone]
            set_to[bone] = (deg + 0.3 * pitch, 0.5 * yaw, roll)
        set_to["head"] = (measures["head_graze"] + 0.3 * manner.head_pitch, 0.5 * manner.head_yaw, 0)
    for bone, value in set_to.items():
        angles[at[bone]] = value
    for i, leg in enumerate(LEGS):
        front = leg.endswith("front")
        chain = ("upper", "fore", "cannon", "foot") if front else ("thigh", "gaskin", "cannon", "foot")
        pitch, stances[i] = leg_angles(gait, (cycle - gait.phases[i]) % 1.0, front, measures)
        for k, bone in enumerate(chain):
            angles[at[f"{leg}_{bone}"], 0] = pitch[k] + manner.legs[i, k]
    return angles, stances


def _rotations(angles_deg: np.ndarray) -> np.ndarray:
    """(n, 3, 3) matrices of (n, 3) pitch, yaw, roll: roll first, then pitch, then yaw."""
    (cp, cy, cr), (sp, sy, sr) = np.cos(np.radians(angles_deg)).T, np.sin(np.radians(angles_deg)).T
    rows = [
        [cy * cp, cy * -sp * sr - sy * cr, cy * -sp * cr + sy * sr],
        [sy * cp, sy * -sp * sr + cy * cr, sy * -sp * cr - cy * sr],
        [sp, cp * sr, cp * cr],
    ]
    return np.moveaxis(np.array(rows), 2, 0)


@dataclass(frozen=True)
class Posed:
    """A skin in a pose, in cm, the lowest foot on z = 0.

    Attributes:
        points, normals: (V, 3) float32.
        joints: (K + 1, 3) float32, the last is the neck.
    """

    points: np.ndarray
    normals: np.ndarray
    joints: np.ndarray


def pose_mesh(mesh: Mesh, gait_name: str = "stand", cycle: float = 0.0, manner: Manner | None = None) -> Posed:
    """Poses the skin and the joints of `mesh` as they are at one moment of a gait."""
    angles, stances = bone_angles(mesh, gait_name, cycle, manner or Manner())
    local = _rotations(angles)
    turn, shift = np.zeros_like(local), np.zeros((len(local), 3))
    pitch = np.zeros(len(local))
    foot = {f"{leg}_foot": i for i, leg in enumerate(LEGS)}
    for b, parent in enumerate(mesh.parents):
        up, moved, lean = (np.eye(3), np.zeros(3), 0.0) if parent < 0 else (turn[parent], shift[parent], pitch[parent])
        if mesh.bones[b] in foot:
            # a foot that stands lies flat whatever the leg above it does
            level = stances[foot[mesh.bones[b]]]
            angles[b, 0] = (1 - level) * angles[b, 0] - level * lean
            local[b] = _rotations(angles[b : b + 1])[0]
        pitch[b] = lean + angles[b, 0]
        turn[b] = up @ local[b]
        shift[b] = moved + up @ mesh.pivots_cm[b] - turn[b] @ mesh.pivots_cm[b]
    gait = gait_of(gait_name)
    # a leap leaves the ground; otherwise the lowest foot stands on it
    leap = mesh.body.withers_cm * gait.bob * (1 + np.sin(4 * np.pi * cycle)) * (gait.duty < 0.5)
    return carried_skin(mesh, turn, shift, leap)


def carried_skin(mesh: Mesh, turn: np.ndarray, shift: np.ndarray, leap_cm: float = 0.0) -> Posed:
    """Moves the skin and the joints of `mesh` with its bones, until the lowest point is `leap_cm` above the ground.

    Args:
        turn, shift: (B, 3, 3) and (B, 3), rotation and translation of places at rest, for every bone.
    """
    carry = np.concatenate([turn.reshape(-1, 9), shift], 1).astype(np.float32)
    skin, joints = mesh.weights @ carry, mesh.joint_weights @ carry
    points, joints = _carried(skin, mesh.rest_cm), _carried(joints, mesh.joint_cm)
    normals = _turned(skin, mesh.normals)
    normals /= np.maximum(np.sqrt(np.einsum("ij,ij->i", normals, normals)), 1e-6)[:, None]
    lift = np.float32(leap_cm - points[:, 2].min())
    points[:, 2] += lift
    joints[:, 2] += lift
    return Posed(points, normals.astype(np.float32), joints)


def _turned(carry: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    x, y, z = vectors[:, :1], vectors[:, 1:2], vectors[:, 2:]
    turned: np.ndarray = carry[:, 0:9:3] * x + carry[:, 1:9:3] * y + carry[:, 2:9:3] * z
    return turned


def _carried(carry: np.ndarray, points: np.ndarray) -> np.ndarray:
    carried: np.ndarray = _turned(carry, points) + carry[:, 9:]
    return carried
