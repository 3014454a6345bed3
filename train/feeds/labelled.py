"""Which batches of labelled pictures a supervised training takes: exact crops, those of the published CC-SSL code, or those of the
published human-pose systems."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import numpy as np
from lightning_fabric import Fabric

from ...commandline.parsing import given, warn_nothing
from ...datasets.open import original_augmentation, people_placed_hidden_joints
from ...datasets.pictures import PictureError
from ...datasets.sample import PoseDataset
from ...errors import DataError, OptionError
from ...evaluation.mirroring import mirrors
from ...pose.augment import AUGMENTATIONS, Augmentation
from ...pose.codecs import CODECS
from ...pose.input_spec import InputSpec
from ...pose.person_augment import PersonAugmentation
from ...pose.person_frames import FRAMES
from ...pose.skeleton import Skeleton
from ..label_check import check_labels
from ..options import FitOptions, TrainOptions
from ..recipes import load_recipe
from .crops import CropFeed, cache_for
from .original import OriginalFeed, training_items
from .person import PersonFeed


def feed_for(
    options: TrainOptions, training: PoseDataset, spec: InputSpec, fabric: Fabric
) -> CropFeed | PersonFeed | OriginalFeed:
    """The labelled batches that options and form ask for.

    Raises:
        OptionError: an augmentation that does not go with the form of the network's pictures.
    """
    name = options.augment
    if name == "auto":
        weak = original_augmentation(options.dataset) == "standard"
        name = "recipe" if spec.kind in FRAMES else "standard" if weak else "strong"
    kinds = {"published": ("published",), "recipe": FRAMES}.get(name, ("exact", "published"))
    if spec.kind not in kinds:
        raise OptionError(
            f"a network of {' or '.join(kinds)} crops for --augment {name}",
            f"one of {spec.kind} crops",
            "another --augment, or begin anew without --resume and --init-weights",
        )
    codec = CODECS[spec.codec]
    if name == "published" and codec.encoding != "gaussian":
        raise OptionError(
            "a codec that only reads, with targets that are the published ones: dark or argmax",
            f"--codec {codec.name} with --augment published",
            "another --augment, or leave --codec out",
        )
    if options.label_type == "Cauchy" and codec.encoding != "gaussian":
        raise OptionError("--codec dark or argmax for Cauchy peaks", f"--codec {codec.name}", "leave --label-type out")
    if options.joint_weights and (codec.levels > 1 or codec.loss == "grmi"):
        raise OptionError(
            "a codec whose loss weighs joints",
            f"--joint-weights with --codec {codec.name}",
            "leave --joint-weights out",
        )
    spread = {"rank": fabric.global_rank, "world": fabric.world_size}
    if name == "published":
        _does_nothing(options, ("hidden", "sigma_decay"), "published")
        _does_nothing(options, ("joint_weights",), "published")
        items = training_items(training, spec, options)
        if items.augment == "strong":
            _does_nothing(options, ("scale_factor", "rot_factor"), "published of renderings, which is strong")
        check_labels(training, spec.size_hw, 1, "train on")
        return OriginalFeed(items, spec.std, options, *spread.values())
    if name not in (
        "standard",
        "recipe",
        options.augment,
    ):  # what was asked for by name is told of with the other options
        _does_nothing(options, ("scale_factor", "rot_factor"), name)
    hidden = trains_hidden(options, options.dataset)
    if name == "recipe":
        _does_nothing(options, ("sigma_decay", "label_type"), "recipe")
        return PersonFeed(
            training, spec, CODECS[spec.codec].encode, person_augmentation(options, training.skeleton),
            options.train_batch, options.seed,
            hidden=hidden, weighted=options.joint_weights, workers=options.workers, strict=options.strict_data, **spread,
        )  # fmt: skip
    _does_nothing(options, ("joint_weights",), name)
    return CropFeed(
        training, spec, augmentation_for(options, name, training.skeleton), options.train_batch, options.seed, sigma=spec.sigma,
        encoding=encoding_of(options), workers=options.workers, **cache_for(options), strict=options.strict_data,
        sigma_decay=options.sigma_decay, hidden=hidden, **spread,
    )  # fmt: skip


def _does_nothing(options: TrainOptions, names: tuple[str, ...], augment: str) -> None:
    for name in names:
        if given(options, name):
            warn_nothing(name, f"with --augment {augment}")


def person_augmentation(options: TrainOptions, skeleton: Skeleton | None) -> PersonAugmentation:
    """That of the recipe; without one HRNet's, with the command's --scale-factor and --rot-factor. Not mirrored where left and
    right are in doubt, see `mirrors`."""
    found = _person_augmentation(options)
    return found if mirrors(options, skeleton) else replace(found, flip=0.0)


def _person_augmentation(options: TrainOptions) -> PersonAugmentation:
    if options.recipe:
        _does_nothing(options, ("scale_factor", "rot_factor"), "recipe")
        return load_recipe(options.recipe).augmentation
    scale = 1 - options.scale_factor, 1 + options.scale_factor
    return PersonAugmentation(scale=scale, rotation_deg=options.rot_factor, flip=0.5)


def augmentation_for(options: FitOptions, name: str, skeleton: Skeleton | None) -> Augmentation:
    """Ranges of a named augmentation, the standard one with the command's --scale-factor and --rot-factor. Not mirrored where left
    and right are in doubt, see `mirrors`."""
    found = AUGMENTATIONS[name]
    if name == "standard":
        found = replace(found, scale=1 + options.scale_factor, rotation_deg=options.rot_factor)
    return found if mirrors(options, skeleton) else replace(found, flip=0.0)


def encoding_of(options: FitOptions) -> str:
    """Kind of the target maps of a codec that has one peak a joint and lets --label-type say which."""
    return "cauchy" if options.label_type == "Cauchy" else "gaussian"


def trains_hidden(options: FitOptions, source: str) -> bool:
    """Whether joints of a source that are labelled but hidden are trained on."""
    return options.hidden == "train" or (options.hidden == "auto" and people_placed_hidden_joints(source))


def original_mean(training: PoseDataset) -> tuple[float, float, float]:
    """RGB mean that the published input form subtracts: the data set's own, or measured on up to 200 of its pictures."""
    mean = training.mean
    if mean is not None:
        return tuple(float(v) for v in mean)
    means = []
    for i in np.linspace(0, len(training) - 1, min(200, len(training))).astype(int):
        with suppress(PictureError):  # training itself names and counts them
            means.append(training[i].image.mean((0, 1)))
    if not means:
        raise DataError("pictures that can be read", "none of those tried can", "zoopose data check NAME:PATH")
    return tuple(float(v) for v in np.mean(means, 0) / 255)
