"""From `NAME[:PATH]` on a command line to a data set, and views on data sets: without labels, with fewer items."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, OptionError
from ..pose.skeleton import Skeleton
from .sample import PoseDataset, PoseSample

IMAGE_PATH = "./animal_data/"
SPLITS = ("train", "valid", "all")


@dataclass(frozen=True)
class Request:
    """What an opener is asked for; see `open_source` for the fields."""

    path: str
    split: str
    labelled: bool
    animal: str
    partners: Sequence[tuple[str, str]] | None
    skeleton: Skeleton | None


def _coco(r: Request) -> PoseDataset:
    from .coco import CocoKeypoints

    return CocoKeypoints(r.path, r.split, r.labelled, r.partners)


def _images(r: Request) -> PoseDataset:
    from .images import ImageFolder

    _refuse_valid("images", r)
    return ImageFolder(r.path, skeleton=r.skeleton)


def _video(r: Request) -> PoseDataset:
    from .images import VideoFile

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


# name -> (what to put after the colon, what it is, opener). The part in brackets may be left out.
SOURCES: dict[str, tuple[str, str, Callable[[Request], PoseDataset]]] = {
    "coco": ("PATH.json", "any COCO keypoints file, any skeleton", _coco),
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
}


def has_splits(text: str) -> bool:
    """Whether NAME[:PATH] names a data set that comes with a training and a validation split of its own."""
    return text.partition(":")[0] in SOURCES and SOURCES[text.partition(":")[0]][0].startswith("[")


def partner_pairs(text: str) -> list[tuple[str, str]] | None:
    """LEFT:RIGHT,LEFT:RIGHT -> pairs of joint names; None for an empty text.

    Raises:
        OptionError: where a pair is no pair.
    """
    pairs = [tuple(part.split(":")) for part in text.split(",")] if text else []
    if any(len(pair) != 2 for pair in pairs):
        raise OptionError("pairs of joint names LEFT:RIGHT,LEFT:RIGHT,...", repr(text))
    return pairs or None


def open_source(
    text: str,
    *,
    split: str = "all",
    labelled: bool = True,
    image_path: str | Path | None = None,
    animal: str = "horse",
    partners: Sequence[tuple[str, str]] | None = None,
    skeleton: Skeleton | None = None,
) -> PoseDataset:
    """Opens the data set named `NAME[:PATH]`, e.g. coco:labels.json, images:photos, synthetic_animal_sp.

    Args:
        text: a name out of `SOURCES`, and its path.
        split: "train", "valid" or "all".
        labelled: False hides the labels: `labels` is None, every joint not visible, and nothing of the labels is read
            where the format allows it.
        image_path: ROOT of the named sets where PATH is left out (default ./animal_data/).
        animal: of the sets that hold several.
        partners: left/right pairs by joint name, instead of those read off the joint names; for coco only.
        skeleton: for sets that have none of their own (images, video, COCO files with boxes only).

    Raises:
        OptionError: an unknown name, an option the set cannot honour, or no path where one is needed.
        DataError: the data are missing or broken.
    """
    name, _, path = text.partition(":")
    if name not in SOURCES:
        raise _unknown(text, name)
    if split not in SPLITS:
        raise OptionError(f"split {', '.join(SPLITS)}", repr(split))
    form, _, opener = SOURCES[name]
    optional = form.startswith("[")
    if not path and not optional:
        raise OptionError(f"{name}:{form}", repr(text), f"say where the data are: {name}:{form}")
    if partners and name != "coco":
        raise OptionError("left/right pairs for a coco: set only", f"pairs for {text!r}", "leave the pairs out")
    where = str(Path(path or image_path or IMAGE_PATH).expanduser())
    dataset = opener(Request(where, split, labelled, animal, partners, skeleton))
    if not labelled and dataset.labels is not None:
        dataset = Unlabelled(dataset)
    if dataset.skeleton is None and skeleton is not None:
        dataset = dataset.with_skeleton(skeleton)
    return dataset


def _unknown(text: str, name: str) -> OptionError:
    lines = [f"NAME:PATH with NAME one of {', '.join(SOURCES)}"]
    if Path(text).expanduser().exists():
        guess = "coco" if text.endswith(".json") else "images" if Path(text).expanduser().is_dir() else "video"
        return OptionError(lines[0], f"{text!r}, a path without NAME", f"{guess}:{text}")
    near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.5)
    _, colon, path = text.partition(":")
    return OptionError(lines[0], repr(text), f"{near[0]}{colon}{path}" if near else "")


def _refuse_valid(name: str, r: Request) -> None:
    if r.split == "valid":
        found = f"split 'valid' of {name}:{r.path}"
        raise OptionError("a set with labels to validate on", found, "name a labelled set, such as coco:PATH.json")


class _View:
    """A data set seen through another; what the view does not change is the wrapped one's."""

    def __init__(self, dataset: PoseDataset):
        self.dataset = dataset
        self.skeleton, self.crop_factor = dataset.skeleton, dataset.crop_factor
        self.ids, self.shots, self.labels = dataset.ids, dataset.shots, dataset.labels

    def __len__(self) -> int:
        return len(self.ids)

    def with_skeleton(self, skeleton: Skeleton) -> _View:
        """The same view of the data set with this skeleton."""
        other = copy.copy(self)
        other.dataset, other.skeleton = self.dataset.with_skeleton(skeleton), skeleton
        return other


class Unlabelled(_View):
    """A data set with its labels out of sight: `labels` is None, `visible` and `xy_px` are zero.

    The boxes stay; some sets (TigDog) know them from the labelled joints only.

    Args:
        dataset: with labels or without.
        skeleton: joints that it is to have in place of its own, which nobody labels.
    """

    def __init__(self, dataset: PoseDataset, skeleton: Skeleton | None = None):
        super().__init__(dataset)
        self.labels, self.skeleton = None, skeleton or self.skeleton

    def __getitem__(self, index: int) -> PoseSample:
        sample = self.dataset[index]
        k = len(self.skeleton)
        return PoseSample(
            sample.image, np.zeros((k, 2), np.float32), np.zeros(k, np.uint8), sample.box_xywh, sample.meta
        )

    def describe(self) -> Mapping[str, Any]:
        """The wrapped set's facts, with labelled False."""
        return {**self.dataset.describe(), "labelled": False}


class Subset(_View):
    """Some items of a data set, in the order given; see `keep`."""

    def __init__(self, dataset: PoseDataset, indices: Sequence[int]):
        super().__init__(dataset)
        self.indices = np.asarray(indices, np.int64).reshape(-1)
        outside = self.indices[(self.indices < 0) | (self.indices >= len(dataset))]
        if len(outside):
            raise IndexError(f"item {outside[0]} of a data set with {len(dataset)}")
        self.ids = [dataset.ids[i] for i in self.indices]
        self.shots = [dataset.shots[i] for i in self.indices]
        if dataset.labels is not None:
            self.labels = tuple(part[self.indices] for part in dataset.labels)

    def __getitem__(self, index: int) -> PoseSample:
        return self.dataset[int(self.indices[index])]

    def describe(self) -> Mapping[str, Any]:
        """The wrapped set's facts, with the number of items here and the number there."""
        facts = self.dataset.describe()
        return {**facts, "items": len(self), "out of": facts.get("items", len(self.dataset))}


def keep(dataset: PoseDataset, indices: Sequence[int]) -> Subset:
    """The items `indices` of a data set (whole numbers from 0), in that order, as a data set."""
    return Subset(dataset, indices)


def check_joints(dataset: PoseDataset, skeleton: Skeleton, where: str) -> None:
    """Checks that a data set has exactly a skeleton's joints, in its order.

    Args:
        dataset: one without a skeleton of its own fits any.
        skeleton: the model's, or the other data set's.
        where: names the data set in the error, as typed: "coco:labels.json".

    Raises:
        DataError: with both lists of joints and the first difference.
    """
    if dataset.skeleton is None or dataset.skeleton.joints == skeleton.joints:
        return
    ours, theirs = skeleton.joints, dataset.skeleton.joints
    if sorted(ours) == sorted(theirs):
        how = "the same joints in another order"
    else:
        missing, extra = [j for j in ours if j not in theirs], [j for j in theirs if j not in ours]
        parts = [f"without {', '.join(missing)}"] if missing else []
        parts += [f"with {', '.join(extra)} beside"] if extra else []
        how = " and ".join(parts)
    raise DataError(
        f"in {where} the {len(ours)} joints of {skeleton.name}: {', '.join(ours)}",
        f"{len(theirs)} joints of {dataset.skeleton.name}: {', '.join(theirs)}\n{how}",
        "take data and weights with the same joints, or bring the joints of the file into this order",
    )
