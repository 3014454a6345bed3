"""Every data set that a command line can name: what it is, which options it takes, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from ..errors import OptionError
from ..pose.skeleton import Skeleton
from .sample import PoseDataset

if TYPE_CHECKING:
    from .coco.file import CocoFiles


@dataclass(frozen=True, kw_only=True)
class Request:
    """What `open.open_data` asks an opener for; see there for the fields."""

    path: str
    split: str
    labelled: bool = True
    animal: str = "horse"
    partners: Sequence[tuple[str, str]] | None = None
    skeleton: Skeleton | None = None
    need_pictures: bool = True
    classes: Sequence[str] | None = None
    min_size: float | None = None
    boxes: str | None = None
    category: str | int | None = None
    as_is: bool | None = None
    files: CocoFiles | None = None


@dataclass(frozen=True)
class DataSource:
    """One name of a data set on a command line.

    Attributes:
        path: what stands after the colon; in brackets where it may be left out.
        about: one line on what it is.
        open: makes the data set.
        options: fields of `Request` that only some sets take, and this one does.
        has_splits: it is published with a training and a validation part.
        people_placed_hidden_joints: a person placed the joints that are labelled as hidden. Not so in renderings and TigDog.
        own: a file format that people keep labels of their own in; not a published data set.
        original_augmentation: what the published CC-SSL code does to these pictures in training; "" for sets that it does not know.
    """

    path: str
    about: str
    open: Callable[[Request], PoseDataset]
    options: tuple[str, ...] = ()
    has_splits: bool = True
    people_placed_hidden_joints: bool = True
    original_augmentation: Literal["", "standard", "strong"] = ""
    own: bool = False


def _coco(r: Request) -> PoseDataset:
    from .coco.keypoints import CocoKeypoints

    return CocoKeypoints(
        r.path,
        r.split,
        r.labelled,
        partners=r.partners,
        category=r.category,
        need_pictures=r.need_pictures,
        as_is=bool(r.as_is),
        files=r.files,
    )


def _coco_person(r: Request) -> PoseDataset:
    from .coco.person import CocoPerson

    return CocoPerson(r.path, r.split, r.labelled, boxes=r.boxes, need_pictures=r.need_pictures)


def _coco_animals(r: Request) -> PoseDataset:
    from .coco.animals import MIN_SIZE_PX, CocoAnimals

    min_size = MIN_SIZE_PX if r.min_size is None else r.min_size
    return CocoAnimals(r.path, r.split, classes=r.classes, min_size=min_size, need_pictures=r.need_pictures)


def _animal_pose(r: Request) -> PoseDataset:
    from .animal_pose import AnimalPose

    return AnimalPose(r.path, r.split, r.labelled, classes=r.classes, need_pictures=r.need_pictures)


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


def _original(
    about: str, opener: Callable[[Request], PoseDataset], augmentation: Literal["", "standard", "strong"]
) -> DataSource:
    """A data set of the published CC-SSL code."""
    return DataSource("[ROOT]", about, opener, people_placed_hidden_joints=False, original_augmentation=augmentation)


_SAME = "the same pictures under the name CC-SSL's strong augmentation uses"
SOURCES: dict[str, DataSource] = {
    "coco": DataSource(
        "PATH.json", "any COCO keypoints file, any skeleton", _coco, ("category", "as_is"), False, own=True
    ),
    "coco_person": DataSource("ROOT", "COCO 2017's people, 17 joints", _coco_person, ("boxes",)),
    "coco_animals": DataSource(
        "ROOT", "COCO 2017's animals, ten classes, boxes without joints", _coco_animals, ("classes", "min_size")
    ),
    "animal_pose": DataSource(
        "ROOT", "Animal-Pose: dogs, cats, sheep, horses and cows, 20 joints", _animal_pose, ("classes",)
    ),
    "mpii": DataSource("ROOT", "MPII Human Pose, 16 joints", _mpii),
    "images": DataSource("FOLDER", "a folder of pictures without labels", _images, has_splits=False),
    "video": DataSource("FILE", "the frames of a video without labels", _video, has_splits=False),
    "real_animal": _original("TigDog: real horses and tigers, frames of videos", _real_animal, "standard"),
    "real_animal_sp": _original(_SAME, _real_animal, "strong"),
    "real_animal_crop": _original(
        "TigDog cut to 256 px crops beforehand, as CC-SSL's pseudo-labels use it", _real_animal_crop, ""
    ),
    "synthetic_animal": _original(
        "CC-SSL's rendered animals, or those that zoopose draws, in the same tree", _synthetic_animal, "standard"
    ),
    "synthetic_animal_sp": _original(_SAME, _synthetic_animal, "strong"),
    "synthetic_animal_sp_multitask": _original(
        "the same pictures with their maps of body parts, for --arch hg_multitask", _synthetic_parts, ""
    ),
}
# the spelling of the published training notes
SOURCES["synthetic_animal_multitask"] = SOURCES["synthetic_animal_sp_multitask"]
