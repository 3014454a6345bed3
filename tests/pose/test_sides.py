"""Left and right as people of many languages and tools write them; what looks sided and has no partner."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoopose.pose.side_words import WORDS
from zoopose.pose.sides import likely_pairs, partners_from_names, suggest_pairs, unpaired_sides
from zoopose.pose.skeleton import SKELETONS, Skeleton

PAIRS = [
    ("links", "rechts"), ("li", "re"), ("linkes", "rechtes"), ("gauche", "droite"), ("gauche", "droit"), ("g", "d"),
    ("izquierda", "derecha"), ("izquierdo", "derecho"), ("izq", "der"), ("sinistra", "destra"), ("sx", "dx"),
    ("esquerda", "direita"), ("esq", "dir"), ("linker", "rechter"), ("venstre", "højre"), ("venstre", "høyre"),
    ("vänster", "höger"), ("vasen", "oikea"),
    ("lewy", "prawy"), ("левый", "правый"), ("bal", "jobb"), ("stânga", "dreapta"), ("sol", "sağ"), ("左", "右"),
    ("ひだり", "みぎ"),
    ("왼쪽", "오른쪽"), ("lft", "rgt"), ("lt", "rt"), ("left", "right"), ("l", "r"), ("sinister", "dexter"),
]  # fmt: skip
STYLES = ["{}_{}", "{}-{}", "{} {}", "{}.{}", "{}{:title}"]


def joined(style, *words):
    first, last = words
    return first + last.title() if style == "{}{:title}" else style.format(first, last)


@pytest.mark.parametrize(("left", "right"), PAIRS)
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("part", ["Ohr", "paw", "鼻", "oído"])
def test_side_words_before_and_behind(left, right, style, part):
    for order in (lambda side: (side, part), lambda side: (part, side)):
        names = [joined(style, *order(right)), "Nase", joined(style, *order(left))]
        assert partners_from_names(names) == [(2, 0)], names
        assert unpaired_sides(names, [(2, 0)]) == []


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("EARL", "EARR"), ("earL", "earR"), ("EarLt", "EarRt"), ("LtEar", "RtEar"), ("Lt_Ear", "Rt_Ear"),
        ("ohrlinks", "ohrrechts"),
        ("linkesOhr", "rechtesOhr"), ("左耳", "右耳"), ("耳左", "耳右"), ("L1", "R1"), ("kneeL2", "kneeR2"),
        ("LF", "RF"), ("LH", "RH"),
        ("VL", "VR"), ("pawFL", "pawFR"), ("FLP", "FRP"), ("LFPaw", "RFPaw"), ("paw1LH_top", "paw4RH_top"), ("paw2LF", "paw3RF"),
        ("LFoot", "RFoot"), ("lft_ear", "rgt_ear"), ("Ear_LEFT", "Ear_RIGHT"),
    ],
)  # fmt: skip
def test_other_styles(left, right):
    assert partners_from_names([right, "tail", left]) == [(2, 0)]


def test_paws_with_numbers():
    names = [
        "paw1LH_top",
        "paw2LF_top",
        "paw3RF_top",
        "paw4RH_top",
        "paw1LH_tip",
        "paw2LF_tip",
        "paw3RF_tip",
        "paw4RH_tip",
    ]
    assert partners_from_names(names) == [(0, 3), (1, 2), (4, 7), (5, 6)]


@pytest.mark.parametrize(
    "names",
    [
        "หูซ้าย หูขวา เท้าซ้าย เท้าขวา",
        "बायां_कान दायां_कान बायां_पंजा दायां_पंजा",
        "الأذن_اليسرى الأذن_اليمنى الكف_اليسرى الكف_اليمنى",
        "אוזן_שמאל אוזן_ימין כף_שמאל כף_ימין",
        "ліве_вухо праве_вухо ліва_лапа права_лапа",
        "αριστερό_αυτί δεξί_αυτί αριστερό_πόδι δεξί_πόδι",
        "tai_trái tai_phải chân_trái chân_phải",
        "zuo_er you_er zuo_zhua you_zhua",
        "auris_sinistra auris_dextra pes_sinister pes_dexter",
        "TL TR BL BR",
        "LM RM LF RF",
        "ухо_л ухо_п лапа_л лапа_п",
    ],
)
def test_more_scripts_and_letters(names):
    assert partners_from_names(names.split()) == [(0, 1), (2, 3)]


def test_two_of_a_part_are_doubtful_and_a_guess_that_may_be_wrong_is_not_made():
    names = ["ear1", "ear2", "tail1", "tail2"]
    assert partners_from_names(names) == [] and unpaired_sides(names, []) == [0, 1]
    assert suggest_pairs(names, [], [0, 1]) == "ear1:ear2"
    names = ["oor_foo", "oor_bar", "poot_foo", "poot_bar"]  # foo and bar may be the sides, or oor and poot
    assert unpaired_sides(names, []) == [0, 1, 2, 3] and suggest_pairs(names, [], [0, 1, 2, 3]) == ""


@pytest.mark.parametrize(
    "names",
    [
        ["tail_a", "tail_b", "tail_c", "tail_d", "tail_e", "tail_g"],
        ["nose", "rear", "leg", "cleft"],
        ["der_Kopf", "dir", "sol"],
        ["L1", "L2", "L3", "L4"],
        ["front_paw", "front_knee", "back_paw", "back_knee"],
        ["ear_tip", "ear_base", "tail_tip", "tail_base"],
        ["p1_x", "p2_x", "p1_y", "p2_y"],
    ],
)
def test_what_is_no_side(names):
    assert partners_from_names(names) == [] and unpaired_sides(names, []) == []


@pytest.mark.parametrize(
    ("names", "unpaired", "typed"),
    [
        (["left_ear", "nose"], ["left_ear"], ""),
        (["l_ear", "nose"], ["l_ear"], ""),
        (["Ohr_links", "Auge_rechts", "Nase"], ["Ohr_links", "Auge_rechts"], "Ohr_links:Auge_rechts"),
        (["ear_1_left", "ear_2_right"], ["ear_1_left", "ear_2_right"], "ear_1_left:ear_2_right"),
        (["left_eye", "right_eye", "left_ear"], ["left_ear"], "left_eye:right_eye"),
        (["L1", "L2", "R1"], ["L2"], "L1:R1"),
        (["sikio_kusho", "sikio_kulia", "jicho_kusho", "jicho_kulia", "guu_kusho", "guu_kulia"],
         None,
         "sikio_kulia:sikio_kusho,jicho_kulia:jicho_kusho,guu_kulia:guu_kusho"),
    ],
)  # fmt: skip
def test_joints_that_look_sided_and_have_no_partner(names, unpaired, typed):
    partners = partners_from_names(names)
    found = unpaired_sides(names, partners)
    assert [names[i] for i in found] == (names if unpaired is None else unpaired)
    assert sorted(suggest_pairs(names, partners, found).split(",")) == sorted(typed.split(","))


def test_pairs_by_hand_leave_no_doubt_and_old_checkpoints_without_pairs_do():
    names = ("Ohr_links", "Ohr_rechts", "sikio_kulia")
    assert Skeleton("s", names).unpaired == ()
    assert Skeleton("s", names, partners=()).unpaired == names[:2]
    assert Skeleton("s", names).with_partners([("Ohr_links", "sikio_kulia")]).unpaired == ()
    for skeleton in SKELETONS.values():
        assert skeleton.unpaired == ()


SIDE_WORDS = sorted({word for word in WORDS if word.isascii() and word not in ("l", "r")})


@given(
    st.lists(st.from_regex(r"[a-z]{2,6}(_[a-z]{2,6})?", fullmatch=True), min_size=1, max_size=8, unique=True),
    st.sampled_from([pair for pair in PAIRS if pair[0].isascii() and len(pair[0]) > 2]),
    st.booleans(),
)
def test_swapped_side_words_give_an_involution(parts, pair, before):
    """Whatever the parts are called: the flip order swaps the side words of the names, and is its own inverse."""
    parts = [part for part in parts if not set(re.split("_", part)) & set(WORDS)]
    if not parts:
        return
    names = [f"{side}_{part}" if before else f"{part}_{side}" for part in parts for side in pair]
    skeleton = Skeleton("s", tuple(names))
    order = skeleton.flip_order
    assert (order[order] == range(len(names))).all()
    swapped = [names.index(swap(name, pair, before)) for name in names]
    assert order.tolist() == swapped and skeleton.unpaired == ()


def swap(name, pair, before):
    first, _, last = name.partition("_") if before else name.rpartition("_")
    side, rest = (first, last) if before else (last, first)
    other = pair[1 - pair.index(side)]
    return f"{other}_{rest}" if before else f"{rest}_{other}"


def test_many_joints_are_read_fast():
    names = [f"point_{i}_{'left' if i % 2 else 'right'}" for i in range(1000)]
    assert len(unpaired_sides(names, partners_from_names(names))) == 1000 and likely_pairs(names) == []
