"""A person as a body of tubes, and how one person differs from the next: measures in cm, frame as in `bodies`.

The arms rest half raised, away from the trunk: a skin bound like that can both hang them and lift them over the head.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from ..pose.skeleton import COCO17
from . import bodies
from .bodies import Body, marks_at, pivots_at, tube
from .mesh import Mesh, build_mesh

# direction of the left arm at rest, degrees from hanging down: about half of its reach. Chosen; then its joints, cm
ARM_REST_DEG = 50.0
ARM = np.array([0.0, np.sin(np.radians(ARM_REST_DEG)), -np.cos(np.radians(ARM_REST_DEG))])
_SHOULDER, _HIP = np.array([-0.5, 17.5, 142.0]), np.array([0.0, 9.5, 92.0])
_UPPER_CM, _FORE_CM, _HAND_CM = 30.0, 26.0, 18.0
_ELBOW, _WRIST = _SHOULDER + ARM * _UPPER_CM, _SHOULDER + ARM * (_UPPER_CM + _FORE_CM)
_NECK = np.array([-1.0, 0.0, 149.0])


def _along_arm(rows: str) -> str:
    """Stations "x y z half-width half-depth" from "cm from the shoulder, half-width, half-depth"."""
    made = []
    for row in rows.split("|"):
        cm, wide, deep = map(float, row.split())
        x, y, z = _SHOULDER + ARM * cm
        made.append(f"{x} {y} {z} {wide} {deep}")
    return " | ".join(made)


_HAIR = {
    "short": "-2.5 0 157 6.2 6.2 | -2 0 163 8.1 8.8 | -1 0 169 8.1 9.4 | 0 0 173 7 8.8 | 0 0 177 2.4 3",
    "long": "-7 0 138 7 3 | -6.5 0 146 8 4 | -4.5 0 156 8.4 6.6 | -2 0 164 8.5 8.9 | -1 0 169.5 8.3 9.6 | "
    "0 0 174 7 8.6 | 0 0 178 2.4 3",
}


def _body(hair: str) -> Body:
    return Body(
        name="person",
        withers_cm=142,
        tubes=(
            tube(
                "trunk",
                "0 0 80 5 6 | 0 0 84 12.5 9.5 | -.8 0 92 16.8 11.3 | 0 0 101 15 10.2 | .5 0 110 13.4 9.6 | "
                "1 0 121 14.6 10.8 | .8 0 131 16.2 11.2 | -.3 0 139 15.5 9.6 | -1 0 145 10 7.4 | -1 0 149 5 5",
                "pelvis pelvis pelvis waist waist chest chest chest chest",
                20,
                18,
            ),
            tube(
                "neck", "-2 0 142 7.5 6.5 | -1 0 148 5.9 5.9 | 0 0 154 5.4 5.8 | .8 0 160 5 6", "chest neck neck", 12, 6
            ),
            tube(
                "head",
                "4.5 0 151.5 3 3.4 | 3 0 154.5 5 6.6 | 1.6 0 159 6.6 8.6 | 1 0 164 7.4 9.6 | .6 0 169 7.2 9.2 | "
                "0 0 173 5.4 6.6 | 0 0 175 2 2.5",
                "head",
                14,
                12,
            ),
            tube("nose", "9.6 0 167 1 1 | 10.4 0 163.5 1.2 1.2 | 11.4 0 159 1.5 1.8 | 10.4 0 157.6 1.2 1.1", "head", 7, 7),
            tube("left_ear", "0 7 165 .9 2 | -.3 7.9 162 1 2.6 | 0 7.1 159 .7 1", "head", 7, 5),
            tube("left_eye", "9 3.2 163.6 1 1", (), 8, 5, solid=False),
            tube("hair", _HAIR[hair], "head", 14, 10, solid=False),
            tube(
                "left_arm",
                "-.5 9 142.5 6 6.8 | " + _along_arm(
"0 6.4 6.8 | 10 5.1 5.5 | 20 4.6 4.9 | 30 4 4.2 | 36 4.2 4.4 | 45 3.5 3.5 | 56 2.6 2.7"
),
                "chest left_upper_arm left_upper_arm left_upper_arm left_fore_arm left_fore_arm left_fore_arm",
                10,
                20,
            ),
            tube("left_hand", _along_arm("55 2.4 2.6 | 61 2.3 4.2 | 68 2 3.8 | 74 1.2 2"), "left_hand", 8, 7),
            tube(
                "left_leg",
                "0 8 97 8 9.5 | 0 9.2 88 9 9.8 | .3 9.6 78 8.5 9 | .7 9.6 64 7 7.4 | .8 9.4 50 5.6 6.2 | 0 9.4 42 5.2 5.8 | "
                "-1.5 9.4 33 5.3 6.1 | -1.5 9.3 20 3.8 4.3 | -1.5 9.3 9 3.5 4.2 | -1.5 9.3 3 3.6 4.6",
                "left_thigh left_thigh left_thigh left_thigh left_shin left_shin left_shin left_shin left_foot",
                12,
                22,
            ),
            tube(
                "left_foot",
                "-6.5 9.3 4 2.8 3.4 | -1 9.5 4.6 3.8 4.4 | 6 10.1 3.6 4.5 3.4 | 13 10.7 2.5 4.6 2.3 | 18.5 11 1.8 3 1.6",
                "left_foot",
                10,
                8,
            ),
        ),
        pivots=pivots_at(
            pelvis=(None, (0, 0, 95)),
            waist=("pelvis", (-1, 0, 104)),
            chest=("waist", (-1, 0, 118)),
            neck=("chest", tuple(_NECK)),
            head=("neck", (0, 0, 157)),
            left_upper_arm=("chest", tuple(_SHOULDER)),
            left_fore_arm=("left_upper_arm", tuple(_ELBOW)),
            left_hand=("left_fore_arm", tuple(_WRIST)),
            left_thigh=("pelvis", tuple(_HIP)),
            left_shin=("left_thigh", (0.7, 9.4, 48.5)),
            left_foot=("left_shin", (-1.5, 9.3, 8.5)),
        ),
        marks=marks_at(
            nose=("ahead", (4, 0, 158.8)),
            eye=("eye", (9, 3.2, 163.6)),
            ear=("side", (-0.3, 3, 162)),
            shoulder=("centre", tuple(_SHOULDER)),
            elbow=("centre", tuple(_ELBOW)),
            wrist=("centre", tuple(_WRIST)),
            hip=("centre", tuple(_HIP)),
            knee=("centre", (0.7, 9.4, 48.5)),
            ankle=("centre", (-1.5, 9.3, 8.5)),
            neck=("centre", tuple(_NECK)),
        ),
        gait={"limb_slack": 0.065},
        melt_cm=3.5,
        skeleton=COCO17,
        rigid={
            "nose": ("head", 2.0), "ear": ("head", 2.5), "shoulder": ("left_upper_arm", 12.0), "elbow": ("left_fore_arm", 7.0),
            "wrist": ("left_hand", 5.5), "hip": ("left_thigh", 14.0), "knee": ("left_shin", 9.0), "ankle": ("left_foot", 7.0),
        },
        look=(1.0, 0.0, 0.0),
        parts={
            "hair": bodies.HEAD, "nose": bodies.HEAD, "left_arm": bodies.LEFT_FRONT, "right_arm": bodies.RIGHT_FRONT,
            "left_hand": bodies.LEFT_FRONT, "right_hand": bodies.RIGHT_FRONT, "left_leg": bodies.LEFT_BACK,
            "right_leg": bodies.RIGHT_BACK, "left_foot": bodies.LEFT_BACK, "right_foot": bodies.RIGHT_BACK,
        },
    )  # fmt: skip


HAIRS = tuple(_HAIR)


@lru_cache(maxsize=4)
def standard_skin(hair: str = "short", detail: float = 1.0) -> Mesh:
    """The skin of the standard person, 177 cm tall to the top of the hair."""
    return build_mesh(_body(hair), detail)


@dataclass(frozen=True)
class Stature:
    """Factors by which a person differs from the standard one; 1 everywhere is the standard.

    Attributes:
        tall: of everything.
        legs, trunk, arms, head: lengths of parts.
        shoulders, hips: widths.
        girth: thickness of trunk and limbs.
        belly_cm: how far it stands out.
    """

    tall: float = 1.0
    legs: float = 1.0
    trunk: float = 1.0
    arms: float = 1.0
    head: float = 1.0
    shoulders: float = 1.0
    hips: float = 1.0
    girth: float = 1.0
    belly_cm: float = 0.0


def draw_stature(rng: np.random.Generator) -> Stature:
    """A person at random: grown up, or a child in one case of seven."""
    child = rng.random() < 1 / 7
    tall = rng.uniform(0.6, 0.85) if child else rng.normal(0.985, 0.05)
    part = {name: float(rng.normal(1, 0.035)) for name in ("legs", "trunk", "arms")}
    return Stature(
        float(np.clip(tall, 0.55, 1.15)), **part, head=float(1 + (1 - tall) * 0.75 + rng.normal(0, 0.02)),
        shoulders=float(rng.normal(1, 0.05)), hips=float(rng.normal(1, 0.06)),
        girth=float(np.clip(rng.normal(1.02, 0.12), 0.8, 1.4)),
        belly_cm=float(max(0, rng.normal(0, 4))) * (not child),
    )  # fmt: skip


def person(stature: Stature, hair: str = "short", detail: float = 1.0) -> Mesh:
    """The skin of one person: the standard one, its places at rest moved. Quick, unlike building a skin."""
    mesh = standard_skin(hair, detail)
    arm, head, thick = (
        np.array([f(bone) for bone in mesh.bones]) for f in (_is_arm, lambda b: b == "head", _thickness_cm)
    )

    def moved(points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        on_arm, on_head = (weights @ arm)[:, None], (weights @ head)[:, None]
        side = np.sign(points[:, 1:2]) + (points[:, 1:2] == 0)
        shoulder = _SHOULDER * np.concatenate([np.ones_like(side), side, np.ones_like(side)], 1)
        there = _frame_moved(shoulder, stature) + (points - shoulder) * stature.arms
        out = _frame_moved(points, stature) * (1 - on_arm) + there * on_arm
        above = _frame_moved(_NECK[None], stature) + (points - _NECK) * stature.head
        placed: np.ndarray = out * (1 - on_head) + above * on_head
        return placed

    rest = moved(mesh.rest_cm.astype(np.float64), mesh.weights)
    rest += mesh.normals * (mesh.weights @ thick * (stature.girth - 1))[:, None]
    rest[:, 0] += (
        stature.belly_cm * np.exp(-(((mesh.rest_cm[:, 2] - 108) / 11) ** 2)) * np.clip(mesh.normals[:, 0], 0, 1)
    )
    rest[:, 2] = np.maximum(rest[:, 2], 0)
    of_bone = np.eye(len(mesh.bones))
    f32 = np.float32
    return replace(
        mesh,
        rest_cm=(stature.tall * rest).astype(f32),
        joint_cm=(stature.tall * moved(mesh.joint_cm.astype(np.float64), mesh.joint_weights)).astype(f32),
        pivots_cm=stature.tall * moved(mesh.pivots_cm, of_bone),
        joint_slack_cm=mesh.joint_slack_cm * stature.tall * max(1.0, stature.girth),
    )


def _is_arm(bone: str) -> bool:
    return bone.endswith(("_arm", "_hand"))


def _thickness_cm(bone: str) -> float:
    return {"head": 1.5, "neck": 4.0, "left_hand": 1.0, "right_hand": 1.0, "left_foot": 1.0, "right_foot": 1.0}.get(
        bone, 5.0 if "_" in bone else 12.0
    )


def _frame_moved(points: np.ndarray, stature: Stature) -> np.ndarray:
    """Places of trunk and legs: lengths above and below the hips, widths between hips and shoulders."""
    out = points.copy()
    below = np.minimum(points[:, 2], _HIP[2])
    out[:, 2] = below * stature.legs + (points[:, 2] - below) * stature.trunk
    upper = np.clip((points[:, 2] - 98) / 25, 0, 1)
    out[:, 1] *= stature.hips + (stature.shoulders - stature.hips) * upper
    return out
