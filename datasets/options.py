"""Options that name data and what is taken of them. Nothing here imports NumPy or OpenCV."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from ..commandline.flags import expert, flag, positional
from ..commandline.limits import COUNT_OR_ZERO, Limits


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Which joints are the left and the right one of a pair."""

    TITLE: ClassVar[str] = "Data"

    partners: Annotated[str, flag(metavar="LEFT:RIGHT,...")] = ""
    """pairs of left and right joints, for a COCO file whose joint names do not show left and right"""


@dataclass(frozen=True, kw_only=True)
class SpeciesOptions:
    """Where the published data sets are, and which species is meant."""

    TITLE: ClassVar[str] = "Data"

    image_path: Annotated[str, flag(metavar="FOLDER")] = "./animal_data/"
    """root folder of the published data sets"""
    animal: Annotated[str, flag(metavar="SPECIES")] = "horse"
    """species to take from a data set with several species"""


@dataclass(frozen=True, kw_only=True)
class DataOptions(SpeciesOptions, PairOptions):
    """Where data sets are, and what is taken of them."""

    TITLE: ClassVar[str] = "Data"

    classes: Annotated[str, flag(metavar="NAME,...")] = ""
    """classes to take from animal_pose or coco_animals, e.g. dog,cat; default: all"""
    min_size: Annotated[float | None, Limits(0, 1_000_000), flag(metavar="PX", expert=True)] = None
    """smallest box to take from coco_animals: length of its shorter side in px; default: 32"""
    category: Annotated[str, flag(metavar="NAME,...")] = ""
    """categories to take from a COCO file, by name or id; needed if the categories have different joints"""
    as_is: Annotated[bool, expert()] = False
    """read joints and boxes of a COCO file as pixels, even if the numbers look like shares, percent or box corners"""


@dataclass(frozen=True, kw_only=True)
class CheckOptions(DataOptions):
    """`zoopose data check`."""

    TITLE: ClassVar[str] = "Check"

    data: Annotated[str, positional("NAME[:PATH]")]
    """data set to check"""
    split: Literal["train", "valid", "all"] = "all"
    """part of the data set"""
    read: Annotated[int, COUNT_OR_ZERO] = 0
    """number of pictures to read, evenly spread; 0: all"""
    sheet: Annotated[str, flag(metavar="FILE")] = "data_check.png"
    """file for a sheet of 12 pictures with their joints"""
    json: Annotated[str, flag(metavar="FILE")] = ""
    """file for the facts"""
