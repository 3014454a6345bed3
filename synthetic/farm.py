"""Smaller farm animals: measures in cm; frame as in `bodies`. Measures are chosen after photographs of common breeds."""

from __future__ import annotations

from dataclasses import replace

from .bodies import BACK_BONES, FRONT_BONES, TRUNK_BONES, Body, Tube, marks_at, pivots_at, tube

# a sheep in wool, 70 cm at the withers
SHEEP = Body(
    name="sheep",
    withers_cm=70,
    tubes=(
        tube(
            "trunk",
            "-44 0 53 3 4 | -42 0 53 10 12 | -37 0 52.5 14.5 16.5 | -26 0 52 17 18.5 | -12 0 51 18.5 19.5 | 2 0 50.5 18.5 20 | "
            "14 0 51 16.5 19.5 | 23 0 52 13.5 17.5 | 30 0 52 10.5 13.5 | 35 0 51.5 6.5 8.5 | 37 0 51 2.5 3.5",
            TRUNK_BONES,
            22,
            22,
        ),
        tube(
            "neck",
            "22 0 57 9.5 14 | 30 0 62 7.8 11.5 | 37 0 68 6.6 9 | 42 0 73 5.4 6.8",
            "chest neck_low neck_high",
            14,
            9,
        ),
        tube(
            "head",
            "40 0 76 4.5 5 | 44 0 75.5 5.6 5.8 | 49 0 71.5 5.3 5.5 | 54 0 66 4 4.4 | 58 0 61.5 3.3 3.5 | 59.5 0 59.5 2 2.2",
            "head",
            14,
            13,
        ),
        tube("jowl", "43 0 70 4 4 | 49 0 66.5 3.8 3.6", "head", 10, 5),
        tube("jaw", "51 0 62 2.6 2.4 | 56.5 0 58 2.4 2", "jaw", 8, 5),
        tube(
            "left_ear",
            "42 4.5 76 1 1.2 | 41 7.5 75.5 1 2.1 | 40 10.5 74 1 1.8 | 39.5 12.5 72.5 .4 .5",
            "head",
            8,
            6,
            False,
        ),
        tube("left_eye", "48.5 4 72.5 1.3 1.3", (), 8, 5, False),
        tube(
            "left_front_leg",
            "22 7.5 55 5 8.5 | 21 8.5 47 5.4 8.4 | 19 8.3 38 4.2 5.6 | 19.5 7.5 28.5 2.7 3.3 | 19.5 7 21 2.2 2.6 | "
            "19 6.7 10 1.7 2 | 20.2 6.7 4.5 2 2.3 | 21.8 6.7 .8 2.6 3",
            FRONT_BONES,
            12,
            20,
        ),
        tube(
            "left_back_leg",
            "-30 6.5 57 6 12 | -27 8.5 49 6.4 11.5 | -23.5 8.5 40 5.4 8.2 | -29.5 7.5 31.5 3.3 4.8 | -35 6.8 25 2.2 3.1 | "
            "-34 6.5 10.5 1.8 2.2 | -32.2 6.5 4.5 2 2.3 | -30.4 6.5 .8 2.6 3",
            BACK_BONES,
            12,
            20,
        ),
        tube(
            "tail",
            "-40 0 63 2.6 2.8 | -45 0 60 2.6 2.8 | -46.5 0 53 2.6 2.6 | -46.5 0 45 2 2 | -46 0 40 .6 .6",
            "tail_a tail_a tail_b tail_c",
            8,
            12,
            False,
        ),
    ),
    pivots=pivots_at(
        root=(None, (0, 0, 53)),
        chest=("root", (3, 0, 55)),
        loin=("root", (-8, 0, 56)),
        pelvis=("loin", (-18, 0, 57)),
        neck_low=("chest", (25, 0, 57)),
        neck_high=("neck_low", (34, 0, 65)),
        head=("neck_high", (42, 0, 73)),
        jaw=("head", (46, 0, 67)),
        tail_a=("pelvis", (-40, 0, 63)),
        tail_b=("tail_a", (-46, 0, 56)),
        tail_c=("tail_b", (-46.5, 0, 48)),
        left_front_upper=("chest", (21, 7.5, 59)),
        left_front_fore=("left_front_upper", (18.7, 8, 38)),
        left_front_cannon=("left_front_fore", (19.5, 7, 20.5)),
        left_front_foot=("left_front_cannon", (19, 6.7, 8.5)),
        left_back_thigh=("pelvis", (-29, 7.5, 55)),
        left_back_gaskin=("left_back_thigh", (-22.5, 8.5, 40)),
        left_back_cannon=("left_back_gaskin", (-35, 6.8, 24.5)),
        left_back_foot=("left_back_cannon", (-34, 6.5, 9)),
    ),
    marks=marks_at(
        eye=("eye", (48.5, 4, 72.5)),
        chin=("front", (57, 0, 58)),
        front_hoof=("centre", (23, 6.7, 2)),
        back_hoof=("centre", (-29, 6.5, 2)),
        tail_start=("top", (-41, 0, 61)),
        front_knee=("centre", (19.7, 7, 21)),
        back_knee=("centre", (-34.5, 6.7, 25)),
        shoulder=("side", (29, 5, 51)),
        front_elbow=("side", (18.5, 6, 39)),
        back_elbow=("side", (-23, 6, 41)),
        neck=("centre", (33, 0, 64)),
    ),
    gait={
        "reach": 0.9,
        "crouch": 0.2,
        "lift": 0.9,
        "fold": 0.9,
        "spine": 0.3,
        "tail": 0.4,
        "limb_slack": 0.07,
        "muzzle": 0.08,
        "neck_graze": -122,
        "head_graze": 42,
    },
    melt_cm=3.0,
    carriage=(-0.12, 0.8),
)


def _tubes(body: Body, *names: str) -> tuple[Tube, ...]:
    return tuple(t for t in body.tubes if t.name in names)


# a horned and bearded goat, 72 cm at the withers: a sheep's legs and head, a lean body, a longer neck
GOAT = replace(
    SHEEP,
    name="goat",
    withers_cm=72,
    tubes=(
        tube(
            "trunk",
            "-44 0 55 2.5 3 | -42 0 55 7 9 | -36 0 54.5 10 12.5 | -26 0 53 12 14 | -12 0 50.5 14 17 | 2 0 50 14.5 18 | "
            "14 0 51.5 12.5 17 | 23 0 53.5 10 15 | 30 0 54 7.5 11.5 | 35 0 53.5 4.5 7 | 37 0 53 2 3",
            TRUNK_BONES,
            22,
            22,
        ),
        tube(
            "neck",
            "22 0 58 6.5 12.5 | 30 0 64 5.2 9 | 37 0 70 4.6 6.8 | 42 0 74 4.6 5.8",
            "chest neck_low neck_high",
            14,
            9,
        ),
        *_tubes(SHEEP, "head", "jowl", "jaw", "left_ear", "left_eye"),
        tube(
            "left_horn",
            "44 2.2 80 1.6 1.8 | 41 3.2 86 1.4 1.5 | 37 4.2 90 1.1 1.2 | 32 5 92 .5 .5",
            "head",
            7,
            7,
            False,
        ),
        tube("beard", "55 0 58.5 1.4 1.8 | 54.5 0 54 1.6 2 | 54 0 49 .4 .6", "jaw", 7, 6, False),
        *_tubes(SHEEP, "left_front_leg", "left_back_leg"),
        tube(
            "tail",
            "-41 0 62 1.8 2 | -46 0 65 1.6 2.2 | -49 0 69 1.4 2.2 | -50 0 73 .8 1.2 | -49.5 0 75 .4 .5",
            "tail_a tail_b tail_b tail_c",
            8,
            10,
            False,
        ),
    ),
    pivots={**SHEEP.pivots, **pivots_at(tail_b=("tail_a", (-45, 0, 64)), tail_c=("tail_b", (-49, 0, 69)))},
    carriage=(-0.2, 0.7),
)


# a lean domestic pig, 74 cm at the withers
PIG = Body(
    name="pig",
    withers_cm=74,
    tubes=(
        tube(
            "trunk",
            "-64 0 51 3 4 | -61 0 52 11 13 | -54 0 53 16.5 20 | -38 0 54 19.5 22.5 | -18 0 54 20.5 23 | 2 0 53 20.5 23.5 | "
            "20 0 53 19 22.5 | 34 0 54 17 20.5 | 46 0 54 15 17 | 54 0 53 11 13 | 58 0 53 5 6",
            TRUNK_BONES,
            22,
            22,
        ),
        tube(
            "neck", "38 0 56 15 19 | 50 0 57 13.5 17 | 60 0 57 12 15 | 67 0 56 11 13", "chest neck_low neck_high", 14, 9
        ),
        tube(
            "head",
            "60 0 59 9.5 10.5 | 68 0 60 11.5 12.5 | 77 0 56 10.5 11 | 86 0 49.5 7.4 8 | 94 0 44.5 5.6 6 | "
            "100 0 41.5 5.3 5.6 | 102 0 40.7 4.4 4.8",
            "head",
            14,
            14,
        ),
        tube("jowl", "68 0 50 10.5 8.5 | 78 0 46.5 9 7", "head", 10, 5),
        tube("jaw", "82 0 43.5 5.2 4 | 94 0 38.5 4.2 3.2", "jaw", 8, 5),
        tube("left_ear", "66 7 70 2 3.4 | 68 9 76 1.4 5 | 72 10.5 80 1.2 4.4 | 77 11 81 .5 1", "head", 8, 6, False),
        tube("left_eye", "80 7 57 1.5 1.5", (), 8, 5, False),
        tube(
            "left_front_leg",
            "34 12 60 7 13 | 33 13.5 50 7.5 12 | 29 13 39 6.2 8.2 | 30 12 30 4.6 5.4 | 30 11.5 22.5 3.8 4.4 | "
            "29.5 11 12 3 3.4 | 31 11 5.5 3.3 3.8 | 33.5 11 .8 3.8 4.4",
            FRONT_BONES,
            12,
            20,
        ),
        tube(
            "left_back_leg",
            "-46 11 60 9 17 | -42 13.5 51 9.5 16 | -37 13.5 41 8 11.5 | -43 12.5 33 5.2 7.2 | -51 11.5 26.5 3.8 4.8 | "
            "-49.5 11 12.5 3.1 3.6 | -47.5 11 5.5 3.4 3.9 | -45 11 .8 3.8 4.4",
            BACK_BONES,
            12,
            20,
        ),
        tube(
            "tail",
            "-60 0 66 1.8 2 | -66 0 66 1.4 1.5 | -69 0 62 1.2 1.3 | -70 0 56 1.1 1.1 | -69.5 0 50 .6 .6",
            "tail_a tail_b tail_b tail_c",
            8,
            12,
        ),
    ),
    pivots=pivots_at(
        root=(None, (0, 0, 54)),
        chest=("root", (4, 0, 56)),
        loin=("root", (-12, 0, 57)),
        pelvis=("loin", (-28, 0, 58)),
        neck_low=("chest", (42, 0, 57)),
        neck_high=("neck_low", (54, 0, 58)),
        head=("neck_high", (65, 0, 58)),
        jaw=("head", (75, 0, 48)),
        tail_a=("pelvis", (-60, 0, 66)),
        tail_b=("tail_a", (-66, 0, 66)),
        tail_c=("tail_b", (-69.5, 0, 58)),
        left_front_upper=("chest", (33, 12, 63)),
        left_front_fore=("left_front_upper", (28.5, 13, 39)),
        left_front_cannon=("left_front_fore", (30, 11.5, 22)),
        left_front_foot=("left_front_cannon", (29.5, 11, 10)),
        left_back_thigh=("pelvis", (-45, 12, 58)),
        left_back_gaskin=("left_back_thigh", (-35.5, 13.5, 41)),
        left_back_cannon=("left_back_gaskin", (-51, 11.5, 26)),
        left_back_foot=("left_back_cannon", (-49.5, 11, 11)),
    ),
    marks=marks_at(
        eye=("eye", (80, 7, 57)),
        chin=("front", (96, 0, 38)),
        front_hoof=("centre", (35, 11, 2.5)),
        back_hoof=("centre", (-43.5, 11, 2.5)),
        tail_start=("top", (-61, 0, 62)),
        front_knee=("centre", (30.3, 11.5, 22.5)),
        back_knee=("centre", (-50.5, 11.5, 26.5)),
        shoulder=("side", (48, 8, 51)),
        front_elbow=("side", (28, 9, 40)),
        back_elbow=("side", (-36, 9, 43)),
        neck=("centre", (56, 0, 57)),
    ),
    gait={
        "reach": 0.85,
        "crouch": 0.2,
        "lift": 0.8,
        "fold": 0.8,
        "spine": 0.2,
        "tail": 0.8,
        "limb_slack": 0.08,
        "muzzle": 0.1,
        "neck_graze": -52,
        "head_graze": 16,
    },
    melt_cm=4.0,
    carriage=(-0.3, 0.9),
)
