"""Left and right in a joint name: the words of many languages, and the sides that a name may show. See `sides`."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

LEFT, RIGHT = 0, 1
Words = tuple[str, ...]

# language: words for left, words for right, with their endings for gender and case, without accents
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
# two letters for left and right; too short to count without their partner; without v and h, which mean front and hind in German
LETTERS = (("li", "re"), ("g", "d"), ("e", "d"), ("i", "d"), ("s", "d"), ("iz", "de"))
# words that also mean something else; they count only together with the other side
_COMMON = frozenset("sin der dir sol bal vas prav lev dex dro gau lt rt".split())
_FUSED = sorted((w for w in WORDS if (len(w) > 4 or w == "left" or not w.isascii())), key=len, reverse=True)
_SURE = frozenset(_FUSED) - {"left", "right"}  # cleft and upright do not mean sides
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


def words_of(name: str) -> list[str]:
    """Words of a name in small letters without accents: divided at _ and other signs, capitals (earL, LFPaw), digits, 左 and 右."""
    # vowel signs and accents (Thai, Hindi, Hebrew) are parts of words, though they are not letters
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
    """A side that a name may show.

    Attributes:
        style: one of `STYLES`.
        side: LEFT or RIGHT.
        rest: the words of the name, with a mark in place of the side.
        weak: the word may also mean something else.
        languages: languages of the word, for the style `word`.
    """

    style: str
    side: int
    rest: tuple[str, ...]
    weak: bool
    languages: frozenset[str] = frozenset()


def readings(name: str) -> list[Reading]:
    """All sides that a name may show."""
    words = words_of(name)
    found: list[Reading] = []

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
        for index, pair in enumerate(LETTERS):
            if word in pair:
                note(f"letters{index}", pair.index(word), i, "~")
    if len(name) > 2 and name[0] in "lLrR":
        found.append(Reading("first", "lr".index(name[0].lower()), ("~~", *words_of(name[1:])), True))
    if len(name) > 2 and name[-1] in "lLrR":
        found.append(Reading("last", "lr".index(name[-1].lower()), (*words_of(name[:-1]), "~~"), True))
    return found
