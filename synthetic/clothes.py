"""Colours of people and of their clothes: skin, hair, shirt, trousers, shoes. Colours are RGB in 0..1, lengths cm at rest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .coats import Coat, Paint
from .colours import RGB, triple
from .figure import ARM
from .mesh import Mesh

_SKINS: tuple[RGB, ...] = (
    (0.93, 0.77, 0.67),
    (0.87, 0.68, 0.55),
    (0.78, 0.58, 0.44),
    (0.65, 0.45, 0.32),
    (0.48, 0.32, 0.22),
    (0.32, 0.21, 0.15),
)
_HAIRS: tuple[RGB, ...] = (
    (0.06, 0.05, 0.04),
    (0.16, 0.1, 0.06),
    (0.3, 0.19, 0.1),
    (0.55, 0.4, 0.2),
    (0.75, 0.62, 0.38),
    (0.55, 0.54, 0.53),
    (0.85, 0.84, 0.82),
)
_PATTERNS = ("plain", "plain", "plain", "stripes", "patches", "spots", "texture")


@dataclass(frozen=True)
class Outfit:
    """Colours and lengths.

    Attributes:
        cloth: the shirt's colour and pattern, as a coat.
        skin, hair, trousers, shoes: colours.
        sleeve_cm: from the shoulder on; 0 bare arms, 56 to the wrist.
        hem_cm: height to which trousers reach, 8 to the ankle.
        waist_cm: height at which the shirt ends.
        covered: whether the pattern is on the trousers too, as on a suit or a dress.
    """

    cloth: Coat
    skin: RGB
    hair: RGB
    trousers: RGB
    shoes: RGB
    sleeve_cm: float
    hem_cm: float
    waist_cm: float
    covered: bool = False


def _shade(rgb: RGB, rng: np.random.Generator, low: float = 0.85, high: float = 1.12) -> RGB:
    return triple(np.clip(np.array(rgb) * rng.uniform(low, high) * rng.normal(1, 0.03, 3), 0.02, 0.97))


def _dye(rng: np.random.Generator) -> RGB:
    """A colour of cloth: some grey, some strong."""
    grey = rng.uniform(0.04, 0.95)
    return triple(np.clip(grey + rng.uniform(0, 1) * rng.uniform(-0.5, 0.5, 3), 0.03, 0.97))


def draw_outfit(rng: np.random.Generator) -> Outfit:
    """Clothes at random."""
    shirt, mark, mark2 = (_dye(rng) for _ in range(3))
    skin = _shade(_SKINS[int(rng.integers(len(_SKINS)))], rng)
    hair = skin if rng.random() < 0.07 else _shade(_HAIRS[int(rng.integers(len(_HAIRS)))], rng)
    cloth = Coat(
        shirt,
        shirt,
        shirt,
        hair,
        pattern=str(rng.choice(_PATTERNS)),
        mark=mark,
        mark2=mark2,
        share=float(rng.uniform(0.3, 0.6)),
        scale=float(rng.uniform(0.06, 0.25)),
        soft=0.03,
        grain=float(rng.uniform(0, 0.15)),
        offset=triple(rng.uniform(0, 1, 3)),
    )
    suit = rng.random() < 0.15
    return Outfit(
        cloth,
        skin,
        hair,
        shirt if suit else _dye(rng),
        _dye(rng),
        sleeve_cm=float(rng.choice([0, rng.uniform(8, 24), rng.uniform(28, 45), 54], p=[0.12, 0.4, 0.1, 0.38])),
        hem_cm=float(rng.choice([8, rng.uniform(20, 40), rng.uniform(48, 70)], p=[0.65, 0.1, 0.25])),
        waist_cm=float(rng.choice([rng.uniform(94, 104), rng.uniform(70, 92)], p=[0.7, 0.3])),
        covered=bool(suit),
    )


@dataclass(frozen=True)
class _Places:
    """Of every vertex of the standard skin (V,): name of its tube, height, distance down the arm, place at rest."""

    tube: np.ndarray
    z: np.ndarray
    down_arm: np.ndarray
    rest: np.ndarray


@lru_cache(maxsize=4)
def _places(standard: Mesh) -> _Places:
    tube = np.array(standard.tube_names)[standard.tubes]
    tube = np.char.replace(np.char.replace(tube, "left_", ""), "right_", "")
    arm = standard.pivots_cm[standard.bones.index("left_upper_arm")]
    mirrored = standard.rest_cm * np.where(standard.rest_cm[:, 1:2] < 0, [[1, -1, 1]], [[1, 1, 1]])
    return _Places(
        tube, standard.rest_cm[:, 2], (mirrored - arm) @ ARM, standard.rest_cm / np.float32(standard.body.withers_cm)
    )


def dress(standard: Mesh, outfit: Outfit) -> Paint:
    """Puts clothes on a skin.

    Args:
        standard: the standard skin, of which the person's is a variant: clothes end at the same place on everybody.
    """
    at = _places(standard)
    colour = np.empty((len(at.z), 3), np.float32)
    colour[:] = outfit.skin
    limb, trunk, leg = np.isin(at.tube, ["arm", "hand"]), at.tube == "trunk", at.tube == "leg"
    # the skin of the trunk is cloth up to the neck, also where an arm begins
    shirt = (trunk & (at.z >= outfit.waist_cm) & (at.z < 147.5)) | (limb & (at.down_arm < outfit.sleeve_cm))
    shirt |= (leg & (at.z >= outfit.waist_cm)) | (limb & (at.down_arm < 4)) | ((at.tube == "neck") & (at.z < 146))
    trousers = (leg & (at.z >= outfit.hem_cm) | trunk) & (at.z < outfit.waist_cm)
    colour[shirt] = outfit.cloth.body
    colour[trousers] = outfit.trousers
    colour[(at.tube == "foot") | (leg & (at.z < 7))] = outfit.shoes
    colour[at.tube == "hair"] = outfit.hair
    colour[at.tube == "eye"] = outfit.cloth.eye
    # lips
    mouth = (at.tube == "head") & (at.z > 154) & (at.z < 156.5) & (at.rest[:, 0] * standard.body.withers_cm > 6)
    colour[mouth] *= np.array([0.9, 0.65, 0.65], np.float32)
    weight = (shirt | (trousers & outfit.covered)).astype(np.float32)
    return Paint(outfit.cloth, colour, weight, at.rest)
