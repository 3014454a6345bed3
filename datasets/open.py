"""Opens the data set that `NAME[:PATH]` names on a command line; checks data sets and the options that only some of them take."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..commandline.limits import flag_of
from ..errors import DataError, OptionError
from ..pose.skeleton import Skeleton
from ..progress import log
from .catalogue import SOURCES, DataSource, Request
from .sample import PoseDataset
from .views import Unlabelled

if TYPE_CHECKING:
    from .coco.file import CocoFiles
    from .original_dataset import OriginalDataset

IMAGE_PATH = "./animal_data/"
SPLITS = ("train", "valid", "all")


def parts_of(text: str) -> list[str]:
    """The data sets that are joined in NAME[:PATH]+NAME[:PATH]+...; a + inside a path does not join."""
    return re.split(rf"\+(?=(?:{'|'.join(SOURCES)})(?:[:+]|$))", text)


def name_of(text: str) -> str:
    """NAME of NAME[:PATH]; of joined data sets that of the first."""
    return text.partition(":")[0].partition("+")[0]


def source_of(text: str) -> DataSource | None:
    """The row of the catalogue that NAME[:PATH] names; None where there is none."""
    return SOURCES.get(name_of(text))


def has_splits(text: str) -> bool:
    """Whether NAME[:PATH] names a data set that is published with a training and a validation part; of joined ones any."""
    sources = map(source_of, parts_of(text))
    return any(source is not None and source.has_splits for source in sources)


def takes(option: str, text: str) -> bool:
    """Whether NAME[:PATH] names a data set with an option that only some have, such as "classes"; of joined ones any."""
    sources = map(source_of, parts_of(text))
    return any(source is not None and option in source.options for source in sources)


def people_placed_hidden_joints(text: str) -> bool:
    """Whether people placed the hidden joints of the data set NAME[:PATH]; True where the name is not known. Of joined ones any:
    the hidden joints of the others are left out, see `Joined`."""
    sources = map(source_of, parts_of(text))
    return any(source is None or source.people_placed_hidden_joints for source in sources)


def original_augmentation(text: str) -> Literal["", "standard", "strong"]:
    """How the published code augments the data set NAME[:PATH] in training; "" for one that it does not know, and for several."""
    source = source_of(text)
    return "" if source is None or len(parts_of(text)) > 1 else source.original_augmentation


def original_dataset(text: str) -> type[OriginalDataset]:
    """The class that knows mean colour and joint order of a published network trained on NAME[:PATH].

    Only `real_animal` is TigDog: the published code takes the mean of the renderings for all others, `real_animal_sp` included.
    """
    from .synthetic_animal import SyntheticAnimal
    from .tigdog import RealAnimal

    return RealAnimal if name_of(text) == "real_animal" else SyntheticAnimal


def class_names(text: str) -> list[str] | None:
    """dog,cat -> names of classes; None, which means all, for an empty text."""
    return [name.strip() for name in text.split(",")] if text else None


def partner_pairs(text: str) -> list[tuple[str, str]] | None:
    """LEFT:RIGHT,LEFT:RIGHT -> pairs of joint names; None for an empty text.

    Raises:
        OptionError: a part that is no pair.
    """
    pairs = []
    for part in text.split(",") if text else ():
        left, colon, right = part.partition(":")
        if not colon or ":" in right:
            raise OptionError("pairs of joint names LEFT:RIGHT,LEFT:RIGHT,...", repr(text))
        pairs.append((left, right))
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
    classes: Sequence[str] | None = None,
    min_size: float | None = None,
    boxes: str | Path | None = None,
    category: str | int | None = None,
    as_is: bool | None = None,
    files: CocoFiles | None = None,
) -> PoseDataset:
    """Opens the data set named `NAME[:PATH]`, e.g. coco:labels.json, images:photos, synthetic_animal_sp.

    Args:
        text: a name out of `SOURCES`, and its path; or several joined by +, see `Joined`.
        split: "train", "valid" or "all".
        labelled: False: no labels. `labels` is None and no joint is visible; labels are not read where the format allows it.
        image_path: ROOT of the named sets where PATH is left out; default ./animal_data/.
        animal: species, of the sets that hold several.
        partners: left/right pairs by joint name, in place of those that follow from the names; of coco.
        skeleton: of sets that name no joints (images, video, coco_animals, COCO files with boxes only).
        need_pictures: False opens annotations without their pictures, to read only what they say.
        classes: names of classes to take; of animal_pose and coco_animals.
        min_size: smallest shorter side of a box, px; of coco_animals.
        boxes: file of a detector's boxes in place of the annotated ones; of coco_person.
        category: name or id of the category to take; of coco.
        as_is: joints and boxes are pixels, even where they look like something else; of coco.
        files: COCO files that the command has read already; of coco.

    Raises:
        OptionError: an unknown name, an option that the set does not take, or no path where one is needed.
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
    parts = parts_of(text)
    if len(parts) == 1 and name not in SOURCES:
        raise _unknown(text, name)
    if split not in SPLITS:
        raise OptionError(f"split {', '.join(SPLITS)}", repr(split))
    if len(parts) > 1:
        return _joined(
            parts,
            partners=partners,
            split=split,
            labelled=labelled,
            image_path=image_path,
            animal=animal,
            skeleton=skeleton,
            need_pictures=need_pictures,
            files=files,
            **{"classes": classes, "min_size": min_size, "boxes": boxes, "category": category, "as_is": as_is},
        )
    source = SOURCES[name]
    if not path and not source.path.startswith("["):
        raise OptionError(f"{name}:{source.path}", repr(text), f"say where the data are: {name}:{source.path}")
    if partners and name != "coco":
        raise OptionError("left/right pairs for a coco: set only", f"pairs for {text!r}", "leave the pairs out")
    request = Request(
        path=str(Path(path or image_path or IMAGE_PATH).expanduser()),
        split=split,
        labelled=labelled,
        animal=animal,
        partners=partners,
        skeleton=skeleton,
        need_pictures=need_pictures,
        classes=classes,
        min_size=min_size,
        boxes=None if boxes is None else str(boxes),
        category=category,
        as_is=as_is,
        files=files,
    )
    _refuse_options(text, request)
    dataset = source.open(request)
    if not labelled and dataset.labels is not None:
        dataset = Unlabelled(dataset)
    if not dataset.skeleton.joints and skeleton is not None:
        dataset = dataset.with_skeleton(skeleton)
    return dataset


_OF_SOME = ("classes", "min_size", "boxes", "category", "as_is")  # options that only some data sets take


def _joined(parts: Sequence[str], partners: Sequence[tuple[str, str]] | None, **request: Any) -> PoseDataset:
    """Opens data sets that are joined by +, each with those of the options that it takes; pairs are those of the first."""
    from .joined import Joined

    opened = []
    for i, text in enumerate(parts):
        own: dict[str, Any] = {k: v if k not in _OF_SOME or takes(k, text) else None for k, v in request.items()}
        opened.append(open_data(text, partners=partners if i == 0 else None, **own))
    placed = [people_placed_hidden_joints(text) for text in parts]
    dataset: PoseDataset = Joined(parts, opened, placed)
    return dataset if request["labelled"] else Unlabelled(dataset)


def _refuse_options(text: str, request: Request) -> None:
    """Raises OptionError for an option that the data set does not take."""
    for option in _OF_SOME:
        if getattr(request, option) is None or takes(option, text):
            continue
        having = ", ".join(name for name, source in SOURCES.items() if option in source.options)
        found = f"{option.replace('_', '-')} for {text!r}"
        is_coco_class = option == "classes" and name_of(text) == "coco"
        remedy = "--category NAME, in a COCO file" if is_coco_class else "leave it out"
        raise OptionError(f"{option.replace('_', '-')} for a set that has it: {having}", found, remedy)


def _unknown(text: str, name: str) -> OptionError:
    lines = [f"NAME:PATH with NAME one of {', '.join(SOURCES)}"]
    if Path(text).expanduser().exists():
        guess = "coco" if text.endswith(".json") else "images" if Path(text).expanduser().is_dir() else "video"
        return OptionError(lines[0], f"{text!r}, a path without NAME", f"{guess}:{text}")
    near = difflib.get_close_matches(name, SOURCES, n=1, cutoff=0.5)
    _, colon, path = text.partition(":")
    return OptionError(lines[0], repr(text), f"{near[0]}{colon}{path}" if near else "")


def warn_of_idle_data(options: object) -> None:
    """Warns of every option of data, given on the command line, that none of the command's data sets takes.

    For commands whose network is not of the published code: for the mean colour of that, pictures of --image-path are read.
    """
    texts = [text for name, text in vars(options).items() if name not in getattr(options, "DEAD_FLAGS", ())]
    sources = [text for text in texts if isinstance(text, str) and name_of(text) in SOURCES]
    takers = {
        "image_path": any(":" not in text for text in sources),
        "animal": any(text.startswith(("real_animal", "synthetic_animal")) for text in sources),
        "partners": any(text.startswith("coco:") for text in sources),
    }
    for name, taken in takers.items():
        if not taken and getattr(options, name) != getattr(type(options), name):
            log.warning("%s does nothing with %s", flag_of(name), ", ".join(dict.fromkeys(sources)))


def warn_of_idle_split(split: str, text: str) -> None:
    """Warns that --split is not used, where NAME[:PATH] names a data set without parts."""
    if split in ("train", "valid") and not has_splits(text):
        log.warning("--split does nothing with %s: it has no parts, all of it is taken", text)


def check_joints(dataset: PoseDataset, skeleton: Skeleton, where: str) -> None:
    """Checks that a data set has exactly the joints of a skeleton, in the same order.

    Args:
        dataset: one that names no joints fits any.
        skeleton: the model's, or the other data set's.
        where: names the data set in the error, as typed: "coco:labels.json".

    Raises:
        DataError: with both lists of joints and the first difference.
    """
    if dataset.skeleton.joints in ((), skeleton.joints):
        return
    ours, theirs = skeleton.joints, dataset.skeleton.joints
    if sorted(ours) == sorted(theirs):
        how = "the same joints in another order"
    else:
        missing, extra = [j for j in ours if j not in theirs], [j for j in theirs if j not in ours]
        parts = [f"without {', '.join(missing)}"] if missing else []
        parts += [f"with {', '.join(extra)} besides"] if extra else []
        how = " and ".join(parts)
    raise DataError(
        f"in {where} the {len(ours)} joints of {skeleton.name}: {', '.join(ours)}",
        f"{len(theirs)} joints of {dataset.skeleton.name}: {', '.join(theirs)}\n{how}",
        "use data and weights with the same joints, or change the order of the joints in the file to this one",
    )
