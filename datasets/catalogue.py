"""Every data set there is, by the name it has on a command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import OptionError
from ..pose.skeleton import Skeleton
from .sample import PoseDataset


@dataclass(frozen=True)
class Request:
    """What an opener is asked for; see `open.open_data` for the fields."""

    path: str
    split: str
    labelled: bool
    animal: str
    partners: Sequence[tuple[str, str]] | None
    skeleton: Skeleton | None
    need_pictures: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


def _coco(r: Request) -> PoseDataset:
    from .coco.keypoints import CocoKeypoints

    return CocoKeypoints(r.path, r.split, r.labelled, r.partners, need_pictures=r.need_pictures, **r.options)


def _coco_person(r: Request) -> PoseDataset:
    from .coco.person import CocoPerson

    return CocoPerson(r.path, r.split, r.labelled, need_pictures=r.need_pictures, **r.options)


def _coco_animals(r: Request) -> PoseDataset:
    from .coco.animals import CocoAnimals

    return CocoAnimals(r.path, r.split, need_pictures=r.need_pictures, **r.options)


def _animal_pose(r: Request) -> PoseDataset:
    from .animal_pose import AnimalPose

    return AnimalPose(r.path, r.split, r.labelled, need_pictures=r.need_pictures, **r.options)


def _mpii(r: Request) -> PoseDataset:
    from .mpii import Mpii

    return Mpii(r.path, r.split, r.labelled, need_pictures=r.need_pictures)


def _images(r: Request) -> PoseDataset:
    from .images import ImageFolder

    _refuse_valid("images", r)
    return ImageFolder(r.path, skeleton=r.skeleton)


def _video(r: Request) -> PoseDataset:
    from .video.frames import VideoFile

    _refuse_valid("video", r)
    return VideoFile(r.path, skeleton=r.skeleton)


def _real_animal(r: Request) -> PoseDataset:
    from .tigdog import RealAnimal

    return RealAnimal(r.path, r.animal, r.split)


def _real_animal_crop(r: Request) -> PoseDataset:
    from .tigdog import RealAnimalCrop

    return RealAnimalCrop(r.path, r.animal, r.split)


def _synthetic_animal(r: Request) -> PoseDataset:
    from .synthetic_animal import SyntheticAnimal

    return SyntheticAnimal(r.path, r.animal, r.split)


def _synthetic_parts(r: Request) -> PoseDataset:
    from .synthetic_animal import SyntheticAnimal

    return SyntheticAnimal(r.path, r.animal, r.split, with_parts=True)


def _refuse_valid(name: str, r: Request) -> None:
    if r.split == "valid":
        found = f"split 'valid' of {name}:{r.path}"
        raise OptionError("a set with labels to validate on", found, "name a labelled set, such as coco:PATH.json")


# name -> (what to put after the colon, what it is, opener). The part in brackets may be left out.
SOURCES: dict[str, tuple[str, str, Callable[[Request], PoseDataset]]] = {
    "coco": ("PATH.json", "any COCO keypoints file, any skeleton", _coco),
    "coco_person": ("ROOT", "COCO 2017's people, 17 joints", _coco_person),
    "coco_animals": ("ROOT", "COCO 2017's animals, ten classes, boxes without joints", _coco_animals),
    "animal_pose": ("ROOT", "Animal-Pose: dogs, cats, sheep, horses and cows, 20 joints", _animal_pose),
    "mpii": ("ROOT", "MPII Human Pose, 16 joints", _mpii),
    "images": ("FOLDER", "a folder of pictures without labels", _images),
    "video": ("FILE", "the frames of a video without labels", _video),
    "real_animal": ("[ROOT]", "TigDog: real horses and tigers, frames of videos", _real_animal),
    "real_animal_sp": ("[ROOT]", "the same pictures under the name CC-SSL's strong augmentation uses", _real_animal),
    "real_animal_crop": (
        "[ROOT]",
        "TigDog cut to 256 px crops beforehand, as CC-SSL's pseudo-labels use it",
        _real_animal_crop,
    ),
    "synthetic_animal": (
        "[ROOT]",
        "CC-SSL's rendered animals, or renderings of our own in the same tree",
        _synthetic_animal,
    ),
    "synthetic_animal_sp": (
        "[ROOT]",
        "the same pictures under the name CC-SSL's strong augmentation uses",
        _synthetic_animal,
    ),
    "synthetic_animal_sp_multitask": (
        "[ROOT]",
        "the same pictures with their maps of body parts, for --arch hg_multitask",
        _synthetic_parts,
    ),
}
# the spelling of the published training notes
SOURCES["synthetic_animal_multitask"] = SOURCES["synthetic_animal_sp_multitask"]

# sets that are what the user has, without parts that are for training and for validation
WITHOUT_SPLITS = ("coco", "images", "video")

# name -> options that only such sets have; `open_data` hands them on
OPTIONS: dict[str, tuple[str, ...]] = {
    "coco": ("category", "as_is"),
    "coco_person": ("boxes",),
    "coco_animals": ("classes", "min_size"),
    "animal_pose": ("classes",),
}
