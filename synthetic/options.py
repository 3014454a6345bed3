"""Options of the commands that draw animals, `zoopose data make` and `zoopose data three`. Nothing here imports NumPy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from ..commandline.flags import expert, flag
from ..commandline.limits import COUNT, SEED, Limits


@dataclass(frozen=True, kw_only=True)
class MakeOptions:
    """`zoopose data make`."""

    TITLE: ClassVar[str] = "Animals"

    out: Path = Path("animal_data")
    """folder for both trees, synthetic_animal/ and behaviorDiscovery2.0/"""
    animal: tuple[str, ...] = ("horse",)
    """species to draw, with spaces or commas between them: horse tiger hound cow sheep goat pig dog; livestock: horse, cow, sheep,
    goat and pig"""
    pictures: Annotated[int, COUNT] = 1000
    """number of labelled source pictures of each species"""
    individuals: Literal["auto", "one", "many"] = "auto"
    """animals in source pictures. one: always the same one, as in the published renderings; many: animals of all builds and
    breeds, heads carried high and low; auto: many of cow, sheep, goat, pig and dog, one of the others"""
    layout: Literal["auto", "published", "coco"] = "auto"
    """files of source pictures. published: a folder for each species, as the published renderings; coco: one COCO file of all
    species, animals/train.json and animals/valid.json; auto: published, if all species have it"""
    shots: Annotated[int, COUNT] = 20
    """number of target videos of each species"""
    frames: Annotated[int, COUNT] = 30
    """number of frames in a video"""
    seed: Annotated[int, SEED] = 0
    """seed of all random numbers; the same seed makes the same bytes"""
    size: Annotated[tuple[int, int], Limits(32, 2048)] = (480, 640)
    """height and width of a source picture in px; published readers expect 480 640"""
    target_size: Annotated[tuple[int, int], Limits(32, 2048)] = (360, 640)
    """height and width of a target frame in px"""
    domain: Literal["source", "target", "both"] = "both"
    """what to draw"""
    views: Literal["all", "side"] = "all"
    """views of the animal in source pictures. all: seen from every direction, as in the published renderings; side: only from the
    side"""
    gap: Annotated[float, Limits(0, 2)] = 1.0
    """how different source and target look: 0 the same, 2 very different"""
    site: bool = False
    """all videos have the same place, light and camera; default: each video has another place"""
    zoom: Annotated[float, Limits(0.2, 5), expert()] = 1.0
    """factor on the size of the animal in a picture"""
    workers: Annotated[int, Limits(1, 512)] = 1
    """number of processes that draw"""


@dataclass(frozen=True, kw_only=True)
class ThreeOptions:
    """`zoopose data three`."""

    TITLE: ClassVar[str] = "Domains"

    out: Path = Path("three_domains")
    """folder for coco/, animals/ and target/"""
    animal: tuple[str, ...] = ("horse", "hound")
    """species with labels"""
    target: Annotated[str, flag(metavar="SPECIES")] = "cow"
    """species without labels"""
    people: Annotated[int, COUNT] = 500
    """number of labelled pictures of people"""
    pictures: Annotated[int, COUNT] = 500
    """number of labelled pictures of animals, all species together"""
    shots: Annotated[int, COUNT] = 60
    """number of target videos"""
    frames: Annotated[int, COUNT] = 8
    """number of frames in a video"""
    held_out: Annotated[int, Limits(2, 1_000_000_000), expert()] = 5
    """1 of N pictures and 1 of N videos is kept for validation"""
    seed: Annotated[int, SEED] = 0
    """seed of all random numbers; the same seed makes the same bytes"""
    size: Annotated[tuple[int, int], Limits(32, 2048)] = (112, 144)
    """height and width of a picture of animals in px; for people, width and height are swapped"""
    views: Annotated[Literal["all", "side"], expert()] = "side"
    """views of the labelled animals. all: seen from every direction; side: only from the side"""
    gap: Annotated[float, Limits(0, 2)] = 1.0
    """how different labelled animals and target look: 0 the same, 2 very different"""
    site: Annotated[bool, expert()] = True
    """each video has another place, light and camera; default: all have the same"""
    zoom: Annotated[float, Limits(0.2, 5), expert()] = 1.2
    """factor on the size of the animal in a picture"""
    workers: Annotated[int, Limits(1, 512)] = 1
    """number of processes that draw"""
