"""Left and right in joint names: which joints are partners, and which have a side but no partner.

A name can show its side in several styles, which are tried in this order. Two joints are partners if their names show left and
right in the same style and are otherwise equal; so `rear` is not a partner of `left_ear`.

=========  ==========================================================================================
word       a separate word of a language in `side_words.WORDS`: left_ear, Ohr_links, oreille.gauche, earL
fused      such a word at the start or the end of another word: leftear, ohrlinks, 左耳
limb       the two letters of a limb: LF, RH, fl, br; also with a number: paw1LH, paw4RH
letters    two letters of a language, if no third letter is used in their place: oreille_g, oreille_d
first      L or R before the rest: lhip, LHip
last       L or R after the rest: EARL, EARR
=========  ==========================================================================================
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher

from .side_words import LEFT, LETTERS, RIGHT, STYLES, Reading, Words, readings, words_of

# words of places and of the body; names that differ only by two such words are not left and right
_PLACES = frozenset(
    "front back fore hind rear upper lower top bottom up down base tip start end mid middle inner outer in out inside outside "
    "proximal distal dorsal ventral anterior posterior medial lateral near far first second third center centre root point "
    "head neck nose eye ear mouth chin jaw throat withers shoulder elbow wrist knee paw hoof foot feet hand leg arm hip thigh "
    "ankle hock stifle tail spine body back chest belly wing beak crown toe finger heel forehead eyebrow lip tongue horn face limb "
    "a b c d e f x y z".split()
)
# parts of which an animal has one on the left and one on the right
_TWICE = frozenset("ear eye nostril hand paw hoof foot wing antenna antler horn".split())


def partners_from_names(names: Sequence[str]) -> list[tuple[int, int]]:
    """Read left/right pairs from joint names.

    Returns:
        Pairs (left index, right index). A joint without a pair is its own mirror image.

    >>> partners_from_names(["nose", "left_eye", "right_eye", "tail"])
    [(1, 2)]
    """
    names = [str(name) for name in names]
    read, words = [readings(name) for name in names], [tuple(words_of(name)) for name in names]
    pairs: dict[int, int] = {}  # left -> right
    for style in STYLES:
        _pair_up(read, words, style, pairs)
        if style == "limb":
            _pair_up(read, words, style, pairs, numbered=True)
    return sorted(pairs.items())


def _pair_up(
    read: list[list[Reading]], words: list[Words], style: str, pairs: dict[int, int], numbered: bool = False
) -> None:
    """Add the pairs of one style, among joints without a partner, to `pairs`.

    Args:
        read: the readings of each joint.
        words: the words of each joint's name.
        style: one of `STYLES`.
        pairs: left index -> right index; is changed.
        numbered: numbers in the names may differ.
    """
    taken = {i for pair in pairs.items() for i in pair}
    Sided = list[tuple[int, Reading]]
    places: dict[Words, tuple[Sided, Sided]] = defaultdict(lambda: ([], []))
    for i, kinds in enumerate(read):
        for reading in kinds:
            if reading.style == style and i not in taken:
                key = tuple(word for word in reading.rest if not word.isdecimal()) if numbered else reading.rest
                places[key][reading.side].append((i, reading))
    for rest, (left, right) in places.items():
        if not left or not right or (numbered and (len(left) > 1 or len(right) > 1)):
            continue
        (a, left_word), (b, right_word) = left[0], right[0]
        if taken & {a, b} or a == b:
            continue
        if (
            (left_word.weak or right_word.weak)
            and left_word.languages.isdisjoint(right_word.languages)
            and style == "word"
        ):
            continue  # sol (Turkish) and dir (Portuguese) are words for sides of different languages
        if style.startswith("letters") and _others_there(rest, words, LETTERS[int(style.removeprefix("letters"))]):
            continue
        pairs[a] = b
        taken |= {a, b}


def _others_there(rest: tuple[str, ...], words: list[tuple[str, ...]], letters: tuple[str, str]) -> bool:
    """Whether a name has another short word in place of the two letters: tail_d, tail_e are not sides if there is a tail_a."""
    at = rest.index("~")
    return any(
        len(name) == len(rest)
        and name[:at] == rest[:at]
        and name[at + 1 :] == rest[at + 1 :]
        and name[at] not in letters
        and len(name[at]) <= 2
        for name in words
    )


def unpaired_sides(names: Sequence[str], partners: Sequence[tuple[int, int]]) -> list[int]:
    """Joints whose names mean left or right but that have no partner.

    Args:
        names: K joint names.
        partners: (left, right) pairs of indices. Pairs other than those of the names were given by the user; then no joint is
            unpaired.

    Returns:
        Indices in ascending order.
    """
    by_name = partners_from_names(names)
    if partners and {tuple(sorted(p)) for p in partners} != {tuple(sorted(p)) for p in by_name}:
        return []
    paired = {i for pair in partners for i in pair}
    read = [readings(str(name)) for name in names]
    sides = {(r.style, r.side, language) for kinds in read for r in kinds for language in r.languages or ("",)}
    found = {i for pair in by_name for i in pair} - paired
    for i, kinds in enumerate(read):
        if i not in paired and any(_looks_sided(reading, sides) for reading in kinds):
            found.add(i)
    if not found and not paired:
        found = {i for pair in likely_pairs(names) for i in pair}
    return sorted(found)


def _looks_sided(reading: Reading, sides: set[tuple[str, int, str]]) -> bool:
    """Whether a reading without a partner means a side; a weak one does only if another name shows the other side in its style.

    Args:
        sides: style, side and language of all readings of all names.
    """
    has_other_side = any(
        (reading.style, 1 - reading.side, language) in sides for language in reading.languages or ("",)
    )
    if reading.style == "limb":
        return has_other_side and any(re.fullmatch(r"~[fbhv]", word) for word in reading.rest)
    return reading.style in ("word", "fused") and (has_other_side or not reading.weak)


def likely_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of joints that may be left and right, though no known word says so.

    Either the names of at least two pairs differ by the same two words, and these are not words of places or of the body (a
    language that is not in `WORDS`). Or they are two joints of a part that animals have twice, with different numbers or
    letters.
    """
    used: set[int] = set()
    found: list[tuple[int, int]] = []
    for pairs in sorted(_swaps(names), key=len, reverse=True):
        if not used & {i for pair in pairs for i in pair}:
            found += pairs
            used |= {i for pair in pairs for i in pair}
    return sorted(found + [pair for pair in _numbered_twice(names) if not used & set(pair)])


def _swaps(names: Sequence[str]) -> list[list[tuple[int, int]]]:
    """For each two words by which at least two pairs of names differ: those pairs."""
    places: dict[Words, list[tuple[str, int]]] = defaultdict(list)
    for i, name in enumerate(names):
        words = tuple(words_of(str(name)))
        for at, word in enumerate(words):
            if word not in _PLACES and not any(c.isdecimal() for c in word):
                places[(*words[:at], "~", *words[at + 1 :])].append((word, i))
    swaps: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for members in places.values():
        if len(members) == 2:  # three names that differ by one word are not left and right
            (a, i), (b, j) = members
            swaps[min(a, b), max(a, b)].append((i, j) if a < b else (j, i))
    return [pairs for pairs in swaps.values() if len(pairs) > 1]


def _numbered_twice(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs such as ear1 and ear2, or eye_a and eye_b, if there is no third one."""
    kinds: dict[Words, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        words = words_of(str(name))
        if len(words) > 1 and words[-2] in _TWICE and (words[-1].isdecimal() or words[-1] in ("a", "b")):
            kinds[(*words[:-1],)].append(i)
    return [(members[0], members[1]) for members in kinds.values() if len(members) == 2]


def suggest_pairs(names: Sequence[str], partners: Sequence[tuple[int, int]], unpaired: Sequence[int]) -> str:
    """Suggest what to type after --partners: the known pairs, and for unpaired joints those with the most similar names.

    Returns:
        LEFT:RIGHT,LEFT:RIGHT,...; empty where there is no suggestion.
    """
    pairs, free = [*partners], [*unpaired]
    swaps = _swaps(names)
    covered = [{i for pair in pairs for i in pair} for pairs in swaps]
    # two swaps of the same joints: of ear_yes, ear_no, paw_yes, paw_no the sides may be ear/paw or yes/no
    unclear = any(a & b for n, a in enumerate(covered) for b in covered[n + 1 :])
    guessed = partners_from_names(names) or ([] if unclear else likely_pairs(names))
    for pair in guessed:
        if set(pair) <= set(free):
            pairs.append(pair)
            free = [i for i in free if i not in pair]
    sides = {i: next((reading.side for reading in readings(str(names[i]))), None) for i in free}
    for i in [i for i in free if sides[i] == LEFT]:
        right = [j for j in free if sides[j] == RIGHT]
        if right:
            best = max(right, key=lambda j: SequenceMatcher(None, str(names[i]), str(names[j])).ratio())
            pairs.append((i, best))
            free = [j for j in free if j not in (i, best)]
    return ",".join(f"{names[a]}:{names[b]}" for a, b in pairs)
