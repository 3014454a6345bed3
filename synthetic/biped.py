"""Postures of a person: rotations of the bones of `figure`.

Angles are degrees, each zero for a person standing straight with hanging arms. Limbs are described for the left side and
mirrored for the right. Flexion swings a limb forward, abduction away from the body; pitch of the spine is backward, yaw to the
left, roll to the right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .figure import ARM, ARM_REST_DEG
from .gait import Posed, carried_skin
from .mesh import Mesh

_X, _Y, _Z = np.eye(3)
# the forearm folds forward about this axis
_ELBOW_AXIS = np.cross(ARM, _X)
SIDES = ("left", "right")


@dataclass(frozen=True)
class Arm:
    """flexion, abduction, twist (the elbow's crease turns inwards), elbow and wrist flexion."""

    flexion: float = 0.0
    abduction: float = 8.0
    twist: float = 0.0
    elbow: float = 8.0
    wrist: float = 0.0


@dataclass(frozen=True)
class Leg:
    """flexion and abduction of the hip, toes turned out, flexion of the knee; `tiptoe` None stands flat."""

    flexion: float = 0.0
    abduction: float = 2.0
    toes: float = 6.0
    knee: float = 0.0
    tiptoe: float | None = None


@dataclass(frozen=True)
class Posture:
    """Angles of every joint.

    Attributes:
        arms, legs: left, right.
        pelvis, waist, chest, neck, head: pitch, yaw, roll.
        leap: height above the ground, in body heights.
        name: of the posture.
    """

    arms: tuple[Arm, Arm] = (Arm(), Arm())
    legs: tuple[Leg, Leg] = (Leg(), Leg())
    pelvis: tuple[float, float, float] = (0.0, 0.0, 0.0)
    waist: tuple[float, float, float] = (0.0, 0.0, 0.0)
    chest: tuple[float, float, float] = (0.0, 0.0, 0.0)
    neck: tuple[float, float, float] = (0.0, 0.0, 0.0)
    head: tuple[float, float, float] = (0.0, 0.0, 0.0)
    leap: float = 0.0
    name: str = "stand"


@dataclass(frozen=True)
class _Base:
    """Posture of legs and trunk; `swing` is the flexion that walking or running gives to the arms, `elbow` that of their elbows."""

    legs: tuple[Leg, Leg]
    lean: float = 0.0  # of the pelvis, forward
    stoop: float = 0.0  # of waist and chest together, forward
    leap: float = 0.0
    swing: tuple[float, float] = (0.0, 0.0)
    elbow: float = 8.0
    free: tuple[str, ...] = field(default_factory=tuple)  # postures of the arms that fit; empty: all


def _bump(phase: float, at: float, width: float) -> float:
    away = (phase - at + 0.5) % 1 - 0.5
    return float(np.exp(-((away / width) ** 2)))


def _stand(rng: np.random.Generator) -> _Base:
    left, right = (
        Leg(rng.normal(0, 4), abs(rng.normal(2, 3)), rng.uniform(0, 20), abs(rng.normal(0, 6))) for _ in SIDES
    )
    return _Base((left, right), stoop=rng.normal(0, 5))


def _walk(rng: np.random.Generator) -> _Base:
    cycle, pace = rng.random(), rng.uniform(0.7, 1.2)
    legs, swing = [], []
    for phase in (cycle, (cycle + 0.5) % 1):
        flexion = pace * (6 + 24 * np.cos(2 * np.pi * phase))
        knee = pace * (6 + 12 * _bump(phase, 0.15, 0.08) + 55 * _bump(phase, 0.73, 0.12))
        push = 25 * _bump(phase, 0.6, 0.08)
        legs.append(Leg(flexion, 1, 6, knee, push if push > 3 else None))
        swing.append(-22 * pace * np.cos(2 * np.pi * phase))
    return _Base((legs[0], legs[1]), 2, 3, 0, (swing[0], swing[1]), 15)


def _run(rng: np.random.Generator) -> _Base:
    cycle, pace = rng.random(), rng.uniform(0.8, 1.15)
    legs, swing = [], []
    for phase in (cycle, (cycle + 0.5) % 1):
        flexion = pace * (16 + 40 * np.cos(2 * np.pi * (phase + 0.05)))
        knee = pace * (18 + 18 * _bump(phase, 0.12, 0.08) + 88 * _bump(phase, 0.68, 0.15))
        legs.append(Leg(flexion, 1, 3, knee, 25 * _bump(phase, 0.45, 0.25)))
        swing.append(5 - 40 * pace * np.cos(2 * np.pi * phase))
    leap = 0.03 * (1 - np.cos(4 * np.pi * cycle)) / 2
    return _Base((legs[0], legs[1]), 6, 8, leap, (swing[0], swing[1]), 90)


def _squat(rng: np.random.Generator) -> _Base:
    deep = rng.uniform(45, 110)
    leg = Leg(deep, rng.uniform(5, 22), 20, deep * rng.uniform(0.95, 1.15))
    return _Base((leg, leg), rng.uniform(5, 20), rng.uniform(5, 25), free=("front", "bent", "hip", "up"))


def _lunge(rng: np.random.Generator) -> _Base:
    deep = rng.uniform(35, 80)
    legs = (Leg(deep, 2, 5, deep * rng.uniform(0.8, 1.1)), Leg(-rng.uniform(10, 28), 2, 0, rng.uniform(5, 60), 35.0))
    return _Base(_either(rng, legs), rng.uniform(0, 12), rng.uniform(0, 12))


def _kneel(rng: np.random.Generator) -> _Base:
    legs = (Leg(rng.uniform(80, 95), 4, 5, rng.uniform(85, 105)), Leg(rng.uniform(-8, 8), 2, 0, 95, 50.0))
    return _Base(_either(rng, legs), 0, rng.uniform(0, 20))


def _sit(rng: np.random.Generator) -> _Base:
    left, right = (Leg(rng.uniform(80, 115), rng.uniform(0, 22), 15, rng.uniform(0, 75), 10.0) for _ in SIDES)
    free = ("hang", "front", "bent", "up", "phone")
    return _Base((left, right), -rng.uniform(5, 20), rng.uniform(10, 40), free=free)


def _kick(rng: np.random.Generator) -> _Base:
    legs = (
        Leg(rng.uniform(35, 85), rng.uniform(0, 25), 5, rng.uniform(0, 60), 25.0),
        Leg(-4, 3, 8, rng.uniform(0, 15)),
    )
    return _Base(_either(rng, legs), -rng.uniform(0, 12), rng.uniform(0, 15), free=("out", "hang", "bent"))


def _star(rng: np.random.Generator) -> _Base:
    wide = rng.uniform(10, 32)
    leg = Leg(rng.uniform(-5, 10), wide, 12, rng.uniform(0, 25), 30.0)
    return _Base((leg, leg), leap=rng.choice([0.0, rng.uniform(0.05, 0.2)]), free=("up", "out", "wave"))


def _bow(rng: np.random.Generator) -> _Base:
    leg = Leg(rng.uniform(-25, -5), 4, 8, rng.uniform(0, 20))
    return _Base((leg, leg), rng.uniform(15, 40), rng.uniform(20, 50), free=("hang", "front", "out"))


def _either(rng: np.random.Generator, legs: tuple[Leg, Leg]) -> tuple[Leg, Leg]:
    return legs if rng.random() < 0.5 else (legs[1], legs[0])


# posture -> its share of the pictures, and how it is drawn
BASES: dict[str, tuple[float, Callable[[np.random.Generator], _Base]]] = {
    "stand": (0.34, _stand),
    "walk": (0.24, _walk),
    "run": (0.12, _run),
    "squat": (0.05, _squat),
    "lunge": (0.05, _lunge),
    "kneel": (0.03, _kneel),
    "sit": (0.05, _sit),
    "kick": (0.04, _kick),
    "star": (0.05, _star),
    "bow": (0.03, _bow),
}
# flexion, abduction, twist, elbow: lowest and highest
ARMS = {
    "hang": ((-15, 25), (6, 22), (0, 40), (3, 35)),
    "up": ((0, 25), (140, 172), (-40, 20), (0, 45)),
    "out": ((-10, 20), (65, 105), (-30, 30), (0, 45)),
    "front": ((55, 110), (0, 25), (-20, 50), (0, 70)),
    "hip": ((-25, -10), (38, 52), (55, 75), (85, 105)),
    "wave": ((0, 20), (70, 100), (-100, -70), (60, 110)),
    "phone": ((45, 75), (10, 40), (0, 30), (115, 140)),
    "bent": ((15, 50), (5, 20), (10, 60), (60, 110)),
}
_ARM_SHARES = {
    "hang": 0.34,
    "up": 0.15,
    "out": 0.11,
    "front": 0.1,
    "hip": 0.08,
    "wave": 0.06,
    "phone": 0.06,
    "bent": 0.1,
}


def _draw_arm(kind: str, rng: np.random.Generator) -> Arm:
    wrist = float(rng.normal(0, 12))
    flexion, abduction, twist, elbow = (float(rng.uniform(*reach)) for reach in ARMS[kind])
    return Arm(flexion, abduction, twist, elbow, wrist)


def draw_posture(rng: np.random.Generator) -> Posture:
    """A posture at random."""
    name = str(rng.choice(list(BASES), p=[share for share, _ in BASES.values()]))
    base = BASES[name][1](rng)
    # who walks or runs mostly swings the arms
    swings = base.swing != (0.0, 0.0) and rng.random() < 0.7
    kinds = base.free or tuple(ARMS)
    shares = np.array([_ARM_SHARES[kind] for kind in kinds])
    drawn = [str(kind) for kind in rng.choice(kinds, 2, p=shares / shares.sum())]
    if rng.random() < 0.45:
        drawn[1] = drawn[0]
    if swings:
        left, right = (
            Arm(s, rng.uniform(4, 14), rng.uniform(10, 35), base.elbow * rng.uniform(0.7, 1.25)) for s in base.swing
        )
    else:
        left, right = (_draw_arm(kind, rng) for kind in drawn)
    turn = rng.normal(0, 8)
    return Posture(
        arms=(left, right),
        legs=base.legs,
        pelvis=(-base.lean, 0.0, rng.normal(0, 1.5)),
        waist=(-0.5 * base.stoop, turn, rng.normal(0, 3)),
        chest=(-0.5 * base.stoop, 0.5 * turn, rng.normal(0, 3)),
        neck=(0.3 * base.stoop + rng.normal(0, 6), rng.normal(0, 10), rng.normal(0, 4)),
        head=(0.3 * base.stoop + rng.normal(0, 7), rng.normal(0, 16), rng.normal(0, 5)),
        leap=float(base.leap),
        name=name,
    )


def _turn(axis: np.ndarray, angle_deg: float) -> np.ndarray:
    """(3, 3) right-handed rotation about a unit axis."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = np.radians(angle_deg)
    turn: np.ndarray = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross
    return turn


def _pitch(angle_deg: float) -> np.ndarray:
    """What hangs swings forward."""
    return _turn(-_Y, angle_deg)


def bone_turns(posture: Posture) -> dict[str, np.ndarray]:
    """(3, 3) rotation of every bone against its parent."""
    turns = {}
    for bone in ("pelvis", "waist", "chest", "neck", "head"):
        pitch, yaw, roll = getattr(posture, bone)
        turns[bone] = _turn(_Z, yaw) @ _pitch(pitch) @ _turn(_X, roll)
    flip = np.diag([1.0, -1.0, 1.0])
    for side, arm, leg in zip(SIDES, posture.arms, posture.legs):
        # a flat sole undoes what the legs above it do
        sole = -(posture.pelvis[0] + leg.flexion - leg.knee) if leg.tiptoe is None else -leg.tiptoe
        limb = {
            "upper_arm": _pitch(arm.flexion) @ _turn(_X, arm.abduction - ARM_REST_DEG) @ _turn(ARM, arm.twist),
            "fore_arm": _turn(_ELBOW_AXIS, arm.elbow),
            "hand": _turn(_ELBOW_AXIS, arm.wrist),
            "thigh": _pitch(leg.flexion) @ _turn(_X, leg.abduction) @ _turn(_Z, leg.toes),
            "shin": _pitch(-leg.knee),
            "foot": _pitch(sole) @ _turn(_X, -leg.abduction),
        }
        for bone, turn in limb.items():
            turns[f"{side}_{bone}"] = turn if side == "left" else flip @ turn @ flip
    return turns


def pose_person(mesh: Mesh, posture: Posture) -> Posed:
    """Poses the skin and the joints of a person; the lowest point is on the ground, or `posture.leap` above it."""
    turns = bone_turns(posture)
    turn, shift = np.zeros((len(mesh.bones), 3, 3)), np.zeros((len(mesh.bones), 3))
    for b, parent in enumerate(mesh.parents):
        up, moved = (np.eye(3), np.zeros(3)) if parent < 0 else (turn[parent], shift[parent])
        turn[b] = up @ turns[mesh.bones[b]]
        shift[b] = moved + up @ mesh.pivots_cm[b] - turn[b] @ mesh.pivots_cm[b]
    return carried_skin(mesh, turn, shift, posture.leap * float(mesh.rest_cm[:, 2].max()))
