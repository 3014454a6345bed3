"""Which feed a supervised training takes: of exact crops, of those of the 2020 CC-SSL code, or of those of the published human-pose
systems."""

from __future__ import annotations

from collections.abc import Iterable
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
from ..check_labels import check_labels
from ..option_parts import AugmentOptions, TargetMapOptions
from ..options import TrainOptions
from ..recipes import load_recipe
from .base import Feed, FeedConfig
from .crops import CacheConfig, CropFeed, TargetConfig
from .original import OriginalFeed, training_items
from .person import PersonFeed


def feed_for(options: TrainOptions, training: PoseDataset, spec: InputSpec, fabric: Fabric) -> Feed:
    """The labelled batches that the options ask for, for a network of this input.

    Raises:
        OptionError: an augmentation, codec or weighting that does not go with the network's crops.
    """
    name = augmentation_name(options, spec)
    _check_codec(options, name, spec)
    config = FeedConfig.of(options, fabric, batch_size=options.train_batch, seed=options.seed)
    if name == "published":
        _warn_unused(options, ("hidden", "sigma_decay", "joint_weights"), "published")
        items = training_items(training, spec, options)
        if items.augment == "strong":
            _warn_unused(options, ("scale_factor", "rot_factor"), "published of renderings, which is strong")
        check_labels(training, spec.size_hw, 1, "train on")
        return OriginalFeed(items, spec.std, config)
    if name not in ("standard", "recipe", options.augment):  # --augment NAME is checked with the other options
        _warn_unused(options, ("scale_factor", "rot_factor"), name)
    if name == "recipe":
        _warn_unused(options, ("sigma_decay", "label_type"), "recipe")
        ranges = person_augmentation(options, training.skeleton)
        hidden = trains_hidden(options, options.dataset)
        return PersonFeed(training, spec, ranges, config, hidden=hidden, weighted=options.joint_weights)
    _warn_unused(options, ("joint_weights",), name)
    targets = target_config(options, spec, options.dataset, options.sigma_decay)
    augmentation = augmentation_for(options, name, training.skeleton)
    return CropFeed(training, spec, augmentation, config, targets=targets, cache=CacheConfig.of(options))


def augmentation_name(options: TrainOptions, spec: InputSpec) -> str:
    """The augmentation that --augment means for a network of this input.

    Raises:
        OptionError: one for other crops.
    """
    name: str = options.augment
    if name == "auto":
        weak = original_augmentation(options.dataset) == "standard"
        name = "recipe" if spec.kind in FRAMES else "standard" if weak else "strong"
    kinds = {"published": ("published",), "recipe": FRAMES}.get(name, ("exact", "published"))
    if spec.kind not in kinds:
        raise OptionError(
            f"a network of {' or '.join(kinds)} crops for --augment {name}",
            f"one of {spec.kind} crops",
            "another --augment, or a new network: leave --resume and --init-weights out",
        )
    return name


def _check_codec(options: TrainOptions, augment: str, spec: InputSpec) -> None:
    codec = CODECS[spec.codec]
    if augment == "published" and codec.encoding != "gaussian":
        raise OptionError(
            "--codec dark or argmax for --augment published, whose target maps have one Gaussian peak a joint",
            f"--codec {codec.name}",
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


def _warn_unused(options: TrainOptions, names: tuple[str, ...], augment: str) -> None:
    """Warn of those of the options that were given and have no effect with this augmentation."""
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
        _warn_unused(options, ("scale_factor", "rot_factor"), "recipe")
        return load_recipe(options.recipe).augmentation
    scale = 1 - options.scale_factor, 1 + options.scale_factor
    return PersonAugmentation(scale=scale, rotation_deg=options.rot_factor, flip=0.5)


def augmentation_for(options: AugmentOptions, name: str, skeleton: Skeleton | None) -> Augmentation:
    """Ranges of a named augmentation, the standard one with the command's --scale-factor and --rot-factor. Not mirrored where left
    and right are in doubt, see `mirrors`."""
    found = AUGMENTATIONS[name]
    if name == "standard":
        found = replace(found, scale=1 + options.scale_factor, rotation_deg=options.rot_factor)
    return found if mirrors(options, skeleton) else replace(found, flip=0.0)


def target_config(options: TargetMapOptions, spec: InputSpec, source: str, sigma_decay: float = 0.0) -> TargetConfig:
    """What a `CropFeed` of the data `source` (NAME[:PATH]) trains towards."""
    return TargetConfig(spec.sigma, sigma_decay, trains_hidden(options, source), encoding_of(options))


def encoding_of(options: TargetMapOptions) -> str:
    """Kind of target maps that --label-type names, for codecs of one Gaussian peak a joint."""
    return "cauchy" if options.label_type == "Cauchy" else "gaussian"


def trains_hidden(options: TargetMapOptions, source: str) -> bool:
    """Whether joints of a source that are labelled but hidden are trained on."""
    return options.hidden == "train" or (options.hidden == "auto" and people_placed_hidden_joints(source))


def original_mean(training: PoseDataset) -> tuple[float, float, float]:
    """RGB mean that the published input form subtracts: the data set's own, or measured on up to 200 of its pictures."""
    mean = training.mean
    if mean is not None:
        return _rgb(mean)
    means = []
    for i in np.linspace(0, len(training) - 1, min(200, len(training))).astype(int):
        with suppress(PictureError):  # training itself names and counts them
            means.append(training[i].image.mean((0, 1)))
    if not means:
        raise DataError("pictures that can be read", "none of those tried can", "zoopose data check NAME:PATH")
    return _rgb(np.mean(means, 0) / 255)


def _rgb(values: Iterable[float]) -> tuple[float, float, float]:
    red, green, blue = (float(v) for v in values)
    return red, green, blue
