"""Pawed animals: measures in cm; frame as in `bodies`."""

from __future__ import annotations

from dataclasses import replace

from .bodies import BACK_BONES, FRONT_BONES, TRUNK_BONES, Body, marks_at, pivots_at, tube

# a grown tiger, 96 cm at the shoulder
TIGER = Body(
    name="tiger",
    withers_cm=96,
    tubes=(
        tube(
            "trunk",
            "-82 0 77 3 4 | -78.5 0 76.5 9.5 12 | -71 0 76 16 18 | -52 0 76 19 21 | -28 0 73 18 19 | "
            "-2 0 69 19.5 21 | 22 0 69 20 24 | 42 0 71 19 25 | 57 0 74 16 20 | 66 0 77 12 15 | 70.5 0 78 7 9 | 72.5 0 78 2 3",
            TRUNK_BONES,
            22,
            22,
        ),
        tube(
            "neck", "44 0 79 16 20 | 58 0 84 14.5 17 | 69 0 89 13 15 | 78 0 92 12 13", "chest neck_low neck_high", 14, 7
        ),
        tube(
            "head",
            "70 0 92 11 11 | 79 0 93 14 13.5 | 88 0 91 12.5 11.5 | 96 0 87 9 8.6 | 103 0 84.5 8 7.2 | 107 0 83 5 4.5",
            "head",
            14,
            12,
        ),
        tube("jowl", "80 0 85 14.5 9 | 88 0 83 11 7.5", "head", 10, 5),
        tube("jaw", "92 0 79 6 4 | 102 0 77.5 5 3.4", "jaw", 8, 5),
        tube("left_ear", "77 9 102 4.6 2.6 | 76.5 10.2 107 4.4 2.2 | 76 10.8 111 2.4 1.4", "head", 8, 5),
        tube("left_eye", "93 7.6 93 2.3 2.3", (), 8, 5, solid=False),
        tube(
            "left_front_leg",
            "49 12 78 8 14 | 46 16 64 10 14 | 37 16 50 8.6 11 | 38 15 36 7 7.6 | "
            "37.5 14 20 6.3 6.4 | 38.5 14 10 6 6 | 42 14 6 7.3 6 | 50 14 3.5 6.5 4.2",
            FRONT_BONES,
            12,
            20,
        ),
        tube(
            "left_back_leg",
            "-57 11 78 10 19 | -50 14 66 11.5 19 | -43 15 51 9.5 14 | -56 14 39 6.6 8 | "
            "-69 13 27 4.8 5.8 | -65 13 11 5 5.2 | -60 13 5.5 6.6 5.6 | -51 13 3.5 6 4.2",
            BACK_BONES,
            12,
            20,
        ),
        tube(
            "tail",
            "-76 0 82 4.5 5 | -89 0 76 4.2 4.4 | -102 0 60 3.8 4 | -114 0 44 3.6 3.8 | "
            "-128 0 34 3.4 3.6 | -144 0 36 3.3 3.4 | -155 0 44 2 2",
            "tail_a tail_a tail_b tail_b tail_c tail_c",
            8,
            18,
        ),
    ),
    pivots=pivots_at(
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
    ),
    marks=marks_at(
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
    ),
    gait={
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
    },
    melt_cm=4.0,
)


# a lop-eared hound, 62 cm at the shoulder
HOUND = Body(
    name="hound",
    withers_cm=62,
    tubes=(
        tube(
            "trunk",
            "-33 0 50 2 3 | -31 0 50 5 7 | -26 0 50 8 10 | -18 0 49.5 9 10.5 | -8 0 48.5 8.5 9.5 | 2 0 46 10 13 | "
            "12 0 45 10.5 15.5 | 19 0 46 9 14 | 24 0 47 7 10 | 28 0 48 4 6 | 29.5 0 48 1.5 2",
            TRUNK_BONES,
            22,
            22,
        ),
        tube("neck", "18 0 52 7 11 | 25 0 58 5.8 8.5 | 31 0 65 5 7 | 35 0 71 4.6 6", "chest neck_low neck_high", 14, 8),
        tube(
            "head",
            "33 0 73 4.5 5 | 37 0 74 6 6.2 | 42 0 73 5.5 5.5 | 47 0 70.5 3.8 4 | 53 0 69 3.2 3.3 | 56.5 0 68.5 2 2",
            "head",
            14,
            13,
        ),
        tube("jowl", "37 0 70 4.5 4 | 43 0 69.5 4 3.5", "head", 10, 5),
        tube("jaw", "45 0 67.5 3 1.8 | 54 0 66.5 2.6 1.5", "jaw", 8, 5),
        tube("left_ear", "37 5.5 77 1.2 2.4 | 37.5 7 73 1.2 3.4 | 38 7.3 68 1 3 | 38 7 64 .4 1", "head", 8, 6, False),
        tube("left_eye", "45.5 3.5 73.5 1.2 1.2", (), 8, 5, False),
        tube(
            "left_front_leg",
            "22 6 50 4 8 | 20 7 42 4.5 7.5 | 16 7 34 3.6 5 | 17 6.5 25 2.6 3 | 17 6 16 2.1 2.3 | 17.5 6 7.5 1.9 2 | "
            "19.5 6 3.5 2.4 2.3 | 22.5 6 1.8 2.3 1.8",
            FRONT_BONES,
            12,
            20,
        ),
        tube(
            "left_back_leg",
            "-24 6 51 5 10 | -20 7 44 5 10 | -17 7 35 4.2 6.5 | -24 6.5 27 2.8 3.6 | -30 6 19 1.9 2.5 | "
            "-28.5 6 8 1.8 2.2 | -26.5 6 3.5 2.4 2.3 | -23 6 1.8 2.3 1.8",
            BACK_BONES,
            12,
            20,
        ),
        tube(
            "tail",
            "-30 0 56 2.2 2.4 | -37 0 57 1.8 2 | -44 0 60 1.5 1.6 | -50 0 65 1.2 1.3 | -54 0 71 .6 .6",
            "tail_a tail_b tail_b tail_c",
            8,
            12,
        ),
    ),
    pivots=pivots_at(
        root=(None, (0, 0, 48)),
        chest=("root", (3, 0, 50)),
        loin=("root", (-6, 0, 50)),
        pelvis=("loin", (-14, 0, 51)),
        neck_low=("chest", (20, 0, 52)),
        neck_high=("neck_low", (27, 0, 60)),
        head=("neck_high", (34, 0, 71.5)),
        jaw=("head", (39, 0, 69)),
        tail_a=("pelvis", (-31, 0, 56)),
        tail_b=("tail_a", (-39, 0, 58)),
        tail_c=("tail_b", (-48, 0, 63)),
        left_front_upper=("chest", (20, 6.5, 54)),
        left_front_fore=("left_front_upper", (15.5, 6.5, 34)),
        left_front_cannon=("left_front_fore", (17, 6, 16)),
        left_front_foot=("left_front_cannon", (17.5, 6, 6.5)),
        left_back_thigh=("pelvis", (-22, 6.5, 50)),
        left_back_gaskin=("left_back_thigh", (-16.5, 7, 35)),
        left_back_cannon=("left_back_gaskin", (-30, 6, 18.5)),
        left_back_foot=("left_back_cannon", (-28.5, 6, 7)),
    ),
    marks=marks_at(
        eye=("eye", (45.5, 3.5, 73.5)),
        chin=("front", (53, 0, 66.8)),
        front_hoof=("centre", (22.5, 6, 2)),
        back_hoof=("centre", (-23, 6, 2)),
        tail_start=("top", (-31, 0, 55)),
        front_knee=("centre", (17, 6, 16)),
        back_knee=("centre", (-30, 6, 19)),
        shoulder=("side", (24, 4, 46)),
        front_elbow=("side", (15.5, 4, 34.5)),
        back_elbow=("side", (-17, 4, 36)),
        neck=("centre", (26, 0, 60)),
    ),
    gait={
        "reach": 1.15,
        "crouch": 0.3,
        "lift": 1.2,
        "fold": 1.0,
        "spine": 0.7,
        "tail": 1.2,
        "limb_slack": 0.065,
        "muzzle": 0.05,
        "neck_graze": -95,
        "head_graze": 20,
    },
    melt_cm=2.0,
)

# dogs of all breeds: a hound whose individuals differ, see `herd`
DOG = replace(HOUND, name="dog", carriage=(-0.15, 0.75))
