"""From `NAME[:PATH]` on a command line to a data set, and views on data sets: without labels, with fewer items."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..commandline.limits import flag_of
from ..errors import DataError, OptionError
from ..pose.skeleton import Skeleton
from ..progress import log
from .catalogue import OPTIONS, SOURCES, WITHOUT_SPLITS, Request
from .sample import PoseDataset, PoseSample

IMAGE_PATH = "./animal_data/"
SPLITS = ("train", "valid", "all")


def has_splits(text: str) -> bool:
    """Whether NAME[:PATH] names a data set that comes with a training and a validation split of its own."""
    name = text.partition(":")[0]
    return name in SOURCES and name not in WITHOUT_SPLITS


def takes(option: str, text: str) -> bool:
    """Whether NAME[:PATH] names a data set with an option out of `OPTIONS`, such as "classes"."""
    return option in OPTIONS.get(text.partition(":")[0], ())


def class_names(text: str) -> list[str] | None:
    """dog,cat -> names of classes; None, which means all, for an empty text."""
    return [name.strip() for name in text.split(",")] if text else None


def partner_pairs(text: str) -> list[tuple[str, str]] | None:
    """LEFT:RIGHT,LEFT:RIGHT -> pairs of joint names; None for an empty text.

    Raises:
        OptionError: where a pair is no pair.
    """
    pairs = [tuple(part.split(":")) for part in text.split(",")] if text else []
    if any(len(pair) != 2 for pair in pairs):
        raise OptionError("pairs of joint names LEFT:RIGHT,LEFT:RIGHT,...", repr(text))
    return pairs or None


def open_data(
    text: str,
    *,
    split: str = "all",
    labelled: bool = True,
    image_path: str | Path | None = None,
    animal: str = "horse",
    partners: Sequence[tuple[str, str]] | None = None,
    skeleton: Skeleton | None = None,
    need_pictures: bool = True,
    **options: Any,
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
        skeleton: for sets that have none of their own (images, video, coco_animals, COCO files with boxes only).
        need_pictures: False opens sets of annotations without their pictures, to look at what they say.
        options: those of `OPTIONS` that the set has: classes (names), min_size (px), boxes (a file), category (name or id), as_is
            (numbers are pixels, whatever they look like); None is not given.

    Raises:
        OptionError: an unknown name, an option the set cannot honour, or no path where one is needed.
        DataError: the data are missing or broken.

    Example:
        >>> import zoopose
        >>> data = zoopose.open_data("coco:horses/labels.json")
        >>> len(data), data.skeleton.joints[:2]
        (12, ('nose', 'left_ear'))
        >>> sample = data[0]
        >>> sample.image.shape, sample.xy_px.shape, sample.visible.shape
        ((64, 64, 3), (6, 2), (6,))
    """
    name, _, path = text.partition(":")
    if name not in SOURCES:
        raise _unknown(text, name)
    if split not in SPLITS:
        raise OptionError(f"split {', '.join(SPLITS)}", repr(split))
    spec, _, opener = SOURCES[name]
    optional = spec.startswith("[")
    if not path and not optional:
        raise OptionError(f"{name}:{spec}", repr(text), f"say where the data are: {name}:{spec}")
    if partners and name != "coco":
        raise OptionError("left/right pairs for a coco: set only", f"pairs for {text!r}", "leave the pairs out")
    options = {key: value for key, value in options.items() if value is not None}
    for option in options:
        if not takes(option, text):
            having = ", ".join(name for name, theirs in OPTIONS.items() if option in theirs)
            found = f"{option.replace('_', '-')} for {text!r}"
            remedy = "--category NAME, in a COCO file" if option == "classes" and name == "coco" else "leave it out"
            raise OptionError(f"{option.replace('_', '-')} for a set that has it: {having or 'none'}", found, remedy)
    where = str(Path(path or image_path or IMAGE_PATH).expanduser())
    dataset = opener(Request(where, split, labelled, animal, partners, skeleton, need_pictures, options))
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


def warn_of_idle_data(options: Any) -> None:
    """One line for every option of data, given on the command line, that none of the command's data sets takes.

    To be called where the network is not of the published code, for whose mean colour the pictures of --image-path are read.
    """
    texts = [text for name, text in vars(options).items() if name not in getattr(options, "DEAD_FLAGS", ())]
    sources = [text for text in texts if isinstance(text, str) and text.partition(":")[0] in SOURCES]
    takers = {
        "image_path": any(":" not in text for text in sources),
        "animal": any(text.startswith(("real_animal", "synthetic_animal")) for text in sources),
        "partners": any(text.startswith("coco:") for text in sources),
    }
    for name, taken in takers.items():
        if not taken and getattr(options, name) != getattr(type(options), name):
            log.warning("%s does nothing with %s", flag_of(name), ", ".join(dict.fromkeys(sources)))


def warn_of_idle_split(split: str, text: str) -> None:
    """Say that --split is not used, where NAME[:PATH] names a data set without parts."""
    if split in ("train", "valid") and not has_splits(text):
        log.warning("--split does nothing with %s: it has no parts, all of it is taken", text)


class _View:
    """A data set seen through another; what the view does not change is the wrapped one's."""

    def __init__(self, dataset: PoseDataset):
        self.dataset = dataset
        self.skeleton, self.crop_factor = dataset.skeleton, dataset.crop_factor
        self.ids, self.shots, self.labels = dataset.ids, dataset.shots, dataset.labels
        self.reads_in_order = getattr(dataset, "reads_in_order", False)
        self.parts = getattr(dataset, "parts", None)

    def __len__(self) -> int:
        return len(self.ids)

    def meta_of(self, index: int) -> Mapping[str, Any]:
        """What the wrapped set knows of an item without reading its picture; nothing where it does not say."""
        own = getattr(self.dataset, "meta_of", None)
        return own(index) if own else {}

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
        self.labels, self.skeleton, self.parts = None, skeleton or self.skeleton, None

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
    """The items `indices` of a data set (whole numbers from 0), in that order, as a data set.

    Raises:
        IndexError: the data set has no such item.
    """

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

    def meta_of(self, index: int) -> Mapping[str, Any]:
        """See `_View.meta_of`."""
        return super().meta_of(int(self.indices[index]))

    def describe(self) -> Mapping[str, Any]:
        """The wrapped set's facts, with the number of items here and the number there."""
        facts = self.dataset.describe()
        return {**facts, "items": len(self), "out of": facts.get("items", len(self.dataset))}


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
