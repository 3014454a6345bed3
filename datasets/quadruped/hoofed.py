"""Hoofed animals: measures in cm; frame as in `bodies`."""

from __future__ import annotations

from .bodies import BACK_BONES, FRONT_BONES, TRUNK_BONES, Body, marks_at, pivots_at, tube


def horse() -> Body:
    """A riding horse, 155 cm at the withers."""
    tubes = (
        tube(
            "trunk",
            "-85 0 125 3 5 | -81 0 124.5 12 15 | -73 0 124 20.5 24 | -54 0 124 27 29 | -30 0 122 26 28 | "
            "-4 0 118.5 29 31 | 22 0 117 26 34 | 42 0 119 22 36 | 58 0 115 19 28 | "
            "67 0 113.5 14.5 20 | 72.5 0 113 8.5 12 | 75 0 113 3 4",
            TRUNK_BONES,
            22,
            22,
        ),
        tube(
            "neck",
            "38 0 126 16 33 | 55 0 141 13 27 | 71 0 159 10 20 | 83 0 176 8.5 16 | 92 0 190 8 14",
            "chest neck_low neck_high neck_high",
            14,
            10,
        ),
        tube(
            "head",
            "86 0 192 7 10 | 97 0 187 10 13.5 | 106 0 177 10 13.5 | 116 0 165 7 10.5 | "
            "127 0 152 6 8.5 | 134 0 143 6.3 8 | 139 0 137 4.5 5",
            "head",
            14,
            14,
        ),
        tube("jowl", "93 0 176 8.5 8 | 105 0 168 8 8", "head", 10, 5),
        tube("jaw", "118 0 152 4 4 | 131 0 139 4 4", "jaw", 8, 5),
        tube("left_ear", "91 5 197 3 3.2 | 92 6.5 204 2.6 3.4 | 93 6.8 210 2 2.7 | 94.5 6 216 .5 .5", "head", 8, 6),
        tube("left_eye", "103.2 8.3 181 2.7 2.7", (), 8, 5, solid=False),
        tube(
            "left_front_leg",
            "48 14 124 10 17 | 45 17 106 11 17 | 39 17 88 9.5 12.5 | 40 15 68 6.5 7.8 | "
            "40 14 50 5.2 6 | 38.5 13.5 23 3.8 4.6 | 42 13.5 11 4.2 5 | 45.5 13.5 1 6.5 7.5",
            FRONT_BONES,
            12,
            22,
        ),
        tube(
            "left_back_leg",
            "-57 13 126 13 23 | -50 16 112 14 24 | -44 17 92 11.5 18 | -57 15 74 7.5 10.5 | "
            "-69 13.5 58 5.4 7.6 | -67 13 24 4 5.2 | -62 13 11 4.3 5 | -58 13 1 6.5 7.5",
            BACK_BONES,
            12,
            22,
        ),
        tube(
            "tail",
            "-76 0 140 4 4.5 | -89 0 138 4.2 4.8 | -98 0 122 5.5 6.5 | -101 0 96 7 9 | -99 0 70 5.5 8 | -97 0 50 1 1.5",
            "tail_a tail_a tail_b tail_b tail_c",
            8,
            14,
            solid=False,
        ),
        tube(
            "mane",
            "40 0 155 3 5 | 54 0 169 3 8 | 68 0 183 3 8.5 | 80 0 195 3 8 | 92 0 204 3.2 6 | 101 0 197 2.6 4",
            "chest neck_low neck_high neck_high head",
            8,
            14,
            solid=False,
        ),
    )
    pivots = pivots_at(
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
    marks = marks_at(
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


def cow() -> Body:
    """A horned cow, 138 cm at the withers."""
    tubes = (
        tube(
            "trunk",
            "-82 0 112 4 5 | -78 0 112 14 16 | -70 0 110 22 24 | -52 0 107 27 29 | -25 0 101 31 34 | 2 0 98 32 36 | "
            "26 0 99 28 36 | 44 0 102 23 33 | 58 0 101 18 26 | 67 0 100 12 17 | 71 0 99 5 7",
            TRUNK_BONES,
            22,
            22,
        ),
        tube(
            "neck",
            "46 0 112 14 26 | 62 0 119 11.5 22 | 76 0 127 10 17 | 86 0 133 9.5 13",
            "chest neck_low neck_high",
            14,
            9,
        ),
        tube(
            "head",
            "82 0 137 9 9 | 90 0 134 11.5 11.5 | 98 0 126 11 11 | 107 0 115 8.5 9.5 | 115 0 105 8.5 8.5 | 119 0 100 6 6",
            "head",
            14,
            13,
        ),
        tube("jowl", "88 0 124 8 8 | 98 0 117 7.5 7", "head", 10, 5),
        tube("jaw", "103 0 106 5 4.5 | 113 0 98 5 4", "jaw", 8, 5),
        tube("left_ear", "84 10 137 2 2 | 82 15 138 2 4 | 81 20 137.5 2 4 | 80 25 135 .6 1", "head", 8, 6, False),
        tube(
            "left_horn",
            "86 6 144 2.8 2.8 | 85 11 149 2.3 2.3 | 88 13 154 1.6 1.6 | 91 12 159 .5 .5",
            "head",
            7,
            6,
            False,
        ),
        tube("left_eye", "96 8 130 2.7 2.7", (), 8, 5, False),
        tube(
            "left_front_leg",
            "44 15 108 10 17 | 42 17 92 10.5 16 | 38 17 75 9 11.5 | 39 15 57 6.8 8 | 39 14 42 5.6 6.4 | "
            "38 13.5 20 4.2 4.8 | 40.5 13.5 9 4.8 5.4 | 43.5 13.5 1 6.5 7.5",
            FRONT_BONES,
            12,
            20,
        ),
        tube(
            "left_back_leg",
            "-58 13 113 12 23 | -52 17 97 12.5 22 | -46 17 79 10.5 16 | -58 15 63 7 10 | -68 13.5 50 5.4 7.4 | "
            "-66 13 21 4.3 5.4 | -62.5 13 9 4.8 5.4 | -59 13 1 6.5 7.5",
            BACK_BONES,
            12,
            20,
        ),
        tube(
            "tail",
            "-76 0 128 3.5 4 | -85 0 124 3 3.4 | -89 0 108 2.4 2.8 | -90 0 85 2.2 2.4 | -90 0 62 2.4 2.6",
            "tail_a tail_a tail_b tail_c",
            8,
            12,
            False,
        ),
        tube("tuft", "-90 0 66 2.5 2.5 | -90 0 56 4.5 4.5 | -90 0 45 1 1", "tail_c", 8, 6, False),
        tube("udder", "-52 0 76 9 7 | -36 0 74 10 8", "pelvis", 10, 6),
    )
    pivots = pivots_at(
        root=(None, (0, 0, 104)),
        chest=("root", (5, 0, 108)),
        loin=("root", (-15, 0, 110)),
        pelvis=("loin", (-36, 0, 113)),
        neck_low=("chest", (50, 0, 112)),
        neck_high=("neck_low", (69, 0, 123)),
        head=("neck_high", (85, 0, 134)),
        jaw=("head", (95, 0, 119)),
        tail_a=("pelvis", (-77, 0, 128)),
        tail_b=("tail_a", (-88, 0, 114)),
        tail_c=("tail_b", (-90, 0, 80)),
        left_front_upper=("chest", (42, 15, 118)),
        left_front_fore=("left_front_upper", (37.5, 16, 75)),
        left_front_cannon=("left_front_fore", (39, 14, 41)),
        left_front_foot=("left_front_cannon", (38, 13.5, 17)),
        left_back_thigh=("pelvis", (-56, 15, 110)),
        left_back_gaskin=("left_back_thigh", (-44, 17, 80)),
        left_back_cannon=("left_back_gaskin", (-68, 13.5, 49)),
        left_back_foot=("left_back_cannon", (-66, 13, 18)),
    )
    marks = marks_at(
        eye=("eye", (96, 8, 130)),
        chin=("front", (114, 0, 98)),
        front_hoof=("centre", (47, 13.5, 4)),
        back_hoof=("centre", (-55, 13, 4)),
        tail_start=("top", (-78, 0, 126)),
        front_knee=("centre", (39.5, 14, 42)),
        back_knee=("centre", (-67, 13.5, 50)),
        shoulder=("side", (55, 10, 100)),
        front_elbow=("side", (37, 12, 77)),
        back_elbow=("side", (-45, 12, 82)),
        neck=("centre", (66, 0, 121)),
    )
    gait = {
        "reach": 0.9,
        "crouch": 0.2,
        "lift": 0.85,
        "fold": 0.85,
        "spine": 0.2,
        "tail": 0.6,
        "limb_slack": 0.07,
        "muzzle": 0.09,
        "neck_graze": -88,
        "head_graze": 30,
    }
    return Body("cow", 138, tubes, pivots, marks, gait, 5.0)
