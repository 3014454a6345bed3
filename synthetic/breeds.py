"""Coats of common breeds of farm animals and dogs. Colours are RGB in 0..1, chosen by eye after photographs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from .coats import Coat
from .colours import RGB, triple

_WHITE, _CREAM, _BLACK = (0.88, 0.86, 0.82), (0.8, 0.72, 0.58), (0.06, 0.055, 0.055)
_RED, _DARK_RED, _FAWN, _BROWN = (0.5, 0.24, 0.12), (0.28, 0.13, 0.08), (0.6, 0.44, 0.28), (0.3, 0.19, 0.12)
_GREY, _PINK = (0.46, 0.44, 0.42), (0.82, 0.6, 0.54)
_NOSE, _PALE_NOSE = (0.14, 0.12, 0.12), (0.75, 0.55, 0.5)


def _plain(body: RGB, belly: RGB | None = None, points: RGB | None = None, **more: Any) -> Coat:
    return Coat(body, belly or body, points or body, more.pop("mane", body), **more)


def _pied(body: RGB, share: float, scale: float = 0.4, **more: Any) -> Coat:
    """White patches on a colour."""
    return _plain(body, points=_WHITE, pattern="patches", mark=_WHITE, share=share, scale=scale, soft=0.02, **more)


# legs white up to here, in withers heights, for a white-faced breed
_SOCKS = (0.3, 0.3, 0.3, 0.3)

BREEDS: dict[str, tuple[Coat, ...]] = {
    "cow": (
        _pied(_BLACK, 0.3),
        _pied(_BLACK, 0.55, 0.45),
        _pied(_RED, 0.35),
        _pied((0.58, 0.34, 0.18), 0.55, 0.5, muzzle=_PALE_NOSE),
        _plain(_DARK_RED, _WHITE, _WHITE, points_top=0.35, head=_WHITE, socks=_SOCKS, muzzle=_PALE_NOSE),
        _plain(_RED, _WHITE, _WHITE, points_top=0.3, head=_WHITE, socks=_SOCKS, muzzle=_PALE_NOSE),
        _plain(_BLACK, muzzle=_NOSE),
        _plain(_BLACK, _WHITE, _WHITE, points_top=0.2, blaze=0.06, socks=(0.0, 0.0, 0.25, 0.25)),
        _plain(_RED, (0.58, 0.36, 0.2)),
        _plain(_DARK_RED),
        _plain((0.62, 0.38, 0.18), (0.74, 0.56, 0.36), muzzle=_PALE_NOSE),
        _plain(_WHITE, muzzle=_PALE_NOSE),
        _plain(_CREAM, _WHITE, muzzle=_PALE_NOSE),
        _plain(_FAWN, (0.7, 0.58, 0.44), (0.3, 0.22, 0.16), points_top=0.4, muzzle=_NOSE),
        _plain((0.36, 0.3, 0.26), _GREY, (0.24, 0.2, 0.18), points_top=0.4, muzzle=_NOSE),
    ),
    "sheep": (
        _plain(_WHITE, (0.74, 0.7, 0.62)),
        _plain((0.78, 0.72, 0.6), (0.66, 0.6, 0.5)),
        _plain(_WHITE, points=_BLACK, points_top=0.55, head=_BLACK, muzzle=_BLACK),
        _plain(_CREAM, points=_BROWN, points_top=0.5, head=_BROWN, muzzle=_BROWN),
        _plain(_BLACK, muzzle=_BLACK),
        _plain(_BROWN, (0.36, 0.25, 0.17)),
        _plain(_GREY, points=_BLACK, points_top=0.5, head=(0.14, 0.13, 0.13)),
        _pied(_BLACK, 0.5, 0.35),
        _pied(_BROWN, 0.6, 0.35),
    ),
    "goat": (
        _plain(_WHITE, muzzle=_PALE_NOSE),
        _plain(_BROWN, _BLACK, _BLACK, points_top=0.45, head=_DARK_RED),
        _plain((0.5, 0.33, 0.2), (0.62, 0.5, 0.36), _BLACK, points_top=0.4),
        _plain(_BLACK, (0.6, 0.45, 0.28), (0.6, 0.45, 0.28), points_top=0.4),
        _plain(_WHITE, head=_RED, muzzle=_PALE_NOSE),
        _pied(_BLACK, 0.45, 0.35),
        _pied(_RED, 0.5, 0.35),
        _plain(_GREY, _WHITE, _WHITE, points_top=0.4),
    ),
    "pig": (
        _plain(_PINK, muzzle=(0.8, 0.5, 0.46), hoof=(0.5, 0.42, 0.36)),
        _plain((0.86, 0.7, 0.64), muzzle=(0.84, 0.58, 0.54), hoof=(0.5, 0.42, 0.36)),
        _plain(_PINK, pattern="patches", mark=_BLACK, share=0.3, scale=0.25, soft=0.03),
        _plain((0.36, 0.19, 0.12)),
        _plain(_BLACK, muzzle=_NOSE),
        _plain(_BLACK, points=_WHITE, points_top=0.25, muzzle=_PALE_NOSE, blaze=0.05),
        _pied(_BLACK, 0.5, 0.6, muzzle=_PALE_NOSE),
        _plain(_BROWN, (0.36, 0.26, 0.18), muzzle=_NOSE),
    ),
    "dog": (
        _plain(_BLACK, points=(0.5, 0.3, 0.14), points_top=0.4, muzzle=_NOSE),
        _plain(_FAWN, (0.72, 0.58, 0.42), muzzle=_NOSE),
        _plain((0.66, 0.46, 0.24), (0.76, 0.6, 0.4), muzzle=_NOSE),
        _plain(_BLACK, _WHITE, _WHITE, points_top=0.35, blaze=0.05, socks=_SOCKS),
        _plain(_WHITE, muzzle=_NOSE),
        _plain(_GREY, _WHITE, _WHITE, points_top=0.5, muzzle=_NOSE),
        _plain(_RED, _WHITE, _WHITE, points_top=0.3, blaze=0.04),
        _plain(_BROWN),
        _pied(_BLACK, 0.55, 0.45, muzzle=_NOSE),
        _pied(_RED, 0.55, 0.45, muzzle=_NOSE),
        _plain(_WHITE, pattern="spots", mark=_BLACK, share=0.25, scale=0.12, soft=0.05, muzzle=_NOSE),
    ),
}  # fmt: skip


def breed_coat(animal: str, rng: np.random.Generator) -> Coat:
    """The coat of one animal of a common breed, with its own shade, marks and dirt.

    Args:
        animal: a key of `BREEDS`.
    """
    chosen = BREEDS[animal][int(rng.integers(len(BREEDS[animal])))]
    shade = rng.uniform(0.75, 1.2) * rng.normal(1, 0.04, 3)

    def shaded(colour: RGB) -> RGB:
        return triple(np.clip(np.array(colour) * shade, 0.03, 0.97))

    dirt = float(rng.choice([0, 0.3, 0.8], p=[0.5, 0.3, 0.2]))
    return replace(
        chosen,
        body=shaded(chosen.body),
        belly=shaded(chosen.belly),
        points=shaded(chosen.points),
        mane=shaded(chosen.mane),
        share=float(np.clip(chosen.share + rng.uniform(-0.15, 0.15), 0.1, 0.8)),
        scale=chosen.scale * float(rng.uniform(0.7, 1.4)),
        dirt=dirt,
        offset=triple(rng.uniform(0, 1, 3)),
        grain=float(rng.uniform(0.12, 0.35)),
    )
