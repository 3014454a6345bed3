"""The measures of each animal, read off anatomical drawings and photographs; frame and units as in `bodies`.

A tube's stations are "x y z half-width half-depth" between bars.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ...errors import OptionError
from .bodies import Body, Tube


def _tube(
    name: str, stations: str, bones: str | tuple[str, ...], around: int = 10, rings: int = 10, solid: bool = True
) -> Tube:
    stations = np.array([row.split() for row in stations.split("|")], np.float64)
    bones = tuple(bones.split()) if isinstance(bones, str) else bones
    if len(bones) == 1:
        bones *= len(stations) - 1
    return Tube(name, stations, bones, around, rings, solid)


def _pivots(**given) -> dict:
    return {bone: (parent, np.array(xyz, np.float64)) for bone, (parent, xyz) in given.items()}


def _marks(**given) -> dict:
    return {joint: (kind, np.array(xyz, np.float64)) for joint, (kind, xyz) in given.items()}


_TRUNK_BONES = "pelvis pelvis pelvis pelvis loin loin chest chest chest chest chest"
_FRONT_BONES = "left_front_upper left_front_upper left_front_fore left_front_fore left_front_cannon left_front_foot left_front_foot"
_BACK_BONES = (
    "left_back_thigh left_back_thigh left_back_gaskin left_back_gaskin left_back_cannon left_back_foot left_back_foot"
)


def _horse() -> Body:
    tubes = (
        _tube(
            "trunk",
            "-85 0 125 3 5 | -81 0 124.5 12 15 | -73 0 124 20.5 24 | -54 0 124 27 29 | -30 0 122 26 28 | "
            "-4 0 118.5 29 31 | 22 0 117 26 34 | 42 0 119 22 36 | 58 0 115 19 28 | "
            "67 0 113.5 14.5 20 | 72.5 0 113 8.5 12 | 75 0 113 3 4",
            _TRUNK_BONES,
            22,
            22,
        ),
        _tube(
            "neck",
            "38 0 126 16 33 | 55 0 141 13 27 | 71 0 159 10 20 | 83 0 176 8.5 16 | 92 0 190 8 14",
            "chest neck_low neck_high neck_high",
            14,
            10,
        ),
        _tube(
            "head",
            "86 0 192 7 10 | 97 0 187 10 13.5 | 106 0 177 10 13.5 | 116 0 165 7 10.5 | "
            "127 0 152 6 8.5 | 134 0 143 6.3 8 | 139 0 137 4.5 5",
            "head",
            14,
            14,
        ),
        _tube("jowl", "93 0 176 8.5 8 | 105 0 168 8 8", "head", 10, 5),
        _tube("jaw", "118 0 152 4 4 | 131 0 139 4 4", "jaw", 8, 5),
        _tube("left_ear", "91 5 197 3 3.2 | 92 6.5 204 2.6 3.4 | 93 6.8 210 2 2.7 | 94.5 6 216 .5 .5", "head", 8, 6),
        _tube("left_eye", "103.2 8.3 181 2.7 2.7", (), 8, 5, solid=False),
        _tube(
            "left_front_leg",
            "48 14 124 10 17 | 45 17 106 11 17 | 39 17 88 9.5 12.5 | 40 15 68 6.5 7.8 | "
            "40 14 50 5.2 6 | 38.5 13.5 23 3.8 4.6 | 42 13.5 11 4.2 5 | 45.5 13.5 1 6.5 7.5",
            _FRONT_BONES,
            12,
            22,
        ),
        _tube(
            "left_back_leg",
            "-57 13 126 13 23 | -50 16 112 14 24 | -44 17 92 11.5 18 | -57 15 74 7.5 10.5 | "
            "-69 13.5 58 5.4 7.6 | -67 13 24 4 5.2 | -62 13 11 4.3 5 | -58 13 1 6.5 7.5",
            _BACK_BONES,
            12,
            22,
        ),
        _tube(
            "tail",
            "-76 0 140 4 4.5 | -89 0 138 4.2 4.8 | -98 0 122 5.5 6.5 | -101 0 96 7 9 | -99 0 70 5.5 8 | -97 0 50 1 1.5",
            "tail_a tail_a tail_b tail_b tail_c",
            8,
            14,
            solid=False,
        ),
        _tube(
            "mane",
            "40 0 155 3 5 | 54 0 169 3 8 | 68 0 183 3 8.5 | 80 0 195 3 8 | 92 0 204 3.2 6 | 101 0 197 2.6 4",
            "chest neck_low neck_high neck_high head",
            8,
            14,
            solid=False,
        ),
    )
    pivots = _pivots(
        root=(None, (0, 0, 118)),
        chest=("root", (5, 0, 122)),
        loin=("root", (-15, 0, 125)),
        pelvis=("loin", (-36, 0, 128)),
        neck_low=("chest", (44, 0, 128)),
        neck_high=("neck_low", (70, 0, 158)),
        head=("neck_high", (91, 0, 190)),
        jaw=("head", (104, 0, 168)),
        tail_a=("pelvis", (-77, 0, 140)),
        tail_b=("tail_a", (-96, 0, 126)),
        tail_c=("tail_b", (-101, 0, 92)),
        left_front_upper=("chest", (44, 15, 134)),
        left_front_fore=("left_front_upper", (38, 16, 88)),
        left_front_cannon=("left_front_fore", (40, 14, 49)),
        left_front_foot=("left_front_cannon", (38.5, 13.5, 20)),
        left_back_thigh=("pelvis", (-54, 15, 124)),
        left_back_gaskin=("left_back_thigh", (-42, 17, 93)),
        left_back_cannon=("left_back_gaskin", (-69, 13.5, 57)),
        left_back_foot=("left_back_cannon", (-67, 13, 21)),
    )
    marks = _marks(
        eye=("eye", (103.2, 8.3, 181)),
        chin=("front", (132, 0, 139)),
        front_hoof=("centre", (49, 13.5, 4)),
        back_hoof=("centre", (-54, 13, 4)),
        tail_start=("top", (-80, 0, 139)),
        front_knee=("centre", (40.5, 14, 50)),
        back_knee=("centre", (-68, 13.5, 58)),
        shoulder=("side", (56, 10, 113)),
        front_elbow=("side", (37, 12, 90)),
        back_elbow=("side", (-42, 12, 94)),
        neck=("centre", (66, 0, 153)),
    )
    gait = {
        "reach": 1.0,
        "crouch": 0.15,
        "lift": 0.85,
        "fold": 1.0,
        "spine": 0.25,
        "tail": 0.6,
        "limb_slack": 0.065,
        "muzzle": 0.1,
        "neck_graze": -104,
        "head_graze": 44,
    }
    return Body("horse", 155, tubes, pivots, marks, gait, 5.0)


def _tiger() -> Body:
    tubes = (
        _tube(
            "trunk",
            "-82 0 77 3 4 | -78.5 0 76.5 9.5 12 | -71 0 76 16 18 | -52 0 76 19 21 | -28 0 73 18 19 | "
            "-2 0 69 19.5 21 | 22 0 69 20 24 | 42 0 71 19 25 | 57 0 74 16 20 | 66 0 77 12 15 | 70.5 0 78 7 9 | 72.5 0 78 2 3",
            _TRUNK_BONES,
            22,
            22,
        ),
        _tube(
            "neck", "44 0 79 16 20 | 58 0 84 14.5 17 | 69 0 89 13 15 | 78 0 92 12 13", "chest neck_low neck_high", 14, 7
        ),
        _tube(
            "head",
            "70 0 92 11 11 | 79 0 93 14 13.5 | 88 0 91 12.5 11.5 | 96 0 87 9 8.6 | 103 0 84.5 8 7.2 | 107 0 83 5 4.5",
            "head",
            14,
            12,
        ),
        _tube("jowl", "80 0 85 14.5 9 | 88 0 83 11 7.5", "head", 10, 5),
        _tube("jaw", "92 0 79 6 4 | 102 0 77.5 5 3.4", "jaw", 8, 5),
        _tube("left_ear", "77 9 102 4.6 2.6 | 76.5 10.2 107 4.4 2.2 | 76 10.8 111 2.4 1.4", "head", 8, 5),
        _tube("left_eye", "93 7.6 93 2.3 2.3", (), 8, 5, solid=False),
        _tube(
            "left_front_leg",
            "49 12 78 8 14 | 46 16 64 10 14 | 37 16 50 8.6 11 | 38 15 36 7 7.6 | "
            "37.5 14 20 6.3 6.4 | 38.5 14 10 6 6 | 42 14 6 7.3 6 | 50 14 3.5 6.5 4.2",
            _FRONT_BONES,
            12,
            20,
        ),
        _tube(
            "left_back_leg",
            "-57 11 78 10 19 | -50 14 66 11.5 19 | -43 15 51 9.5 14 | -56 14 39 6.6 8 | "
            "-69 13 27 4.8 5.8 | -65 13 11 5 5.2 | -60 13 5.5 6.6 5.6 | -51 13 3.5 6 4.2",
            _BACK_BONES,
            12,
            20,
        ),
        _tube(
            "tail",
            "-76 0 82 4.5 5 | -89 0 76 4.2 4.4 | -102 0 60 3.8 4 | -114 0 44 3.6 3.8 | "
            "-128 0 34 3.4 3.6 | -144 0 36 3.3 3.4 | -155 0 44 2 2",
            "tail_a tail_a tail_b tail_b tail_c tail_c",
            8,
            18,
        ),
    )
    pivots = _pivots(
        root=(None, (0, 0, 71)),
        chest=("root", (5, 0, 73)),
        loin=("root", (-15, 0, 74)),
        pelvis=("loin", (-35, 0, 77)),
        neck_low=("chest", (48, 0, 78)),
        neck_high=("neck_low", (62, 0, 85)),
        head=("neck_high", (75, 0, 91)),
        jaw=("head", (82, 0, 84)),
        tail_a=("pelvis", (-77, 0, 82)),
        tail_b=("tail_a", (-98, 0, 66)),
        tail_c=("tail_b", (-124, 0, 37)),
        left_front_upper=("chest", (46, 13, 84)),
        left_front_fore=("left_front_upper", (37, 15, 50)),
        left_front_cannon=("left_front_fore", (37.5, 14, 20)),
        left_front_foot=("left_front_cannon", (38.5, 14, 9)),
        left_back_thigh=("pelvis", (-54, 13, 75)),
        left_back_gaskin=("left_back_thigh", (-42, 15, 51)),
        left_back_cannon=("left_back_gaskin", (-69, 13, 26)),
        left_back_foot=("left_back_cannon", (-64, 13, 9)),
    )
    marks = _marks(
        eye=("eye", (93, 7.6, 93)),
        chin=("front", (101, 0, 77.5)),
        front_hoof=("centre", (51, 14, 3.5)),
        back_hoof=("centre", (-52, 13, 3.5)),
        tail_start=("top", (-78, 0, 81)),
        front_knee=("centre", (37.5, 14, 20)),
        back_knee=("centre", (-68, 13, 27)),
        shoulder=("side", (55, 8, 72)),
        front_elbow=("side", (36, 10, 51)),
        back_elbow=("side", (-42, 10, 52)),
        neck=("centre", (60, 0, 85)),
    )
    gait = {
        "reach": 1.15,
        "crouch": 0.5,
        "lift": 1.5,
        "fold": 1.0,
        "spine": 1.0,
        "tail": 1.3,
        "limb_slack": 0.1,
        "muzzle": 0.05,
        "neck_graze": -42,
        "head_graze": 12,
    }
    return Body("tiger", 96, tubes, pivots, marks, gait, 4.0)


PLANS = {"horse": _horse, "tiger": _tiger}
ANIMALS = tuple(PLANS)


@cache
def body_of(animal: str) -> Body:
    """The standard individual of an animal.

    Raises:
        OptionError: for an animal without a body plan.
    """
    if animal not in PLANS:
        raise OptionError(f"an animal out of {', '.join(ANIMALS)}", repr(animal), f"--animal {ANIMALS[0]}")
    return PLANS[animal]()
