"""Data sets that the options of a command name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from ..datasets.coco.categories import NoSuchCategory
from ..datasets.coco.file import CocoFiles
from ..datasets.open import class_names, has_splits, open_data, partner_pairs, takes
from ..datasets.sample import PoseDataset
from ..datasets.views import Unlabelled
from ..errors import OptionError
from ..pose.skeleton import Skeleton
from ..progress import log
from .data_warnings import warn_of_data
from .options import DataOptions, PairOptions, TargetOptions

AnyDataset = TypeVar("AnyDataset", bound=PoseDataset)


def open_with_options(
    source: str,
    split: str,
    options: DataOptions,
    *,
    labelled: bool = True,
    skeleton: Skeleton | None = None,
    need_pictures: bool = True,
    must_have: bool = True,
    files: CocoFiles | None = None,
) -> PoseDataset:
    """A data set of the command line, with the command's root, species, pairs, classes, smallest box and category.

    Args:
        must_have: --category must be one of the file's. Otherwise a file that has it not is taken whole: --category may be meant
            for another of the command's files.
        files: COCO files that the command has read already.

    Raises:
        OptionError: classes, a smallest box or a category where none of the command's data sets has any.
        NoSuchCategory: the file has not the category.
    """
    own: dict[str, Any] = {"classes": class_names(options.classes), "min_size": options.min_size}
    own |= {"category": options.category or None, "as_is": options.as_is or None}
    beside = [text for text in vars(options).values() if isinstance(text, str)]
    for option in own:
        # where another of the command's sets has the option it is meant for that one
        if not takes(option, source) and any(takes(option, text) for text in beside):
            own[option] = None
    opened = partial(
        open_data,
        source,
        split=split,
        labelled=labelled,
        image_path=options.image_path,
        animal=options.animal,
        partners=partner_pairs(options.partners) if source.startswith("coco:") else None,
        skeleton=skeleton,
        need_pictures=need_pictures,
        files=CocoFiles() if files is None else files,
    )
    try:
        dataset = opened(**own)
    except NoSuchCategory:
        if must_have:
            raise
        dataset = opened(**own | {"category": None})
    warn_of_data(dataset)
    return dataset if skeleton is None else use_pairs_of(dataset, skeleton, options)


def open_target(options: TargetOptions, skeleton: Skeleton, labelled: bool = False) -> PoseDataset:
    """The data of --target, of --target-classes or --target-category: their training part, where they have one.

    Of a set of other joints only pictures and boxes are taken, unless its labels are wanted.

    Raises:
        OptionError: classes of a data set that has none.
    """
    if options.target_classes:
        if not takes("classes", options.target):
            raise OptionError(
                "a --target that holds several classes", f"{options.target}", "leave --target-classes out"
            )
        options = replace(options, classes=options.target_classes)
    named = options.target_category
    if named:
        if not takes("category", options.target):
            found = f"--target-category {named} for {options.target}"
            raise OptionError("a --target that is a COCO file, coco:PATH.json", found, "leave --target-category out")
        options = replace(options, category=named)
    split = "train" if has_splits(options.target) else "all"
    opened = partial(open_with_options, options.target, split, skeleton=skeleton, must_have=bool(named))
    if labelled:
        return opened(options)
    # the joints, and their left/right pairs, are those of the network: nobody labels others here
    dataset = opened(replace(options, partners=""), labelled=False)
    if dataset.skeleton.joints != skeleton.joints:
        log.info("%s has other joints than the network: only its pictures and boxes are taken", options.target)
    return Unlabelled(dataset, skeleton)


def open_selecting(text: str, options: TargetOptions, skeleton: Skeleton) -> PoseDataset:
    """The labelled target data of --select-on-target, of the category of --target-category where that is given.

    Args:
        text: NAME[:PATH] of --select-on-target.
    """
    named = options.target_category
    split = "valid" if has_splits(text) else "all"
    own = replace(options, category=named or options.category)
    return open_with_options(text, split, own, skeleton=skeleton, must_have=bool(named))


def use_pairs_of(dataset: AnyDataset, skeleton: Skeleton, options: PairOptions) -> AnyDataset:
    """The data set with the left/right pairs of a network of the same joints, unless --partners gives others."""
    if not options.partners and dataset.skeleton.joints == skeleton.joints:
        return dataset.with_skeleton(skeleton)
    return dataset
