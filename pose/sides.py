"""Left and right in joint names: which joints are partners, and which look sided but have none.

A name says its side in one of several styles, tried in this order. A side is believed only where the same style has the same rest
on the other side; so `rear` is no partner of `left_ear`.

=========  ==========================================================================================
word       a word of its own, in one of `WORDS`' languages: left_ear, Ohr_links, oreille.gauche, earL
fused      such a word at the start or the end of another: leftear, ohrlinks, 左耳
limb       a limb's two letters: LF, RH, fl, br; numbered paws too, each with its number: paw1LH, paw4RH
letters    two letters of one language, where no third stands in their place: oreille_g, oreille_d
first      L or R before the rest: lhip, LHip
last       L or R behind it: EARL, EARR
=========  ==========================================================================================
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

LEFT, RIGHT = 0, 1

# language: words for left, words for right; endings by gender and case are spelt out, accents are taken off
_LANGUAGES = {
    "English": ("l left lft lt lhs", "r right rgt rht rt rhs"),
    "German": ("links linke linker linkes linken", "rechts rechte rechter rechtes rechten"),
    "French": ("gauche gauches gau", "droite droit droites droits dro"),
    "Spanish": ("izquierda izquierdo izq izqda izqdo", "derecha derecho der dcha dcho"),
    "Italian": ("sinistra sinistro sinistre sx", "destra destro destre dx"),
    "Portuguese": ("esquerda esquerdo esq", "direita direito dir"),
    "Latin": ("sinister sinistra sinistrum sin", "dexter dextra dextrum dex dext"),
    "Catalan": ("esquerra esquerre", "dreta dret"),
    "Basque": ("ezker ezkerra ezkerreko", "eskuin eskuina eskuineko"),
    "Danish, Norwegian": ("venstre", "hojre hoyre"),
    "Swedish": ("vanster vanstra", "hoger hogra"),
    "Finnish": ("vasen vas", "oikea oik"),
    "Polish": ("lewa lewy lewe", "prawa prawy prawe"),
    "Czech, Slovak": ("leva levy leve lava lavy", "prava pravy prave"),
    "Croatian, Slovene": ("lijevo lijeva lijevi levo levi", "desno desna desni"),
    "Russian": ("левый левая левое лев", "правый правая правое прав"),
    "Ukrainian": ("лівий ліва ліве лів", "правий права праве прав"),
    "Bulgarian": ("ляв лява ляво", "десен дясна дясно"),
    "Cyrillic letters": ("л", "п"),
    "Greek": ("αριστερος αριστερη αριστερο αριστερα", "δεξιος δεξια δεξι δεξιο"),
    "Hungarian": ("bal", "jobb"),
    "Romanian": ("stanga", "dreapta"),
    "Turkish": ("sol", "sag"),
    "Dutch": ("linker", "rechter"),
    "Chinese, Japanese": ("左 ひだり hidari zuo", "右 みぎ migi you"),
    "Korean": ("왼쪽 왼", "오른쪽 오른"),
    "Thai": ("ซ้าย", "ขวา"),
    "Vietnamese": ("trai", "phai"),
    "Indonesian, Malay": ("kiri", "kanan"),
    "Arabic": ("يسرى اليسرى أيسر الأيسر يسار اليسار", "يمنى اليمنى أيمن الأيمن يمين اليمين"),
    "Persian, Urdu": ("چپ بایاں", "راست دایاں"),
    "Hebrew": ("שמאל שמאלי שמאלית", "ימין ימני ימנית"),
    "Hindi": ("बायां बायाँ बाएं बायीं बाईं", "दायां दायाँ दाएं दायीं दाईं"),
}
STYLES = ("word", "fused", "limb", *(f"letters{i}" for i in range(6)), "first", "last")
WORDS = {
    unicodedata.normalize("NFD", word): side
    for pair in _LANGUAGES.values()
    for side, words in enumerate(pair)
    for word in words.split()
}
_SPOKEN = {
    word: frozenset(
        language
        for language, pair in _LANGUAGES.items()
        if word in unicodedata.normalize("NFD", " ".join(pair)).split()
    )
    for word in WORDS
}
# too short to be believed alone; not v and h, which are front and hind in German
_LETTERS = (("li", "re"), ("g", "d"), ("e", "d"), ("i", "d"), ("s", "d"), ("iz", "de"))
# words that mean something else alone: only believed with their other side
_COMMON = frozenset("sin der dir sol bal vas prav lev dex dro gau lt rt".split())
_FUSED = sorted((w for w in WORDS if (len(w) > 4 or w == "left" or not w.isascii())), key=len, reverse=True)
_SURE = frozenset(_FUSED) - {"left", "right"}  # cleft and upright are no sides
# fl: front left; v is German vorn; tl: top left, lm: left middle
_LIMB = re.compile(
    r"(?P<rest1>[a-km-qs-z])(?P<side1>[lr])|(?P<side2>[lr])(?P<rest2>[a-km-qs-z])"
    r"|(?P<rest3>[fbhv])(?P<side3>[lr])(?P<more3>.+)|(?P<more4>.+?)(?P<rest4>[fbhv])(?P<side4>[lr])"
    r"|(?P<more5>.+?)(?P<side5>[lr])(?P<rest5>[fbhv])"
)
_EAST = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # kana, Chinese characters, Hangul
_CASES = re.compile(
    rf"(?<=[^\W\d_])(?=\d)|(?<=\d)(?=[^\W\d_])|(?<=[左右])|(?=[左右])|(?<=[{_EAST}])(?=[^{_EAST}])|(?<=[^{_EAST}])(?=[{_EAST}])"
)

# words of place and of the body that may stand in one another's place without meaning sides
_PLACES = frozenset(
    "front back fore hind rear upper lower top bottom up down base tip start end mid middle inner outer in out inside outside "
    "proximal distal dorsal ventral anterior posterior medial lateral near far first second third center centre root point "
    "head neck nose eye ear mouth chin jaw throat withers shoulder elbow wrist knee paw hoof foot feet hand leg arm hip thigh "
    "ankle hock stifle tail spine body back chest belly wing beak crown toe finger heel forehead eyebrow lip tongue horn face limb "
    "a b c d e f x y z".split()
)
_TWICE = frozenset(
    "ear eye nostril hand paw hoof foot wing antenna antler horn".split()
)  # parts that animals have left and right


def words_of(name: str) -> list[str]:
    """Words of a name in small letters, without accents: cut at _ and other signs, capitals (earL, LFPaw), digits, 左 and 右."""
    # vowel signs and accents (Thai, Hindi, Hebrew) belong to their words, though they are no letters
    text = unicodedata.normalize("NFC", name)
    parts = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text).split()
    return [_plain(word) for part in parts for piece in _CASES.split(part) for word in _at_capitals(piece) if word]


def _at_capitals(text: str) -> list[str]:
    """LEar -> L, Ear; leftEye -> left, Eye; EARL -> EARL."""
    starts = [0]
    for i in range(1, len(text)):
        begins = text[i].isupper() and (not text[i - 1].isupper() or (i + 1 < len(text) and text[i + 1].islower()))
        starts += [i] if begins else []
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)])]


def _plain(word: str) -> str:
    decomposed = unicodedata.normalize("NFD", word.lower().replace("ø", "o").replace("ł", "l").replace("ı", "i"))
    if decomposed.isascii() or not any(map(unicodedata.combining, decomposed)):
        return decomposed
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return bare if bare.isascii() or "\u0370" <= bare[:1] <= "\u03ff" else decomposed  # Latin and Greek letters


class Reading(NamedTuple):
    """One way to read a side in a name.

    Attributes:
        style: one of `STYLES`.
        side: LEFT or RIGHT.
        rest: the words of the name, with a mark where the side stood.
        weak: alone the word may well mean something else.
        languages: that have the word, of style `word`.
    """

    style: str
    side: int
    rest: tuple[str, ...]
    weak: bool
    languages: frozenset[str] = frozenset()


def readings(name: str) -> list[Reading]:
    """Every way to read a side in a name."""
    words = words_of(name)
    found = []

    def note(style: str, side: int, at: int, mark: str, weak: bool = True) -> None:
        found.append(Reading(style, side, (*words[:at], mark, *words[at + 1 :]), weak))

    for i, word in enumerate(words):
        if word in WORDS:
            numbered = word in ("l", "r") and i + 1 < len(words) and words[i + 1].isdecimal()  # L1: a vertebra, maybe
            note("word", WORDS[word], i, "~", word in _COMMON or numbered)
            found[-1] = found[-1]._replace(languages=_SPOKEN[word])
    if found:
        return found
    for i, word in enumerate(words):
        side_word = next((w for w in _FUSED if word != w and (word.startswith(w) or word.endswith(w))), None)
        if side_word:
            rest = word.removeprefix(side_word) if word.startswith(side_word) else word.removesuffix(side_word)
            note("fused", WORDS[side_word], i, f"~{rest}", side_word not in _SURE)
        if limb := _LIMB.fullmatch(word):
            number = next(n for n in "12345" if limb[f"side{n}"])
            more = limb[f"more{number}"] if number > "2" else ""
            note("limb", "lr".index(limb[f"side{number}"]), i, f"~{limb[f'rest{number}']}{more}")
        for number, pair in enumerate(_LETTERS):
            if word in pair:
                note(f"letters{number}", pair.index(word), i, "~")
    if len(name) > 2 and name[0] in "lLrR":
        found.append(Reading("first", "lr".index(name[0].lower()), ("~~", *words_of(name[1:])), True))
    if len(name) > 2 and name[-1] in "lLrR":
        found.append(Reading("last", "lr".index(name[-1].lower()), (*words_of(name[:-1]), "~~"), True))
    return found


def partners_from_names(names: Sequence[str]) -> list[tuple[int, int]]:
    """Left/right pairs (left index, right index) read off joint names. A sided name without a partner stays its own mirror."""
    names = [str(name) for name in names]
    read, words = [readings(name) for name in names], [tuple(words_of(name)) for name in names]
    pairs: dict[int, int] = {}  # left -> right
    for style in STYLES:
        _pair_up(read, words, style, pairs)
        if style == "limb":
            _pair_up(read, words, style, pairs, numbered=True)
    return sorted(pairs.items())


def _pair_up(read: list, words: list, style: str, pairs: dict[int, int], numbered: bool = False) -> None:
    """Adds the pairs of one style among joints without a partner; with `numbered` the numbers in their names may differ."""
    taken = {i for pair in pairs.items() for i in pair}
    places: dict[tuple, tuple[list, list]] = defaultdict(lambda: ([], []))
    for i, kinds in enumerate(read):
        for own in kinds:
            if own.style == style and i not in taken:
                key = tuple(word for word in own.rest if not word.isdecimal()) if numbered else own.rest
                places[key][own.side].append((i, own))
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
            continue  # sol and dir are sides, of two languages
        if style.startswith("letters") and _others_there(rest, words, _LETTERS[int(style.removeprefix("letters"))]):
            continue
        pairs[a] = b
        taken |= {a, b}


def _others_there(rest: tuple[str, ...], words: list[tuple[str, ...]], letters: tuple[str, str]) -> bool:
    """Whether other short words stand in the place of two letters: tail_d and tail_e are no sides beside tail_a."""
    at = rest.index("~")
    return any(
        len(own) == len(rest)
        and own[:at] == rest[:at]
        and own[at + 1 :] == rest[at + 1 :]
        and own[at] not in letters
        and len(own[at]) <= 2
        for own in words
    )


def unpaired_sides(names: Sequence[str], partners: Sequence[tuple[int, int]]) -> list[int]:
    """Joints that look left or right and have no partner, in order.

    Pairs that are not those of the names have been given by hand, and leave no doubt.
    """
    by_name = partners_from_names(names)
    if partners and {tuple(sorted(p)) for p in partners} != {tuple(sorted(p)) for p in by_name}:
        return []
    paired = {i for pair in partners for i in pair}
    read = [readings(str(name)) for name in names]
    sides = {(own.style, own.side, language) for kinds in read for own in kinds for language in own.languages or ("",)}
    found = {i for pair in by_name for i in pair} - paired
    for i, kinds in enumerate(read):
        if i not in paired and any(_looks_sided(own, sides) for own in kinds):
            found.add(i)
    if not found and not paired:
        found = {i for pair in likely_pairs(names) for i in pair}
    return sorted(found)


def _looks_sided(own: Reading, sides: set[tuple[str, int, str]]) -> bool:
    """Whether a reading means a side though no joint is its partner; weak ones only where the other side is there too."""
    other_side_there = any((own.style, 1 - own.side, language) in sides for language in own.languages or ("",))
    if own.style == "limb":
        return other_side_there and any(re.fullmatch(r"~[fbhv]", word) for word in own.rest)
    return own.style in ("word", "fused") and (other_side_there or not own.weak)


def likely_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """Pairs of joints that are sides, maybe: they differ by the same two words at least twice, and by no words of place or body (a
    language that is not known here); or they are two of a part that animals have twice, told apart by a number or a letter."""
    used: set[int] = set()
    found = []
    for pairs in sorted(_swaps(names), key=len, reverse=True):
        if not used & {i for pair in pairs for i in pair}:
            found += pairs
            used |= {i for pair in pairs for i in pair}
    return sorted(found + [pair for pair in _numbered_twice(names) if not used & set(pair)])


def _swaps(names: Sequence[str]) -> list[list[tuple[int, int]]]:
    """Of every two words that are exchanged in at least two pairs of names: those pairs."""
    places: dict[tuple, list[tuple[str, int]]] = defaultdict(list)
    for i, name in enumerate(names):
        words = tuple(words_of(str(name)))
        for at, word in enumerate(words):
            if word not in _PLACES and not any(c.isdecimal() for c in word):
                places[(*words[:at], "~", *words[at + 1 :])].append((word, i))
    swaps: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for members in places.values():
        if len(members) == 2:  # three that differ by one word are no sides
            (a, i), (b, j) = members
            swaps[min(a, b), max(a, b)].append((i, j) if a < b else (j, i))
    return [pairs for pairs in swaps.values() if len(pairs) > 1]


def _numbered_twice(names: Sequence[str]) -> list[tuple[int, int]]:
    """ear1 and ear2, eye_a and eye_b: the only two of their kind."""
    kinds: dict[tuple, list[int]] = defaultdict(list)
    for i, name in enumerate(names):
        words = words_of(str(name))
        if len(words) > 1 and words[-2] in _TWICE and (words[-1].isdecimal() or words[-1] in ("a", "b")):
            kinds[(*words[:-1],)].append(i)
    return [(own[0], own[1]) for own in kinds.values() if len(own) == 2]


def suggest_pairs(names: Sequence[str], partners: Sequence[tuple[int, int]], unpaired: Sequence[int]) -> str:
    """What to type after --partners: the pairs there are, and for unpaired joints those they are most alike; "" for none."""
    pairs, free = [*partners], [*unpaired]
    swaps = _swaps(names)
    covered = [{i for pair in pairs for i in pair} for pairs in swaps]
    # either of two swaps may be the sides: ear/paw or yes/no, of ear_yes, ear_no, paw_yes, paw_no
    unclear = any(a & b for n, a in enumerate(covered) for b in covered[n + 1 :])
    guessed = partners_from_names(names) or ([] if unclear else likely_pairs(names))
    for pair in guessed:
        if set(pair) <= set(free):
            pairs.append(pair)
            free = [i for i in free if i not in pair]
    sides = {i: next((own.side for own in readings(str(names[i]))), None) for i in free}
    for i in [i for i in free if sides[i] == LEFT]:
        right = [j for j in free if sides[j] == RIGHT]
        if right:
            best = max(right, key=lambda j: SequenceMatcher(None, str(names[i]), str(names[j])).ratio())
            pairs.append((i, best))
            free = [j for j in free if j not in (i, best)]
    return ",".join(f"{names[a]}:{names[b]}" for a, b in pairs)
