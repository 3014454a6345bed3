"""Sets of drawn animals as COCO keypoint files, joints of TIGDOG18, several species in one set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ..pose.skeleton import TIGDOG18
from .coco_set import CocoSet, Drawn, category
from .herd import render_labelled
from .plans import ANIMALS


def labelled_animals(
    folder: Path,
    animals: Sequence[str],
    pictures: int,
    held_out: int,
    *,
    seed: int,
    size_hw: tuple[int, int],
    zoom: float,
    views: str,
    individuals: str,
) -> CocoSet:
    """Labelled pictures, the species in turn.

    Args:
        folder: of the set; gets train.json, valid.json and images/.
        animals: species, each once.
        pictures: their number, all species together.
        held_out: N: one of N pictures of each species is for validation.
        seed, size_hw, zoom, views, individuals: see `herd.render_labelled`.
    """
    look = {"size_hw": size_hw, "zoom": zoom, "views": views, "individuals": individuals}
    draw = partial(_draw_animal, tuple(animals), seed, look)
    return animal_files(folder, animals, held_out, draw, pieces=pictures, per_piece=1, round_=len(animals))


def _draw_animal(animals: tuple[str, ...], seed: int, look: dict[str, Any], piece: int) -> list[Drawn]:
    index, which = divmod(piece, len(animals))
    frame = render_labelled(animals[which], seed, index, **look)
    return [Drawn(f"images/{animals[which]}_{index:06d}.jpg", frame, category_number(animals[which]), {})]


def category_number(animal: str) -> int:
    """Id of a species' category in every file of drawn animals."""
    return ANIMALS.index(animal) + 1


def animal_files(
    folder: Path,
    animals: Sequence[str],
    held_out: int,
    draw: Callable[[int], list[Drawn]],
    *,
    pieces: int,
    per_piece: int,
    round_: int = 1,
) -> CocoSet:
    """A set of drawn animals; the arguments are those of `CocoSet`."""
    return CocoSet(
        folder=folder,
        files={"train": "train.json", "valid": "valid.json"},
        pictures={"train": ".", "valid": "."},
        categories=[category(TIGDOG18, category_number(animal), animal, "animal") for animal in animals],
        pieces=pieces,
        per_piece=per_piece,
        held_out=held_out,
        draw=draw,
        round=round_,
        about=f"{' and '.join(animals)} drawn by zoopose",
    )
