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
    """species to draw: horse tiger ..."""
    pictures: Annotated[int, COUNT] = 1000
    """number of labelled source pictures of each species"""
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
    """views of the animal in source pictures. all: from every direction, as published; side: from the side, as animals are
    filmed"""
    gap: Annotated[float, Limits(0, 2)] = 1.0
    """difference between source and target, 0 to 2"""
    site: bool = False
    """film all videos at one place, in one light, with one camera; default: each at another place"""
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
    """one of N pictures, and one of N videos, is held out for validation"""
    seed: Annotated[int, SEED] = 0
    """seed of all random numbers; the same seed makes the same bytes"""
    size: Annotated[tuple[int, int], Limits(32, 2048)] = (112, 144)
    """height and width of a picture of animals in px; pictures of people are upright, so width and height change places"""
    views: Annotated[Literal["all", "side"], expert()] = "side"
    """views of the labelled animals. all: from every direction; side: from the side, as animals are filmed"""
    gap: Annotated[float, Limits(0, 2)] = 1.0
    """difference between labelled animals and target, 0 to 2"""
    site: Annotated[bool, expert()] = True
    """film each video at another place, in another light, with another camera; default: all at one place"""
    zoom: Annotated[float, Limits(0.2, 5), expert()] = 1.2
    """factor on the size of the animal in a picture"""
    workers: Annotated[int, Limits(1, 512)] = 1
    """number of processes that draw"""
